//! What must be kept, until when, and removing the rest (decision 16): rendered trees, objects, trash, litter.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use skillsync_core::digest::{FileDigest, TreeId};
use skillsync_core::fault::{Fault, Kind, with_causes};
use skillsync_core::limits;
use skillsync_core::name::SkillName;

use crate::fs;
use crate::index::{Index, Key};
use crate::installed::InstallState;
use crate::layout::{META, TREE_MARK};
use crate::lease;
use crate::ledger;
use crate::meta::{self, Meta};
use crate::render::{self, Condition};
use crate::skills::{self, Error};
use crate::store::{Store, Writing};

/// What is not needed any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Rendered trees that nothing has led to for a day.
    pub trees: Vec<PathBuf>,
    /// Rendered trees of that age that somebody edited: they go to trash instead.
    pub edited_trees: Vec<PathBuf>,
    /// Objects that no version, lease or trashed skill names.
    pub objects: Vec<PathBuf>,
    /// Entries of trash that have waited long enough.
    pub trash: Vec<PathBuf>,
    /// Temporaries of killed commands, and what was downloaded and is not used any more.
    pub litter: Vec<PathBuf>,
    /// Why objects were left alone, if they were.
    pub objects_kept_because: Option<String>,
    /// How long things are kept by it: with [`Keep::InUse`] objects are removed at once, else they wait in trash.
    pub keep: Keep,
}

impl Plan {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
            && self.edited_trees.is_empty()
            && self.objects.is_empty()
            && self.trash.is_empty()
            && self.litter.is_empty()
    }
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// A day, and what an undo of `setup` needs: what `sync` does by itself. Objects are not looked at.
    #[default]
    Day,
    /// A day, and no longer for anything: what the user asked for.
    DayOnly,
    /// Nothing that is not in use: what the user asked for with `--all`.
    InUse,
}

/// Finds what is not needed. `index` learns when unused trees were first seen unused.
pub fn plan(writing: &Writing<'_>, index: &mut Index, keep: Keep) -> Result<Plan, Error> {
    find(writing.store(), index, keep)
}

/// What [`plan`] would find now, without the right to change the store: nothing is learned, nothing is removed.
pub fn preview(store: &Store, keep: Keep) -> Result<Plan, Error> {
    find(store, &mut Index::load(store.layout()), keep)
}

fn find(store: &Store, index: &mut Index, keep: Keep) -> Result<Plan, Error> {
    let mut plan = Plan { trash: old_trash(store, keep)?, keep, ..Plan::default() };
    trees(store, index, keep, &mut plan)?;
    plan.litter = downloads(store, keep)?;
    if keep == Keep::Day {
        return Ok(plan);
    }
    let kept = ledger::kept_trees(store.layout()).map_err(|e| with_causes(&e));
    let kept = kept.and_then(|mut kept| {
        let installed = InstallState::load(store.layout()).map_err(|e| with_causes(&e))?;
        kept.extend(installed.trees());
        Ok(kept)
    });
    let named = kept.and_then(|kept| named_objects(store, &plan.trash, &kept).map_err(|e| with_causes(&e)));
    match named {
        Ok(named) => plan.objects = unnamed(store, &named)?,
        // Without every record nobody can say what is still named: nothing is removed then.
        Err(why) => plan.objects_kept_because = Some(why),
    }
    plan.litter.extend(litter(store)?);
    Ok(plan)
}

/// Removes what was planned. Trees are renamed into trash before their files are removed one by one.
pub fn apply(writing: &Writing<'_>, index: &mut Index, plan: &Plan) -> Result<(), Error> {
    let store = writing.store();
    let transaction = writing.transaction()?;
    for tree in &plan.trees {
        let doomed = transaction.dir().join(fs::unique_name("tree-"));
        fs::rename_no_replace(tree, &doomed)?;
        forget(index, tree);
    }
    for tree in &plan.edited_trees {
        store.trash().put(tree, "edited-tree")?;
        forget(index, tree);
    }
    if plan.keep == Keep::InUse {
        for path in &plan.objects {
            fs::remove_file(path)?;
        }
    } else if !plan.objects.is_empty() {
        // What nothing names today may be named again by what comes back tomorrow (a disk, a renamed folder).
        let entry = store.trash().entry("objects")?;
        for path in &plan.objects {
            // `trees/ab/cd..` waits as `trees-ab-cd..`.
            let kept = path.strip_prefix(store.layout().objects()).unwrap_or(path);
            let flat = kept.to_string_lossy().replace('/', "-");
            fs::relocate(path, &entry.join(flat))?;
        }
        fs::sync_dir(&entry)?;
    }
    for path in &plan.litter {
        fs::remove_file(path)?;
    }
    for path in &plan.trash {
        fs::remove_tree(path)?;
    }
    fs::sync_dir(&store.layout().trees())?;
    Ok(transaction.finish()?)
}

