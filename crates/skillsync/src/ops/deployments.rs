//! `deployments`: what is deployed in a project, and how each copy stands (checklist Q4). On request it also writes
//! SkillMeat's file, for those in a team who still work with it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;
use skillsync_store::deployment::skillmeat;
use skillsync_store::index::Index;
use skillsync_store::ledger::CopyKey;
use skillsync_store::payload::Payload;
use skillsync_store::project;
use skillsync_store::store::Store;

use super::project::{Compared, Failure, Opened, open_deployed, payload_of};
use super::{Error, Intent, Refusal, write};
use crate::ui::{Exit, Report};
use crate::world::World;

/// What is deployed in a project.
#[derive(Debug, Serialize)]
pub struct Deployments {
    /// The project, as it was given.
    pub project: PathBuf,
    /// Sorted by folder, type and name.
    pub deployments: Vec<Line>,
    /// Records whose copies could not be looked at.
    pub failed: Vec<Failure>,
}

/// One deployment.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The artifact.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// The agent's folder.
    pub folder: String,
    /// Where the copy is, below the project.
    pub path: String,
    /// `synced`, or how it drifted.
    pub status: &'static str,
    /// The version of this store that was deployed, if it is one.
    pub version: Option<u32>,
    /// When it was deployed, RFC 3339 with `Z`.
    pub deployed_at: Option<String>,
    /// Content hash of what was deployed.
    pub content_hash: Option<ContentHash>,
    /// The content that was deployed before.
    pub parent_hash: Option<ContentHash>,
    /// All contents that were deployed here, the newest first.
    pub version_lineage: Vec<ContentHash>,
    /// Whether the copy was found edited when that was last recorded.
    pub local_modifications: bool,
    /// When that was, RFC 3339 with `Z`.
    pub last_modified_check: Option<String>,
    /// When the edit was first recorded.
    pub modification_detected_at: Option<String>,
    /// Whether the record is SkillMeat's.
    pub skillmeat: bool,
}

impl Deployments {
    /// Done, or partial when a copy could not be looked at.
    pub fn exit(&self) -> Exit {
        if self.failed.is_empty() { Exit::Done } else { Exit::Partial }
    }
}

/// Lists what is deployed in the project at `path`.
pub fn deployments(world: &World, store: &Store, path: &Path) -> Result<Deployments, Error> {
    let mut opened = open_deployed(world, store, path)?;
    let keys: Vec<CopyKey> = opened.recorded()?.into_iter().map(|subject| subject.place.key).collect();
    let mut report = Deployments {
        project: opened.project.path().to_owned(),
        deployments: Vec::new(),
        failed: Vec::new(),
    };
    for outcome in opened.compare(world, store, &Index::load(store.layout()), &keys) {
        match outcome {
            Ok(compared) => report.deployments.push(line(compared)),
            Err(failure) => report.failed.push(failure),
        }
    }
    opened.save_cache(store);
    Ok(report)
}

fn line(compared: Compared) -> Line {
    let Compared { place, record, is_adopted, drift, deployed_version, .. } = compared;
    let is_skillmeat = is_adopted || record.is_none();
    let record = record.as_ref();
    Line {
        artifact_name: place.name.clone(),
        artifact_type: place.artifact_type,
        folder: place.key.folder.clone(),
        path: place.shown().to_owned(),
        status: drift.map_or("synced", |drift| drift.drift_type.as_str()),
        version: deployed_version,
        deployed_at: record.map(|r| r.deployed_at.clone()),
        content_hash: record.map(|r| r.content_hash),
        parent_hash: record.and_then(|r| r.parent_hash),
        version_lineage: record.map(|r| r.version_lineage.clone()).unwrap_or_default(),
        local_modifications: record.is_some_and(|r| r.local_modifications),
        last_modified_check: record.and_then(|r| r.last_modified_check.clone()),
        modification_detected_at: record.and_then(|r| r.modification_detected_at.clone()),
        skillmeat: is_skillmeat,
    }
}

