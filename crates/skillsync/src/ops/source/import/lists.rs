//! Where other tools keep their lists, and where the skills lie that a list names.

use std::path::{Path, PathBuf};

use skillsync_client::lockfile::{self, List, Tool};
use skillsync_core::fault::{Fault as _, with_causes};
use skillsync_core::name::SkillName;
use skillsync_core::tree::SKILL_MD;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_store::tools::Tools as Agents;
use skillsync_store::{fs, scan};

use super::{Error, Refusal, World};
use crate::ops::target::with_places;

/// Where a tool puts its list, below a project or the home folder.
const LISTS: [&str; 4] =
    [".claude/skills/.ic-managed.json", "skills-lock.json", ".clawhub/lock.json", ".agents/.skill-lock.json"];
/// Where openskills puts skills, below the same.
const OPENSKILLS: [&str; 2] = [".claude/skills", ".agent/skills"];
/// What openskills puts into each skill.
const OPENSKILLS_NOTE: &str = ".openskills.json";
/// The list of what npm's `skills` installed for all projects.
const GLOBAL_LOCK: &str = ".skill-lock.json";

/// The lists that are found without being named: below the current folder and the home folder, and that of npm's `skills`
/// where `XDG_STATE_HOME` moves it.
pub fn found(world: &World) -> Result<Vec<PathBuf>, Error> {
    let mut roots = vec![world.cwd.clone(), world.home.clone()];
    roots.dedup();
    let mut candidates = Vec::new();
    for root in &roots {
        candidates.extend(LISTS.map(|place| root.join(place)));
        for folder in OPENSKILLS {
            let folder = root.join(folder);
            // A folder that cannot be read is another command's to tell of.
            let names = fs::entries(&folder).ok().flatten().unwrap_or_default();
            candidates.extend(names.iter().map(|name| folder.join(name).join(OPENSKILLS_NOTE)));
        }
    }
    candidates.extend(world.var("XDG_STATE_HOME").map(|dir| Path::new(dir).join("skills").join(GLOBAL_LOCK)));
    let is_file = |path: &PathBuf| fs::stat(path).ok().flatten().is_some_and(|metadata| metadata.is_file());
    Ok(candidates.into_iter().filter(is_file).collect())
}

/// Reads the list at `path`. Fails with `skill-list-unknown` where it is none.
pub(super) fn list(path: &Path, ic_site: &str) -> Result<List, Error> {
    let folder = path.parent().unwrap_or(path);
    let bytes = fs::read(path, lockfile::LIST_BYTES)?;
    let folder_name = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    lockfile::parse(&bytes, &folder_name, ic_site).map_err(|e| {
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
pub(super) fn place(folders: &[PathBuf], name: &SkillName) -> Result<Option<PathBuf>, Error> {
    for folder in folders {
        let place = folder.join(name.as_str());
        if fs::stat(&place.join(SKILL_MD))?.is_some() {
            return Ok(Some(fs::resolved(&place)?));
        }
    }
    Ok(None)
}

/// The files of the skill at `root`, without what its tool noted among them.
pub(super) fn payload(root: &Path) -> Result<Payload, Error> {
    let listing = scan::list(root)?;
    let payload = Payload::read(root, &listing, |_, bytes| Ok::<_, scan::Error>(bytes))?;
    let is_note = |path: &str| path == OPENSKILLS_NOTE || path.starts_with(".clawhub/");
    let files = payload.files().filter(|(path, _)| !is_note(path.as_str()));
    let file = |file: &PayloadFile| PayloadFile { bytes: file.bytes.clone(), executable: file.executable };
    Ok(Payload::new(files.map(|(path, one)| (path.clone(), file(one))).collect())?)
}
