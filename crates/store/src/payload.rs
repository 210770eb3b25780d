//! An artifact's files in memory: what is merged, hashed and compared as a whole. At most a few hundred megabytes, by
//! the bounds of a tree.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use skillsync_core::diff::as_text;
use skillsync_core::digest::{DriftHash, FileDigest, TreeId};
use skillsync_core::drift::folded;
use skillsync_core::limits;
use skillsync_core::merge::{self, Labels, TreeMerge};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{self, File, Tree};

use crate::fs;
use crate::objects::{self, Objects};
use crate::parallel;
use crate::scan::{self, Found, Listing};

/// From so many bytes on, files are read and hashed by several threads.
const PARALLEL_BYTES: usize = 256 * 1024;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

impl PayloadFile {
    fn entry(&self, bytes: &[u8]) -> File {
        File { digest: FileDigest::of(bytes), size_bytes: bytes.len() as u64, executable: self.executable }
    }
}

/// All files of an artifact, and the tree that they make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    files: BTreeMap<SkillPath, PayloadFile>,
    tree: Tree,
}

impl Payload {
    /// Makes a payload of `files`; fails where they make no tree.
    pub fn new(files: BTreeMap<SkillPath, PayloadFile>) -> Result<Self, tree::Error> {
        let tree = tree_of(&files)?;
        Ok(Self { files, tree })
    }

    /// Reads the files of `listing`, which was made of `root`. `amend` may change the bytes of a file on the way,
    /// or refuse them.
    pub fn read<E: From<scan::Error> + Send>(
        root: &Path,
        listing: &Listing,
        amend: impl Fn(&SkillPath, Vec<u8>) -> Result<Vec<u8>, E> + Sync,
    ) -> Result<Self, E> {
        let read = |found: &Found| -> Result<(SkillPath, PayloadFile), E> {
            scan::check_size(root, found)?;
            let bytes = fs::read(&found.at, limits::FILE_BYTES).map_err(scan::Error::from)?;
            let bytes = amend(&found.path, bytes)?;
            Ok((found.path.clone(), PayloadFile { bytes, executable: found.executable }))
        };
        let size_bytes: u64 = listing.files.iter().map(|found| found.size_bytes).sum();
        let files: Result<BTreeMap<_, _>, E> = if size_bytes > PARALLEL_BYTES as u64 {
            parallel::map_few(&listing.files, read).into_iter().collect()
        } else {
            listing.files.iter().map(read).collect()
        };
        Ok(Self::new(files?).map_err(|source| scan::Error::Tree { root: root.to_owned(), source })?)
    }

    /// Reads the version `id` of the object store, each file checked against its digest.
    pub fn of_version(objects: Objects<'_>, id: &TreeId) -> Result<Self, objects::Error> {
        let stored = objects.open(id)?;
        let mut files = BTreeMap::new();
        for (path, file) in stored.tree().files() {
            let bytes = stored.read(&file.digest)?.into_owned();
            files.insert(path.clone(), PayloadFile { bytes, executable: file.executable });
        }
        Ok(Self { files, tree: stored.tree().clone() })
    }

    /// The tree of its files.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The files, sorted by the bytes of their paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&SkillPath, &PayloadFile)> {
        self.files.iter()
    }

    /// The bytes of the file at `path`.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.iter().find(|(p, _)| p.as_str() == path).map(|(_, file)| file.bytes.as_slice())
    }

    /// The same with other bytes in the file at `path`, which may get another name.
    pub fn with(
        mut self,
        path: &SkillPath,
        new_path: SkillPath,
        bytes: Vec<u8>,
    ) -> Result<Self, tree::Error> {
        let executable = self.files.remove(path).is_some_and(|file| file.executable);
        self.files.insert(new_path, PayloadFile { bytes, executable });
        Self::new(self.files)
    }

    /// Its content hash with the line ends of texts folded (decision 7).
    pub fn drift_hash(&self) -> DriftHash {
        let mut is_folded = false;
        let entries = self.tree.files().zip(self.files.values()).map(|((path, entry), file)| {
            let entry = match folded(&file.bytes) {
                Cow::Owned(bytes) => {
                    is_folded = true;
                    file.entry(&bytes)
                }
                Cow::Borrowed(_) => *entry,
            };
            (path.clone(), entry)
        });
        let entries: Vec<_> = entries.collect();
        if !is_folded {
            return DriftHash::from(self.tree.content_hash());
        }
        // Folding makes files smaller and moves none: what was a tree is one.
        let tree = Tree::new(entries).unwrap_or_else(|_| self.tree.clone());
        DriftHash::from(tree.content_hash())
    }

    /// The same with the line ends that `base` has: a checkout may have turned every LF into CRLF, which nobody meant.
    /// Texts of which `base` has no CRLF are folded; the others, and what `base` does not have, stay as they are. Fails
    /// where the files get too large by it.
    pub fn with_line_ends_of(mut self, base: &Payload) -> Result<Self, tree::Error> {
        for (path, file) in &mut self.files {
            let Some(old) = base.files.get(path) else { continue };
            let old_folded = folded(&old.bytes);
            let new_folded = folded(&file.bytes);
            if new_folded == old_folded {
                file.bytes = old.bytes.clone();
            } else if *old_folded == *old.bytes {
                file.bytes = new_folded.into_owned();
            }
        }
        Self::new(self.files)
    }

    /// Merges what `ours` and `theirs` made of `base`, see [`merge::trees`].
    pub fn merge(base: &Payload, ours: &Payload, theirs: &Payload, labels: &Labels<'_>) -> TreeMerge {
        let by_digest = bytes_by_digest([base, ours, theirs]);
        let mut read = |digest: &FileDigest| {
            let bytes = by_digest.get(digest).map(|bytes| bytes.to_vec());
            Ok::<_, std::convert::Infallible>(bytes.unwrap_or_default())
        };
        match merge::trees(&base.tree, &ours.tree, &theirs.tree, &mut read, labels) {
            Ok(merged) => merged,
            Err(never) => match never {},
        }
    }

    /// Whether `now` still has every change that `then` made of `base`, or went on from there, see [`merge::keeps`].
    pub fn keeps(base: &Payload, then: &Payload, now: &Payload) -> bool {
        let paths: BTreeSet<&SkillPath> = base.files.keys().chain(then.files.keys()).collect();
        paths.into_iter().all(|path| {
            let [was, became, is] = [base, then, now].map(|payload| payload.files.get(path));
            if was == became || is == became {
                return true;
            }
            let texts = [was, became, is].map(|file| file.and_then(|file| as_text(&file.bytes)));
            match texts {
                [Some(was), Some(became), Some(is)] => merge::keeps(was, became, is),
                _ => is != was,
            }
        })
    }

    /// The files of a merge of three payloads. Fails where they are too many or too large together.
    pub fn merged(merged: &TreeMerge, sides: [&Payload; 3]) -> Result<Self, tree::Error> {
        let by_digest = bytes_by_digest(sides);
        let files = merged.files.iter().map(|(path, file)| {
            let bytes = match &file.content {
                merge::Content::Bytes(bytes) => bytes.clone(),
                merge::Content::Same(digest) => {
                    by_digest.get(digest).map(|bytes| bytes.to_vec()).unwrap_or_default()
                }
            };
            (path.clone(), PayloadFile { bytes, executable: file.executable })
        });
        Self::new(files.collect())
    }
}

