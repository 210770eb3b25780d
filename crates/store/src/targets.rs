//! Targets: bringing an agent's folder to what it should hold, and touching nothing in it that is not ours
//! (decision 11, checklist D20, D21).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::digest::{FileDigest, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;

use crate::config::Target;
use crate::fs::{self, DirStamp};
use crate::index::{Index, Key, TargetSeen};
use crate::layout::Layout;
use crate::render::{self, Condition, Rendering};
use crate::skills;
use crate::store::{Store, Transaction, Writing};
use crate::tools::Mode;

mod copies;
mod edits;
mod links;
mod place;

pub use edits::{EditedPlace, Extent, edits, retire};
pub use place::{Occupant, occupant};

/// A target cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is a file.
    #[error("`{}` is not a folder", .path.display())]
    NotAFolder {
        /// Its path.
        path: PathBuf,
    },
    /// The folder and the one above it are gone.
    #[error("`{}` is gone", .path.display())]
    Gone {
        /// Its path.
        path: PathBuf,
        /// The target, for the hint.
        target: String,
    },
    /// The folder lies inside the store.
    #[error("`{}` is inside the store", .path.display())]
    InStore {
        /// Its path.
        path: PathBuf,
    },
    /// A skill cannot be rendered.
    #[error(transparent)]
    Skill(#[from] skills::Error),
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::NotAFolder { .. } | Error::InStore { .. } => Kind::Invalid,
            Error::Gone { .. } => Kind::NotFound,
            Error::Skill(e) => e.kind(),
            Error::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::NotAFolder { .. } => "target-not-a-folder",
            Error::Gone { .. } => "target-gone",
            Error::InStore { .. } => "target-in-store",
            Error::Skill(e) => e.code(),
            Error::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::NotAFolder { path } => Some(format!("move that file away: {}", path.display())),
            Error::Gone { target, .. } => {
                Some(format!("`skillsync target remove {target}` if it is not used any more"))
            }
            Error::InStore { .. } => {
                Some("a target is a folder that an agent reads, outside the store".to_owned())
            }
            Error::Skill(e) => e.hint(),
            Error::Fs(e) => e.hint(),
        }
    }
}

/// What a target should hold.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The rendered skills, sorted by name.
    pub renderings: &'a [Rendering],
    /// Skills that could not be looked at: what is there of them stays as it is.
    pub unknown: &'a BTreeSet<SkillName>,
}

impl Wanted<'_> {
    fn keeps(&self, name: &str) -> bool {
        self.renderings.binary_search_by(|r| r.name.as_str().cmp(name)).is_ok()
            || self.unknown.iter().any(|n| n.as_str() == name)
    }
}

/// What is (or would be) done to a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// How many skills it holds then.
    pub skills: u64,
    /// Skills linked or copied anew, or brought to another version.
    pub placed: Vec<SkillName>,
    /// Entries of ours removed.
    pub pruned: Vec<String>,
    /// Skills that something of the user's stands in the way of.
    pub blocked: Vec<Blocked>,
    /// Skills left at their old version because somebody edited what the agent loads.
    pub held: Vec<SkillName>,
}

/// Something that is not ours has a skill's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The skill.
    pub name: SkillName,
    /// Where.
    pub path: PathBuf,
    /// What is in the way.
    pub occupant: Occupant,
}

/// What is to be done in a target's folder, step by step.
#[derive(Debug)]
pub struct Plan {
    dir: PathBuf,
    wanted: [u8; 32],
    steps: Vec<Step>,
    outcome: Installed,
    /// The index proves that nothing is to be done.
    proven: bool,
    /// Where links of other targets with the same folder lead: they are theirs to prune.
    shared: Vec<PathBuf>,
}

impl Plan {
    /// What it comes to.
    pub fn outcome(&self) -> &Installed {
        &self.outcome
    }
}

#[derive(Debug)]
enum Step {
    /// Makes the target's own folder.
    MakeFolder(PathBuf),
    /// Clears what a killed command left under our prefix.
    Leftover { at: PathBuf, ours: bool },
    /// Points `rendered/<target>/<name>` at a tree.
    Swing { link: PathBuf, id: TreeId },
    /// Makes a link of ours where nothing is.
    Link { place: PathBuf, text: PathBuf },
    /// Corrects a link of ours.
    Relink { place: PathBuf, text: PathBuf },
    /// Moves a copy of ours to trash.
    Trash { place: PathBuf, name: SkillName },
    /// Removes a link of ours.
    Unlink(PathBuf),
    /// Puts a copy; what stands there goes to trash.
    Copy { place: PathBuf, rendering: Rendering, key: String },
}

