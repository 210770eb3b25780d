//! Where other tools keep their lists, and where the skills lie that a list names.

use std::path::{Component, Path, PathBuf};

use skillsync_client::lockfile::{self, List, Tool};
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault as _, with_causes};
use skillsync_core::tree::{SKILL_MD, Tree};
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_store::tools::Tools as Agents;
use skillsync_store::{fs, scan};

use super::{BaseUrl, Error, Refusal, World};
use crate::ops::target::with_places;

/// Where a tool puts its list, below a project or the home folder. What agents read first counts first.
const LISTS: [&str; 4] =
    [".claude/skills/.ic-managed.json", ".agents/.skill-lock.json", "skills-lock.json", ".clawhub/lock.json"];
/// Where openskills puts skills, below the same.
const OPENSKILLS: [&str; 2] = [".claude/skills", ".agent/skills"];
/// What openskills puts into each skill.
const OPENSKILLS_NOTE: &str = ".openskills.json";
/// The list of what npm's `skills` installed for all projects.
const GLOBAL_LOCK: &str = ".skill-lock.json";

/// The lists of the user's own, below the home folder, and that of npm's `skills` where `XDG_STATE_HOME` moves it.
pub fn found(world: &World) -> Vec<PathBuf> {
    let state = world.var("XDG_STATE_HOME").map(|dir| Path::new(dir).join("skills").join(GLOBAL_LOCK));
    let mut lists = below(&world.home);
    lists.extend(state.filter(|path| is_file(path)));
    lists
}

/// The lists of the project that the current folder is; none where that is the home folder.
pub fn found_here(world: &World) -> Vec<PathBuf> {
    if world.cwd == world.home { Vec::new() } else { below(&world.cwd) }
}

fn below(root: &Path) -> Vec<PathBuf> {
    let mut candidates: Vec<PathBuf> = LISTS.iter().map(|place| root.join(place)).collect();
    for folder in OPENSKILLS {
        let folder = root.join(folder);
        // A folder that cannot be read is another command's to tell of.
        let names = fs::entries(&folder).ok().flatten().unwrap_or_default();
        candidates.extend(names.iter().map(|name| folder.join(name).join(OPENSKILLS_NOTE)));
    }
    candidates.retain(|path| is_file(path));
    candidates
}

fn is_file(path: &Path) -> bool {
    fs::stat(path).ok().flatten().is_some_and(|metadata| metadata.is_file())
}

/// Reads the list at `path`. Fails with `skill-list-unknown` where it is none.
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

/// The folders that the list of `tool` at `path` speaks of: each may hold a skill under its name. One of openskills speaks of
/// the folder that it lies in.
pub(super) fn folders(world: &World, agents: &Agents, path: &Path, tool: Tool) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(path);
    let above = folder.parent().unwrap_or(folder);
    match tool {
        Tool::IcSkills => vec![folder.to_owned()],
        Tool::OpenSkills => vec![above.to_owned()],
        Tool::ClawHub => vec![above.join("skills")],
        Tool::Skills => {
            let is_global = path.file_name().is_some_and(|file| file == GLOBAL_LOCK);
            // Its list for all projects may lie where the skills do not.
            let root = if is_global { &world.home } else { folder };
            let mut folders =
                vec![folder.join("skills"), root.join(".agents/skills"), root.join(".claude/skills")];
            // For one agent alone it puts them nowhere else.
            folders.extend(agents.iter().filter_map(|agent| match is_global {
                true => with_places(world, |places| agent.global_dir(places)),
                false => Some(agent.project_dir(root)),
            }));
            folders
        }
    }
}

/// The folder of a skill in one of `folders`, what it leads to; none where none is there.
pub(super) fn place(folders: &[PathBuf], name: &str) -> Result<Option<PathBuf>, Error> {
    let mut parts = Path::new(name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Ok(None);
    }
    for folder in folders {
        let place = folder.join(name);
        if fs::stat(&place.join(SKILL_MD))?.is_some() {
            return Ok(Some(fs::resolved(&place)?));
        }
    }
    Ok(None)
}

/// Whether this file of a skill is what a tool noted there, and no part of the skill.
fn is_note(path: &str) -> bool {
    path == OPENSKILLS_NOTE || path.starts_with(".clawhub/")
}

/// The content of a skill without what its tool noted among the files.
pub(in crate::ops) fn content_of(tree: &Tree) -> ContentHash {
    if !tree.files().any(|(path, _)| is_note(path.as_str())) {
        return tree.content_hash();
    }
    let files = tree.files().filter(|(path, _)| !is_note(path.as_str()));
    let own = Tree::new(files.map(|(path, file)| (path.clone(), *file)));
    own.map_or_else(|_| tree.content_hash(), |own| own.content_hash())
}

/// The files of the skill at `root`, without what its tool noted among them.
pub(in crate::ops) fn payload(root: &Path) -> Result<Payload, Error> {
    let listing = scan::list(root)?;
    let payload = Payload::read(root, &listing, |_, bytes| Ok::<_, scan::Error>(bytes))?;
    let files = payload.files().filter(|(path, _)| !is_note(path.as_str()));
    let file = |file: &PayloadFile| PayloadFile { bytes: file.bytes.clone(), executable: file.executable };
    Ok(Payload::new(files.map(|(path, one)| (path.clone(), file(one))).collect())?)
}
