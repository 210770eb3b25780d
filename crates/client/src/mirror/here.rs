//! What is held of an index here: read from `_meta.json` and the records of the skills, one damaged record aside.

use std::collections::{BTreeMap, BTreeSet};

use skillsync_core::name::SkillName;
use skillsync_core::skill::State;
use skillsync_store::installed::{InstallState, Release, Standing as Noted};
use skillsync_store::skills;
use skillsync_store::store::Store;
use skillsync_wire::wellknown::Entry;

use super::plan::{Held, Plan, Pruning, Standing};
use super::{Follow, edition_digest, unverified_digest};
use crate::delivery::Error;
use crate::discovery::Found;

/// What is held here, and what else there is.
pub(super) struct Here {
    pub(super) state: InstallState,
    pub(super) held: BTreeMap<SkillName, Held>,
    pub(super) others: BTreeSet<SkillName>,
    /// Those of this source whose record does not read. They stay as they are, and stop no other.
    pub(super) damaged: BTreeMap<SkillName, skills::Error>,
    /// What is here by the records of the skills, and what `_meta.json` says is not: a run was killed before it noted it.
    pub(super) arrived: BTreeMap<SkillName, Release>,
    /// What is gone, or about to be, is not listed, and is noted all the same: of a run that was killed.
    pub(super) gone: BTreeSet<SkillName>,
}

impl Follow<'_> {
    /// What is held of this source as `_meta.json` and the records of the skills say it. The hand edits of canonical
    /// folders are looked at when it comes to a change.
    pub(super) fn here(&self, store: &Store, found: &Found) -> Result<Here, Error> {
        let state = InstallState::load(store.layout())?;
        let mut others: BTreeSet<SkillName> =
            skills::names(store.layout()).map_err(skills::Error::from)?.into_iter().collect();
        let mut held = BTreeMap::new();
        let mut damaged = BTreeMap::new();
        let (mut arrived, mut gone) = (BTreeMap::new(), BTreeSet::new());
        for (name, installed) in state.iter().filter(|(_, installed)| installed.source == *self.source.name())
        {
            let there = others.remove(name);
            let is_guarded = installed.guarded;
            let meta = match skills::find(store, name) {
                Ok(meta) => meta,
                Err(error) => {
                    damaged.insert(name.clone(), error);
                    held.insert(
                        name.clone(),
                        Held { published: None, standing: Standing::Pinned, is_guarded },
                    );
                    continue;
                }
            };
            let is_listed = found.index.entry(name).is_some();
            let is_marked = meta.as_ref().is_some_and(|meta| meta.state == State::PendingRemove);
            match (installed.state, there) {
                (Noted::Pending, _) if !is_listed && (!there || is_marked) => {
                    gone.insert(name.clone());
                    continue;
                }
                (Noted::Pending, false) => continue,
                (Noted::Removed, _) | (_, false) => {
                    // One that the user made anew since then is theirs.
                    if there && meta.is_some_and(|meta| meta.state == State::Active) {
                        others.insert(name.clone());
                    }
                    let standing = Standing::Removed;
                    held.insert(name.clone(), Held { published: None, standing, is_guarded: false });
                    continue;
                }
                _ => {}
            }
            let Some(meta) = meta else { continue };
            let basis = installed.basis(meta.versions());
            let entry = found.index.entry(name);
            if let Some(basis) = basis
                && !is_marked
                && installed.held.is_none()
                && (installed.state == Noted::Pending || installed.current.release != basis.release)
            {
                arrived.insert(name.clone(), basis.clone());
            }
            // Who names it wants what is listed, and that it is kept up from then on.
            let is_released = installed.held.is_some() && entry.is_some() && self.wish.ask.names(name);
            let published = basis.and_then(|basis| match entry.and_then(edition_digest) {
                Some(digest) if digest == basis.release && !is_released => entry.and_then(Entry::published),
                _ if basis.release == unverified_digest(&basis.content_hash) => None,
                // Something that no index publishes: it is not what is listed.
                _ => Some(String::new()),
            });
            let is_pristine = basis.is_some_and(|basis| basis.content_hash == meta.head().content_hash);
            let standing = match (meta.state, installed.held) {
                (State::PendingRemove, _) => Standing::Removed,
                (_, Some(_)) if !is_released => Standing::Pinned,
                _ if is_pristine => Standing::Pristine,
                _ => Standing::Edited,
            };
            held.insert(name.clone(), Held { published, standing, is_guarded });
        }
        Ok(Here { state, held, others, damaged, arrived, gone })
    }

    /// Notes what is known before anything new comes: what a run that was killed did not come to, and which skills are guarded,
    /// so that what comes later does not make the loss look small. One is until the index lists it again, or the user allows
    /// its removal.
    pub(super) fn note_known(&self, found: &Found, here: &Here, plan: &Plan) -> Result<(), Error> {
        let is_allowed = |name: &SkillName| self.bounds.pruning == Pruning::Allowed && self.prunes(name);
        let is_guarded = |name: &SkillName, was: bool| {
            plan.guarded.contains(name) || (was && found.index.entry(name).is_none() && !is_allowed(name))
        };
        let changed: Vec<(SkillName, bool)> = here
            .state
            .iter()
            .filter(|(_, installed)| installed.source == *self.source.name())
            .map(|(name, installed)| (name, installed.guarded, is_guarded(name, installed.guarded)))
            .filter(|(_, was, is)| was != is)
            .map(|(name, _, is)| (name.clone(), is))
            .collect();
        let is_nothing = changed.is_empty() && here.arrived.is_empty() && here.gone.is_empty();
        if is_nothing { Ok(()) } else { self.note(found, &changed) }
    }
}
