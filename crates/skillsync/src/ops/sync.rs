//! `sync`: every target is brought to what the store holds (checklist D20, decision 2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::{SkillName, TargetId};
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::config::Target;
use skillsync_store::index::{Index, Key};
use skillsync_store::render::{self, Condition, Rendering};
use skillsync_store::skills::{self, Look, Noted};
use skillsync_store::store::{Store, Transaction, Writing};
use skillsync_store::targets::{self, Extent, Installed, Occupant, Wanted};

use skillsync_store::tools::Mode;
use skillsync_store::{fs, lease, observe, parallel};

use super::target::{TargetLine, covered, tools};
use super::{Error, Refusal, write};
use crate::ui::Report;
use crate::world::World;
use housekeeping::housekeeping;

mod housekeeping;
mod report;

pub use report::{Blocked, HandEdit, Recovered, SkillFailure, Status, Struggling, Synced, TargetOutcome};

/// Syncs all targets of `store`.
pub fn sync(world: &World, store: &Store) -> Result<Synced, Error> {
    write(store, |writing, index| apply(world, writing, index))
}

/// Syncs under a mutex that is held already.
pub fn apply(world: &World, writing: &Writing<'_>, index: &mut Index) -> Result<Synced, Error> {
    let store = writing.store();
    let built_in = super::builtin::ensure(writing, index)?;
    let mut state = look(store, index)?;
    state.report.built_in = built_in;
    let transaction = LazyTransaction::new(writing);
    let failed = match state.missing.is_empty() {
        true => Vec::new(),
        false => render::write(store, transaction.get()?, index, &state.missing)?,
    };
    state.drop_failed(failed);
    let plans = plan_targets(world, store, index, &state)?;
    for (target, line, plan) in plans {
        let done = plan.and_then(|plan| {
            let transaction = transaction.get()?;
            targets::apply(writing, transaction, index, &target, plan)
        });
        state.report.targets.push(outcome(line, done));
    }
    remove_marked(writing, index, &mut state);
    state.struggling(store, index)?;
    housekeeping(writing, index, &mut state.report.warnings);
    if let Err(e) = transaction.finish() {
        state.report.warnings.push(Report::of(&e));
    }
    Ok(state.report)
}

/// What a sync would do. Changes nothing on disk.
pub fn preview(world: &World, store: &Store) -> Result<Synced, Error> {
    let mut index = Index::load(store.layout());
    let mut state = look(store, &mut index)?;
    state.report.dry_run = true;
    state.report.built_in = super::builtin::plan(store, &index)?;
    for (_, line, plan) in plan_targets(world, store, &mut index, &state)? {
        let planned = plan.map(|plan| plan.outcome().clone());
        state.report.targets.push(outcome(line, planned));
    }
    state.report.removed = std::mem::take(&mut state.marked);
    state.struggling(store, &mut index)?;
    Ok(state.report)
}

/// A transaction that is begun when the first thing needs it: a sync with nothing to do writes nothing.
struct LazyTransaction<'a, 'w> {
    writing: &'a Writing<'w>,
    begun: std::cell::OnceCell<Transaction>,
}

impl<'a, 'w> LazyTransaction<'a, 'w> {
    fn new(writing: &'a Writing<'w>) -> Self {
        Self { writing, begun: std::cell::OnceCell::new() }
    }

    fn get(&self) -> Result<&Transaction, fs::Error> {
        if let Some(begun) = self.begun.get() {
            return Ok(begun);
        }
        let begun = self.writing.transaction()?;
        Ok(self.begun.get_or_init(|| begun))
    }

    fn finish(self) -> Result<(), fs::Error> {
        self.begun.into_inner().map_or(Ok(()), Transaction::finish)
    }
}

/// What the store holds, as a sync needs it.
struct Present {
    report: Synced,
    /// Sorted by name.
    renderings: Vec<Rendering>,
    /// Renderings whose trees are to be written.
    missing: Vec<Rendering>,
    /// Skills whose state could not be read: nothing of theirs is pruned.
    unknown: BTreeSet<SkillName>,
    /// Skills to be removed.
    marked: Vec<SkillName>,
    /// Skills in quarantine: they are in no target.
    revoked: BTreeSet<SkillName>,
}

