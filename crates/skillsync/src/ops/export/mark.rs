//! The mark of an export in the folder of a site: which files are ours, so that the next export replaces and removes those
//! and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skillsync_core::digest::FileDigest;
use skillsync_core::fault::Kind;
use skillsync_store::fs;

use super::refusal;
use crate::ops::Error;

/// Its name, at the root of the site.
pub(super) const NAME: &str = ".skillsync-site.json";

/// The format that this program writes.
const FORMAT: u32 = 1;
/// Largest mark that is read: each file of the largest index takes a line.
const LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// What is ours in the folder of a site.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    format: u32,
    /// The files of the last export, by their path from the root of the site. While an export is at work there may be two
    /// digests: of what was there and of what is to come. A kill in between leaves nothing that is not known here.
    files: BTreeMap<String, BTreeSet<FileDigest>>,
}

impl Mark {
    /// Of `files`.
    pub(super) fn new(files: impl IntoIterator<Item = (String, FileDigest)>) -> Self {
        let files = files.into_iter().map(|(path, digest)| (path, BTreeSet::from([digest])));
        Self { format: FORMAT, files: files.collect() }
    }

    /// Of what either knows.
    pub(super) fn with(&self, other: &Mark) -> Self {
        let mut files = self.files.clone();
        for (path, digests) in &other.files {
            files.entry(path.clone()).or_default().extend(digests);
        }
        Self { format: FORMAT, files }
    }

    /// Reads the mark of the site at `root`; an empty one when there is none.
    pub(super) fn load(root: &Path) -> Result<Self, Error> {
        let path = root.join(NAME);
        if fs::lstat(&path)?.is_none() {
            return Ok(Self { format: FORMAT, files: BTreeMap::new() });
        }
        let bytes = fs::read(&path, LIMIT_BYTES)?;
        let damaged = |problem: String| {
            refusal(
                Kind::Invalid,
                "site-mark-damaged",
                format!("`{}` cannot be read: {problem}", path.display()),
                "without it nobody knows which files are ours; export into an empty folder".to_owned(),
            )
        };
        let mark: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if mark.format != FORMAT {
            return Err(damaged(format!("its format is {}, and {FORMAT} is known", mark.format)));
        }
        if let Some(stray) = mark.files.keys().find(|path| !is_of_site(path)) {
            return Err(damaged(format!("it names `{}`", stray.escape_debug())));
        }
        Ok(mark)
    }

    /// Writes it down, durably.
    pub(super) fn save(&self, root: &Path) -> Result<(), Error> {
        let path = root.join(NAME);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| fs::Error::new("write", &path, std::io::Error::other(e)))?;
        Ok(fs::replace(&path, &text, fs::Mode::Plain)?)
    }

    /// Whether the file at `path` is ours if it has this digest.
    pub(super) fn has(&self, path: &str, digest: &FileDigest) -> bool {
        self.files.get(path).is_some_and(|digests| digests.contains(digest))
    }

    /// The paths that it knows and `other` does not.
    pub(super) fn without<'m>(&'m self, other: &'m Mark) -> impl Iterator<Item = &'m str> {
        self.files.keys().filter(|path| !other.files.contains_key(*path)).map(String::as_str)
    }
}

/// Whether an export may have written there: whoever changed a mark must not make us remove anything else.
fn is_of_site(path: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    path.starts_with(".well-known/") && path.split('/').all(is_plain)
}

/// The folders above `path` in the site at `root`, innermost first.
pub(super) fn folders_above(root: &Path, path: &str) -> Vec<PathBuf> {
    let folders = path.match_indices('/').map(|(at, _)| root.join(&path[..at]));
    folders.collect::<Vec<_>>().into_iter().rev().collect()
}
