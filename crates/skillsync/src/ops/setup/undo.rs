//! Taking setup back: originals return to their places, the targets it added go, and the skills it took leave the
//! store unless somebody worked on them since. Nothing that is there now is overwritten; what cannot return stays
//! noted, and the next undo tries again.

mod parting;
mod returns;

use std::collections::BTreeSet;

use serde::Serialize;
use skillsync_core::fault::{Fault, Kind, with_causes};
use skillsync_core::name::{SkillName, SourceName, TargetId};
use skillsync_store::config::{SourceConfig, Target};
use skillsync_store::index::{Index, Key};
use skillsync_store::installed::{self, InstallState};
use skillsync_store::skills;
use skillsync_store::store::{Store, Writing};
use skillsync_store::targets::Extent;
use skillsync_store::tools::Mode;
use skillsync_store::{fs, targets};

use super::moves::{Back, Touched, give_back};
use super::record::{Moved, Record};
use super::{Error, Refusal};
use crate::ops::source;
use crate::ops::sync::{self, Synced};
use crate::ops::{open, write};
use crate::ui::Exit;
use crate::world::World;
pub use parting::Kept;
use parting::{Parting, orphans};
use returns::way_back;
pub use returns::{NotRestored, Restored};

/// What an undo would do.
#[derive(Debug, Serialize)]
pub struct UndoPlan {
    /// Whether nothing is done because only the plan was asked for.
    pub dry_run: bool,
    /// The store.
    pub home: String,
    /// Places that get their originals back.
    pub restore: Vec<String>,
    /// What cannot return, as things stand.
    pub not_restored: Vec<NotRestored>,
    /// Targets that are taken out of the settings.
    pub targets: Vec<TargetId>,
    /// Sources that are forgotten.
    pub sources: Vec<SourceName>,
    /// Skills that leave the store for trash.
    pub remove: Vec<SkillName>,
    /// Skills that stay in the store.
    pub keep: Vec<Kept>,
}

/// What an undo did.
#[derive(Debug, Serialize)]
pub struct Undone {
    /// Never: a plan says so of itself.
    pub dry_run: bool,
    /// The store.
    pub home: String,
    /// What is back where it stood.
    pub restored: Vec<Restored>,
    /// What could not return.
    pub not_restored: Vec<NotRestored>,
    /// Targets that were taken out of the settings.
    pub targets: Vec<TargetId>,
    /// Sources that were forgotten.
    pub sources: Vec<SourceName>,
    /// Skills that left the store for trash.
    pub removed: Vec<SkillName>,
    /// Skills that stayed in the store.
    pub kept: Vec<Kept>,
    /// The sync of the targets that are left; none when there are none.
    pub sync: Option<Synced>,
}

impl Undone {
    /// Done, or partial when something could not return, or could not be looked at.
    pub fn exit(&self) -> Exit {
        let is_done = self.not_restored.is_empty() && !self.kept.iter().any(|kept| kept.is_open);
        if is_done { Exit::Done } else { Exit::Partial }
    }
}

/// The record of a setup that is taken back.
fn load(store: &Store) -> Result<Record, Error> {
    let mut record = Record::load(store.layout())?.ok_or_else(|| Refusal {
        kind: Kind::NotFound,
        code: "nothing-to-undo",
        message: "there is no setup to undo".to_owned(),
        hint: Some("`skillsync setup` takes the skills of your agents into the store".to_owned()),
    })?;
    record.recall(store)?;
    Ok(record)
}

/// Finds out what an undo would do. Changes nothing.
pub fn undo_plan(world: &World) -> Result<UndoPlan, Error> {
    let store = open(world)?;
    let record = load(&store)?;
    let index = Index::load(store.layout());
    refuse_edited(&store, &index, &record)?;
    let (mut restore, mut not_restored) = (Vec::new(), Vec::new());
    let mut taken = BTreeSet::new();
    for moved in record.moved.iter().rev() {
        if taken.contains(&moved.place) {
            not_restored.push(NotRestored::in_the_way(&store, moved)?);
            continue;
        }
        match way_back(&store, &index, moved)? {
            Ok((Back::FromTrash | Back::FromHistory, _)) => {
                taken.insert(&moved.place);
                restore.push(moved.place.display().to_string());
            }
            Ok(_) => {}
            Err(left) => not_restored.push(left),
        }
    }
    restore.reverse();
    let Parting { leaving, mut keep } = Parting::decide(&store, &index, &record, &not_restored)?;
    let targets = ours(&store, &record).map(|t| t.id.clone()).collect();
    let sources: Vec<SourceName> = added_sources(&store, &record).cloned().collect();
    keep.extend(orphans(&InstallState::load(store.layout())?, &sources, &leaving, &keep));
    let home = world.store.display().to_string();
    Ok(UndoPlan { dry_run: false, home, restore, not_restored, targets, sources, remove: leaving, keep })
}

