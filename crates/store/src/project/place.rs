//! Putting copies into a project and taking them out. Each copy is swapped in as one step where the system can; what
//! stood there goes to trash, and a kill leaves the old copy or the new one.

use std::path::{Path, PathBuf};

use skillsync_core::digest::ContentHash;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::Tree;

use super::{Error, Place, Project, read};
use crate::fs;
use crate::skills;
use crate::store::{Store, Transaction, Writing};

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
    fs::sync_file_system(store.layout().root())?;
    let entered = entering.iter().zip(staged).map(|(copy, staged)| swap(store, project, copy, &staged));
    Ok(entered.collect())
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
    let kept = settle(store, project, copy, &beside);
    // After an error it may hold what stood there: only what is ours for certain is removed, and the rest waits for
    // the next command to bring it to trash.
    if kept.is_err() && holds(project, copy, &beside, copy.tree.content_hash()) {
        let _ = fs::remove_tree(&beside);
    }
    let kept = kept?;
    fs::sync_dir(folder)?;
    Ok(Replaced { kept })
}

/// Whether what lies at `path` is a copy of the same artifact with this content.
fn holds(project: &Project, copy: &Entering, path: &Path, content: ContentHash) -> bool {
    let place = Place { path: path.to_owned(), ..copy.place.clone() };
    matches!(read(project, &place), Ok(Some(found)) if found.content.content_hash == content)
}

/// Gives the copy `beside` its place.
fn settle(
    store: &Store,
    project: &Project,
    copy: &Entering,
    beside: &Path,
) -> Result<Option<PathBuf>, Error> {
    let at = &copy.place.path;
    let Some(expected) = copy.replaces else {
        return match fs::rename_no_replace(beside, at) {
            Err(e) if e.io_kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::Changed { path: at.clone() })
            }
            renamed => renamed.map(|()| None).map_err(Error::from),
        };
    };
    let name = copy.place.name.as_str();
    let file_name = at.file_name().unwrap_or_default();
    if fs::lstat(at)?.is_none() {
        return Err(Error::Changed { path: at.clone() });
    }
    if fs::exchange(beside, at)? == fs::Exchange::Done {
        // Between the look and the swap somebody may have edited it: what stood there says so now, and goes back.
        if !holds(project, copy, beside, expected) {
            // Two names of one folder that were just exchanged can be exchanged again.
            let _ = fs::exchange(beside, at)?;
            return Err(Error::Changed { path: at.clone() });
        }
        return match store.trash().put_as(beside, name, file_name) {
            Ok(kept) => Ok(Some(kept)),
            // What cannot be kept is not replaced, as long as it is whole.
            Err(e) if holds(project, copy, beside, expected) => {
                let _ = fs::exchange(beside, at)?;
                Err(e.into())
            }
            Err(e) => Err(e.into()),
        };
    }
    if !holds(project, copy, at, expected) {
        return Err(Error::Changed { path: at.clone() });
    }
    let kept = store.trash().put(at, name)?;
    fs::rename_no_replace(beside, at)?;
    Ok(Some(kept))
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

/// Fails when a link stands at `place`: it is somebody's, and leads to what is not ours.
fn require_plain(place: &Place) -> Result<(), Error> {
    match fs::lstat(&place.path)? {
        Some(metadata) if metadata.is_symlink() => {
            Err(Error::InTheWay { path: place.path.clone(), what: "link", name: place.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Moves the copy at `place` to trash and says where it is; none when nothing was there.
pub fn take_out(store: &Store, project: &Project, place: &Place) -> Result<Option<PathBuf>, Error> {
    if fs::lstat(&place.path)?.is_none() {
        return Ok(None);
    }
    require_plain(place)?;
    let folder = place.path.parent().unwrap_or(&place.path);
    project.require_inside(folder)?;
    let kept = store.trash().put(&place.path, place.name.as_str())?;
    fs::sync_dir(folder)?;
    Ok(Some(kept))
}

/// Moves to trash what killed commands left in the folder of `place`, and says where each was and is: a copy that was
/// to be put in, or the one that it replaced.
pub fn recover(store: &Store, project: &Project, place: &Place) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let folder = place.path.parent().unwrap_or(&place.path);
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
