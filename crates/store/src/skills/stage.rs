//! Staging: a payload in a transaction's folder and its objects in a batch, from a folder, from memory or from a
//! version. Nothing is live yet.

use std::path::{Path, PathBuf};

use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};

use super::Error;
use crate::fs;
use crate::objects::{Batch, Objects};
use crate::payload::{Payload, PayloadFile};
use crate::scan;
use crate::store::Transaction;

/// A payload in a transaction's folder, its objects in a batch.
#[derive(Debug)]
pub struct Staged {
    /// Whose payload it is.
    pub name: SkillName,
    /// What it is.
    pub tree: Tree,
    /// Where it is staged.
    pub dir: PathBuf,
}

/// Stages a copy of a folder's payload: each file is read once, hashed, stored and copied.
pub fn stage_folder(
    transaction: &Transaction,
    batch: &Batch<'_>,
    name: &SkillName,
    root: &Path,
) -> Result<Staged, Error> {
    stage_folder_but(transaction, batch, name, root, None)
}

/// Like [`stage_folder`], with other bytes for one of the files.
pub fn stage_folder_but(
    transaction: &Transaction,
    batch: &Batch<'_>,
    name: &SkillName,
    root: &Path,
    instead: Option<(&str, &[u8])>,
) -> Result<Staged, Error> {
    let mut listing = scan::list(root)?;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    let dir = staging_dir(transaction, name)?;
    make_folders(&dir, listing.files.iter().map(|f| &f.path))?;
    let mut writer = batch.tree()?;
    let mut files = Vec::with_capacity(listing.files.len());
    for found in listing.files {
        scan::check_size(root, &found)?;
        let copy = dir.join(found.path.as_str());
        let mode = plain(found.executable);
        let (digest, size_bytes) = match instead {
            Some((path, bytes)) if path == found.path.as_str() => {
                fs::create(&copy, bytes, mode)?;
                (batch.put(&mut writer, bytes)?, bytes.len() as u64)
            }
            _ => batch.put_file(&mut writer, &found.at, &copy, mode)?,
        };
        files.push((found.path, File { digest, size_bytes, executable: found.executable }));
    }
    let tree = scan::tree_of(root, files)?;
    batch.finish(writer, &tree)?;
    Ok(Staged { name: name.clone(), tree, dir })
}

/// Stages files from memory.
pub fn stage_bytes(
    transaction: &Transaction,
    batch: &Batch<'_>,
    name: &SkillName,
    contents: &[(SkillPath, Vec<u8>, bool)],
) -> Result<Staged, Error> {
    let file = |(path, bytes, executable): &(SkillPath, Vec<u8>, bool)| {
        (path.clone(), PayloadFile { bytes: bytes.clone(), executable: *executable })
    };
    stage_payload(transaction, batch, name, &Payload::new(contents.iter().map(file).collect())?)
}

/// Stages a payload.
pub fn stage_payload(
    transaction: &Transaction,
    batch: &Batch<'_>,
    name: &SkillName,
    payload: &Payload,
) -> Result<Staged, Error> {
    let dir = staging_dir(transaction, name)?;
    write_payload(payload, &dir)?;
    batch_payload(batch, payload)?;
    Ok(Staged { name: name.clone(), tree: payload.tree().clone(), dir })
}

/// Adds a payload to the objects of a batch.
pub fn batch_payload(batch: &Batch<'_>, payload: &Payload) -> Result<(), Error> {
    let mut writer = batch.tree()?;
    // Both are in the order of the paths.
    for ((_, file), (_, entry)) in payload.files().zip(payload.tree().files()) {
        batch.put_hashed(&mut writer, entry.digest, &file.bytes)?;
    }
    batch.finish(writer, payload.tree())?;
    Ok(())
}

/// Writes a payload into the existing empty folder `dir`, writable for its owner, and looks that it stands there. Not synced.
pub fn write_payload(payload: &Payload, dir: &Path) -> Result<(), Error> {
    make_folders(dir, payload.files().map(|(path, _)| path))?;
    for (path, file) in payload.files() {
        fs::create_checked(&dir.join(path.as_str()), &file.bytes, plain(file.executable))?;
    }
    Ok(())
}

/// Stages a tree whose files are in the object store.
pub fn stage_tree(
    transaction: &Transaction,
    objects: Objects<'_>,
    name: &SkillName,
    tree: &Tree,
) -> Result<Staged, Error> {
    let dir = staging_dir(transaction, name)?;
    write_tree(objects, tree, &dir)?;
    Ok(Staged { name: name.clone(), tree: tree.clone(), dir })
}

/// Writes a tree of the object store into the existing empty folder `dir`, writable for its owner. Not synced.
pub fn write_tree(objects: Objects<'_>, tree: &Tree, dir: &Path) -> Result<(), Error> {
    let stored = objects.open(&tree.id())?;
    make_folders(dir, tree.files().map(|(path, _)| path))?;
    for (path, file) in tree.files() {
        stored.write(&file.digest, &dir.join(path.as_str()), plain(file.executable))?;
    }
    Ok(())
}

fn staging_dir(transaction: &Transaction, name: &SkillName) -> Result<PathBuf, fs::Error> {
    let dir = transaction.folder("new")?.join(name.as_str());
    // The same skill may be staged twice in one command (`setup` keeps several contents as versions).
    if fs::lstat(&dir)?.is_some() {
        fs::remove_tree(&dir)?;
    }
    fs::make_dir(&dir)?;
    Ok(dir)
}

/// Makes every folder that `paths` need below `dir`.
pub fn make_folders<'p>(dir: &Path, paths: impl Iterator<Item = &'p SkillPath>) -> Result<(), fs::Error> {
    let mut made = std::collections::BTreeSet::new();
    for path in paths {
        for folder in path.folders() {
            if made.insert(folder) {
                fs::make_dir(&dir.join(folder))?;
            }
        }
    }
    Ok(())
}

fn plain(executable: bool) -> fs::Mode {
    if executable { fs::Mode::Executable } else { fs::Mode::Plain }
}
