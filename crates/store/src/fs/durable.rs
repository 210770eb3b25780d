//! What a power cut cannot take any more.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::place::discard_file;
use super::{Context, Mode, OUR_PREFIX, Result, create, entries, lstat, parent, rename, unique_name};

/// Up to so many files and folders are synced one by one: that waits for nothing but them. More are cheaper together, though
/// that waits for whatever other programs wrote to the same file system, seconds where one of them writes much.
const FEW: usize = 16;

/// Makes renames and new entries in a folder durable.
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).on("sync the folder", path)
}

/// Makes everything written to the file system of `path` durable. One call is cheaper than 16 single syncs.
pub fn sync_file_system(path: &Path) -> Result<()> {
    let dir = File::open(path).on("open", path)?;
    rustix::fs::syncfs(&dir).on("sync the file system of", path)
}

/// Makes the bytes of one file durable.
pub fn sync_file(path: &Path) -> Result<()> {
    // Syncing needs no write access: objects are read-only.
    File::open(path).and_then(|file| file.sync_all()).on("sync", path)
}

/// Makes files and the entries of folders durable, all on one file system; not what is below the folders.
pub fn sync_paths<P: AsRef<Path>>(paths: &[P]) -> Result<()> {
    match paths.first() {
        Some(first) if paths.len() > FEW => sync_file_system(first.as_ref()),
        _ => paths.iter().try_for_each(|path| sync_file(path.as_ref())),
    }
}

/// Makes the trees at `roots`, which are on one file system, durable: files, folders and all entries.
pub fn sync_trees(roots: &[&Path]) -> Result<()> {
    let mut found = Vec::new();
    for root in roots {
        if !collect(root, &mut found)? {
            return sync_file_system(root);
        }
    }
    sync_paths(&found)
}

/// Replaces files of one file system, each as [`replace`](super::replace) does; all are durable before the first gets its
/// name, and the names when it is done.
pub fn replace_all(files: &[(PathBuf, &[u8])], mode: Mode) -> Result<()> {
    let mut temporaries = Vec::with_capacity(files.len());
    let placed = stage_all(files, mode, &mut temporaries)
        .and_then(|()| sync_paths(&temporaries))
        .and_then(|()| temporaries.iter().zip(files).try_for_each(|(from, (to, _))| rename(from, to)));
    if placed.is_err() {
        temporaries.iter().for_each(|temporary| discard_file(temporary));
    }
    placed?;
    let folders: BTreeSet<&Path> = files.iter().map(|(path, _)| parent(path)).collect();
    folders.into_iter().try_for_each(sync_dir)
}

fn stage_all(files: &[(PathBuf, &[u8])], mode: Mode, temporaries: &mut Vec<PathBuf>) -> Result<()> {
    for (path, bytes) in files {
        let temporary = parent(path).join(unique_name(OUR_PREFIX) + ".tmp");
        temporaries.push(temporary.clone());
        create(&temporary, bytes, mode)?;
    }
    Ok(())
}

/// Adds what is at `path` and below it to `found`, a folder after what is in it; `false` once that is more than few. A link is
/// an entry of its folder.
fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<bool> {
    let Some(metadata) = lstat(path)? else { return Ok(true) };
    if metadata.is_dir() {
        for entry in entries(path)?.unwrap_or_default() {
            if !collect(&path.join(entry), found)? {
                return Ok(false);
            }
        }
    }
    if !metadata.is_symlink() {
        found.push(path.to_owned());
    }
    Ok(found.len() <= FEW)
}
