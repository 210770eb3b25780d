//! Finds the two `---` lines around the frontmatter. What stands between them is not looked at.

use std::ops::Range;

use super::Error;
use crate::limits;

/// Where the parts of a `SKILL.md` are, in bytes.
pub(super) struct Fence {
    /// The lines between the two `---` lines, with their line ends.
    pub(super) yaml: Range<usize>,
    /// What follows the closing `---` line.
    pub(super) body: usize,
}

/// A fence is a whole line: `---` at its very beginning, and nothing but blanks after it. Three hyphens inside a value
/// or indented in a block of text are no fence.
fn is_fence(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.trim_end_matches([' ', '\t', '\r', '\n']).is_empty())
}

pub(super) fn find(text: &str) -> Result<Fence, Error> {
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = text[at..].split_inclusive('\n');
    match lines.next() {
        Some(line) if is_fence(line) => at += line.len(),
        _ => return Err(Error::NoFrontmatter),
    }
    let start = at;
    for line in lines {
        if is_fence(line) {
            return Ok(Fence { yaml: start..at, body: at + line.len() });
        }
        at += line.len();
        if at - start > limits::FRONTMATTER_BYTES {
            return Err(Error::FrontmatterTooLarge);
        }
    }
    Err(Error::NotClosed)
}
