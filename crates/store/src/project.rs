//! A project: a folder, mostly a repository, with agents' folders that copies of the store's artifacts are deployed
//! into. What is there is looked at here, and copies are put in and taken out; what should be there is decided above.
//!
//! Others commit to a project: nothing put here is a link or names a path of this machine, nothing outside the project
//! is touched through a link in it, and what is replaced or taken out goes to trash.

use std::path::{Path, PathBuf};

use skillsync_core::digest::{ContentHash, DriftHash};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;

use crate::deployment::{self, Content};
use crate::fs;
use crate::index::{CopySeen, Index, Key, Seen};
use crate::ledger::CopyKey;
use crate::scan;
use crate::store::Store;
use crate::tools::Tools;

mod fault;
mod place;
mod read;

pub use fault::Error;
pub use place::{Beside, Entering, Replaced, enter, recover, take_out};
pub use read::{Contents, read};

/// A project that is there.
#[derive(Debug, Clone)]
pub struct Project {
    /// As it was given: what the user is shown.
    path: PathBuf,
    /// Its real path: what it is known by.
    root: PathBuf,
}

/// An agent's folder of a project, whether it is there or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentFolder {
    /// Relative to the project, `/` separators; empty for the project itself.
    pub name: String,
    /// Where it is.
    pub dir: PathBuf,
    /// What its folder of skills is called, mostly `skills`.
    skills: String,
}

impl AgentFolder {
    /// Its name for people: `.` for the project itself.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { "." } else { &self.name }
    }

    /// Whether it is there.
    pub fn is_there(&self) -> bool {
        self.dir.is_dir()
    }
}

/// Where one copy is, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The artifact.
    pub name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// Below the agent's folder, as the deployment file says it.
    pub below: SkillPath,
    /// On the disk.
    pub path: PathBuf,
    /// Which copy in the project it is.
    pub key: CopyKey,
    /// Below the project: its key in the cache.
    seen_as: String,
}

impl Place {
    /// Below the project, for people: `.claude/skills/pdf`.
    pub fn shown(&self) -> &str {
        &self.seen_as
    }
}