fn forget(index: &mut Index, tree: &Path) {
    let hex = tree.file_name().unwrap_or_default().to_string_lossy();
    index.remove(Key::Tree(&hex));
    index.remove(Key::Retired(&hex));
}

fn old_trash(store: &Store, keep: Keep) -> Result<Vec<PathBuf>, Error> {
    let entries = match keep {
        Keep::InUse => store.trash().list()?,
        Keep::Day | Keep::DayOnly => store.trash().expired()?,
    };
    // What `setup` moved here is wanted back by its undo.
    let undo = fs::optional(fs::read(&store.layout().setup_record(), 64 * 1024 * 1024))?.unwrap_or_default();
    let undo = String::from_utf8_lossy(&undo).into_owned();
    Ok(entries
        .into_iter()
        .map(|entry| entry.path)
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            keep != Keep::Day || !undo.contains(&*name)
        })
        .collect())
}

/// The hex ids of the rendered trees that some link leads to.
fn used_trees(store: &Store) -> Result<BTreeSet<String>, Error> {
    let layout = store.layout();
    let mut used = BTreeSet::new();
    for target in fs::entries(&layout.rendered())?.unwrap_or_default() {
        let folder = layout.rendered().join(target);
        for entry in fs::optional(fs::entries(&folder))?.flatten().unwrap_or_default() {
            used.extend(render::linked(layout, &folder.join(entry))?);
        }
    }
    Ok(used)
}

fn trees(store: &Store, index: &mut Index, keep: Keep, plan: &mut Plan) -> Result<(), Error> {
    let layout = store.layout();
    let used = used_trees(store)?;
    let now_ns = i64::try_from(store.now().as_nanosecond()).unwrap_or(i64::MAX);
    let day_ns = SignedDuration::from_hours(limits::TRASH_HOURS).as_nanos();
    for entry in fs::entries(&layout.trees())?.unwrap_or_default() {
        let Some(hex) = entry.to_str().filter(|hex| TreeId::from_hex(hex).is_ok()) else { continue };
        let path = layout.trees().join(hex);
        if used.contains(hex) {
            index.remove(Key::Retired(hex));
            continue;
        }
        let since = index.get::<i64>(Key::Retired(hex)).unwrap_or_else(|| {
            index.set(Key::Retired(hex), &now_ns);
            now_ns
        });
        if keep != Keep::InUse && i128::from(now_ns) - i128::from(since) < day_ns {
            continue;
        }
        let (condition, _) = render::condition(index, Key::Tree(hex), &path)?;
        match condition {
            Condition::Intact if has_only_ours(&path)? => plan.trees.push(path),
            _ => plan.edited_trees.push(path),
        }
    }
    Ok(())
}

