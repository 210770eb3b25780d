//! Putting copies into a project and taking them out. Each copy is swapped in as one step where the system can; what
//! stood there goes to trash, and a kill leaves the old copy or the new one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::digest::ContentHash;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::{SKILL_MD, Tree, is_payload};

use super::{Error, Place, Project, read};
use crate::fs;
use crate::skills;
use crate::store::{self, Store, Transaction, Writing};

/// One copy to be put into a project.
#[derive(Debug)]
pub struct Entering {
    /// Where to.
    pub place: Place,
    /// What: a tree of the object store.
    pub tree: Tree,
    /// What stands there and may be replaced; none when nothing does.
    pub replaces: Option<ContentHash>,
}

/// A copy that was put in.
#[derive(Debug)]
pub struct Replaced {
    /// Where in trash the copy is that stood there.
    pub kept: Option<PathBuf>,
    /// What went there with it.
    pub beside_payload: Beside,
}

/// What a copy holds that is no part of its artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// Files or folders.
    Files,
    /// Version control: a repository, or what leads to one.
    Repository,
}

impl Beside {
    /// Looks through what stands at `path`. What cannot be read is taken to hold something.
    pub fn of(path: &Path) -> Self {
        let is_dir =
            |path: &Path| Ok::<_, fs::Error>(fs::lstat(path)?.is_some_and(|metadata| metadata.is_dir()));
        let look = || -> Result<Self, fs::Error> {
            let mut most = Self::Nothing;
            if !is_dir(path)? {
                return Ok(most);
            }
            for name in fs::entries(path)?.unwrap_or_default() {
                most = most.max(match name.to_str() {
                    Some(name) if store::is_repository(name) => Self::Repository,
                    Some(name) if is_payload(name) => Self::of(&path.join(name)),
                    // Version control may lie in it, too.
                    _ => Self::of(&path.join(&name)).max(Self::Files),
                });
            }
            Ok(most)
        };
        look().unwrap_or(Self::Files)
    }
}

/// Puts copies in. All are staged and durable before the first one is swapped in; an error at one leaves the others
/// whole.
pub fn enter(
    writing: &Writing<'_>,
    transaction: &Transaction,
    project: &Project,
    entering: &[Entering],
) -> Result<Vec<Result<Replaced, Error>>, Error> {
    let store = writing.store();
    let folder = transaction.folder("copies")?;
    let mut staged = Vec::with_capacity(entering.len());
    for (number, copy) in entering.iter().enumerate() {
        let dir = folder.join(number.to_string());
        fs::make_dir(&dir)?;
        skills::write_tree(store.objects(), &copy.tree, &dir)?;
        let is_folder = copy.place.artifact_type == ArtifactType::Skill;
        let main = copy.place.artifact_type.main_file(&copy.place.name);
        staged.push(if is_folder { dir } else { dir.join(main) });
    }
    fs::sync_trees(&[&folder])?;
    let entered: Vec<_> =
        entering.iter().zip(staged).map(|(copy, staged)| swap(store, project, copy, &staged)).collect();
    let folders: BTreeSet<&Path> = entering.iter().filter_map(|copy| copy.place.path.parent()).collect();
    for folder in folders {
        // One that could not be made has nothing in it.
        if fs::lstat(folder)?.is_some() {
            fs::sync_dir(folder)?;
        }
    }
    Ok(entered)
}

fn swap(store: &Store, project: &Project, copy: &Entering, staged: &Path) -> Result<Replaced, Error> {
    let at = &copy.place.path;
    let folder = at.parent().unwrap_or(at);
    project.require_inside(folder)?;
    make_folders(project, folder)?;
    require_plain(&copy.place)?;
    // Beside its place first, over to another file system if need be: what follows is one step.
    let beside = folder.join(fs::unique_name(fs::OUR_PREFIX));
    fs::relocate(staged, &beside)?;
    let settled = match copy.replaces {
        Some(expected) => replace(store, project, copy, &beside, expected).map(Some),
        None => match fs::rename_no_replace(&beside, at) {
            Err(e) if e.io_kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::Changed { path: at.clone() })
            }
            renamed => renamed.map(|()| None).map_err(Error::from),
        },
    };
    if settled.is_err() && holds(project, &copy.place, &beside, copy.tree.content_hash()) {
        // Ours, as it came from the store. What is anybody else's waits for the next command to bring it to trash.
        let _ = fs::remove_tree(&beside);
    }
    let kept = settled?;
    let beside_payload = kept.as_deref().map_or(Beside::Nothing, Beside::of);
    Ok(Replaced { kept, beside_payload })
}

