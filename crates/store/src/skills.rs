//! Canonical skills: what is there, and whether it is as committed. Content changes in `advance` alone.

use std::path::{Path, PathBuf};

use skillsync_core::artifact;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::nearest::nearest;
use skillsync_core::skill::{ArtifactType, State, Version};
use skillsync_core::tree::{self, Tree};

use crate::fs::{self, FileStamp, Folder};
use crate::index::{Index, Key, Seen, SkillSeen};
use crate::installed;
use crate::layout::Layout;
use crate::meta::{self, Meta};
use crate::objects::{self, Stored};
use crate::scan::{self, Listing};
use crate::store::Store;

mod advance;
mod look;
mod mark;
mod quarantine;
mod restore;
mod stage;

pub use advance::{Advanced, Change, HandEdit, advance};
pub use look::{Head, Look, head, look};
pub use mark::{mark, quarantine, revive};
pub use quarantine::{Noted, Quarantine};
pub use restore::restore;
pub use stage::{
    Staged, batch_payload, make_folders, stage_bytes, stage_folder, stage_folder_but, stage_payload,
    stage_tree, write_payload, write_tree,
};

/// Something about a canonical skill does not allow what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such skill.
    #[error("there is no skill `{name}`")]
    NotFound {
        /// The name.
        name: SkillName,
        /// A name that is there and looks alike.
        nearest: Option<SkillName>,
    },
    /// It is marked for removal.
    #[error("the skill `{name}` is marked for removal")]
    PendingRemove {
        /// The name.
        name: SkillName,
    },
    /// What it was made of was revoked.
    #[error("the skill `{name}` is in quarantine: what it was made of was revoked")]
    Quarantined {
        /// The name.
        name: SkillName,
    },
    /// Files in its canonical folder were changed by hand.
    #[error("`{name}` was edited by hand in `{}`", .path.display())]
    HandEdited {
        /// The name.
        name: SkillName,
        /// Its canonical folder.
        path: PathBuf,
    },
    /// It has no version with this number.
    #[error("`{name}` has no version {number}; its newest is {head}")]
    NoVersion {
        /// The name.
        name: SkillName,
        /// What was asked for.
        number: u32,
        /// The head's number.
        head: u32,
    },
    /// Its record is damaged.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// Its folder is no payload.
    #[error(transparent)]
    Scan(#[from] scan::Error),
    /// `_meta.json` does not read.
    #[error(transparent)]
    Installed(#[from] installed::Error),
    /// A stored object is damaged.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// What was to be staged is no tree.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// Files are not those of an artifact of their type.
    #[error(transparent)]
    Artifact(#[from] artifact::Error),
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::NotFound { .. } | Error::NoVersion { .. } => Kind::NotFound,
            Error::PendingRemove { .. } => Kind::Invalid,
            Error::Quarantined { .. } => Kind::Untrusted,
            Error::HandEdited { .. } => Kind::Conflict,
            Error::Meta(e) => e.kind(),
            Error::Scan(e) => e.kind(),
            Error::Installed(e) => e.kind(),
            Error::Objects(e) => e.kind(),
            Error::Tree(e) => e.kind(),
            Error::Artifact(e) => e.kind(),
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::NotFound { .. } => "skill-not-found",
            Error::PendingRemove { .. } => "skill-pending-remove",
            Error::Quarantined { .. } => "skill-quarantined",
            Error::HandEdited { .. } => "hand-edited",
            Error::NoVersion { .. } => "version-not-found",
            Error::Meta(e) => e.code(),
            Error::Scan(e) => e.code(),
            Error::Installed(e) => e.code(),
            Error::Objects(e) => e.code(),
            Error::Tree(e) => e.code(),
            Error::Artifact(e) => e.code(),
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::NotFound { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Error::NotFound { .. } => Some("`skillsync ls` shows the skills there are".to_owned()),
            Error::PendingRemove { name } => {
                Some(format!("`skillsync sync` removes it; `skillsync rollback {name}` keeps it"))
            }
            Error::Quarantined { name } => Some(format!(
                "`skillsync rollback {name}` goes back to a version before it; `skillsync rm {name}` removes it"
            )),
            Error::HandEdited { name, .. } => Some(format!(
                "`skillsync adopt {name}` makes the edit a version; `skillsync adopt {name} --discard` drops it"
            )),
            Error::NoVersion { name, .. } => Some(format!("`skillsync history {name}` shows its versions")),
            Error::Meta(e) => e.hint(),
            Error::Scan(e) => e.hint(),
            Error::Installed(e) => e.hint(),
            Error::Objects(e) => e.hint(),
            Error::Tree(e) => e.hint(),
            Error::Artifact(e) => e.hint(),
            Error::Fs(e) => e.hint(),
        }
    }
}

/// The names of all canonical skills, sorted. Folders that are no skills are `doctor`'s business. A `skills/` that is
/// not there, or has no skill though it had some, is an error: a disk that is not mounted must not look like a user who
/// removed everything.
pub fn names(layout: &Layout) -> Result<Vec<SkillName>, fs::Error> {
    let folder = layout.skills();
    let missing = || fs::Error::new("list", &folder, std::io::ErrorKind::NotFound.into());
    let entries = fs::entries(&folder)?.ok_or_else(missing)?;
    let names: Vec<SkillName> =
        entries.iter().filter_map(|entry| SkillName::parse(entry.to_str()?).ok()).collect();
    // `sync` forgets a skill that it removes; what is remembered and not there vanished some other way.
    if names.is_empty() && !Index::load(layout).names(Key::Skill("")).is_empty() {
        let error = std::io::Error::other(
            "it holds no skill, though it did; is its disk there? If you emptied it yourself, remove state/index",
        );
        return Err(fs::Error::new("use", &folder, error));
    }
    Ok(names)
}

/// The record of a skill.
pub fn load(store: &Store, name: &SkillName) -> Result<Meta, Error> {
    find(store, name)?.ok_or_else(|| not_found(store, name))
}

/// The record of a skill, if there is one: for who makes new ones, and needs no name that looks alike.
pub fn find(store: &Store, name: &SkillName) -> Result<Option<Meta>, Error> {
    match Meta::load(&store.layout().meta(name)) {
        Err(meta::Error::Fs(e)) if e.kind() == Kind::NotFound => {
            if fs::lstat(&store.layout().skill(name))?.is_some() {
                let path = store.layout().meta(name);
                return Err(meta::Error::Damaged { path, problem: "it is missing".to_owned() }.into());
            }
            Ok(None)
        }
        meta => Ok(Some(meta?)),
    }
}

/// The record of a skill that is in use.
pub fn load_active(store: &Store, name: &SkillName) -> Result<Meta, Error> {
    let meta = load_unmarked(store, name)?;
    if Noted::of(store).is_quarantined(name, Some(&meta)) {
        return Err(Error::Quarantined { name: name.clone() });
    }
    Ok(meta)
}

/// The record of a skill that is not marked for removal: it is in use, or in quarantine.
pub fn load_unmarked(store: &Store, name: &SkillName) -> Result<Meta, Error> {
    let meta = load(store, name)?;
    match meta.state {
        State::PendingRemove => Err(Error::PendingRemove { name: name.clone() }),
        State::Active | State::Quarantined => Ok(meta),
    }
}

fn not_found(store: &Store, name: &SkillName) -> Error {
    let names = names(store.layout()).unwrap_or_default();
    let nearest = nearest(name.as_str(), names.iter().map(SkillName::as_str));
    let nearest = nearest.first().and_then(|at| names.get(*at)).cloned();
    Error::NotFound { name: name.clone(), nearest }
}

/// The version with this number.
pub fn version<'m>(name: &SkillName, meta: &'m Meta, number: u32) -> Result<&'m Version, Error> {
    meta.version(number).ok_or_else(|| Error::NoVersion {
        name: name.clone(),
        number,
        head: meta.head().number,
    })
}

