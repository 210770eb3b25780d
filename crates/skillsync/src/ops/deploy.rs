//! `deploy`: puts copies of the store's artifacts into a project and records what was put there (checklist Q4, Q12).
//! A copy that drifted is only replaced on request, and what is replaced waits in trash.

use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Fault;
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;
use skillsync_store::deployment::{self, Content, Record};
use skillsync_store::index::Index;
use skillsync_store::project::{self, Beside, Entering};
use skillsync_store::store::{Store, Writing};

use super::project::{Opened, Recovered};
use super::{Error, unrecorded, write};
use crate::ui::{Exit, Report};
use crate::world::World;

mod folders;
mod steps;

use steps::{Step, steps};

/// What is to be deployed, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The project.
    pub project: PathBuf,
    /// Which artifacts.
    pub names: Names,
    /// Into the folders of these tools; empty for those that the project uses.
    pub tools: Vec<String>,
    /// What becomes of copies that drifted.
    pub drifted: IfDrifted,
}

/// Which artifacts are deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// These.
    Named(Vec<SkillName>),
    /// Every one of the store; a copy that the project deleted stays deleted.
    All,
}

/// What becomes of a copy that drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfDrifted {
    /// It stays, and is reported.
    Refuse,
    /// It goes to trash, and the store's content takes its place.
    Overwrite,
}

/// What was deployed.
#[derive(Debug, Serialize)]
pub struct Deployed {
    /// The project, as it was given.
    pub project: PathBuf,
    /// One for each artifact and folder.
    pub artifacts: Vec<Line>,
    /// What killed commands left in the project and is in trash now.
    pub recovered: Vec<Recovered>,
    /// Why what was done could not be recorded; the same command again records it.
    pub unrecorded: Option<Report>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What became of one copy.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The artifact.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// Where the copy is, below the project.
    pub path: String,
    /// What was done.
    pub status: Status,
    /// The version that is deployed now, or would be.
    pub version: Option<u32>,
    /// Its content hash.
    pub content_hash: Option<ContentHash>,
    /// Where the copy is that was replaced.
    pub trash: Option<PathBuf>,
    /// Whether that holds files that are no part of the artifact.
    pub holds_more: bool,
    /// Why it was not deployed.
    pub error: Option<Report>,
}

/// What was done about one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is new in the project.
    Deployed,
    /// It has the store's newer content.
    Updated,
    /// It drifted, and has the store's content now, as was asked for.
    Overwritten,
    /// It had the store's content already; the record says so now.
    Recorded,
    /// It was up to date.
    Unchanged,
    /// It stays as it is: it drifted.
    Drifted,
    /// It could not be deployed.
    Failed,
}

impl Deployed {
    /// Done; a conflict where copies drifted; partial where something failed, or could not be recorded.
    pub fn exit(&self) -> Exit {
        let is = |status| self.artifacts.iter().any(|line| line.status == status);
        match (is(Status::Drifted), is(Status::Failed) || self.unrecorded.is_some()) {
            (true, _) => Exit::Conflict,
            (false, true) => Exit::Partial,
            (false, false) => Exit::Done,
        }
    }
}

/// What would be deployed. Changes nothing.
pub fn plan(world: &World, store: &Store, request: &Request) -> Result<Deployed, Error> {
    let index = Index::load(store.layout());
    let (opened, steps) = steps(world, store, &index, request)?;
    let lines = steps.into_iter().map(|step| step.line).collect();
    Ok(Deployed {
        project: opened.project.path().to_owned(),
        artifacts: lines,
        recovered: Vec::new(),
        unrecorded: None,
        dry_run: true,
    })
}

/// Deploys.
pub fn deploy(world: &World, store: &Store, request: &Request) -> Result<Deployed, Error> {
    write(store, |writing, index| {
        let store = writing.store();
        let (mut opened, mut steps) = steps(world, store, index, request)?;
        let recovered = opened.recover(store, steps.iter().map(|step| &step.place))?;
        let finished = enter(writing, &opened, &mut steps)?;
        follow(&mut steps);
        // Copies are in the project by now: whatever fails, what was done is said.
        let saved = save(store, &mut opened, &steps).and(finished);
        Ok(Deployed {
            project: opened.project.path().to_owned(),
            artifacts: steps.into_iter().map(|step| step.line).collect(),
            recovered,
            unrecorded: saved.err().map(|e| unrecorded(&e, "the same command again records it")),
            dry_run: false,
        })
    })
}

