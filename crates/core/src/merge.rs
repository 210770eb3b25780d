//! Three-way merges: of texts line by line, and of whole trees in `trees`. What becomes of a conflict is left to the
//! caller; nothing of either side is ever lost.

use std::fmt::Write as _;
use std::ops::Range;

use serde::Serialize;
use similar::{MergeResolution, TextMerge as Lines};

mod rename;
mod trees;

pub use trees::{BESIDE, Conflict, ConflictKind, Content, MergedFile, Side, TreeMerge, trees};

/// Whether a conflict shows what was there before both sides changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShowBase {
    /// Between `|||||||` and `=======`, as `git`'s `diff3` style.
    #[default]
    Yes,
    /// The two sides alone, as `git`'s `merge` style.
    No,
}

/// What the markers of a conflict call the three versions.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// The side that is merged into.
    pub ours: &'a str,
    /// What both sides come from.
    pub base: &'a str,
    /// The side that is merged in.
    pub theirs: &'a str,
    /// Whether conflicts show the base.
    pub show_base: ShowBase,
}

/// Lines that both sides changed, differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Region {
    /// The lines before.
    pub base: String,
    /// What ours made of them.
    pub ours: String,
    /// What theirs made of them.
    pub theirs: String,
}

/// The merge of three texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMerge {
    /// The merged text, with markers around each conflict.
    pub text: String,
    /// The conflicts, in the order of the text; none when the merge is clean.
    pub conflicts: Vec<Region>,
}

impl TextMerge {
    fn clean(text: &str) -> Self {
        Self { text: text.to_owned(), conflicts: Vec::new() }
    }
}

/// Merges what `ours` and `theirs` made of `base`, line by line. Changes that no unchanged line separates are a
/// conflict unless they are equal, as in `git merge-file`.
///
/// Markers end with CRLF where `ours` ends its lines so. A last line without its line end gets one when a marker
/// follows it.
///
/// The time grows with the square of the number of changes: about 2 s for 100,000 lines that all differ. [`trees`]
/// asks for no more; a caller with other sources sets its own bound.
pub fn texts(base: &str, ours: &str, theirs: &str, labels: &Labels<'_>) -> TextMerge {
    if ours == theirs || theirs == base {
        return TextMerge::clean(ours);
    }
    if ours == base {
        return TextMerge::clean(theirs);
    }
    let merge = Lines::from_lines(base, ours, theirs);
    let base_lines =
        |range: Range<usize>| range.filter_map(|index| merge.base_line(index)).collect::<String>();
    let our_lines =
        |range: Range<usize>| range.filter_map(|index| merge.ours_line(index)).collect::<String>();
    let their_lines =
        |range: Range<usize>| range.filter_map(|index| merge.theirs_line(index)).collect::<String>();

    let mut out = Marked::new(ours, labels);
    for region in merge.regions() {
        match region.resolution() {
            MergeResolution::Theirs => out.text.push_str(&their_lines(region.theirs_range())),
            MergeResolution::Conflict => out.conflict(Region {
                base: base_lines(region.base_range()),
                ours: our_lines(region.ours_range()),
                theirs: their_lines(region.theirs_range()),
            }),
            _ => out.text.push_str(&our_lines(region.ours_range())),
        }
    }
    TextMerge { text: out.text, conflicts: out.conflicts }
}

/// Whether `now` still has every change that `then` made of `base`, or went on from there: no place that `then` changed is
/// in `now` as it was in `base`.
pub fn keeps(base: &str, then: &str, now: &str) -> bool {
    let merge = Lines::from_lines(base, then, now);
    merge.regions().iter().all(|region| region.resolution() != MergeResolution::Ours)
}

/// Puts two texts together that have no common ancestor: lines that both begin or end with stand once, the rest is one
/// conflict.
fn without_base(ours: &str, theirs: &str, labels: &Labels<'_>) -> TextMerge {
    if ours == theirs {
        return TextMerge::clean(ours);
    }
    let equal = |(a, b): &(&str, &str)| a == b;
    let lines = |text: &'_ str| text.split_inclusive('\n').map(str::len).collect::<Vec<_>>();
    let (our_lines, their_lines) = (ours.split_inclusive('\n'), theirs.split_inclusive('\n'));
    let head: usize = our_lines.zip(their_lines).take_while(equal).map(|(line, _)| line.len()).sum();
    let (our_rest, their_rest) = (&ours[head..], &theirs[head..]);
    let mut tail = 0;
    for (a, b) in lines(our_rest).into_iter().rev().zip(lines(their_rest).into_iter().rev()) {
        let (our_end, their_end) = (our_rest.len() - tail, their_rest.len() - tail);
        if our_rest[our_end - a..our_end] != their_rest[their_end - b..their_end] {
            break;
        }
        tail += a;
    }
    let mut out = Marked::new(ours, labels);
    out.text.push_str(&ours[..head]);
    out.conflict(Region {
        base: String::new(),
        ours: our_rest[..our_rest.len() - tail].to_owned(),
        theirs: their_rest[..their_rest.len() - tail].to_owned(),
    });
    out.text.push_str(&our_rest[our_rest.len() - tail..]);
    TextMerge { text: out.text, conflicts: out.conflicts }
}

/// A text that is written with markers around its conflicts.
struct Marked<'a> {
    text: String,
    conflicts: Vec<Region>,
    line_end: &'static str,
    labels: &'a Labels<'a>,
}

impl<'a> Marked<'a> {
    fn new(ours: &str, labels: &'a Labels<'a>) -> Self {
        let line_end = if ours.split_inclusive('\n').next().is_some_and(|line| line.ends_with("\r\n")) {
            "\r\n"
        } else {
            "\n"
        };
        Self { text: String::with_capacity(ours.len()), conflicts: Vec::new(), line_end, labels }
    }

