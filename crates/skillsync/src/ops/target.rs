//! Targets: adding, removing, listing, and which of them need links of their own (checklist D4, D19).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use skillsync_core::fault::Kind;
use skillsync_core::limits;
use skillsync_core::name::TargetId;
use skillsync_store::config::{RESERVED_TARGET_ID, Target, TargetSource, path_text};
use skillsync_store::index::Index;
use skillsync_store::listing::{Seat, coverage};
use skillsync_store::store::{Store, Writing};
use skillsync_store::tools::{Mode, Places, Tool, Tools};
use skillsync_store::{fs, targets};

use super::{Error, Refusal};
use crate::world::World;

/// The known tools: those of the program, extended by the user's own file where there is one.
pub fn tools(store: &Path) -> Result<Tools, Error> {
    let path = store.join("tools.toml");
    let Some(bytes) = fs::optional(fs::read(&path, limits::CONFIG_BYTES))? else {
        return Ok(Tools::builtin());
    };
    Ok(Tools::with_user(&String::from_utf8_lossy(&bytes), &path)?)
}

/// Runs `work` with the places that a tool's folders are found from.
pub fn with_places<T>(world: &World, work: impl FnOnce(&Places<'_>) -> T) -> T {
    let var = |name: &str| -> Option<OsString> { world.var(name).map(ToOwned::to_owned) };
    work(&Places { home: &world.home, cwd: &world.cwd, var: &var })
}

/// For each target the target whose folder its tool reads anyway. Folders are compared by what they lead to.
pub fn covered(
    world: &World,
    targets: &[Target],
    tools: &Tools,
) -> Result<BTreeMap<TargetId, Option<TargetId>>, Error> {
    let mut seats = Vec::with_capacity(targets.len());
    for target in targets {
        // What cannot be served serves nobody else.
        if !can_be_served(&target.dir(&world.home))? {
            continue;
        }
        let scans = match target.tool.as_deref().map(|tool| tools.get(tool)) {
            Some(Ok(tool)) => scans(world, target, tool),
            // A tool that is not known reads nothing else as far as we know; `doctor` names it.
            Some(Err(_)) | None => Vec::new(),
        };
        let dir = fs::resolved(&target.dir(&world.home))?;
        let scans = scans.iter().map(|scan| fs::resolved(scan)).collect::<Result<_, _>>()?;
        seats.push(Seat { target: target.id.clone(), dir, scans });
    }
    Ok(coverage(&seats))
}

/// Whether a target's folder is there, or can be made because its agent's own folder is.
fn can_be_served(dir: &Path) -> Result<bool, Error> {
    let is_dir = |path: &Path| Ok::<_, Error>(fs::stat(path)?.is_some_and(|metadata| metadata.is_dir()));
    Ok(is_dir(dir)? || (fs::lstat(dir)?.is_none() && is_dir(dir.parent().unwrap_or(dir))?))
}

/// The folders that a target's tool reads besides the target's own.
pub fn scans(world: &World, target: &Target, tool: &Tool) -> Vec<PathBuf> {
    match target.source {
        TargetSource::Project => {
            let dir = target.dir(&world.home);
            let root = project_root_of(&dir, tool).unwrap_or(dir);
            tool.also_scanned_in(&root)
        }
        TargetSource::Tool | TargetSource::Path => with_places(world, |places| tool.also_scanned(places)),
    }
}

/// The project that `dir` is the skills folder of a tool in.
fn project_root_of(dir: &Path, tool: &Tool) -> Option<PathBuf> {
    dir.ancestors().find(|root| tool.project_dir(root) == dir).map(Path::to_owned)
}

/// What to add.
#[derive(Debug, Clone)]
pub enum Choice {
    /// The folder of a known tool, by its name.
    Tool(String),
    /// Any folder.
    Path(PathBuf),
    /// The folders of a project's tools, or of the one that is named.
    Project(PathBuf, Option<String>),
    /// The folders of all tools found on this machine.
    Detected,
}

/// How to add it, beyond what the registry says.
#[derive(Debug, Clone, Default)]
pub struct Adjust {
    /// An id of the user's choice.
    pub id: Option<TargetId>,
    /// Links or copies.
    pub mode: Option<Mode>,
}

/// Targets that are (or would be) added.
#[derive(Debug, Serialize)]
pub struct Added {
    /// The new targets.
    pub added: Vec<TargetLine>,
    /// Targets that were there already.
    pub present: Vec<TargetLine>,
    /// Whether nothing was changed because only the plan was asked for.
    pub dry_run: bool,
}

/// One target in a report.
#[derive(Debug, Clone, Serialize)]
pub struct TargetLine {
    /// Its id.
    pub id: TargetId,
    /// Its folder, as `config.toml` says it.
    pub path: String,
    /// `tool`, `project` or `path`.
    pub source: TargetSource,
    /// The tool whose folder it is.
    pub tool: Option<String>,
    /// `symlink` or `copy`.
    pub mode: Mode,
    /// The target whose folder its tool reads anyway, so that it gets no links of its own.
    pub covered_by: Option<TargetId>,
}

impl From<&Target> for TargetLine {
    fn from(target: &Target) -> Self {
        Self {
            id: target.id.clone(),
            path: target.path.clone(),
            source: target.source,
            tool: target.tool.clone(),
            mode: target.mode,
            covered_by: None,
        }
    }
}

/// Finds the targets that `choice` means. Changes nothing.
pub fn plan_add(world: &World, store: &Store, choice: &Choice, adjust: &Adjust) -> Result<Added, Error> {
    let tools = tools(store.layout().root())?;
    if let Some(id) = adjust.id.as_ref().filter(|id| id.as_str() == RESERVED_TARGET_ID) {
        let message = format!("`{id}` is what `adopt --from` calls the store itself");
        return Err(refuse(Kind::Invalid, "target-id-reserved", message).hint("choose another --id"));
    }
    let mut found = candidates(world, &tools, choice)?;
    if let (Some(id), [only]) = (&adjust.id, found.as_mut_slice()) {
        only.id = id.clone();
    }
    let mut report = Added { added: Vec::new(), present: Vec::new(), dry_run: false };
    for mut target in found {
        if let Some(mode) = adjust.mode {
            target.mode = mode;
        }
        let dir = target.dir(&world.home);
        check_folder(store, &dir)?;
        let same_folder = same_folder(world, store, &dir)?;
        if let Some(known) = same_folder.filter(|known| known.tool == target.tool || target.tool.is_none()) {
            if let Some(mode) = adjust.mode.filter(|mode| *mode != known.mode) {
                let id = &known.id;
                let message = format!("there is a target `{id}` with mode {} already", known.mode);
                return Err(refuse(Kind::Exists, "target-exists", message)
                    .hint(&format!("`skillsync target remove {id}`, then add it again with --mode {mode}")));
            }
            report.present.push(known.into());
            continue;
        }
        let taken = |id: &TargetId| {
            store.config().target(id).is_some() || report.added.iter().any(|line| line.id == *id)
        };
        if adjust.id.is_some() && taken(&target.id) {
            return Err(refuse(
                Kind::Exists,
                "target-exists",
                format!("there is a target `{}` already", target.id),
            )
            .hint("choose another --id"));
        }
        target.id = free_id(&target.id, target.source, taken)?;
        report.added.push((&target).into());
    }
    Ok(report)
}

/// The target with this folder, however it is spelled.
fn same_folder<'s>(world: &World, store: &'s Store, dir: &Path) -> Result<Option<&'s Target>, Error> {
    let here = fs::resolved(dir)?;
    let is_here = |t: &&Target| fs::resolved(&t.dir(&world.home)).is_ok_and(|there| there == here);
    Ok(store.config().targets().iter().find(is_here))
}

