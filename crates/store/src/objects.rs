//! The object store: every version as one file that holds its list of files and the bytes of the small ones; large
//! files are objects of their own, shared by versions. Put, get, verify; what to keep is `snapshot`'s.
//!
//! An object under its name is complete: it is written elsewhere, made durable, and only then renamed.
//! The shape is in `docs/formats/store.md`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use skillsync_core::digest::{FileDigest, Hasher, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;
use skillsync_core::tree::{self, Tree};

use crate::fs;
use crate::layout::Layout;

mod batch;

pub use batch::{Batch, TreeWriter};

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
            Error::Missing { .. } => Some(
                "`skillsync doctor --fix` puts back what the skills' own folders still hold; `skillsync verify` shows \
                 what else is missing"
                    .to_owned(),
            ),
            Error::Damaged { .. } => {
                Some("run `skillsync verify` to see what is damaged and what can be mended".to_owned())
            }
        }
    }
}

/// Files up to this size stand in their version's own object: one file to write and read instead of many. Larger
/// ones are kept once, however many versions have them.
pub const INLINE_BYTES: u64 = 32 * 1024;
/// How much of a file is held at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// A version's object up to this size is read whole; of a larger one only what is asked for.
const WHOLE_BYTES: u64 = 1024 * 1024;

/// The last line of a version's object: a word, and how long the list before it is, in hex.
const TRAILER_WORD: &str = "skillsync-tree-1 ";
const TRAILER_BYTES: usize = TRAILER_WORD.len() + 16 + 1;

fn trailer(manifest_bytes: usize) -> String {
    format!("{TRAILER_WORD}{manifest_bytes:016x}\n")
}

fn is_inline(file: &tree::File) -> bool {
    file.size_bytes <= INLINE_BYTES
}

/// How large the object of `tree` is.
fn object_bytes(tree: &Tree, manifest_bytes: usize) -> u64 {
    let inline = inline_ranges(tree).values().map(|range| range.end).max().unwrap_or(0);
    inline + (manifest_bytes + TRAILER_BYTES) as u64
}

/// Where the bytes of each small file stand in the object of `tree`: in the order of the paths, equal ones once.
fn inline_ranges(tree: &Tree) -> BTreeMap<FileDigest, Range<u64>> {
    let mut ranges = BTreeMap::new();
    let mut at = 0;
    for (_, file) in tree.files().filter(|(_, file)| is_inline(file)) {
        if let Entry::Vacant(slot) = ranges.entry(file.digest) {
            slot.insert(at..at + file.size_bytes);
            at += file.size_bytes;
        }
    }
    ranges
}

/// Reads objects.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    layout: &'a Layout,
}

/// A version that is open to be read.
#[derive(Debug)]
pub struct Stored<'a> {
    layout: &'a Layout,
    id: TreeId,
    tree: Tree,
    file: File,
    /// The object's first bytes, all of them when it is small.
    bytes: Vec<u8>,
    inline: BTreeMap<FileDigest, Range<u64>>,
}

impl<'a> Objects<'a> {
    /// The object store of `layout`.
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// The list of files of the tree `id`, checked against its name.
    pub fn tree(&self, id: &TreeId) -> Result<Tree, Error> {
        Ok(self.open(id)?.tree)
    }

