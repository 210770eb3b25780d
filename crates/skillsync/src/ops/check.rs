//! `sync check`: how a project's copies stand to the store (checklist Q4, Q6; decision 18). It writes nothing but the
//! cache of what it saw, unless the times of the check are asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::drift::{Change, DriftType, Recommendation};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::deployment;
use skillsync_store::index::Index;
use skillsync_store::ledger::CopyKey;
use skillsync_store::store::Store;
use skillsync_store::{fs, skills};

use super::project::{Compared, Failure, Opened, open, open_deployed};
use super::{Error, write};
use crate::ui::Exit;
use crate::world::World;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What was deployed.
    Deployed,
    /// Also what the store has and the project has not, and what the project has and nobody deployed.
    All,
}

/// How a project stands to the store.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The project, as it was given.
    pub project: PathBuf,
    /// Whether anything drifted.
    pub drift_detected: bool,
    /// How many artifacts did.
    pub drift_count: usize,
    /// How many artifacts were looked at.
    pub checked: usize,
    /// Those that drifted.
    pub artifacts: Vec<Drifted>,
    /// Those that did not, but whose copies differ in what is no drift.
    pub notes: Vec<Note>,
    /// Those that could not be compared.
    pub failed: Vec<Failure>,
    /// Names in deployment files of other tools that are of types we do not handle.
    pub ignored: Vec<String>,
}

/// One artifact that drifted (checklist Q6).
#[derive(Debug, Serialize)]
pub struct Drifted {
    /// The artifact.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// How it drifted.
    pub drift_type: DriftType,
    /// Content hash in the store.
    pub collection_sha: Option<ContentHash>,
    /// Content hash in the project.
    pub project_sha: Option<ContentHash>,
    /// Content hash that both are compared with; null when they have none in common that is known.
    pub baseline_sha: Option<ContentHash>,
    /// Version in the store.
    pub collection_version: Option<String>,
    /// Version of this store that was deployed, if it is one.
    pub project_version: Option<String>,
    /// When it was deployed, RFC 3339 with `Z`.
    pub last_deployed: Option<String>,
    /// What to do.
    pub recommendation: Recommendation,
    /// What the project did.
    pub change: Option<Change>,
    /// What the store did.
    pub store_change: Option<Change>,
    /// Whether both agree, so that only the record is behind.
    pub converged: bool,
    /// The agent's folder; null for what is nowhere in the project.
    pub folder: Option<String>,
    /// Where the copy is, below the project.
    pub path: Option<String>,
}

/// A copy that differs in what is no drift.
#[derive(Debug, Serialize)]
pub struct Note {
    /// The artifact.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// Where the copy is, below the project.
    pub path: String,
    /// Whether it differs in line ends alone.
    pub eol_only: bool,
    /// Whether it differs in executable bits alone.
    pub mode_changed: bool,
}

impl Checked {
    /// Done; failed where anything drifted; partial where nothing did, but something could not be compared.
    pub fn exit(&self) -> Exit {
        match (self.drift_detected, self.failed.is_empty()) {
            (true, _) => Exit::Failed,
            (false, false) => Exit::Partial,
            (false, true) => Exit::Done,
        }
    }
}

/// Compares the copies of the project at `path` with the store.
pub fn check(world: &World, store: &Store, path: &Path, extent: Extent) -> Result<Checked, Error> {
    let mut opened = opened(world, store, path, extent)?;
    let index = Index::load(store.layout());
    let (checked, _) = compare(world, store, &index, &mut opened, extent)?;
    opened.save_cache(store);
    Ok(checked)
}

/// Where nothing is deployed there is still what was never deployed.
fn opened(world: &World, store: &Store, path: &Path, extent: Extent) -> Result<Opened, Error> {
    match extent {
        Extent::Deployed => open_deployed(world, store, path),
        Extent::All => open(world, store, path),
    }
}

/// The same, and notes in the deployment files when each artifact was looked at and whether it is edited.
pub fn record(world: &World, store: &Store, path: &Path, extent: Extent) -> Result<Checked, Error> {
    write(store, |writing, index| {
        let store = writing.store();
        let mut opened = opened(world, store, path, extent)?;
        let (checked, compared) = compare(world, store, index, &mut opened, extent)?;
        for folder in &opened.folders {
            let mut records = folder.records.clone();
            for one in compared.iter().filter(|one| one.place.key.folder == folder.agent.name) {
                let key = (one.place.artifact_type, &one.place.name);
                // They are sorted.
                let at = records.binary_search_by(|record| record.key().cmp(&key)).ok();
                if let Some(record) = at.and_then(|at| records.get_mut(at)) {
                    *record = record.clone().checked(store.now_text(), one.is_edited());
                }
            }
            if records != folder.records {
                deployment::write(&folder.agent.dir.join(deployment::FILE), records)?;
            }
        }
        opened.save_cache(store);
        Ok(checked)
    })
}

