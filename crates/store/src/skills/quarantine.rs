//! What a new version means for a skill whose release was revoked: by itself it brings nothing back into use.

use skillsync_core::name::SkillName;
use skillsync_core::skill::{Source, State};

use crate::installed::InstallState;
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
    pub(super) fn state(self, store: &Store, name: &SkillName, meta: &Meta) -> State {
        match self {
            Quarantine::Stays if is_quarantined(store, name, meta) => State::Quarantined,
            Quarantine::Stays | Quarantine::Ends => State::Active,
        }
    }
}

/// Whether a skill is in quarantine. In its record the mark of `rm` takes the place of that, and then `_meta.json` still
/// says so; where that does not read, it may be.
fn is_quarantined(store: &Store, name: &SkillName, meta: &Meta) -> bool {
    match meta.state {
        State::Quarantined => true,
        State::PendingRemove if meta.source == Source::Hub => {
            InstallState::load(store.layout()).map_or(true, |state| state.is_quarantined(name))
        }
        State::PendingRemove | State::Active => false,
    }
}