/// What was written for SkillMeat.
#[derive(Debug, Serialize)]
pub struct WrittenBack {
    /// The project, as it was given.
    pub project: PathBuf,
    /// The files, below the project, that are up to date now or would be.
    pub files: Vec<PathBuf>,
    /// Artifacts that are left out, and why.
    pub failed: Vec<Failure>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

impl WrittenBack {
    /// Done, or partial when an artifact was left out.
    pub fn exit(&self) -> Exit {
        if self.failed.is_empty() { Exit::Done } else { Exit::Partial }
    }
}

/// Writes the records of the project at `path` into SkillMeat's files, in its shape and with its hashes.
pub fn write_back(world: &World, store: &Store, path: &Path, intent: Intent) -> Result<WrittenBack, Error> {
    if intent == Intent::Plan {
        return written_back(world, store, path, intent);
    }
    write(store, |writing, _| written_back(world, writing.store(), path, intent))
}

fn written_back(world: &World, store: &Store, path: &Path, intent: Intent) -> Result<WrittenBack, Error> {
    let mut opened = open_deployed(world, store, path)?;
    let keys: Vec<CopyKey> = opened.recorded()?.into_iter().map(|subject| subject.place.key).collect();
    let compared = opened.compare(world, store, &Index::load(store.layout()), &keys);
    let mut report = WrittenBack {
        project: opened.project.path().to_owned(),
        files: Vec::new(),
        failed: Vec::new(),
        dry_run: intent == Intent::Plan,
    };
    let mut by_folder: Vec<(PathBuf, Vec<_>)> = Vec::new();
    for outcome in compared {
        let compared = match outcome {
            Ok(compared) => compared,
            Err(failure) => {
                report.failed.push(failure);
                continue;
            }
        };
        // Its own record that is not taken over is as it is.
        let Some(record) = compared.record.clone() else { continue };
        let Some(payload) = deployed_payload(world, store, &opened, &compared)? else {
            report.failed.push(Failure {
                artifact_name: compared.place.name.clone(),
                artifact_type: compared.place.artifact_type,
                folder: compared.place.key.folder.clone(),
                path: Some(compared.place.path.display().to_string()),
                error: Report::of(&unknown(&compared)),
            });
            continue;
        };
        let hash = skillmeat::Hash::of(record.artifact_type, &payload);
        let folder = opened.folders.iter().find(|f| f.agent.name == compared.place.key.folder);
        let Some(dir) = folder.map(|folder| folder.agent.dir.clone()) else { continue };
        match by_folder.iter_mut().find(|(known, _)| *known == dir) {
            Some((_, records)) => records.push((record, hash)),
            None => by_folder.push((dir, vec![(record, hash)])),
        }
    }
    for (dir, records) in by_folder {
        let file = dir.join(skillmeat::FILE);
        if intent == Intent::Apply {
            skillmeat::write(&dir, &records)?;
        }
        report.files.push(file.strip_prefix(opened.project.root()).unwrap_or(&file).to_owned());
    }
    Ok(report)
}

/// The bytes of what was deployed: of the copy where it is as deployed, else of the baseline.
fn deployed_payload(
    world: &World,
    store: &Store,
    opened: &Opened,
    compared: &Compared,
) -> Result<Option<Payload>, Error> {
    let deployed = compared.record.as_ref().map(|record| record.content_hash);
    if compared.copy.map(|copy| copy.content_hash) == deployed {
        return Ok(project::read(&opened.project, &compared.place)?.map(|contents| contents.payload));
    }
    let found = payload_of(world, store, opened, compared)?;
    Ok(found.filter(|payload| Some(payload.tree().content_hash()) == deployed))
}

fn unknown(compared: &Compared) -> Refusal {
    Refusal {
        kind: Kind::NotFound,
        code: "baseline-unknown",
        message: format!("what was deployed of `{}` is not in this store", compared.place.name),
        hint: Some("deploy it again from a store that has it".to_owned()),
    }
}