/// Decides what the folder of `target` needs to hold what is wanted. Changes nothing on disk.
pub fn plan(store: &Store, index: &mut Index, target: &Target, wanted: Wanted<'_>) -> Result<Plan, Error> {
    let layout = store.layout();
    let dir = target.dir(store.home());
    let mut plan = Plan {
        wanted: digest(target, &wanted),
        steps: Vec::new(),
        outcome: Installed::default(),
        proven: false,
        shared: Vec::new(),
        dir,
    };
    check_folder(layout, target, &mut plan)?;
    if target.mode == Mode::Symlink && is_unchanged(layout, index, target, &plan) {
        plan.outcome.skills = wanted.renderings.len() as u64;
        plan.proven = true;
        return Ok(plan);
    }
    plan.shared = shared_with(store, target, &plan.dir)?;
    leftovers(layout, &mut plan)?;
    match target.mode {
        Mode::Symlink => links::plan(layout, index, target, wanted, &mut plan)?,
        Mode::Copy => copies::plan(layout, index, target, wanted, &mut plan)?,
    }
    Ok(plan)
}

/// Does what was planned. Renderings must be written already. Each step leaves the folder usable: a kill between
/// two of them is made good by the next sync.
pub fn apply(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    target: &Target,
    plan: Plan,
) -> Result<Installed, Error> {
    let Plan { dir, wanted, steps, outcome, proven, shared: _ } = plan;
    if proven {
        return Ok(outcome);
    }
    let layout = writing.store().layout();
    let rendered = layout.rendered_target(&target.id);
    let key = Key::Target(target.id.as_str());
    let worked = !steps.is_empty();
    if worked {
        index.remove(key);
    }
    if fs::lstat(&rendered)?.is_none() {
        fs::make_dir(&rendered)?;
        fs::sync_dir(&layout.rendered())?;
    }
    for step in steps {
        do_step(writing, transaction, index, step)?;
    }
    if worked {
        fs::sync_dir(&rendered)?;
        fs::sync_dir(&dir)?;
    }
    let quiet = outcome.blocked.is_empty() && outcome.held.is_empty();
    if quiet && target.mode == Mode::Symlink {
        remember(layout, index, target, &dir, wanted);
    }
    Ok(outcome)
}

fn do_step(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    step: Step,
) -> Result<(), Error> {
    let trash = writing.store().trash();
    match step {
        Step::MakeFolder(dir) => fs::make_dir(&dir)?,
        Step::Leftover { at, ours: true } => fs::remove_file(&at)?,
        Step::Leftover { at, ours: false } => {
            trash.put(&at, "recovered")?;
        }
        Step::Swing { link, id } => fs::symlink_replace(&Layout::tree_from_rendered(&id), &link)?,
        Step::Link { place, text } => fs::symlink_new(&text, &place)?,
        Step::Relink { place, text } => fs::symlink_replace(&text, &place)?,
        Step::Trash { place, name } => {
            trash.put(&place, name.as_str())?;
        }
        Step::Unlink(at) => fs::remove_file(&at)?,
        Step::Copy { place, rendering, key } => {
            copies::put(writing, transaction, index, &rendering, &place, &key)?;
        }
    }
    Ok(())
}

/// Whether the folder can be worked in; plans to make it where that is ours to do.
fn check_folder(layout: &Layout, target: &Target, plan: &mut Plan) -> Result<(), Error> {
    let dir = &plan.dir;
    if dir.starts_with(layout.root()) {
        return Err(Error::InStore { path: dir.clone() });
    }
    match fs::stat(dir)? {
        Some(metadata) if metadata.is_dir() => {
            let real_store = fs::real_path(layout.root())?;
            let real_dir = fs::real_path(dir)?;
            match (real_store, real_dir) {
                (Some(store), Some(real)) if real.starts_with(&store) => {
                    Err(Error::InStore { path: dir.clone() })
                }
                _ => Ok(()),
            }
        }
        Some(_) => Err(Error::NotAFolder { path: dir.clone() }),
        None => {
            let parent = dir.parent().unwrap_or(dir);
            // The agent's own folder is there: its skills folder is ours to add. A dangling link is not.
            if fs::lstat(dir)?.is_some() || !fs::stat(parent)?.is_some_and(|m| m.is_dir()) {
                return Err(Error::Gone { path: dir.clone(), target: target.id.to_string() });
            }
            plan.steps.push(Step::MakeFolder(dir.clone()));
            Ok(())
        }
    }
}

