//! The agent products that we know, as data: their folders, what else they read, how to find them. Looking at the
//! disk, and what is linked where, is left to others.

mod location;

mod read;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::{self, TargetId};
use skillsync_core::nearest::nearest;

pub use location::{InProject, Location};

/// The registry that comes with the program.
const BUILTIN: &str = include_str!("../data/tools.toml");

/// Why a tool cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No tool has this id, alias or name.
    #[error("no tool is called `{}`", shown(name))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The ids of the tools that are called nearly so; at most three.
        near: Vec<TargetId>,
    },
    /// A `tools.toml` that cannot be used.
    #[error("{}:{line}:{column}: {problem}", file.display())]
    Data {
        /// The file.
        file: PathBuf,
        /// Line of what is wrong, from 1.
        line: usize,
        /// Character in that line, from 1.
        column: usize,
        /// What is wrong, one line.
        problem: String,
        /// What to write instead, if that is known.
        hint: Option<String>,
        /// Why an id is no id.
        source: Option<Box<name::Error>>,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::NotFound,
            Self::Data { .. } => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "tool-unknown",
            Self::Data { .. } => "tools-invalid",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } if near.is_empty() => Some(
                "any folder can be a target: `skillsync target add --path PATH`; a tool of your own goes into \
                 `tools.toml` in the store"
                    .to_owned(),
            ),
            Self::Unknown { near, .. } => {
                let near: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::Data { hint, source, .. } => {
                hint.clone().or_else(|| source.as_deref().and_then(Fault::hint))
            }
        }
    }
}

/// Text of others in a message: escaped and bounded, so that it cannot garble a terminal.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().count() > 80 { format!("{short}...") } else { short }
}

/// How a skill comes into a target's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A link to the rendered skill: a change is one rename, an edit through it is seen.
    #[default]
    Symlink,
    /// A copy of the rendered skill, for agents that do not follow links.
    Copy,
}

