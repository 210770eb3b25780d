//! `rm`: marks skills for removal; the next sync removes them (checklist D21).

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Source, State};
use skillsync_store::store::Store;
use skillsync_store::{lease, skills};

use super::{Error, write};

/// What was marked.
#[derive(Debug, Serialize)]
pub struct Marked {
    /// Skills that the next sync removes.
    pub marked: Vec<SkillName>,
}

/// Fails when one of `names` cannot be removed now. Nothing is marked then.
pub fn check(store: &Store, names: &[SkillName]) -> Result<Marked, Error> {
    for name in names {
        skills::load(store, name)?;
        lease::require_free(store.layout(), name)?;
    }
    Ok(Marked { marked: names.to_vec() })
}

/// Marks `names`. A skill that somebody edited by hand is not marked: first the edit must be kept or dropped.
pub fn rm(store: &Store, names: &[SkillName]) -> Result<Marked, Error> {
    write(store, |writing, index| {
        let marked = check(store, names)?;
        for name in names {
            skills::require_pristine(store, index, name, &skills::load(store, name)?)?;
        }
        for name in names {
            let meta = skills::set_state(store, name, State::PendingRemove)?;
            if meta.source == Source::BuiltIn {
                super::builtin::leave_out(writing, name)?;
            }
        }
        Ok(marked)
    })
}