/// Whether a canonical folder holds what was last committed.
#[derive(Debug)]
pub enum Standing {
    /// It does.
    Pristine,
    /// Somebody changed it: its present tree.
    Edited(Tree),
    /// Somebody changed it so that it is no payload any more.
    Broken(scan::Error),
}

/// Compares the canonical folder with the head version; reads bytes only where the index proves nothing.
pub fn standing(store: &Store, index: &Index, name: &SkillName, meta: &Meta) -> Result<Standing, Error> {
    let root = store.layout().skill(name);
    let head = meta.head();
    if let Some(seen) = index.get::<SkillSeen<'_>>(Key::Skill(name.as_str())) {
        let unchanged = || Folder::open(&root).is_some_and(|folder| seen.files.is_unchanged(&folder));
        if seen.tree == head.tree && unchanged() {
            return Ok(Standing::Pristine);
        }
    }
    match scan::read(&root) {
        Ok((tree, _)) if tree.id() == head.tree => Ok(Standing::Pristine),
        Ok((tree, _)) => Ok(Standing::Edited(tree)),
        Err(e @ scan::Error::Fs(_)) => Err(e.into()),
        Err(e) => Ok(Standing::Broken(e)),
    }
}

/// Fails unless the canonical folder holds what was last committed: spine of every change (decision 12).
pub fn require_pristine(store: &Store, index: &Index, name: &SkillName, meta: &Meta) -> Result<(), Error> {
    match standing(store, index, name, meta)? {
        Standing::Pristine => Ok(()),
        Standing::Edited(_) | Standing::Broken(_) => {
            Err(Error::HandEdited { name: name.clone(), path: store.layout().skill(name) })
        }
    }
}

fn stamp(path: &Path) -> Result<FileStamp, fs::Error> {
    let metadata = std::fs::symlink_metadata(path);
    Ok(FileStamp::of(&fs::Context::on(metadata, "look at", path)?))
}

/// Notes in the index that the canonical folder of `name` holds its head version.
pub fn remember(
    index: &mut Index,
    name: &SkillName,
    meta: &Meta,
    meta_stamp: FileStamp,
    listing: &Listing,
    settled_ns: i64,
) {
    let seen = SkillSeen {
        meta: meta_stamp,
        meta_settled_ns: settled_ns,
        artifact_type: meta.artifact_type,
        state: meta.state,
        version: meta.head().number,
        tree: meta.head().tree,
        files: Seen::new(listing, settled_ns),
    };
    index.set(Key::Skill(name.as_str()), &seen);
}

/// The text of a version's main file: of a skill its `SKILL.md`, of a command or an agent all there is.
pub fn main_text(
    artifact_type: ArtifactType,
    name: &SkillName,
    stored: &Stored<'_>,
) -> Result<Vec<u8>, Error> {
    let main = artifact::main_file(artifact_type, name, stored.tree())?;
    Ok(stored.read(&main.digest)?.into_owned())
}

#[cfg(test)]
mod tests;