fn candidates(world: &World, tools: &Tools, choice: &Choice) -> Result<Vec<Target>, Error> {
    let target = |id: TargetId, dir: &Path, source, tool: Option<&Tool>| {
        let target = Target {
            id,
            path: path_text(dir, &world.home),
            source,
            tool: tool.map(|t| t.id.to_string()),
            mode: tool.map_or(Mode::default(), |t| t.mode),
        };
        // What a text cannot say would be another folder.
        if target.dir(&world.home) == dir {
            return Ok(target);
        }
        let message = format!("the path `{}` is not UTF-8", dir.display());
        Err(refuse(Kind::Invalid, "path-not-utf8", message)
            .hint("config.toml is text; use a folder whose path is, for example a link to this one"))
    };
    match choice {
        Choice::Tool(name) => {
            let tool = tools.get(name)?;
            let Some(dir) = with_places(world, |places| tool.global_dir(places)) else {
                let message = format!("{} has no folder for a user's own skills", tool.name);
                return Err(refuse(Kind::Invalid, "tool-without-folder", message)
                    .hint("add it to a project: skillsync target add --project"));
            };
            Ok(vec![target(tool.id.clone(), &dir, TargetSource::Tool, Some(tool))?])
        }
        Choice::Path(path) => {
            let dir = world.resolve(path);
            // `x/../agent` is what it leads to now, whatever `x` will be.
            let has_parents = dir.components().any(|part| part == Component::ParentDir);
            let dir = if has_parents { fs::resolved(&dir)? } else { dir };
            // `path-1` is made free of what is taken by its number.
            Ok(vec![target(TargetId::parse("path-1")?, &dir, TargetSource::Path, None)?])
        }
        Choice::Detected => detected(world, tools)
            .into_iter()
            .filter_map(|tool| {
                let dir = with_places(world, |places| tool.global_dir(places))?;
                Some(target(tool.id.clone(), &dir, TargetSource::Tool, Some(tool)))
            })
            .collect(),
        Choice::Project(dir, tool) => {
            let only = tool.as_deref().map(|name| tools.get(name)).transpose()?;
            project_candidates(world, tools, dir, only, &target)
        }
    }
}

