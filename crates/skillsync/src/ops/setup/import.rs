//! What other tools installed and noted: taken over before the skills in the agents' folders are, so that what comes from
//! an index is followed, not adopted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault as _, Kind, with_causes};
use skillsync_core::name::SkillName;
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::store::{Store, Writing};

use super::Error;
use super::adopt::Failure;
use super::survey::{LeftAlone, NOT_READABLE, Survey};
use crate::ops::source::import::{self, Imported, Plan, Stored};
use crate::world::World;

/// The part of setup that is an import.
#[derive(Debug)]
pub(super) struct Import {
    lists: Vec<PathBuf>,
    plan: Plan,
    /// Agents' folders that setup takes anyway: what would only be added from there is left to it.
    left: BTreeSet<PathBuf>,
    /// How the skills that are left came to this machine.
    reasons: BTreeMap<SkillName, String>,
}

impl Import {
    /// What the lists found on this machine come to; nothing unless `wanted`. A list that does not read is left alone.
    pub(super) fn plan(
        world: &World,
        store: Option<&Store>,
        wanted: bool,
    ) -> Result<(Self, Vec<LeftAlone>), Error> {
        let (mut lists, mut unread) = (Vec::new(), Vec::new());
        for path in if wanted { import::found(world)? } else { Vec::new() } {
            match import::check(&path) {
                Ok(()) => lists.push(path),
                Err(e) => {
                    let reason = if e.kind() == Kind::Io { NOT_READABLE } else { "not-a-list" };
                    unread.push(LeftAlone::new(&path, reason, with_causes(&e), e.hint()));
                }
            }
        }
        let plan = import::plan(world, store, &lists, None)?;
        Ok((Self { lists, plan, left: BTreeSet::new(), reasons: BTreeMap::new() }, unread))
    }

    /// The same, decided anew from what the store holds now, and no more.
    pub(super) fn again(&self, world: &World, store: &Store) -> Result<Self, Error> {
        let mut plan = import::plan(world, Some(store), &self.lists, None)?;
        plan.keep_to(&self.plan.report)?;
        let mut again =
            Self { lists: self.lists.clone(), plan, left: self.left.clone(), reasons: BTreeMap::new() };
        again.reasons = again.plan.leave(&again.left);
        Ok(again)
    }

    /// Leaves what setup takes anyway to it.
    pub(super) fn leave(&mut self, survey: &Survey) -> Result<(), Error> {
        for original in survey.originals.iter().filter(|original| original.link.is_none()) {
            self.left.extend(fs::real_path(&original.place)?);
        }
        self.reasons = self.plan.leave(&self.left);
        Ok(())
    }

    /// How a skill that was left came to this machine, where a list says so.
    pub(super) fn reason(&self, name: &SkillName) -> Option<&str> {
        self.reasons.get(name).map(String::as_str)
    }

    /// Whether it brings nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// What is told of it.
    pub(super) fn report(&self) -> &Imported {
        &self.plan.report
    }

    /// The skills that it brings with their contents, and the folders that they come from.
    pub(super) fn contents(&self) -> BTreeMap<&SkillName, (ContentHash, &Path)> {
        self.plan.contents()
    }

    /// The folders of other tools whose content the store will hold.
    pub(super) fn stored(&self) -> &BTreeMap<PathBuf, Stored> {
        self.plan.stored()
    }

    /// Does it; what does not come though it was to is among `failed` then.
    pub(super) fn apply(
        self,
        writing: &Writing<'_>,
        index: &mut Index,
        failed: &mut Vec<Failure>,
    ) -> Result<Imported, Error> {
        let contents = self.plan.contents();
        let roots: Vec<_> =
            contents.into_iter().map(|(name, (_, root))| (name.clone(), root.to_owned())).collect();
        let imported = self.plan.apply(writing, index)?;
        for row in imported.lists.iter().flat_map(|list| &list.skills) {
            let coming = roots.iter().find(|(name, _)| name.as_str() == row.skill);
            if let (Some((skill, root)), Some(error)) = (coming, &row.error) {
                let (skill, path) = (skill.clone(), root.display().to_string());
                failed.push(Failure { skill, path, error: error.clone() });
            }
        }
        Ok(imported)
    }
}
