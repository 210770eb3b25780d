//! What the store holds of a name that was found, or will hold once an import is done.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use skillsync_core::digest::ContentHash;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::index::Index;
use skillsync_store::skills::{self, Standing};
use skillsync_store::store::Store;
use skillsync_store::{fs, scan};

use super::Error;

/// What the store holds of one name.
pub(super) struct Known {
    pub(super) head: ContentHash,
    /// When that came, in seconds since 1970.
    pub(super) at_s: i64,
    pub(super) hashes: BTreeSet<ContentHash>,
    /// Where an import brings it from, when it is not here yet.
    pub(super) import: Option<PathBuf>,
}

impl Known {
    /// What an import brings from `root`.
    pub(super) fn coming(hash: ContentHash, root: &Path) -> Result<Self, Error> {
        let (at_s, import) = (modified_s(root)?, Some(root.to_owned()));
        Ok(Self { head: hash, at_s, hashes: BTreeSet::from([hash]), import })
    }
}

/// What it holds of `name`, or why that cannot be worked with.
pub(super) fn known(store: &Store, name: &SkillName) -> Result<Result<Option<Known>, String>, Error> {
    let meta = match skills::find(store, name) {
        Ok(Some(meta)) => meta,
        Ok(None) => return Ok(Ok(None)),
        Err(e) => return Ok(Err(e.to_string())),
    };
    if meta.artifact_type != ArtifactType::Skill {
        let what = meta.artifact_type.phrase();
        return Ok(Err(format!(
            "`{name}` is {what} in the store; skillsync add --name takes the skill under another"
        )));
    }
    if meta.state == State::PendingRemove {
        return Ok(Err(format!("`{name}` is marked for removal in the store; skillsync sync removes it")));
    }
    if meta.state == State::Quarantined {
        return Ok(Err(format!(
            "`{name}` is in quarantine in the store; skillsync rollback {name} settles it"
        )));
    }
    match skills::standing(store, &Index::default(), name, &meta)? {
        Standing::Pristine => Ok(Ok(Some(Known {
            head: meta.head().content_hash,
            at_s: meta.head().at.parse::<jiff::Timestamp>().map_or(0, |t| t.as_second()),
            import: None,
            hashes: meta.versions().iter().map(|v| v.content_hash).collect(),
        }))),
        Standing::Edited(_) | Standing::Broken(_) => {
            Ok(Err(format!("`{name}` was edited by hand in the store; skillsync adopt {name} settles it")))
        }
    }
}

/// When a file of a skill was last changed, in seconds since 1970.
pub(super) fn modified_s(root: &Path) -> Result<i64, Error> {
    let mut latest = 0;
    for file in scan::list(root)?.files {
        latest = latest.max(fs::stat(&file.at)?.map_or(0, |m| m.mtime()));
    }
    Ok(latest)
}
