//! `undeploy`: takes copies out of a project and drops their records (checklist Q4, Q12). What is taken out waits in
//! trash, edited or not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::nearest::nearest;
use skillsync_core::shell::shell_quoted;
use skillsync_core::skill::ArtifactType;
use skillsync_store::deployment::{self, skillmeat};
use skillsync_store::index::Index;
use skillsync_store::ledger::CopyKey;
use skillsync_store::project::{self, Beside};
use skillsync_store::store::Store;

use super::project::{Opened, Outcome, Recovered, open_deployed};
use super::target::tools;
use super::{Error, Refusal, unrecorded, write};
use crate::ui::{Exit, Report};
use crate::world::World;

/// What was taken out.
#[derive(Debug, Serialize)]
pub struct Undeployed {
    /// The project, as it was given.
    pub project: PathBuf,
    /// One for each copy.
    pub artifacts: Vec<Line>,
    /// The names that are not deployed, where others were.
    pub not_deployed: Vec<NotDeployed>,
    /// What killed commands left in the project and is in trash now.
    pub recovered: Vec<Recovered>,
    /// Why records could not be dropped; the same command again drops them.
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
    /// Where the copy was, below the project.
    pub path: String,
    /// Whether it was edited since it was deployed.
    pub edited: bool,
    /// Whether version control is in it.
    pub has_repository: bool,
    /// Where it is now; null when there was none, or this is a plan.
    pub trash: Option<PathBuf>,
    /// Why it is still there.
    pub error: Option<Report>,
}

/// A name that is not deployed.
#[derive(Debug, Serialize)]
pub struct NotDeployed {
    /// What was asked for.
    pub artifact_name: SkillName,
    /// The same in words.
    pub error: Report,
}

impl Undeployed {
    /// Done, or partial when a copy or a record is still there, or a name was not deployed.
    pub fn exit(&self) -> Exit {
        if self.errors().next().is_none() { Exit::Done } else { Exit::Partial }
    }

    /// Why something was not done.
    pub fn errors(&self) -> impl Iterator<Item = &Report> {
        let still_there = self.artifacts.iter().filter_map(|line| line.error.as_ref());
        still_there.chain(self.not_deployed.iter().map(|one| &one.error)).chain(&self.unrecorded)
    }
}

/// What is to be taken out, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The project.
    pub project: PathBuf,
    /// Which artifacts.
    pub names: Vec<SkillName>,
    /// Out of the folders of these tools; empty for all.
    pub tools: Vec<String>,
}

/// What would be taken out. Changes nothing.
pub fn plan(world: &World, store: &Store, request: &Request) -> Result<Undeployed, Error> {
    let (_, _, expected) = expected(world, store, &Index::load(store.layout()), request)?;
    Ok(expected)
}

/// Takes copies out.
pub fn undeploy(world: &World, store: &Store, request: &Request) -> Result<Undeployed, Error> {
    write(store, |writing, index| {
        let store = writing.store();
        let (opened, keys, mut undeployed) = expected(world, store, index, request)?;
        undeployed.dry_run = false;
        undeployed.recovered = opened.recover(store, [])?;
        let mut ledger = opened.ledger.clone();
        let mut gone = Vec::new();
        for (key, line) in keys.iter().zip(&mut undeployed.artifacts) {
            let Some(folder) = opened.folders.iter().find(|f| f.agent.name == key.folder) else { continue };
            let place = opened.place(folder, key.artifact_type, &key.artifact_name);
            // The copy first: a record without a copy says that something is left to do.
            match place.and_then(|place| Ok(project::take_out(store, &opened.project, &place)?)) {
                Ok(kept) => {
                    line.trash = kept;
                    ledger.set(key, None);
                    gone.push(key);
                }
                Err(e) => line.error = Some(Report::of(&e)),
            }
        }
        // Copies are in trash by now: whatever fails, what was done is said.
        let mut saved = drop_records(&opened, &gone);
        if ledger != opened.ledger {
            let noted = ledger.save(store.layout(), opened.project.root());
            saved = saved.and(noted.map_err(Error::from));
        }
        undeployed.unrecorded = saved.err().map(|e| unrecorded(&e, "the same command again drops them"));
        Ok(undeployed)
    })
}

/// Drops the records of `gone` in every file that has them. A file that cannot be written keeps no other from being so;
/// the first error is given.
fn drop_records(opened: &Opened, gone: &[&CopyKey]) -> Result<(), Error> {
    let mut dropped = Ok(());
    for folder in &opened.folders {
        let here = gone.iter().filter(|key| key.folder == folder.agent.name);
        let here: BTreeSet<_> = here.map(|key| (key.artifact_type, &key.artifact_name)).collect();
        let is_gone = |artifact_type: ArtifactType, name: &SkillName| here.contains(&(artifact_type, name));
        let mut records = folder.records.clone();
        records.retain(|record| !is_gone(record.artifact_type, &record.artifact_name));
        if records != folder.records {
            let file = folder.agent.dir.join(deployment::FILE);
            dropped = dropped.and(deployment::write(&file, records).map_err(Error::from));
        }
        // Else it would count as deployed again.
        dropped = dropped.and(skillmeat::remove(&folder.agent.dir, &is_gone).map_err(Error::from));
    }
    dropped
}

