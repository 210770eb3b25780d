//! The two steps that setup takes with things of the user's: an original goes to trash, and comes back. Each is one
//! rename where the system can exchange two names; cut off anywhere, the original is whole in one of its two places.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::digest::TreeId;
use skillsync_core::name::SkillName;
use skillsync_store::index::{Index, Key};
use skillsync_store::render::{self, Condition, Mark};
use skillsync_store::skills;
use skillsync_store::store::{Store, Transaction, Writing};
use skillsync_store::targets::{Occupant, occupant};
use skillsync_store::{fs, layout::Layout, objects};

use super::Error;
use super::record::Moved;
use crate::ops::source::import::holds;

/// Folders whose entries changed, to be made durable together.
#[derive(Debug, Default)]
pub(super) struct Touched(BTreeSet<PathBuf>);

impl Touched {
    pub(super) fn add(&mut self, path: &Path) {
        self.0.extend(path.parent().map(Path::to_owned));
    }

    /// Makes the moves durable.
    pub(super) fn sync(self) -> Result<(), Error> {
        for dir in self.0 {
            if fs::lstat(&dir)?.is_some() {
                fs::sync_dir(&dir)?;
            }
        }
        Ok(())
    }
}

/// Moves an original to trash; with `link` the link to its skill takes its place in the same step.
pub(super) fn take(
    layout: &Layout,
    moved: &Moved,
    link: Option<&Path>,
    touched: &mut Touched,
) -> Result<(), Error> {
    let Moved { place, kept, .. } = moved;
    let entry = kept.parent().unwrap_or(kept);
    if fs::lstat(entry)?.is_none() {
        fs::make_dir(entry)?;
        touched.add(entry);
    }
    if let Occupant::Ours(_) = occupant(layout, kept)? {
        // From a setup that was killed just before the exchange.
        fs::remove_file(kept)?;
    }
    touched.add(place);
    touched.add(kept);
    let Some(link) = link else { return Ok(fs::relocate(place, kept)?) };
    fs::symlink_new(link, kept)?;
    if fs::exchange(kept, place)? == fs::Exchange::Unsupported {
        fs::remove_file(kept)?;
        fs::relocate(place, kept)?;
        fs::symlink_new(link, place)?;
    }
    Ok(())
}

/// How an original comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    /// It is in trash.
    FromTrash,
    /// It is written anew from the store's history: its payload, not what else lay beside it.
    FromHistory,
    /// It never left, or is back already.
    WasThere,
    /// Something else stands at its place.
    InTheWay,
    /// Neither trash nor the store has it.
    Lost,
}

impl Back {
    /// How `moved` comes back with what stands at its place now, and what that is. Changes nothing.
    pub(super) fn of(store: &Store, index: &Index, moved: &Moved) -> Result<(Self, Standing), Error> {
        let layout = store.layout();
        let now = Standing::at(layout, index, &moved.place, &moved.name)?;
        let back = match (moved.is_kept(layout)?, now) {
            (true, Standing::Foreign) => Back::InTheWay,
            (false, Standing::Foreign) if is_back(store, moved)? => Back::WasThere,
            (false, Standing::Foreign) => Back::InTheWay,
            (true, _) => Back::FromTrash,
            (false, _) if is_stored(store, moved)? => Back::FromHistory,
            (false, _) => Back::Lost,
        };
        Ok((back, now))
    }
}

/// Whether what stands where `moved` stood is that. Where the store does not have its skill, it never left.
fn is_back(store: &Store, moved: &Moved) -> Result<bool, Error> {
    if skills::find(store, &moved.name)?.is_none() {
        return Ok(true);
    }
    Ok(match &moved.link {
        Some(text) => fs::read_link(&moved.place)?.as_ref() == Some(text),
        None => holds(&moved.place, moved.content)?,
    })
}

