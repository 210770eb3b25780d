//! What a pull reports (checklist Q7).

use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::diff::as_text;
use skillsync_core::merge::{self, ConflictKind};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;
use skillsync_store::ledger::CopyKey;
use skillsync_store::payload::Payload;

use super::super::check::Drifted;
use super::super::project::{Compared, Failure, Opened, Recovered};
use super::super::validate::{Finding, secrets_of};
use super::prepare::{Conflict, Prepared, Step};
use super::{Choice, Prefer, Request, Strategy};
use crate::ui::{Exit, Report};

/// What a pull does about one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The store takes what the project has.
    Take,
    /// Both are merged on what was deployed.
    Merge,
    /// The project's content becomes a new artifact.
    Fork,
    /// The project takes what the store has.
    Push,
    /// The copy is no longer deployed, and its record goes; the store keeps what it has, if it has anything.
    Drop,
    /// Nothing, as was chosen.
    Skip,
}

/// What a pull would look at.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// The project, as it was given.
    pub project: PathBuf,
    /// How, where nothing else is chosen.
    pub strategy: Option<Strategy>,
    /// Which side wins, with the strategy `overwrite`.
    pub prefer: Option<Prefer>,
    /// The copies that a pull is about.
    pub candidates: Vec<Candidate>,
    /// Copies that could not be compared.
    pub failed: Vec<Failure>,
}

/// One copy that a pull is about.
#[derive(Debug, Serialize)]
pub struct Candidate {
    /// How it drifted.
    #[serde(flatten)]
    pub drift: Drifted,
    /// What would be done.
    pub action: Action,
}

impl Preview {
    pub(super) fn new(opened: &Opened, request: &Request, failed: Vec<Failure>) -> Self {
        let (strategy, prefer) = match request.choice {
            Choice::Pull(Strategy::Overwrite, prefer) => (Some(Strategy::Overwrite), Some(prefer)),
            Choice::Pull(strategy, _) => (Some(strategy), None),
            Choice::Skip => (None, None),
        };
        let project = opened.project.path().to_owned();
        Self { project, strategy, prefer, candidates: Vec::new(), failed }
    }

    /// Done, or partial when a copy could not be compared.
    pub fn exit(&self) -> Exit {
        if self.failed.is_empty() { Exit::Done } else { Exit::Partial }
    }
}

/// How a pull ended (checklist Q7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// All of it is in the store.
    Success,
    /// Some of it wants a decision, or failed.
    Partial,
    /// The user stopped it.
    Cancelled,
    /// There was nothing to pull.
    NoChanges,
    /// Nothing was changed because only the plan was asked for.
    DryRun,
}

