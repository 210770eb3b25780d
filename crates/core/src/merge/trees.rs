//! Merges whole trees file by file: added, deleted, moved, binary, executable bits. Bytes come in through a callback.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::rename::{file_name, followed};
use super::{Labels, Region, TextMerge, texts, without_base};
use crate::diff::as_text;
use crate::digest::FileDigest;
use crate::limits::{MERGE_BYTES, MERGE_LINES};
use crate::path::{SkillPath, fold};
use crate::tree::{File, Tree};

/// Ends the name of a file that holds what theirs has where ours keeps the path: `logo.png.theirs`.
pub const BESIDE: &str = ".theirs";

/// One of the two sides of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// What is merged into.
    Ours,
    /// What is merged in.
    Theirs,
}

/// The bytes of a merged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Those of a file of one of the three trees.
    Same(FileDigest),
    /// New ones, with markers where there is a conflict.
    Bytes(Vec<u8>),
}

/// A file of the merged tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedFile {
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Its bytes.
    pub content: Content,
}

/// Why a file wants a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ConflictKind {
    /// Both sides changed the same lines. The merged file has markers there.
    Text {
        /// The lines, in the order of the file.
        regions: Vec<Region>,
    },
    /// Both sides changed a file that is no text, or too large to merge line by line.
    Binary,
    /// One side deleted what the other changed.
    DeleteModify {
        /// Who deleted it.
        deleted_by: Side,
    },
    /// Both sides added the file, with different bytes. If both are text, the merged file has markers.
    AddAdd,
    /// The path of theirs cannot live beside `with` of ours: they differ in case alone, or one is a folder.
    Collision {
        /// The path, or folder, that is in the way.
        with: String,
    },
}

/// A file that wants a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The file. When ours deleted it, there is nothing at this path.
    pub path: SkillPath,
    /// Why.
    #[serde(flatten)]
    pub kind: ConflictKind,
    /// Where the merged tree keeps the bytes of theirs, if not in markers.
    pub theirs_at: Option<SkillPath>,
}

/// The merge of three trees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeMerge {
    /// The files. Their paths do not collide; the bounds on size and number are for [`Tree::new`] to check.
    pub files: BTreeMap<SkillPath, MergedFile>,
    /// What wants a decision, sorted by path; none when the merge is clean.
    pub conflicts: Vec<Conflict>,
}

/// Merges what `ours` and `theirs` made of `base`. `read` gives the bytes of a file of any of the three trees, and is
/// asked only for files that both sides changed. Fails when `read` does.
///
/// In a conflict nothing is lost: texts get markers (see [`texts`]); for everything else ours keeps the path and
/// theirs is put beside it under a name that ends in [`BESIDE`]. When one side deleted what the other changed,
/// ours stays as it is, so a file that ours deleted comes back only beside its old place. A file that one
/// side moved unchanged takes along what the other side edited at the old path. Executable bits are merged on their
/// own; where both sides added a file, it is executable if either is.
pub fn trees<E>(
    base: &Tree,
    ours: &Tree,
    theirs: &Tree,
    read: &mut dyn FnMut(&FileDigest) -> Result<Vec<u8>, E>,
    labels: &Labels<'_>,
) -> Result<TreeMerge, E> {
    let mut merge = Merge { read, labels, merged: TreeMerge::default(), beside: Vec::new() };
    let mut from_theirs_alone = Vec::new();
    for (path, versions) in versions(base, ours, theirs) {
        let at = merge.file(&path, versions)?;
        if let Some(file) = at {
            if ours.get(&path).is_some() {
                merge.merged.files.insert(path, file);
            } else {
                from_theirs_alone.push((path, file));
            }
        }
    }
    Ok(merge.finish(from_theirs_alone))
}

/// The three versions of one file.
#[derive(Clone, Copy, Default)]
struct Versions {
    base: Option<File>,
    ours: Option<File>,
    theirs: Option<File>,
}

