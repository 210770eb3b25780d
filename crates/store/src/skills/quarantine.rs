//! Which skills are in quarantine, by their record or by `_meta.json`, and what a new version means for one that is: by itself
//! it brings nothing back into use.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use skillsync_core::name::SkillName;
use skillsync_core::skill::{Source, State};

use super::find;
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
    /// Whether the skill of the record `meta` is in use with a new version. Fails where nothing tells, and the skill, marked for
    /// removal, would be in use again by a guess; one that is in use stays so.
    pub(super) fn state(
        self,
        noted: &Noted<'_>,
        name: &SkillName,
        meta: &Meta,
    ) -> Result<State, installed::Error> {
        if self == Quarantine::Ends {
            return Ok(State::Active);
        }
        let is_guess = meta.state == State::PendingRemove && !meta.is_quarantined();
        if is_guess && meta.source == Source::Hub {
            InstallState::load(noted.store.layout())?;
        }
        Ok(if noted.is_quarantined(name, Some(meta)) { State::Quarantined } else { State::Active })
    }
}

/// What `_meta.json` says of quarantines. It is read once, when the first skill is asked about that it may be about.
#[derive(Debug)]
pub struct Noted<'a> {
    pub(super) store: &'a Store,
    names: OnceLock<BTreeSet<SkillName>>,
}

impl<'a> Noted<'a> {
    /// What it says in `store`. Where it does not read that is nothing: `doctor` says so.
    pub fn of(store: &'a Store) -> Self {
        Self { store, names: OnceLock::new() }
    }

    fn names(&self) -> &BTreeSet<SkillName> {
        self.names.get_or_init(|| InstallState::quarantined(self.store.layout()).unwrap_or_default())
    }

    /// Whether a skill is in quarantine, marked for removal or not: by its record, or by `_meta.json` where that could not be
    /// written when it was taken out of use, was put back since, or does not read. What is the user's own in the place of one
    /// that came from a hub is not.
    pub fn is_quarantined(&self, name: &SkillName, record: Option<&Meta>) -> bool {
        let is_of_hub = record.is_none_or(|meta| meta.source == Source::Hub);
        record.is_some_and(Meta::is_quarantined) || is_of_hub && self.names().contains(name)
    }

    /// The same by the record as it is now, if it reads.
    pub fn holds(&self, name: &SkillName) -> bool {
        self.is_quarantined(name, find(self.store, name).ok().flatten().as_ref())
    }

    /// In which state a skill is that is in `state` by its record, or by what the index knows of that.
    pub fn state(&self, name: &SkillName, state: State) -> State {
        match state {
            State::Active if self.names().contains(name) && self.holds(name) => State::Quarantined,
            state => state,
        }
    }
}