    /// Opens the tree `id`; its list of files is checked against its name.
    pub fn open(&self, id: &TreeId) -> Result<Stored<'a>, Error> {
        let damaged = || Error::Damaged { digest: id.hex() };
        let path = self.layout.tree_object(id);
        let (file, metadata) =
            fs::optional(fs::open_regular(&path))?.ok_or_else(|| Error::Missing { digest: id.hex() })?;
        let length = metadata.len();
        let mut bytes = Vec::new();
        if length <= WHOLE_BYTES {
            bytes = read_at(&file, 0..length, &path)?;
        }
        let part = |range: Range<u64>| -> Result<Vec<u8>, Error> {
            let whole = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            match whole.and_then(|(start, end)| bytes.get(start..end)) {
                Some(part) => Ok(part.to_vec()),
                None => Ok(read_at(&file, range, &path)?),
            }
        };
        let end = length.checked_sub(TRAILER_BYTES as u64).ok_or_else(damaged)?;
        let last = String::from_utf8(part(end..length)?).map_err(|_| damaged())?;
        let hex =
            last.strip_prefix(TRAILER_WORD).and_then(|rest| rest.strip_suffix('\n')).ok_or_else(damaged)?;
        let manifest_bytes = u64::from_str_radix(hex, 16).map_err(|_| damaged())?;
        let start = end.checked_sub(manifest_bytes).ok_or_else(damaged)?;
        let manifest = part(start..end)?;
        if TreeId::of(&manifest) != *id {
            return Err(damaged());
        }
        let manifest = String::from_utf8(manifest).map_err(|_| damaged())?;
        let tree = Tree::from_manifest(&manifest).map_err(|_: tree::Error| damaged())?;
        let inline = inline_ranges(&tree);
        if start != inline.values().map(|range| range.end).max().unwrap_or(0) {
            return Err(damaged());
        }
        Ok(Stored { layout: self.layout, id: *id, tree, file, bytes, inline })
    }
}

impl Stored<'_> {
    /// Its list of files.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The bytes of one of its files, checked against their digest.
    pub fn read(&self, digest: &FileDigest) -> Result<Cow<'_, [u8]>, Error> {
        let bytes = match self.inline.get(digest) {
            Some(range) => self.inline_bytes(range.clone())?,
            None => {
                let path = self.layout.blob(digest);
                let bytes = fs::optional(fs::read(&path, limits::FILE_BYTES))?;
                Cow::Owned(bytes.ok_or_else(|| Error::Missing { digest: digest.hex() })?)
            }
        };
        if FileDigest::of(&bytes) == *digest { Ok(bytes) } else { Err(self.damaged(digest)) }
    }

    fn inline_bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Error> {
        let whole = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        match whole.and_then(|(start, end)| self.bytes.get(start..end)) {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => Ok(Cow::Owned(read_at(&self.file, range, &self.layout.tree_object(&self.id))?)),
        }
    }

    /// The damaged object is the version's own, or the large file's.
    fn damaged(&self, digest: &FileDigest) -> Error {
        let digest = if self.inline.contains_key(digest) { self.id.hex() } else { digest.hex() };
        Error::Damaged { digest }
    }

    /// Where the object with these bytes is.
    pub fn place(&self, digest: &FileDigest) -> std::path::PathBuf {
        if self.inline.contains_key(digest) {
            self.layout.tree_object(&self.id)
        } else {
            self.layout.blob(digest)
        }
    }

    /// Writes one of its files into a new file and checks it on the way: a damaged one leaves an error, and the
    /// new file must not be used. Not synced.
    pub fn write(&self, digest: &FileDigest, to: &Path, mode: fs::Mode) -> Result<(), Error> {
        if self.inline.contains_key(digest) {
            return Ok(fs::create(to, &self.read(digest)?, mode)?);
        }
        let source = self.layout.blob(digest);
        let (mut input, metadata) = fs::optional(fs::open_regular(&source))?
            .ok_or_else(|| Error::Missing { digest: digest.hex() })?;
        let mut output = fs::create_empty(to, mode)?;
        let mut hasher = Hasher::default();
        pump(&mut input, metadata.len(), &source, |chunk| {
            hasher.update(chunk);
            fs::write_all(&mut output, chunk, to)
        })?;
        if FileDigest::from_hasher(hasher) == *digest { Ok(()) } else { Err(self.damaged(digest)) }
    }

    /// Whether the file at `path`, of which the caller knows that it is a regular one of `size_bytes`, holds the bytes
    /// of `digest`.
    pub fn holds(&self, digest: &FileDigest, size_bytes: u64, path: &Path) -> Result<bool, fs::Error> {
        let mut input = fs::open(path)?;
        self.is_read_from(digest, &mut input, size_bytes, path)
    }

    /// Whether an open file holds the bytes of `digest`: compared with what is stored, and where that is not at
    /// hand or differs, by digest: it may be what is stored that is damaged.
    pub fn is_read_from(
        &self,
        digest: &FileDigest,
        input: &mut File,
        size_bytes: u64,
        path: &Path,
    ) -> Result<bool, fs::Error> {
        if let Some(Ok(Cow::Borrowed(stored))) = self.inline.get(digest).map(|r| self.inline_bytes(r.clone()))
        {
            if size_bytes != stored.len() as u64 {
                return Ok(false);
            }
            if same_bytes(input, stored, path)? {
                return Ok(true);
            }
            fs::Context::on(io::Seek::rewind(input), "read", path)?;
        }
        let (found, _) = digest_of(input, size_bytes, path)?;
        Ok(found == *digest)
    }
}

