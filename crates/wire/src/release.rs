//! The release statement: what one version of a skill is, said once and never changed. Whether a client may install it is
//! left to `trust`. The format is in `docs/formats/release.md`.

use semver::Version;
use serde::{Deserialize, Serialize};

use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest, FileDigest};
use skillsync_core::limits::{SKILL_BYTES, SKILL_FILES};
use skillsync_core::name::SkillName;

use crate::envelope::Document;
use crate::json::{Time, bare};
use crate::limits;
use crate::text::{Hub, Line, Owner};

/// One version of a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The hub that says so.
    pub hub: Hub,
    /// The skill.
    pub slug: SkillName,
    /// Who publishes it.
    pub owner: Owner,
    /// Its version, for people.
    pub version: Version,
    /// Its number: counts from 1, and grows with every release of the skill.
    pub seq: u64,
    /// The release before it, which makes a chain of them; the first has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<EnvelopeDigest>,
    /// The content hash of what is in the tarball.
    pub tree: ContentHash,
    /// How it travels.
    pub tarball: Tarball,
    /// What its commands may do; without it nothing was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
    /// What it needs of a machine.
    #[serde(default)]
    pub requires: Requires,
    /// What the publish gate found.
    pub scan: Scan,
    /// When it was published.
    pub published_at: Time,
}

/// The archive of a release (`docs/formats/archive.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tarball {
    /// How it is packed.
    pub format: TarballFormat,
    /// Its digest as it travels.
    #[serde(with = "bare")]
    pub sha256: ArchiveDigest,
    /// Its size as it travels.
    #[serde(rename = "size")]
    pub size_bytes: u64,
    /// The sizes of its files, added up.
    #[serde(rename = "unpacked_size")]
    pub unpacked_bytes: u64,
    /// How many files it has.
    pub files: u64,
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TarballFormat {
    /// The canonical tar profile in one gzip member.
    #[serde(rename = "sktar-1+gzip")]
    Sktar1Gzip,
}

/// What the commands of a skill may do, as its publisher declares. What the words mean is left to the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The backend it was tried with.
    pub backend: Line,
    /// Hosts with ports that it talks to.
    #[serde(default)]
    pub network: Vec<Line>,
    /// Where it writes.
    #[serde(default)]
    pub write: Vec<Line>,
    /// Programs it starts.
    #[serde(default)]
    pub exec: Vec<Line>,
}

/// What a skill needs of a machine. An empty list is no demand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requires {
    /// One of these systems.
    #[serde(default)]
    pub os: Vec<Line>,
    /// One of these processors.
    #[serde(default)]
    pub arch: Vec<Line>,
    /// So much memory of a graphics card.
    #[serde(default)]
    pub min_vram_mb: u64,
}

/// What the publish gate found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Which gate.
    pub engine: Line,
    /// What it decided.
    pub verdict: Verdict,
    /// The digest of its report.
    #[serde(with = "bare")]
    pub report_sha256: FileDigest,
}

/// What the publish gate decided. There is no word for a refusal: what is refused has no release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It may be published.
    Pass,
}

impl Document for Release {
    const PAYLOAD_TYPE: &'static str = "application/vnd.skillsync.release.v1+json";
    const TYPE: &'static str = "release";
    const LIMIT_BYTES: usize = limits::RELEASE_BYTES;

    fn check(&self) -> Result<(), String> {
        if self.seq == 0 {
            return Err("`seq` counts from 1".to_owned());
        }
        if self.prev.is_some() != (self.seq > 1) {
            return Err("`prev` names the release before, and the first has none".to_owned());
        }
        let Tarball { size_bytes, unpacked_bytes, files, .. } = self.tarball;
        within("tarball.size", size_bytes, limits::ARCHIVE_BYTES)?;
        within("tarball.files", files, SKILL_FILES as u64)?;
        if unpacked_bytes > SKILL_BYTES {
            return Err(format!("`tarball.unpacked_size` is {unpacked_bytes}; {SKILL_BYTES} is the most"));
        }
        let Requires { os, arch, .. } = &self.requires;
        let sandbox = self.sandbox.iter().flat_map(|s| [&s.network, &s.write, &s.exec]);
        if let Some(list) = sandbox.chain([os, arch]).find(|list| list.len() > limits::RELEASE_LIST) {
            return Err(format!("a list of {} entries; {} are allowed", list.len(), limits::RELEASE_LIST));
        }
        Ok(())
    }
}

/// Whether a field is from 1 to `most`.
pub(crate) fn within(field: &str, value: u64, most: u64) -> Result<(), String> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("`{field}` is {value}; 1 to {most} are allowed"))
    }
}
