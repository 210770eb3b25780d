//! What a new version means for a skill whose release was revoked: by itself it brings nothing back into use.

use std::collections::BTreeSet;

use skillsync_core::name::SkillName;
use skillsync_core::skill::{Source, State};

use crate::installed::{self, InstallState};
use crate::meta::Meta;
use crate::store::Store;

/// What a change does about the quarantine of its skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// It stays: what is made of what was revoked is no cure.
    Stays,
    /// It ends: what the version is made of was looked at, and may be used.
    Ends,
}

impl Quarantine {
    /// Whether the skill of the record `meta` is in use with a new version.
    pub(super) fn state(
        self,
        store: &Store,
        name: &SkillName,
        meta: &Meta,
    ) -> Result<State, installed::Error> {
        Ok(match self {
            Quarantine::Stays if is_quarantined(store, name, meta)? => State::Quarantined,
            Quarantine::Stays | Quarantine::Ends => State::Active,
        })
    }
}

/// Whether a skill is in quarantine: by its record, or by `_meta.json` where its record could not be written when it was
/// taken out of use, or was put back since. Fails where that does not read and the skill, marked for removal, would be in use
/// again by a guess; one that is in use stays so.
pub fn is_quarantined(store: &Store, name: &SkillName, meta: &Meta) -> Result<bool, installed::Error> {
    if meta.is_quarantined() || meta.source != Source::Hub {
        return Ok(meta.is_quarantined());
    }
    match meta.state {
        State::PendingRemove => Ok(InstallState::load(store.layout())?.is_quarantined(name)),
        _ => Ok(InstallState::quarantined(store.layout()).is_ok_and(|noted| noted.contains(name))),
    }
}

/// What `_meta.json` says of quarantines, read once for many skills.
#[derive(Debug)]
pub struct Noted(BTreeSet<SkillName>);

impl Noted {
    /// What it says. Where it does not read that is nothing: `doctor` says so.
    pub fn read(store: &Store) -> Self {
        Self(InstallState::quarantined(store.layout()).unwrap_or_default())
    }

    /// The state of `name`, whose record is `meta`: in quarantine where only the note says so, too.
    pub fn state(&self, name: &SkillName, meta: &Meta) -> State {
        match meta.state {
            State::Active if meta.source == Source::Hub && self.0.contains(name) => State::Quarantined,
            state => state,
        }
    }
}