/// The targets that setup added and nobody pointed elsewhere since.
fn ours<'s>(store: &'s Store, record: &'s Record) -> impl Iterator<Item = &'s Target> {
    let is_ours = |t: &&Target| record.targets.iter().any(|added| added.id == t.id && added.path == t.path);
    store.config().targets().iter().filter(is_ours)
}

/// The sources that setup added and nobody pointed elsewhere since.
fn added_sources<'s>(store: &'s Store, record: &'s Record) -> impl Iterator<Item = &'s SourceName> {
    let is_ours = |source: &&SourceConfig| {
        record.sources.iter().any(|added| added.name == source.name && added.url == source.url)
    };
    store.config().sources().iter().filter(is_ours).map(|source| &source.name)
}

/// An edit made where an agent loads a skill lives there alone, and so does a file that was added: it is settled
/// before links and copies go.
fn refuse_edited(store: &Store, index: &Index, record: &Record) -> Result<(), Error> {
    let adopted = record.adopted.iter().map(|a| &a.name);
    let mut names: BTreeSet<SkillName> =
        adopted.chain(record.moved.iter().map(|m| &m.name)).cloned().collect();
    // Targets that go lose the links to all skills, also to those that came later.
    for target in ours(store, record) {
        let linked = fs::entries(&store.layout().rendered_target(&target.id))?.unwrap_or_default();
        names.extend(linked.iter().filter_map(|entry| SkillName::parse(entry.to_str()?).ok()));
        if target.mode == Mode::Copy {
            let entries = fs::optional(fs::entries(&target.dir(store.home())))?.flatten().unwrap_or_default();
            names.extend(entries.iter().filter_map(|entry| SkillName::parse(entry.to_str()?).ok()));
        }
    }
    for name in &names {
        let Some(place) = targets::edits(store, index, name)?.into_iter().next() else { continue };
        let what = match place.extent {
            Extent::Changed => format!("what an agent loads of `{name}` was edited since setup"),
            Extent::Added => format!("files were added beside what an agent loads of `{name}`"),
        };
        return Err(Refusal {
            kind: Kind::Conflict,
            code: "hand-edited",
            message: format!("{what}: `{}`", place.root.display()),
            hint: Some(format!(
                "`skillsync adopt {name}` keeps the edit as a version, `skillsync adopt {name} --discard` drops it; \
                 then undo again"
            )),
        }
        .into());
    }
    Ok(())
}

/// Takes setup back. Cut off anywhere, it can be run again.
pub fn undo(world: &World) -> Result<Undone, Error> {
    let store = open(world)?;
    let mut undone = Undone {
        dry_run: false,
        home: world.store.display().to_string(),
        restored: Vec::new(),
        not_restored: Vec::new(),
        targets: Vec::new(),
        sources: Vec::new(),
        removed: Vec::new(),
        kept: Vec::new(),
        sync: None,
    };
    write(&store, |writing, index| {
        let store = writing.store();
        let mut record = load(store)?;
        refuse_edited(store, index, &record)?;
        record.save(store.layout())?;
        restore(writing, index, &mut record.moved, &mut undone)?;
        // What is back is not missed any more, should a setup go on from here.
        record.save(store.layout())?;
        remove_targets(writing, index, &record, &mut undone)?;
        // Before the skills: what is followed would come again.
        let followed = InstallState::load(store.layout())?;
        for name in added_sources(store, &record) {
            undone.sources.push(source::remove(writing, name)?.name);
        }
        remove_skills(writing, index, &record, &mut undone)?;
        let orphans = orphans(&followed, &undone.sources, &undone.removed, &undone.kept);
        undone.kept.extend(orphans);
        forget_removed(store, &record)
    })?;
    // Under a mutex of its own: it works with the settings as they are now.
    write(&store, |writing, index| {
        if !writing.store().config().targets().is_empty() {
            undone.sync = Some(sync::apply(world, writing, index)?);
        }
        finish(writing.store(), &undone)
    })?;
    Ok(undone)
}

