//! What differs between two trees, and between two texts as a unified diff. It reads no file and judges nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::limits;
use crate::path::SkillPath;
use crate::tree::{File, Tree};

/// What happened to a file (checklist D9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new.
    Added,
    /// Its bytes or its executable bit changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl Status {
    /// Its one word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Added => "added",
            Status::Modified => "modified",
            Status::Deleted => "deleted",
        }
    }
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it is.
    pub path: SkillPath,
    /// What happened to it.
    pub status: Status,
    /// The file before; `None` when it is new.
    pub old: Option<File>,
    /// The file after; `None` when it is gone.
    pub new: Option<File>,
}

impl Change {
    /// Whether the executable bit alone changed and the bytes stayed.
    pub fn mode_only(&self) -> bool {
        matches!((self.old, self.new), (Some(old), Some(new)) if old.digest == new.digest)
    }
}

/// The files that differ between `old` and `new`, sorted by path bytes.
pub fn changes(old: &Tree, new: &Tree) -> Vec<Change> {
    let paths: BTreeSet<&SkillPath> = old.files().chain(new.files()).map(|(path, _)| path).collect();
    let mut changes = Vec::new();
    for path in paths {
        let (before, after) = (old.get(path).copied(), new.get(path).copied());
        let status = match (before, after) {
            (None, _) => Status::Added,
            (_, None) => Status::Deleted,
            (Some(a), Some(b)) if a != b => Status::Modified,
            _ => continue,
        };
        changes.push(Change { path: path.clone(), status, old: before, new: after });
    }
    changes
}

/// How many files differ, by what happened to them (checklist D9, `summary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// New files.
    pub added: usize,
    /// Changed files.
    pub modified: usize,
    /// Files that are gone.
    pub deleted: usize,
}

impl Summary {
    /// Counts `changes`.
    pub fn of(changes: &[Change]) -> Self {
        let count = |status| changes.iter().filter(|change| change.status == status).count();
        Self {
            added: count(Status::Added),
            modified: count(Status::Modified),
            deleted: count(Status::Deleted),
        }
    }
}

/// Whether `bytes` can be shown and merged as text: UTF-8 without NUL.
pub fn is_text(bytes: &[u8]) -> bool {
    as_text(bytes).is_some()
}

/// `bytes` as text, if they are UTF-8 without NUL.
pub fn as_text(bytes: &[u8]) -> Option<&str> {
    if bytes.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}

/// A unified diff from `old` to `new` with three lines of context, as `git diff` prints it and `patch` reads it;
/// empty when they are equal. `None` stands for a file that does not exist.
///
/// Texts that are hard to compare get a coarser, still correct diff after [`limits::DIFF_DEADLINE_MS`].
pub fn unified(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    if old == new {
        return String::new();
    }
    // `patch` ends a file name at the first blank unless a tab closes it.
    let tab = if path.contains(' ') { "\t" } else { "" };
    let side = |prefix: &str, text: Option<&str>| match text {
        Some(_) => format!("{prefix}/{path}{tab}"),
        None => "/dev/null".to_owned(),
    };
    let mut out = format!("--- {}\n+++ {}\n", side("a", old), side("b", new));

    let old_lines = lines(old.unwrap_or_default());
    let new_lines = lines(new.unwrap_or_default());
    let diff = TextDiff::configure()
        .timeout(Duration::from_millis(limits::DIFF_DEADLINE_MS))
        .diff_slices(&old_lines, &new_lines);
    for hunk in diff.unified_diff().iter_hunks() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", hunk.header());
        for change in hunk.iter_changes() {
            out.push(match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            });
            out.push_str(change.value());
            if !change.value().ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// Lines with their line feeds. A lone carriage return is no line end here, as in `git` and `patch`.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::FileDigest;

    fn tree(files: &[(&str, &str, bool)]) -> Tree {
        Tree::new(files.iter().map(|(path, text, executable)| {
            let file = File {
                digest: FileDigest::of(text.as_bytes()),
                size_bytes: text.len() as u64,
                executable: *executable,
            };
            (SkillPath::parse(path).unwrap(), file)
        }))
        .unwrap()
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let old = tree(&[("a", "1", false), ("b", "1", false), ("c", "1", false), ("d", "1", false)]);
        let new = tree(&[("b", "2", true), ("c", "1", true), ("d", "1", false), ("e", "", false)]);
        let changes = changes(&old, &new);
        let told: Vec<_> = changes.iter().map(|c| (c.path.as_str(), c.status, c.mode_only())).collect();
        assert_eq!(
            told,
            [
                ("a", Status::Deleted, false),
                ("b", Status::Modified, false),
                ("c", Status::Modified, true),
                ("e", Status::Added, false)
            ]
        );
        assert_eq!(Summary::of(&changes), Summary { added: 1, modified: 2, deleted: 1 });
        assert_eq!(super::changes(&new, &new), []);
    }

    #[test]
    fn text_is_utf8_without_nul() {
        for (bytes, expected) in [
            (&b"plain\r\n"[..], true),
            ("é\u{feff}".as_bytes(), true),
            (b"", true),
            (b"a\0b", false),
            (b"\xe9", false),
        ] {
            assert_eq!(is_text(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_unified_diff_looks_like_git() {
        expect_test::expect![[r#"
            --- a/my file.md	
            +++ b/my file.md	
            @@ -1,2 +1,2 @@
             one
            -two
            \ No newline at end of file
            +TWO
        "#]]
        .assert_eq(&unified("my file.md", Some("one\ntwo"), Some("one\nTWO\n")));
        expect_test::expect![[r#"
            --- /dev/null
            +++ b/x
            @@ -0,0 +1 @@
            +new
        "#]]
        .assert_eq(&unified("x", None, Some("new\n")));
        assert_eq!(unified("x", Some("same"), Some("same")), "");
        assert!(unified("x", Some("a\rb\r"), Some("a\rc\r")).contains("-a\rb\r\n\\ No newline"));
    }
}
