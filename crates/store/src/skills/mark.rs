//! The state in a skill's record: marked for removal, in quarantine, or in use again. No version is made.

use skillsync_core::name::SkillName;
use skillsync_core::skill::State;

use super::{Error, Noted, load};
use crate::fs;
use crate::meta::Meta;
use crate::store::Store;

/// Marks a skill for removal at the next sync (checklist D21), which ends no quarantine.
pub fn mark(noted: &Noted<'_>, name: &SkillName) -> Result<Meta, Error> {
    amend(noted.store, name, |meta| {
        meta.was_quarantined = noted.is_quarantined(name, Some(meta));
        meta.state = State::PendingRemove;
    })
}

/// Takes a skill out of use. One that is marked for removal stays so, and what takes the mark away finds it in quarantine.
pub fn quarantine(store: &Store, name: &SkillName) -> Result<Meta, Error> {
    amend(store, name, |meta| match meta.state {
        State::PendingRemove => meta.was_quarantined = true,
        State::Active | State::Quarantined => meta.state = State::Quarantined,
    })
}

/// Brings a skill back into use, whatever it was.
pub fn revive(store: &Store, name: &SkillName) -> Result<Meta, Error> {
    amend(store, name, |meta| (meta.state, meta.was_quarantined) = (State::Active, false))
}

fn amend(store: &Store, name: &SkillName, change: impl FnOnce(&mut Meta)) -> Result<Meta, Error> {
    let before = load(store, name)?;
    let mut meta = before.clone();
    change(&mut meta);
    if meta != before {
        let folder = store.layout().skill(name);
        // What a kill at this very place has left.
        for entry in fs::entries(&folder)?.unwrap_or_default() {
            if entry.to_str().is_some_and(fs::is_abandoned_temporary) {
                fs::remove_file(&folder.join(entry))?;
            }
        }
        let path = store.layout().meta(name);
        fs::replace(&path, meta.text(&path)?.as_bytes(), fs::Mode::Plain)?;
    }
    Ok(meta)
}
