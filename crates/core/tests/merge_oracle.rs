//! Compares our merges and diffs with those of git, which must be installed, on generated texts.
#![expect(clippy::disallowed_methods, reason = "the oracle is another program, fed by files")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use skillsync_core::diff;
use skillsync_core::merge::{Labels, ShowBase, texts};

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