/// Whether a rendered tree holds nothing beside what was rendered and litter that programs make again.
fn has_only_ours(root: &Path) -> Result<bool, Error> {
    let Some(mark) = render::Mark::load(root)? else { return Ok(false) };
    let files: BTreeSet<&str> = mark.tree.files().map(|(path, _)| path.as_str()).collect();
    let folders: BTreeSet<&str> = mark.tree.files().flat_map(|(path, _)| path.folders()).collect();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::entries(&root.join(&folder))?.unwrap_or_default() {
            let Some(name) = entry.to_str() else { return Ok(false) };
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let is_litter =
                matches!(name, ".DS_Store" | "__pycache__") || name.ends_with(".pyc") || path == TREE_MARK;
            if folders.contains(&*path) {
                waiting.push(path);
            } else if !is_litter && !files.contains(&*path) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Every object that something names; `kept` are the trees that ledgers of projects and `_meta.json` do: bases of merges,
/// also of a skill that is no more.
fn named_objects(store: &Store, leaving: &[PathBuf], kept: &[TreeId]) -> Result<Named, Error> {
    let layout = store.layout();
    let mut named = Named::default();
    // Every folder with a record counts, also one that somebody renamed so that it is no skill for now.
    skills::names(layout)?;
    for entry in fs::entries(&layout.skills())?.unwrap_or_default() {
        let folder = layout.skills().join(entry);
        if !fs::stat(&folder)?.is_some_and(|metadata| metadata.is_dir()) {
            continue;
        }
        match Meta::load(&folder.join(META)) {
            Ok(meta) => named.add_versions(store, &meta)?,
            Err(meta::Error::Fs(e)) if e.kind() == Kind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
    }
    for entry in fs::entries(&layout.locks())?.unwrap_or_default() {
        let name =
            entry.to_str().and_then(|e| e.strip_suffix(".lock")).and_then(|n| SkillName::parse(n).ok());
        let Some(name) = name else { continue };
        // A lease that does not read cannot name a base; its working copy is whole by itself.
        if let Ok(Some(lease)) = lease::get(layout, &name) {
            named.add_tree(store, &lease.base)?;
            // The commit of a pull notes these as the base of the next one.
            if let Some(release) = &lease.updated {
                named.add_tree(store, &release.tree)?;
            }
            for kept in lease.pulled.iter().flat_map(|pulled| [&pulled.baseline, &pulled.taken.content]) {
                named.add_tree(store, &kept.tree)?;
            }
        }
    }
    for id in kept {
        named.add_tree(store, id)?;
    }
    // A removed skill can be taken out of trash with all its history.
    for entry in store.trash().list()?.into_iter().filter(|e| !leaving.contains(&e.path)) {
        for inner in fs::entries(&entry.path)?.unwrap_or_default() {
            if let Ok(meta) = Meta::load(&entry.path.join(inner).join(META)) {
                named.add_versions(store, &meta)?;
            }
        }
    }
    Ok(named)
}

#[derive(Debug, Default)]
struct Named {
    trees: BTreeSet<TreeId>,
    blobs: BTreeSet<FileDigest>,
}

impl Named {
    fn add_versions(&mut self, store: &Store, meta: &Meta) -> Result<(), Error> {
        for version in meta.versions() {
            self.add_tree(store, &version.tree)?;
        }
        Ok(())
    }

    fn add_tree(&mut self, store: &Store, id: &TreeId) -> Result<(), Error> {
        if !self.trees.insert(*id) {
            return Ok(());
        }
        match store.objects().tree(id) {
            Ok(tree) => self.blobs.extend(tree.files().map(|(_, file)| file.digest)),
            // A store that came out of git without its objects has no such version here: nothing to keep.
            Err(crate::objects::Error::Missing { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }
}

fn unnamed(store: &Store, named: &Named) -> Result<Vec<PathBuf>, Error> {
    let layout = store.layout();
    let keep: BTreeSet<PathBuf> = named
        .trees
        .iter()
        .map(|id| layout.tree_object(id))
        .chain(named.blobs.iter().map(|digest| layout.blob(digest)))
        .collect();
    let mut unnamed = Vec::new();
    for kind in ["blobs", "trees"] {
        let folder = layout.objects().join(kind);
        for fan in fs::entries(&folder)?.unwrap_or_default() {
            let fan_folder = folder.join(&fan);
            for object in fs::optional(fs::entries(&fan_folder))?.flatten().unwrap_or_default() {
                let hex = format!("{}{}", fan.to_string_lossy(), object.to_string_lossy());
                let object = fan_folder.join(object);
                // What is not named like an object is none of ours.
                let is_object =
                    FileDigest::from_hex(&hex).is_ok() && fs::lstat(&object)?.is_some_and(|m| m.is_file());
                if is_object && !keep.contains(&object) {
                    unnamed.push(object);
                }
            }
        }
    }
    Ok(unnamed)
}

/// Archives that were downloaded and have waited a day: what they became is in the object store.
fn downloads(store: &Store, keep: Keep) -> Result<Vec<PathBuf>, Error> {
    let cache = store.layout().cache();
    let day_s = SignedDuration::from_hours(limits::TRASH_HOURS).as_secs();
    let mut old = Vec::new();
    for entry in fs::optional(fs::entries(&cache))?.flatten().unwrap_or_default() {
        let path = cache.join(entry);
        let Some(metadata) = fs::lstat(&path)?.filter(|metadata| metadata.is_file()) else { continue };
        if keep == Keep::InUse || store.now().as_second().saturating_sub(metadata.mtime()) >= day_s {
            old.push(path);
        }
    }
    Ok(old)
}

/// Temporaries of processes that were killed.
fn litter(store: &Store) -> Result<Vec<PathBuf>, Error> {
    let layout = store.layout();
    let mut folders = vec![layout.root().to_owned(), layout.state(), layout.locks(), layout.skills()];
    folders.extend(skills::names(layout)?.iter().map(|name| layout.skill(name)));
    for target in fs::entries(&layout.rendered())?.unwrap_or_default() {
        folders.push(layout.rendered().join(target));
    }
    let mut litter = Vec::new();
    for folder in folders {
        for entry in fs::optional(fs::entries(&folder))?.flatten().unwrap_or_default() {
            if entry.to_str().is_some_and(fs::is_abandoned_temporary) {
                litter.push(folder.join(&entry));
            }
        }
    }
    Ok(litter)
}
