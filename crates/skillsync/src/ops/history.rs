//! `history`: the versions of a skill, the newest first. It only reads.

use serde::Serialize;
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Origin, State};
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::Error;

/// The versions of one skill.
#[derive(Debug, Serialize)]
pub struct History {
    /// The skill.
    pub name: SkillName,
    /// In use, or marked for removal.
    pub state: State,
    /// The number of the version in use.
    pub current: u32,
    /// All versions, the newest first.
    pub versions: Vec<Entry>,
}

/// One version.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub number: u32,
    /// Whether it is the one in use.
    pub current: bool,
    /// When it was made, RFC 3339 with `Z`.
    pub at: String,
    /// Which act made it.
    pub origin: Origin,
    /// Why, in its author's words.
    pub reason: Option<String>,
    /// Content hash of its files.
    pub content_hash: ContentHash,
    /// What it was merged from, the version before first, or the release that a rollback is made of; empty for others.
    pub parents: Vec<ContentHash>,
    /// Digest of its list of files, executable bits included.
    pub tree: TreeId,
}

/// Lists the versions of `name`. Fails when there is no such skill or its record is damaged.
pub fn history(store: &Store, name: &SkillName) -> Result<History, Error> {
    let meta = skills::load(store, name)?;
    let current = meta.head().number;
    let entry = |version: &skillsync_core::skill::Version| Entry {
        number: version.number,
        current: version.number == current,
        at: version.at.clone(),
        origin: version.origin,
        reason: version.reason.clone(),
        content_hash: version.content_hash,
        parents: version.parents.clone(),
        tree: version.tree,
    };
    let versions = meta.versions().iter().rev().map(entry).collect();
    let state = skills::Noted::of(store).state(name, meta.state);
    Ok(History { name: name.clone(), state, current, versions })
}
