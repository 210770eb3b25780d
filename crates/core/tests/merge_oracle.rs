//! Compares our merges and diffs with those of git, which must be installed, on generated texts and on real pages.
//!
//! Where no line stands twice, the two merge alike, byte for byte. Lines that are equal, blank ones above all, can be
//! aligned in more than one way; only there do they differ, for one of these reasons:
//!
//! - ours merges more: fewer lines are in conflict, and what git merges is merged;
//! - ours draws a conflict elsewhere: the same lines are merged and the same are in conflict, in another order, as they
//!   stand around another of several that are equal;
//! - ours merges less: more lines are in conflict, or others. At most one triple in fifty.
//!
//! Measured with git 2.47 on the 646 triples of our own pages: 626 equal, 7, 8 and 5 of these; on 3,281 with published
//! skills: 3,206, 33, 22 and 20. A page of which each line is made to stand once shows that nothing else sets them
//! apart. Sections that moved are left out there: of two that changed places, either may be taken for the one that did.
#![expect(clippy::disallowed_methods, reason = "the oracle is another program, fed by files")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use skillsync_core::diff;
use skillsync_core::merge::{Labels, ShowBase, texts};

#[path = "merge_oracle/real.rs"]
mod real;

use real::Triple;

const LABELS: Labels<'_> = Labels { ours: "ours", base: "base", theirs: "theirs", show_base: ShowBase::Yes };

/// The same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// How alike the lines of a text are: the more they are, the more ways there are to align them.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Unique,
    Markdown,
    Repeating,
}

fn line(kind: Kind, dice: &mut Dice) -> String {
    match kind {
        Kind::Unique => format!("line {}\n", dice.roll(1 << 30)),
        Kind::Markdown => match dice.roll(5) {
            0 => "\n".to_owned(),
            1 => "```\n".to_owned(),
            2 => format!("## Step {}\n", dice.roll(4)),
            _ => format!("- do thing {}\n", dice.roll(60)),
        },
        Kind::Repeating => ["a\n", "b\n", "c\n"][dice.roll(3)].to_owned(),
    }
}

fn edited(base: &[String], kind: Kind, dice: &mut Dice) -> Vec<String> {
    let mut lines = base.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(lines.len() + 1);
        let end = (at + dice.roll(3)).min(lines.len());
        let new: Vec<String> = (0..dice.roll(3)).map(|_| line(kind, dice)).collect();
        lines.splice(at..end, new);
    }
    lines
}

fn joined(lines: &[String], dice: &mut Dice) -> String {
    let text = lines.concat();
    if dice.roll(8) == 0 { text.trim_end_matches('\n').to_owned() } else { text }
}

fn git_merge(folder: &Path, base: &str, ours: &str, theirs: &str) -> (String, bool) {
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        fs::write(folder.join(name), text).unwrap();
    }
    let output = Command::new("git")
        .args([
            "merge-file",
            "-p",
            "--diff3",
            "-L",
            "ours",
            "-L",
            "base",
            "-L",
            "theirs",
            "ours",
            "base",
            "theirs",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    assert!((0..=127).contains(&code), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), code == 0)
}

/// How our merge compares with git's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// Byte for byte, markers included.
    Equal,
    /// Both clean, with different bytes.
    CleanDiffers,
    /// Both with conflicts, drawn elsewhere.
    ConflictDiffers,
    /// Only git sees a conflict.
    OnlyGit,
    /// Only we see a conflict.
    OnlyUs,
}

/// Lines that stand more than once can be aligned in more than one way; nothing else explains a difference.
fn has_repeated_line(texts: [&str; 3]) -> bool {
    texts.iter().any(|text| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.windows(2).any(|pair| pair[0] == pair[1])
    })
}