fn compare(
    world: &World,
    store: &Store,
    index: &Index,
    opened: &mut Opened,
    extent: Extent,
) -> Result<(Checked, Vec<Compared>), Error> {
    let mut wanted: Vec<CopyKey> = opened.recorded()?.into_iter().map(|subject| subject.place.key).collect();
    let mut absent = Vec::new();
    if extent == Extent::All {
        wanted.extend(unrecorded(store, opened, &wanted)?);
        wanted.sort();
        absent = not_deployed(store, index, &wanted)?;
    }
    let mut report = Checked {
        project: opened.project.path().to_owned(),
        drift_detected: false,
        drift_count: 0,
        checked: wanted.len() + absent.len(),
        artifacts: Vec::new(),
        notes: Vec::new(),
        failed: Vec::new(),
        ignored: opened.folders.iter().flat_map(|folder| folder.others.clone()).collect(),
    };
    let mut compared = Vec::with_capacity(wanted.len());
    for outcome in opened.compare(world, store, index, &wanted) {
        match outcome {
            Ok(one) => {
                report.artifacts.extend(drifted(&one));
                report.notes.extend(note(&one));
                compared.push(one);
            }
            Err(failure) => report.failed.push(failure),
        }
    }
    report.artifacts.extend(absent);
    report.drift_count = report.artifacts.len();
    report.drift_detected = report.drift_count > 0;
    Ok((report, compared))
}

/// What a comparison says, if it says anything.
pub fn drifted(one: &Compared) -> Option<Drifted> {
    let drift = one.drift?;
    Some(Drifted {
        artifact_name: one.place.name.clone(),
        artifact_type: one.place.artifact_type,
        drift_type: drift.drift_type,
        collection_sha: one.store.as_ref().map(|s| s.content.content_hash),
        project_sha: one.copy.map(|copy| copy.content_hash),
        baseline_sha: one.baseline,
        collection_version: one.store.as_ref().map(|s| s.version.to_string()),
        project_version: one.deployed_version.map(|version| version.to_string()),
        last_deployed: one.record.as_ref().map(|record| record.deployed_at.clone()),
        recommendation: drift.recommendation,
        change: drift.change,
        store_change: drift.store_change,
        converged: drift.converged,
        folder: Some(one.place.key.folder.clone()),
        path: Some(one.place.shown().to_owned()),
    })
}

fn note(one: &Compared) -> Option<Note> {
    (one.drift.is_none() && (one.eol_only || one.mode_changed)).then(|| Note {
        artifact_name: one.place.name.clone(),
        artifact_type: one.place.artifact_type,
        path: one.place.shown().to_owned(),
        eol_only: one.eol_only,
        mode_changed: one.mode_changed,
    })
}

/// Copies that lie where artifacts are deployed, and that nobody deployed.
pub(super) fn unrecorded(
    store: &Store,
    opened: &mut Opened,
    recorded: &[CopyKey],
) -> Result<Vec<CopyKey>, Error> {
    opened.add_agent_folders(store)?;
    let mut found = Vec::new();
    for folder in &opened.folders {
        for artifact_type in ArtifactType::ALL {
            let example = opened.project.place(&folder.agent, artifact_type, &SkillName::parse("x")?)?;
            let Some(dir) = example.path.parent() else { continue };
            for entry in fs::optional(fs::entries(dir))?.flatten().unwrap_or_default() {
                let name = match artifact_type {
                    ArtifactType::Skill => entry.to_str(),
                    ArtifactType::Command | ArtifactType::Agent => {
                        entry.to_str().and_then(|name| name.strip_suffix(".md"))
                    }
                };
                let Some(name) = name.and_then(|name| SkillName::parse(name).ok()) else { continue };
                let main = dir.join(&entry).join(artifact_type.main_file(&name));
                if artifact_type == ArtifactType::Skill && fs::stat(&main)?.is_none() {
                    continue;
                }
                let folder = folder.agent.name.clone();
                found.push(CopyKey { folder, artifact_type, artifact_name: name });
            }
        }
    }
    let recorded: BTreeSet<&CopyKey> = recorded.iter().collect();
    found.retain(|key| !recorded.contains(key));
    Ok(found)
}

/// What the store has and the project has nowhere.
fn not_deployed(store: &Store, index: &Index, there: &[CopyKey]) -> Result<Vec<Drifted>, Error> {
    let there: BTreeSet<_> = there.iter().map(|key| (&key.artifact_name, key.artifact_type)).collect();
    let (mut absent, noted) = (Vec::new(), skills::Noted::of(store));
    for name in skills::names(store.layout())? {
        let Some(head) = skills::head(store, index, &name)? else { continue };
        let is_there = there.contains(&(&name, head.artifact_type));
        // What comes with the program is for its user: `deploy --all` leaves it out, too.
        let is_in_use = noted.state(&name, head.state) == State::Active;
        if is_there || !is_in_use || super::builtin::is_reserved(&name) {
            continue;
        }
        let collection_sha = skills::load(store, &name)?.head().content_hash;
        absent.push(Drifted {
            artifact_name: name,
            artifact_type: head.artifact_type,
            drift_type: DriftType::Added,
            collection_sha: Some(collection_sha),
            project_sha: None,
            baseline_sha: None,
            collection_version: Some(head.version.to_string()),
            project_version: None,
            last_deployed: None,
            recommendation: Recommendation::DeployToProject,
            change: None,
            store_change: Some(Change::Add),
            converged: false,
            folder: None,
            path: None,
        });
    }
    Ok(absent)
}
