//! Adding objects together: staged, made durable once, then named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use skillsync_core::digest::{FileDigest, Hasher, TreeId};
use skillsync_core::tree::Tree;

use super::{INLINE_BYTES, object_bytes, pump, trailer};
use crate::fs;
use crate::layout::Layout;

/// Objects being added together. Nothing is visible until [`Batch::publish`]; what is dropped before leaves
/// litter in staging that the next command clears.
#[derive(Debug)]
pub struct Batch<'a> {
    layout: &'a Layout,
    dir: PathBuf,
    /// Where each object is staged, by where it belongs.
    pending: Mutex<BTreeMap<PathBuf, PathBuf>>,
}

/// A version's object being written: the small files one after the other, in the order of their
/// paths, equal ones once.
#[derive(Debug)]
pub struct TreeWriter {
    staged: PathBuf,
    file: BufWriter<File>,
    written: BTreeSet<FileDigest>,
    /// The large files put so far; the batch takes them over when the version is finished.
    blobs: Vec<(PathBuf, PathBuf)>,
}

impl<'a> Batch<'a> {
    /// A batch that stages in `transaction`, a folder of its own below `staging/`.
    pub fn new(layout: &'a Layout, transaction: &Path) -> Result<Self, fs::Error> {
        let dir = transaction.join("objects");
        fs::make_dir(&dir)?;
        Ok(Self { layout, dir, pending: Mutex::default() })
    }

    /// Begins a version. Its files must be put in the order of their paths.
    pub fn tree(&self) -> Result<TreeWriter, fs::Error> {
        let staged = self.dir.join(fs::unique_name("tree-"));
        let file = BufWriter::with_capacity(64 * 1024, fs::create_empty(&staged, fs::Mode::ReadOnly)?);
        Ok(TreeWriter { staged, file, written: BTreeSet::new(), blobs: Vec::new() })
    }

    /// Adds the bytes of one file of a version.
    pub fn put(&self, writer: &mut TreeWriter, bytes: &[u8]) -> Result<FileDigest, fs::Error> {
        let digest = FileDigest::of(bytes);
        self.put_hashed(writer, digest, bytes)?;
        Ok(digest)
    }

    /// The same for bytes whose `digest` the caller has found out.
    pub fn put_hashed(
        &self,
        writer: &mut TreeWriter,
        digest: FileDigest,
        bytes: &[u8],
    ) -> Result<(), fs::Error> {
        if bytes.len() as u64 <= INLINE_BYTES {
            if writer.written.insert(digest) {
                fs::write_all(&mut writer.file, bytes, &writer.staged)?;
            }
        } else {
            let object = self.layout.blob(&digest);
            if !is_there(&object, bytes.len() as u64)? {
                let staged = self.dir.join(fs::unique_name("blob-"));
                fs::create(&staged, bytes, fs::Mode::ReadOnly)?;
                writer.blobs.push((object, staged));
            }
        }
        Ok(())
    }

    /// Adds the bytes of `source`, and writes the same bytes to `copy`: read once, so both are what was hashed.
    pub fn put_file(
        &self,
        writer: &mut TreeWriter,
        source: &Path,
        copy: &Path,
        mode: fs::Mode,
    ) -> Result<(FileDigest, u64), fs::Error> {
        let (mut input, metadata) = fs::open_regular(source)?;
        if metadata.len() <= INLINE_BYTES {
            let mut bytes = Vec::with_capacity(metadata.len() as usize);
            let size = pump(&mut input, metadata.len(), source, |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            })?;
            fs::create(copy, &bytes, mode)?;
            return Ok((self.put(writer, &bytes)?, size));
        }
        let staged = self.dir.join(fs::unique_name("blob-"));
        let mut blob = fs::create_empty(&staged, fs::Mode::ReadOnly)?;
        let mut output = fs::create_empty(copy, mode)?;
        let mut hasher = Hasher::default();
        let size = pump(&mut input, metadata.len(), source, |chunk| {
            hasher.update(chunk);
            fs::write_all(&mut blob, chunk, &staged)?;
            fs::write_all(&mut output, chunk, copy)
        })?;
        if size <= INLINE_BYTES {
            // It shrank while it was read: whoever reads the version will look for it inside.
            let error = io::Error::other("it changed while it was read");
            return Err(fs::Error::new("read", source, error));
        }
        let digest = FileDigest::from_hasher(hasher);
        let object = self.layout.blob(&digest);
        if is_there(&object, size)? {
            fs::remove_file(&staged)?;
        } else {
            writer.blobs.push((object, staged));
        }
        Ok((digest, size))
    }

    /// Ends a version: `tree` lists what was put.
    pub fn finish(&self, mut writer: TreeWriter, tree: &Tree) -> Result<TreeId, fs::Error> {
        let manifest = tree.manifest();
        let id = TreeId::of(manifest.as_bytes());
        let object = self.layout.tree_object(&id);
        for (blob, staged) in std::mem::take(&mut writer.blobs) {
            self.add(blob, staged)?;
        }
        if is_there(&object, object_bytes(tree, manifest.len()))? {
            return Ok(id);
        }
        fs::write_all(&mut writer.file, manifest.as_bytes(), &writer.staged)?;
        fs::write_all(&mut writer.file, trailer(manifest.len()).as_bytes(), &writer.staged)?;
        fs::Context::on(writer.file.flush(), "write", &writer.staged)?;
        self.add(object, writer.staged)?;
        Ok(id)
    }

    /// Notes where an object is staged; one that another thread staged already is enough.
    fn add(&self, object: PathBuf, staged: PathBuf) -> Result<(), fs::Error> {
        let replaced = self.lock().insert(object, staged);
        replaced.map_or(Ok(()), |earlier| fs::remove_file(&earlier))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, PathBuf>> {
        // A panic while it was held is a bug that ends the process anyway.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the objects durable, and with them the trees at `beside`, on the same file system; then gives every object its
    /// name, durably.
    pub fn publish(self, beside: &[&Path]) -> Result<(), fs::Error> {
        let staged: Vec<&Path> = [&*self.dir].into_iter().chain(beside.iter().copied()).collect();
        fs::sync_trees(&staged)?;
        let pending = std::mem::take(&mut *self.lock());
        let mut dirs: Vec<&Path> = pending.keys().filter_map(|object| object.parent()).collect();
        dirs.dedup();
        for dir in &dirs {
            fs::make_dir(dir)?;
        }
        for (object, staged) in &pending {
            // A wrong-sized object of the same name is damaged: replacing it mends it.
            fs::rename(staged, object)?;
        }
        let above = [self.layout.objects().join("blobs"), self.layout.objects().join("trees")];
        if !dirs.is_empty() {
            dirs.extend(above.iter().map(PathBuf::as_path));
        }
        fs::sync_paths(&dirs)
    }
}

/// Whether an object is there. Size and place are enough to trust it: it was durable before it had its name, and
/// `verify` reads every byte.
fn is_there(object: &Path, size_bytes: u64) -> Result<bool, fs::Error> {
    Ok(fs::lstat(object)?.is_some_and(|m| m.is_file() && m.len() == size_bytes))
}