#[test]
fn merges_agree_with_git() {
    const TRIPLES: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    // (how alike, most differing clean merges, most differences in all): measured 0/0, 0/25, 4/69 of 400.
    for (kind, most_clean, most) in [(Kind::Unique, 0, 0), (Kind::Markdown, 0, 40), (Kind::Repeating, 8, 100)]
    {
        let mut dice = Dice(42);
        let mut verdicts = BTreeMap::<Verdict, usize>::new();
        for _ in 0..TRIPLES {
            let base: Vec<String> = (0..dice.roll(25)).map(|_| line(kind, &mut dice)).collect();
            let (ours, theirs) = (edited(&base, kind, &mut dice), edited(&base, kind, &mut dice));
            let [base, ours, theirs] = [&base, &ours, &theirs].map(|lines| joined(lines, &mut dice));
            let merge = texts(&base, &ours, &theirs, &LABELS);
            let (text, is_clean) = git_merge(folder.path(), &base, &ours, &theirs);
            let verdict = match (merge.conflicts.is_empty(), is_clean) {
                (we, git) if we == git && merge.text == text => Verdict::Equal,
                (true, true) => Verdict::CleanDiffers,
                (false, false) => Verdict::ConflictDiffers,
                (true, false) => Verdict::OnlyGit,
                (false, true) => Verdict::OnlyUs,
            };
            if verdict != Verdict::Equal {
                let shown = format!(
                    "{verdict:?}\n{base:?}\n{ours:?}\n{theirs:?}\nwe  {:?}\ngit {text:?}",
                    merge.text
                );
                assert!(has_repeated_line([&base, &ours, &theirs]), "{shown}");
            }
            *verdicts.entry(verdict).or_default() += 1;
        }
        let clean = verdicts.get(&Verdict::CleanDiffers).copied().unwrap_or(0);
        let differing = TRIPLES - verdicts.get(&Verdict::Equal).copied().unwrap_or(0);
        assert!(clean <= most_clean && differing <= most, "{kind:?}: {verdicts:?}");
    }
}

/// What our merge of a real page does that git's does not; see the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Equal,
    MergesMore,
    DrawsElsewhere,
    MergesLess,
}

/// Which reason sets two merges of the same texts apart.
fn reason(ours: &str, git: &str) -> Reason {
    let ([our_clean, our_conflicts], [git_clean, git_conflicts]) = (parted(ours), parted(git));
    let mut left = our_clean.iter();
    if ours == git {
        Reason::Equal
    } else if our_clean == git_clean && our_conflicts == git_conflicts {
        Reason::DrawsElsewhere
    } else if our_conflicts.len() < git_conflicts.len()
        && git_clean.iter().all(|line| left.any(|other| other == line))
    {
        Reason::MergesMore
    } else {
        Reason::MergesLess
    }
}

/// The lines that are merged and those in conflict, without markers, each sorted.
fn parted(merge: &str) -> [Vec<&str>; 2] {
    let mut parts = [Vec::new(), Vec::new()];
    let mut part = 0;
    for line in merge.split_inclusive('\n') {
        match (line.trim_end(), part) {
            ("<<<<<<< ours", _) => part = 1,
            (">>>>>>> theirs", _) => part = 0,
            ("||||||| base" | "=======", 1) => {}
            _ => parts[part].push(line),
        }
    }
    parts.map(|mut lines| {
        lines.sort_unstable();
        lines
    })
}

#[test]
fn merges_of_real_pages_agree_with_git() {
    let folder = tempfile::tempdir().unwrap();
    let compared = |[base, ours, theirs]: &[String; 3]| {
        reason(&texts(base, ours, theirs, &LABELS).text, &git_merge(folder.path(), base, ours, theirs).0)
    };
    let triples = real::triples();
    let mut reasons = BTreeMap::<Reason, usize>::new();
    for Triple { page, way, texts, told_apart } in &triples {
        let reason = compared(texts);
        *reasons.entry(reason).or_default() += 1;
        let apart = compared(told_apart);
        assert!(apart == Reason::Equal || way.contains("moved"), "{page}: {way}: {apart:?}");
    }
    writeln!(std::io::stderr(), "merge_oracle: {} real triples: {reasons:?}", triples.len()).unwrap();
    assert!(triples.len() >= 400);
    let less = reasons.get(&Reason::MergesLess).copied().unwrap_or(0);
    assert!(less * 50 <= triples.len(), "{reasons:?}");
}

#[test]
fn git_applies_our_diffs() {
    const NAME: &str = "my file.md";
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(7);
    for round in 0..150 {
        let kind = [Kind::Unique, Kind::Markdown, Kind::Repeating][round % 3];
        let old: Vec<String> = (0..dice.roll(25)).map(|_| line(kind, &mut dice)).collect();
        let new = edited(&old, kind, &mut dice);
        let [old, new] = [&old, &new].map(|lines| joined(lines, &mut dice));
        let patch = diff::unified(NAME, Some(&old), Some(&new));
        if old == new {
            assert_eq!(patch, "");
            continue;
        }
        fs::write(folder.path().join(NAME), &old).unwrap();
        fs::write(folder.path().join("patch"), &patch).unwrap();
        let output =
            Command::new("git").args(["apply", "patch"]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{patch}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), new, "{patch}");
    }
}
