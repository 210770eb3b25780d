//! What somebody edited of a skill where agents load it: finding it, and putting the recorded version in its place.
//! Whether an edit is kept or dropped is for others to decide; here it only ever goes to trash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use skillsync_core::name::{SkillName, TargetId};

use super::{Error, copies};
use crate::fs;
use crate::index::{Index, Key};
use crate::render::{self, Condition, Mark, ReadOnly, Rendering};
use crate::store::{self, Store, Transaction, Writing};
use crate::tools::Mode;

/// A rendered tree or copy that is not as we wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedPlace {
    /// The folder.
    pub root: PathBuf,
    /// The targets that load it; several when they share a rendered tree.
    pub targets: Vec<TargetId>,
    /// What was done to it.
    pub extent: Extent,
    /// What it was rendered from; none when somebody removed that too.
    pub mark: Option<Mark>,
    site: Site,
}

/// How far an edit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// A file of ours was changed or removed.
    Changed,
    /// Files were added and ours are as they were: what an agent notes beside a skill. Caches do not count.
    Added,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Site {
    /// A rendered tree, and the links in `rendered/` that lead to it.
    Tree { hex: String, links: Vec<PathBuf> },
    /// A copy in a target's folder, with its key in the index.
    Copy { key: String },
}

/// Finds every place where an agent loads `name` and somebody edited it. Reads only.
pub fn edits(store: &Store, index: &Index, name: &SkillName) -> Result<Vec<EditedPlace>, Error> {
    let mut places = Vec::new();
    for (hex, links) in linked_trees(store, name)? {
        let root = store.layout().trees().join(&hex);
        let (condition, _) = render::condition(index, Key::Tree(&hex), &root)?;
        let targets = links.iter().map(|(target, _)| target.clone()).collect();
        let links = links.into_iter().map(|(_, link)| link).collect();
        places.extend(place(root, targets, condition, Site::Tree { hex, links })?);
    }
    for target in store.config().targets().iter().filter(|target| target.mode == Mode::Copy) {
        let root = target.dir(store.home()).join(name.as_str());
        let is_folder = fs::lstat(&root)?.is_some_and(|m| m.is_dir());
        // A folder without our mark is the user's own.
        if !is_folder || Mark::load(&root)?.is_none_or(|mark| mark.name != *name) {
            continue;
        }
        let key = format!("{}/{name}", target.id);
        let (condition, _) = render::condition(index, Key::Copy(&key), &root)?;
        places.extend(place(root, vec![target.id.clone()], condition, Site::Copy { key })?);
    }
    Ok(places)
}

/// The rendered trees that targets load `name` from, by hex id, each with its targets and their links.
fn linked_trees(
    store: &Store,
    name: &SkillName,
) -> Result<BTreeMap<String, Vec<(TargetId, PathBuf)>>, Error> {
    let layout = store.layout();
    let mut trees: BTreeMap<String, Vec<(TargetId, PathBuf)>> = BTreeMap::new();
    for entry in fs::entries(&layout.rendered())?.unwrap_or_default() {
        let Some(target) = entry.to_str().and_then(|text| TargetId::parse(text).ok()) else { continue };
        let link = layout.rendered_skill(&target, name.as_str());
        if let Some(hex) = render::linked(layout, &link)? {
            trees.entry(hex).or_default().push((target, link));
        }
    }
    Ok(trees)
}

fn place(
    root: PathBuf,
    targets: Vec<TargetId>,
    condition: Condition,
    site: Site,
) -> Result<Option<EditedPlace>, Error> {
    let edit = extent(&root, &condition)?;
    Ok(edit.map(|(extent, mark)| EditedPlace { root, targets, extent, mark, site }))
}

