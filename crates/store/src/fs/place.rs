//! What stands at a name: renaming, swapping, linking, moving, removing.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};

use super::{
    Context, Error, Mode, OUR_PREFIX, Result, create_empty, entries, lstat, make_dir, open_regular, optional,
    parent, sync_dir, sync_file_system, unique_name,
};

/// Renames; replaces a file that is there.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    rustix::fs::rename(from, to).on("rename to", to)
}

/// Renames to a name that must be free. Where the file system cannot promise that in one step, it is checked first
/// (callers hold the store's mutex).
pub fn rename_no_replace(from: &Path, to: &Path) -> Result<()> {
    match rename_no_replace_once(from, to) {
        Err(e) if e.io_kind() == io::ErrorKind::PermissionDenied => {
            opened_up(&[(from, to)], || rename_no_replace_once(from, to)).unwrap_or(Err(e))
        }
        result => result,
    }
}

/// A folder that its owner closed to writing cannot be moved to another parent: it is opened for the moment of `work`
/// and closed again where it is then. `folders` are pairs of a path now and the path after; `None` when none of them
/// is such a folder.
fn opened_up<T>(folders: &[(&Path, &Path)], work: impl FnOnce() -> Result<T>) -> Option<Result<T>> {
    let mut opened = Vec::new();
    for (now, after) in folders {
        let metadata = lstat(now).ok().flatten()?;
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_dir() && mode & 0o200 == 0 {
            rustix::fs::chmod(*now, rustix::fs::Mode::from_raw_mode(mode | 0o200)).ok()?;
            opened.push((*now, *after, mode));
        }
    }
    if opened.is_empty() {
        return None;
    }
    let done = work();
    for (now, after, mode) in opened {
        let at = if done.is_ok() { after } else { now };
        // Back as it was; where that fails the folder is only more open to its own user.
        let _ = rustix::fs::chmod(at, rustix::fs::Mode::from_raw_mode(mode));
    }
    Some(done)
}

fn rename_no_replace_once(from: &Path, to: &Path) -> Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if lstat(to)?.is_some() {
                return Err(Error::new("rename to", to, io::ErrorKind::AlreadyExists.into()));
            }
            rename(from, to)
        }
        result => result.on("rename to", to),
    }
}

/// Whether an exchange happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Exchange {
    /// Both names were swapped in one step.
    Done,
    /// The file system cannot; nothing was changed.
    Unsupported,
}

/// Swaps what two names lead to, in one step where the system can.
pub fn exchange(a: &Path, b: &Path) -> Result<Exchange> {
    match exchange_once(a, b) {
        Err(e) if e.io_kind() == io::ErrorKind::PermissionDenied => {
            opened_up(&[(a, b), (b, a)], || exchange_once(a, b)).unwrap_or(Err(e))
        }
        result => result,
    }
}

fn exchange_once(a: &Path, b: &Path) -> Result<Exchange> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Exchange::Done),
        // INVAL, NOSYS: no such operation here. XDEV: a folder of an overlay's lower layer cannot be renamed.
        Err(Errno::INVAL | Errno::NOSYS | Errno::XDEV) => Ok(Exchange::Unsupported),
        Err(errno) => Err(Error::new("exchange", b, errno.into())),
    }
}

/// Makes a symlink under a name that must be free.
pub fn symlink_new(target: &Path, link: &Path) -> Result<()> {
    rustix::fs::symlink(target, link).on("create the link", link)
}

/// Points a symlink somewhere else in one step, or makes it. What is at `link` must be ours: it is replaced.
pub fn symlink_replace(target: &Path, link: &Path) -> Result<()> {
    // Where nothing is, the link itself is one step.
    match symlink_new(target, link) {
        Err(e) if e.io_kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let temporary = parent(link).join(unique_name(OUR_PREFIX));
    symlink_new(target, &temporary)?;
    let renamed = rename(&temporary, link);
    if renamed.is_err() {
        discard_file(&temporary);
    }
    renamed
}

/// Removes one file or link; one that is gone already is fine.
pub fn remove_file(path: &Path) -> Result<()> {
    optional(rustix::fs::unlink(path).on("remove", path)).map(|_| ())
}

/// Best-effort removal of a temporary of our own on the way out of an error that matters more.
pub(super) fn discard_file(path: &Path) {
    let _ = rustix::fs::unlink(path);
}

/// Removes an empty folder; one that is not empty or gone is left.
pub fn remove_dir_if_empty(path: &Path) -> Result<()> {
    match optional(rustix::fs::rmdir(path).on("remove the folder", path)) {
        Err(e) if e.io_kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        result => result.map(|_| ()),
    }
}

/// Removes a folder of our own with all that is in it, links not followed; one that is gone already is fine.
/// Folders without write permission are opened up first: a user's tool may have closed them.
pub fn remove_tree(path: &Path) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    let removed = std::fs::remove_dir_all(path).on("remove", path);
    match removed {
        Err(e) if e.io_kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            #[expect(clippy::disallowed_methods, reason = "this is the door")]
            std::fs::remove_dir_all(path).on("remove", path)
        }
        Err(e) if e.io_kind() == io::ErrorKind::NotADirectory => remove_file(path),
        result => optional(result).map(|_| ()),
    }
}

fn open_up(path: &Path) -> Result<()> {
    let Some(metadata) = lstat(path)? else { return Ok(()) };
    if !metadata.is_dir() {
        return Ok(());
    }
    if metadata.permissions().mode() & 0o700 != 0o700 {
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o700)).on("set the mode of", path)?;
    }
    for name in entries(path)?.unwrap_or_default() {
        open_up(&path.join(name))?;
    }
    Ok(())
}

/// Moves a file or folder to a free name, to another file system too: copied, synced, and only then removed.
pub fn relocate(from: &Path, to: &Path) -> Result<()> {
    match rename_no_replace(from, to) {
        Err(e) if e.errno() == Some(rustix::io::Errno::XDEV) => {
            let staged = parent(to).join(unique_name(OUR_PREFIX));
            let copied = copy_all(from, &staged)
                .and_then(|()| sync_file_system(parent(to)))
                .and_then(|()| rename_no_replace(&staged, to));
            if copied.is_err() {
                // Best effort: what it is a copy of is still there.
                let _ = remove_tree(&staged);
            }
            copied?;
            sync_dir(parent(to))?;
            remove_tree(from)
        }
        result => result,
    }
}

/// Copies a file, link or folder as it is: bytes, modes, links as links. Devices and FIFOs are errors.
pub(super) fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let metadata = std::fs::symlink_metadata(from).on("look at", from)?;
    if metadata.is_symlink() {
        let target = std::fs::read_link(from).on("read the link", from)?;
        return symlink_new(&target, to);
    }
    if metadata.is_dir() {
        make_dir(to)?;
        for name in entries(from)?.unwrap_or_default() {
            copy_all(&from.join(&name), &to.join(&name))?;
        }
    } else {
        let (mut source, _) = open_regular(from)?;
        let mut target = create_empty(to, Mode::Private)?;
        io::copy(&mut source, &mut target).on("copy to", to)?;
    }
    let mode = rustix::fs::Mode::from_raw_mode(metadata.permissions().mode() & 0o7777);
    rustix::fs::chmod(to, mode).on("set the mode of", to)
}
