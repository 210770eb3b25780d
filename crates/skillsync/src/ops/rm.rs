//! `rm`: marks skills for removal; the next sync removes them (checklist D21).

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Source, State};
use skillsync_store::index::Index;
use skillsync_store::store::Store;
use skillsync_store::{lease, skills};

use super::{Error, write};

/// What was marked.
#[derive(Debug, Serialize)]
pub struct Marked {
    /// Skills that are marked now: the next sync removes them.
    pub marked: Vec<SkillName>,
    /// Skills that were marked before.
    pub already_marked: Vec<SkillName>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What [`rm`] would do. Fails when one of `names` cannot be removed now.
pub fn plan(store: &Store, names: &[SkillName]) -> Result<Marked, Error> {
    Ok(Marked { dry_run: true, ..check(store, &Index::load(store.layout()), names)? })
}

/// A skill that somebody edited by hand is not marked: first the edit must be kept or dropped.
fn check(store: &Store, index: &Index, names: &[SkillName]) -> Result<Marked, Error> {
    let mut found = Marked { marked: Vec::new(), already_marked: Vec::new(), dry_run: false };
    for name in names {
        let meta = skills::load(store, name)?;
        let group = match meta.state {
            State::PendingRemove => &mut found.already_marked,
            _ => {
                lease::require_free(store.layout(), name)?;
                skills::require_pristine(store, index, name, &meta)?;
                &mut found.marked
            }
        };
        if !group.contains(name) {
            group.push(name.clone());
        }
    }
    Ok(found)
}

/// Marks `names`, or none of them where one cannot be removed now.
pub fn rm(store: &Store, names: &[SkillName]) -> Result<Marked, Error> {
    write(store, |writing, index| {
        let found = check(store, index, names)?;
        let noted = skills::Noted::of(store);
        for name in &found.marked {
            let meta = skills::mark(&noted, name)?;
            if meta.source == Source::BuiltIn {
                super::builtin::leave_out(writing, name)?;
            }
        }
        Ok(found)
    })
}
