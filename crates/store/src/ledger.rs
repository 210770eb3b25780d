//! What this store knows of its copies in one project (`docs/formats/ledger.md`): which contents to keep as bases of
//! merges, what was taken from the project since, and what its last pull changed. The deployment file in the project is
//! shared by many stores and cannot say this for each.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;

use crate::deployment::{Content, Record};
use crate::fs;
use crate::layout::Layout;

/// The format of the record that this program writes.
const FORMAT: u32 = 1;
const LEDGER_BYTES: u64 = 64 * 1024 * 1024;

/// A ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// It does not read.
    #[error("the ledger `{}` is damaged: {problem}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Damaged { .. } => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Damaged { .. } => "ledger-damaged",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Damaged { .. } => Some(
                "move it away: drift is then judged by the deployment file alone, and a pull finds its base in the \
                 history of the store or of the project"
                    .to_owned(),
            ),
        }
    }
}

/// A content and where the object store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its content hash.
    pub content_hash: ContentHash,
    /// Its tree.
    pub tree: TreeId,
}

impl From<Content> for Kept {
    fn from(content: Content) -> Self {
        Self { content_hash: content.content_hash, tree: content.tree }
    }
}

/// Which copy in the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CopyKey {
    /// The agent's folder, relative to the project; empty for the project itself.
    pub folder: String,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// Its name in the store.
    pub artifact_name: SkillName,
}

/// What a store took from a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What it was.
    #[serde(flatten)]
    pub content: Kept,
    /// The artifact that has it, where that is a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_as: Option<SkillName>,
    /// Where the project was then; none when it is no git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
}

/// Where a project is in the history of its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The commit.
    pub commit: String,
    /// The branch by its full name; `HEAD` where there is none.
    pub branch: String,
}

/// One copy that this store deployed or pulled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Which.
    #[serde(flatten)]
    pub key: CopyKey,
    /// What was deployed when this store last had to do with it.
    pub baseline: Kept,
    /// What was taken from the project since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
}

impl Copy {
    /// The contents that it names.
    pub fn contents(&self) -> impl Iterator<Item = Kept> {
        [Some(self.baseline), self.taken.as_ref().map(|taken| taken.content)].into_iter().flatten()
    }
}

/// How to undo what a pull did about one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Which copy was pulled.
    pub key: CopyKey,
    /// What this store knew of it before.
    pub before: Option<Copy>,
    /// What was done.
    pub act: Act,
    /// Whether the copy had no record, and the pull gave it one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_recorded: bool,
}

/// What a pull did about one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// It made a version.
    Version {
        /// Of this artifact: a fork has another name than the copy.
        name: SkillName,
        /// The version before; none when the pull brought it into the store.
        before: Option<u32>,
        /// The version it made.
        after: u32,
        /// What that holds: the number alone may be another artifact's by now.
        tree: TreeId,
    },
    /// It found that the store has all of it already.
    Nothing,
    /// It left a working copy with conflicts.
    WorkingCopy {
        /// The token of its lease.
        token: u64,
    },
    /// It put the store's content into the project.
    Pushed {
        /// What the project had; none when it had nothing.
        was: Option<Kept>,
        /// What it has now.
        is: Kept,
        /// The record that the deployment file had.
        record: Option<Box<Record>>,
    },
    /// It took the copy out of the project, or found it taken out, and dropped its record.
    Dropped {
        /// What the project had.
        was: Option<Kept>,
        /// The record that the deployment file had.
        record: Option<Box<Record>>,
    },
}

/// The last pull from a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPull {
    /// When, RFC 3339 with `Z`.
    pub at: String,
    /// What it did, in its order.
    pub undo: Vec<Undo>,
}

/// What is known of one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    format: u32,
    /// The project, for people: the file's name is made from its real path.
    project: String,
    copies: Vec<Copy>,
    /// The last pull, until it is rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pull: Option<LastPull>,
}

impl Ledger {
    /// The ledger of the project at `root`, its real path; an empty one when there is none.
    pub fn load(layout: &Layout, root: &Path) -> Result<Self, Error> {
        let none =
            Self { format: FORMAT, project: root.display().to_string(), copies: Vec::new(), last_pull: None };
        Ok(read(&layout.ledger(root))?.unwrap_or(none))
    }

    /// Writes it. The caller holds the store's mutex.
    pub fn save(&self, layout: &Layout, root: &Path) -> Result<(), fs::Error> {
        if fs::lstat(&layout.projects())?.is_none() {
            fs::make_dir(&layout.projects())?;
            fs::sync_dir(&layout.state())?;
        }
        let path = layout.ledger(root);
        let mut text =
            serde_json::to_string_pretty(self).map_err(|e| fs::Error::new("write", &path, e.into()))?;
        text.push('\n');
        fs::replace(&path, text.as_bytes(), fs::Mode::Private)
    }

    /// Changes the ledger of the project at `root`, its real path.
    pub fn amend(layout: &Layout, root: &str, change: impl FnOnce(&mut Ledger)) -> Result<(), Error> {
        let root = Path::new(root);
        let mut ledger = Self::load(layout, root)?;
        change(&mut ledger);
        Ok(ledger.save(layout, root)?)
    }

    /// What is known of one copy.
    pub fn copy(&self, key: &CopyKey) -> Option<&Copy> {
        self.copies.iter().find(|copy| copy.key == *key)
    }

