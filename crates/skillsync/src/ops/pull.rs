//! `sync pull`: takes what was edited in a project into the store (checklist Q7, Q10, Q13; decision 19). What of it
//! disagrees with the store is never settled by guessing: it goes to a working copy under a lease, or is reported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use skillsync_core::drift::{DriftType, Recommendation};
use skillsync_core::merge::ShowBase;
use skillsync_core::name::SkillName;
use skillsync_core::words;
use skillsync_store::index::Index;
use skillsync_store::ledger::CopyKey;
use skillsync_store::store::Store;

use super::check::drifted;
use super::project::{Compared, Opened, open, open_deployed};
use super::undeploy::not_deployed;
use super::{Error, unrecorded, write};
use crate::ui::Report;
use crate::world::World;

mod prepare;
mod report;
mod rollback;
mod round;

use prepare::prepare;
pub use report::{
    Action, Candidate, ConflictFile, Preview, Pulled as PulledCopy, SyncResult, SyncStatus, Unsettled,
};
pub use rollback::{Outcome, RolledBack, Undone, rollback};
use round::Round;

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
    let mut opened = opened(world, store, request)?;
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
    let mut opened = opened(world, store, request)?;
    let index = Index::load(store.layout());
    let (keys, failed) = candidates(world, store, &index, &mut opened, request)?;
    let mut result = SyncResult::new(&opened, failed);
    // Of two copies of one artifact the second meets what the first makes, which is not there yet.
    let mut changing: BTreeMap<&SkillName, String> = BTreeMap::new();
    for (compared, key) in opened.compare(world, store, &index, &keys).into_iter().zip(&keys) {
        let choice = request.choice(key);
        if let (Ok(compared), Some(after)) = (&compared, changing.get(&key.artifact_name)) {
            result.comes_after(compared, after);
            continue;
        }
        match compared.map(|one| prepare(world, store, &opened, request, one, choice)) {
            Ok(Ok(step)) => {
                if step.prepared.changes_store() {
                    changing.insert(&key.artifact_name, step.compared.place.shown().to_owned());
                }
                result.done(&step);
            }
            Ok(Err(e)) => result.failed(key, Report::of(&e)),
            Err(failure) => result.failed(key, failure.error),
        }
    }
    Ok(result.finished(SyncStatus::DryRun))
}

/// Pulls.
pub fn pull(world: &World, store: &Store, request: &Request) -> Result<SyncResult, Error> {
    write(store, |writing, index| {
        let store = writing.store();
        let mut opened = opened(world, store, request)?;
        let recovered = opened.recover(store, [])?;
        let (keys, failed) = candidates(world, store, index, &mut opened, request)?;
        let mut result = SyncResult::new(&opened, failed);
        result.recovered = recovered;
        let mut undo = Vec::new();
        let at = opened.searches.place(world, opened.project.root())?;
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
            let mut round = Round::new(world, writing, index, &mut opened, request, at.clone());
            if let Err(e) = round.pull(&now, &mut result, &mut undo) {
                // Once something was done, it is said.
                if undo.is_empty() {
                    return Err(e);
                }
                let hint = "the same command again records it; or `skillsync sync pull --rollback` undoes it";
                result.unrecorded = Some(unrecorded(&e, hint));
                break;
            }
        }
        opened.save_cache(store);
        Ok(result.finished(SyncStatus::Success))
    })
}

/// The project. Artifacts that are named may lie there without anything having been deployed.
fn opened(world: &World, store: &Store, request: &Request) -> Result<Opened, Error> {
    let is_named = !request.artifacts.is_empty();
    if is_named {
        open(world, store, &request.project)
    } else {
        open_deployed(world, store, &request.project)
    }
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
        wanted.extend(super::check::unrecorded(store, opened, &recorded)?);
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
