//! `state/setup.json`: what setup set out to do, written before it does it, so that a setup that was cut off can be
//! gone on with or undone. It says where every original is meant to be; the disk says where it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_core::name::{SkillName, SourceName, TargetId};
use skillsync_store::config::{BaseUrl, Config};
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_store::skills;
use skillsync_store::store::Store;
use skillsync_store::targets::{Occupant, occupant};

use super::Error;
use crate::ops::Refusal;

/// The format that this program writes.
const FORMAT: u32 = 1;
/// Some 300 bytes for each of 100,000 originals.
const RECORD_BYTES: u64 = 64 * 1024 * 1024;

/// What all setups since the last undo did, or set out to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct Record {
    format: u32,
    /// Whether it was done to its end.
    done: bool,
    /// Whether it is being taken back: what is not there any more was not removed by the user.
    #[serde(default)]
    undoing: bool,
    /// When the last one began, RFC 3339 with `Z`.
    pub(super) begun: String,
    /// Folders that were made, the outer before the inner.
    pub(super) folders: Vec<PathBuf>,
    /// Targets that were added.
    pub(super) targets: Vec<AddedTarget>,
    /// Sources that were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sources: Vec<AddedSource>,
    /// Skills that the store did not have.
    pub(super) adopted: Vec<Adopted>,
    /// What the last one was going to make of each skill that it took versions of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) intents: Vec<Intent>,
    /// What stood in agents' folders.
    pub(super) moved: Vec<Moved>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AddedTarget {
    pub(super) id: TargetId,
    /// As `config.toml` says it: a target that was pointed elsewhere since is not ours to remove.
    pub(super) path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AddedSource {
    pub(super) name: SourceName,
    /// A source that has another address since is not ours to remove.
    pub(super) url: BaseUrl,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Adopted {
    pub(super) name: SkillName,
    /// Its versions' contents, oldest first; the last is the current one.
    pub(super) contents: Vec<ContentHash>,
    /// Whether the store did not have the skill: only then an undo takes it out again.
    pub(super) fresh: bool,
    /// Whether it has come, and was not only going to.
    #[serde(default = "yes")]
    pub(super) came: bool,
    /// The folder of another tool that it came from and that stays as it is: its other copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<PathBuf>,
}

/// A record from before this was written is of what came, or left.
fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) name: SkillName,
    /// The contents of all its versions when that is done, oldest first; the last is the current one.
    pub(super) contents: Vec<ContentHash>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) name: SkillName,
    /// Where it stood.
    pub(super) place: PathBuf,
    /// Where it is in trash.
    pub(super) kept: PathBuf,
    /// What it held, to write it anew when trash does not have it any more.
    pub(super) tree: TreeId,
    pub(super) content: ContentHash,
    /// Where it pointed, when it was a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<PathBuf>,
    /// Whether it has left its place for certain and is not back, and was not only going to.
    #[serde(default = "yes")]
    pub(super) left: bool,
}

