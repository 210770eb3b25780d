//! Targets: bringing an agent's folder to what it should hold, and touching nothing in it that is not ours
//! (decision 11, checklist D20, D21).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use skillsync_core::digest::{FileDigest, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;

use crate::config::{Target, TargetSource};
use crate::fs::{self, DirStamp};
use crate::index::{Index, Key, TargetSeen};
use crate::layout::Layout;
use crate::render::{self, Condition, Rendering};
use crate::skills;
use crate::store::{Transaction, Writing};
use crate::tools::Mode;

mod copies;
mod place;

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
            Error::Gone { target, .. } => Some(format!("`skillsync target remove {target}` if it is not used any more")),
            Error::InStore { .. } => Some("a target is a folder that an agent reads, outside the store".to_owned()),
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
    /// Entries of the user's that `setup` was told to replace; they go to trash.
    pub replace: &'a BTreeMap<SkillName, PathBuf>,
}

/// What was done to a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// How many skills it holds now.
    pub skills: u64,
    /// Skills linked or copied anew, or brought to another version.
    pub placed: Vec<SkillName>,
    /// Entries of ours removed.
    pub pruned: Vec<String>,
    /// Skills that something of the user's stands in the way of.
    pub blocked: Vec<Blocked>,
    /// Skills left at their old version because somebody edited what the agent loads.
    pub held: Vec<SkillName>,
    /// What was replaced and where it is now.
    pub replaced: Vec<(PathBuf, PathBuf)>,
}

/// Something that is not ours has a skill's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The skill.
    pub name: SkillName,
    /// What is in the way.
    pub occupant: Occupant,
}

/// Brings the folder of `target` to what is wanted. Renderings are written already. Only entries of our own are
/// changed or removed.
pub fn install(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    target: &Target,
    wanted: Wanted<'_>,
) -> Result<Installed, Error> {
    let store = writing.store();
    let dir = ready_folder(store.layout(), target, &target.dir(store.home()))?;
    let digest = digest(target, &wanted);
    if wanted.replace.is_empty() && target.mode == Mode::Symlink {
        if let Some(installed) = unchanged(store.layout(), index, target, &dir, digest, wanted) {
            return Ok(installed);
        }
    }
    index.remove(Key::Target(target.id.as_str()));
    let settled_ns = fs::clock_ns();
    let installed = match target.mode {
        Mode::Symlink => links(writing, index, target, &dir, wanted)?,
        Mode::Copy => copies::install(writing, transaction, index, target, &dir, wanted)?,
    };
    let quiet = installed.blocked.is_empty() && installed.held.is_empty();
    if quiet && target.mode == Mode::Symlink {
        remember(store.layout(), index, target, &dir, digest, settled_ns, installed.skills);
    }
    Ok(installed)
}

/// The folder to work in, made where that is ours to do. What a symlink at its place leads to is the folder.
fn ready_folder(layout: &Layout, target: &Target, dir: &Path) -> Result<PathBuf, Error> {
    let real_store = fs::real_path(layout.root())?.unwrap_or_else(|| layout.root().to_owned());
    if dir.starts_with(layout.root()) || fs::real_path(dir)?.is_some_and(|d| d.starts_with(&real_store)) {
        return Err(Error::InStore { path: dir.to_owned() });
    }
    match fs::stat(dir)? {
        Some(metadata) if metadata.is_dir() => Ok(dir.to_owned()),
        Some(_) => Err(Error::NotAFolder { path: dir.to_owned() }),
        None => {
            let parent = dir.parent().unwrap_or(dir);
            if fs::lstat(dir)?.is_some() || !fs::stat(parent)?.is_some_and(|m| m.is_dir()) {
                return Err(Error::Gone { path: dir.to_owned(), target: target.id.to_string() });
            }
            fs::make_dir(dir)?;
            Ok(dir.to_owned())
        }
    }
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
    *FileDigest::of(text.as_bytes()).as_bytes()
}