/// Looks at every skill and every rendered tree in use; the index answers what it can.
fn look(store: &Store, index: &mut Index) -> Result<Present, Error> {
    let names = skills::names(store.layout())?;
    let noted = Noted::of(store);
    let mut state = Present {
        report: Synced::default(),
        renderings: Vec::with_capacity(names.len()),
        missing: Vec::new(),
        unknown: BTreeSet::new(),
        marked: Vec::new(),
        revoked: BTreeSet::new(),
    };
    let mut active = Vec::with_capacity(names.len());
    for (name, look) in names.iter().zip(skills::look(store, index, &names)) {
        match look {
            Ok(look) => {
                look.remember(index);
                state.sort(store, look, &noted, &mut active);
            }
            Err(e) => state.fail(name, &e),
        }
    }
    state.hold_marked(store, index)?;
    let planned = parallel::map(&active, |look: &Look| {
        let (rendering, fresh) = render::plan(store, index, &look.name, look.version, look.tree)?;
        let hex = rendering.id.hex();
        let (condition, seen) =
            render::condition(index, Key::Tree(&hex), &store.layout().tree(&rendering.id))?;
        Ok::<_, skills::Error>((rendering, fresh, condition, seen))
    });
    for (look, planned) in active.iter().zip(planned) {
        match planned {
            Ok((rendering, fresh, condition, seen)) => {
                if let Some(fresh) = fresh {
                    index.set(Key::Rendered(look.name.as_str()), &fresh);
                }
                if let Some(seen) = seen {
                    seen.remember(index, Key::Tree(&rendering.id.hex()));
                }
                match condition {
                    Condition::Intact => {}
                    Condition::Missing => state.missing.push(rendering.clone()),
                    Condition::Edited(_) | Condition::Unmarked => state.report.hand_edits.push(HandEdit {
                        skill: look.name.clone(),
                        path: store.layout().tree(&rendering.id),
                    }),
                }
                state.renderings.push(rendering);
            }
            Err(e) => state.fail(&look.name, &e),
        }
    }
    // Whatever keeps what was revoked from being looked at or removed, it is in no target.
    state.revoked.extend(state.unknown.extract_if(.., |name| noted.holds(name)));
    Ok(state)
}

impl Present {
    fn sort(&mut self, store: &Store, look: Look, noted: &Noted<'_>, active: &mut Vec<Look>) {
        if look.edited {
            let path = store.layout().skill(&look.name);
            self.report.hand_edits.push(HandEdit { skill: look.name.clone(), path });
        }
        match (noted.state(&look.name, look.state), look.artifact_type) {
            (State::Active, ArtifactType::Skill) => active.push(look),
            // Targets are folders of skills.
            (State::Active, ArtifactType::Command | ArtifactType::Agent) => {}
            (State::PendingRemove, _) => self.marked.push(look.name),
            (State::Quarantined, _) => {
                self.revoked.insert(look.name);
            }
        }
    }

    /// Of a skill that is marked for removal nothing is taken away while somebody edits it, or left an edit anywhere
    /// that is neither kept nor dropped.
    fn hold_marked(&mut self, store: &Store, index: &Index) -> Result<(), Error> {
        for name in std::mem::take(&mut self.marked) {
            let edit = self.report.hand_edits.iter().find(|edit| edit.skill == name).map(|e| e.path.clone());
            let edit = match edit {
                Some(path) => Some(path),
                None => match targets::edits(store, index, &name) {
                    Ok(edits) => edits.into_iter().next().map(|place| place.root),
                    Err(e) => {
                        self.fail(&name, &e);
                        continue;
                    }
                },
            };
            if let Some(path) = edit {
                let edited = skills::Error::HandEdited { name: name.clone(), path };
                self.fail(&name, &edited);
            } else if let Err(e) = lease::require_free(store.layout(), &name) {
                self.fail(&name, &e);
            } else {
                self.marked.push(name);
            }
        }
        Ok(())
    }

    fn fail(&mut self, name: &SkillName, error: &dyn Fault) {
        self.report.failed.push(SkillFailure { skill: name.clone(), error: Report::of(error) });
        self.unknown.insert(name.clone());
    }

    /// Skills that could not be rendered are left in the targets as they are.
    fn drop_failed(&mut self, failed: Vec<(SkillName, skills::Error)>) {
        for (name, error) in failed {
            self.renderings.retain(|r| r.name != name);
            self.fail(&name, &error);
        }
    }

    fn struggling(&mut self, store: &Store, index: &mut Index) -> Result<(), Error> {
        let settings = store.config().observation();
        let logs: BTreeSet<_> =
            fs::entries(&store.layout().logs())?.unwrap_or_default().into_iter().collect();
        for rendering in &self.renderings {
            let name = &rendering.name;
            if !logs.contains(std::ffi::OsStr::new(&format!("{name}.jsonl"))) {
                continue;
            }
            let stats = match observe::stats(store.layout(), index, name) {
                Ok(stats) => stats,
                // A log that cannot be read says nothing; `doctor` names it.
                Err(_) => continue,
            };
            if let (true, Some(negative_rate)) = (stats.is_struggling(settings), stats.negative_rate()) {
                let (negative, total) = (stats.negative, stats.total());
                self.report.struggling.push(Struggling {
                    skill: name.clone(),
                    negative,
                    total,
                    negative_rate,
                });
            }
        }
        Ok(())
    }
}