    fn conflict(&mut self, region: Region) {
        let labels = self.labels;
        self.marker("<<<<<<<", labels.ours);
        self.text.push_str(&region.ours);
        if labels.show_base == ShowBase::Yes {
            self.marker("|||||||", labels.base);
            self.text.push_str(&region.base);
        }
        self.marker("=======", "");
        self.text.push_str(&region.theirs);
        self.marker(">>>>>>>", labels.theirs);
        self.conflicts.push(region);
    }

    fn marker(&mut self, marker: &str, label: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push_str(self.line_end);
        }
        self.text.push_str(marker);
        if !label.is_empty() {
            let label = label.replace(|c: char| c.is_control(), " ");
            // Writing to a String cannot fail.
            let _ = write!(self.text, " {label}");
        }
        self.text.push_str(self.line_end);
    }
}

/// Whether `text` still has the markers of a conflict: lines that begin with `<<<<<<< `, then one that is `=======`,
/// then one that begins with `>>>>>>> `. A lone `=======`, as under a heading, is none.
pub fn has_markers(text: &str) -> bool {
    let marks = |line: &str, marker: &str| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let mut lines = text.split(['\n', '\r']);
    lines.any(|line| marks(line, "<<<<<<<"))
        && lines.any(|line| line.trim_end() == "=======")
        && lines.any(|line| marks(line, ">>>>>>>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: Labels<'_> = Labels { ours: "mine", base: "old", theirs: "yours", show_base: ShowBase::No };

    #[test]
    fn changes_apart_are_joined_and_changes_together_are_marked() {
        for (base, ours, theirs, expected) in [
            ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"),
            ("a\nb\n", "a\nb\nx\n", "y\na\nb\n", "y\na\nb\nx\n"),
            ("a\nb\nc\n", "a\nc\n", "a\nb\nc\nd\n", "a\nc\nd\n"),
            ("a\n", "b\n", "b\n", "b\n"),
            ("a\n", "b\n", "c\n", "<<<<<<< mine\nb\n=======\nc\n>>>>>>> yours\n"),
            ("", "b", "c", "<<<<<<< mine\nb\n=======\nc\n>>>>>>> yours\n"),
            (
                "a\r\nx\r\n",
                "b\r\nx\r\n",
                "c\r\nx\r\n",
                "<<<<<<< mine\r\nb\r\n=======\r\nc\r\n>>>>>>> yours\r\nx\r\n",
            ),
            ("a\nb\n", "b\n", "c\nb\n", "<<<<<<< mine\n=======\nc\n>>>>>>> yours\nb\n"),
        ] {
            let merge = texts(base, ours, theirs, &LABELS);
            assert_eq!(merge.text, expected);
            assert_eq!(has_markers(&merge.text), !merge.conflicts.is_empty(), "{expected}");
        }
    }

    #[test]
    fn a_conflict_can_show_its_base() {
        let labels = Labels { show_base: ShowBase::Yes, ours: "my\nlabel", ..LABELS };
        let merge = texts("1\na\n2\n", "1\nb\n2\n", "1\nc\n2\n", &labels);
        assert_eq!(merge.text, "1\n<<<<<<< my label\nb\n||||||| old\na\n=======\nc\n>>>>>>> yours\n2\n");
        assert_eq!(
            merge.conflicts,
            [Region { base: "a\n".to_owned(), ours: "b\n".to_owned(), theirs: "c\n".to_owned() }]
        );
    }

    #[test]
    fn without_a_base_what_is_common_stands_once() {
        for (ours, theirs, expected) in [
            ("a\nb\nz\n", "a\nc\nz\n", "a\n<<<<<<< mine\nb\n=======\nc\n>>>>>>> yours\nz\n"),
            ("a\n", "a\nb\n", "a\n<<<<<<< mine\n=======\nb\n>>>>>>> yours\n"),
            ("x\nx\n", "x\n", "x\n<<<<<<< mine\nx\n=======\n>>>>>>> yours\n"),
            ("a", "b", "<<<<<<< mine\na\n=======\nb\n>>>>>>> yours\n"),
            ("", "b\n", "<<<<<<< mine\n=======\nb\n>>>>>>> yours\n"),
        ] {
            assert_eq!(without_base(ours, theirs, &LABELS).text, expected);
        }
    }

    #[test]
    fn a_change_is_kept_unless_its_place_is_as_before() {
        for (base, then, now, expected) in [
            ("a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n", true),
            ("a\nb\nc\n", "a\nB\nc\n", "a\nB\nC\n", true),
            ("a\nb\nc\n", "a\nB\nc\n", "a\nBB\nc\n", true),
            ("a\nb\nc\n", "a\nB\nc\n", "a\nb\nc\n", false),
            ("a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nc\nD\n", false),
            ("a\nb\n", "a\nb\n", "x\n", true),
            ("a\n", "a\nb\n", "a\n", false),
        ] {
            assert_eq!(keeps(base, then, now), expected, "{base:?} {then:?} {now:?}");
        }
    }

    #[test]
    fn markers_count_only_in_order() {
        for (text, expected) in [
            ("<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n", true),
            ("<<<<<<<\r\nx\r\n=======\r\n>>>>>>>\r\n", true),
            ("<<<<<<< a\n||||||| o\n=======\n>>>>>>> b", true),
            ("Title\n=======\n", false),
            (">>>>>>> b\n=======\n<<<<<<< a\n", false),
            ("<<<<<<< a\n>>>>>>> b\n", false),
            ("<<<<<<<< a\n=======\n>>>>>>> b\n", false),
            ("  <<<<<<< a\n=======\n>>>>>>> b\n", false),
        ] {
            assert_eq!(has_markers(text), expected, "{text:?}");
        }
    }
}
