//! Where other tools keep their lists, and where the skills lie that a list names.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use skillsync_client::limits::LIST_SKILLS;
use skillsync_client::lockfile::{self, List, Tool};
use skillsync_core::fault::{Fault as _, Kind, with_causes};
use skillsync_core::name::SkillName;
use skillsync_core::tree::SKILL_MD;
use skillsync_store::fs;
use skillsync_store::skills;
use skillsync_store::store::Store;
use skillsync_store::tools::{Tool as Agent, Tools as Agents};

use super::notes::OPENSKILLS_NOTE;
use super::{BaseUrl, Error, Plan, Refusal, World, add};
use crate::ops::builtin;
use crate::ops::target::{tools, with_places};

/// Where a tool puts its list, below a project or the home folder. What agents read first counts first.
const LISTS: [&str; 4] =
    [".claude/skills/.ic-managed.json", ".agents/.skill-lock.json", "skills-lock.json", ".clawhub/lock.json"];
/// Where tools put skills for one agent alone, below the same; openskills nowhere else.
const SKILLS: [&str; 2] = [".claude/skills", ".agent/skills"];
/// The list of what npm's `skills` installed for all projects.
const GLOBAL_LOCK: &str = ".skill-lock.json";

/// The lists of the user's own, below the home folder, and that of npm's `skills` where `XDG_STATE_HOME` moves it: without
/// the variable where it is as a rule, since it may be set for npm and not here.
pub fn found(world: &World) -> Vec<PathBuf> {
    let state = world.var("XDG_STATE_HOME").map_or_else(|| world.home.join(".local/state"), PathBuf::from);
    let lock = state.join("skills").join(GLOBAL_LOCK);
    let mut lists = below(&world.home);
    lists.extend(Some(lock).filter(|path| is_file(path)));
    lists
}

/// The lists of the project that the current folder is; none where that is the home folder.
pub fn found_here(world: &World) -> Vec<PathBuf> {
    if world.cwd == world.home { Vec::new() } else { below(&world.cwd) }
}

fn below(root: &Path) -> Vec<PathBuf> {
    let mut candidates: Vec<PathBuf> = LISTS.iter().map(|place| root.join(place)).collect();
    for folder in SKILLS {
        let folder = root.join(folder);
        // A folder that cannot be read is another command's to tell of.
        let names = fs::entries(&folder).ok().flatten().unwrap_or_default();
        let notes = names.iter().take(LIST_SKILLS);
        candidates.extend(notes.map(|name| folder.join(name).join(OPENSKILLS_NOTE)));
    }
    candidates.retain(|path| is_file(path));
    candidates
}

fn is_file(path: &Path) -> bool {
    fs::stat(path).ok().flatten().is_some_and(|metadata| metadata.is_file())
}

/// Reads the list at `path`. Fails with `skill-list-unknown` where it is none, and `skill-list-too-long`.
pub(in crate::ops) fn read(path: &Path, ic_site: Option<&BaseUrl>) -> Result<List, Error> {
    let bytes = fs::read(path, lockfile::LIST_BYTES)?;
    lockfile::parse(&bytes, path, ic_site.map_or(lockfile::IC_SITE, BaseUrl::as_str)).map_err(|e| {
        Refusal {
            kind: e.kind(),
            code: e.code(),
            message: format!("`{}` cannot be imported: {}", path.display(), with_causes(&e)),
            hint: e.hint(),
        }
        .into()
    })
}

/// Where the skills of a list may lie.
#[derive(Debug)]
pub(super) struct Reach {
    /// Each may hold a skill under its name.
    folders: Vec<PathBuf>,
    /// The project that the list is of, which its skills do not lead out of; none for a list of the user's own.
    project: Option<PathBuf>,
}

impl Reach {
    /// What the list of `tool` at `path` speaks of. One of openskills speaks of the folder that it lies in. What speaks of all
    /// agents' own folders is the user's list, whatever another is called.
    pub(super) fn of(homes: &Homes<'_>, path: &Path, tool: Tool) -> Result<Self, Error> {
        let Homes { world, agents, .. } = *homes;
        let folder = path.parent().unwrap_or(path);
        let above = folder.parent().unwrap_or(folder);
        let is_own = homes.has(path, tool)?;
        let (folders, project) = match tool {
            Tool::IcSkills => (vec![folder.to_owned()], project(folder)),
            Tool::OpenSkills => (vec![above.to_owned()], project(above)),
            Tool::ClawHub => (vec![above.join("skills")], above),
            Tool::Skills => {
                let is_global = is_own && path.file_name().is_some_and(|file| file == GLOBAL_LOCK);
                // Its list for all projects may lie where the skills do not.
                let root = if is_global { &world.home } else { folder };
                let mut folders =
                    vec![folder.join("skills"), root.join(".agents/skills"), root.join(".claude/skills")];
                // For one agent alone it puts them nowhere else.
                folders.extend(agents.iter().filter_map(|agent| match is_global {
                    true => with_places(world, |places| agent.global_dir(places)),
                    false => Some(agent.project_dir(root)),
                }));
                (folders, folder)
            }
        };
        let project = if is_own { None } else { Some(fs::resolved(project)?) };
        Ok(Self { folders, project })
    }