impl Project {
    /// The project at `path`, an absolute one.
    pub fn open(store: &Store, path: &Path) -> Result<Self, Error> {
        let Some(root) = fs::real_path(path)? else { return Err(Error::Missing { path: path.to_owned() }) };
        if !fs::stat(&root)?.is_some_and(|metadata| metadata.is_dir()) {
            return Err(Error::NotAFolder { path: path.to_owned() });
        }
        if root.to_str().is_none() {
            return Err(Error::NotUtf8 { path: path.to_owned() });
        }
        let of_store = fs::resolved(store.layout().root())?;
        if root == fs::resolved(store.home())? {
            return Err(Error::Home { path: path.to_owned() });
        }
        if root.starts_with(&of_store) || of_store.starts_with(&root) {
            return Err(Error::Store { path: path.to_owned(), store: store.layout().root().to_owned() });
        }
        Ok(Self { path: path.to_owned(), root })
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its real path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its real path as text, for ledgers and leases.
    pub fn id(&self) -> String {
        self.root.display().to_string()
    }

    /// The folder of the tool whose skills of a project are in `skills`: `.claude` for `.claude/skills`.
    pub fn agent_folder(&self, skills: &str) -> AgentFolder {
        let (name, skills) = skills.rsplit_once('/').unwrap_or(("", skills));
        let dir = if name.is_empty() { self.root.clone() } else { self.root.join(name) };
        AgentFolder { name: name.to_owned(), dir, skills: skills.to_owned() }
    }

    /// The folder of this name, whoever's.
    pub fn folder_named(&self, name: &str) -> AgentFolder {
        if name.is_empty() {
            self.agent_folder("skills")
        } else {
            self.agent_folder(&format!("{name}/skills"))
        }
    }

    /// The folders that have a deployment file, whoever's: the project itself, the folders in it, and those in its
    /// hidden ones. No agent has its own deeper.
    pub fn deployed_folders(&self) -> Result<Vec<AgentFolder>, Error> {
        let has_file = |name: &str| -> Result<bool, fs::Error> {
            let dir = self.root.join(name);
            Ok(fs::lstat(&dir.join(deployment::FILE))?.is_some()
                || fs::lstat(&dir.join(deployment::skillmeat::FILE))?.is_some())
        };
        let is_git = |name: &str| name.eq_ignore_ascii_case(".git");
        let mut names = vec![String::new()];
        for entry in fs::entries(&self.root)?.unwrap_or_default() {
            let Some(name) = entry.to_str().filter(|name| !is_git(name)) else { continue };
            names.push(name.to_owned());
            if name.starts_with('.') {
                // What is no folder has nothing in it.
                let inner = fs::optional(fs::entries(&self.root.join(name)))?.flatten().unwrap_or_default();
                let inner = inner.iter().filter_map(|inner| inner.to_str().filter(|name| !is_git(name)));
                names.extend(inner.map(|inner| format!("{name}/{inner}")));
            }
        }
        let mut folders = Vec::new();
        for name in names {
            if has_file(&name)? {
                folders.push(self.folder_named(&name));
            }
        }
        self.distinct(folders)
    }

    /// The folders of all known tools that are there.
    pub fn agent_folders(&self, tools: &Tools) -> Result<Vec<AgentFolder>, Error> {
        self.distinct(tools.iter().map(|tool| self.agent_folder(tool.project.as_str())).collect())
    }

    /// Folders that are there and in the project, sorted; two that are one by a link count once.
    fn distinct(&self, mut folders: Vec<AgentFolder>) -> Result<Vec<AgentFolder>, Error> {
        folders.sort();
        folders.dedup_by(|a, b| a.dir == b.dir);
        let mut real = Vec::new();
        let mut found = Vec::new();
        for folder in folders {
            match fs::real_path(&folder.dir)? {
                Some(at) if at.starts_with(&self.root) && !real.contains(&at) => {
                    real.push(at);
                    found.push(folder);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The place of an artifact in `folder` by the rule: `skills/NAME`, `commands/NAME.md`, `agents/NAME.md`.
    pub fn place(
        &self,
        folder: &AgentFolder,
        artifact_type: ArtifactType,
        name: &SkillName,
    ) -> Result<Place, Error> {
        let below = match artifact_type {
            ArtifactType::Skill => format!("{}/{name}", folder.skills),
            ArtifactType::Command => format!("commands/{name}.md"),
            ArtifactType::Agent => format!("agents/{name}.md"),
        };
        let below = SkillPath::parse(&below)
            .map_err(|source| scan::Error::Name { root: folder.dir.clone(), source })?;
        Ok(self.place_at(folder, artifact_type, name, &below))
    }

    /// The place of an artifact in `folder` where its record says it is.
    pub fn place_at(
        &self,
        folder: &AgentFolder,
        artifact_type: ArtifactType,
        name: &SkillName,
        below: &SkillPath,
    ) -> Place {
        let seen_as =
            if folder.name.is_empty() { below.to_string() } else { format!("{}/{below}", folder.name) };
        Place {
            name: name.clone(),
            artifact_type,
            below: below.clone(),
            path: folder.dir.join(below.as_str()),
            key: CopyKey { folder: folder.name.clone(), artifact_type, artifact_name: name.clone() },
            seen_as,
        }
    }

    /// Fails when the folder of an agent is, or leads, outside the project.
    pub fn require_agent_folder(&self, folder: &AgentFolder) -> Result<(), Error> {
        self.require_inside(&folder.dir)
    }

    /// Fails when a deployment file in the folder of an agent, ours or SkillMeat's, is a link out of the project: what is
    /// read there could be said aloud.
    pub fn require_own_records(&self, folder: &AgentFolder) -> Result<(), Error> {
        for file in [deployment::FILE, deployment::skillmeat::FILE] {
            let path = folder.dir.join(file);
            if fs::lstat(&path)?.is_some_and(|metadata| metadata.is_symlink()) {
                self.require_inside(&path)?;
            }
        }
        Ok(())
    }

    /// Fails when a link on the way to `path` leads out of the project.
    fn require_inside(&self, path: &Path) -> Result<(), Error> {
        let to = fs::resolved(path)?;
        if to.starts_with(&self.root) {
            return Ok(());
        }
        Err(Error::Outside { path: path.to_owned(), to })
    }
}

/// What is at `place`: its content, or nothing. The cache answers where it can and learns what it did not know.
pub fn look(project: &Project, index: &Index, place: &Place) -> Result<Looked, Error> {
    if let Some(seen) = index.get::<CopySeen<'_>>(Key::InProject(&place.seen_as)) {
        let root = match place.artifact_type {
            ArtifactType::Skill => Some(place.path.as_path()),
            ArtifactType::Command | ArtifactType::Agent => place.path.parent(),
        };
        let folder = root.and_then(fs::Folder::open);
        if folder.is_some_and(|folder| seen.files.is_unchanged(&folder)) {
            let content = Content {
                content_hash: ContentHash::from_bytes(seen.content),
                drift_hash: DriftHash::from_bytes(seen.drift),
                tree: seen.tree,
            };
            return Ok(Looked { content: Some(content), fresh: None });
        }
    }
    let settled_ns = fs::clock_ns();
    let Some(contents) = read(project, place)? else { return Ok(Looked { content: None, fresh: None }) };
    Ok(Looked { content: Some(contents.content), fresh: Some((contents.listing, settled_ns)) })
}

/// What a look at a place found.
#[derive(Debug)]
pub struct Looked {
    /// What is there.
    pub content: Option<Content>,
    fresh: Option<(scan::Listing, i64)>,
}

impl Looked {
    /// Tells the cache what it did not know.
    pub fn remember(&self, index: &mut Index, place: &Place) {
        match (&self.content, &self.fresh) {
            (Some(content), Some((listing, settled_ns))) => {
                let seen = CopySeen {
                    content: *content.content_hash.as_bytes(),
                    drift: *content.drift_hash.as_bytes(),
                    tree: content.tree,
                    files: Seen::new(listing, *settled_ns),
                };
                index.set(Key::InProject(&place.seen_as), &seen);
            }
            (Some(_), None) => {}
            (None, _) => index.remove(Key::InProject(&place.seen_as)),
        }
    }
}
