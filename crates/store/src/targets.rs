//! Targets: bringing an agent's folder to what it should hold, and touching nothing in it that is not ours
//! (decision 11, checklist D20, D21).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::digest::FileDigest;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;

use crate::config::Target;
use crate::fs::{self, DirStamp};
use crate::index::{Index, Key, TargetSeen};
use crate::layout::Layout;
use crate::render::{self, Rendering};
use crate::skills;
use crate::store::{Store, Transaction, Writing};
use crate::tools::Mode;

mod copies;
mod edits;
mod links;
mod place;
mod step;

pub use edits::{EditedPlace, Extent, edits, retire};
pub use place::{Occupant, occupant};
use step::Step;

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
    /// Skills that no agent may load any more, whatever somebody did to them there.
    pub revoked: &'a BTreeSet<SkillName>,
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
    /// Skills left as they are because somebody edited what the agent loads.
    pub held: Vec<Held>,
    /// What killed commands left in the folder that was no link of ours: it was on its way to trash and gets there.
    pub recovered: Vec<Recovered>,
}

/// A skill that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The skill.
    pub name: SkillName,
    /// What the agent loads.
    pub root: PathBuf,
    /// What was done to it.
    pub extent: Extent,
}

/// Something that a killed command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Where it lay.
    pub path: PathBuf,
    /// Where in trash it is now; none in a plan.
    pub kept: Option<PathBuf>,
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
    /// The other targets with the same folder: what is of theirs there, they prune.
    shared: Shared,
    /// What the folders were like before anything in them was looked at.
    seen: Option<Stamps>,
}

/// Other targets with the same folder.
#[derive(Debug, Default)]
struct Shared {
    /// The real places that their links lead to.
    rendered: Vec<PathBuf>,
    /// Whether one of them has copies there.
    copies: bool,
}

/// Evidence about the agent's folder and `rendered/<target>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamps {
    settled_ns: i64,
    dir: DirStamp,
    rendered: DirStamp,
}

impl Stamps {
    fn take(layout: &Layout, target: &Target, dir: &Path) -> Option<Self> {
        let settled_ns = fs::clock_ns();
        let rendered = stamp(&layout.rendered_target(&target.id))?;
        Some(Self { settled_ns, dir: stamp(dir)?, rendered })
    }

    fn is_same(&self, later: &Self) -> bool {
        self.dir == later.dir && self.rendered == later.rendered
    }
}

impl Plan {
    /// What it comes to.
    pub fn outcome(&self) -> &Installed {
        &self.outcome
    }
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
        shared: Shared::default(),
        // Before anything is listed: what comes in between shows as a change the next time.
        seen: Stamps::take(layout, target, &dir),
        dir,
    };
    check_folder(layout, target, &mut plan)?;
    if target.mode == Mode::Symlink && is_unchanged(index, target, &plan) {
        plan.outcome.skills = wanted.renderings.len() as u64;
        plan.proven = true;
        return Ok(plan);
    }
    plan.shared = shared_with(store, target, &plan.dir)?;
    leftovers(&mut plan, layout)?;
    match target.mode {
        Mode::Symlink => links::plan(layout, index, target, wanted, &mut plan)?,
        Mode::Copy => copies::plan(layout, index, target, wanted, &mut plan)?,
    }
    Ok(plan)
}

/// Does what was planned. Renderings must be written already. Each step leaves the folder usable: a kill between
/// two of them is made good by the next sync. A step whose place is not any more as it was planned on is left out,
/// and what stands there is reported.
pub fn apply(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    target: &Target,
    plan: Plan,
) -> Result<Installed, Error> {
    let Plan { dir, wanted, steps, mut outcome, proven, shared: _, seen } = plan;
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
    outcome.recovered.clear();
    for step in steps {
        step.run(writing, transaction, index, &mut outcome)?;
    }
    if worked {
        fs::sync_dir(&rendered)?;
        fs::sync_dir(&dir)?;
    }
    let quiet = !worked && outcome.blocked.is_empty() && outcome.held.is_empty();
    if let (true, Mode::Symlink, Some(seen), Some(now)) =
        (quiet, target.mode, seen, Stamps::take(layout, target, &dir))
        && seen.is_same(&now)
    {
        let Stamps { settled_ns, dir, rendered } = seen;
        index.set(key, &TargetSeen { settled_ns, dir, rendered, wanted });
    }
    Ok(outcome)
}

