//! What the store holds of a name that was found, or what an import brings of it.

use std::path::PathBuf;

use skillsync_core::digest::ContentHash;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::index::Index;
use skillsync_store::skills::{self, Standing};
use skillsync_store::store::Store;

use super::Error;

/// What there is of one name beside the originals.
#[derive(Debug)]
pub(super) enum Held {
    /// Nothing.
    Nothing,
    /// A skill in the store.
    Stored {
        /// The content of its current version.
        head: ContentHash,
        /// When that came, in seconds since 1970.
        at_s: i64,
        /// The contents of all its versions, oldest first.
        versions: Vec<ContentHash>,
    },
    /// A skill that an import brings.
    Brought {
        /// Its content.
        content: ContentHash,
        /// The folder that it comes from.
        from: PathBuf,
    },
}

impl Held {
    /// The contents of its versions before setup makes any, oldest first.
    pub(super) fn versions(&self) -> &[ContentHash] {
        match self {
            Held::Nothing => &[],
            Held::Stored { versions, .. } => versions,
            Held::Brought { content, .. } => std::slice::from_ref(content),
        }
    }
}

/// What the store holds of `name`, or why that cannot be worked with.
pub(super) fn held(store: &Store, name: &SkillName) -> Result<Result<Held, String>, Error> {
    let meta = match skills::find(store, name) {
        Ok(Some(meta)) => meta,
        Ok(None) => return Ok(Ok(Held::Nothing)),
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
    if skills::Noted::of(store).state(name, meta.state) == State::Quarantined {
        return Ok(Err(format!(
            "`{name}` is in quarantine in the store; skillsync rollback {name} settles it"
        )));
    }
    match skills::standing(store, &Index::default(), name, &meta)? {
        Standing::Pristine => Ok(Ok(Held::Stored {
            head: meta.head().content_hash,
            at_s: meta.head().at.parse::<jiff::Timestamp>().map_or(0, |t| t.as_second()),
            versions: meta.versions().iter().map(|v| v.content_hash).collect(),
        })),
        Standing::Edited(_) | Standing::Broken(_) => {
            Ok(Err(format!("`{name}` was edited by hand in the store; skillsync adopt {name} settles it")))
        }
    }
}