/// Whether the store can write anew what `moved` was.
fn is_stored(store: &Store, moved: &Moved) -> Result<bool, Error> {
    if moved.link.is_some() {
        return Ok(true);
    }
    let stored = match store.objects().open(&stored(store, moved)?) {
        Err(objects::Error::Missing { .. }) => return Ok(false),
        stored => stored?,
    };
    for (_, file) in stored.tree().files() {
        if fs::lstat(&stored.place(&file.digest))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts an original back where it stood, `now` being what stands there: it is only replaced if it is ours.
pub(super) fn give_back(
    writing: &Writing<'_>,
    transaction: &Transaction,
    moved: &Moved,
    (back, now): (Back, Standing),
    touched: &mut Touched,
) -> Result<(), Error> {
    let layout = writing.store().layout();
    let Moved { place, kept, .. } = moved;
    touched.add(place);
    touched.add(kept);
    match back {
        Back::InTheWay | Back::Lost => return Ok(()),
        Back::WasThere => {}
        Back::FromTrash => swap(writing, kept, place, now)?,
        Back::FromHistory => swap(writing, &again(writing, transaction, moved)?, place, now)?,
    }
    if let Occupant::Ours(_) = occupant(layout, kept)? {
        fs::remove_file(kept)?;
    }
    if let Some(entry) = kept.parent() {
        fs::remove_dir_if_empty(entry)?;
    }
    Ok(())
}

/// What stands where an original belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Nothing,
    OurLink,
    OurCopy,
    Foreign,
}

impl Standing {
    fn at(layout: &Layout, index: &Index, place: &Path, name: &SkillName) -> Result<Self, Error> {
        Ok(match occupant(layout, place)? {
            Occupant::Nothing => Standing::Nothing,
            Occupant::Ours(_) => Standing::OurLink,
            Occupant::Folder => {
                let mark = Mark::load(place)?.filter(|mark| mark.name == *name);
                let (condition, _) = render::condition(index, Key::Copy(""), place)?;
                match mark {
                    // With something added it is not what we put there any more.
                    Some(mark) if condition == Condition::Intact && !render::has_additions(place, &mark)? => {
                        Standing::OurCopy
                    }
                    _ => Standing::Foreign,
                }
            }
            Occupant::ForeignLink(_) | Occupant::File => Standing::Foreign,
        })
    }
}

/// Puts `from` at `place` in one step where the system can; what stands there is ours and goes.
fn swap(writing: &Writing<'_>, from: &Path, place: &Path, now: Standing) -> Result<(), Error> {
    if now == Standing::Nothing {
        if let Some(folder) = place.parent() {
            fs::make_dirs(folder)?;
        }
        return Ok(fs::relocate(from, place)?);
    }
    if fs::exchange(from, place)? == fs::Exchange::Unsupported {
        clear(writing, place)?;
        return Ok(fs::relocate(from, place)?);
    }
    // Looked at again, now that nobody finds it where it stood: what came in between is not ours to remove.
    clear(writing, from)
}

/// Removes a link of ours; anything else goes to trash.
fn clear(writing: &Writing<'_>, at: &Path) -> Result<(), Error> {
    match occupant(writing.store().layout(), at)? {
        Occupant::Nothing => {}
        Occupant::Ours(_) => fs::remove_file(at)?,
        Occupant::ForeignLink(_) | Occupant::Folder | Occupant::File => {
            writing.store().trash().put(at, "copy")?;
        }
    }
    Ok(())
}

/// Writes an original anew from what the store knows of it.
fn again(writing: &Writing<'_>, transaction: &Transaction, moved: &Moved) -> Result<PathBuf, Error> {
    let store = writing.store();
    let at = transaction.folder("back")?.join(fs::unique_name("it-"));
    match &moved.link {
        Some(text) => fs::symlink_new(text, &at)?,
        None => {
            let tree = store.objects().tree(&stored(store, moved)?)?;
            fs::make_dir(&at)?;
            skills::write_tree(store.objects(), &tree, &at)?;
            fs::sync_file_system(store.layout().root())?;
        }
    }
    Ok(at)
}

/// The store's own tree of what an original held: of copies that differ in executable bits alone it keeps one.
fn stored(store: &Store, moved: &Moved) -> Result<TreeId, Error> {
    let Ok(meta) = skills::load(store, &moved.name) else { return Ok(moved.tree) };
    let versions = meta.versions();
    let is_it = versions.iter().any(|version| version.tree == moved.tree);
    let like_it = versions.iter().rev().find(|version| version.content_hash == moved.content);
    Ok(if is_it { moved.tree } else { like_it.map_or(moved.tree, |version| version.tree) })
}
