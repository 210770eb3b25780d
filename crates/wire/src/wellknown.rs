//! The open indexes of skills under `.well-known`, read and written in both versions: `skills/index.json` (v0.1, with
//! `files` and `hash`) and `agent-skills/index.json` (v0.2.0, with `$schema`, `type`, `url` and `digest`). What a site
//! serves is made of trees by [`Site`], for a folder of files and for the hub alike. Fetching is left to the client.
//!
//! The format, and how to check a published hash by hand, is in `docs/indexes.md`.

mod address;
mod entry;
mod error;
mod read;
mod serve;
mod site;

pub use address::{decoded, file_url, index_urls, resolve};
pub use entry::{ArtifactType, Content, Entry, ListedFile};
pub use error::{Error, Mismatch};
pub use read::{BadEntry, Index};
pub use serve::{HEADERS, Head, content_type};
pub use site::{Fitted, Offer, Resource, Room, Site};

/// What the schema of an index of v0.2.0 is called. It is compared and never fetched.
pub const SCHEMA: &str = "https://schemas.agentskills.io/discovery/0.2.0/schema.json";

/// Which of the two indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Without `$schema`: each skill lists its files.
    V01,
    /// With `$schema`: each skill is one artifact with a digest.
    V02,
}

impl Version {
    /// Both, the one that a client asks for first in front.
    pub const ALL: [Version; 2] = [Version::V02, Version::V01];

    /// The folder that it is published in, from the root of a site: no slash in front, one at its end.
    pub fn folder(self) -> &'static str {
        match self {
            Version::V01 => ".well-known/skills/",
            Version::V02 => ".well-known/agent-skills/",
        }
    }
}

/// The name of an index in its folder.
pub const INDEX: &str = "index.json";
