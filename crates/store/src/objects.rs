//! The object store: the bytes and trees of all versions by digest. Put, get, verify; what to keep is `snapshot`'s.
//!
//! An object under its name is complete: it is written elsewhere, made durable, and only then renamed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use skillsync_core::digest::{FileDigest, Hasher, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;
use skillsync_core::tree::{self, Tree};

use crate::fs;
use crate::layout::Layout;

/// An object cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// Nothing is stored under this digest.
    #[error("object {digest} is missing from the store")]
    Missing {
        /// Its hex digest.
        digest: String,
    },
    /// What is stored is not what its name says.
    #[error("object {digest} in the store is damaged")]
    Damaged {
        /// Its hex digest.
        digest: String,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Missing { .. } | Error::Damaged { .. } => Kind::Io,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Missing { .. } => "object-missing",
            Error::Damaged { .. } => "object-damaged",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            _ => Some("run `skillsync verify` to see what is damaged and what can be mended".to_owned()),
        }
    }
}

/// How much of a file is held at once. Most files of skills fit whole.
const CHUNK_BYTES: usize = 256 * 1024;
/// Up to so many files are synced one by one; above, the whole file system at once is cheaper.
const SINGLE_SYNCS: usize = 16;

/// Reads objects.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    layout: &'a Layout,
}

impl<'a> Objects<'a> {
    /// The object store of `layout`.
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// The list of files of the tree `id`, checked against its name.
    pub fn tree(&self, id: &TreeId) -> Result<Tree, Error> {
        let damaged = || Error::Damaged { digest: id.hex() };
        let limit = (limits::SKILL_FILES * (limits::PATH_BYTES + 100)) as u64;
        let bytes = fs::optional(fs::read(&self.layout.tree_object(id), limit))?
            .ok_or_else(|| Error::Missing { digest: id.hex() })?;
        if TreeId::of(&bytes) != *id {
            return Err(damaged());
        }
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        Tree::from_manifest(&text).map_err(|_: tree::Error| damaged())
    }

    /// One file's bytes, checked against their name.
    pub fn blob(&self, digest: &FileDigest) -> Result<Vec<u8>, Error> {
        let bytes = fs::optional(fs::read(&self.layout.blob(digest), limits::FILE_BYTES))?
            .ok_or_else(|| Error::Missing { digest: digest.hex() })?;
        if FileDigest::of(&bytes) == *digest { Ok(bytes) } else { Err(Error::Damaged { digest: digest.hex() }) }
    }

    /// Copies a blob into a new file and checks it on the way: a damaged one leaves an error, and the file must
    /// not be used.
    pub fn copy_blob(&self, digest: &FileDigest, to: &Path, mode: fs::Mode) -> Result<(), Error> {
        let source = self.layout.blob(digest);
        let (mut input, metadata) =
            fs::optional(fs::open_regular(&source))?.ok_or_else(|| Error::Missing { digest: digest.hex() })?;
        let mut output = fs::create_empty(to, mode)?;
        let mut hasher = Hasher::default();
        pump(&mut input, metadata.len(), &source, |chunk| {
            hasher.update(chunk);
            fs::Context::on(output.write_all(chunk), "write", to)
        })?;
        if FileDigest::from_hasher(hasher) == *digest {
            Ok(())
        } else {
            Err(Error::Damaged { digest: digest.hex() })
        }
    }

    /// Whether a blob is there with the size it should have. Its bytes are not read.
    pub fn has_blob(&self, digest: &FileDigest, size_bytes: u64) -> Result<bool, fs::Error> {
        Ok(fs::lstat(&self.layout.blob(digest))?.is_some_and(|m| m.is_file() && m.len() == size_bytes))
    }
}

/// Feeds a file's bytes to `take` piece by piece, up to the largest file a skill may have.
fn pump(
    input: &mut File,
    expected_bytes: u64,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), fs::Error>,
) -> Result<u64, fs::Error> {
    let mut buffer = vec![0; CHUNK_BYTES.min(expected_bytes as usize + 1)];
    let mut total = 0;
    loop {
        let count = fs::Context::on(input.read(&mut buffer), "read", path)?;
        if count == 0 {
            return Ok(total);
        }
        total += count as u64;
        if total > limits::FILE_BYTES {
            let error = io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than a file of a skill may be");
            return Err(fs::Error::new("read", path, error));
        }
        take(&buffer[..count])?;
    }
}

/// The digest of the bytes of an open file.
pub fn digest_of(input: &mut File, expected_bytes: u64, path: &Path) -> Result<(FileDigest, u64), fs::Error> {
    let mut hasher = Hasher::default();
    let size = pump(input, expected_bytes, path, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok((FileDigest::from_hasher(hasher), size))
}

/// Objects being added together. Nothing is visible until [`Batch::publish`]; what is dropped before leaves
/// litter in staging that the next command clears.
#[derive(Debug)]
pub struct Batch<'a> {
    layout: &'a Layout,
    dir: PathBuf,
    pending: Mutex<BTreeMap<PathBuf, PathBuf>>,
}

