//! `sync pull`: takes what was edited in a project into the store (checklist Q7, Q10, Q13; decision 19). What of it
//! disagrees with the store is never settled by guessing: it goes to a working copy under a lease, or is reported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use skillsync_core::drift::{DriftType, Recommendation};
use skillsync_core::fault::Fault;
use skillsync_core::merge::ShowBase;
use skillsync_core::name::SkillName;
use skillsync_core::words;
use skillsync_store::deployment::{self, Content, Record};
use skillsync_store::edit::{self, Handing};
use skillsync_store::index::Index;
use skillsync_store::lease::{Holder, Pulled};
use skillsync_store::ledger::{Act, Copy, CopyKey, Kept, LastPull, Undo};
use skillsync_store::objects::Batch;
use skillsync_store::project::{self, Entering};
use skillsync_store::skills::{self, Change};
use skillsync_store::store::{Store, Transaction, Writing};

use super::check::drifted;
use super::edit_skill::holder;
use super::project::{Compared, Opened, open_deployed};
use super::undeploy::{drop_records, not_deployed};
use super::{Error, write};
use crate::ui::Report;
use crate::world::World;

mod prepare;
mod report;
mod rollback;

use prepare::{Prepared, Step, prepare};
pub use report::{
    Action, Candidate, ConflictFile, Preview, Pulled as PulledCopy, SyncResult, SyncStatus, Unsettled,
};
pub use rollback::{Outcome, RolledBack, Undone, rollback};

words!(
    /// How an edit in a project comes into the store (checklist Q10).
    Strategy, "strategy", "overwrite, merge, fork", {
        /// One side wins.
        Overwrite = "overwrite",
        /// What both sides did is joined, line by line, on what was deployed.
        Merge = "merge",
        /// The project's content becomes a new artifact, the store's stays.
        Fork = "fork",
    }
);

words!(
    /// Which side wins (decision 19).
    Prefer, "side", "project, collection", {
        /// The store takes what the project has.
        Project = "project",
        /// The project takes what the store has.
        Collection = "collection",
    }
);

/// What becomes of one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is pulled so.
    Pull(Strategy, Prefer),
    /// It stays as it is.
    Skip,
}

/// What is to be pulled, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The project.
    pub project: PathBuf,
    /// Only these artifacts; empty for all that were edited in the project.
    pub artifacts: Vec<SkillName>,
    /// How, where nothing else was chosen.
    pub choice: Choice,
    /// What was chosen for single copies.
    pub choices: BTreeMap<CopyKey, Choice>,
    /// Whether conflict markers show what was deployed.
    pub show_base: ShowBase,
    /// Why, for the history of the store.
    pub reason: Option<String>,
}

impl Request {
    fn choice(&self, key: &CopyKey) -> Choice {
        self.choices.get(key).copied().unwrap_or(self.choice)
    }
}

/// What a pull would look at. Changes nothing.
pub fn preview(world: &World, store: &Store, request: &Request) -> Result<Preview, Error> {
    let mut opened = open_deployed(world, store, &request.project)?;
    let index = Index::load(store.layout());
    let (keys, failed) = candidates(world, store, &index, &mut opened, request)?;
    let mut preview = Preview::new(&opened, request, failed);
    for one in opened.compare(world, store, &index, &keys) {
        match one {
            Ok(compared) => {
                let action = match request.choice(&compared.place.key) {
                    Choice::Skip => Action::Skip,
                    Choice::Pull(strategy, prefer) => prepare::action(&compared, strategy, prefer),
                };
                preview.candidates.extend(drifted(&compared).map(|drift| Candidate { drift, action }));
            }
            Err(failure) => preview.failed.push(failure),
        }
    }
    opened.save_cache(store);
    Ok(preview)
}

/// What a pull would do, conflicts included. Changes nothing.
pub fn plan(world: &World, store: &Store, request: &Request) -> Result<SyncResult, Error> {
    let mut opened = open_deployed(world, store, &request.project)?;
    let index = Index::load(store.layout());
    let (keys, failed) = candidates(world, store, &index, &mut opened, request)?;
    let mut result = SyncResult::new(&opened, failed);
    for (compared, key) in opened.compare(world, store, &index, &keys).into_iter().zip(&keys) {
        let choice = request.choice(key);
        match compared.map(|compared| step(world, store, &opened, request, compared, choice)) {
            Ok(Ok(step)) => result.planned(&step),
            Ok(Err(e)) => result.failed(key, Report::of(&e)),
            Err(failure) => result.failed(key, failure.error),
        }
    }
    Ok(result.finished(SyncStatus::DryRun))
}

