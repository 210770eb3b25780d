//! One skill as the hub tells of it.

use semver::Version;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_core::skill::words;

use crate::json::{Time, bare};

words!(
    /// Which accounts a skill is for, and which of them an account is. An account may have what is of its tier or below.
    Tier, "tier", "free, pro, operator", {
        /// Everybody.
        Free = "free",
        /// Those who pay.
        Pro = "pro",
        /// Those who run fleets.
        Operator = "operator",
    }
);

words!(
    /// Who may see a skill.
    Visibility, "visibility", "public, private", {
        /// Everybody who has a key of the hub.
        Public = "public",
        /// The account that publishes it.
        Private = "private",
    }
);

/// The answer of `GET /api/skills/{slug}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SkillDetails {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// Its name for people.
    pub title: String,
    /// When to use it, from its frontmatter.
    pub description: String,
    /// The account that publishes it.
    pub owner: String,
    /// Who may see it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub visibility: Visibility,
    /// Which accounts it is for.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub tier: Tier,
    /// Its category, or an empty text.
    pub category: String,
    /// The version that new installs get; none when every version is yanked.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub version: Option<Version>,
    /// Why it should not be used any more, if it should not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// What to use in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub replaced_by: Option<SkillName>,
    /// How many keys installed it.
    pub install_count_total: u64,
    /// When its newest version was published.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub updated_at: Time,
}

/// The answer of `GET /api/skills/{slug}/versions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionList {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// Its versions, newest first; at most 100.
    pub versions: Vec<VersionInfo>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionInfo {
    /// The version.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: Version,
    /// The number of its release.
    pub seq: u64,
    /// The content hash of its files.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub content_hash: ContentHash,
    /// The digest of its archive.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub checksum_sha256: ArchiveDigest,
    /// The digest of its release statement.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub release: EnvelopeDigest,
    /// The size of its archive.
    pub size_bytes: u64,
    /// What changed, in its publisher's words.
    #[serde(default)]
    pub changelog: String,
    /// When it was published.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub published_at: Time,
    /// Whether it was taken back: no new install gets it.
    pub yanked: bool,
}

/// The answer of `GET /api/skills/access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Access {
    /// Whether the caller may have it.
    pub access: bool,
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// The caller's tier, where access is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub tier: Option<Tier>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The tier that would be enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub required_tier: Option<Tier>,
}
