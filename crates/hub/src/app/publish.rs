//! Publishing: through the gate, into the blobs, signed, and then into the catalogue in one step. Twice the same is once.

use std::sync::Arc;

use bytes::Bytes;
use semver::Version;
use skillsync_core::name::SkillName;
use skillsync_wire::api::install::FileEntry;
use skillsync_wire::api::publish::{Announcement, PublishReply};
use skillsync_wire::json::Time;
use skillsync_wire::release::{Release, Requires, Scan, Verdict};
use skillsync_wire::text::Line;

use super::keys::{Caller, Scope};
use super::site::Said;
use super::{App, Error};
use crate::blobs::BlobKey;
use crate::db::{self, By, NewRelease, NewSharing, Published, ReleaseRow};
use crate::gate::{self, Passed};
use crate::limits;
use crate::signer::{Issued, Signer, signature_of};

impl App {
    /// Fails where an upload would be refused whatever is in it, before it is sent. Says whether the skill is new.
    pub async fn may_publish(&self, caller: &Caller, said: &Announcement) -> Result<IsNew, Error> {
        caller.require(&Scope::PublishOne(said.slug.clone()))?;
        check(said)?;
        match self.db.skill(&said.slug).await? {
            None => Ok(IsNew::Yes),
            Some(skill) if skill.owner == *caller.account() => Ok(IsNew::No),
            Some(_) => Err(Error::SlugTaken { slug: said.slug.clone() }),
        }
    }

    /// Publishes `archive` as the announcement says.
    pub async fn publish(
        &self,
        caller: &Caller,
        said: &Announcement,
        archive: Bytes,
    ) -> Result<PublishReply, Error> {
        self.may_publish(caller, said).await?;
        let slug = said.slug.clone();
        let passed = tokio::task::spawn_blocking(move || gate::pass(&slug, &archive));
        let passed = passed.await.map_err(|_| Error::CutOff)?;
        let passed = passed.inspect_err(|_| self.metrics.publish("refused"))?;
        let tarball = BlobKey::Tarball(passed.packed.tarball.sha256);
        self.blobs.put(&tarball, Bytes::copy_from_slice(&passed.packed.bytes)).await?;
        for _ in 0..limits::RACE_TRIES {
            if let Some(reply) = self.publish_once(caller, said, &passed).await? {
                self.metrics.publish(if reply.created { "created" } else { "unchanged" });
                return Ok(reply);
            }
        }
        Err(Error::Raced)
    }

    /// None when somebody else published the same skill meanwhile.
    async fn publish_once(
        &self,
        caller: &Caller,
        said: &Announcement,
        passed: &Passed,
    ) -> Result<Option<PublishReply>, Error> {
        let slug = &said.slug;
        // Before the release that is to be followed is looked up: a root that comes between is noticed at the end.
        let signer = self.current_signer().await?;
        let last = self.db.last(slug).await?;
        if let Some(before) = self.same(said, passed, last.as_ref()).await? {
            self.share(caller, said).await?;
            return Ok(Some(reply(slug, &before, false, passed)));
        }
        // Not signed at all where it is known already; whoever revokes from here on is found at the end.
        if self.db.is_revoked(slug, &passed.packed.tree).await? {
            return Err(Error::FilesRevoked { slug: slug.clone() });
        }
        let version = next_version(slug, said.version.as_ref(), last.as_ref())?;
        let release = statement(&signer, caller, slug, &version, last.as_ref(), passed, self.clock.now())?;
        let issued = signer.releases().release(&release)?;
        self.blobs.put(&BlobKey::Release(issued.digest), issued.envelope.clone().into()).await?;
        let new = NewRelease {
            root_version: signer.root().version,
            ..row(said, caller, passed, &release, &issued)?
        };
        let published = match self.db.publish(&new).await {
            // It is signed again, by the new key.
            Err(db::Error::RootReplaced { .. }) => return Ok(None),
            Err(error) if error.is_race() => return Ok(None),
            published => published?,
        };
        match published {
            Published::Done { .. } => {
                let made = self.db.release(slug, &version).await?.ok_or(Error::Raced)?;
                Ok(Some(reply(slug, &made, true, passed)))
            }
            Published::SlugTaken => Err(Error::SlugTaken { slug: slug.clone() }),
            Published::FilesRevoked => Err(Error::FilesRevoked { slug: slug.clone() }),
            // Whether it is of these files is found at the next try, like everything that was there before.
            Published::VersionExists(_) | Published::SeqTaken { .. } => Ok(None),
        }
    }

