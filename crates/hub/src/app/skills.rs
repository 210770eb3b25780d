//! What there is to know of one skill, for who may see it. For everybody else it is not there, in the very same words.

use semver::Version;
use skillsync_core::digest::FileDigest;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_wire::api::skill::{Access, SkillDetails, Tier, VersionInfo, VersionList, Visibility};
use skillsync_wire::archive::Reader;
use skillsync_wire::json::Time;

use super::keys::{Caller, Scope};
use super::{App, Error};
use crate::blobs::BlobKey;
use crate::db::{ReleaseRow, SkillRow};
use crate::limits;

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillFile {
    /// Its digest.
    pub digest: FileDigest,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl App {
    /// The skill, if the caller may see it; without a caller only what is public. Not visible is not there.
    pub(super) async fn visible(&self, caller: Option<&Caller>, slug: &SkillName) -> Result<SkillRow, Error> {
        let skill = self.db.skill(slug).await?;
        let is_visible = |skill: &SkillRow| {
            skill.visibility == Visibility::Public
                || caller.is_some_and(|caller| skill.owner == *caller.account())
        };
        skill.filter(is_visible).ok_or_else(|| Error::SkillNotFound { slug: slug.clone() })
    }

    /// The skill, if the caller may have it.
    pub(super) async fn accessible(
        &self,
        caller: Option<&Caller>,
        slug: &SkillName,
    ) -> Result<SkillRow, Error> {
        let skill = self.visible(caller, slug).await?;
        let may_have = match caller {
            Some(caller) => caller.viewer().may_have(&skill.owner, skill.visibility, skill.tier),
            None => skill.tier == Tier::Free,
        };
        if may_have { Ok(skill) } else { Err(Error::TierTooLow { slug: slug.clone(), required: skill.tier }) }
    }

    /// Details of a skill.
    pub async fn details(&self, caller: Option<&Caller>, slug: &SkillName) -> Result<SkillDetails, Error> {
        let skill = self.visible(caller, slug).await?;
        Ok(SkillDetails {
            slug: skill.slug,
            title: skill.title,
            description: skill.description,
            owner: skill.owner.to_string(),
            visibility: skill.visibility,
            tier: skill.tier,
            category: skill.category,
            version: skill.head_version,
            deprecated: skill.deprecated,
            replaced_by: skill.replaced_by,
            install_count_total: skill.installs,
            updated_at: Time::of(skill.updated_at),
        })
    }

    /// The versions of a skill, newest first.
    pub async fn versions(&self, caller: Option<&Caller>, slug: &SkillName) -> Result<VersionList, Error> {
        let skill = self.visible(caller, slug).await?;
        let releases = self.db.releases(slug, limits::VERSIONS).await?;
        Ok(VersionList { slug: skill.slug, versions: releases.into_iter().map(version_info).collect() })
    }

    /// Whether the caller may have a skill.
    pub async fn access(&self, caller: &Caller, slug: &SkillName) -> Result<Access, Error> {
        caller.require(&Scope::Read)?;
        let (access, tier, reason, required_tier) = match self.accessible(Some(caller), slug).await {
            Ok(_) => (true, Some(caller.tier()), None, None),
            Err(Error::TierTooLow { required, .. }) => (false, None, Some("tier".to_owned()), Some(required)),
            Err(error) => return Err(error),
        };
        Ok(Access { access, slug: slug.clone(), tier, reason, required_tier })
    }

    /// One file of a version, or of what an install gets.
    pub async fn file(
        &self,
        caller: Option<&Caller>,
        slug: &SkillName,
        version: Option<&Version>,
        path: &SkillPath,
    ) -> Result<SkillFile, Error> {
        self.accessible(caller, slug).await?;
        let release = self.installable(slug, version).await?;
        let archive = self.blobs.get(&BlobKey::Tarball(release.tarball_sha256)).await?;
        let archive = archive.ok_or(Error::DocumentNotFound)?;
        let wanted = path.clone();
        let found = tokio::task::spawn_blocking(move || {
            let entries = Reader::unknown(archive.as_ref()).map_while(Result::ok);
            entries.take_while(|entry| entry.path <= wanted).find(|entry| entry.path == wanted)
        });
        let entry = found.await.map_err(|_| Error::CutOff)?;
        let entry = entry.ok_or_else(|| Error::FileNotFound { slug: slug.clone() })?;
        Ok(SkillFile { digest: FileDigest::of(&entry.bytes), bytes: entry.bytes })
    }

    /// The release that an install gets: that of `version`, or the newest; yanked ones are not given.
    pub(super) async fn installable(
        &self,
        slug: &SkillName,
        version: Option<&Version>,
    ) -> Result<ReleaseRow, Error> {
        let release = match version {
            Some(version) => self.db.release(slug, version).await?,
            None => self.db.head(slug).await?,
        };
        release
            .filter(|release| release.yanked_at.is_none())
            .ok_or_else(|| Error::VersionNotFound { slug: slug.clone(), version: version.cloned() })
    }
}

fn version_info(release: ReleaseRow) -> VersionInfo {
    VersionInfo {
        version: release.version,
        seq: release.seq,
        content_hash: release.content_hash,
        checksum_sha256: release.tarball_sha256,
        release: release.release_sha256,
        size_bytes: release.size_bytes,
        changelog: release.changelog,
        published_at: Time::of(release.published_at),
        yanked: release.yanked_at.is_some(),
    }
}