/// The tree of `files`, several hashed at once.
fn tree_of(files: &BTreeMap<SkillPath, PayloadFile>) -> Result<Tree, tree::Error> {
    let all: Vec<_> = files.iter().collect();
    let entry = |(path, file): &(&SkillPath, &PayloadFile)| ((*path).clone(), file.entry(&file.bytes));
    // Threads cost more than the hashes of a few kilobytes.
    let is_large = all.iter().map(|(_, file)| file.bytes.len()).sum::<usize>() > PARALLEL_BYTES;
    Tree::new(if is_large { parallel::map_few(&all, entry) } else { all.iter().map(entry).collect() })
}

fn bytes_by_digest<'p>(sides: [&'p Payload; 3]) -> BTreeMap<FileDigest, &'p [u8]> {
    let of_side = |side: &'p Payload| {
        side.tree.files().zip(side.files.values()).map(|((_, entry), file)| (entry.digest, &*file.bytes))
    };
    sides.into_iter().flat_map(of_side).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let file = |(path, text): &(&str, &str)| {
            let file = PayloadFile { bytes: text.as_bytes().to_vec(), executable: false };
            (SkillPath::parse(path).unwrap(), file)
        };
        Payload::new(files.iter().map(file).collect()).unwrap()
    }

    #[test]
    fn line_ends_alone_are_no_drift_and_are_settled() {
        let base = payload(&[("SKILL.md", "a\nb\n"), ("win.bat", "x\r\ny\r\n"), ("z", "1\n")]);
        let checkout = payload(&[("SKILL.md", "a\r\nb\r\n"), ("win.bat", "x\r\ny\r\n"), ("z", "1\r\n")]);
        assert_ne!(base.tree().content_hash(), checkout.tree().content_hash());
        assert_eq!(base.drift_hash(), checkout.drift_hash());
        assert_eq!(checkout.with_line_ends_of(&base).unwrap(), base);
        let edited = payload(&[("SKILL.md", "a\r\nB\r\n"), ("win.bat", "x\r\nY\r\n"), ("new", "n\r\n")]);
        let settled = edited.with_line_ends_of(&base).unwrap();
        assert_eq!(settled, payload(&[("SKILL.md", "a\nB\n"), ("win.bat", "x\r\nY\r\n"), ("new", "n\r\n")]));
    }

    #[test]
    fn where_no_text_has_crlf_the_drift_hash_is_the_content_hash() {
        let plain = payload(&[("SKILL.md", "a\nb\n"), ("bin", "\0\r\n")]);
        assert_eq!(plain.drift_hash(), DriftHash::from(plain.tree().content_hash()));
    }

    #[test]
    fn a_merge_finds_the_bytes_of_every_side() {
        let base = payload(&[("SKILL.md", "1\n2\n3\n"), ("old", "o")]);
        let ours = payload(&[("SKILL.md", "one\n2\n3\n"), ("old", "o"), ("ours", "u")]);
        let theirs = payload(&[("SKILL.md", "1\n2\nthree\n"), ("theirs", "t")]);
        let labels =
            Labels { ours: "store", base: "base", theirs: "project", show_base: merge::ShowBase::No };
        let merge = Payload::merge(&base, &ours, &theirs, &labels);
        assert_eq!(merge.conflicts, []);
        let merged = Payload::merged(&merge, [&base, &ours, &theirs]).unwrap();
        assert_eq!(merged, payload(&[("SKILL.md", "one\n2\nthree\n"), ("ours", "u"), ("theirs", "t")]));
    }
}