/// What a pull did (checklist Q7).
#[derive(Debug, Serialize)]
pub struct SyncResult {
    /// How it ended.
    pub status: SyncStatus,
    /// The artifacts that are settled.
    pub artifacts_synced: Vec<SkillName>,
    /// Those that are not, and why.
    pub conflicts: Vec<Unsettled>,
    /// One sentence.
    pub message: String,
    /// The project, as it was given.
    pub project: PathBuf,
    /// What was done about each copy.
    pub artifacts: Vec<Pulled>,
    /// What killed commands left in the project and is in trash now.
    pub recovered: Vec<Recovered>,
    /// Why the pull ended before all that it did was recorded.
    pub unrecorded: Option<Report>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What was done about one copy.
#[derive(Debug, Serialize)]
pub struct Pulled {
    /// The artifact of the copy.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// Where the copy is, below the project.
    pub path: String,
    /// What was done; null in a plan for one that is pulled after another.
    pub action: Option<Action>,
    /// In a plan, where the copy of the same artifact is that is pulled before this one: what becomes of this one
    /// depends on it.
    pub after: Option<String>,
    /// The artifact that has a new version: for a fork another one.
    pub stored_as: Option<SkillName>,
    /// That version; null when none was made.
    pub version: Option<u32>,
    /// Whether the store has the artifact.
    pub in_store: bool,
    /// Where what the project had is now, if it was replaced or taken out.
    pub trash: Option<PathBuf>,
    /// What looks like a secret in what the store takes.
    pub warnings: Vec<Finding>,
}

/// An artifact that is not settled.
#[derive(Debug, Serialize)]
pub struct Unsettled {
    /// The artifact.
    pub artifact_name: SkillName,
    /// Always false.
    pub success: bool,
    /// Whether it wants a decision; else it failed.
    pub has_conflict: bool,
    /// Why it failed, or why nobody can merge it.
    pub error: Option<Report>,
    /// The files that want a decision.
    pub conflict_files: Vec<SkillPath>,
    /// Each of them, with its three texts.
    pub files: Vec<ConflictFile>,
    /// The working copy, where the decisions are made; null in a plan.
    pub working_copy: Option<PathBuf>,
    /// The token of its lease, for `commit --token`.
    pub token: Option<u64>,
    /// What looks like a secret in what the working copy has.
    pub warnings: Vec<Finding>,
}

/// A file that wants a decision.
#[derive(Debug, Serialize)]
pub struct ConflictFile {
    /// Its path in the artifact.
    pub path: SkillPath,
    /// Why: `text`, `binary`, `delete-modify`, `add-add` or `collision`, with what belongs to it.
    #[serde(flatten)]
    pub kind: ConflictKind,
    /// What was deployed; null when there was none, or it is no text.
    pub base: Option<String>,
    /// What the store has.
    pub store: Option<String>,
    /// What the project has.
    pub project: Option<String>,
    /// Where the working copy keeps what the project has, if not in markers.
    pub project_at: Option<SkillPath>,
}

impl SyncResult {
    pub(super) fn new(opened: &Opened, failed: Vec<Failure>) -> Self {
        let mut result = Self {
            status: SyncStatus::NoChanges,
            artifacts_synced: Vec::new(),
            conflicts: Vec::new(),
            message: String::new(),
            project: opened.project.path().to_owned(),
            artifacts: Vec::new(),
            recovered: Vec::new(),
            unrecorded: None,
            dry_run: false,
        };
        for failure in failed {
            result.conflicts.push(Unsettled::failed(failure.artifact_name, failure.error));
        }
        result
    }

    /// The result of a pull that the user stopped.
    pub fn cancelled(project: PathBuf) -> Self {
        Self {
            status: SyncStatus::Cancelled,
            artifacts_synced: Vec::new(),
            conflicts: Vec::new(),
            message: "stopped at your answer; nothing was changed".to_owned(),
            project,
            artifacts: Vec::new(),
            recovered: Vec::new(),
            unrecorded: None,
            dry_run: false,
        }
    }

    pub(super) fn failed(&mut self, key: &CopyKey, error: Report) {
        self.conflicts.push(Unsettled::failed(key.artifact_name.clone(), error));
    }

    /// Plans a copy that is pulled after the one at `after`.
    pub(super) fn comes_after(&mut self, compared: &Compared, after: &str) {
        let place = &compared.place;
        self.artifacts.push(Pulled {
            artifact_name: place.name.clone(),
            artifact_type: place.artifact_type,
            path: place.shown().to_owned(),
            action: None,
            after: Some(after.to_owned()),
            in_store: compared.store.is_some(),
            stored_as: None,
            version: None,
            trash: None,
            warnings: Vec::new(),
        });
    }