type Planned = (Target, TargetLine, Result<targets::Plan, targets::Error>);

fn plan_targets(
    world: &World,
    store: &Store,
    index: &mut Index,
    state: &Present,
) -> Result<Vec<Planned>, Error> {
    let configured = store.config().targets();
    let covered = match configured {
        [] | [_] => BTreeMap::new(),
        _ => covered(world, configured, &tools(store.layout().root())?)?,
    };
    let mut plans = Vec::with_capacity(configured.len());
    for target in configured {
        let covered_by = covered.get(&target.id).cloned().flatten();
        let wanted = Wanted {
            renderings: if covered_by.is_some() { &[] } else { &state.renderings },
            unknown: &state.unknown,
            revoked: &state.revoked,
        };
        let line = TargetLine { covered_by, ..TargetLine::from(target) };
        plans.push((target.clone(), line, targets::plan(store, index, target, wanted)));
    }
    Ok(plans)
}

fn outcome(target: TargetLine, done: Result<Installed, targets::Error>) -> TargetOutcome {
    let (status, done, error) = match done {
        Ok(done) => (Status::Ok, done, None),
        Err(e) => (Status::Failed, Installed::default(), Some(Report::of(&e))),
    };
    let blocked = |b: targets::Blocked| Blocked {
        skill: b.name,
        path: b.path,
        what: match b.occupant {
            Occupant::Folder => "folder",
            Occupant::ForeignLink(_) | Occupant::Ours(_) => "link",
            Occupant::File | Occupant::Nothing => "file",
        },
    };
    TargetOutcome {
        target,
        status,
        skills: done.skills,
        placed: done.placed,
        pruned: done.pruned,
        blocked: done.blocked.into_iter().map(blocked).collect(),
        additions: done
            .held
            .iter()
            .filter(|held| held.extent == Extent::Added)
            .map(|held| HandEdit { skill: held.name.clone(), path: held.root.clone() })
            .collect(),
        held: done.held.into_iter().map(|held| held.name).collect(),
        recovered: done.recovered.into_iter().map(|r| Recovered { path: r.path, kept: r.kept }).collect(),
        error,
    }
}

/// Removes what is marked and no target serves any more: the canonical folder and its log go to trash, together.
fn remove_marked(writing: &Writing<'_>, index: &mut Index, state: &mut Present) {
    for name in std::mem::take(&mut state.marked) {
        if let Some(target) = served_by(writing.store(), &state.report.targets, &name) {
            let served = Refusal {
                kind: Kind::Conflict,
                code: "still-served",
                message: format!("`{name}` stays: the target `{target}` still has it"),
                hint: Some(format!(
                    "mend that target, or `skillsync target remove {target}`; then sync again"
                )),
            };
            state.fail(&name, &served);
            continue;
        }
        match remove(writing, index, &name) {
            Ok(()) => state.report.removed.push(name),
            Err(e) => state.report.failed.push(SkillFailure { skill: name, error: Report::of(&e) }),
        }
    }
}

/// The target that agents still load the skill from, because it could not be worked on.
fn served_by(store: &Store, targets: &[TargetOutcome], name: &SkillName) -> Option<TargetId> {
    let is_there = |path: &Path| !matches!(fs::lstat(path), Ok(None));
    let serves = |target: &&TargetOutcome| {
        let id = &target.target.id;
        let failed_copy = || {
            let known = store.config().target(id).filter(|_| target.status == Status::Failed);
            known.is_some_and(|t| t.mode == Mode::Copy && is_there(&t.dir(store.home()).join(name.as_str())))
        };
        is_there(&store.layout().rendered_skill(id, name.as_str())) || failed_copy()
    };
    targets.iter().find(serves).map(|target| target.target.id.clone())
}

fn remove(writing: &Writing<'_>, index: &mut Index, name: &SkillName) -> Result<(), Error> {
    let (layout, trash) = (writing.store().layout(), writing.store().trash());
    let entry = trash.entry(name.as_str())?;
    // The log first: a kill in between leaves the mark, and the next sync does the rest.
    if fs::lstat(&layout.log(name))?.is_some() {
        fs::relocate(&layout.log(name), &entry.join(format!("{name}.jsonl")))?;
    }
    fs::relocate(&layout.skill(name), &entry.join(name.as_str()))?;
    fs::sync_dir(&entry)?;
    fs::sync_dir(&layout.skills())?;
    for key in [Key::Skill(name.as_str()), Key::Rendered(name.as_str()), Key::Log(name.as_str())] {
        index.remove(key);
    }
    Ok(())
}
