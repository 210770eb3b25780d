//! Doing what was planned. First the record, then skills into the store, then targets, then links; an original
//! leaves its place only when the store holds its content and its link is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_store::config::{Config, Target};
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::store::{Store, Writing};

use super::Error;
use super::adopt::{AdoptedSkill, Failure, adopt};
use super::import::Import;
use super::plan::{Agent, Plan};
use super::record::{AddedSource, AddedTarget, Adopted, Intent, Moved, Record};
use super::seats::Servers;
use super::survey::{LeftAlone, Original};
use super::swap::{Swapper, Trashed};
use crate::ops::source::import::{Imported, NewSource};
use crate::ops::sync::{self, Status, Synced};
use crate::ops::target::{TargetLine, covered, tools};
use crate::ops::write;
use crate::ui::{Exit, Report};
use crate::world::World;

/// What setup did.
#[derive(Debug, Serialize)]
pub struct Done {
    /// Never: a plan says so of itself.
    pub dry_run: bool,
    /// The store.
    pub home: String,
    /// Whether it was made now.
    pub created_store: bool,
    /// The agents found on this machine.
    pub agents: Vec<Agent>,
    /// Skills that other tools installed and that were taken over.
    pub imported: Imported,
    /// Skills that are in the store now, or have new versions there.
    pub adopted: Vec<AdoptedSkill>,
    /// Targets that were added.
    pub targets: Vec<TargetLine>,
    /// What was moved to trash.
    pub trashed: Vec<Trashed>,
    /// What was not touched.
    pub left_alone: Vec<LeftAlone>,
    /// What did not work, and why.
    pub failed: Vec<Failure>,
    /// The sync at its end; none when everything was as it should be.
    pub sync: Option<Synced>,
}

impl Done {
    /// Done, or partial when something failed, could not be read, or stands in the way and was not named.
    pub fn exit(&self) -> Exit {
        let is_named = |path: &Path| self.left_alone.iter().any(|l| Path::new(&l.path) == path);
        let is_well = |t: &sync::TargetOutcome| {
            t.status == Status::Ok && t.held.is_empty() && t.blocked.iter().all(|b| is_named(&b.path))
        };
        let is_synced = |sync: &Synced| sync.failed.is_empty() && sync.targets.iter().all(is_well);
        let unread = self.left_alone.iter().any(LeftAlone::is_failure);
        let well = self.failed.is_empty() && !unread && self.sync.as_ref().is_none_or(is_synced);
        if well { Exit::Done } else { Exit::Partial }
    }

    /// Whether everything was as it should be already.
    pub fn is_unchanged(&self) -> bool {
        self.sync.is_none()
    }

    /// What is told of a plan with nothing in it.
    pub fn nothing(plan: Plan) -> Self {
        Self {
            dry_run: false,
            home: plan.home,
            created_store: false,
            agents: plan.agents,
            imported: Imported { dry_run: false, ..plan.imported },
            adopted: Vec::new(),
            targets: Vec::new(),
            trashed: Vec::new(),
            left_alone: plan.left_alone,
            failed: Vec::new(),
            sync: None,
        }
    }
}

/// Does what was planned. `step` is called for each skill that is taken.
pub fn apply(world: &World, plan: Plan, step: &(dyn Fn() + Sync)) -> Result<Done, Error> {
    let (store, _) = Store::init(&world.store, &world.home, world.now)?;
    let mut failed = Vec::new();
    let (imported, adopted) = write(&store, |writing, index| {
        // Planned again under the mutex: another command may have come in between.
        let import = plan.import.again(world, writing.store())?;
        note(writing, world, &plan, &import)?;
        let imported = import.apply(writing, index, &mut failed)?;
        let adopted = adopt(writing, index, world, &plan, step, &mut failed)?;
        add_targets(world, writing.store(), &plan.added)?;
        Ok((imported, adopted))
    })?;
    // Under a mutex of its own: the targets that were added are in its settings now.
    let (trashed, sync) = write(&store, |writing, index| link(writing, index, world, &plan, &mut failed))?;
    Ok(Done {
        dry_run: false,
        home: plan.home,
        created_store: plan.creates_store,
        agents: plan.agents,
        imported,
        adopted,
        targets: plan.targets,
        trashed,
        left_alone: plan.left_alone,
        failed,
        sync: Some(sync),
    })
}