impl Mode {
    /// The word in files and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Symlink => "symlink",
            Self::Copy => "copy",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no [`Mode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mode `{}` is neither `symlink` nor `copy`", shown(.0))]
pub struct ModeError(String);

impl Fault for ModeError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "mode-invalid"
    }
    fn hint(&self) -> Option<String> {
        Some("write `symlink`, or `copy` for an agent that does not follow links".to_owned())
    }
}

impl FromStr for Mode {
    type Err = ModeError;
    fn from_str(text: &str) -> Result<Self, ModeError> {
        match text {
            "symlink" => Ok(Self::Symlink),
            "copy" => Ok(Self::Copy),
            _ => Err(ModeError(text.to_owned())),
        }
    }
}

/// How much of the skills' names and descriptions a tool shows its model; what is over, the model never sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Most characters of all entries together; none: not known.
    pub budget_chars: Option<usize>,
    /// Most characters of one description; none: not known.
    pub entry_chars: Option<usize>,
}

/// An agent product: the facts of one row of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// What is typed, and the id of the target that it becomes.
    pub id: TargetId,
    /// What is shown.
    pub name: String,
    /// Its skills folder in a project.
    pub project: InProject,
    /// Its skills folder for the user; none when it only knows projects.
    pub global: Option<Location>,
    /// Any of these exists where it is installed; empty when nothing proves that.
    pub detect: Vec<Location>,
    /// Other folders of the user that it lists skills from, in the order it reads them.
    pub also_scans: Vec<Location>,
    /// Other folders of a project that it lists skills from, in the order it reads them.
    pub also_scans_project: Vec<InProject>,
    /// Other names that people type.
    pub aliases: Vec<String>,
    /// How skills should come into its folders.
    pub mode: Mode,
    /// How much it lists, where that is known.
    pub listing: Option<Listing>,
}

/// What the paths of the registry are relative to. Comes in as a value, so that rules stay rules.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    /// The user's home, absolute.
    pub home: &'a Path,
    /// The current folder, absolute.
    pub cwd: &'a Path,
    /// The environment. A variable that is set but empty counts as unset; a relative value is below `cwd`.
    pub var: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Tool {
    /// Its skills folder for the user. None when it has none, or a variable without a default is unset.
    pub fn global_dir(&self, places: &Places<'_>) -> Option<PathBuf> {
        self.global.as_ref()?.resolve(places)
    }

    /// Its skills folder in the project at `project_root`.
    pub fn project_dir(&self, project_root: &Path) -> PathBuf {
        self.project.below(project_root)
    }

    /// The folders of the user that it reads besides [`Tool::global_dir`], in reading order, each once.
    pub fn also_scanned(&self, places: &Places<'_>) -> Vec<PathBuf> {
        let own = self.global_dir(places);
        distinct(own.as_deref(), self.also_scans.iter().filter_map(|location| location.resolve(places)))
    }

    /// The folders of a project that it reads besides [`Tool::project_dir`], in reading order, each once.
    pub fn also_scanned_in(&self, project_root: &Path) -> Vec<PathBuf> {
        let own = self.project_dir(project_root);
        distinct(Some(&own), self.also_scans_project.iter().map(|folder| folder.below(project_root)))
    }

    /// Whether it is installed here, as far as its folders tell. `exists` answers for the disk.
    pub fn is_detected(&self, places: &Places<'_>, exists: &dyn Fn(&Path) -> bool) -> bool {
        self.detect.iter().filter_map(|location| location.resolve(places)).any(|path| exists(&path))
    }

    /// Everything it answers to: id, aliases, name.
    fn labels(&self) -> impl Iterator<Item = &str> {
        [self.id.as_str()]
            .into_iter()
            .chain(self.aliases.iter().map(String::as_str))
            .chain([self.name.as_str()])
    }
}

fn distinct(own: Option<&Path>, folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if Some(folder.as_path()) != own && !found.contains(&folder) {
            found.push(folder);
        }
    }
    found
}

/// The registry: every tool we know. Reading it costs about half a millisecond: load it only
/// where a tool is really asked for, and once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    tools: Vec<Tool>,
    /// The declared variables with their defaults.
    vars: BTreeMap<String, Option<Location>>,
}

impl Tools {
    /// The tools that come with the program.
    pub fn builtin() -> Self {
        let mut tools = Self { tools: Vec::new(), vars: BTreeMap::new() };
        read::extend(&mut tools, BUILTIN, Path::new("data/tools.toml"))
            .expect("a constant of the program, which a test of this room reads");
        tools
    }

    /// The built-in tools, extended and overridden by `text`, the content of a user's `tools.toml`: a new id adds
    /// a tool, a known id replaces the fields that are written. `file` is only named in errors.
    ///
    /// Fails with [`Error::Data`] at the first thing that is wrong; nothing is ever ignored.
    pub fn with_user(text: &str, file: &Path) -> Result<Self, Error> {
        let mut tools = Self::builtin();
        read::extend(&mut tools, text, file)?;
        Ok(tools)
    }

    /// The tool that answers to `name`: its id, one of its aliases, or its shown name, in any case.
    ///
    /// Fails with [`Error::Unknown`], which names the nearest.
    pub fn get(&self, name: &str) -> Result<&Tool, Error> {
        let answers = |tool: &&Tool| tool.labels().any(|label| same(label, name));
        self.tools
            .iter()
            .find(answers)
            .ok_or_else(|| Error::Unknown { name: name.to_owned(), near: self.near(name) })
    }

    /// All tools, in the order of the registry, a user's own last.
    pub fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }

    /// The ids of all tools, in the same order.
    pub fn ids(&self) -> impl Iterator<Item = &TargetId> {
        self.tools.iter().map(|tool| &tool.id)
    }

    fn near(&self, name: &str) -> Vec<TargetId> {
        let name = fold(name);
        let labels: Vec<(String, &TargetId)> =
            self.tools.iter().flat_map(|tool| tool.labels().map(|label| (fold(label), &tool.id))).collect();
        let mut near: Vec<TargetId> = Vec::new();
        for index in nearest(&name, labels.iter().map(|(label, _)| label.as_str())) {
            let id = labels[index].1;
            if !near.contains(id) {
                near.push(id.clone());
            }
        }
        near.truncate(3);
        near
    }
}

/// Two names of tools are one when they differ only in case.
fn same(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
