//! `deploy`: puts copies of the store's artifacts into a project and records what was put there (checklist Q4, Q12).
//! A copy that drifted is only replaced on request, and what is replaced waits in trash.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::shell::shell_quoted;
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::deployment::{self, Content, Record};
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::ledger::CopyKey;
use skillsync_store::payload::Payload;
use skillsync_store::project::{self, Beside, Entering};
use skillsync_store::skills;
use skillsync_store::store::{Store, Writing};

use super::project::{Compared, Folder, Opened, Recovered, open};
use super::{Error, Refusal, unrecorded, write};
use crate::ui::{Exit, Report};
use crate::world::World;

mod folders;

use folders::chosen_folders;

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

/// One copy, and what is to be done about it.
struct Step {
    place: project::Place,
    line: Line,
    /// What the project has at the place.
    replaces: Option<ContentHash>,
    /// The store's content.
    wanted: Option<Payload>,
    /// The record so far: of ours, or taken over.
    record: Option<Record>,
    /// The copy by whose place this one is reached, too: links make two agents' folders one.
    is_also: Option<CopyKey>,
}

fn steps(
    world: &World,
    store: &Store,
    index: &Index,
    request: &Request,
) -> Result<(Opened, Vec<Step>), Error> {
    let heads = heads(store, index, &request.names)?;
    let mut opened = open(world, store, &request.project)?;
    let chosen = chosen_folders(store, &mut opened, &request.tools)?;
    let mut wanted = Vec::new();
    for (name, artifact_type) in &heads {
        let key = |folder: &Folder| CopyKey {
            folder: folder.agent.name.clone(),
            artifact_type: *artifact_type,
            artifact_name: name.clone(),
        };
        // Where it is deployed already, it is brought up to date, unless a tool is named.
        let has = |folder: &&Folder| {
            let ours = folder.record(*artifact_type, name).is_some();
            ours || folder.skillmeat_record(*artifact_type, name).is_some()
        };
        let deployed: Vec<CopyKey> = opened.folders.iter().filter(has).map(key).collect();
        if deployed.is_empty() || !request.tools.is_empty() {
            wanted.extend(opened.folders.iter().filter(|f| chosen.contains(&f.agent.name)).map(key));
        } else {
            wanted.extend(deployed);
        }
    }
    let also = places_of_others(&opened, &wanted)?;
    let is_recorded = |key: &CopyKey| {
        let folder = opened.folder(key);
        folder.is_some_and(|folder| {
            let (of, name) = (key.artifact_type, &key.artifact_name);
            folder.record(of, name).is_some() || folder.skillmeat_record(of, name).is_some()
        })
    };
    // Once is enough; what is recorded by both names is recorded by both again.
    wanted.retain(|key| !also.contains_key(key) || is_recorded(key));
    let mut steps = Vec::with_capacity(wanted.len());
    for (outcome, key) in opened.compare(world, store, index, &wanted).into_iter().zip(&wanted) {
        let folder = opened.folders.iter().find(|folder| folder.agent.name == key.folder);
        let Some(folder) = folder else { continue };
        steps.push(match outcome {
            Ok(compared) => step(store, request, compared)?,
            Err(failure) => {
                let place = opened.place(folder, key.artifact_type, &key.artifact_name)?;
                let mut step = blank(place);
                step.line.status = Status::Failed;
                step.line.error = Some(failure.error);
                step
            }
        });
    }
    for step in &mut steps {
        step.is_also = also.get(&step.place.key).cloned();
    }
    follow(&mut steps);
    Ok((opened, steps))
}