fn step(
    world: &World,
    store: &Store,
    opened: &Opened,
    request: &Request,
    compared: Compared,
    choice: Choice,
) -> Result<Step, Error> {
    prepare(world, store, &opened.project, request, compared, choice)
}

/// Pulls.
pub fn pull(world: &World, store: &Store, request: &Request) -> Result<SyncResult, Error> {
    write(store, |writing, index| {
        let store = writing.store();
        let mut opened = open_deployed(world, store, &request.project)?;
        opened.recover(store, [])?;
        let (keys, failed) = candidates(world, store, index, &mut opened, request)?;
        let mut result = SyncResult::new(&opened, failed);
        let mut undo = Vec::new();
        let mut pending = keys;
        // Two copies of one artifact come one after the other: the second meets what the first made.
        while !pending.is_empty() {
            let mut names = Vec::new();
            let (now, later) = pending.into_iter().partition::<Vec<_>, _>(|key: &CopyKey| {
                let is_first = !names.contains(&key.artifact_name);
                names.push(key.artifact_name.clone());
                is_first
            });
            pending = later;
            let mut round = Round { world, writing, index, opened: &mut opened, request };
            round.pull(&now, &mut result, &mut undo)?;
        }
        opened.save_cache(store);
        Ok(result.finished(SyncStatus::Success))
    })
}

/// The copies that a pull is about: edited in the project, or named. A name that is nowhere in the project is an error.
fn candidates(
    world: &World,
    store: &Store,
    index: &Index,
    opened: &mut Opened,
    request: &Request,
) -> Result<(Vec<CopyKey>, Vec<super::project::Failure>), Error> {
    let recorded: Vec<CopyKey> = opened.recorded()?.into_iter().map(|subject| subject.place.key).collect();
    let mut wanted = recorded.clone();
    if !request.artifacts.is_empty() {
        wanted.extend(super::check::unrecorded(opened, &recorded)?);
        wanted.retain(|key| request.artifacts.contains(&key.artifact_name));
        wanted.sort();
        for name in &request.artifacts {
            if !wanted.iter().any(|key| key.artifact_name == *name) {
                return Err(not_deployed(name, &recorded, &request.project).into());
            }
        }
    }
    let is_named = !request.artifacts.is_empty();
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for outcome in opened.compare(world, store, index, &wanted) {
        match outcome {
            Ok(compared) if is_pulled(&compared, is_named, request.choice(&compared.place.key)) => {
                found.push(compared.place.key)
            }
            Ok(_) => {}
            Err(failure) => failed.push(failure),
        }
    }
    Ok((found, failed))
}

/// Whether the project's side has anything to take. Executable bits and line ends only where the artifact is named.
/// Where both sides agree, what is left of a pull that was killed: to note it.
fn is_pulled(compared: &Compared, is_named: bool, choice: Choice) -> bool {
    let is_pushed = choice == Choice::Pull(Strategy::Overwrite, Prefer::Collection);
    match compared.drift {
        _ if compared.is_unnoted => true,
        Some(drift) if drift.converged && is_pushed => true,
        Some(drift) => {
            let is_edited = matches!(drift.drift_type, DriftType::Modified | DriftType::Conflict);
            is_edited || drift.recommendation == Recommendation::PullFromProject
        }
        None => is_named && (compared.mode_changed || compared.eol_only),
    }
}

/// Copies of different artifacts, pulled together.
struct Round<'a, 'w> {
    world: &'a World,
    writing: &'a Writing<'w>,
    index: &'a mut Index,
    opened: &'a mut Opened,
    request: &'a Request,
}

