//! What the versions of a skill are made of: it follows from their record, whoever wrote it and whatever was killed.

use std::collections::BTreeMap;

use skillsync_core::digest::ContentHash;
use skillsync_core::skill::{Origin, Version};

use super::{Installed, Release};

/// What each of `versions` is made of, oldest first: of one that came from a source, and of a rollback that says what it is made
/// of, what `came` says; of a rollback that does not what the first version with these files has, or a release with no others; of
/// others what the one before them has. `settled` has the last word on each.
pub fn made_of<'v, T: Copy>(
    versions: &'v [Version],
    came: impl Fn(&'v Version) -> Option<T>,
    settled: impl Fn(&'v Version, Option<T>) -> Option<T>,
) -> Vec<Option<T>> {
    let mut all: Vec<Option<T>> = Vec::with_capacity(versions.len());
    let mut by_tree = BTreeMap::new();
    for version in versions {
        let before = all.last().copied().flatten();
        let of = match version.origin {
            Origin::Install | Origin::Update => came(version),
            Origin::Rollback if !version.parents.is_empty() => came(version),
            // An older skillsync made it.
            Origin::Rollback => by_tree.get(&version.tree).copied().unwrap_or(before),
            _ => before,
        };
        let of = settled(version, of);
        if matches!(version.origin, Origin::Install | Origin::Update) && version.parents.is_empty() {
            by_tree.insert(version.tree, of);
        } else {
            by_tree.entry(version.tree).or_insert(of);
        }
        all.push(of);
    }
    all
}

/// For each of `versions` the one that came from a source last before it, or the rollback to such a one, or itself, edited
/// since or not. None where nothing came from one.
pub fn came_last(versions: &[Version]) -> Vec<Option<&Version>> {
    made_of(versions, Some, |_, of| of)
}

/// The content of the release that a version which came from a source, or a rollback to one, is or was merged with.
pub fn release_content(came: &Version) -> ContentHash {
    // Of a merge, what came is the last parent; of a rollback the only one.
    came.parents.last().copied().unwrap_or(came.content_hash)
}

impl Installed {
    /// The release that each of `versions` is made of: what came from the source last before it, edited or not, and where a
    /// later release has the very files of a version, that. None where nothing came, and where what came is not among the
    /// releases that are known: which of them it would be made of then is nobody's to guess.
    pub fn bases(&self, versions: &[Version]) -> Vec<Option<&Release>> {
        let with = |hash: ContentHash| self.releases.iter().filter(move |known| known.content_hash == hash);
        let came = |version: &Version| with(release_content(version)).next_back();
        made_of(versions, came, |version, of| {
            let same = with(version.content_hash).max_by_key(|release| release.seq);
            match (of, same) {
                // Of two with the same files the one that was taken last is meant.
                (Some(of), Some(same)) if same.seq > of.seq && of.content_hash != same.content_hash => {
                    Some(same)
                }
                _ => of,
            }
        })
    }

    /// The same of the newest of `versions`.
    pub fn basis(&self, versions: &[Version]) -> Option<&Release> {
        self.bases(versions).last().copied().flatten()
    }
}