    /// Changes who a skill is for, as far as the announcement says it, where there is no new release to carry it.
    async fn share(&self, caller: &Caller, said: &Announcement) -> Result<(), Error> {
        let (visibility, tier) = (said.visibility, said.tier);
        let new = NewSharing { visibility, tier, category: said.category.as_deref() };
        self.db.share(By::Account(caller.account()), &said.slug, &new).await?;
        Ok(())
    }

    /// The release that these very files have already, and that can be installed: of the version that was said, or the newest
    /// where none was. A version that is yanked stays so.
    async fn same(
        &self,
        said: &Announcement,
        passed: &Passed,
        last: Option<&ReleaseRow>,
    ) -> Result<Option<ReleaseRow>, Error> {
        let before = match &said.version {
            Some(version) => self.db.release(&said.slug, version).await?,
            None => last.filter(|last| is_same(last, passed) && last.yanked_at.is_none()).cloned(),
        };
        match (before, &said.version) {
            (Some(before), Some(version)) if !is_same(&before, passed) => {
                Err(Error::VersionTaken { slug: said.slug.clone(), version: version.clone() })
            }
            (Some(before), Some(version)) if before.yanked_at.is_some() => {
                Err(Error::VersionYanked { slug: said.slug.clone(), version: version.clone() })
            }
            (before, _) => Ok(before),
        }
    }
}

/// Whether a skill is published for the first time: new names are counted more strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsNew {
    /// It is.
    Yes,
    /// It has releases.
    No,
}

/// Whether a release is of these files: by its archive, which has the executable bits, too.
fn is_same(release: &ReleaseRow, passed: &Passed) -> bool {
    release.tarball_sha256 == passed.packed.tarball.sha256 && release.content_hash == passed.packed.tree
}

/// Names that are paths of the interface beside the skills.
const RESERVED: [&str; 5] = ["access", "install", "manifest", "publish", "search"];

fn check(said: &Announcement) -> Result<(), Error> {
    if RESERVED.contains(&said.slug.as_str()) {
        return Err(Error::Field {
            field: "slug",
            rule: format!("`{}` has a meaning of its own here", said.slug),
        });
    }
    if said.changelog.len() > limits::CHANGELOG_BYTES {
        let rule = format!("it has at most {} bytes", limits::CHANGELOG_BYTES);
        return Err(Error::Field { field: "changelog", rule });
    }
    if said.version.as_ref().is_some_and(|version| version.to_string().len() > limits::VERSION_BYTES) {
        let rule = format!("it has at most {} bytes", limits::VERSION_BYTES);
        return Err(Error::Field { field: "version", rule });
    }
    match said.category.as_deref() {
        None | Some("") => Ok(()),
        Some(text) if text.len() <= limits::LABEL_BYTES && Line::parse(text).is_ok() => Ok(()),
        Some(_) => {
            let rule = format!("it is one line of at most {} bytes", limits::LABEL_BYTES);
            Err(Error::Field { field: "category", rule })
        }
    }
}

fn next_version(
    slug: &SkillName,
    said: Option<&Version>,
    last: Option<&ReleaseRow>,
) -> Result<Version, Error> {
    let Some(newest) = last.map(|last| &last.version) else {
        return Ok(said.cloned().unwrap_or(Version::new(1, 0, 0)));
    };
    match said {
        // After a pre-release comes what it was for.
        None if !newest.pre.is_empty() => Ok(Version::new(newest.major, newest.minor, newest.patch)),
        None => Ok(Version::new(newest.major, newest.minor, newest.patch.saturating_add(1))),
        Some(version) if version.cmp_precedence(newest).is_gt() => Ok(version.clone()),
        Some(version) => {
            let (slug, version, newest) = (slug.clone(), version.clone(), newest.clone());
            Err(Error::VersionNotNewer { slug, version, newest })
        }
    }
}