fn restore(
    writing: &Writing<'_>,
    index: &Index,
    moved: &mut [Moved],
    undone: &mut Undone,
) -> Result<(), Error> {
    let transaction = writing.transaction()?;
    let mut touched = Touched::default();
    // The last one first: of two that stood at one place it is the one that stood there last.
    for entry in moved.iter_mut().rev() {
        let way = match way_back(writing.store(), index, entry)? {
            Ok(way) => way,
            Err(left) => {
                undone.not_restored.push(left);
                continue;
            }
        };
        match give_back(writing, &transaction, entry, way, &mut touched) {
            Ok(()) => {
                entry.left = false;
                let from = if way.0 == Back::FromTrash { "trash" } else { "history" };
                if way.0 != Back::WasThere {
                    undone.restored.push(Restored { path: entry.place.display().to_string(), from });
                }
            }
            // A full or broken disk will refuse the rest as well, and says so best itself.
            Err(e) if e.kind() == Kind::Io && matches!(e, Error::Fs(_)) => return Err(e),
            Err(e) => undone.not_restored.push(NotRestored::new(writing.store(), entry, with_causes(&e))?),
        }
    }
    touched.sync()?;
    undone.restored.reverse();
    Ok(transaction.finish()?)
}

fn remove_targets(
    writing: &Writing<'_>,
    index: &mut Index,
    record: &Record,
    undone: &mut Undone,
) -> Result<(), Error> {
    let store = writing.store();
    let transaction = writing.transaction()?;
    let mut config = store.config().clone();
    for target in ours(store, record) {
        let cleared = targets::clear(writing, &transaction, index, target)?;
        if !cleared.held.is_empty() {
            // Edited this very moment: it stays a target, and `sync` names the edit.
            continue;
        }
        config.remove_target(&target.id)?;
        undone.targets.push(target.id.clone());
    }
    transaction.finish()?;
    if !undone.targets.is_empty() {
        config.save()?;
    }
    for folder in record.folders.iter().rev() {
        fs::remove_dir_if_empty(folder)?;
    }
    Ok(())
}

/// Skills that are as setup took them go to trash, with what was observed of them.
fn remove_skills(
    writing: &Writing<'_>,
    index: &mut Index,
    record: &Record,
    undone: &mut Undone,
) -> Result<(), Error> {
    let store = writing.store();
    let layout = store.layout();
    let Parting { leaving, keep } = Parting::decide(store, index, record, &undone.not_restored)?;
    undone.kept.extend(keep);
    for name in leaving {
        let entry = store.trash().entry(name.as_str())?;
        let log = layout.log(&name);
        if fs::lstat(&log)?.is_some() {
            fs::relocate(&log, &entry.join(log.file_name().unwrap_or_default()))?;
        }
        fs::relocate(&layout.skill(&name), &entry.join(name.as_str()))?;
        fs::sync_dir(&entry)?;
        for key in [Key::Skill(name.as_str()), Key::Rendered(name.as_str()), Key::Log(name.as_str())] {
            index.remove(key);
        }
        undone.removed.push(name);
    }
    fs::sync_dir(&layout.trash())?;
    fs::sync_dir(&layout.logs())?;
    Ok(fs::sync_dir(&layout.skills())?)
}

/// What is noted of skills from a source goes with those that left, unless it says that they are not to come again.
fn forget_removed(store: &Store, record: &Record) -> Result<(), Error> {
    let mut gone = Vec::new();
    for adopted in record.adopted.iter().filter(|a| a.fresh) {
        if matches!(skills::find(store, &adopted.name), Ok(None)) {
            gone.push(&adopted.name);
        }
    }
    Ok(InstallState::amend(store.layout(), |state| {
        for name in gone {
            if state.get(name).is_some_and(|installed| installed.state != installed::Standing::Removed) {
                state.remove(name);
            }
        }
    })?)
}

/// The record goes when all is back that is somewhere; else it keeps what is not, and what the next undo decides about.
fn finish(store: &Store, undone: &Undone) -> Result<(), Error> {
    let layout = store.layout();
    let Some(mut record) = Record::load(layout)? else { return Ok(()) };
    record.moved.retain(|m| undone.not_restored.iter().any(|left| left.is_of(m) && !left.lost));
    record.moved.iter_mut().for_each(|m| m.left = true);
    let is_open = |name: &SkillName| undone.kept.iter().any(|kept| kept.is_open && kept.name == *name);
    record.adopted.retain(|a| is_open(&a.name) || record.moved.iter().any(|m| m.name == a.name));
    if record.moved.is_empty() && record.adopted.is_empty() {
        return Record::remove(layout);
    }
    record.targets.clear();
    record.sources.clear();
    record.folders.clear();
    record.end(store)?;
    record.save(layout)
}
