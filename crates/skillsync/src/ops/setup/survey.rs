//! What setup finds on this machine: the agents, the folders they read skills from, and what each entry in those
//! folders is. It only reads; what is to be done about it, `plan` decides.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault, Kind, with_causes};
use skillsync_core::frontmatter;
use skillsync_core::limits;
use skillsync_core::name::{self, SkillName};
use skillsync_core::tree::{SKILL_MD, Tree};
use skillsync_store::layout::Layout;
use skillsync_store::render::Mark;
use skillsync_store::targets::{Occupant, occupant};
use skillsync_store::tools::{Tool, Tools};
use skillsync_store::{fs, parallel, scan};

use super::Error;
use crate::ops::source::import::{Stored, add, content_of, takes_a_copy};
use crate::ops::target::{detected, with_places};
use crate::world::World;

/// A folder that agents found on this machine read skills from.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// As the registry of tools says it.
    pub(super) dir: PathBuf,
    /// What that leads to.
    pub(super) real: PathBuf,
    /// The tools whose own folder it is; empty for one that is only read besides (`~/.codex/skills`).
    pub(super) owners: Vec<Tool>,
    /// The tools that read it besides their own.
    pub(super) readers: Vec<Tool>,
}

impl Folder {
    /// A name for people and for trash: its first owner's, else its first reader's.
    pub(super) fn label(&self) -> &str {
        self.owners.iter().chain(&self.readers).next().map_or("folder", |tool| tool.id.as_str())
    }
}

/// A skill of the user's in an agent's folder.
#[derive(Debug, Clone)]
pub(super) struct Original {
    /// The name it will have: what its `SKILL.md` says, else its folder's.
    pub(super) name: SkillName,
    /// Where it stands.
    pub(super) place: PathBuf,
    /// The folder it stands in, by its number.
    pub(super) folder: usize,
    /// What it holds.
    pub(super) tree: Tree,
    /// What of that is the skill's: what another tool noted among the files is not.
    pub(super) content: ContentHash,
    /// Where it points, when it is a link to another original.
    pub(super) link: Option<PathBuf>,
}

/// Something in an agent's folder that setup does not touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    /// Where.
    pub path: String,
    /// Why: `foreign-link`, `broken-link`, `git-checkout`, `no-skill-md`, `not-loadable`, `name-unusable`,
    /// `not-a-payload`, `built-in-name`, `not-importable`, `store-skill`, `in-the-way`, `not-a-folder`, `not-a-list`,
    /// `not-readable`.
    pub reason: &'static str,
    /// Why, in words.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// The reason of what the machine refused to show: unlike the others a failure, since nobody knows what it is.
pub(super) const NOT_READABLE: &str = "not-readable";

impl LeftAlone {
    /// Whether it was left because the machine refused to show it.
    pub(super) fn is_failure(&self) -> bool {
        self.reason == NOT_READABLE
    }

