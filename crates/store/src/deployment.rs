//! The deployment file of one agent's folder in a project: what was deployed into it, of which content, when
//! (`docs/formats/deployment.md`, checklist Q5, Q11; decision 17). It is shared through the project's repository, so it
//! names no path of a machine, keeps one order, and has one block for each artifact.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ContentHash, DriftHash, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::shell::shell_quoted;
use skillsync_core::skill::ArtifactType;

use crate::fs;
use crate::payload::Payload;

mod file;
pub mod skillmeat;

pub use file::{read, recall, write};

/// The file, in an agent's folder of a project.
pub const FILE: &str = ".skillsync-deployed.toml";

/// The format of the file that this program writes.
const FORMAT: u32 = 1;

/// A deployment file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// A merge of the repository left its markers in it.
    #[error("`{}` has git's conflict markers in it, line {line}", .path.display())]
    Unmerged {
        /// The file.
        path: PathBuf,
        /// Line of the first marker, from 1.
        line: usize,
    },
    /// It does not read.
    #[error("`{}` is damaged, line {line}: {problem}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line of what is wrong, from 1.
        line: usize,
        /// What is wrong, one line.
        problem: String,
    },
    /// It has two records of one artifact.
    #[error("`{}` has two records of the {artifact_type} `{name}`, the second in line {line}", .path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The artifact's type.
        artifact_type: ArtifactType,
        /// The artifact's name.
        name: SkillName,
        /// Line of the second one's name, from 1.
        line: usize,
    },
    /// A newer program wrote it.
    #[error("`{}` has format {found}; this skillsync knows format {FORMAT} only", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Unmerged { .. } => Kind::Conflict,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Unmerged { .. } => "deployments-unmerged",
            Error::Damaged { .. } => "deployments-damaged",
            Error::Twice { .. } => "deployment-twice",
            Error::Newer { .. } => "deployments-newer",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Unmerged { .. } => Some(
                "every [[deployed]] block stands for itself: keep the blocks of both sides, of two with one \
                 artifact_name the one whose files are in the project, and take the markers out"
                    .to_owned(),
            ),
            Error::Damaged { path, .. } => Some(format!(
                "mend that line, or take the file as it was: git -C {} checkout -- {}",
                shell_quoted(&path.parent().unwrap_or(path).display().to_string()),
                path.file_name().unwrap_or_default().display()
            )),
            Error::Twice { .. } => {
                Some("remove the block whose content_hash is not that of the files".to_owned())
            }
            Error::Newer { .. } => Some("install the newest skillsync".to_owned()),
        }
    }
}

/// One artifact that was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name in the store.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// The collection it came from: a store has one, `default`.
    pub from_collection: String,
    /// When it was deployed last, RFC 3339 with `Z`.
    pub deployed_at: String,
    /// Where it is, below the agent's folder: `skills/pdf`.
    pub artifact_path: SkillPath,
    /// Content that was deployed: the baseline.
    pub content_hash: ContentHash,
    /// The same with line ends folded; none where that changes nothing.
    pub drift_hash: Option<DriftHash>,
    /// The exact tree that was deployed, executable bits included.
    pub tree: Option<TreeId>,
    /// Whether the project's copy was found edited when it was last recorded.
    pub local_modifications: bool,
    /// The content that was deployed before this one.
    pub parent_hash: Option<ContentHash>,
    /// All contents that were deployed here, the newest first, at most [`limits::LINEAGE`].
    pub version_lineage: Vec<ContentHash>,
    /// When its drift was last recorded.
    pub last_modified_check: Option<String>,
    /// When the edit that is there now was first recorded.
    pub modification_detected_at: Option<String>,
}

/// What exactly is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Its content hash.
    pub content_hash: ContentHash,
    /// Its drift hash.
    pub drift_hash: DriftHash,
    /// Its tree.
    pub tree: TreeId,
}

impl Content {
    /// The hashes of a payload.
    pub fn of(payload: &Payload) -> Self {
        let tree = payload.tree();
        let (content_hash, tree) = (tree.content_hash(), tree.id());
        Self { content_hash, drift_hash: payload.drift_hash(), tree }
    }
}

impl Record {
    /// The record of a first deployment.
    pub fn new(
        name: SkillName,
        artifact_type: ArtifactType,
        path: SkillPath,
        at: String,
        of: Content,
    ) -> Self {
        let mut record = Self {
            artifact_name: name,
            artifact_type,
            from_collection: "default".to_owned(),
            deployed_at: at,
            artifact_path: path,
            content_hash: of.content_hash,
            drift_hash: None,
            tree: None,
            local_modifications: false,
            parent_hash: None,
            version_lineage: vec![of.content_hash],
            last_modified_check: None,
            modification_detected_at: None,
        };
        record.set_content(of);
        record
    }

    fn set_content(&mut self, of: Content) {
        self.content_hash = of.content_hash;
        self.drift_hash = Some(of.drift_hash).filter(|hash| *hash != DriftHash::from(of.content_hash));
        self.tree = Some(of.tree);
    }

    /// The record after another deployment (checklist Q12): the content before is its parent. A redeployment of the
    /// same content leaves the lineage as it is.
    pub fn redeployed(self, at: String, of: Content) -> Self {
        let before = self.content_hash;
        let mut record = Self {
            deployed_at: at,
            local_modifications: false,
            modification_detected_at: None,
            last_modified_check: None,
            ..self
        };
        record.set_content(of);
        if before != of.content_hash {
            record.parent_hash = Some(before);
            // A file by another program may lack the newest one.
            if record.version_lineage.first() != Some(&before) {
                record.version_lineage.insert(0, before);
            }
            record.version_lineage.insert(0, of.content_hash);
            record.version_lineage.truncate(limits::LINEAGE);
        }
        record
    }

    /// The record after its drift was looked at.
    pub fn checked(mut self, at: String, is_modified: bool) -> Self {
        self.modification_detected_at = match (is_modified, self.modification_detected_at) {
            (false, _) => None,
            (true, Some(since)) => Some(since),
            (true, None) => Some(at.clone()),
        };
        self.local_modifications = is_modified;
        self.last_modified_check = Some(at);
        self
    }

    /// The drift hash of what was deployed.
    pub fn drift_hash(&self) -> DriftHash {
        self.drift_hash.unwrap_or(DriftHash::from(self.content_hash))
    }

    /// What there is one record for.
    pub fn key(&self) -> (ArtifactType, &SkillName) {
        (self.artifact_type, &self.artifact_name)
    }
}

#[cfg(test)]
mod tests;
