//! Where to get one skill, for a caller that was let in (checklist H5).

use semver::Version;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, FileDigest};
use skillsync_core::name::SkillName;

use crate::json::{Time, bare};

/// The answer of `GET /api/skills/install?slug=&mode=files&version=`. Nothing in it is believed: the client checks what it
/// gets against the signed manifest and release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstallReply {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// The version.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: Version,
    /// Where its archive is, for a while: absolute, or a path on the hub.
    pub tarball_url: String,
    /// The digest of its archive.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub checksum_sha256: ArchiveDigest,
    /// The size of its archive.
    pub size_bytes: u64,
    /// Until when `tarball_url` holds.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub expires_at: Time,
    /// Its files, and the release's signature over them.
    pub manifest: FileManifest,
    /// The digest of its release statement.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub release: EnvelopeDigest,
}

/// The files of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileManifest {
    /// Sorted by path.
    pub files: Vec<FileEntry>,
    /// The release role's signature of the release statement, in base64.
    pub signature: String,
    /// When it was signed.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub signed_at: Time,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileEntry {
    /// Relative to the skill.
    pub path: String,
    /// Its digest.
    #[serde(with = "bare")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub sha256: FileDigest,
    /// Its size, in bytes.
    pub size: u64,
}