/// The answer when nothing was wanted and nothing happened since the last time.
fn unchanged(
    layout: &Layout,
    index: &Index,
    target: &Target,
    dir: &Path,
    digest: [u8; 32],
    wanted: Wanted<'_>,
) -> Option<Installed> {
    let seen: TargetSeen = index.get(Key::Target(target.id.as_str()))?;
    let stamp = |path: &Path| fs::stat(path).ok().flatten().map(|m| DirStamp::of(&m));
    let same = seen.wanted == digest
        && seen.dir.is_settled(seen.settled_ns)
        && seen.rendered.is_settled(seen.settled_ns)
        && stamp(dir)? == seen.dir
        && stamp(&layout.rendered_target(&target.id))? == seen.rendered;
    same.then(|| Installed { skills: wanted.renderings.len() as u64, ..Installed::default() })
}

fn remember(
    layout: &Layout,
    index: &mut Index,
    target: &Target,
    dir: &Path,
    wanted: [u8; 32],
    started_ns: i64,
    linked: u64,
) {
    let stamp = |path: &Path| fs::stat(path).ok().flatten().map(|m| DirStamp::of(&m));
    let (Some(dir), Some(rendered)) = (stamp(dir), stamp(&layout.rendered_target(&target.id))) else { return };
    // Our own last change happened after `started_ns`: such evidence is young, and looked at once more next time.
    let settled_ns = started_ns;
    let seen = TargetSeen { settled_ns, dir, rendered, wanted, linked };
    index.set(Key::Target(target.id.as_str()), &seen);
}

/// Installs links: `<folder>/<name>` to `rendered/<target>/<name>` to a rendered tree.
fn links(
    writing: &Writing<'_>,
    index: &mut Index,
    target: &Target,
    dir: &Path,
    wanted: Wanted<'_>,
) -> Result<Installed, Error> {
    let store = writing.store();
    let layout = store.layout();
    let rendered = layout.rendered_target(&target.id);
    fs::make_dir(&rendered)?;
    let mut installed = Installed::default();
    clear_leftovers(writing, dir)?;
    for rendering in wanted.renderings {
        let name = &rendering.name;
        let place = dir.join(name.as_str());
        let occupant = place::occupant(layout, &place)?;
        let replace = wanted.replace.get(name).is_some_and(|at| *at == place);
        if !occupant.is_ours() && occupant != Occupant::Nothing && !replace {
            installed.blocked.push(Blocked { name: name.clone(), occupant });
            continue;
        }
        let link = layout.rendered_skill(&target.id, name.as_str());
        let mut placed = false;
        match swing(layout, index, &link, &rendering.id)? {
            Swing::Held => {
                installed.held.push(name.clone());
                installed.skills += 1;
                continue;
            }
            Swing::Moved => placed = true,
            Swing::Same => {}
        }
        let text = link_text(target, dir, &link);
        match occupant {
            Occupant::Ours(at) if at == text => {}
            Occupant::Nothing => {
                fs::symlink_new(&text, &place)?;
                placed = true;
            }
            Occupant::Ours(_) => {
                fs::symlink_replace(&text, &place)?;
                placed = true;
            }
            // What `setup` adopted: swapped for the link in one step, then kept in trash.
            _ => {
                let trashed = place::replace_foreign(writing, &place, &text, name)?;
                installed.replaced.push((place, trashed));
                placed = true;
            }
        }
        installed.skills += 1;
        if placed {
            installed.placed.push(name.clone());
        }
    }
    prune_links(layout, index, dir, &rendered, wanted, &mut installed)?;
    fs::sync_dir(&rendered)?;
    fs::sync_dir(&layout.rendered())?;
    fs::sync_dir(dir)?;
    Ok(installed)
}

enum Swing {
    Same,
    Moved,
    Held,
}

/// Points `rendered/<target>/<name>` at the tree `id`, unless somebody edited the tree it leads to now.
fn swing(layout: &Layout, index: &mut Index, link: &Path, id: &TreeId) -> Result<Swing, Error> {
    let now = render::linked(layout, link)?;
    if now.as_deref() == Some(id.hex().as_str()) {
        return Ok(Swing::Same);
    }
    if let Some(old) = now {
        let (condition, fresh) = render::condition(index, Key::Tree(&old), &layout.trees().join(&old))?;
        if let Some(fresh) = fresh {
            fresh.remember(index, Key::Tree(&old));
        }
        if matches!(condition, Condition::Edited(_) | Condition::Unmarked) {
            return Ok(Swing::Held);
        }
    }
    fs::symlink_replace(&Layout::tree_from_rendered(id), link)?;
    Ok(Swing::Moved)
}

