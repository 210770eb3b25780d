//! Copy mode: real folders for agents that do not follow links. A copy carries the mark of what it is a copy of, so
//! that only what is ours and unedited is ever replaced or removed.

use std::collections::BTreeSet;
use std::path::Path;

use skillsync_core::name::SkillName;

use super::place::Occupant;
use super::{Blocked, Error, Installed, Wanted, clear_leftovers, place};
use crate::config::Target;
use crate::fs;
use crate::index::{Index, Key};
use crate::render::{self, Condition, Mark, ReadOnly, Rendering};
use crate::store::{Transaction, Writing};

/// What stands where a copy should.
enum Found {
    Nothing,
    /// A copy of ours as we wrote it.
    Ours(Box<Mark>),
    /// A copy of ours that somebody edited.
    Edited,
    Foreign(Occupant),
}

pub(super) fn install(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    target: &Target,
    dir: &Path,
    wanted: Wanted<'_>,
) -> Result<Installed, Error> {
    let mut installed = Installed::default();
    clear_leftovers(writing, dir)?;
    for rendering in wanted.renderings {
        let name = &rendering.name;
        let at = dir.join(name.as_str());
        let key = format!("{}/{name}", target.id);
        let replace = wanted.replace.get(name).is_some_and(|place| *place == at);
        match found(writing, index, &key, &at, name)? {
            Found::Ours(mark) if mark.tree.id() == rendering.id => installed.skills += 1,
            Found::Nothing | Found::Ours(_) => {
                place_copy(writing, transaction, index, rendering, &at, &key)?;
                installed.placed.push(name.clone());
                installed.skills += 1;
            }
            Found::Foreign(_) if replace => {
                let kept = place_copy(writing, transaction, index, rendering, &at, &key)?;
                installed.replaced.extend(kept.map(|kept| (at, kept)));
                installed.placed.push(name.clone());
                installed.skills += 1;
            }
            Found::Edited => {
                installed.held.push(name.clone());
                installed.skills += 1;
            }
            Found::Foreign(occupant) => installed.blocked.push(Blocked { name: name.clone(), occupant }),
        }
    }
    prune(writing, index, target, dir, wanted, &mut installed)?;
    fs::sync_dir(dir)?;
    Ok(installed)
}

fn found(
    writing: &Writing<'_>,
    index: &mut Index,
    key: &str,
    at: &Path,
    name: &SkillName,
) -> Result<Found, Error> {
    match place::occupant(writing.store().layout(), at)? {
        Occupant::Nothing => return Ok(Found::Nothing),
        // A link of ours, from when the target had links: replaced like a copy.
        Occupant::Ours(_) => {
            fs::remove_file(at)?;
            return Ok(Found::Nothing);
        }
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
    Ok(if condition == Condition::Intact { Found::Ours(Box::new(mark)) } else { Found::Edited })
}

/// Puts a copy at `at`; what stood there goes to trash.
fn place_copy(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    rendering: &Rendering,
    at: &Path,
    key: &str,
) -> Result<Option<std::path::PathBuf>, Error> {
    let store = writing.store();
    let (staged, _) = render::stage(store, &transaction.folder("copies")?, rendering, ReadOnly::No)?;
    let folder = at.parent().unwrap_or(Path::new("/"));
    // Beside its place first, over to another file system if need be: what follows is one step.
    let beside = folder.join(fs::unique_name(fs::OUR_PREFIX));
    fs::sync_file_system(store.layout().root())?;
    fs::relocate(&staged, &beside)?;
    let kept = if fs::lstat(at)?.is_none() {
        fs::rename_no_replace(&beside, at)?;
        None
    } else if fs::exchange(&beside, at)? == fs::Exchange::Done {
        let entry = store.trash().entry(rendering.name.as_str())?;
        let kept = entry.join(rendering.name.as_str());
        fs::relocate(&beside, &kept)?;
        Some(kept)
    } else {
        let kept = store.trash().put(at, rendering.name.as_str())?;
        fs::rename_no_replace(&beside, at)?;
        Some(kept)
    };
    let (_, fresh) = render::condition(index, Key::Copy(key), at)?;
    if let Some(fresh) = fresh {
        fresh.remember(index, Key::Copy(key));
    }
    Ok(kept)
}

fn prune(
    writing: &Writing<'_>,
    index: &mut Index,
    target: &Target,
    dir: &Path,
    wanted: Wanted<'_>,
    installed: &mut Installed,
) -> Result<(), Error> {
    let names: BTreeSet<&str> = wanted.renderings.iter().map(|r| r.name.as_str()).collect();
    for entry in fs::entries(dir)?.unwrap_or_default() {
        let Some(name) = entry.to_str().and_then(|text| SkillName::parse(text).ok()) else { continue };
        if names.contains(name.as_str()) {
            continue;
        }
        let at = dir.join(name.as_str());
        let key = format!("{}/{name}", target.id);
        match place::occupant(writing.store().layout(), &at)? {
            Occupant::Ours(_) => fs::remove_file(&at)?,
            Occupant::Folder => match found(writing, index, &key, &at, &name)? {
                Found::Ours(_) => {
                    writing.store().trash().put(&at, name.as_str())?;
                    index.remove(Key::Copy(&key));
                }
                Found::Edited => {
                    installed.held.push(name);
                    continue;
                }
                Found::Nothing | Found::Foreign(_) => continue,
            },
            _ => continue,
        }
        installed.pruned.push(name.to_string());
    }
    Ok(())
}
