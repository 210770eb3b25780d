//! Which skills an undo takes out of the store, and which it leaves there and why: what was changed since, and what is
//! nowhere else.

use std::collections::BTreeSet;

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
use crate::ops::setup::moves::holds;
use crate::ops::setup::record::{Adopted, Record};

/// A skill that an undo leaves in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name.
    pub name: SkillName,
    /// Why it stays.
    pub reason: String,
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
        let stuck: BTreeSet<&str> = not_restored.iter().map(|n| n.path.as_str()).collect();
        let is_stuck = |name: &SkillName| {
            let mut originals = record.moved.iter().filter(|moved| moved.name == *name);
            originals.any(|moved| moved.place.to_str().is_some_and(|place| stuck.contains(place)))
        };
        let (mut leaving, mut keep) = (Vec::new(), Vec::new());
        for adopted in record.adopted.iter().filter(|adopted| adopted.fresh) {
            let name = adopted.name.clone();
            match stays(store, index, adopted)? {
                Stay::Gone => {}
                Stay::Because(reason) => keep.push(Kept { name, reason }),
                Stay::No if is_stuck(&name) => {
                    let reason = "an original of it could not return to its place".to_owned();
                    keep.push(Kept { name, reason });
                }
                Stay::No => leaving.push(name),
            }
        }
        Ok(Self { leaving, keep })
    }
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
    let orphan = |(name, installed): (&SkillName, &installed::Installed)| Kept {
        name: name.clone(),
        reason: reason(&installed.source),
    };
    followed.iter().filter(is_here).map(orphan).collect()
}

enum Stay {
    /// It is not in the store.
    Gone,
    /// It is as setup took it.
    No,
    Because(String),
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
    if let (Some(root), Some(content)) = (&adopted.root, adopted.contents.first())
        && !holds(root, *content)?
    {
        return Ok(Stay::Because(format!(
            "`{}`, where it came from, does not hold it any more",
            root.display()
        )));
    }
    Ok(match skills::standing(store, index, name, &meta)? {
        Standing::Pristine => Stay::No,
        Standing::Edited(_) | Standing::Broken(_) => {
            Stay::Because("it was edited by hand in the store".to_owned())
        }
    })
}