impl Round<'_, '_> {
    fn pull(&mut self, keys: &[CopyKey], result: &mut SyncResult, undo: &mut Vec<Undo>) -> Result<(), Error> {
        let store = self.writing.store();
        let mut steps = Vec::new();
        let compared = self.opened.compare(self.world, store, self.index, keys);
        for (compared, key) in compared.into_iter().zip(keys) {
            let choice = self.request.choice(key);
            match compared.map(|one| step(self.world, store, self.opened, self.request, one, choice)) {
                Ok(Ok(step)) => steps.push(step),
                Ok(Err(e)) => result.failed(key, Report::of(&e)),
                Err(failure) => result.failed(key, failure.error),
            }
        }
        let transaction = self.writing.transaction()?;
        self.commit(&transaction, &mut steps)?;
        for step in steps {
            match self.settle(&transaction, &step) {
                Ok(Some(act)) => {
                    let before = self.opened.ledger.copy(&step.compared.place.key).cloned();
                    undo.push(Undo { key: step.compared.place.key.clone(), before, act });
                    self.note(&step, undo)?;
                    result.done(&step);
                }
                Ok(None) => result.done(&step),
                Err(e) => result.failed(&step.compared.place.key, Report::of(&e)),
            }
        }
        Ok(transaction.finish()?)
    }

    /// Makes the versions of all steps together, and stores what the project has: it is the base of the next merge, and
    /// what a rollback puts back.
    fn commit(&mut self, transaction: &Transaction, steps: &mut [Step]) -> Result<(), Error> {
        let store = self.writing.store();
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let mut changes = Vec::new();
        let mut of_step = Vec::new();
        for (number, step) in steps.iter_mut().enumerate() {
            if let Some(payload) = &step.copy {
                skills::batch_payload(&batch, payload)?;
            }
            if let Prepared::Version(version) = &step.prepared {
                let staged = skills::stage_payload(transaction, &batch, &version.name, &version.payload)?;
                changes.push(Change {
                    parents: version.parents.clone(),
                    reason: Some(version.reason.clone()),
                    artifact_type: step.compared.place.artifact_type,
                    ..Change::new(staged, skillsync_core::skill::Origin::Pull, version.source)
                });
                of_step.push(number);
            }
        }
        let advanced = skills::advance(self.writing, transaction, batch, self.index, changes)?;
        for (number, advanced) in of_step.into_iter().zip(advanced) {
            steps[number].advanced = Some(match advanced {
                Ok(advanced) => Ok(advanced.version.number),
                Err(e) => Err(Error::from(e)),
            });
        }
        Ok(())
    }

    /// Does what is left to do about one copy, and says how it is undone; none when nothing was done.
    fn settle(&mut self, transaction: &Transaction, step: &Step) -> Result<Option<Act>, Error> {
        match &step.prepared {
            Prepared::Skip | Prepared::Undecided(_) => Ok(None),
            Prepared::Nothing => Ok(Some(Act::Nothing)),
            Prepared::Version(version) => match &step.advanced {
                Some(Ok(after)) => {
                    let (name, before) = (version.name.clone(), version.before);
                    Ok(Some(Act::Version { name, before, after: *after }))
                }
                Some(Err(e)) => Err(super::Refusal::again(e).into()),
                None => Ok(None),
            },
            Prepared::Conflict(conflict) => {
                let Some(taken) = step.taken() else { return Ok(None) };
                let pulled = Pulled {
                    project: self.opened.project.id(),
                    key: step.compared.place.key.clone(),
                    baseline: step.baseline().unwrap_or(taken),
                    taken,
                };
                let handing = Handing { merge: &conflict.merge, merged: &conflict.merged, pulled };
                let holder: Holder = holder(self.world);
                let begun = edit::begin_merged(self.writing, &step.compared.place.name, holder, handing)?;
                conflict.handed_out.set(Some((begun.path, begun.lease.token))).ok();
                Ok(Some(Act::WorkingCopy { token: begun.lease.token }))
            }
            Prepared::Push(is) => self.push(transaction, step, *is).map(Some),
            Prepared::Drop => self.drop_copy(step).map(Some),
        }
    }

    /// Puts the store's content into the project.
    fn push(&mut self, transaction: &Transaction, step: &Step, is: Content) -> Result<Act, Error> {
        let store = self.writing.store();
        let place = &step.compared.place;
        let entering = Entering {
            place: place.clone(),
            tree: store.objects().tree(&is.tree)?,
            replaces: step.compared.copy.map(|copy| copy.content_hash),
        };
        // What is there already is left of a pull that was killed.
        if step.compared.copy.is_none_or(|copy| copy.tree != is.tree) {
            for entered in project::enter(self.writing, transaction, &self.opened.project, &[entering])? {
                entered?;
            }
        }
        let before = self.record(place).cloned();
        let record = match step.compared.record.clone() {
            Some(record) => record.redeployed(store.now_text(), is),
            None => {
                let (name, below) = (place.name.clone(), place.below.clone());
                Record::new(name, place.artifact_type, below, store.now_text(), is)
            }
        };
        self.put_record(record, &place.key)?;
        let was = step.compared.copy.map(Kept::from);
        Ok(Act::Pushed { was, is: is.into(), record: before.map(Box::new) })
    }