/// What somebody did to the tree or copy at `root`, whose condition is this, and what it was rendered from; none when
/// nothing was done that could be an edit.
pub(super) fn extent(root: &Path, condition: &Condition) -> Result<Option<(Extent, Option<Mark>)>, Error> {
    Ok(match condition {
        Condition::Missing => None,
        Condition::Edited(mark) => Some((Extent::Changed, Some(mark.clone()))),
        Condition::Unmarked => Some((Extent::Changed, None)),
        Condition::Intact => match Mark::load(root)? {
            Some(mark) if render::has_additions(root, &mark)? => Some((Extent::Added, Some(mark))),
            Some(_) => None,
            None => Some((Extent::Changed, None)),
        },
    })
}

/// Puts `rendering` in the place of what was edited, and says where the edit is now: in trash. Agents load the one or
/// the other at every moment. Without a rendering (the skill is gone) the next sync takes away what led there.
pub fn retire(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    name: &SkillName,
    place: &EditedPlace,
    rendering: Option<&Rendering>,
) -> Result<PathBuf, Error> {
    for target in &place.targets {
        index.remove(Key::Target(target.as_str()));
    }
    match (&place.site, rendering) {
        (Site::Copy { key }, Some(rendering)) => {
            index.remove(Key::Copy(key));
            let kept = copies::put(writing, transaction, index, rendering, &place.root, key)?;
            Ok(kept.unwrap_or_else(|| place.root.clone()))
        }
        (Site::Copy { key }, None) => {
            index.remove(Key::Copy(key));
            Ok(writing.store().trash().put(&place.root, name.as_str())?)
        }
        (Site::Tree { hex, links }, rendering) => {
            index.remove(Key::Tree(hex));
            index.remove(Key::Retired(hex));
            let kept = match rendering {
                Some(rendering) if rendering.id.hex() == *hex => {
                    replace_tree(writing, transaction, rendering, &place.root)?
                }
                Some(rendering) => {
                    lead_elsewhere(writing.store(), transaction, index, links, rendering)?;
                    keep(writing, &place.root, name)?
                }
                None => keep(writing, &place.root, name)?,
            };
            fs::sync_dir(&writing.store().layout().trees())?;
            Ok(kept)
        }
    }
}

/// Moves an edited tree to trash under the skill's name, which tells a person more than a digest.
fn keep(writing: &Writing<'_>, tree: &Path, name: &SkillName) -> Result<PathBuf, Error> {
    Ok(writing.store().trash().put_as(tree, name.as_str(), std::ffi::OsStr::new(name.as_str()))?)
}

/// The edited tree has the name of what should be there: swapped for it in one step where the system can.
fn replace_tree(
    writing: &Writing<'_>,
    transaction: &Transaction,
    rendering: &Rendering,
    live: &Path,
) -> Result<PathBuf, Error> {
    let store = writing.store();
    let (staged, _) = render::stage(store, &transaction.folder("trees")?, rendering, ReadOnly::Yes)?;
    // The name with a dot is no skill's: recovery takes what it finds under it to trash.
    let slot = transaction.folder(store::OLD)?.join(format!("{}.tree", rendering.id.hex()));
    fs::rename_no_replace(&staged, &slot)?;
    fs::sync_trees(&[&slot])?;
    match fs::exchange(&slot, live)? {
        fs::Exchange::Done => keep(writing, &slot, &rendering.name),
        fs::Exchange::Unsupported => {
            let kept = keep(writing, live, &rendering.name)?;
            fs::rename_no_replace(&slot, live)?;
            Ok(kept)
        }
    }
}

fn lead_elsewhere(
    store: &Store,
    transaction: &Transaction,
    index: &mut Index,
    links: &[PathBuf],
    rendering: &Rendering,
) -> Result<(), Error> {
    let failed = render::write(store, transaction, index, std::slice::from_ref(rendering))?;
    if let Some((_, e)) = failed.into_iter().next() {
        return Err(e.into());
    }
    for link in links {
        fs::symlink_replace(&crate::layout::Layout::tree_from_rendered(&rendering.id), link)?;
        fs::sync_dir(link.parent().unwrap_or(link))?;
    }
    Ok(())
}