    /// The folder of a skill, what it leads to; none where none is there. Fails where it leads out of the list's project.
    pub(super) fn place(&self, name: &str) -> Result<Option<PathBuf>, Error> {
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Ok(None);
        }
        for folder in &self.folders {
            let place = folder.join(name);
            if fs::stat(&place.join(SKILL_MD))?.is_some() {
                let real = fs::resolved(&place)?;
                let is_within = self.project.as_ref().is_none_or(|project| real.starts_with(project));
                return if is_within { Ok(Some(real)) } else { Err(outside(&place, &real)) };
            }
        }
        Ok(None)
    }
}

/// Where the user's own skills are.
pub(super) struct Homes<'w> {
    world: &'w World,
    agents: &'w Agents,
    /// The user's own lists, by what their folders lead to.
    lists: BTreeSet<PathBuf>,
    /// The user's folders that agents read skills from, by what they lead to.
    folders: BTreeSet<PathBuf>,
}

impl<'w> Homes<'w> {
    pub(super) fn of(world: &'w World, agents: &'w Agents) -> Result<Self, Error> {
        let lists = found(world).iter().map(|list| real(list)).collect::<Result<_, _>>()?;
        let own = |agent: &Agent| {
            let (own, besides) = with_places(world, |at| (agent.global_dir(at), agent.also_scanned(at)));
            own.into_iter().chain(besides)
        };
        // One that leads nowhere has no list.
        let folders = agents.iter().flat_map(own).filter_map(|dir| fs::resolved(&dir).ok()).collect();
        Ok(Self { world, agents, lists, folders })
    }

    /// Whether the list of `tool` at `path` is one of the user's own, however its folder is spelled: it is known, or lies beside the
    /// skills of an agent that it speaks of.
    fn has(&self, path: &Path, tool: Tool) -> Result<bool, Error> {
        let path = real(path)?;
        let beside = match tool {
            Tool::IcSkills => path.parent(),
            Tool::OpenSkills => path.parent().and_then(Path::parent),
            Tool::Skills | Tool::ClawHub => None,
        };
        Ok(self.lists.contains(&path) || beside.is_some_and(|folder| self.folders.contains(folder)))
    }
}

/// `path` with what its folder leads to.
fn real(path: &Path) -> Result<PathBuf, Error> {
    Ok(fs::resolved(path.parent().unwrap_or(path))?.join(path.file_name().unwrap_or_default()))
}

/// The project whose folder of skills this is; the folder itself where no tool puts skills of a project.
fn project(skills: &Path) -> &Path {
    let is_known = SKILLS.iter().any(|known| skills.ends_with(known));
    skills.ancestors().nth(if is_known { 2 } else { 0 }).unwrap_or(skills)
}

fn outside(place: &Path, real: &Path) -> Error {
    let (place, to) = (place.display(), real.display());
    let message = format!("`{place}` leads out of the project that names it, to `{to}`");
    let hint = Some(format!("if it is yours: {}", add(real)));
    Refusal { kind: Kind::Invalid, code: "leads-out-of-project", message, hint }.into()
}

/// The lists of the project that the current folder is which name a skill that is there, and that neither the store nor `own`
/// has nor came before as one of `known`. They may be a stranger's: no file of a skill is read for that.
pub(in crate::ops) fn offered(
    world: &World,
    store: Option<&Store>,
    own: &Plan,
    known: &BTreeSet<SkillName>,
) -> Result<Vec<String>, Error> {
    let lists = found_here(world);
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let agents = tools(&world.store)?;
    let homes = Homes::of(world, &agents)?;
    let coming = own.brings();
    let is_new = |name: &SkillName| {
        let is_stored = store.is_some_and(|store| !matches!(skills::find(store, name), Ok(None)));
        !is_stored && !coming.contains_key(name) && !known.contains(name) && !builtin::is_reserved(name)
    };
    let mut offered = Vec::new();
    for path in lists {
        // One that does not read brings nothing.
        let Ok(list) = read(&path, None) else { continue };
        let reach = Reach::of(&homes, &path, list.tool)?;
        let names = list.skills.iter().filter_map(|noted| SkillName::parse(&noted.name).ok());
        if names.filter(is_new).any(|name| matches!(reach.place(name.as_str()), Ok(Some(_)))) {
            offered.push(path.display().to_string());
        }
    }
    Ok(offered)
}
