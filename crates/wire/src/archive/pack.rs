//! From a tree to its archive. The same tree gives the same bytes, on every machine.

use skillsync_core::digest::{ArchiveDigest, ContentHash, FileDigest};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{SKILL_MD, Tree};

use super::error::Error;
use super::gzip::Gzip;
use super::header::Header;
use super::{BLOCK, name};
use crate::release::{Tarball, TarballFormat};

/// An archive, and what a release says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The archive.
    pub bytes: Vec<u8>,
    /// What a release statement says of it.
    pub tarball: Tarball,
    /// The content hash of what is in it.
    pub tree: ContentHash,
}

/// Packs the files of `tree`. `bytes_of` gives the content of each; one that is not what the tree names is an error, and
/// so is a tree that no reader would accept.
pub fn pack<E>(
    tree: &Tree,
    mut bytes_of: impl FnMut(&SkillPath) -> Result<Vec<u8>, E>,
) -> Result<Packed, Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    tree.require_skill_md()?;
    let mut gzip = Gzip::new();
    for (path, file) in tree.files() {
        name::check(path)?;
        let bytes =
            bytes_of(path).map_err(|cause| Error::Source { path: path.clone(), cause: cause.into() })?;
        if bytes.len() as u64 != file.size_bytes || FileDigest::of(&bytes) != file.digest {
            return Err(Error::Changed { path: path.clone() });
        }
        if path.as_str() == SKILL_MD && std::str::from_utf8(&bytes).is_err() {
            return Err(Error::SkillMdNotUtf8);
        }
        let (size_bytes, executable) = (file.size_bytes, file.executable);
        gzip.write(&Header { path: path.clone(), size_bytes, executable }.write()?)?;
        gzip.write(&bytes)?;
        gzip.write(&[0; BLOCK][..padding(bytes.len())])?;
    }
    gzip.write(&[0; 2 * BLOCK])?;
    let bytes = gzip.finish()?;
    let tarball = Tarball {
        format: TarballFormat::Sktar1Gzip,
        sha256: ArchiveDigest::of(&bytes),
        size_bytes: bytes.len() as u64,
        unpacked_bytes: tree.size_bytes(),
        files: tree.len() as u64,
    };
    Ok(Packed { bytes, tarball, tree: tree.content_hash() })
}

/// How many bytes fill up the last block of so many.
pub(super) fn padding(length_bytes: usize) -> usize {
    length_bytes.next_multiple_of(BLOCK) - length_bytes
}
