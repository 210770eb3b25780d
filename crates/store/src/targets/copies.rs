//! Copy mode: real folders for agents that do not follow links. A copy carries the mark of what it is a copy of, so
//! that only what is ours and unedited is ever replaced or removed.

use std::path::{Path, PathBuf};

use skillsync_core::digest::TreeId;
use skillsync_core::name::SkillName;

use super::place::{self, Occupant};
use super::{Blocked, Error, Extent, Held, Plan, Step, Wanted, edit_of, edits};
use crate::config::Target;
use crate::fs;
use crate::index::{Index, Key};
use crate::layout::Layout;
use crate::render::{self, Mark, ReadOnly, Rendering};
use crate::store::{Transaction, Writing};

/// What stands where a copy should.
pub(super) enum Found {
    Nothing,
    /// A link of ours with its text, from when the target had links.
    Link(PathBuf),
    /// A copy of ours as we wrote it, and nothing beside.
    Ours(Box<Mark>),
    /// A copy of ours that somebody changed or added files to, or a user's own copy that they went on with; with what
    /// it was a copy of.
    Edited(Extent, Option<TreeId>),
    Foreign(Occupant),
}

/// Plans the copies of a target.
pub(super) fn plan(
    layout: &Layout,
    index: &mut Index,
    target: &Target,
    wanted: Wanted<'_>,
    plan: &mut Plan,
) -> Result<(), Error> {
    for rendering in wanted.renderings {
        let name = &rendering.name;
        let place = plan.dir.join(name.as_str());
        let key = format!("{}/{name}", target.id);
        match found(layout, index, &key, &place, name)? {
            // Nothing waits to take the place of what was added beside.
            Found::Edited(Extent::Added, Some(id)) if id == rendering.id => {
                plan.outcome.skills += 1;
                continue;
            }
            Found::Edited(extent, _) => {
                plan.outcome.held.push(Held { name: name.clone(), root: place, extent });
                plan.outcome.skills += 1;
                continue;
            }
            Found::Foreign(occupant) => {
                plan.outcome.blocked.push(Blocked { name: name.clone(), path: place, occupant });
                continue;
            }
            Found::Link(was) => {
                if !unlink(layout, index, target, wanted, name, &was, plan)? {
                    plan.outcome.skills += 1;
                    continue;
                }
            }
            Found::Ours(mark) => {
                if mark.tree.id() == rendering.id {
                    plan.outcome.skills += 1;
                    continue;
                }
            }
            Found::Nothing => {}
        }
        plan.steps.push(Step::Copy { place, rendering: rendering.clone(), key });
        plan.outcome.placed.push(name.clone());
        plan.outcome.skills += 1;
    }
    // A copy does not tell which of several targets with one folder it is of: the one with copies there prunes.
    if wanted.renderings.is_empty() && !plan.shared.rendered.is_empty() {
        return Ok(());
    }
    prune(layout, index, target, wanted, plan)
}

/// Plans to remove a link from when the target had links, unless what it leads to was edited, and says which.
fn unlink(
    layout: &Layout,
    index: &mut Index,
    target: &Target,
    wanted: Wanted<'_>,
    name: &SkillName,
    was: &Path,
    plan: &mut Plan,
) -> Result<bool, Error> {
    let link = layout.rendered_skill(&target.id, name.as_str());
    if !wanted.revoked.contains(name)
        && let Some(hex) = render::linked(layout, &link)?
        && let Some(extent) = edit_of(layout, index, &hex)?
    {
        let root = layout.trees().join(hex);
        plan.outcome.held.push(Held { name: name.clone(), root, extent });
        return Ok(false);
    }
    plan.steps.push(Step::Unlink { place: plan.dir.join(name.as_str()), was: was.to_owned() });
    if let Some(was) = fs::read_link(&link)? {
        plan.steps.push(Step::UnlinkRendered { link, was });
    }
    Ok(true)
}

