//! The merge of one long text, ours inside this process against `git merge-file` as a process. Starting git takes
//! longer than its merge, so that is measured beside it and taken off.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use skillsync_core::merge::{Labels, ShowBase, TextMerge, texts};

use crate::Outcome;
use crate::measure::{self, Pairs, Side, Step, Times};
use crate::options::Sides;
use crate::place::Place;
use crate::workload;

/// Lines of the text below its frontmatter.
pub(super) const LINES: usize = 5_000;
/// Every how many lines a side edits: 50 edits in all.
pub(super) const EVERY: usize = 100;
/// The first line that ours edits.
pub(super) const OURS_FIRST: usize = 20;
/// The first line that theirs edits: never beside one of ours, so that the merge is clean.
pub(super) const THEIRS_FIRST: usize = 70;

/// Times both merges of the same three files, and the start of git.
pub(super) fn measure(place: &Place, runs: usize) -> Outcome<(Pairs, Times)> {
    let folder = place.root.join("merge");
    fs::create_dir_all(&folder)?;
    let [ours, base, theirs] = ["ours.md", "base.md", "theirs.md"].map(|name| folder.join(name));
    let text = workload::long_text(0, LINES);
    fs::write(&base, &text)?;
    fs::write(&ours, edited(&text, OURS_FIRST, "ours"))?;
    fs::write(&theirs, edited(&text, THEIRS_FIRST, "theirs"))?;
    let files = [&ours, &base, &theirs];
    let merged = folder.join("merged.md");
    let line = "git merge-file -p --diff3 \"$1\" \"$2\" \"$3\" >\"$4\"";
    Step::shell(line, &place.home(), &[&ours, &base, &theirs, &merged]).run()?;
    let (found, expected) = (merge(&ours, &base, &theirs)?, fs::read_to_string(&merged)?);
    if found.text != expected || !found.conflicts.is_empty() {
        return Err("git merges these texts to something else".into());
    }
    let inside = Side::inside(|| {
        black_box(merge(&ours, &base, &theirs)?);
        Ok(())
    });
    let git = Side::settled(Step::new("git", &folder).args(["merge-file", "-p", "--diff3"]).args(files));
    let start = Side::settled(Step::new("git", &folder).args(["--version"]));
    if place.sides == Sides::Reference {
        let [theirs, start] = measure::by_turns([&git, &start], runs)?;
        return Ok((Pairs { ours: None, theirs }, start));
    }
    let [ours, theirs, start] = measure::by_turns([&inside, &git, &start], runs)?;
    Ok((Pairs { ours: Some(ours), theirs }, start))
}

/// Reads the files, as git must, and merges them.
fn merge(ours: &Path, base: &Path, theirs: &Path) -> Outcome<TextMerge> {
    let labels = Labels { ours: "ours", base: "base", theirs: "theirs", show_base: ShowBase::Yes };
    let [base, ours, theirs] = [base, ours, theirs].map(fs::read_to_string);
    Ok(texts(&base?, &ours?, &theirs?, &labels))
}

/// What a side makes of `text`: by turns a line is replaced, added, taken out.
fn edited(text: &str, first: usize, side: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        let edit = number.checked_sub(first).filter(|past| past % EVERY == 0).map(|past| past / EVERY % 3);
        let (kept, new) = match edit {
            Some(0) => (false, true),
            Some(1) => (true, true),
            Some(_) => (false, false),
            None => (true, false),
        };
        if kept {
            out.push_str(line);
            out.push('\n');
        }
        if new {
            out.push_str(&format!("line {number} of {side}\n"));
        }
    }
    out
}