/// Writes down what is going to be done, before any of it is.
fn note(writing: &Writing<'_>, world: &World, plan: &Plan, import: &Import) -> Result<(), Error> {
    let layout = writing.store().layout();
    let mut record = Record::load(layout)?.unwrap_or_else(Record::new);
    record.settle(writing.store())?;
    record.begin(writing.store().now_text());
    for target in &plan.added {
        for folder in missing_folders(&target.dir(&world.home))? {
            if !record.folders.contains(&folder) {
                record.folders.push(folder);
            }
        }
        record.targets.retain(|t| t.id != target.id);
        record.targets.push(AddedTarget { id: target.id.clone(), path: target.path.clone() });
    }
    for NewSource { name, url, .. } in &import.report().sources {
        record.sources.retain(|source| source.name != *name);
        record.sources.push(AddedSource { name: name.clone(), url: url.clone() });
    }
    let mut known: BTreeMap<SkillName, Adopted> =
        std::mem::take(&mut record.adopted).into_iter().map(|a| (a.name.clone(), a)).collect();
    for (name, brought) in import.brings() {
        // What is here already without an earlier setup's doing is not setup's to take back.
        if !brought.is_here {
            let (name, contents) = (name.clone(), vec![brought.content]);
            let root = Some(brought.root).filter(|root| import.leaves(root) && root.to_str().is_some());
            let root = root.map(Path::to_owned);
            known.insert(name.clone(), Adopted { name, contents, fresh: true, came: false, root });
        }
    }
    record.intents.clear();
    for skill in &plan.skills {
        let contents: Vec<_> = skill.versions().iter().map(|v| v.hash).collect();
        if !contents.is_empty() {
            let contents = skill.here.iter().chain(&contents).copied().collect();
            record.intents.push(Intent { name: skill.name.clone(), contents });
        }
        match known.get_mut(&skill.name) {
            Some(known) if !skill.fresh => {
                // What was noted and did not come is noted anew; where somebody else made versions, that stays seen.
                if known.contents.starts_with(&skill.here) {
                    known.contents.truncate(skill.here.len());
                }
                known.contents.extend(contents);
            }
            None if contents.is_empty() => {}
            _ => {
                let (name, fresh) = (skill.name.clone(), skill.fresh);
                known.insert(name.clone(), Adopted { name, contents, fresh, came: false, root: None });
            }
        }
    }
    record.adopted = known.into_values().collect();
    note_originals(writing, plan, &mut record)?;
    fs::sync_dir(&layout.trash())?;
    record.save(layout)
}

/// Writes down where each original goes: into one entry of trash for each folder.
fn note_originals(writing: &Writing<'_>, plan: &Plan, record: &mut Record) -> Result<(), Error> {
    let layout = writing.store().layout();
    let originals: Vec<&Original> = plan.skills.iter().flat_map(|skill| &skill.originals).collect();
    // What an earlier setup wrote down and did not come to is written anew; what it moved stays noted.
    let places: BTreeSet<&Path> = originals.iter().map(|o| o.place.as_path()).collect();
    for moved in std::mem::take(&mut record.moved) {
        if !places.contains(moved.place.as_path()) || moved.is_kept(layout)? {
            record.moved.push(moved);
        }
    }
    let mut entries: BTreeMap<usize, PathBuf> = BTreeMap::new();
    for original in originals {
        let entry = match entries.get(&original.folder) {
            Some(entry) => entry,
            None => {
                let entry = writing.store().trash().entry(plan.folders[original.folder].label())?;
                entries.entry(original.folder).or_insert(entry)
            }
        };
        record.moved.push(Moved {
            name: original.name.clone(),
            place: original.place.clone(),
            kept: entry.join(original.place.file_name().unwrap_or_default()),
            tree: original.tree.id(),
            content: original.content,
            link: original.link.clone(),
            left: false,
        });
    }
    Ok(())
}

