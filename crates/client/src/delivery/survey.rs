//! What is here of the names that a plan is about: the index answers where nothing is to be done.

use std::collections::{BTreeMap, BTreeSet};

use skillsync_core::name::SkillName;
use skillsync_core::skill::Source;
use skillsync_store::config::SourceConfig;
use skillsync_store::index::Index;
use skillsync_store::installed::{InstallState, Release, Standing};
use skillsync_store::store::Store;
use skillsync_store::{parallel, skills};
use skillsync_wire::manifest::Manifest;
use skillsync_wire::trust::Advised;

use super::Error;
use crate::plan::{self, Ask, Here, Local, Step};

/// What is here of every name that a plan is about.
#[derive(Debug)]
pub struct Survey {
    state: InstallState,
    local: BTreeMap<SkillName, Local>,
    pins: BTreeMap<SkillName, u64>,
    moved: BTreeMap<SkillName, Release>,
    unread: BTreeMap<SkillName, Error>,
}

impl Survey {
    /// Looks at what is installed, and at what else there is of the names that the manifest lists.
    pub fn of(store: &Store, index: &Index, advised: &Advised) -> Result<Self, Error> {
        let (mut state, manifest) = (InstallState::load(store.layout())?, advised.manifest());
        let there: BTreeSet<SkillName> = skills::names(store.layout())?.into_iter().collect();
        let listed = manifest.skills.iter().map(|entry| &entry.slug);
        let names: BTreeSet<&SkillName> = listed.chain(state.iter().map(|(name, _)| name)).collect();
        let names: Vec<&SkillName> = names.into_iter().filter(|name| there.contains(*name)).collect();
        let look = |name: &&SkillName| -> Result<(Local, Option<Release>), Error> {
            let entry = manifest.skill(name).map(|entry| entry.release.sha256);
            let known = state.get(name);
            let installed = known.filter(|installed| installed.state == Standing::Installed);
            // Where nothing is to be done, its mark is all that counts, and the index knows that.
            if let Some(installed) = installed.filter(|known| Some(known.current.release) == entry)
                && let Some(head) = skills::head(store, index, name)?
                && head.tree == installed.current.tree
            {
                return Ok((Local::Present { source: Source::Hub, state: head.state }, None));
            }
            let Some(meta) = skills::find(store, name)? else { return Ok((Local::Absent, None)) };
            let local = Local::Present { source: meta.source, state: meta.state };
            let known = known.filter(|known| known.state != Standing::Removed && meta.source == Source::Hub);
            let basis = known.and_then(|known| known.basis(meta.versions()));
            let moved =
                basis.filter(|basis| known.is_some_and(|known| known.current.release != basis.release));
            Ok((local, moved.cloned()))
        };
        let (mut local, mut moved, mut unread) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (name, found) in names.iter().zip(parallel::map(&names, look)) {
            match found {
                Ok((found, release)) => {
                    local.insert((*name).clone(), found);
                    moved.extend(release.map(|release| ((*name).clone(), release)));
                }
                // One record that does not read is that skill's failure, and no reason to leave the others as they are.
                Err(error) => drop(unread.insert((*name).clone(), error)),
            }
        }
        for (name, release) in &moved {
            if let Some(installed) = state.get_mut(name) {
                installed.current = release.clone();
            }
        }
        let pins = advised.state().skills.iter().map(|(name, mark)| (name.clone(), mark.pin_seq)).collect();
        Ok(Self { state, local, pins, moved, unread })
    }

    /// What is installed, by what the skills are made of.
    pub fn state(&self) -> &InstallState {
        &self.state
    }

    /// What is to be done about each skill that is concerned; and of those whose record does not read, so that nothing can
    /// be planned for them, why. Those are handed out once.
    pub(crate) fn steps(
        &mut self,
        config: &SourceConfig,
        ask: &Ask,
        manifest: &Manifest,
    ) -> (BTreeMap<SkillName, Step>, BTreeMap<SkillName, Error>) {
        let mut steps = plan::plan(config, ask, manifest, &self.here());
        let mut unread = std::mem::take(&mut self.unread);
        unread.retain(|slug, _| steps.remove(slug).is_some());
        (steps, unread)
    }

    /// The release that a skill is made of, where another one is noted: a run was killed before it noted what it did.
    pub(crate) fn moved(&self) -> &BTreeMap<SkillName, Release> {
        &self.moved
    }

    /// What a plan is made of.
    fn here(&self) -> BTreeMap<SkillName, Here<'_>> {
        let names: BTreeSet<&SkillName> =
            self.local.keys().chain(self.state.iter().map(|(name, _)| name)).collect();
        let here = |name: &SkillName| {
            let pin_seq = self.pins.get(name).copied().unwrap_or(0);
            let local = self.local.get(name).copied().unwrap_or(Local::Absent);
            (name.clone(), Here { installed: self.state.get(name), local, pin_seq })
        };
        names.into_iter().map(here).collect()
    }
}
