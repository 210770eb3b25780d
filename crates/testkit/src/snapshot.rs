//! Every path under a folder with what it is, and the difference between two such pictures in words. It knows
//! nothing of skills.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::disk::at;

/// Text files up to this many bytes are kept, so that a difference can show the first line that differs.
const KEPT_BYTES: usize = 16 * 1024;
/// A difference shows at most this many paths.
const SHOWN_LINES: usize = 60;

/// What stands at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Dir {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Its size.
        size_bytes: u64,
        /// Hex SHA-256 of its bytes, or why they could not be read.
        digest: String,
        /// Its text, when it is short text.
        text: Option<String>,
    },
    /// A symbolic link.
    Link {
        /// What it names, as written.
        target: String,
    },
    /// A FIFO, a socket or a device.
    Other,
}

/// A picture of a folder: path (relative, `/`-separated) to entry. Times and inode numbers are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    entries: BTreeMap<String, Entry>,
}

impl Snapshot {
    /// Takes the picture. A folder that is not there gives an empty one.
    #[must_use]
    pub fn of(root: &Path) -> Snapshot {
        let mut entries = BTreeMap::new();
        if root.is_dir() {
            walk(root, "", &mut entries);
        }
        Snapshot { entries }
    }

    /// The entry at a path relative to the root.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Every path with its entry, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// The picture without some paths and all below them, to look at the rest alone.
    #[must_use]
    pub fn without(&self, paths: &[&str]) -> Snapshot {
        let below = |path: &str| paths.iter().any(|p| path == *p || is_below(path, p));
        let entries = self.entries.iter().filter(|(path, _)| !below(path));
        Snapshot { entries: entries.map(|(path, entry)| (path.clone(), entry.clone())).collect() }
    }

    /// The picture of one path and all below it.
    #[must_use]
    pub fn only(&self, root: &str) -> Snapshot {
        let entries = self.entries.iter().filter(|(path, _)| *path == root || is_below(path, root));
        Snapshot { entries: entries.map(|(path, entry)| (path.clone(), entry.clone())).collect() }
    }

    /// What is different in `later`: one line a path (`+` new, `-` gone, `~` changed), with the first line of text
    /// that differs. Empty when nothing is.
    #[must_use]
    pub fn diff(&self, later: &Snapshot) -> String {
        let mut lines = Vec::new();
        for (path, entry) in &self.entries {
            match later.entries.get(path) {
                None => lines.push(format!("- {path} ({})", words(entry))),
                Some(now) if now != entry => lines.push(format!("~ {path}: {}", change(entry, now))),
                Some(_) => {}
            }
        }
        for (path, entry) in &later.entries {
            if !self.entries.contains_key(path) {
                lines.push(format!("+ {path} ({})", words(entry)));
            }
        }
        lines.sort_by(|a, b| a[2..].cmp(&b[2..]));
        let more = lines.len().saturating_sub(SHOWN_LINES);
        lines.truncate(SHOWN_LINES);
        let mut out = lines.join("\n");
        if more > 0 {
            let _ = write!(out, "\n... and {more} more");
        }
        out
    }

    /// Panics with the difference unless `later` is the same.
    #[track_caller]
    pub fn assert_same(&self, later: &Snapshot) {
        let diff = self.diff(later);
        assert!(diff.is_empty(), "the disk changed:\n{diff}");
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

fn walk(dir: &Path, prefix: &str, entries: &mut BTreeMap<String, Entry>) {
    for entry in at(fs::read_dir(dir), dir) {
        let path = at(entry, dir).path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let meta = at(fs::symlink_metadata(&path), &path);
        let mode = meta.permissions().mode() & 0o7777;
        let kind = meta.file_type();
        if kind.is_symlink() {
            let target = at(fs::read_link(&path), &path).to_string_lossy().into_owned();
            entries.insert(relative, Entry::Link { target });
        } else if kind.is_dir() {
            entries.insert(relative.clone(), Entry::Dir { mode });
            // A folder that nobody may list is itself something a test sets up.
            if fs::read_dir(&path).is_ok() {
                walk(&path, &relative, entries);
            }
        } else if kind.is_file() {
            entries.insert(relative, file(&path, mode, meta.len()));
        } else {
            entries.insert(relative, Entry::Other);
        }
    }
}

fn file(path: &Path, mode: u32, size_bytes: u64) -> Entry {
    match fs::read(path) {
        Ok(bytes) => Entry::File {
            mode,
            size_bytes,
            digest: hex::encode(Sha256::digest(&bytes)),
            text: (bytes.len() <= KEPT_BYTES).then(|| String::from_utf8(bytes).ok()).flatten(),
        },
        Err(e) => Entry::File { mode, size_bytes, digest: format!("unreadable: {}", e.kind()), text: None },
    }
}

fn words(entry: &Entry) -> String {
    match entry {
        Entry::Dir { mode } => format!("folder {mode:o}"),
        Entry::File { mode, size_bytes, .. } => format!("file {mode:o}, {size_bytes} bytes"),
        Entry::Link { target } => format!("link to {target}"),
        Entry::Other => "special file".to_owned(),
    }
}

fn change(before: &Entry, after: &Entry) -> String {
    let (Entry::File { text: Some(a), digest: da, .. }, Entry::File { text: Some(b), digest: db, .. }) =
        (before, after)
    else {
        return format!("{} -> {}", words(before), words(after));
    };
    let mut out = format!("{} -> {}", words(before), words(after));
    if da != db {
        let (mut old, mut new) = (a.lines(), b.lines());
        for number in 1.. {
            let (x, y) = (old.next(), new.next());
            if x != y || x.is_none() {
                let _ = write!(
                    out,
                    "\n    line {number} was {:?}\n    line {number} now {:?}",
                    x.unwrap_or("(end)"),
                    y.unwrap_or("(end)")
                );
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_kind_of_change_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["gone", "text", "mode", "same"] {
            disk::write(&root.join(name), "one\ntwo\n");
        }
        symlink("a", root.join("link")).unwrap();
        let before = Snapshot::of(root);
        before.assert_same(&Snapshot::of(root));

        fs::remove_file(root.join("gone")).unwrap();
        fs::write(root.join("text"), "one\n2\n").unwrap();
        fs::set_permissions(root.join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(root.join("link")).unwrap();
        symlink("b", root.join("link")).unwrap();
        disk::write(&root.join("new/file"), "x");
        let diff = before.diff(&Snapshot::of(root));
        for expected in [
            "- gone",
            "~ text",
            "line 2 was \"two\"",
            "~ mode",
            "755",
            "link to a -> link to b",
            "+ new/file",
        ] {
            assert!(diff.contains(expected), "no `{expected}` in\n{diff}");
        }
        assert!(!diff.contains("same"), "{diff}");
        let rest = Snapshot::of(root).without(&["new", "text", "mode", "link"]);
        assert_eq!(before.without(&["text", "mode", "link"]).diff(&rest), "- gone (file 644, 8 bytes)");
    }
}
