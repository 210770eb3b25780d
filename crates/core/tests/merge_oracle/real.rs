//! Merges as they happen: real pages, and what two people make of them. What comes of it is left to the test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Dice;

/// A page, what two made of it, and how.
pub(crate) struct Triple {
    /// The page.
    pub(crate) page: String,
    /// The edit.
    pub(crate) way: &'static str,
    /// The page, what one made of it, and what the other made of it.
    pub(crate) texts: [String; 3],
    /// The same of a page on which every line stands once: blanks at their ends tell its lines apart.
    pub(crate) told_apart: [String; 3],
}

/// Every page of the repository and of the folder that `SKILLSYNC_CORPUS` names, each edited in every way.
pub(crate) fn triples() -> Vec<Triple> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = Vec::new();
    for place in ["README.md", "docs", "crates/skillsync/builtin", "testdata/skills"] {
        gather(&root, Path::new(place), &mut pages);
    }
    if let Some(corpus) = std::env::var_os("SKILLSYNC_CORPUS") {
        gather(Path::new(&corpus), Path::new(""), &mut pages);
    }
    let mut triples = Vec::new();
    for (page, text) in pages {
        let lines: Lines = text.split_inclusive('\n').map(str::to_owned).collect();
        for (way, edit) in WAYS {
            // Each has dice of its own, so that a new page or way changes no other.
            let seed =
                page.bytes().chain(way.bytes()).fold(7, |seed, byte| seed * 31 % (1 << 40) + u64::from(byte));
            let texts = edit(lines.clone(), &mut Dice(seed)).map(|lines| lines.concat());
            let [base, ours, theirs] = edit(told_apart(&lines), &mut Dice(seed));
            let told_apart = [base.concat(), named(ours, "ours"), named(theirs, "theirs")];
            triples.push(Triple { page: page.clone(), way, texts, told_apart });
        }
    }
    triples
}

/// The Markdown files at and below `place` in `root` that have a text, in the same order on every machine.
fn gather(root: &Path, place: &Path, pages: &mut Vec<(String, String)>) {
    let path = root.join(place);
    if place.extension().is_some_and(|extension| extension == "md") {
        let text = fs::read_to_string(path).unwrap_or_default();
        if !text.is_empty() {
            pages.push((place.to_str().unwrap().to_owned(), text));
        }
    } else if path.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.iter().for_each(|name| gather(root, &place.join(name), pages));
    }
}

type Lines = Vec<String>;
/// Makes of a page what both come from and what each side has.
type Way = fn(Lines, &mut Dice) -> [Lines; 3];

const WAYS: &[(&str, Way)] = &[
    ("words apart", |base, dice| {
        let (first, second) = apart(&base, dice);
        [base.clone(), reworded(&base, first, "now"), reworded(&base, second, "soon")]
    }),
    ("words of one line", |base, dice| {
        let at = prose(&base, dice);
        [base.clone(), reworded(&base, at, "now"), reworded(&base, at, "soon")]
    }),
    ("words of two lines in a row", |base, dice| {
        let at = prose(&base, dice);
        let next = (at + 1) % base.len();
        [base.clone(), reworded(&base, at, "now"), reworded(&base, next, "soon")]
    }),
    ("the same words, and others", |base, dice| {
        let (both, one) = apart(&base, dice);
        let ours = reworded(&base, both, "now");
        [base, reworded(&ours, one, "soon"), ours]
    }),
    ("paragraphs added apart", |base, dice| {
        let (first, second) = (gap(&base, dice), gap(&base, dice));
        [base.clone(), with_paragraph(&base, first, "now"), with_paragraph(&base, second, "soon")]
    }),
    ("paragraphs added in one place", |base, dice| {
        let at = gap(&base, dice);
        [base.clone(), with_paragraph(&base, at, "now"), with_paragraph(&base, at, "soon")]
    }),
    ("a paragraph taken out, words elsewhere", |base, dice| {
        let (ours, at) = (without_paragraph(&base, dice), prose(&base, dice));
        [base.clone(), ours, reworded(&base, at, "soon")]
    }),
    ("paragraphs taken out by each", |base, dice| {
        let (ours, theirs) = (without_paragraph(&base, dice), without_paragraph(&base, dice));
        [base, ours, theirs]
    }),
    ("a section moved, words of any line", |base, dice| {
        let (ours, at) = (with_section_moved(&base, dice), prose(&base, dice));
        [base.clone(), ours, reworded(&base, at, "soon")]
    }),
    ("sections moved by each", |base, dice| {
        let (ours, theirs) = (with_section_moved(&base, dice), with_section_moved(&base, dice));
        [base, ours, theirs]
    }),
    ("a section copied, words of any line", |base, dice| {
        let (start, end) = section(&base, dice);
        let mut ours = base.clone();
        ours.splice(end..end, reworded(&base[start..end], 0, "copy"));
        let at = prose(&base, dice);
        [base.clone(), ours, reworded(&base, at, "soon")]
    }),
    ("lines broken elsewhere, words of any line", |base, dice| {
        let at = prose(&base, dice);
        let mut ours = base.clone();
        ours.splice(at..at + 1, broken(&base[at]));
        let other = prose(&base, dice);
        [base.clone(), ours, reworded(&base, other, "soon")]
    }),
    ("much by each", |base, dice| {
        let much = |mut lines: Lines, word: &str, dice: &mut Dice| {
            lines = without_paragraph(&lines, dice);
            for step in 1..=3 {
                let (line, gap) = (prose(&lines, dice), gap(&lines, dice));
                lines = with_paragraph(&reworded(&lines, line, word), gap, &format!("{word} in step {step}"));
            }
            lines
        };
        let (ours, theirs) = (much(base.clone(), "now", dice), much(base.clone(), "soon", dice));
        [base, ours, theirs]
    }),
    ("CRLF", |base, dice| {
        let (first, second) = (prose(&base, dice), prose(&base, dice));
        let ours = reworded(&base, first, "now");
        let theirs = with_paragraph(&reworded(&base, second, "soon"), base.len(), "soon");
        [base, ours, theirs].map(crlf)
    }),
    ("CRLF of one side", |base, dice| {
        let at = prose(&base, dice);
        [base.clone(), reworded(&base, at, "now"), crlf(base)]
    }),
    ("no last line end", |base, dice| {
        let at = prose(&base, dice);
        [base.clone(), bare(base.clone()), with_paragraph(&reworded(&base, at, "soon"), base.len(), "soon")]
    }),
    ("no last line end anywhere", |base, dice| {
        let (first, second) = apart(&base, dice);
        let (ours, theirs) = (reworded(&base, first, "now"), reworded(&base, second, "soon"));
        [base, ours, theirs].map(bare)
    }),
];