fn statement(
    signer: &Arc<Signer>,
    caller: &Caller,
    slug: &SkillName,
    version: &Version,
    last: Option<&ReleaseRow>,
    passed: &Passed,
    now: Time,
) -> Result<Release, Error> {
    let engine = Line::parse(gate::ENGINE).map_err(|rule| Error::Field { field: "engine", rule })?;
    Ok(Release {
        hub: signer.hub().clone(),
        slug: slug.clone(),
        owner: caller.account().clone(),
        version: version.clone(),
        seq: last.map_or(1, |last| last.seq + 1),
        prev: last.map(|last| last.release_sha256),
        tree: passed.packed.tree,
        tarball: passed.packed.tarball.clone(),
        sandbox: None,
        requires: Requires::default(),
        scan: Scan { engine, verdict: Verdict::Pass, report_sha256: passed.report },
        published_at: now,
    })
}

fn row(
    said: &Announcement,
    caller: &Caller,
    passed: &Passed,
    release: &Release,
    issued: &Issued,
) -> Result<NewRelease, Error> {
    let file = |(path, file): (&skillsync_core::path::SkillPath, &skillsync_core::tree::File)| FileEntry {
        path: path.to_string(),
        sha256: file.digest,
        size: file.size_bytes,
    };
    let files: Vec<FileEntry> = passed.tree.files().map(file).collect();
    let files_json = serde_json::to_string(&files).map_err(|_| Error::CutOff)?;
    Ok(NewRelease {
        slug: said.slug.clone(),
        owner: caller.account().clone(),
        title: passed.title.clone(),
        description: passed.description.clone(),
        body: passed.body.clone(),
        category: said.category.clone(),
        visibility: said.visibility,
        tier: said.tier,
        seq: release.seq,
        version: release.version.clone(),
        content_hash: release.tree,
        tarball_sha256: release.tarball.sha256,
        size_bytes: release.tarball.size_bytes,
        unpacked_bytes: release.tarball.unpacked_bytes,
        files: release.tarball.files,
        files_json,
        offer_json: Said::of(&passed.description, &passed.tree).json()?,
        release_sha256: issued.digest,
        release_size: issued.envelope.len() as u64,
        signature: signature_of(&issued.envelope),
        changelog: said.changelog.clone(),
        published_at: release.published_at.timestamp(),
        root_version: 0,
    })
}

fn reply(slug: &SkillName, release: &ReleaseRow, created: bool, passed: &Passed) -> PublishReply {
    PublishReply {
        slug: slug.clone(),
        version: release.version.clone(),
        seq: release.seq,
        created,
        content_hash: release.content_hash,
        checksum_sha256: release.tarball_sha256,
        release: release.release_sha256,
        findings: passed.findings.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(version: &str) -> ReleaseRow {
        use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
        ReleaseRow {
            seq: 1,
            version: version.parse().unwrap(),
            content_hash: ContentHash::of(b""),
            tarball_sha256: ArchiveDigest::of(b""),
            size_bytes: 1,
            unpacked_bytes: 1,
            files: 1,
            release_sha256: EnvelopeDigest::of(b""),
            release_size: 1,
            signature: String::new(),
            changelog: String::new(),
            published_at: jiff::Timestamp::UNIX_EPOCH,
            yanked_at: None,
            yank_reason: None,
            revoked: false,
        }
    }

    #[test]
    fn versions_only_grow() {
        let slug = SkillName::parse("pdf").unwrap();
        for (said, last, expected) in [
            (None, None, Some("1.0.0")),
            (Some("0.3.0"), None, Some("0.3.0")),
            (None, Some("1.2.3"), Some("1.2.4")),
            (None, Some("2.0.0-rc.1"), Some("2.0.0")),
            (Some("2.0.0"), Some("1.9.9"), Some("2.0.0")),
            (Some("1.9.8"), Some("1.9.9"), None),
            (Some("1.9.9+b"), Some("1.9.9"), None),
        ] {
            let said: Option<Version> = said.map(|said: &str| said.parse().unwrap());
            let next = next_version(&slug, said.as_ref(), last.map(newest).as_ref());
            assert_eq!(
                next.ok().map(|next| next.to_string()).as_deref(),
                expected,
                "{said:?} after {last:?}"
            );
        }
    }
}