/// Of the copies that are one by a link, all but the one that keeps the place, each with that one: the one that no link
/// leads to, else the first.
fn places_of_others(opened: &Opened, wanted: &[CopyKey]) -> Result<BTreeMap<CopyKey, CopyKey>, Error> {
    let mut parents: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut by_place: BTreeMap<PathBuf, Vec<(bool, &CopyKey)>> = BTreeMap::new();
    for key in wanted {
        let Some(folder) = opened.folder(key) else { continue };
        let path = opened.place(folder, key.artifact_type, &key.artifact_name)?.path;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let real = match parents.get(parent) {
            Some(real) => real.clone(),
            None => parents.entry(parent.to_owned()).or_insert(fs::resolved(parent)?).clone(),
        };
        by_place.entry(real.join(name)).or_default().push((real != parent, key));
    }
    let mut also = BTreeMap::new();
    for mut keys in by_place.into_values().filter(|keys| keys.len() > 1) {
        keys.sort_by_key(|(is_by_link, _)| *is_by_link);
        let (_, first) = keys[0];
        also.extend(keys[1..].iter().map(|(_, key)| ((*key).clone(), first.clone())));
    }
    Ok(also)
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

/// The artifacts that are asked for, with their types. Fails at the first that is not there.
fn heads(store: &Store, index: &Index, names: &Names) -> Result<BTreeMap<SkillName, ArtifactType>, Error> {
    let mut heads = BTreeMap::new();
    match names {
        Names::Named(names) => {
            for name in names {
                heads.insert(name.clone(), skills::load_active(store, name)?.artifact_type);
            }
        }
        Names::All => {
            for name in skills::names(store.layout())? {
                // What comes with the program is for its user, not for a project.
                let head = skills::head(store, index, &name)?.filter(|head| head.state == State::Active);
                let is_built_in = || super::builtin::is_reserved(&name);
                if let Some(head) = head.filter(|_| !is_built_in()) {
                    heads.insert(name, head.artifact_type);
                }
            }
        }
    }
    Ok(heads)
}

fn blank(place: project::Place) -> Step {
    let line = Line {
        artifact_name: place.name.clone(),
        artifact_type: place.artifact_type,
        path: place.shown().to_owned(),
        status: Status::Unchanged,
        version: None,
        content_hash: None,
        trash: None,
        holds_more: false,
        error: None,
    };
    Step { place, line, replaces: None, wanted: None, record: None, is_also: None }
}

fn step(store: &Store, request: &Request, compared: Compared) -> Result<Step, Error> {
    let Compared { place, record, is_adopted, store: in_store, copy, project, baseline, .. } = compared;
    let (eol_only, mode_changed) = (compared.eol_only, compared.mode_changed);
    let mut step = Step { record, ..blank(place) };
    let Some(in_store) = in_store else { return Ok(step) };
    step.line.version = Some(in_store.version);
    step.line.content_hash = Some(in_store.content.content_hash);
    step.replaces = copy.map(|copy| copy.content_hash);
    let has_record_of =
        |hash: ContentHash| step.record.as_ref().is_some_and(|record| record.content_hash == hash);
    let wanted = in_store.content.content_hash;
    // Executable bits that the project changed, and the store has since.
    let is_mode_pulled = mode_changed && copy.is_some_and(|copy| copy.tree == in_store.content.tree);
    // Executable bits that the store changed, and the project did not.
    let is_behind = copy.is_some_and(|copy| copy.tree != in_store.content.tree) && !eol_only && !mode_changed;
    let is_recorded = has_record_of(wanted) && !is_adopted && !is_mode_pulled;
    step.line.status = match project {
        // Line ends that a checkout made are no reason to write.
        Some(there) if there == wanted => match is_recorded {
            true if is_behind => Status::Updated,
            true => Status::Unchanged,
            false => Status::Recorded,
        },
        None if step.record.is_none() => Status::Deployed,
        None if request.names != Names::All => Status::Deployed,
        Some(_) if project == baseline && !mode_changed => Status::Updated,
        _ if request.drifted == IfDrifted::Overwrite => Status::Overwritten,
        _ => Status::Drifted,
    };
    match step.line.status {
        Status::Drifted => {
            step.line.error = Some(Report::of(&drifted(&step, request, baseline, mode_changed)));
        }
        Status::Unchanged | Status::Failed => {}
        _ => step.wanted = Some(Payload::of_version(store.objects(), &in_store.content.tree)?),
    }
    Ok(step)
}

fn drifted(step: &Step, request: &Request, baseline: Option<ContentHash>, mode_changed: bool) -> Refusal {
    let (name, path) = (&step.place.name, &step.line.path);
    let project = shell_quoted(&request.project.display().to_string());
    let (message, hint) = match (&step.record, step.replaces) {
        (Some(_), None) => (
            format!("`{path}` was deleted in the project"),
            format!(
                "`skillsync deploy {name} {project}` brings it back; `skillsync undeploy {name} {project}` \
                     drops it"
            ),
        ),
        (None, _) => (
            format!("`{path}` is there already, and nobody deployed it"),
            format!(
                "`skillsync sync pull {project} --artifacts {name}` takes it into the store; --force replaces \
                     it and keeps it in trash"
            ),
        ),
        (Some(record), Some(_)) if baseline != Some(record.content_hash) => (
            format!(
                "`{path}` holds what this store has not: it was deployed from another one, or pulled, and went on"
            ),
            format!("`skillsync sync pull {project} --artifacts {name}` takes it into the store first"),
        ),
        (Some(_), Some(_)) if mode_changed => (
            format!("`{path}` was changed in the project: its executable bits were changed"),
            format!(
                "to keep them, give its files in the store the same: `skillsync edit {name}`; --force replaces the \
                     copy and keeps it in trash"
            ),
        ),
        (Some(_), Some(_)) => (
            format!("`{path}` was edited in the project"),
            format!(
                "`skillsync sync pull {project} --artifacts {name}` takes the edit into the store; --force \
                     replaces it and keeps it in trash"
            ),
        ),
    };
    Refusal { kind: Kind::Conflict, code: "copy-drifted", message, hint: Some(hint) }
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