/// The tools found on this machine.
pub fn detected<'t>(world: &World, tools: &'t Tools) -> Vec<&'t Tool> {
    let exists = |path: &Path| fs::stat(path).is_ok_and(|found| found.is_some());
    with_places(world, |places| {
        // What merely lies in the current folder (`./data/skills`) does not show that a tool is installed.
        let nowhere = Places { cwd: Path::new("/dev/null"), ..*places };
        tools.iter().filter(|tool| tool.is_detected(&nowhere, &exists)).collect()
    })
}

/// Makes a target of an id, a folder, how it was named, and a tool.
type MakeTarget<'a> = dyn Fn(TargetId, &Path, TargetSource, Option<&Tool>) -> Result<Target, Error> + 'a;

/// The tools of a project: the one that was asked for; else those whose folder is in it; without any, those found on
/// this machine.
fn project_candidates(
    world: &World,
    tools: &Tools,
    dir: &Path,
    only: Option<&Tool>,
    target: &MakeTarget<'_>,
) -> Result<Vec<Target>, Error> {
    let root = project_root(&world.resolve(dir))?;
    if root == world.home {
        return Err(refuse(Kind::Invalid, "project-is-home", "your home is not a project".to_owned())
            .hint("give the project's folder, or add a tool: skillsync target add --detected"));
    }
    let is_dir = |path: &Path| fs::stat(path).is_ok_and(|m| m.is_some_and(|m| m.is_dir()));
    // `.claude` decides for `.claude/skills`. A folder without a dot (`skills`, `agent/skills`) may be anything.
    let has_folder = |tool: &&Tool| {
        let top = tool.project.as_str().split('/').next().unwrap_or_default();
        top.starts_with('.') && is_dir(&root.join(top))
    };
    let mut chosen: Vec<&Tool> = match only {
        Some(tool) => vec![tool],
        None => tools.iter().filter(has_folder).collect(),
    };
    let here = detected(world, tools);
    if chosen.is_empty() {
        chosen = here.iter().copied().filter(|t| t.project.as_str().starts_with('.')).collect();
    }
    // Several tools share `.agents/skills`: one target serves them, named after one that is used here.
    chosen.sort_by_key(|tool| !here.iter().any(|h| h.id == tool.id));
    let mut found: Vec<Target> = Vec::new();
    for tool in chosen {
        let dir = tool.project_dir(&root);
        if found.iter().any(|t| t.dir(&world.home) == dir) {
            continue;
        }
        let mut id = format!("{}-project", tool.id);
        id.truncate(limits::NAME_BYTES);
        found.push(target(
            TargetId::parse(id.trim_end_matches('-'))?,
            &dir,
            TargetSource::Project,
            Some(tool),
        )?);
    }
    if found.is_empty() {
        let message = format!("no agent's folder was found in `{}`", root.display());
        return Err(refuse(Kind::NotFound, "no-tool-found", message)
            .hint("give one: skillsync target add --path <project>/.claude/skills"));
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// The nearest folder upward with a `.git`, else `dir` itself.
pub(super) fn project_root(dir: &Path) -> Result<PathBuf, Error> {
    if !fs::stat(dir)?.is_some_and(|m| m.is_dir()) {
        let message = format!("project folder `{}` does not exist", dir.display());
        return Err(refuse(Kind::NotFound, "project-not-found", message).into());
    }
    for folder in dir.ancestors() {
        if fs::lstat(&folder.join(".git"))?.is_some() {
            return Ok(folder.to_owned());
        }
    }
    Ok(dir.to_owned())
}

fn check_folder(store: &Store, dir: &Path) -> Result<(), Error> {
    let store_root = fs::resolved(store.layout().root())?;
    if dir.starts_with(store.layout().root()) || fs::resolved(dir)?.starts_with(&store_root) {
        return Err(targets::Error::InStore { path: dir.to_owned() }.into());
    }
    // Skills would lie among everything else that a user has.
    let real = fs::resolved(dir)?;
    if fs::resolved(store.home())?.starts_with(&real) || store_root.starts_with(&real) {
        let message = format!("`{}` is not a folder for skills alone", dir.display());
        return Err(refuse(Kind::Invalid, "target-too-wide", message)
            .hint("give the folder that the agent reads skills from, for example ~/.claude/skills"));
    }
    match fs::stat(dir)? {
        Some(metadata) if !metadata.is_dir() => {
            Err(targets::Error::NotAFolder { path: dir.to_owned() }.into())
        }
        _ => Ok(()),
    }
}

/// `wanted`, or it with the first number that is free.
fn free_id(
    wanted: &TargetId,
    source: TargetSource,
    taken: impl Fn(&TargetId) -> bool,
) -> Result<TargetId, Error> {
    if !taken(wanted) {
        return Ok(wanted.clone());
    }
    let stem = match source {
        TargetSource::Path => "path".to_owned(),
        TargetSource::Tool | TargetSource::Project => wanted.to_string(),
    };
    for number in 2.. {
        let id = TargetId::parse(&format!("{stem}-{number}"))?;
        if !taken(&id) {
            return Ok(id);
        }
    }
    Ok(wanted.clone())
}

fn refuse(kind: Kind, code: &'static str, message: String) -> Refusal {
    Refusal { kind, code, message, hint: None }
}

impl Refusal {
    fn hint(mut self, hint: &str) -> Error {
        self.hint = Some(hint.to_owned());
        Error::Refused(self)
    }
}

/// Writes the planned targets into `config.toml` and makes their folders.
pub fn apply_add(writing: &Writing<'_>, plan: &Added) -> Result<(), Error> {
    let store = writing.store();
    let mut config = store.config().clone();
    for line in &plan.added {
        let target = Target {
            id: line.id.clone(),
            path: line.path.clone(),
            source: line.source,
            tool: line.tool.clone(),
            mode: line.mode,
        };
        fs::make_dirs(&target.dir(store.home()))?;
        config.add_target(&target)?;
    }
    Ok(config.save()?)
}

/// What `target remove` did.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// The target that is configured no more.
    pub removed: TargetLine,
    /// Entries of ours that were taken out of its folder.
    pub pruned: Vec<String>,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// Takes our entries out of a target's folder and the target out of `config.toml`. A target that holds an edit of
/// somebody's stays.
pub fn remove(writing: &Writing<'_>, index: &mut Index, id: &TargetId) -> Result<Removed, Error> {
    let store = writing.store();
    let target = find(store, id)?.clone();
    let transaction = writing.transaction()?;
    let cleared = targets::clear(writing, &transaction, index, &target)?;
    transaction.finish()?;
    if let Some(targets::Held { name: held, .. }) = cleared.held.first() {
        let message = format!("what `{id}` shows of `{held}` was edited; the target stays");
        return Err(refuse(Kind::Conflict, "hand-edited", message)
            .hint(&format!("skillsync adopt {held} --from {id} keeps the edit, with --discard drops it")));
    }
    let mut config = store.config().clone();
    config.remove_target(id)?;
    config.save()?;
    Ok(Removed { removed: (&target).into(), pruned: cleared.pruned, dry_run: false })
}

/// The target with this id.
pub fn find<'s>(store: &'s Store, id: &TargetId) -> Result<&'s Target, Error> {
    store.config().target(id).ok_or_else(|| {
        let ids: Vec<&str> = store.config().targets().iter().map(|t| t.id.as_str()).collect();
        let nearest = skillsync_core::nearest::nearest(id.as_str(), ids.iter().copied());
        let hint = match nearest.first().and_then(|at| ids.get(*at)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`skillsync target list` shows the targets there are".to_owned(),
        };
        refuse(Kind::NotFound, "target-not-found", format!("there is no target `{id}`")).hint(&hint)
    })
}

/// All targets.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// In the order of `config.toml`.
    pub targets: Vec<TargetLine>,
}

/// The configured targets, with who covers whom.
pub fn list(world: &World, store: &Store) -> Result<Listed, Error> {
    let tools = tools(store.layout().root())?;
    let mut covered = covered(world, store.config().targets(), &tools)?;
    let line = |target: &Target| TargetLine {
        covered_by: covered.remove(&target.id).flatten(),
        ..TargetLine::from(target)
    };
    Ok(Listed { targets: store.config().targets().iter().map(line).collect() })
}
