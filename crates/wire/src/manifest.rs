//! The manifest: which release of each skill one caller may have now. Whether a client believes it is left to `trust`.
//! The format is in `docs/formats/manifest.md`.

use semver::Version;
use serde::{Deserialize, Serialize};

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::name::SkillName;

use crate::envelope::Document;
use crate::json::{Time, bare};
use crate::limits;
use crate::release::within;
use crate::text::{Audience, BundleId, Hub, Line};

/// What one caller may have. There is no address in it: where to fetch from is configuration and digest, so that a
/// signature blesses no host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The hub that says so.
    pub hub: Hub,
    /// To whom.
    pub aud: Audience,
    /// The epoch of the manifest role.
    pub epoch: u64,
    /// Counts from 1 and only grows while the epoch stays.
    pub version: u64,
    /// When it was made.
    pub issued_at: Time,
    /// Until when it holds.
    pub expires: Time,
    /// The root in force when it was made.
    pub root_version: u64,
    /// The advisories in force.
    pub advisories: AdvisoriesRef,
    /// The skills, sorted by name.
    pub skills: Vec<Entry>,
    /// Skills that the caller had and may not have any more, sorted by name.
    pub removed: Vec<Removed>,
}

/// Names the advisories in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisoriesRef {
    /// Their version.
    pub version: u64,
    /// The digest of their envelope.
    #[serde(with = "bare")]
    pub sha256: EnvelopeDigest,
    /// The size of their envelope.
    #[serde(rename = "size")]
    pub size_bytes: u64,
}

/// One skill that the caller may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The skill.
    pub slug: SkillName,
    /// Its version, for people.
    pub version: Version,
    /// The number of the release.
    pub seq: u64,
    /// The release statement.
    pub release: ReleaseRef,
    /// Its archive.
    pub tarball: TarballRef,
    /// The pin that chose it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// Names a release statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// The digest of its envelope.
    #[serde(with = "bare")]
    pub sha256: EnvelopeDigest,
    /// The size of its envelope.
    #[serde(rename = "size")]
    pub size_bytes: u64,
}

/// Names an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TarballRef {
    /// Its digest as it travels.
    #[serde(with = "bare")]
    pub sha256: ArchiveDigest,
    /// Its size as it travels.
    #[serde(rename = "size")]
    pub size_bytes: u64,
}

/// The choice of a bundle's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The bundle.
    pub bundle: BundleId,
    /// Which of the owner's choices it is: counts from 1. A newer choice may be an older release.
    pub seq: u64,
}

/// A skill that the caller may not have any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The skill.
    pub slug: SkillName,
    /// Why, in a word: `revoked`.
    pub reason: Line,
}

impl Manifest {
    /// The entry of `slug`.
    pub fn skill(&self, slug: &SkillName) -> Option<&Entry> {
        self.skills.binary_search_by(|entry| entry.slug.cmp(slug)).ok().map(|at| &self.skills[at])
    }

    /// How long it holds, in seconds.
    pub fn ttl_s(&self) -> u64 {
        self.expires.seconds_since(self.issued_at)
    }
}

impl Document for Manifest {
    const PAYLOAD_TYPE: &'static str = "application/vnd.skillsync.manifest.v1+json";
    const TYPE: &'static str = "manifest";
    const LIMIT_BYTES: usize = limits::MANIFEST_BYTES;

    fn check(&self) -> Result<(), String> {
        for (field, count) in [
            ("version", self.version),
            ("epoch", self.epoch),
            ("root_version", self.root_version),
            ("advisories.version", self.advisories.version),
        ] {
            within(field, count, limits::JSON_INTEGER)?;
        }
        within("advisories.size", self.advisories.size_bytes, limits::ADVISORIES_BYTES as u64)?;
        if self.expires <= self.issued_at {
            return Err("it expires before it was issued".to_owned());
        }
        let most = limits::MANIFEST_SKILLS;
        if self.skills.len() > most || self.removed.len() > most {
            return Err(format!("more than {most} skills"));
        }
        sorted(self.skills.iter().map(|entry| &entry.slug))?;
        sorted(self.removed.iter().map(|removed| &removed.slug))?;
        if let Some(removed) = self.removed.iter().find(|removed| self.skill(&removed.slug).is_some()) {
            return Err(format!("`{}` is there and removed", removed.slug));
        }
        for entry in &self.skills {
            within("seq", entry.seq, limits::JSON_INTEGER)?;
            within("release.size", entry.release.size_bytes, limits::RELEASE_BYTES as u64)?;
            within("tarball.size", entry.tarball.size_bytes, limits::ARCHIVE_BYTES)?;
            within("pin.seq", entry.pin.as_ref().map_or(1, |pin| pin.seq), limits::JSON_INTEGER)?;
        }
        Ok(())
    }
}

/// Fails unless every name is greater than the one before it: sorted, and none twice.
fn sorted<'a>(names: impl Iterator<Item = &'a SkillName>) -> Result<(), String> {
    let mut before: Option<&SkillName> = None;
    for name in names {
        match before {
            Some(before) if before == name => return Err(format!("`{name}` is there twice")),
            Some(before) if before > name => return Err(format!("`{name}` is not in its order")),
            _ => before = Some(name),
        }
    }
    Ok(())
}