    /// Takes the copy out of the project, if it is there, and drops its record.
    fn drop_copy(&mut self, step: &Step) -> Result<Act, Error> {
        let place = &step.compared.place;
        project::take_out(self.writing.store(), &self.opened.project, place)?;
        let record = self.record(place).cloned().or_else(|| step.compared.record.clone());
        drop_records(self.opened, &[&place.key])?;
        self.reread(&place.key)?;
        Ok(Act::Dropped { was: step.compared.copy.map(Kept::from), record: record.map(Box::new) })
    }

    /// Notes what this store knows of the copy now, and how the pull is undone as far as it went.
    fn note(&mut self, step: &Step, undo: &[Undo]) -> Result<(), Error> {
        // Before the ledger: as long as that does not say so, another pull takes the copy up again.
        if matches!(step.prepared, Prepared::Nothing | Prepared::Version(_)) {
            self.record_checked(step)?;
        }
        let key = step.compared.place.key.clone();
        let ledger = &mut self.opened.ledger;
        match &step.prepared {
            Prepared::Skip | Prepared::Undecided(_) | Prepared::Conflict(_) => {}
            Prepared::Push(is) => ledger.deployed(&key, (*is).into()),
            Prepared::Drop => ledger.set(&key, None),
            Prepared::Nothing | Prepared::Version(_) => {
                let Some(taken) = step.taken() else { return Ok(()) };
                let record = step.compared.record.as_ref();
                let deployed =
                    record.and_then(|r| Some(Kept { content_hash: r.content_hash, tree: r.tree? }));
                let baseline = deployed.or(step.baseline()).unwrap_or(taken);
                ledger.set(&key, Some(Copy { key: key.clone(), baseline, taken: Some(taken) }));
            }
        }
        // Now, and not at the end: a kill between two copies must not make the next check see what is settled as a
        // conflict.
        let store = self.writing.store();
        ledger.last_pull = Some(LastPull { at: store.now_text(), undo: undo.to_vec() });
        Ok(ledger.save(store.layout(), self.opened.project.root())?)
    }

    /// Notes in the deployment file that the copy is edited, and since when; a copy that had no record gets one, a
    /// record of SkillMeat's becomes ours.
    fn record_checked(&mut self, step: &Step) -> Result<(), Error> {
        let now = self.writing.store().now_text();
        let place = &step.compared.place;
        let record = match (&step.compared.record, &step.compared.copy, step.taken()) {
            (Some(record), ..) => {
                let is_edited = step.compared.project.is_some_and(|hash| hash != record.content_hash);
                record.clone().checked(now, is_edited)
            }
            (None, Some(copy), Some(_)) => {
                let (name, below) = (place.name.clone(), place.below.clone());
                Record::new(name, place.artifact_type, below, now, *copy)
            }
            _ => return Ok(()),
        };
        self.put_record(record, &place.key)
    }

    fn record(&self, place: &project::Place) -> Option<&Record> {
        let folder = self.opened.folders.iter().find(|f| f.agent.name == place.key.folder)?;
        folder.records.iter().find(|record| record.key() == (place.artifact_type, &place.name))
    }

    fn put_record(&mut self, record: Record, key: &CopyKey) -> Result<(), Error> {
        let Some(folder) = self.opened.folders.iter_mut().find(|f| f.agent.name == key.folder) else {
            return Ok(());
        };
        folder.records.retain(|known| known.key() != record.key());
        folder.records.push(record);
        folder.records.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(deployment::write(&folder.agent.dir.join(deployment::FILE), folder.records.clone())?)
    }

    fn reread(&mut self, key: &CopyKey) -> Result<(), Error> {
        if let Some(folder) = self.opened.folders.iter_mut().find(|f| f.agent.name == key.folder) {
            *folder = super::project::Folder::read(folder.agent.clone())?;
        }
        Ok(())
    }
}

/// A fault in the words of another: for errors that cannot be kept.
impl super::Refusal {
    fn again(fault: &dyn Fault) -> Self {
        let message = skillsync_core::fault::with_causes(fault);
        Self { kind: fault.kind(), code: fault.code(), message, hint: fault.hint() }
    }
}