/// Gives the copy `beside` the place of another one, and the version control that is in that, and says where in trash the
/// other one is. What is not as `expected`, or cannot be kept, is not replaced.
fn replace(
    store: &Store,
    project: &Project,
    copy: &Entering,
    beside: &Path,
    expected: ContentHash,
) -> Result<PathBuf, Error> {
    let place = &copy.place;
    let at = &place.path;
    if fs::lstat(at)?.is_none() {
        return Err(Error::Changed { path: at.clone() });
    }
    trade(beside, at)?;
    // Between the look and the swap somebody may have edited it: what stood there says so now, and goes back.
    if !holds(project, place, beside, expected) {
        trade(beside, at)?;
        return Err(Error::Changed { path: at.clone() });
    }
    // Version control that somebody keeps in it is no content, and goes on with the new copy: its history may be nowhere
    // else.
    store::keep_repositories(beside, at);
    let file_name = at.file_name().unwrap_or_default();
    store.trash().put_as(beside, place.name.as_str(), file_name).map_err(|e| {
        // Unless it is in trash by now, or partly so: then the next command brings the rest there.
        if holds(project, place, beside, expected) {
            store::keep_repositories(at, beside);
            let _ = trade(beside, at);
        }
        e.into()
    })
}

/// Whether what stands at `path` has this content, read as the copy of `place`.
fn holds(project: &Project, place: &Place, path: &Path, content: ContentHash) -> bool {
    hash_at(project, place, path) == Some(content)
}

/// The content of what stands at `path`, read as the copy of `place`; none when it cannot be read as one.
fn hash_at(project: &Project, place: &Place, path: &Path) -> Option<ContentHash> {
    let there = Place { path: path.to_owned(), ..place.clone() };
    Some(read(project, &there).ok()??.content.content_hash)
}

/// Gives each of two names in one folder what the other had: as one step where the system can, else as three, between
/// which a kill leaves nothing at `at`.
fn trade(beside: &Path, at: &Path) -> Result<(), fs::Error> {
    if fs::exchange(beside, at)? == fs::Exchange::Done {
        return Ok(());
    }
    let aside = at.with_file_name(fs::unique_name(fs::OUR_PREFIX));
    fs::relocate(at, &aside)?;
    if let Err(e) = fs::relocate(beside, at) {
        let _ = fs::relocate(&aside, at);
        return Err(e);
    }
    fs::relocate(&aside, beside)
}

/// Makes the folders down to `folder`, which may not be there yet.
fn make_folders(project: &Project, folder: &Path) -> Result<(), fs::Error> {
    if fs::stat(folder)?.is_some() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(project.root());
    make_folders(project, parent)?;
    fs::make_dir(folder)?;
    fs::sync_dir(parent)
}

/// Fails when a link stands at `place`, which is somebody's and leads to what is not ours, or a folder that is no skill:
/// a record may name any.
fn require_plain(place: &Place) -> Result<(), Error> {
    let Some(metadata) = fs::lstat(&place.path)? else { return Ok(()) };
    let has_main = || fs::lstat(&place.path.join(SKILL_MD));
    let what = if metadata.is_symlink() {
        "link"
    } else if place.artifact_type == ArtifactType::Skill && metadata.is_dir() && has_main()?.is_none() {
        "folder without a SKILL.md"
    } else {
        return Ok(());
    };
    Err(Error::InTheWay { path: place.path.clone(), what, name: place.name.clone() })
}

/// Moves the copy at `place` to trash and says where it is; none when nothing was there.
pub fn take_out(store: &Store, project: &Project, place: &Place) -> Result<Option<PathBuf>, Error> {
    let at = &place.path;
    if fs::lstat(at)?.is_none() {
        return Ok(None);
    }
    require_plain(place)?;
    let folder = at.parent().unwrap_or(at);
    project.require_inside(folder)?;
    // Out of its place in one step: trash may be on another file system, and half a copy must not stay.
    let beside = folder.join(fs::unique_name(fs::OUR_PREFIX));
    fs::relocate(at, &beside)?;
    let was = hash_at(project, place, &beside);
    let kept = match store.trash().put_as(&beside, place.name.as_str(), at.file_name().unwrap_or_default()) {
        Ok(kept) => kept,
        Err(e) => {
            // Unless a part of it is gone: then the next command brings the rest to trash.
            if hash_at(project, place, &beside) == was {
                let _ = fs::rename_no_replace(&beside, at);
            }
            return Err(e.into());
        }
    };
    fs::sync_dir(folder)?;
    Ok(Some(kept))
}

/// Moves to trash what killed commands left in `folder`, and says where each was and is: a copy that was to be put in,
/// one that was replaced or taken out, a deployment file on its way.
pub fn recover(store: &Store, project: &Project, folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let mut recovered = Vec::new();
    for entry in fs::entries(folder)?.unwrap_or_default() {
        if entry.to_str().is_some_and(fs::is_abandoned_temporary) {
            project.require_inside(folder)?;
            let left = folder.join(&entry);
            let kept = store.trash().put_as(&left, "recovered", std::ffi::OsStr::new("copy"))?;
            recovered.push((left, kept));
        }
    }
    Ok(recovered)
}