    pub(super) fn done(&mut self, step: &Step) {
        let place = &step.compared.place;
        let (stored_as, version) = match (&step.prepared, step.advanced) {
            (Prepared::Version(version), Some(number)) => (Some(version.name.clone()), Some(number)),
            (Prepared::Version(version), None) => {
                (Some(version.name.clone()), Some(version.before.unwrap_or(0) + 1))
            }
            _ => (None, None),
        };
        match &step.prepared {
            Prepared::Conflict(conflict) => {
                self.conflicts.push(Unsettled::conflict(place.name.clone(), conflict, step.copy.as_ref()));
                return;
            }
            Prepared::Undecided(refusal) => {
                let unsettled = Unsettled::failed(place.name.clone(), Report::of(refusal));
                self.conflicts.push(Unsettled { has_conflict: true, ..unsettled });
                return;
            }
            Prepared::Skip => {}
            // Its copies may come with others between them.
            _ if self.artifacts_synced.contains(&place.name) => {}
            _ => self.artifacts_synced.push(place.name.clone()),
        }
        self.artifacts.push(Pulled {
            artifact_name: place.name.clone(),
            artifact_type: place.artifact_type,
            path: place.shown().to_owned(),
            action: Some(step.action),
            after: None,
            in_store: step.compared.store.is_some() || stored_as.as_ref() == Some(&place.name),
            stored_as,
            version,
            trash: step.trash.clone(),
            warnings: match &step.prepared {
                Prepared::Version(version) => secrets_of(&version.payload),
                _ => Vec::new(),
            },
        });
    }

    pub(super) fn finished(mut self, status: SyncStatus) -> Self {
        self.dry_run = status == SyncStatus::DryRun;
        self.status = match (status, self.is_settled(), self.artifacts_synced.is_empty()) {
            (SyncStatus::DryRun, ..) => SyncStatus::DryRun,
            (_, false, _) => SyncStatus::Partial,
            (_, true, true) => SyncStatus::NoChanges,
            (_, true, false) => status,
        };
        let synced = self.artifacts_synced.len();
        let would = if self.dry_run { "would be " } else { "" };
        self.message = match (synced, self.conflicts.len()) {
            (0, 0) => "nothing to pull".to_owned(),
            (synced, 0) => format!("{synced} {would}pulled"),
            (synced, open) => format!("{synced} {would}pulled, {open} not settled"),
        };
        self
    }

    fn is_settled(&self) -> bool {
        self.conflicts.is_empty() && self.unrecorded.is_none()
    }

    /// Done; a conflict where something wants a decision; partial where something failed, or could not be recorded.
    pub fn exit(&self) -> Exit {
        if self.status == SyncStatus::Cancelled {
            return Exit::Failed;
        }
        match (self.conflicts.iter().any(|c| c.has_conflict), self.is_settled()) {
            (true, _) => Exit::Conflict,
            (false, false) => Exit::Partial,
            (false, true) => Exit::Done,
        }
    }
}

impl Unsettled {
    fn failed(artifact_name: SkillName, error: Report) -> Self {
        Self {
            artifact_name,
            success: false,
            has_conflict: error.exit == Exit::Conflict,
            error: Some(error),
            conflict_files: Vec::new(),
            files: Vec::new(),
            working_copy: None,
            token: None,
            warnings: Vec::new(),
        }
    }

    fn conflict(artifact_name: SkillName, conflict: &Conflict, copy: Option<&Payload>) -> Self {
        let files: Vec<ConflictFile> =
            conflict.merge.conflicts.iter().map(|c| ConflictFile::new(c, conflict, copy)).collect();
        let handed_out = conflict.handed_out.get().cloned().flatten();
        let (working_copy, token) =
            handed_out.map_or((None, None), |(path, token)| (Some(path), Some(token)));
        Self {
            artifact_name,
            success: false,
            has_conflict: true,
            error: None,
            conflict_files: files.iter().map(|file| file.path.clone()).collect(),
            files,
            working_copy,
            token,
            warnings: secrets_of(&conflict.merged),
        }
    }
}

impl ConflictFile {
    fn new(found: &merge::Conflict, conflict: &Conflict, copy: Option<&Payload>) -> Self {
        let text = |payload: &Payload| payload.get(found.path.as_str()).and_then(as_text).map(str::to_owned);
        Self {
            path: found.path.clone(),
            kind: found.kind.clone(),
            base: text(&conflict.base),
            store: text(&conflict.store),
            project: copy.and_then(text),
            project_at: found.theirs_at.clone(),
        }
    }
}
