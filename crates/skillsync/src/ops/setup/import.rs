//! What other tools installed and noted: taken over before the skills in the agents' folders are, so that what comes from
//! an index is followed, not adopted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use skillsync_core::fault::{Fault as _, Kind, with_causes};
use skillsync_core::name::SkillName;
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::store::{Store, Writing};

use super::adopt::Failure;
use super::record::Record;
use super::survey::{LeftAlone, NOT_READABLE, Original};
use super::{Error, Lists};
use crate::ops::source::import::{self, Ask, Brought, Imported, Outcome, Plan, Stored};
use crate::world::World;

/// The part of setup that is an import.
#[derive(Debug)]
pub(super) struct Import {
    ask: Ask,
    plan: Plan,
    /// The agents' folders that setup takes skills from anyway, by what they lead to.
    adopting: BTreeSet<PathBuf>,
    /// How skills that are adopted came to this machine, by their folders, where a list says so.
    reasons: BTreeMap<PathBuf, String>,
    /// Lists of the project that the current folder is, which bring skills if they are asked for.
    offered: Vec<String>,
}

impl Import {
    /// What `lists` on this machine come to, and what of them is left alone because it does not read.
    pub(super) fn plan(
        world: &World,
        store: Option<&Store>,
        record: Option<&Record>,
        lists: Lists,
    ) -> Result<(Self, Vec<LeftAlone>), Error> {
        let candidates = match lists {
            Lists::None => Vec::new(),
            Lists::Home => import::found(world),
            // The user's own count before those of a project, which may be a stranger's.
            Lists::HomeAndHere => [import::found(world), import::found_here(world)].concat(),
        };
        let known = record.map(Record::taken).unwrap_or_default();
        let unsettled = record.map(Record::unsettled).unwrap_or_default();
        let (mut ask, mut left_alone) = (Ask { known, unsettled, ..Ask::default() }, Vec::new());
        for path in candidates {
            match import::read(&path, None) {
                Ok(_) => ask.lists.push(path),
                Err(e) => {
                    let reason = if e.kind() == Kind::Io { NOT_READABLE } else { "not-a-list" };
                    left_alone.push(LeftAlone::new(&path, reason, with_causes(&e), e.hint()));
                }
            }
        }
        let plan = import::plan(world, store, &ask)?;
        let offered = match lists {
            Lists::Home => import::offered(world, store, &plan, &ask.known)?,
            Lists::None | Lists::HomeAndHere => Vec::new(),
        };
        let (adopting, reasons) = (BTreeSet::new(), BTreeMap::new());
        Ok((Self { ask, plan, adopting, reasons, offered }, left_alone))
    }

    /// The same, decided anew from what the store holds now, and no more.
    pub(super) fn again(&self, world: &World, store: &Store) -> Result<Self, Error> {
        let mut plan = import::plan(world, Some(store), &self.ask)?;
        let reasons = plan.hand_over(&self.adopting);
        plan.keep_to(&self.plan)?;
        let (ask, adopting, offered) = (self.ask.clone(), self.adopting.clone(), self.offered.clone());
        Ok(Self { ask, plan, adopting, reasons, offered })
    }

    /// Hands what would only be added over to setup, which takes it from where it stands; the rest that a list names and that
    /// cannot be taken is left alone.
    pub(super) fn hand_over(&mut self, originals: &[Original]) -> Result<Vec<LeftAlone>, Error> {
        for original in originals.iter().filter(|original| original.link.is_none()) {
            self.adopting.extend(fs::real_path(&original.place)?);
        }
        self.reasons = self.plan.hand_over(&self.adopting);
        let failed = self.plan.report.skills().filter(|(_, skill)| skill.outcome == Outcome::Failed);
        let left = |(list, skill): (&import::ImportedList, &import::ImportedSkill)| {
            let error = skill.error.as_ref()?;
            let reason = if error.kind == "io" { NOT_READABLE } else { "not-importable" };
            let message = format!("`{}`: {}", skill.skill, error.message);
            Some(LeftAlone::new(Path::new(&list.path), reason, message, error.hint.clone()))
        };
        Ok(failed.filter_map(left).collect())
    }

    /// How the skill in the folder `root` came to this machine, where a list says so.
    pub(super) fn reason(&self, root: &Path) -> Option<&str> {
        let real = fs::real_path(root).ok().flatten()?;
        self.reasons.get(&real).map(String::as_str)
    }

    /// Lists of the project that the current folder is, which bring skills if they are asked for.
    pub(super) fn offered(&self) -> &[String] {
        &self.offered
    }

    /// Whether it brings nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// What is told of it.
    pub(super) fn report(&self) -> &Imported {
        &self.plan.report
    }

    /// Whether the folder `root` of another tool stays where it is, and is no agent's that makes way for a link.
    pub(super) fn leaves(&self, root: &Path) -> bool {
        !self.adopting.contains(root)
    }

    /// The skills that it brings.
    pub(super) fn brings(&self) -> BTreeMap<&SkillName, Brought<'_>> {
        self.plan.brings()
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
        let brought = self.plan.brings().into_iter();
        let coming: Vec<_> = brought.map(|(name, one)| (one.at, name.clone(), one.root.to_owned())).collect();
        let imported = self.plan.apply(writing, index)?;
        for ((list, skill), name, root) in coming {
            if let Some(error) = imported.lists[list].skills[skill].error.clone() {
                failed.push(Failure { skill: name, path: root.display().to_string(), error });
            }
        }
        Ok(imported)
    }
}