impl<'a> Batch<'a> {
    /// A batch that stages in `transaction`, a folder of its own below `staging/`.
    pub fn new(layout: &'a Layout, transaction: &Path) -> Result<Self, fs::Error> {
        let dir = transaction.join("objects");
        fs::make_dir(&dir)?;
        Ok(Self { layout, dir, pending: Mutex::default() })
    }

    /// Adds `bytes` as a blob.
    pub fn put(&self, bytes: &[u8]) -> Result<FileDigest, fs::Error> {
        let digest = FileDigest::of(bytes);
        self.put_at(&self.layout.blob(&digest), bytes)?;
        Ok(digest)
    }

    /// Adds the list of files of `tree`.
    pub fn put_tree(&self, tree: &Tree) -> Result<TreeId, fs::Error> {
        let manifest = tree.manifest();
        let id = TreeId::of(manifest.as_bytes());
        self.put_at(&self.layout.tree_object(&id), manifest.as_bytes())?;
        Ok(id)
    }

    fn put_at(&self, object: &Path, bytes: &[u8]) -> Result<(), fs::Error> {
        // Size and place are enough to trust what is there: it was durable before it had its name, and `verify`
        // reads every byte.
        if fs::lstat(object)?.is_some_and(|m| m.is_file() && m.len() == bytes.len() as u64) {
            return Ok(());
        }
        if self.reserve(object).is_some() {
            let staged = self.staged(object);
            fs::create(&staged, bytes, fs::Mode::ReadOnly)?;
        }
        Ok(())
    }

    /// Adds the bytes of `source`, and writes the same bytes to `copy`: read once, so both are what was hashed.
    pub fn put_file(&self, source: &Path, copy: &Path, mode: fs::Mode) -> Result<(FileDigest, u64), fs::Error> {
        let (mut input, metadata) = fs::open_regular(source)?;
        if metadata.len() < CHUNK_BYTES as u64 {
            let mut bytes = Vec::with_capacity(metadata.len() as usize);
            let size = pump(&mut input, metadata.len(), source, |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            })?;
            fs::create(copy, &bytes, mode)?;
            return Ok((self.put(&bytes)?, size));
        }
        let staged = self.dir.join(fs::unique_name("large-"));
        let mut object = fs::create_empty(&staged, fs::Mode::ReadOnly)?;
        let mut output = fs::create_empty(copy, mode)?;
        let mut hasher = Hasher::default();
        let size = pump(&mut input, metadata.len(), source, |chunk| {
            hasher.update(chunk);
            fs::Context::on(object.write_all(chunk), "write", &staged)?;
            fs::Context::on(output.write_all(chunk), "write", copy)
        })?;
        let digest = FileDigest::from_hasher(hasher);
        let place = self.layout.blob(&digest);
        let known = fs::lstat(&place)?.is_some_and(|m| m.is_file() && m.len() == size);
        match self.reserve(&place) {
            Some(()) if !known => fs::rename(&staged, &self.staged(&place))?,
            reserved => {
                fs::remove_file(&staged)?;
                if reserved.is_some() {
                    self.lock().remove(&place);
                }
            }
        }
        Ok((digest, size))
    }

    /// Notes that this batch writes `object`; `None` when it does already.
    fn reserve(&self, object: &Path) -> Option<()> {
        let staged = self.staged(object);
        let mut pending = self.lock();
        if pending.contains_key(object) {
            return None;
        }
        pending.insert(object.to_owned(), staged);
        Some(())
    }

    /// Where an object waits: blobs and trees keep apart by their folder's name, and hex digests never clash.
    fn staged(&self, object: &Path) -> PathBuf {
        let mut name = String::new();
        let parts: Vec<_> = object.components().rev().take(3).collect();
        for part in parts.iter().rev() {
            name.push_str(&part.as_os_str().to_string_lossy());
        }
        self.dir.join(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, PathBuf>> {
        // A panic while it was held is a bug that ends the process anyway.
        self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes the bytes durable, and `also` (files staged beside them) with them. Then [`Batch::publish`].
    pub fn sync(&self, also: &[PathBuf], also_dirs: &[PathBuf]) -> Result<(), fs::Error> {
        let staged: Vec<PathBuf> = self.lock().values().cloned().collect();
        if staged.len() + also.len() > SINGLE_SYNCS {
            return fs::sync_file_system(self.layout.root());
        }
        for path in staged.iter().chain(also) {
            fs::sync_file(path)?;
        }
        for dir in also_dirs {
            fs::sync_dir(dir)?;
        }
        Ok(())
    }

    /// Gives every object its name, durably. Call after [`Batch::sync`].
    pub fn publish(self) -> Result<(), fs::Error> {
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
        if dirs.len() > SINGLE_SYNCS {
            fs::sync_file_system(self.layout.root())?;
        } else {
            for dir in &dirs {
                fs::sync_dir(dir)?;
            }
            if !dirs.is_empty() {
                fs::sync_dir(&self.layout.objects().join("blobs"))?;
                fs::sync_dir(&self.layout.objects().join("trees"))?;
            }
        }
        fs::remove_dir_if_empty(&self.dir)
    }
}
