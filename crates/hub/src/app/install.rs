//! Where to get one skill, for a caller that may have it. It counts as an install of this key.

use semver::Version;
use skillsync_core::name::SkillName;
use skillsync_wire::api::install::{FileEntry, FileManifest, InstallReply};
use skillsync_wire::api::path;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::json::Time;

use super::keys::{Caller, Scope};
use super::{App, Error};
use crate::clock::after;
use crate::limits;

impl App {
    /// Where to get `version` of a skill, or its newest.
    pub async fn install(
        &self,
        caller: &Caller,
        slug: &SkillName,
        version: Option<&Version>,
    ) -> Result<InstallReply, Error> {
        caller.require(&Scope::Read)?;
        let skill = self.accessible(Some(caller), slug).await?;
        let release = self.installable(slug, version).await?;
        let files = self.db.files(slug, Some(&release.version)).await?;
        let files =
            files.ok_or_else(|| Error::VersionNotFound { slug: slug.clone(), version: version.cloned() })?;
        let files: Vec<FileEntry> = serde_json::from_str(&files.files_json).map_err(|_| Error::CutOff)?;
        let now = self.clock.now();
        if self.db.count_install(caller.key_id(), &caller.audience, slug, now.timestamp()).await? {
            self.lookup.forget(caller.key_id());
        }
        let expires_at = after(now, limits::SIGNED_URL_S);
        let at = path::tarball(&release.tarball_sha256);
        let tarball_url = match (&self.settings.cdn_url, skill.visibility, skill.tier) {
            // What stands before the hub can give what is public, and cannot tell whose a signature is.
            (Some(cdn), Visibility::Public, Tier::Free) => format!("{cdn}{at}"),
            _ => {
                let base = self.settings.public_url.as_deref().unwrap_or_default();
                format!("{base}{}", self.signer().sign_path(&at, caller.key_id(), expires_at))
            }
        };
        Ok(InstallReply {
            slug: slug.clone(),
            version: release.version,
            tarball_url,
            checksum_sha256: release.tarball_sha256,
            size_bytes: release.size_bytes,
            expires_at,
            manifest: FileManifest {
                files,
                signature: release.signature,
                signed_at: Time::of(release.published_at),
            },
            release: release.release_sha256,
        })
    }
}