/// The rendered folders of the other targets whose folder is `dir` too: several tools share `~/.agents/skills`.
fn shared_with(store: &Store, target: &Target, dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let others: Vec<&Target> = store.config().targets().iter().filter(|t| t.id != target.id).collect();
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let real = |path: &Path| fs::real_path(path).map(|real| real.unwrap_or_else(|| path.to_owned()));
    let here = real(dir)?;
    let mut shared = Vec::new();
    for other in others {
        let there = other.dir(store.home());
        if there == dir || real(&there)? == here {
            shared.push(store.layout().rendered_target(&other.id));
        }
    }
    Ok(shared)
}

/// Everything that decides what a target holds, as one digest.
fn digest(target: &Target, wanted: &Wanted<'_>) -> [u8; 32] {
    let mut text = format!("{}\n{}\n{}\n", target.path, target.source, target.mode);
    for rendering in wanted.renderings {
        text.push_str(rendering.name.as_str());
        text.push(' ');
        text.push_str(&rendering.id.hex());
        text.push('\n');
    }
    // What could not be looked at stays for now; the next time it may have to go.
    for name in wanted.unknown {
        text.push_str(&format!("unknown {name}\n"));
    }
    *FileDigest::of(text.as_bytes()).as_bytes()
}

/// Whether nothing else is wanted and nothing happened in the folders since the last time.
fn is_unchanged(layout: &Layout, index: &Index, target: &Target, plan: &Plan) -> bool {
    let Some(seen) = index.get::<TargetSeen>(Key::Target(target.id.as_str())) else { return false };
    seen.wanted == plan.wanted
        && seen.dir.is_settled(seen.settled_ns)
        && seen.rendered.is_settled(seen.settled_ns)
        && stamp(&plan.dir) == Some(seen.dir)
        && stamp(&layout.rendered_target(&target.id)) == Some(seen.rendered)
}

fn stamp(path: &Path) -> Option<DirStamp> {
    fs::stat(path).ok().flatten().map(|m| DirStamp::of(&m))
}

fn remember(layout: &Layout, index: &mut Index, target: &Target, dir: &Path, wanted: [u8; 32]) {
    let settled_ns = fs::clock_ns();
    if let (Some(dir), Some(rendered)) = (stamp(dir), stamp(&layout.rendered_target(&target.id))) {
        let seen = TargetSeen { settled_ns, dir, rendered, wanted };
        index.set(Key::Target(target.id.as_str()), &seen);
    }
}

/// What a killed command left under our prefix in an agent's folder: our links are removed, anything else was on
/// its way to trash and gets there.
fn leftovers(layout: &Layout, plan: &mut Plan) -> Result<(), Error> {
    for entry in fs::entries(&plan.dir)?.unwrap_or_default() {
        if entry.to_str().is_some_and(|text| text.starts_with(fs::OUR_PREFIX)) {
            let at = plan.dir.join(entry);
            let ours = place::occupant(layout, &at)?.is_ours();
            plan.steps.push(Step::Leftover { at, ours });
        }
    }
    Ok(())
}

/// Whether the tree behind `link` was edited by somebody, so that its link must stay.
fn is_edited(layout: &Layout, index: &mut Index, hex: &str) -> Result<bool, Error> {
    let (condition, fresh) = render::condition(index, Key::Tree(hex), &layout.trees().join(hex))?;
    if let Some(fresh) = fresh {
        fresh.remember(index, Key::Tree(hex));
    }
    Ok(matches!(condition, Condition::Edited(_) | Condition::Unmarked))
}

/// Takes everything of ours out of a target's folder: what `target remove` does. What somebody edited stays and
/// is named.
pub fn clear(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    target: &Target,
) -> Result<Installed, Error> {
    let layout = writing.store().layout();
    let nothing = Wanted { renderings: &[], unknown: &BTreeSet::new() };
    index.remove(Key::Target(target.id.as_str()));
    // A folder that is gone or is none holds nothing of ours.
    let installed = match fs::stat(&target.dir(writing.store().home()))? {
        Some(metadata) if metadata.is_dir() => {
            let plan = plan(writing.store(), index, target, nothing)?;
            apply(writing, transaction, index, target, plan)?
        }
        _ => Installed::default(),
    };
    index.remove(Key::Target(target.id.as_str()));
    if installed.held.is_empty() {
        let rendered = layout.rendered_target(&target.id);
        for entry in fs::entries(&rendered)?.unwrap_or_default() {
            fs::remove_file(&rendered.join(entry))?;
        }
        fs::remove_dir_if_empty(&rendered)?;
    }
    Ok(installed)
}