/// A line with words, if there is one.
fn prose(lines: &[String], dice: &mut Dice) -> usize {
    let words: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].trim().contains(' ')).collect();
    if words.is_empty() { dice.roll(lines.len()) } else { words[dice.roll(words.len())] }
}

/// A line of the first half and one of the second.
fn apart(lines: &[String], dice: &mut Dice) -> (usize, usize) {
    let half = lines.len() / 2;
    (prose(&lines[..half.max(1)], dice), half + prose(&lines[half..], dice))
}

/// The line with a word more: after its first, so that its mark as heading or item stays.
fn reworded(lines: &[String], at: usize, word: &str) -> Lines {
    let mut lines = lines.to_vec();
    lines[at] = match lines[at].split_once(' ') {
        Some((first, rest)) => format!("{first} {word} {rest}"),
        None => format!("{word} {}", lines[at]),
    };
    lines
}

/// The line as two.
fn broken(line: &str) -> Lines {
    let middle = line.len() / 2;
    match line.match_indices(' ').find(|(at, _)| *at >= middle) {
        Some((at, _)) => vec![format!("{}\n", &line[..at]), line[at + 1..].to_owned()],
        None => vec![line.to_owned()],
    }
}

/// The place of a blank line, or the end.
fn gap(lines: &[String], dice: &mut Dice) -> usize {
    let mut gaps: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].trim().is_empty()).collect();
    gaps.push(lines.len());
    gaps[dice.roll(gaps.len())]
}

fn with_paragraph(lines: &[String], at: usize, word: &str) -> Lines {
    let paragraph = ["\n".to_owned(), format!("Do it {word}.\n"), format!("What is done {word} is done.\n")];
    [&lines[..at], &paragraph, &lines[at..]].concat()
}

/// Without what stands between two blank lines.
fn without_paragraph(lines: &[String], dice: &mut Dice) -> Lines {
    let start = gap(lines, dice);
    let end = (start + 1..lines.len()).find(|at| lines[*at].trim().is_empty()).unwrap_or(lines.len());
    [&lines[..start], &lines[end..]].concat()
}

/// A heading with what belongs to it; the whole page if there is none.
fn section(lines: &[String], dice: &mut Dice) -> (usize, usize) {
    let headings: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with('#')).collect();
    if headings.is_empty() {
        return (0, lines.len());
    }
    let index = dice.roll(headings.len());
    (headings[index], headings.get(index + 1).copied().unwrap_or(lines.len()))
}

fn with_section_moved(lines: &[String], dice: &mut Dice) -> Lines {
    let (start, end) = section(lines, dice);
    let rest = [&lines[..start], &lines[end..]].concat();
    let at = gap(&rest, dice);
    [&rest[..at], &lines[start..end], &rest[at..]].concat()
}

fn crlf(lines: Lines) -> Lines {
    lines.iter().map(|line| line.replace("\r\n", "\n").replace("\n", "\r\n")).collect()
}

fn bare(mut lines: Lines) -> Lines {
    if let Some(last) = lines.last_mut() {
        last.truncate(last.trim_end_matches('\n').len());
    }
    lines
}

/// The lines with blanks at their ends: one for each time that the line has stood on the page so far.
fn told_apart(lines: &[String]) -> Lines {
    let mut seen = BTreeMap::<&str, usize>::new();
    let marked = lines.iter().map(|line| {
        let count = seen.entry(line).or_default();
        *count += 1;
        let (text, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
        format!("{text}{}{end}", " ".repeat(*count))
    });
    marked.collect()
}

/// The text of a side, whose name is put into the blank lines that it added.
fn named(lines: Lines, side: &str) -> String {
    let named = lines.into_iter().enumerate().map(|(number, line)| match line.as_str() {
        "\n" | "\r\n" => format!("{side} {number}{line}"),
        _ => line,
    });
    named.collect()
}
