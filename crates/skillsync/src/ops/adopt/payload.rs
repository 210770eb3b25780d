//! The files of an edit as they would be committed: read from where somebody edited them, the observation footer taken
//! off again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use skillsync_core::digest::FileDigest;
use skillsync_core::fault::Kind;
use skillsync_core::footer::{self, END, START};
use skillsync_core::limits;
use skillsync_core::merge::{Content, TreeMerge};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, SKILL_MD, Tree};
use skillsync_store::{fs, scan};

use super::super::{Error, Refusal};

/// A skill's files in memory.
#[derive(Debug)]
pub(super) struct Payload {
    /// Bytes and executable bit by path.
    files: BTreeMap<SkillPath, (Vec<u8>, bool)>,
    /// What they are.
    pub(super) tree: Tree,
}

/// Whether a `SKILL.md` carries our footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Footer {
    /// No: it is canonical.
    None,
    /// At its very end only: the skill speaks of footers itself, so markers elsewhere may be its own.
    AtEnd,
    /// Wherever its markers are.
    Anywhere,
}

impl Payload {
    /// Reads the payload of `root`: files that we do not know included, known litter not.
    pub(super) fn read(root: &Path, footer: Footer) -> Result<Payload, Error> {
        let mut files = BTreeMap::new();
        for found in scan::list(root)?.files {
            scan::check_size(root, &found)?;
            let mut bytes = fs::read(&found.at, limits::FILE_BYTES)?;
            if found.path.as_str() == SKILL_MD {
                bytes = match footer {
                    Footer::None => bytes,
                    Footer::AtEnd => footer::strip(&bytes).into_owned(),
                    Footer::Anywhere => without_footer(&bytes).ok_or_else(|| torn(root))?.into_owned(),
                };
            }
            files.insert(found.path, (bytes, found.executable));
        }
        Payload::new(files, root)
    }

    /// The result of a merge. `read` gives the bytes of what is not in `edit`.
    pub(super) fn merged(
        merge: TreeMerge,
        edit: &Payload,
        read: impl Fn(&FileDigest) -> Result<Vec<u8>, Error>,
        root: &Path,
    ) -> Result<Payload, Error> {
        let mut files = BTreeMap::new();
        for (path, file) in merge.files {
            let bytes = match file.content {
                Content::Bytes(bytes) => bytes,
                Content::Same(digest) => match edit.bytes(&digest) {
                    Some(bytes) => bytes.to_vec(),
                    None => read(&digest)?,
                },
            };
            files.insert(path, (bytes, file.executable));
        }
        Payload::new(files, root)
    }

    fn new(files: BTreeMap<SkillPath, (Vec<u8>, bool)>, root: &Path) -> Result<Payload, Error> {
        let file = |(path, (bytes, executable)): (&SkillPath, &(Vec<u8>, bool))| {
            let (digest, size_bytes) = (FileDigest::of(bytes), bytes.len() as u64);
            (path.clone(), File { digest, size_bytes, executable: *executable })
        };
        let tree = scan::tree_of(root, files.iter().map(file).collect())?;
        Ok(Payload { files, tree })
    }

    /// The bytes of one of the files, by what they are.
    pub(super) fn bytes(&self, digest: &FileDigest) -> Option<&[u8]> {
        let (path, _) = self.tree.files().find(|(_, file)| file.digest == *digest)?;
        self.files.get(path).map(|(bytes, _)| bytes.as_slice())
    }

    /// The files as they are staged.
    pub(super) fn contents(&self) -> Vec<(SkillPath, Vec<u8>, bool)> {
        let file = |(path, (bytes, executable)): (&SkillPath, &(Vec<u8>, bool))| {
            (path.clone(), bytes.clone(), *executable)
        };
        self.files.iter().map(file).collect()
    }
}

/// A rendered `SKILL.md` without our footer. What somebody wrote below the footer is theirs and stays: most editors
/// and agents append at the end. None when the markers are torn, so that nobody can say what is whose.
fn without_footer(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let bare = footer::strip(bytes);
    let at = |what: &str| {
        let mut found = bare.windows(what.len()).enumerate().filter(|(_, w)| *w == what.as_bytes());
        (found.next().map(|(at, _)| at), found.next().is_some())
    };
    let (start, end) = match (at(START), at(END)) {
        ((None, _), (None, _)) => return Some(bare),
        ((Some(start), false), (Some(end), false)) if start < end => (start, end),
        _ => return None,
    };
    let (before, after) = (&bare[..start], &bare[end + END.len()..]);
    // The line end that was put before the block goes with it, and the one behind it.
    let before = match before {
        [head @ .., b'\r', b'\n'] | [head @ .., b'\n'] => head,
        [] => before,
        _ => return None,
    };
    let after = match after {
        [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => tail,
        [] => after,
        _ => return None,
    };
    Some(Cow::Owned([before, after].concat()))
}

fn torn(root: &Path) -> Error {
    Refusal {
        kind: Kind::Conflict,
        code: "footer-torn",
        message: format!("the observation footer in `{}` was edited", root.join(SKILL_MD).display()),
        hint: Some(format!(
            "remove everything from `{START}` to `{END}` there, markers included, and run this again"
        )),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_goes_and_what_was_written_around_it_stays() {
        let rendered =
            |text: &str| String::from_utf8(footer::inject(text.as_bytes(), "---\nRate it.\n")).unwrap();
        let check = |edited: &str, expected: Option<&str>| {
            let bare = without_footer(edited.as_bytes()).map(|b| String::from_utf8(b.into_owned()).unwrap());
            assert_eq!(bare.as_deref(), expected, "{edited:?}");
        };
        for text in ["# A\nbody\n", "no line end", ""] {
            check(&rendered(text), Some(text));
            check(text, Some(text));
        }
        check(&(rendered("# A\n") + "added\n"), Some("# A\nadded\n"));
        check(&(rendered("# A\n") + "\nadded"), Some("# A\n\nadded"));
        let crlf = (rendered("# A\n") + "added\n").replace('\n', "\r\n");
        check(&crlf, Some("# A\r\nadded\r\n"));
        check(&rendered("# A\n").replace("Rate it.", "mine"), Some("# A\n"));
        check(&rendered("# A\n").replace(END, ""), None);
        check(&rendered("# A\n").replace(START, ""), None);
        check(&(rendered("# A\n") + "x\n" + &rendered("# B\n")[4..] + "y\n"), None);
        check(&rendered("# A\n").replace(START, &format!("word {START}")).replace(END, "x"), None);
    }
}
