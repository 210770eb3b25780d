//! What came here of a skill, by the signed statements that are kept, and what of it was revoked: it is known where
//! `_meta.json` is lost, was made anew, or forgot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use semver::Version as Semver;
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::Version;
use skillsync_store::fs;
use skillsync_store::installed::{self, Installed, Release};
use skillsync_store::layout::Layout;
use skillsync_wire::advisories::{Advisories, Revocation};
use skillsync_wire::release::Release as Statement;
use skillsync_wire::{envelope, limits};

/// A release that came here, as its statement says; it may have been held back after that. The statement was verified when it came and is named by its digest
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

    /// A release that `_meta.json` remembers.
    fn remembered(release: &Release) -> Self {
        let Release { version, seq, release, content_hash, tarball, .. } = release.clone();
        Self { seq, release, content_hash, version, tarball }
    }

    /// Every release of `slug` that came here from `source`, by its statement or by `installed`, which is what is recorded
    /// of it where that is from there.
    pub fn known(
        layout: &Layout,
        source: &SourceName,
        slug: &SkillName,
        installed: Option<&Installed>,
    ) -> Vec<Self> {
        Self::beside(Self::all(layout, source, slug), source, installed)
    }

    fn beside(mut kept: Vec<Self>, source: &SourceName, installed: Option<&Installed>) -> Vec<Self> {
        let its = installed.filter(|installed| installed.source == *source);
        let recorded =
            its.into_iter().flat_map(|installed| installed.releases.iter().chain([&installed.current]));
        for release in recorded {
            if !kept.iter().any(|came| came.release == release.release) {
                kept.push(Self::remembered(release));
            }
        }
        kept
    }

    /// Of those with these files the one that was published last: what was published twice is judged by that.
    fn newest(kept: &[Self], content: ContentHash) -> Option<&Self> {
        kept.iter().filter(|came| came.content_hash == content).max_by_key(|came| (came.seq, came.release))
    }

    /// The release of `kept` that each of `versions` is made of, as [`Installed::bases`] says it.
    pub fn bases<'k>(kept: &'k [Self], versions: &[Version]) -> Vec<Option<&'k Self>> {
        let came = |version: &Version| Self::newest(kept, installed::release_content(version));
        installed::made_of(versions, came, |version, of| {
            let same = Self::newest(kept, version.content_hash)
                .filter(|same| of.is_some_and(|of| same.seq > of.seq));
            same.or(of)
        })
    }

    /// The releases of `kept` that each of `versions` is judged by: the one that it is made of, and the one that has its
    /// very files. None where none is known.
    pub fn judges<'k>(kept: &'k [Self], versions: &[Version]) -> Vec<Vec<&'k Self>> {
        let of = |(version, basis): (&Version, Option<&'k Self>)| {
            let same = Self::newest(kept, version.content_hash).filter(|same| basis != Some(*same));
            basis.into_iter().chain(same).collect()
        };
        versions.iter().zip(Self::bases(kept, versions)).map(of).collect()
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

/// What advisories revoke, to be looked up: there may be ten thousand of it, and as many skills to ask about.
#[derive(Debug, Clone)]
pub(crate) struct Revoked {
    reasons: BTreeMap<EnvelopeDigest, String>,
    by_slug: BTreeMap<SkillName, Vec<EnvelopeDigest>>,
}

impl Revoked {
    pub(crate) fn of(advisories: &Advisories) -> Self {
        let mut by_slug: BTreeMap<SkillName, Vec<EnvelopeDigest>> = BTreeMap::new();
        for one in &advisories.revoked {
            by_slug.entry(one.slug.clone()).or_default().push(one.release);
        }
        let reason = |one: &Revocation| (one.release, one.reason.as_str().to_owned());
        Self { reasons: advisories.revoked.iter().map(reason).collect(), by_slug }
    }

    /// The skills that a release was revoked of.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &SkillName> {
        self.by_slug.keys()
    }

    /// Whether a release was revoked.
    pub(crate) fn is_revoked(&self, release: EnvelopeDigest) -> bool {
        self.reasons.contains_key(&release)
    }

    /// Why a release was revoked, if it was.
    pub(crate) fn reason(&self, release: EnvelopeDigest) -> Option<String> {
        self.reasons.get(&release).cloned()
    }
}

/// Where the statements of a source are, and what of it was revoked.
pub(crate) struct Kept<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) source: &'a SourceName,
    pub(crate) revoked: &'a Revoked,
}

/// A head that is made of a revoked release.
pub(crate) struct RevokedHead {
    /// Why that was revoked.
    pub(crate) reason: String,
    /// The release that it is made of, by the record; where that does not say, the revoked one, where its files are known.
    pub(crate) basis: Option<Release>,
}

impl Kept<'_> {
    /// Each release of `slug` that came here and was revoked.
    pub(crate) fn revoked(&self, slug: &SkillName) -> Vec<Came> {
        let revoked = self.revoked.by_slug.get(slug).into_iter().flatten();
        revoked.filter_map(|release| Came::read(self.layout, self.source, slug, *release)).collect()
    }

    fn may_be_revoked(&self, slug: &SkillName, versions: &[Version]) -> bool {
        let revoked = self.revoked(slug);
        let is_of = |content: ContentHash| revoked.iter().any(|came| came.content_hash == content);
        versions.iter().any(|v| is_of(v.content_hash) || is_of(installed::release_content(v)))
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
        let reason = |release| self.revoked.reason(release);
        let kept = match installed {
            // What was published once more, and not revoked, is recorded.
            Some(_) => Came::beside(self.revoked(slug), self.source, installed),
            // Most of what was ever revoked is none of what this was ever made of.
            None if mark.and_then(reason).is_none() && !self.may_be_revoked(slug, versions) => return None,
            None => Came::all(self.layout, self.source, slug),
        };
        let judges = Came::judges(&kept, versions).pop()?;
        let found = judges.iter().find_map(|came| Some((reason(came.release)?, *came)));
        if let Some((reason, came)) = found {
            // What it is made of may be another one than has its very files, or than was published last with these: the one
            // that every other part of a run notes.
            let made_of = installed.and_then(|installed| installed.basis(versions));
            let known = || installed?.releases.iter().find(|known| known.release == came.release);
            let recorded = made_of.or_else(known).cloned();
            return Some(RevokedHead { reason, basis: recorded.or_else(|| came.noted(versions)) });
        }
        if !judges.is_empty() {
            return None;
        }
        // What is here is the one that is noted, or was believed last, unless its content says otherwise.
        let content = installed::came_last(versions).pop()?.map(installed::release_content);
        let Some(installed) = installed else {
            // It may have been another one by now: a rollback that no record knows.
            return Some(RevokedHead { reason: reason(mark?)?, basis: None });
        };
        let current = &installed.current;
        let is_current = content.is_none_or(|content| content == current.content_hash);
        let reason = is_current.then(|| reason(current.release))??;
        Some(RevokedHead { reason, basis: Some(current.clone()) })
    }
}