impl Moved {
    /// Whether the original is in trash. Before it gets there, the link that will take its place may stand there.
    pub(super) fn is_kept(&self, layout: &Layout) -> Result<bool, Error> {
        Ok(match occupant(layout, &self.kept)? {
            Occupant::Nothing | Occupant::Ours(_) => false,
            Occupant::ForeignLink(_) | Occupant::Folder | Occupant::File => true,
        })
    }
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            format: FORMAT,
            done: true,
            undoing: false,
            begun: String::new(),
            folders: Vec::new(),
            targets: Vec::new(),
            sources: Vec::new(),
            adopted: Vec::new(),
            intents: Vec::new(),
            moved: Vec::new(),
        }
    }

    /// Reads the record; none when there was no setup.
    pub(in crate::ops) fn load(layout: &Layout) -> Result<Option<Self>, Error> {
        let path = layout.setup_record();
        let Some(bytes) = fs::optional(fs::read(&path, RECORD_BYTES))? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(&path, e.to_string()))?;
        if record.format > FORMAT {
            return Err(damaged(&path, format!("it has format {}, newer than {FORMAT}", record.format)));
        }
        Ok(Some(record))
    }

    /// Whether a setup, or its undo, did not come to its end.
    pub(in crate::ops) fn is_cut_off(&self) -> bool {
        !self.done
    }

    /// Which content of `name` a setup that was cut off was going to make current, while the versions of it, whose contents
    /// are `here`, are those that it came to: what somebody made of it since is not undone.
    pub(super) fn told(&self, name: &SkillName, here: &[ContentHash]) -> Option<ContentHash> {
        let intent = self.intents.iter().find(|intent| intent.name == *name).filter(|_| self.is_cut_off())?;
        let is_on_its_way = intent.contents.len() > here.len() && intent.contents.starts_with(here);
        intent.contents.last().copied().filter(|_| is_on_its_way)
    }

    /// The skills that setups took: one that is not there any more was removed by the user.
    pub(super) fn taken(&self) -> BTreeSet<SkillName> {
        let came = self.adopted.iter().filter(|adopted| adopted.came && !self.undoing);
        came.map(|adopted| adopted.name.clone()).collect()
    }

    /// The skills that came, and that an undo which was cut off, or a setup that went on from there, may have left halfway.
    pub(super) fn unsettled(&self) -> BTreeSet<SkillName> {
        let came = self.adopted.iter().filter(|a| a.fresh && a.came && self.is_cut_off());
        came.map(|adopted| adopted.name.clone()).collect()
    }

    /// Tells what came of a setup that was cut off, or is done now, from what was only going to: the latter is forgotten.
    pub(super) fn settle(&mut self, store: &Store) -> Result<(), Error> {
        let mut kept = Vec::with_capacity(self.adopted.len());
        for mut adopted in std::mem::take(&mut self.adopted) {
            let meta = match skills::find(store, &adopted.name) {
                Err(e) if e.kind() == Kind::Io => return Err(e.into()),
                meta => meta.transpose(),
            };
            adopted.came = match meta {
                None => adopted.came && !self.undoing,
                // One command writes one time: a version of another was made by somebody else.
                Some(Ok(meta)) => {
                    adopted.came || meta.versions().iter().any(|version| version.at == self.begun)
                }
                Some(Err(_)) => true,
            };
            if adopted.came {
                kept.push(adopted);
            }
        }
        self.adopted = kept;
        let config = Config::load(&store.layout().config())?;
        self.sources.retain(|source| config.source(&source.name).is_some());
        Ok(())
    }

    /// Notes that a setup begins.
    pub(super) fn begin(&mut self, begun: String) {
        (self.done, self.undoing) = (false, false);
        self.begun = begun;
    }

    /// Notes that all of it is taken back.
    pub(super) fn recall(&mut self, store: &Store) -> Result<(), Error> {
        if !self.undoing {
            self.settle(store)?;
            self.intents.clear();
            (self.done, self.undoing) = (false, true);
        }
        Ok(())
    }

    /// Forgets what did not come about and notes the end.
    pub(super) fn end(&mut self, store: &Store) -> Result<(), Error> {
        let layout = store.layout();
        self.settle(store)?;
        self.intents.clear();
        for moved in &mut self.moved {
            moved.left |= moved.is_kept(layout)? || occupant(layout, &moved.place)?.is_ours();
        }
        self.moved.retain(|moved| moved.left);
        (self.done, self.undoing) = (true, false);
        Ok(())
    }

    /// Writes it durably, as one step.
    pub(super) fn save(&self, layout: &Layout) -> Result<(), Error> {
        let path = layout.setup_record();
        let mut text = serde_json::to_string_pretty(self).map_err(|e| damaged(&path, e.to_string()))?;
        text.push('\n');
        Ok(fs::replace(&path, text.as_bytes(), fs::Mode::Private)?)
    }

    /// Removes it durably: there is nothing left to undo.
    pub(super) fn remove(layout: &Layout) -> Result<(), Error> {
        fs::remove_file(&layout.setup_record())?;
        Ok(fs::sync_dir(&layout.state())?)
    }
}

fn damaged(path: &Path, problem: String) -> Error {
    Refusal {
        kind: Kind::Invalid,
        code: "setup-record-damaged",
        message: format!("the record of setup `{}` does not read: {problem}", path.display()),
        hint: Some(
            "what setup moved is in the store's trash folder; move the record away to go on".to_owned(),
        ),
    }
    .into()
}
