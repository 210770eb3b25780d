//! What a hub has: search, one skill, its versions, and whether it knows the caller. Nothing of it is believed: it is for
//! people to choose from.

use skillsync_core::name::SkillName;
use skillsync_wire::api::path;

pub use skillsync_wire::api::key::{KeyInfo, KeyList};
pub use skillsync_wire::api::search::{PAGE_SIZE, PAGE_SIZE_MOST, SearchReply, SearchResult};
pub use skillsync_wire::api::skill::{SkillDetails, Tier, VersionInfo, VersionList, Visibility};

use crate::api::{Api, Error};

/// The skills that fit `words`, the best first. Pages count from 1.
pub fn search(api: Api<'_>, words: &str, page: u32, page_size: u32) -> Result<SearchReply, Error> {
    let (page, page_size) = (page.to_string(), page_size.to_string());
    api.get(path::SEARCH, &[("q", words), ("page", &page), ("page_size", &page_size)])
}

/// What the hub says of one skill.
pub fn skill(api: Api<'_>, slug: &SkillName) -> Result<SkillDetails, Error> {
    api.get(&path::skill(slug), &[])
}

/// The versions of one skill, newest first.
pub fn versions(api: Api<'_>, slug: &SkillName) -> Result<VersionList, Error> {
    api.get(&path::versions(slug), &[])
}

/// The keys of the caller's account, newest first: whoever is answered has a key that the hub knows.
pub fn keys(api: Api<'_>) -> Result<KeyList, Error> {
    api.get(path::KEYS, &[])
}
