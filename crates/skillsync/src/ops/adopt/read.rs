//! The files of an edit as they would be committed: read from where somebody edited them, the observation footer taken
//! off again.

use std::borrow::Cow;
use std::path::Path;

use skillsync_core::fault::Kind;
use skillsync_core::footer::{self, END, START};
use skillsync_core::tree::SKILL_MD;
use skillsync_store::payload::Payload;
use skillsync_store::scan;

use super::super::{Error, Refusal};

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

/// Reads the files of `root`: those that we do not know included, known litter not.
pub(super) fn read(root: &Path, footer: Footer) -> Result<Payload, Error> {
    Payload::read(root, &scan::list(root)?, |path, bytes| match footer {
        Footer::AtEnd if path.as_str() == SKILL_MD => Ok(footer::strip(&bytes).into_owned()),
        Footer::Anywhere if path.as_str() == SKILL_MD => {
            Ok(without_footer(&bytes).ok_or_else(|| torn(root))?.into_owned())
        }
        Footer::None | Footer::AtEnd | Footer::Anywhere => Ok(bytes),
    })
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
