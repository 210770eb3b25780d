//! Publishing: the fields of the upload, and what the hub answers.

use semver::Version;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;

use crate::json::bare;

/// The part of the upload with the archive.
pub const ARCHIVE_FIELD: &str = "archive";
/// The part of the upload with an [`Announcement`] as JSON. It comes before the archive.
pub const ANNOUNCEMENT_FIELD: &str = "announcement";

/// What is said of an archive that is uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Announcement {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// Its version; none is the one after the newest, or 1.0.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub version: Option<Version>,
    /// What changed.
    #[serde(default)]
    pub changelog: String,
    /// Who may see it; none leaves it, and is private for a new skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub visibility: Option<super::skill::Visibility>,
    /// Which accounts it is for; none leaves it, and is `free` for a new skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub tier: Option<super::skill::Tier>,
    /// Its category; none leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// The answer of `POST /api/skills/publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishReply {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// The version that these files have.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: Version,
    /// The number of the release.
    pub seq: u64,
    /// Whether this upload made it. If not, the very same files were published before.
    pub created: bool,
    /// The content hash of its files.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub content_hash: ContentHash,
    /// The digest of its archive, as the hub packed it.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub checksum_sha256: ArchiveDigest,
    /// The digest of its release statement.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub release: EnvelopeDigest,
    /// What the gate noticed and let pass.
    pub findings: Vec<GateFinding>,
}

/// One thing that the gate noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GateFinding {
    /// Which rule, in kebab-case.
    pub code: String,
    /// The file, or an empty text for the skill.
    pub path: String,
    /// What was noticed. Never the secret itself.
    pub message: String,
}

/// The body of `POST /api/skills/{slug}/yank`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Yank {
    /// Which version.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: Version,
    /// Why, in a line: `malware`.
    pub reason: String,
    /// Whether machines that have it must stop using it (an advisory), too.
    #[serde(default)]
    pub revoke: bool,
}

/// The body of `POST /api/skills/{slug}/deprecate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deprecate {
    /// Why, in a line; none takes the deprecation back.
    #[serde(default)]
    pub reason: Option<String>,
    /// What to use in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub replaced_by: Option<SkillName>,
}
