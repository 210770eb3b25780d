//! From an archive to its entries, within bounds, and refusing all that `pack` would not have made.

use std::io::Read;

use skillsync_core::digest::{ArchiveDigest, ContentHash, FileDigest};
use skillsync_core::limits::{FILE_BYTES, SKILL_BYTES, SKILL_FILES, SKILL_MD_BYTES};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, SKILL_MD, Tree};

use super::BLOCK;
use super::error::Error;
use super::gzip::Gunzip;
use super::header::{Header, is_zero};
use super::pack::padding;
use crate::limits;
use crate::release::{Release, Tarball};

/// What a signed release says of its archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    tarball: Tarball,
    tree: ContentHash,
}

impl Promise {
    /// What an archive of such a description and content is to be.
    pub fn new(tarball: Tarball, tree: ContentHash) -> Self {
        Self { tarball, tree }
    }
}

impl From<&Release> for Promise {
    fn from(release: &Release) -> Self {
        Self::new(release.tarball.clone(), release.tree)
    }
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it belongs, from the root of the skill.
    pub path: SkillPath,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What an archive was found to be, all of it read and accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Its digest as it came.
    pub digest: ArchiveDigest,
    /// Its size as it came.
    pub size_bytes: u64,
    /// Its files.
    pub tree: Tree,
}

/// The entries of an archive. That an entry is given says only that it is well-formed: nothing of an archive may be used
/// before [`Reader::finish`] accepts the whole.
pub struct Reader<R> {
    tar: Gunzip<R>,
    promise: Option<Promise>,
    files: Vec<(SkillPath, File)>,
    unpacked_bytes: u64,
    state: ReaderState,
}

enum ReaderState {
    Entries,
    Accepted(Tree),
    Refused,
}

impl<R: Read> Reader<R> {
    /// Reads an archive that a release promises: not a byte more is taken than it says.
    pub fn promised(input: R, promise: Promise) -> Self {
        Self::new(input, promise.tarball.size_bytes.min(limits::ARCHIVE_BYTES), Some(promise))
    }

    /// Reads an archive of which nothing is known, as one that is about to be published.
    pub fn unknown(input: R) -> Self {
        Self::new(input, limits::ARCHIVE_BYTES, None)
    }

    fn new(input: R, limit_bytes: u64, promise: Option<Promise>) -> Self {
        let tar = Gunzip::new(input, limit_bytes);
        Self { tar, promise, files: Vec::new(), unpacked_bytes: 0, state: ReaderState::Entries }
    }

    /// Reads what is left and says what the archive is; fails unless all of it is in order, and as it was promised.
    pub fn finish(mut self) -> Result<Unpacked, Error> {
        for entry in &mut self {
            entry?;
        }
        let ReaderState::Accepted(tree) = self.state else { return Err(Error::Refused) };
        let (digest, size_bytes) = self.tar.finish();
        if let Some(Promise { tarball, tree: promised }) = self.promise {
            let checks = [
                ("size of the archive", tarball.size_bytes == size_bytes),
                ("digest of the archive", tarball.sha256 == digest),
                ("number of files", tarball.files == tree.len() as u64),
                ("size of the files", tarball.unpacked_bytes == tree.size_bytes()),
                ("content hash", promised == tree.content_hash()),
            ];
            if let Some((field, _)) = checks.into_iter().find(|(_, holds)| !holds) {
                return Err(Error::Mismatch { field });
            }
        }
        Ok(Unpacked { digest, size_bytes, tree })
    }

    fn entry(&mut self) -> Result<Option<Entry>, Error> {
        let mut block = [0; BLOCK];
        match self.tar.read(&mut block)? {
            0 => return Err(Error::EndBlocks),
            BLOCK => {}
            _ => return Err(Error::Truncated),
        }
        if is_zero(&block) {
            let tree = self.end()?;
            self.state = ReaderState::Accepted(tree);
            return Ok(None);
        }
        let header = Header::read(&block)?;
        self.check_place(&header)?;
        let bytes = self.content(header.size_bytes)?;
        let mut space = [0; BLOCK];
        let space = &mut space[..padding(bytes.len())];
        if self.tar.read(space)? != space.len() {
            return Err(Error::Truncated);
        }
        let Header { path, executable, size_bytes } = header;
        if !is_zero(space) {
            return Err(Error::Padding { path });
        }
        if path.as_str() == SKILL_MD && std::str::from_utf8(&bytes).is_err() {
            return Err(Error::SkillMdNotUtf8);
        }
        self.files.push((path.clone(), File { digest: FileDigest::of(&bytes), size_bytes, executable }));
        Ok(Some(Entry { path, executable, bytes }))
    }

    /// Whether such an entry may come here, before anything of its content is read.
    fn check_place(&mut self, header: &Header) -> Result<(), Error> {
        let Header { path, size_bytes, .. } = header;
        match self.files.last() {
            Some((last, _)) if last == path => return Err(Error::Twice { path: path.clone() }),
            Some((last, _)) if last > path => return Err(Error::Unsorted { path: path.clone() }),
            _ => {}
        }
        if self.files.len() == SKILL_FILES {
            return Err(Error::TooManyFiles);
        }
        if path.as_str() == SKILL_MD && *size_bytes > SKILL_MD_BYTES {
            return Err(Error::SkillMdTooLarge);
        }
        if *size_bytes > FILE_BYTES {
            return Err(Error::FileTooLarge { path: path.clone(), size_bytes: *size_bytes });
        }
        self.unpacked_bytes += size_bytes;
        if self.unpacked_bytes > SKILL_BYTES {
            return Err(Error::TooLarge);
        }
        let promised = self.promise.as_ref().map(|promise| promise.tarball.unpacked_bytes);
        if promised.is_some_and(|most| self.unpacked_bytes > most) {
            return Err(Error::Mismatch { field: "size of the files" });
        }
        Ok(())
    }

    /// Memory grows with what comes, not with what a header says will come.
    fn content(&mut self, size_bytes: u64) -> Result<Vec<u8>, Error> {
        // At most 25 MiB, by `check_place`.
        let size = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let start = bytes.len();
            bytes.resize(size.min(start + 64 * 1024), 0);
            let count = self.tar.read(&mut bytes[start..])?;
            if count < bytes.len() - start {
                return Err(Error::Truncated);
            }
        }
        Ok(bytes)
    }

    /// After the first block of zeros: one more, and nothing else.
    fn end(&mut self) -> Result<Tree, Error> {
        let mut block = [0; BLOCK];
        if self.tar.read(&mut block)? != BLOCK || !is_zero(&block) {
            return Err(Error::EndBlocks);
        }
        if self.tar.read(&mut [0])? != 0 {
            return Err(Error::BytesAfterEnd { of: "archive" });
        }
        let tree = Tree::new(std::mem::take(&mut self.files))?;
        tree.require_skill_md()?;
        Ok(tree)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if !matches!(self.state, ReaderState::Entries) {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.state = ReaderState::Refused;
        }
        entry.transpose()
    }
}
