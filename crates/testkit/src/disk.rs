//! Whole folders: copy one with everything that a later run could notice, put it back, remove it. Panics with the
//! path when the disk refuses, since a test cannot go on then.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The value, or a panic that names the path.
pub(crate) fn at<T>(result: io::Result<T>, path: &Path) -> T {
    match result {
        Ok(value) => value,
        Err(e) => panic!("{}: {e}", path.display()),
    }
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    if let Some(parent) = path.parent() {
        at(fs::create_dir_all(parent), parent);
    }
    at(fs::write(path, bytes), path);
}

/// Gives every file below `path` this time of its last change, in seconds since 1970.
pub fn age(path: &Path, seconds: u64) {
    if at(fs::symlink_metadata(path), path).is_dir() {
        for entry in at(fs::read_dir(path), path) {
            age(&at(entry, path).path(), seconds);
        }
        return;
    }
    let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let file = at(fs::File::options().write(true).open(path), path);
    at(file.set_times(times), path);
}

/// Makes a link to `target`, and the folders above it.
pub fn link(target: impl AsRef<Path>, link: &Path) {
    if let Some(parent) = link.parent() {
        at(fs::create_dir_all(parent), parent);
    }
    at(symlink(target, link), link);
}

/// Copies `from` to `to`, which must not exist: bytes, modes, times of files, links as links, hard links as hard
/// links. What `cp -a` does, without a process for each of some thousand copies.
pub fn copy(from: &Path, to: &Path) {
    copy_into(from, to, &mut HashMap::new());
}

fn copy_into(from: &Path, to: &Path, hard: &mut HashMap<(u64, u64), PathBuf>) {
    let meta = at(fs::symlink_metadata(from), from);
    let kind = meta.file_type();
    if kind.is_symlink() {
        let target = at(fs::read_link(from), from);
        at(symlink(target, to), to);
    } else if kind.is_dir() {
        at(fs::create_dir(to), to);
        for entry in at(fs::read_dir(from), from) {
            let name = at(entry, from).file_name();
            copy_into(&from.join(&name), &to.join(&name), hard);
        }
        at(fs::set_permissions(to, meta.permissions()), to);
    } else if kind.is_file() {
        if meta.nlink() > 1 {
            if let Some(first) = hard.get(&(meta.dev(), meta.ino())) {
                at(fs::hard_link(first, to), to);
                return;
            }
            hard.insert((meta.dev(), meta.ino()), to.to_owned());
        }
        at(fs::copy(from, to), to);
        let times = fs::FileTimes::new().set_modified(at(meta.modified(), from));
        let file = at(fs::File::open(to), to);
        at(file.set_times(times), to);
    } else {
        panic!("{}: neither file, folder nor link", from.display());
    }
}

/// Makes `to` equal to `from` again, whatever was done to it.
pub fn restore(from: &Path, to: &Path) {
    remove(to);
    copy(from, to);
}

/// Removes a file, a link or a folder with all in it, read-only folders included. Nothing there is fine.
pub fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Ok(meta) if !meta.is_dir() => at(fs::remove_file(path), path),
        _ => match fs::remove_dir_all(path) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                open_up(path);
                at(fs::remove_dir_all(path), path);
            }
            other => at(other, path),
        },
    }
}

fn open_up(path: &Path) {
    let meta = at(fs::symlink_metadata(path), path);
    if meta.is_dir() {
        at(fs::set_permissions(path, fs::Permissions::from_mode(0o700)), path);
        for entry in at(fs::read_dir(path), path) {
            open_up(&at(entry, path).path());
        }
    }
}