    /// Replaces what is known of one copy, or forgets it.
    pub fn set(&mut self, key: &CopyKey, copy: Option<Copy>) {
        self.copies.retain(|known| known.key != *key);
        self.copies.extend(copy);
        self.copies.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// Notes that `key` was deployed as `baseline`.
    pub fn deployed(&mut self, key: &CopyKey, baseline: Kept) {
        self.set(key, Some(Copy { key: key.clone(), baseline, taken: None }));
    }

    /// Notes that this store has taken `taken` from the project, where `baseline` is what was deployed.
    pub fn took(&mut self, key: &CopyKey, baseline: Kept, taken: Taken) {
        self.set(key, Some(Copy { key: key.clone(), baseline, taken: Some(taken) }));
    }

    /// Every tree that it names.
    fn trees(&self) -> impl Iterator<Item = TreeId> + '_ {
        let undo = self.last_pull.iter().flat_map(|pull| &pull.undo);
        let before = undo.clone().filter_map(|undo| undo.before.as_ref());
        let tree = |kept: &Option<Kept>| kept.map(|kept| kept.tree);
        let acts = undo.flat_map(move |undo| match &undo.act {
            Act::Version { tree, .. } => [None, Some(*tree)],
            Act::Pushed { was, is, .. } => [tree(was), Some(is.tree)],
            Act::Dropped { was, .. } => [tree(was), None],
            Act::Nothing | Act::WorkingCopy { .. } => [None, None],
        });
        let copies = self.copies.iter().chain(before).flat_map(Copy::contents).map(|kept| kept.tree);
        copies.chain(acts.flatten())
    }
}

fn read(path: &Path) -> Result<Option<Ledger>, Error> {
    let Some(bytes) = fs::optional(fs::read(path, LEDGER_BYTES))? else { return Ok(None) };
    let damaged = |problem: String| Error::Damaged { path: path.to_owned(), problem };
    let ledger: Ledger = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    if ledger.format > FORMAT {
        return Err(damaged(format!("it has format {}, this skillsync knows {FORMAT}", ledger.format)));
    }
    Ok(Some(ledger))
}

/// Every tree that some ledger of the store names: `gc` keeps them (decision 16). Fails when one does not read.
pub fn kept_trees(layout: &Layout) -> Result<Vec<TreeId>, Error> {
    let mut trees = Vec::new();
    for entry in fs::entries(&layout.projects())?.unwrap_or_default() {
        if entry.to_str().is_some_and(|name| name.ends_with(".json"))
            && let Some(ledger) = read(&layout.projects().join(entry))?
        {
            trees.extend(ledger.trees());
        }
    }
    Ok(trees)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Kept {
        Kept { content_hash: ContentHash::of(text.as_bytes()), tree: TreeId::of(text.as_bytes()) }
    }

    fn key(name: &str) -> CopyKey {
        CopyKey {
            folder: ".claude".to_owned(),
            artifact_type: ArtifactType::Skill,
            artifact_name: SkillName::parse(name).unwrap(),
        }
    }

    #[test]
    fn a_ledger_reads_back_and_names_every_tree() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.state()).unwrap();
        let root = Path::new("/work space/ü");
        let mut ledger = Ledger::load(&layout, root).unwrap();
        assert_eq!(kept_trees(&layout).unwrap(), []);
        ledger.deployed(&key("b"), kept("1"));
        ledger.took(&key("a"), kept("2"), Taken { content: kept("3"), forked_as: None, at: None });
        let before = ledger.copy(&key("a")).cloned();
        ledger.deployed(&key("a"), kept("4"));
        ledger.last_pull = Some(LastPull {
            at: "2026-11-20T00:00:00Z".to_owned(),
            undo: vec![
                Undo {
                    key: key("a"),
                    before,
                    act: Act::Pushed { was: Some(kept("5")), is: kept("4"), record: None },
                    is_recorded: true,
                },
                Undo {
                    key: key("c"),
                    before: None,
                    act: Act::Version {
                        name: key("c").artifact_name,
                        before: None,
                        after: 1,
                        tree: kept("6").tree,
                    },
                    is_recorded: false,
                },
            ],
        });
        ledger.save(&layout, root).unwrap();
        assert_eq!(Ledger::load(&layout, root).unwrap(), ledger);
        let found: std::collections::BTreeSet<TreeId> = kept_trees(&layout).unwrap().into_iter().collect();
        assert_eq!(found, ["1", "2", "3", "4", "5", "6"].map(|text| kept(text).tree).into());
        ledger.set(&key("b"), None);
        assert!(ledger.copy(&key("b")).is_none());
    }

    #[test]
    fn a_damaged_or_newer_ledger_is_an_error_and_stops_gc() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.projects()).unwrap();
        for bad in ["", "{", "{\"format\": 9, \"project\": \"/x\", \"copies\": []}"] {
            fs::replace(&layout.ledger(Path::new("/x")), bad.as_bytes(), fs::Mode::Private).unwrap();
            assert_eq!(Ledger::load(&layout, Path::new("/x")).unwrap_err().code(), "ledger-damaged");
            assert_eq!(kept_trees(&layout).unwrap_err().code(), "ledger-damaged", "{bad}");
        }
    }
}