/// Lets what is reached by another place become what that one becomes.
fn follow(steps: &mut [Step]) {
    for at in 0..steps.len() {
        let Some(key) = steps[at].is_also.clone() else { continue };
        let Some(first) = steps.iter().position(|step| step.place.key == key) else { continue };
        let Line { status, error, .. } = &steps[first].line;
        let (status, error) = (*status, error.clone());
        let wanted = steps[first].wanted.clone();
        let step = &mut steps[at];
        match status {
            Status::Deployed | Status::Updated | Status::Overwritten => {
                (step.line.status, step.line.error, step.wanted) = (Status::Recorded, None, wanted);
            }
            Status::Drifted | Status::Failed => {
                (step.line.status, step.line.error, step.wanted) = (status, error, None);
            }
            Status::Recorded | Status::Unchanged => {}
        }
    }
}

/// Puts the copies in that have to be written, and notes in each step what became of it. Fails when none was put in;
/// gives what failed when all were.
fn enter(writing: &Writing<'_>, opened: &Opened, steps: &mut [Step]) -> Result<Result<(), Error>, Error> {
    let is_written = |step: &&mut Step| {
        matches!(step.line.status, Status::Deployed | Status::Updated | Status::Overwritten)
    };
    let mut written: Vec<&mut Step> = steps.iter_mut().filter(is_written).collect();
    if written.is_empty() {
        return Ok(Ok(()));
    }
    let entering = written.iter().filter_map(|step| {
        let tree = step.wanted.as_ref()?.tree().clone();
        Some(Entering { place: step.place.clone(), tree, replaces: step.replaces })
    });
    let entering: Vec<Entering> = entering.collect();
    let transaction = writing.transaction()?;
    let entered = project::enter(writing, &transaction, &opened.project, &entering)?;
    for (step, entered) in written.iter_mut().zip(entered) {
        match entered {
            Ok(replaced) => {
                step.line.trash = replaced.kept;
                step.line.holds_more = replaced.beside_payload > Beside::Nothing;
            }
            Err(e) => {
                step.line.status = Status::Failed;
                step.line.error = Some(Report::of(&e as &dyn Fault));
            }
        }
    }
    Ok(transaction.finish().map_err(Error::from))
}

/// Writes the records of what is deployed now, and what this store keeps of it. What cannot be written keeps nothing
/// else from being so; the first error is given.
fn save(store: &Store, opened: &mut Opened, steps: &[Step]) -> Result<(), Error> {
    let mut ledger = opened.ledger.clone();
    let mut saved = Ok(());
    for folder in &opened.folders {
        let mut records = folder.records.clone();
        for step in steps.iter().filter(|step| step.place.key.folder == folder.agent.name) {
            let Some(wanted) = step.wanted.as_ref().filter(|_| step.line.status != Status::Failed) else {
                continue;
            };
            let content = Content::of(wanted);
            let record = match &step.record {
                Some(record) => record.clone().redeployed(store.now_text(), content),
                None => {
                    let Step { place, .. } = step;
                    let (name, below) = (place.name.clone(), place.below.clone());
                    Record::new(name, place.artifact_type, below, store.now_text(), content)
                }
            };
            match records.binary_search_by(|known| known.key().cmp(&record.key())) {
                Ok(at) => records[at] = record,
                Err(at) => records.insert(at, record),
            }
            ledger.deployed(&step.place.key, content.into());
        }
        if records != folder.records {
            let file = folder.agent.dir.join(deployment::FILE);
            saved = saved.and(deployment::write(&file, records).map_err(Error::from));
        }
    }
    if ledger != opened.ledger {
        let noted = ledger.save(store.layout(), opened.project.root());
        saved = saved.and(noted.map_err(Error::from));
    }
    for step in steps {
        if let Ok(looked) = project::look(&opened.project, &opened.cache, &step.place) {
            looked.remember(&mut opened.cache, &step.place);
        }
    }
    opened.save_cache(store);
    saved
}