/// Every path with its versions; a file that was moved by one side and edited by the other stands once, at its new
/// path.
fn versions(base: &Tree, ours: &Tree, theirs: &Tree) -> BTreeMap<SkillPath, Versions> {
    let moved_by_ours = followed(base, ours, theirs);
    let moved_by_theirs = followed(base, theirs, ours);
    let paths: BTreeSet<&SkillPath> =
        base.files().chain(ours.files()).chain(theirs.files()).map(|(path, _)| path).collect();
    let mut versions: BTreeMap<SkillPath, Versions> = BTreeMap::new();
    for path in paths {
        let here = |tree: &Tree| tree.get(path).copied();
        let new = moved_by_ours.get(path).or_else(|| moved_by_theirs.get(path)).unwrap_or(path);
        let slot = versions.entry(new.clone()).or_default();
        slot.base = slot.base.or(here(base));
        slot.ours = slot.ours.or(here(ours));
        slot.theirs = slot.theirs.or(here(theirs));
    }
    versions
}

struct Merge<'a, E> {
    read: &'a mut dyn FnMut(&FileDigest) -> Result<Vec<u8>, E>,
    labels: &'a Labels<'a>,
    merged: TreeMerge,
    /// Files of theirs that need a place beside, with the index of their conflict.
    beside: Vec<(usize, File)>,
}

impl<E> Merge<'_, E> {
    /// What becomes of the file at `path`: `None` when it is gone.
    fn file(&mut self, path: &SkillPath, versions: Versions) -> Result<Option<MergedFile>, E> {
        let Versions { base, ours, theirs } = versions;
        if ours == theirs || theirs == base {
            return Ok(ours.map(same));
        }
        if ours == base {
            return Ok(theirs.map(same));
        }
        match (base, ours, theirs) {
            (Some(_), None, Some(theirs)) => {
                let kind = ConflictKind::DeleteModify { deleted_by: Side::Ours };
                self.conflict(path, kind, Some(theirs));
                Ok(None)
            }
            (_, Some(ours), None) => {
                self.conflict(path, ConflictKind::DeleteModify { deleted_by: Side::Theirs }, None);
                Ok(Some(same(ours)))
            }
            (_, Some(ours), Some(theirs)) => self.both(path, base, ours, theirs).map(Some),
            // What ours never had was taken from theirs above.
            (_, None, theirs) => Ok(theirs.map(same)),
        }
    }

    /// Both sides have the file, and both changed it.
    fn both(
        &mut self,
        path: &SkillPath,
        base: Option<File>,
        ours: File,
        theirs: File,
    ) -> Result<MergedFile, E> {
        let executable = match base {
            // A bit has two values: where the sides differ, one of them is the change.
            Some(base) if ours.executable == base.executable => theirs.executable,
            Some(_) => ours.executable,
            None => ours.executable || theirs.executable,
        };
        let base_digest = base.map(|file| file.digest);
        let content = if ours.digest == theirs.digest || Some(theirs.digest) == base_digest {
            Content::Same(ours.digest)
        } else if Some(ours.digest) == base_digest {
            Content::Same(theirs.digest)
        } else {
            self.contents(path, base, ours, theirs)?
        };
        Ok(MergedFile { executable, content })
    }

    fn contents(
        &mut self,
        path: &SkillPath,
        base: Option<File>,
        ours: File,
        theirs: File,
    ) -> Result<Content, E> {
        let merged = self.text(base, ours, theirs)?;
        let Some(TextMerge { text, conflicts }) = merged else {
            let kind = if base.is_some() { ConflictKind::Binary } else { ConflictKind::AddAdd };
            self.conflict(path, kind, Some(theirs));
            return Ok(Content::Same(ours.digest));
        };
        if !conflicts.is_empty() {
            let kind = match base {
                Some(_) => ConflictKind::Text { regions: conflicts },
                None => ConflictKind::AddAdd,
            };
            self.conflict(path, kind, None);
        }
        let digest = FileDigest::of(text.as_bytes());
        if digest == ours.digest || digest == theirs.digest || Some(digest) == base.map(|file| file.digest) {
            return Ok(Content::Same(digest));
        }
        Ok(Content::Bytes(text.into_bytes()))
    }

    /// The merge of three texts, or of two where both sides added the file; `None` when one of them is no text.
    fn text(&mut self, base: Option<File>, ours: File, theirs: File) -> Result<Option<TextMerge>, E> {
        if [base, Some(ours), Some(theirs)].into_iter().flatten().any(|file| file.size_bytes > MERGE_BYTES) {
            return Ok(None);
        }
        let (ours, theirs) = ((self.read)(&ours.digest)?, (self.read)(&theirs.digest)?);
        let (Some(ours), Some(theirs)) = (mergeable(&ours), mergeable(&theirs)) else { return Ok(None) };
        let Some(base) = base else { return Ok(Some(without_base(ours, theirs, self.labels))) };
        let base = (self.read)(&base.digest)?;
        Ok(mergeable(&base).map(|base| texts(base, ours, theirs, self.labels)))
    }

    fn conflict(&mut self, path: &SkillPath, kind: ConflictKind, beside: Option<File>) {
        self.beside.extend(beside.map(|file| (self.merged.conflicts.len(), file)));
        self.merged.conflicts.push(Conflict { path: path.clone(), kind, theirs_at: None });
    }

    /// Gives every file of theirs a place that collides with nothing, now that all of ours stands.
    fn finish(self, from_theirs_alone: Vec<(SkillPath, MergedFile)>) -> TreeMerge {
        let Merge { mut merged, beside, .. } = self;
        let mut places = Places::default();
        for path in merged.files.keys() {
            places.take(path);
        }
        for (path, file) in from_theirs_alone {
            let theirs_at = match places.obstacle(&path) {
                None => path,
                Some(with) => {
                    let at = places.beside(&path);
                    let kind = ConflictKind::Collision { with };
                    // A text conflict may be known of this path already; the collision is another one.
                    merged.conflicts.push(Conflict { path, kind, theirs_at: Some(at.clone()) });
                    at
                }
            };
            places.take(&theirs_at);
            merged.files.insert(theirs_at, file);
        }
        for (index, file) in beside {
            let at = places.beside(&merged.conflicts[index].path);
            places.take(&at);
            merged.conflicts[index].theirs_at = Some(at.clone());
            merged.files.insert(at, same(file));
        }
        merged.conflicts.sort_by(|a, b| a.path.cmp(&b.path));
        merged
    }
}