    pub(super) fn new(
        path: &Path,
        reason: &'static str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self { path: path.display().to_string(), reason, message: message.into(), hint }
    }
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Survey {
    /// The agents' folders, in the order of the registry; those that agents only read besides come last.
    pub(super) folders: Vec<Folder>,
    /// The user's skills in them, by folder and name.
    pub(super) originals: Vec<Original>,
    /// What is none, or cannot be taken.
    pub(super) left_alone: Vec<LeftAlone>,
}

/// Looks at every folder of every agent found here. `stored` are folders elsewhere whose content the store will hold by
/// then, by what they lead to. `step` is called for each entry read.
pub(super) fn survey(
    world: &World,
    tools: &Tools,
    stored: &BTreeMap<PathBuf, Stored>,
    step: &(dyn Fn() + Sync),
) -> Result<Survey, Error> {
    let folders = folders(world, tools)?;
    let layout = Layout::new(world.store.clone());
    let mut survey = Survey { folders, originals: Vec::new(), left_alone: Vec::new() };
    let mut entries: Vec<(usize, PathBuf)> = Vec::new();
    for (number, folder) in survey.folders.iter().enumerate() {
        match fs::entries(&folder.dir) {
            Ok(names) => entries.extend(
                names
                    .unwrap_or_default()
                    .iter()
                    .filter(|n| !is_hidden(n))
                    .map(|n| (number, folder.dir.join(n))),
            ),
            Err(e) => {
                survey.left_alone.push(LeftAlone::new(&folder.dir, NOT_READABLE, with_causes(&e), e.hint()))
            }
        }
    }
    let found = parallel::map(&entries, |(_, place)| {
        step();
        classify(&layout, place)
    });
    let mut links = Vec::new();
    for ((folder, place), found) in entries.into_iter().zip(found) {
        match found {
            Found::Nothing => {}
            Found::Skill(name, tree) => {
                let content = content_of(&tree);
                survey.originals.push(Original { name, place, folder, tree, content, link: None });
            }
            Found::Link { text, real } => links.push((folder, place, text, real)),
            Found::LeftAlone(left) => survey.left_alone.push(left),
        }
    }
    survey.add_links(links, stored)?;
    survey.originals.sort_by(|a, b| (a.folder, &a.place).cmp(&(b.folder, &b.place)));
    survey.left_alone.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(survey)
}

impl Survey {
    /// A link to a skill that is taken would lead nowhere afterwards, so it is taken with it: installers put one
    /// copy into `~/.agents/skills` and link it everywhere else. Other links are the user's own affair.
    /// The same holds for a folder elsewhere that is imported.
    fn add_links(
        &mut self,
        links: Vec<(usize, PathBuf, PathBuf, PathBuf)>,
        stored: &BTreeMap<PathBuf, Stored>,
    ) -> Result<(), Error> {
        let mut reals = BTreeMap::new();
        for (number, original) in self.originals.iter().enumerate() {
            if let Some(real) = fs::real_path(&original.place)? {
                reals.insert(real, number);
            }
        }
        for (folder, place, text, real) in links {
            let taken = reals.get(&real).map(|&number| &self.originals[number]);
            let taken = taken.map(|original| (&original.name, &original.tree));
            match taken.or_else(|| stored.get(&real).map(|stored| (&stored.name, &stored.tree))) {
                Some((name, tree)) => {
                    let (name, tree, content) = (name.clone(), tree.clone(), content_of(tree));
                    self.originals.push(Original { name, place, folder, tree, content, link: Some(text) });
                }
                None => {
                    let message = format!("a link to {}", text.display());
                    let hint = Some(takes_a_copy(&real));
                    self.left_alone.push(LeftAlone::new(&place, "foreign-link", message, hint));
                }
            }
        }
        Ok(())
    }
}

/// Agents keep things of their own under such names (`.system`, `.DS_Store`), and so do we.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The tools found on this machine that have a folder for a user's own skills.
pub(super) fn installed(world: &World, tools: &Tools) -> Vec<Tool> {
    let has_folder = |tool: &&Tool| with_places(world, |places| tool.global_dir(places).is_some());
    detected(world, tools).into_iter().filter(has_folder).cloned().collect()
}

fn folders(world: &World, tools: &Tools) -> Result<Vec<Folder>, Error> {
    let mut folders: Vec<Folder> = Vec::new();
    let mut at = |dir: PathBuf| -> Result<usize, Error> {
        let real = fs::real_path(&dir)?.unwrap_or_else(|| dir.clone());
        if let Some(known) = folders.iter().position(|f| f.real == real) {
            return Ok(known);
        }
        folders.push(Folder { dir, real, owners: Vec::new(), readers: Vec::new() });
        Ok(folders.len() - 1)
    };
    let installed = installed(world, tools);
    let (mut owners, mut readers) = (Vec::new(), Vec::new());
    for tool in &installed {
        if let Some(dir) = with_places(world, |places| tool.global_dir(places)) {
            owners.push((at(dir)?, tool.clone()));
        }
    }
    for tool in &installed {
        for dir in with_places(world, |places| tool.also_scanned(places)) {
            // A system's own folder is not the user's to change.
            let is_users = !dir.starts_with("/etc") && fs::stat(&dir)?.is_some_and(|m| m.is_dir());
            if is_users {
                readers.push((at(dir)?, tool.clone()));
            }
        }
    }
    owners.into_iter().for_each(|(number, tool)| folders[number].owners.push(tool));
    readers.into_iter().for_each(|(number, tool)| folders[number].readers.push(tool));
    Ok(folders)
}

enum Found {
    /// Nothing of interest, or ours.
    Nothing,
    Skill(SkillName, Tree),
    Link {
        text: PathBuf,
        real: PathBuf,
    },
    LeftAlone(LeftAlone),
}

impl Found {
    /// Whether the record can name what is taken from `place`, and where that points: it is JSON.
    fn is_text(&self, place: &Path) -> bool {
        match self {
            Found::Nothing | Found::LeftAlone(_) => true,
            Found::Skill(..) => place.to_str().is_some(),
            Found::Link { text, .. } => place.to_str().and(text.to_str()).is_some(),
        }
    }
}

fn classify(layout: &Layout, place: &Path) -> Found {
    let left = |reason, message: String, hint| Found::LeftAlone(LeftAlone::new(place, reason, message, hint));
    match look(layout, place) {
        Ok(found) if !found.is_text(place) => {
            let hint = "a name of a-z, 0-9 and hyphens can be taken";
            left("name-unusable", "its path is not UTF-8".to_owned(), Some(hint.to_owned()))
        }
        Ok(found) => found,
        Err(e) => left(NOT_READABLE, with_causes(&e), e.hint()),
    }
}

fn look(layout: &Layout, place: &Path) -> Result<Found, fs::Error> {
    let left = |reason, message: String, hint: Option<String>| {
        Ok(Found::LeftAlone(LeftAlone::new(place, reason, message, hint)))
    };
    match occupant(layout, place)? {
        Occupant::Nothing | Occupant::Ours(_) | Occupant::File => return Ok(Found::Nothing),
        Occupant::ForeignLink(text) => {
            return match fs::real_path(place) {
                Ok(Some(real)) => Ok(Found::Link { text, real }),
                Ok(None) | Err(_) => left(
                    "broken-link",
                    format!("a link to {}, which is not there", text.display()),
                    Some("remove it if it is not needed".to_owned()),
                ),
            };
        }
        Occupant::Folder => {}
    }
    // A copy of ours: a target in copy mode, or one that was.
    if Mark::load(place)?.is_some() {
        return Ok(Found::Nothing);
    }
    if fs::lstat(&place.join(".git"))?.is_some() {
        return left("git-checkout", "a git checkout".to_owned(), Some(takes_a_copy(place)));
    }
    let skill_md = place.join(SKILL_MD);
    if fs::lstat(&skill_md)?.is_none() {
        let small = fs::lstat(&place.join("skill.md"))?.is_some();
        return if small {
            left("no-skill-md", "it has a skill.md, not a SKILL.md".to_owned(), Some("rename it".to_owned()))
        } else {
            left("no-skill-md", "no SKILL.md in it".to_owned(), None)
        };
    }
    let (tree, _) = match scan::read(place) {
        Ok(read) => read,
        Err(e) => {
            let reason = if e.kind() == Kind::Io { NOT_READABLE } else { "not-a-payload" };
            return left(reason, with_causes(&e), e.hint());
        }
    };
    let text = fs::read(&skill_md, limits::SKILL_MD_BYTES)?;
    let parsed = match frontmatter::parse(&text) {
        Ok(parsed) => parsed,
        Err(e) => return left("not-loadable", with_causes(&e), e.hint()),
    };
    if parsed.description().is_none() {
        let hint = Some("agents do not load a skill without one".to_owned());
        return left("not-loadable", "its SKILL.md has no description".to_owned(), hint);
    }
    let folder = place.file_name().unwrap_or_default().to_string_lossy();
    let wanted = parsed.name().unwrap_or(&folder);
    match SkillName::parse(wanted) {
        Ok(name) => Ok(Found::Skill(name, tree)),
        Err(e) => {
            let hint = match name::suggestion(wanted) {
                Some(near) => format!("{} --name {near}", add(place)),
                None => "give it a name of a-z, 0-9 and hyphens in its SKILL.md".to_owned(),
            };
            left("name-unusable", e.to_string(), Some(hint))
        }
    }
}
