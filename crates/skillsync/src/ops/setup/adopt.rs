//! Taking the planned skills into the store: each content that it lacks becomes a version.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Origin, Source};
use skillsync_store::config::path_text;
use skillsync_store::index::Index;
use skillsync_store::objects::Batch;
use skillsync_store::parallel;
use skillsync_store::skills::{self, Change, Staged};
use skillsync_store::store::{Store, Transaction, Writing};

use super::import::Import;
use super::plan::Plan;
use super::skill::{At, Skill, Variant};
use super::{Error, refuse};
use crate::ops::source::import::payload;
use crate::ui::Report;
use crate::world::World;

/// One thing that did not work.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// The skill.
    pub skill: SkillName,
    /// Where it stands.
    pub path: String,
    /// Why.
    pub error: Report,
}

/// A skill that was taken.
#[derive(Debug, Serialize)]
pub struct AdoptedSkill {
    /// Its name.
    pub name: SkillName,
    /// Its newest version.
    pub version: u32,
    /// Where it stood.
    pub from: Vec<String>,
}

/// Takes the skills into the store. A name with several contents takes a round for each: versions follow each other.
pub(super) fn adopt(
    writing: &Writing<'_>,
    index: &mut Index,
    world: &World,
    plan: &Plan,
    step: &(dyn Fn() + Sync),
    failed: &mut Vec<Failure>,
) -> Result<Vec<AdoptedSkill>, Error> {
    let mut adopted: BTreeMap<SkillName, u32> = BTreeMap::new();
    let mut given_up: BTreeSet<SkillName> = BTreeSet::new();
    let versions: Vec<(&Skill, Vec<&Variant>)> = plan.skills.iter().map(|s| (s, s.versions())).collect();
    for round in 0.. {
        let todo: Vec<(&Skill, &Variant)> = versions
            .iter()
            .filter(|(skill, _)| !given_up.contains(&skill.name))
            .filter_map(|(skill, versions)| Some((*skill, *versions.get(round)?)))
            .collect();
        if todo.is_empty() {
            break;
        }
        let transaction = writing.transaction()?;
        let batch = Batch::new(writing.store().layout(), transaction.dir())?;
        let staged = parallel::map(&todo, |(skill, variant)| {
            step();
            stage(writing.store(), &transaction, &batch, skill, variant, round)
        });
        let (mut changes, mut of) = (Vec::new(), Vec::new());
        for ((skill, variant), staged) in todo.into_iter().zip(staged) {
            match staged {
                Ok(staged) => {
                    changes.push(change(world, skill, variant, staged, &plan.import));
                    of.push(skill);
                }
                Err(e) => fail(&mut given_up, failed, skill, &e),
            }
        }
        for (skill, result) in
            of.into_iter().zip(skills::advance(writing, &transaction, batch, index, changes)?)
        {
            match result {
                Ok(advanced) => {
                    adopted.insert(advanced.name, advanced.version.number);
                }
                Err(e) => fail(&mut given_up, failed, skill, &e.into()),
            }
        }
        transaction.finish()?;
    }
    let of: BTreeMap<&SkillName, &Skill> = plan.skills.iter().map(|skill| (&skill.name, skill)).collect();
    let from = |name: &SkillName| -> Vec<String> {
        let originals = of.get(name).map(|skill| skill.originals.as_slice()).unwrap_or_default();
        originals.iter().map(|o| o.place.display().to_string()).collect()
    };
    Ok(adopted.into_iter().map(|(name, version)| AdoptedSkill { from: from(&name), name, version }).collect())
}

fn fail(given_up: &mut BTreeSet<SkillName>, failed: &mut Vec<Failure>, skill: &Skill, error: &Error) {
    given_up.insert(skill.name.clone());
    let path = skill.originals.first().map(|o| o.place.display().to_string()).unwrap_or_default();
    failed.push(Failure { skill: skill.name.clone(), path, error: Report::of(error) });
}

fn stage(
    store: &Store,
    transaction: &Transaction,
    batch: &Batch<'_>,
    skill: &Skill,
    variant: &Variant,
    round: usize,
) -> Result<Staged, Error> {
    let changed = |what: &str| {
        let message = format!("`{}` {what} since the plan was made", skill.name);
        refuse(Kind::Conflict, "plan-outdated", message, "run skillsync setup again")
    };
    if round == 0 {
        let now = skills::find(store, &skill.name)?;
        let now = now.iter().flat_map(|meta| meta.versions()).map(|version| version.content_hash);
        if !now.eq(skill.here.iter().copied()) {
            return Err(changed("changed in the store"));
        }
    }
    let staged = match &variant.at {
        At::Folder(root) if skill.is_noted(root) => {
            skills::stage_payload(transaction, batch, &skill.name, &payload(root)?)?
        }
        At::Folder(root) => skills::stage_folder(transaction, batch, &skill.name, root)?,
        At::Store | At::Import(_) => {
            let meta = skills::load(store, &skill.name)?;
            let known = meta.versions().iter().rev().find(|v| v.content_hash == variant.hash);
            let version = known.ok_or_else(|| changed("lost a version"))?;
            let tree = store.objects().tree(&version.tree)?;
            skills::stage_tree(transaction, store.objects(), &skill.name, &tree)?
        }
    };
    if staged.tree.content_hash() == variant.hash { Ok(staged) } else { Err(changed("has changed")) }
}

fn change(world: &World, skill: &Skill, variant: &Variant, staged: Staged, import: &Import) -> Change {
    let holders = skill.originals.iter().filter(|o| o.content == variant.hash);
    let mut folders: Vec<String> =
        holders.filter_map(|o| Some(path_text(o.place.parent()?, &world.home))).collect();
    folders.dedup();
    let (origin, reason) = match &variant.at {
        At::Folder(root) => {
            let found = format!("found in {}", folders.join(", "));
            (Origin::Add, import.reason(root).map_or(found.clone(), |how| format!("{found}, {how}")))
        }
        At::Store | At::Import(_) => (Origin::Rollback, "stays current: chosen in setup".to_owned()),
    };
    Change { reason: Some(reason), ..Change::new(staged, origin, Source::Imported) }
}
