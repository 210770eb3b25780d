//! What a machine has installed, as it tells the hub: names, versions, hashes, times, and nothing else (checklist L4, L12).

use semver::Version;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;

use crate::json::{Time, bare};

/// The body of `POST /api/state`: replaces what this key told before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateReport {
    /// Sorted by name, at most 5,000.
    pub skills: Vec<InstalledSkill>,
}

/// One skill that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstalledSkill {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// The version.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: Version,
    /// The content hash of its files.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub content_hash: ContentHash,
    /// The digest of its release statement.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub release: EnvelopeDigest,
    /// When it was installed.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub installed_at: Time,
}

/// The answer of `GET /api/state`: what the machines of the caller's account have, one entry for each key that told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateList {
    /// Sorted by key.
    pub machines: Vec<MachineState>,
}

/// What one key told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MachineState {
    /// The id of the key.
    pub key: String,
    /// What the key is for.
    pub label: String,
    /// When it told.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub reported_at: Time,
    /// What it has.
    pub skills: Vec<InstalledSkill>,
}