/// Whether an open file holds `expected` and nothing more.
fn same_bytes(input: &mut File, expected: &[u8], path: &Path) -> Result<bool, fs::Error> {
    let mut same = true;
    let mut at = 0;
    pump(input, expected.len() as u64, path, |chunk| {
        same = same && expected.get(at..at + chunk.len()) == Some(chunk);
        at += chunk.len();
        Ok(())
    })?;
    Ok(same && at == expected.len())
}

fn read_at(file: &File, range: Range<u64>, path: &Path) -> Result<Vec<u8>, fs::Error> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
    fs::Context::on(file.read_exact_at(&mut bytes, range.start), "read", path)?;
    Ok(bytes)
}

thread_local! {
    /// What is read into: thousands of small files need no buffer of their own each.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Feeds a file's bytes to `take` piece by piece, up to the largest file a skill may have. `take` reads no file itself.
fn pump(
    input: &mut File,
    expected_bytes: u64,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), fs::Error>,
) -> Result<u64, fs::Error> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(CHUNK_BYTES, 0);
        let mut total = 0;
        loop {
            let count = fs::Context::on(input.read(buffer), "read", path)?;
            total += count as u64;
            if total > limits::FILE_BYTES {
                let error =
                    io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than a file of a skill may be");
                return Err(fs::Error::new("read", path, error));
            }
            if count > 0 {
                take(&buffer[..count])?;
            }
            // A short read that ends where the file should end needs no second look.
            if count == 0 || (count < buffer.len() && total == expected_bytes) {
                return Ok(total);
            }
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use skillsync_core::path::SkillPath;

    #[test]
    fn a_version_reads_back_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        for folder in layout.folders() {
            fs::make_dirs(&folder).unwrap();
        }
        let contents: [(&str, Vec<u8>); 4] = [
            ("SKILL.md", b"small".to_vec()),
            ("empty", Vec::new()),
            ("large.bin", vec![7; 40_000]),
            ("same", b"small".to_vec()),
        ];
        let batch = Batch::new(&layout, &layout.staging()).unwrap();
        let mut writer = batch.tree().unwrap();
        let mut files = Vec::new();
        for (path, bytes) in &contents {
            let file = tree::File {
                digest: batch.put(&mut writer, bytes).unwrap(),
                size_bytes: bytes.len() as u64,
                executable: false,
            };
            files.push((SkillPath::parse(path).unwrap(), file));
        }
        let tree = Tree::new(files).unwrap();
        let id = batch.finish(writer, &tree).unwrap();
        batch.publish(&[]).unwrap();
        let objects = Objects::new(&layout);
        let stored = objects.open(&id).unwrap();
        assert_eq!(stored.tree(), &tree);
        for ((_, bytes), (_, file)) in contents.iter().zip(tree.files()) {
            assert_eq!(&*stored.read(&file.digest).unwrap(), bytes);
        }
        let object = layout.tree_object(&id);
        let good = fs::read(&object, 1_000_000).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::replace(&object, &bad, fs::Mode::ReadOnly).unwrap();
            let noticed = match objects.open(&id) {
                Err(e) => matches!(e, Error::Damaged { .. }),
                Ok(stored) => tree.files().any(|(_, file)| stored.read(&file.digest).is_err()),
            };
            assert!(noticed, "byte {at}");
        }
        fs::replace(&object, &good[..good.len() - 1], fs::Mode::ReadOnly).unwrap();
        assert_eq!(objects.open(&id).unwrap_err().code(), "object-damaged");
    }
}