/// `bytes` as a text that can be merged line by line.
fn mergeable(bytes: &[u8]) -> Option<&str> {
    as_text(bytes).filter(|text| text.lines().nth(MERGE_LINES).is_none())
}

fn same(file: File) -> MergedFile {
    MergedFile { executable: file.executable, content: Content::Same(file.digest) }
}

/// The paths that are taken, and the folders above them, as a file system that ignores case sees them.
#[derive(Default)]
struct Places {
    taken: BTreeMap<String, (String, Kind)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

fn parts(path: &SkillPath) -> impl Iterator<Item = (&str, Kind)> {
    path.folders().map(|folder| (folder, Kind::Folder)).chain([(path.as_str(), Kind::File)])
}

impl Places {
    fn take(&mut self, path: &SkillPath) {
        for (part, kind) in parts(path) {
            self.taken.entry(fold(part)).or_insert_with(|| (part.to_owned(), kind));
        }
    }

    /// What `path` cannot live with: its twin in another spelling, or a file where it needs a folder, or a folder where
    /// it needs a file, or a file that is there already.
    fn obstacle(&self, path: &SkillPath) -> Option<String> {
        parts(path).find_map(|(part, kind)| {
            let (spelling, taken) = self.taken.get(&fold(part))?;
            let can_share = spelling == part && *taken == Kind::Folder && kind == Kind::Folder;
            (!can_share).then(|| spelling.clone())
        })
    }

    /// A free path for theirs as near to `path` as can be: beside it, else at the root.
    fn beside(&self, path: &SkillPath) -> SkillPath {
        let digest = FileDigest::of(path.as_str().as_bytes()).hex();
        let stems = [(path.as_str(), 9), (file_name(path), 9), (&digest[..12], usize::MAX)];
        let numbered = stems.into_iter().flat_map(|(stem, last)| {
            let more = (2..=last).map(move |number| format!("{stem}-{number}{BESIDE}"));
            std::iter::once(format!("{stem}{BESIDE}")).chain(more)
        });
        numbered
            .filter_map(|text| SkillPath::parse(&text).ok())
            .find(|place| self.obstacle(place).is_none())
            .expect("one of the numbers is free: a tree is finite and the digest is always a valid name")
    }
}

#[cfg(test)]
mod tests;