/// The folders that must be made for `dir` to be there, the outer first.
fn missing_folders(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut missing = Vec::new();
    for folder in dir.ancestors() {
        if fs::lstat(folder)?.is_some() {
            break;
        }
        missing.push(folder.to_owned());
    }
    missing.reverse();
    Ok(missing)
}

fn add_targets(world: &World, store: &Store, added: &[Target]) -> Result<(), Error> {
    if added.is_empty() {
        return Ok(());
    }
    // As it is now: the import may have added sources.
    let mut config = Config::load(&store.layout().config())?;
    for target in added {
        let dir = target.dir(&world.home);
        let missing = missing_folders(&dir)?;
        fs::make_dirs(&dir)?;
        for folder in missing.iter().rev() {
            fs::sync_dir(folder.parent().unwrap_or(folder))?;
        }
        if config.target(&target.id).is_none() {
            config.add_target(target)?;
        }
    }
    Ok(config.save()?)
}

/// Links every target, and lets each original's link take its place.
fn link(
    writing: &Writing<'_>,
    index: &mut Index,
    world: &World,
    plan: &Plan,
    failed: &mut Vec<Failure>,
) -> Result<(Vec<Trashed>, Synced), Error> {
    let store = writing.store();
    let layout = store.layout();
    let mut record = Record::load(layout)?.unwrap_or_else(Record::new);
    let first = sync::apply(world, writing, index)?;
    let seats = store.config().targets();
    let covered = covered(world, seats, &tools(layout.root())?)?;
    let mut swapper = Swapper::new(writing, Servers { world, seats, covered: &covered }, plan);
    // First those whose link comes to their own place, then those that are served from elsewhere.
    let (own, elsewhere): (Vec<&Original>, Vec<&Original>) =
        plan.skills.iter().flat_map(|skill| &skill.originals).partition(|o| swapper.seat(o).is_some());
    // Of two that stood at one place the last one is there now.
    let moves: BTreeMap<&Path, &Moved> = record.moved.iter().map(|m| (m.place.as_path(), m)).collect();
    for original in own.into_iter().chain(elsewhere) {
        let Some(moved) = moves.get(original.place.as_path()) else { continue };
        if let Err(e) = swapper.swap(index, original, moved) {
            let path = original.place.display().to_string();
            failed.push(Failure { skill: original.name.clone(), path, error: Report::of(&e) });
        }
    }
    let trashed = swapper.finish()?;
    let sync = if trashed.is_empty() { first } else { second(world, writing, index, first)? };
    record.end(store)?;
    record.save(layout)?;
    Ok((trashed, sync))
}

/// With the originals gone, what was blocked is not any more.
fn second(world: &World, writing: &Writing<'_>, index: &mut Index, first: Synced) -> Result<Synced, Error> {
    let mut sync = sync::apply(world, writing, index)?;
    for (now, before) in sync.targets.iter_mut().zip(first.targets) {
        let freed = before.blocked.into_iter().map(|b| b.skill);
        let freed = freed.filter(|name| !now.blocked.iter().any(|b| b.skill == *name));
        let placed: BTreeSet<SkillName> =
            before.placed.into_iter().chain(freed).chain(now.placed.drain(..)).collect();
        now.placed = placed.into_iter().collect();
        now.pruned.extend(before.pruned);
    }
    sync.built_in = first.built_in;
    sync.removed.extend(first.removed);
    Ok(sync)
}