/// Whether the folder can be worked in; plans to make it where that is ours to do.
fn check_folder(layout: &Layout, target: &Target, plan: &mut Plan) -> Result<(), Error> {
    let dir = &plan.dir;
    if dir.starts_with(layout.root()) || fs::resolved(dir)?.starts_with(fs::resolved(layout.root())?) {
        return Err(Error::InStore { path: dir.clone() });
    }
    match fs::stat(dir)? {
        Some(metadata) if metadata.is_dir() => Ok(()),
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

/// The other targets whose folder is `dir` too: several tools share `~/.agents/skills`.
fn shared_with(store: &Store, target: &Target, dir: &Path) -> Result<Shared, Error> {
    let others: Vec<&Target> = store.config().targets().iter().filter(|t| t.id != target.id).collect();
    let mut shared = Shared::default();
    if others.is_empty() {
        return Ok(shared);
    }
    let here = fs::resolved(dir)?;
    for other in others {
        let there = other.dir(store.home());
        // A folder that cannot be followed is not this one, which was looked into.
        if there == dir || fs::resolved(&there).is_ok_and(|there| there == here) {
            shared.rendered.push(fs::resolved(&store.layout().rendered_target(&other.id))?);
            shared.copies |= other.mode == Mode::Copy;
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
    for name in wanted.revoked {
        text.push_str(&format!("revoked {name}\n"));
    }
    for name in wanted.unknown {
        text.push_str(&format!("unknown {name}\n"));
    }
    *FileDigest::of(text.as_bytes()).as_bytes()
}

/// Whether nothing else is wanted and nothing happened in the folders since the last time.
fn is_unchanged(index: &Index, target: &Target, plan: &Plan) -> bool {
    let (Some(seen), Some(now)) = (index.get::<TargetSeen>(Key::Target(target.id.as_str())), plan.seen)
    else {
        return false;
    };
    seen.wanted == plan.wanted
        && seen.dir.is_settled(seen.settled_ns)
        && seen.rendered.is_settled(seen.settled_ns)
        && (seen.dir, seen.rendered) == (now.dir, now.rendered)
}

fn stamp(path: &Path) -> Option<DirStamp> {
    fs::stat(path).ok().flatten().map(|m| DirStamp::of(&m))
}

/// What a killed command left under our prefix in an agent's folder: our links are removed, anything else was on
/// its way to trash and gets there. What only begins with our prefix is the user's.
fn leftovers(plan: &mut Plan, layout: &Layout) -> Result<(), Error> {
    for entry in fs::entries(&plan.dir)?.unwrap_or_default() {
        if entry.to_str().is_some_and(fs::is_abandoned_temporary) {
            let at = plan.dir.join(entry);
            if !place::occupant(layout, &at)?.is_ours() {
                plan.outcome.recovered.push(Recovered { path: at.clone(), kept: None });
            }
            plan.steps.push(Step::Leftover(at));
        }
    }
    Ok(())
}

/// How the tree of this id was edited by somebody, so that links to it must stay; none when it was not.
fn edit_of(layout: &Layout, index: &mut Index, hex: &str) -> Result<Option<Extent>, Error> {
    let root = layout.trees().join(hex);
    let (condition, fresh) = render::condition(index, Key::Tree(hex), &root)?;
    if let Some(fresh) = fresh {
        fresh.remember(index, Key::Tree(hex));
    }
    Ok(edits::extent(&root, &condition)?.map(|(extent, _)| extent))
}

/// Takes everything of ours out of a target's folder, links and copies alike: what `target remove` does. If
/// somebody edited something of it, all of it stays and the edit is named.
pub fn clear(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    target: &Target,
) -> Result<Installed, Error> {
    let layout = writing.store().layout();
    let none = BTreeSet::new();
    let nothing = Wanted { renderings: &[], unknown: &none, revoked: &none };
    index.remove(Key::Target(target.id.as_str()));
    // A folder that is gone or is none holds nothing of ours.
    let installed = match fs::stat(&target.dir(writing.store().home()))? {
        Some(metadata) if metadata.is_dir() => {
            let plan = plan(writing.store(), index, target, nothing)?;
            if plan.outcome.held.is_empty() {
                apply(writing, transaction, index, target, plan)?
            } else {
                // Nothing is taken out then: what is refused is refused as a whole.
                Installed { held: plan.outcome.held, ..Installed::default() }
            }
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
