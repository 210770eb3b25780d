//! Which skills an undo takes out of the store, and which it leaves there and why: what was changed since, and what is
//! nowhere else.

use serde::Serialize;
use skillsync_core::fault::{Fault as _, Kind, with_causes};
use skillsync_core::name::{SkillName, SourceName};
use skillsync_store::index::Index;
use skillsync_store::installed::{self, InstallState};
use skillsync_store::skills::{self, Standing};
use skillsync_store::store::Store;
use skillsync_store::{fs, lease};

use super::NotRestored;
use crate::ops::Error;
use crate::ops::setup::record::{Adopted, Moved, Record};
use crate::ops::source::import::holds;

/// A skill that an undo leaves in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name.
    pub name: SkillName,
    /// Why it stays.
    pub reason: String,
    /// Whether the machine refused to show what decides about it: the next undo looks again.
    #[serde(skip)]
    pub(super) is_open: bool,
}

impl Kept {
    fn new(name: SkillName, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into(), is_open: false }
    }
}

/// What becomes of the skills that setup took.
#[derive(Debug)]
pub(super) struct Parting {
    /// They leave the store for trash.
    pub(super) leaving: Vec<SkillName>,
    /// They stay.
    pub(super) keep: Vec<Kept>,
}

impl Parting {
    /// Decides, where these originals could not return.
    pub(super) fn decide(
        store: &Store,
        index: &Index,
        record: &Record,
        not_restored: &[NotRestored],
    ) -> Result<Self, Error> {
        let is_stuck = |name: &SkillName| {
            let mut originals = record.moved.iter().filter(|moved| moved.name == *name);
            originals.any(|moved| not_restored.iter().any(|left| left.is_of(moved)))
        };
        let (mut leaving, mut keep) = (Vec::new(), Vec::new());
        for adopted in record.adopted.iter().filter(|adopted| adopted.fresh) {
            let name = adopted.name.clone();
            match stays(store, index, adopted)? {
                Stay::Gone => {}
                Stay::Because(reason) => keep.push(Kept::new(name, reason)),
                Stay::Open(reason) => keep.push(Kept { is_open: true, ..Kept::new(name, reason) }),
                Stay::No if is_stuck(&name) => {
                    keep.push(Kept::new(name, "an original of it could not return to its place"));
                }
                Stay::No if !is_elsewhere(record, adopted) => {
                    keep.push(Kept::new(name, "nothing is known to have it besides the store"));
                }
                Stay::No => leaving.push(name),
            }
        }
        Ok(Self { leaving, keep })
    }
}

/// Whether a skill whose originals all return has a copy out of the store then: one of them, what one leads to, or the folder of
/// another tool, which was looked at.
fn is_elsewhere(record: &Record, adopted: &Adopted) -> bool {
    let has_copy = |moved: &Moved| match (&moved.link, moved.place.parent()) {
        (None, _) => true,
        (Some(text), Some(folder)) => holds(&folder.join(text), moved.content).unwrap_or(false),
        (Some(_), None) => false,
    };
    let mut originals = record.moved.iter().filter(|moved| moved.name == adopted.name);
    adopted.root.is_some() || originals.any(has_copy)
}

/// The skills of `sources` that neither leave nor are named yet: nothing updates them any more.
pub(super) fn orphans(
    followed: &InstallState,
    sources: &[SourceName],
    leaving: &[SkillName],
    kept: &[Kept],
) -> Vec<Kept> {
    let is_here = |(name, installed): &(&SkillName, &installed::Installed)| {
        installed.state == installed::Standing::Installed
            && sources.contains(&installed.source)
            && !leaving.contains(name)
            && !kept.iter().any(|kept| kept.name == **name)
    };
    let reason = |source: &SourceName| format!("`{source}` is forgotten: nothing updates it any more");
    let orphan = |(name, installed): (&SkillName, &installed::Installed)| {
        Kept::new(name.clone(), reason(&installed.source))
    };
    followed.iter().filter(is_here).map(orphan).collect()
}

enum Stay {
    /// It is not in the store.
    Gone,
    /// It is as setup took it.
    No,
    Because(String),
    /// What decides about it cannot be looked at.
    Open(String),
}

fn stays(store: &Store, index: &Index, adopted: &Adopted) -> Result<Stay, Error> {
    let name = &adopted.name;
    let meta = match skills::load(store, name) {
        Ok(meta) => meta,
        Err(skills::Error::NotFound { .. }) => return Ok(Stay::Gone),
        // Whether it changed is known the next time: nothing that was noted of it goes before.
        Err(e) if e.kind() == Kind::Io => return Err(e.into()),
        Err(e) => return Ok(Stay::Because(with_causes(&e))),
    };
    let versions = meta.versions();
    let is_known = versions.len() <= adopted.contents.len()
        && versions.iter().zip(&adopted.contents).all(|(version, content)| version.content_hash == *content);
    if !is_known {
        return Ok(Stay::Because(format!("it has changed since, to version {}", meta.head().number)));
    }
    let lease = match lease::get(store.layout(), name) {
        Err(e) if e.kind() == Kind::Io => return Err(e.into()),
        lease => lease,
    };
    if !matches!(lease, Ok(None)) || fs::lstat(&store.layout().working_copy(name))?.is_some() {
        return Ok(Stay::Because("it is being edited".to_owned()));
    }
    if let (Some(root), Some(content)) = (&adopted.root, adopted.contents.first()) {
        match holds(root, *content) {
            Ok(true) => {}
            Ok(false) => {
                let reason = format!("`{}`, where it came from, does not hold it any more", root.display());
                return Ok(Stay::Because(reason));
            }
            Err(e) => return Ok(Stay::Open(with_causes(&e))),
        }
    }
    Ok(match skills::standing(store, index, name, &meta)? {
        Standing::Pristine => Stay::No,
        Standing::Edited(_) | Standing::Broken(_) => {
            Stay::Because("it was edited by hand in the store".to_owned())
        }
    })
}
