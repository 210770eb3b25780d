//! What came here of a skill, by the signed statements that are kept, and what of it was revoked: it is known where
//! `_meta.json` is lost, was made anew, or forgot.

use std::ffi::OsString;
use std::path::Path;

use semver::Version as Semver;
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::Version;
use skillsync_store::fs;
use skillsync_store::installed::{self, Installed, Release};
use skillsync_store::layout::Layout;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::release::Release as Statement;
use skillsync_wire::{envelope, limits};

/// A release that came here, as its statement says. The statement was verified when it came and is named by its digest
/// since, so that it holds whoever may sign one today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Its number.
    pub seq: u64,
    /// The digest of its statement.
    pub release: EnvelopeDigest,
    /// The content hash of its files.
    pub content_hash: ContentHash,
    version: Semver,
    tarball: ArchiveDigest,
}

impl Came {
    /// Every release of `slug` that came here from `source`. What does not read is none.
    pub fn all(layout: &Layout, source: &SourceName, slug: &SkillName) -> Vec<Self> {
        let entries = fs::entries(&layout.source_releases(source)).ok().flatten().unwrap_or_default();
        let digest = |entry: &OsString| EnvelopeDigest::from_hex(entry.to_str()?.strip_suffix(".json")?).ok();
        entries
            .iter()
            .filter_map(digest)
            .filter_map(|digest| Self::read(layout, source, slug, digest))
            .collect()
    }

    fn read(layout: &Layout, source: &SourceName, slug: &SkillName, release: EnvelopeDigest) -> Option<Self> {
        let path = layout.source_release(source, &release);
        let bytes = read(&path)?;
        let statement: Statement = envelope::named(&bytes, release).ok()?;
        let Statement { seq, tree, version, tarball, .. } = statement;
        let came = Self { seq, release, content_hash: tree, version, tarball: tarball.sha256 };
        (statement.slug == *slug).then_some(came)
    }

    /// The newest of `kept` with the content that the version `number` is made of.
    pub fn of_version<'k>(kept: &'k [Self], versions: &[Version], number: u32) -> Option<&'k Self> {
        let content = installed::release_content(installed::came_last(versions, number)?);
        kept.iter().filter(|came| came.content_hash == content).max_by_key(|came| (came.seq, came.release))
    }

    /// As `_meta.json` keeps it, if one of `versions` has its files and nothing else.
    pub fn noted(&self, versions: &[Version]) -> Option<Release> {
        let same = versions.iter().rev().find(|version| version.content_hash == self.content_hash)?;
        Some(Release {
            version: self.version.clone(),
            seq: self.seq,
            release: self.release,
            content_hash: self.content_hash,
            tree: same.tree,
            tarball: self.tarball,
        })
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    fs::read(path, limits::RELEASE_BYTES as u64).ok()
}

/// Where the statements of a source are, and its advisories.
pub(crate) struct Kept<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) source: &'a SourceName,
    pub(crate) advisories: &'a Advisories,
}

/// A head that is made of a revoked release.
pub(crate) struct RevokedHead {
    /// Why that was revoked.
    pub(crate) reason: String,
    /// That release, where its files are known.
    pub(crate) basis: Option<Release>,
}

impl Kept<'_> {
    /// Each release of `slug` that came here and was revoked.
    pub(crate) fn revoked(&self, slug: &SkillName) -> Vec<Came> {
        let revoked = self.advisories.revoked.iter().filter(|revoked| revoked.slug == *slug);
        let came = revoked.filter_map(|one| Came::read(self.layout, self.source, slug, one.release));
        came.collect()
    }

    /// Whether the newest of `versions` is made of a revoked release. The content that was signed says so first, then
    /// `installed`, which is what the record knows; where there is no record, `mark`, the release that was believed last.
    pub(crate) fn revoked_head(
        &self,
        slug: &SkillName,
        mark: Option<EnvelopeDigest>,
        installed: Option<&Installed>,
        versions: &[Version],
    ) -> Option<RevokedHead> {
        let number = versions.last()?.number;
        let content = installed::came_last(versions, number).map(installed::release_content);
        let reason = |release| self.advisories.revocation(release).map(|one| one.reason.as_str().to_owned());
        let basis = installed.and_then(|installed| installed.basis(versions, number));
        let revoked = self.revoked(slug);
        if let Some(came) = Came::of_version(&revoked, versions, number)
            // What was published once more, and not revoked, is judged by that.
            && basis.is_none_or(|basis| basis.seq <= came.seq)
        {
            return Some(RevokedHead { reason: reason(came.release)?, basis: came.noted(versions) });
        }
        let Some(installed) = installed else {
            let mark = mark?;
            let reason = reason(mark)?;
            // It may have been another one by now: a rollback that no record knows.
            let is_other = || {
                let kept = Came::all(self.layout, self.source, slug);
                kept.iter().any(|came| came.release != mark && Some(came.content_hash) == content)
            };
            return (!is_other()).then_some(RevokedHead { reason, basis: None });
        };
        let current = &installed.current;
        // What is here is the one that is noted, unless its content says otherwise.
        let is_current = || content.is_none_or(|content| content == current.content_hash);
        let basis = basis.or_else(|| is_current().then_some(current))?;
        Some(RevokedHead { reason: reason(basis.release)?, basis: Some(basis.clone()) })
    }
}