pub(super) fn found(
    layout: &Layout,
    index: &mut Index,
    key: &str,
    at: &Path,
    name: &SkillName,
) -> Result<Found, Error> {
    match place::occupant(layout, at)? {
        Occupant::Nothing => return Ok(Found::Nothing),
        Occupant::Ours(text) => return Ok(Found::Link(text)),
        Occupant::Folder => {}
        other => return Ok(Found::Foreign(other)),
    }
    let Some(mark) = Mark::load(at)?.filter(|mark| mark.name == *name) else {
        return Ok(Found::Foreign(Occupant::Folder));
    };
    let (condition, fresh) = render::condition(index, Key::Copy(key), at)?;
    if let Some(fresh) = fresh {
        fresh.remember(index, Key::Copy(key));
    }
    Ok(match edits::extent(at, &condition)? {
        Some((extent, mark)) => Found::Edited(extent, mark.map(|mark| mark.tree.id())),
        None => Found::Ours(Box::new(mark)),
    })
}

fn prune(
    layout: &Layout,
    index: &mut Index,
    target: &Target,
    wanted: Wanted<'_>,
    plan: &mut Plan,
) -> Result<(), Error> {
    for entry in fs::entries(&plan.dir)?.unwrap_or_default() {
        let Some(name) = entry.to_str().and_then(|text| SkillName::parse(text).ok()) else { continue };
        if wanted.keeps(name.as_str()) {
            continue;
        }
        let place = plan.dir.join(name.as_str());
        match found(layout, index, &format!("{}/{name}", target.id), &place, &name)? {
            Found::Link(was) => {
                let is_theirs =
                    |leads_to: PathBuf| plan.shared.rendered.iter().any(|r| leads_to.starts_with(r));
                if place::leads_to(&plan.dir, &was).is_ok_and(is_theirs) {
                    continue;
                }
                if unlink(layout, index, target, wanted, &name, &was, plan)? {
                    plan.outcome.pruned.push(name.to_string());
                }
            }
            Found::Ours(_) => {
                plan.outcome.pruned.push(name.to_string());
                plan.steps.push(Step::Trash { place, name });
            }
            Found::Edited(..) if wanted.revoked.contains(&name) => {
                plan.outcome.pruned.push(name.to_string());
                plan.steps.push(Step::Seize { place, name });
            }
            Found::Edited(extent, _) => plan.outcome.held.push(Held { name, root: place, extent }),
            Found::Nothing | Found::Foreign(_) => {}
        }
    }
    Ok(())
}

/// Puts a copy at `at`, in one step where the system can; the copy of ours that stood there goes to trash, and where
/// is said.
pub(super) fn put(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    rendering: &Rendering,
    at: &Path,
    key: &str,
) -> Result<Option<PathBuf>, Error> {
    let store = writing.store();
    let (staged, _) = render::stage(store, &transaction.folder("copies")?, rendering, ReadOnly::No)?;
    let folder = at.parent().unwrap_or(Path::new("/"));
    fs::sync_file_system(store.layout().root())?;
    // Beside its place first, over to another file system if need be: what follows is one step.
    let beside = folder.join(fs::unique_name(fs::OUR_PREFIX));
    fs::relocate(&staged, &beside)?;
    let name = rendering.name.as_str();
    let kept = if fs::lstat(at)?.is_none() {
        fs::rename_no_replace(&beside, at)?;
        None
    } else if fs::exchange(&beside, at)? == fs::Exchange::Done {
        let entry = store.trash().entry(name)?;
        let kept = entry.join(name);
        fs::relocate(&beside, &kept)?;
        Some(kept)
    } else {
        let kept = store.trash().put(at, name)?;
        fs::rename_no_replace(&beside, at)?;
        Some(kept)
    };
    let (_, fresh) = render::condition(index, Key::Copy(key), at)?;
    if let Some(fresh) = fresh {
        fresh.remember(index, Key::Copy(key));
    }
    Ok(kept)
}
