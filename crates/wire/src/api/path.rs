//! The paths of the interface, written once: the server routes by them and the client asks for them.

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::name::SkillName;

/// The signed manifest of the caller.
pub const MANIFEST: &str = "/api/skills/manifest";
/// Search.
pub const SEARCH: &str = "/api/skills/search";
/// Where to get one skill, counted as an install.
pub const INSTALL: &str = "/api/skills/install";
/// Whether the caller may have one skill.
pub const ACCESS: &str = "/api/skills/access";
/// Publishing.
pub const PUBLISH: &str = "/api/skills/publish";
/// What this machine has installed.
pub const STATE: &str = "/api/state";
/// Keys.
pub const KEYS: &str = "/api/keys";
/// The newest advisories.
pub const ADVISORIES: &str = "/trust/advisories.json";
/// The interface's own description.
pub const OPENAPI: &str = "/api/openapi.json";

/// Details of one skill.
pub fn skill(slug: &SkillName) -> String {
    format!("/api/skills/{slug}")
}

/// The versions of one skill.
pub fn versions(slug: &SkillName) -> String {
    format!("/api/skills/{slug}/versions")
}

/// One root, in its envelope. Never changes.
pub fn root(version: u64) -> String {
    format!("/trust/root/{version}.json")
}

/// One edition of the advisories, in its envelope. Never changes, so that a manifest can name one while the next is made.
pub fn advisories(version: u64) -> String {
    format!("/trust/advisories/{version}.json")
}

/// An archive below the hub or below what stands before it. Never changes.
pub fn tarball(digest: &ArchiveDigest) -> String {
    format!("/cdn/blobs/sha256/{}", digest.hex())
}

/// A release statement in its envelope, below the hub or below what stands before it. Never changes.
pub fn release(digest: &EnvelopeDigest) -> String {
    format!("/cdn/releases/sha256/{}", digest.hex())
}
