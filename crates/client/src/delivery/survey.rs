//! What is here of the names that a plan is about: the index answers where nothing is to be done.

use std::collections::{BTreeMap, BTreeSet};

use skillsync_core::name::SkillName;
use skillsync_core::skill::Source;
use skillsync_store::index::Index;
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::store::Store;
use skillsync_store::{parallel, skills};
use skillsync_wire::trust::Advised;

use super::Error;
use crate::plan::{Here, Local};

/// What is here of every name that a plan is about.
#[derive(Debug)]
pub struct Survey {
    state: InstallState,
    local: BTreeMap<SkillName, Local>,
    pins: BTreeMap<SkillName, u64>,
}

impl Survey {
    /// Looks at what is installed, and at what else there is of the names that the manifest lists.
    pub fn of(store: &Store, index: &Index, advised: &Advised) -> Result<Self, Error> {
        let (state, manifest) = (InstallState::load(store.layout())?, advised.manifest());
        let there: BTreeSet<SkillName> = skills::names(store.layout())?.into_iter().collect();
        let listed = manifest.skills.iter().map(|entry| &entry.slug);
        let names: BTreeSet<&SkillName> = listed.chain(state.iter().map(|(name, _)| name)).collect();
        let names: Vec<&SkillName> = names.into_iter().filter(|name| there.contains(*name)).collect();
        let look = |name: &&SkillName| {
            let entry = manifest.skill(name).map(|entry| entry.release.sha256);
            let installed = state.get(name).filter(|installed| installed.state == Standing::Installed);
            // Where nothing is to be done, its mark is all that counts, and the index knows that.
            if installed.is_some_and(|installed| Some(installed.current.release) == entry)
                && let Some(head) = skills::head(store, index, name)?
            {
                let local = Local::Present { source: Source::Hub, state: head.state };
                return Ok(((*name).clone(), local));
            }
            let found = skills::find(store, name)?;
            let local =
                found.map_or(Local::Absent, |meta| Local::Present { source: meta.source, state: meta.state });
            Ok::<_, Error>(((*name).clone(), local))
        };
        let local = parallel::map(&names, look).into_iter().collect::<Result<_, _>>()?;
        let pins = advised.state().skills.iter().map(|(name, mark)| (name.clone(), mark.pin_seq)).collect();
        Ok(Self { state, local, pins })
    }

    /// What is installed.
    pub fn state(&self) -> &InstallState {
        &self.state
    }

    /// What a plan is made of.
    pub fn here(&self) -> BTreeMap<SkillName, Here<'_>> {
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