/// What an entry in `dir` says: absolute for a user's own folders; relative in a project, which may be moved
/// together with what is around it.
fn link_text(target: &Target, dir: &Path, link: &Path) -> PathBuf {
    match target.source {
        TargetSource::Project => place::relative(dir, link),
        TargetSource::Tool | TargetSource::Path => link.to_owned(),
    }
}

/// Removes our entries that are not wanted any more: first the agent's links, then what they led to. A tree that
/// somebody edited keeps both.
fn prune_links(
    layout: &Layout,
    index: &mut Index,
    dir: &Path,
    rendered: &Path,
    wanted: Wanted<'_>,
    installed: &mut Installed,
) -> Result<(), Error> {
    let names: BTreeSet<&str> = wanted.renderings.iter().map(|r| r.name.as_str()).collect();
    let mut kept = BTreeSet::new();
    for entry in fs::entries(rendered)?.unwrap_or_default() {
        let Some(text) = entry.to_str() else { continue };
        if names.contains(text) {
            continue;
        }
        if let Some(hex) = render::linked(layout, &rendered.join(text))? {
            let (condition, _) = render::condition(index, Key::Tree(&hex), &layout.trees().join(&hex))?;
            if matches!(condition, Condition::Edited(_) | Condition::Unmarked) {
                if let Ok(name) = SkillName::parse(text) {
                    installed.held.push(name);
                }
                kept.insert(text.to_owned());
            }
        }
    }
    for entry in fs::entries(dir)?.unwrap_or_default() {
        let Some(text) = entry.to_str() else { continue };
        if names.contains(text) || kept.contains(text) {
            continue;
        }
        if place::occupant(layout, &dir.join(text))?.is_ours() {
            fs::remove_file(&dir.join(text))?;
            installed.pruned.push(text.to_owned());
        }
    }
    for entry in fs::entries(rendered)?.unwrap_or_default() {
        let is_wanted = entry.to_str().is_some_and(|text| names.contains(text) || kept.contains(text));
        if !is_wanted && fs::read_link(&rendered.join(&entry))?.is_some() {
            fs::remove_file(&rendered.join(&entry))?;
        }
    }
    Ok(())
}

/// What a killed command left under our prefix in an agent's folder: our links are removed, anything else was on
/// its way to trash and gets there.
fn clear_leftovers(writing: &Writing<'_>, dir: &Path) -> Result<(), Error> {
    for entry in fs::entries(dir)?.unwrap_or_default() {
        let Some(text) = entry.to_str().filter(|t| t.starts_with(fs::OUR_PREFIX)) else { continue };
        let at = dir.join(text);
        match place::occupant(writing.store().layout(), &at)? {
            Occupant::Ours(_) => fs::remove_file(&at)?,
            _ => {
                writing.store().trash().put(&at, "recovered")?;
            }
        }
    }
    Ok(())
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
    let dir = target.dir(writing.store().home());
    index.remove(Key::Target(target.id.as_str()));
    let nothing = Wanted { renderings: &[], replace: &BTreeMap::new() };
    let rendered = layout.rendered_target(&target.id);
    let installed = match fs::stat(&dir)? {
        Some(metadata) if metadata.is_dir() => match target.mode {
            Mode::Symlink => links(writing, index, target, &dir, nothing)?,
            Mode::Copy => copies::install(writing, transaction, index, target, &dir, nothing)?,
        },
        _ => Installed::default(),
    };
    if installed.held.is_empty() {
        for entry in fs::entries(&rendered)?.unwrap_or_default() {
            fs::remove_file(&rendered.join(entry))?;
        }
        fs::remove_dir_if_empty(&rendered)?;
    }
    Ok(installed)
}