/// The copies that are meant, and what would be said of each. Fails when none of the names is deployed: of several, some
/// may be left from a run that was killed, or in part refused.
fn expected(
    world: &World,
    store: &Store,
    index: &Index,
    request: &Request,
) -> Result<(Opened, Vec<CopyKey>, Undeployed), Error> {
    let mut opened = open_deployed(world, store, &request.project)?;
    let only = folders_of(store, &opened, &request.tools)?;
    let recorded: Vec<CopyKey> = opened.recorded()?.into_iter().map(|subject| subject.place.key).collect();
    let recorded: Vec<CopyKey> = recorded
        .into_iter()
        .filter(|key| only.as_ref().is_none_or(|only| only.contains(&key.folder)))
        .collect();
    let mut keys = Vec::new();
    let mut missing = Vec::new();
    for name in &request.names {
        let of_name: Vec<&CopyKey> = recorded.iter().filter(|key| key.artifact_name == *name).collect();
        if of_name.is_empty() {
            missing.push((name, not_deployed(name, &recorded, &request.project)));
        }
        keys.extend(of_name.into_iter().filter(|key| !keys.contains(*key)).cloned().collect::<Vec<_>>());
    }
    let outcomes = opened.compare(world, store, index, &keys);
    let lines = outcomes.into_iter().zip(&keys).map(|(outcome, key)| line(&opened, outcome, key));
    let artifacts = lines.collect::<Result<_, _>>()?;
    if keys.is_empty() && !missing.is_empty() {
        return Err(missing.swap_remove(0).1.into());
    }
    let not_deployed = missing
        .into_iter()
        .map(|(name, refusal)| NotDeployed { artifact_name: name.clone(), error: Report::of(&refusal) });
    let not_deployed = not_deployed.collect();
    let project = opened.project.path().to_owned();
    Ok((
        opened,
        keys,
        Undeployed {
            project,
            artifacts,
            not_deployed,
            recovered: Vec::new(),
            unrecorded: None,
            dry_run: true,
        },
    ))
}

fn line(opened: &Opened, outcome: Outcome, key: &CopyKey) -> Result<Line, Error> {
    let has_repository = |path: &Path| Beside::of(path) == Beside::Repository;
    let (path, edited, has_repository) = match outcome {
        Ok(compared) => {
            let is_deployed = compared.record.as_ref().map(|r| r.content_hash) == compared.project;
            let edited = compared.project.is_some() && !is_deployed;
            let place = &compared.place;
            (place.shown().to_owned(), edited, has_repository(&place.path))
        }
        // What cannot be read can still be moved away; that somebody edited it is the safe guess.
        Err(failure) => {
            let below = |path: &str| {
                let below = Path::new(path).strip_prefix(opened.project.root()).ok()?;
                Some(below.display().to_string())
            };
            let path = failure.path.as_deref();
            (
                path.and_then(below).unwrap_or_default(),
                true,
                path.is_some_and(|path| has_repository(Path::new(path))),
            )
        }
    };
    Ok(Line {
        artifact_name: key.artifact_name.clone(),
        artifact_type: key.artifact_type,
        path,
        edited,
        has_repository,
        trash: None,
        error: None,
    })
}

/// The names of the agents' folders of `tools`; none when no tool is named.
pub(super) fn folders_of(
    store: &Store,
    opened: &Opened,
    named: &[String],
) -> Result<Option<Vec<String>>, Error> {
    if named.is_empty() {
        return Ok(None);
    }
    let tools = tools(store.layout().root())?;
    let folder = |name: &String| Ok(opened.project.agent_folder(tools.get(name)?.project.as_str()).name);
    named.iter().map(folder).collect::<Result<_, Error>>().map(Some)
}

/// The error for an artifact that has no record.
pub(super) fn not_deployed(name: &SkillName, recorded: &[CopyKey], project: &Path) -> Refusal {
    let names: Vec<&str> = recorded.iter().map(|key| key.artifact_name.as_str()).collect();
    let near = nearest(name.as_str(), names.iter().copied()).first().and_then(|at| names.get(*at));
    Refusal {
        kind: Kind::NotFound,
        code: "not-deployed",
        message: format!("`{name}` is not deployed in `{}`", project.display()),
        hint: Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!(
                    "`skillsync deployments {}` shows what is",
                    shell_quoted(&project.display().to_string())
                )
            }
        }),
    }
}
