//! The codes that the program can return are those of the pages, and the other way round.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, check};

/// The pages that list codes, each code first in a row of a table.
const PAGE: &str = "docs/exit-codes.md";
const DOCTOR_PAGE: &str = "docs/commands.md";
/// What `doctor` alone finds stands in this section of its page.
const DOCTOR_SECTION: &str = "### doctor";

/// What comes right before a code in the source, but for blanks and a severity.
const BEFORE: [&str; 11] = [
    "code: ",
    "found.error(",
    "found.warn(",
    "finding(",
    "plain(",
    "Finding::new(",
    "Finding::error(",
    "Finding::warning(",
    "Finding::info(",
    "refuse(",
    "nothing(",
];
/// What may stand between: the other half of a pair.
const BETWEEN: [&str; 2] = ["Kind::", "Severity::"];

#[test]
fn every_code_stands_on_its_page_and_every_row_is_a_code() {
    let fault = "//! x\nimpl Fault for E {\n    fn code(&self) -> &'static str {\n        \"never-listed\"\n    }\n}\n";
    check(codes, &[File::new("crates/core/src/a.rs", fault)]);
    let page = File::new(PAGE, "| `never-returned` | `io` | x |\n");
    assert!(!codes(std::slice::from_ref(&page)).is_empty(), "a row without a code is accepted");
    for source in [
        "//! x\nfn f() { refusal(Kind::Exists, \"never-listed\", x) }\n",
        "//! x\nfn f() { R { code: \"never-listed\", .. } }\n",
        "//! x\nfn f() { found.error(\n    \"never-listed\", y) }\n",
        "//! x\nfn f() { (Severity::Error, \"never-listed\", true) }\n",
    ] {
        assert!(!codes(&[File::new("crates/core/src/a.rs", source)]).is_empty(), "overlooked: {source}");
    }
    let tested = "//! x\n#[cfg(test)]\nmod tests { fn f() { E { code: \"never-listed\" } } }\n";
    assert!(codes(&[File::new("crates/core/src/a.rs", tested)]).is_empty());
}

fn codes(files: &[File]) -> Vec<String> {
    let mut returned = BTreeMap::<&str, &str>::new();
    for file in files
        .iter()
        .filter(|file| file.is_rust() && file.source().is_some_and(|(krate, _)| krate != "testkit"))
    {
        for code in in_source(&file.text) {
            returned.entry(code).or_insert(&file.path);
        }
    }
    let page = |path: &str| files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
    let doctor = page(DOCTOR_PAGE).split(DOCTOR_SECTION).nth(1).unwrap_or_default();
    let doctor = doctor.split("\n## ").next().unwrap_or_default();
    let listed = rows(page(PAGE)).chain(rows(doctor)).collect::<BTreeSet<_>>();
    let unlisted = returned.iter().filter(|(code, _)| !listed.contains(**code));
    let mut broken: Vec<String> =
        unlisted.map(|(code, path)| format!("{path}: `{code}` has no row in {PAGE}")).collect();
    let unknown = listed.iter().filter(|code| !returned.contains_key(**code));
    broken.extend(unknown.map(|code| format!("{PAGE}: nothing returns `{code}`")));
    broken
}

/// The codes in the first cells of a page's tables. A word without a hyphen may be a kind or an exit code's meaning, so
/// the few codes of one word are not compared.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split(['`', ' ', ','])).filter(|word| is_code(word) && word.contains('-'))
}

fn is_code(word: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    word.len() > 2 && word.chars().all(inner) && !word.starts_with('-') && !word.ends_with('-')
}

/// The codes in a source file: what its `fn code` returns, and what is built with one. Not those of its tests.
fn in_source(text: &str) -> BTreeSet<&str> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("fn code(&self)") {
        let body = code[at..].split("\n    }\n").next().unwrap_or_default();
        found.extend(body.split('"').skip(1).step_by(2));
    }
    for (at, _) in code.match_indices('"') {
        let literal = code[at + 1..].split('"').next().unwrap_or_default();
        if is_code(literal) && literal.contains('-') && follows(&code[..at]) {
            found.insert(literal);
        }
    }
    found.retain(|word| is_code(word) && word.contains('-'));
    found
}

/// Whether what ends here is followed by a code.
fn follows(before: &str) -> bool {
    let before = before.trim_end();
    let said = |before: &str| BEFORE.iter().any(|mark| before.ends_with(mark.trim_end()));
    if said(before) {
        return true;
    }
    // `Kind::Exists, "code"`, `(Severity::Error, "code", ..)`.
    let Some(pair) = before.strip_suffix(',') else { return false };
    let name = |c: char| c.is_alphanumeric();
    BETWEEN.iter().any(|mark| pair.trim_end_matches(name).ends_with(mark))
}
