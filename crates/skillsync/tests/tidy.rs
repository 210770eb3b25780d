//! The rules of the house as tests: floors, crate edges, names, lengths, what every page and change note must be.
//! Each rule is a pure function over files and is shown a bad example, so that it can fail.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/codes.rs"]
mod codes;

/// A Rust file longer than this has a noun in it that wants its own room; it is listed.
const LONG_LINES: usize = 400;
/// A Rust file longer than this is refused.
const TOO_LONG_LINES: usize = 600;

/// What each crate may use of the workspace, lowest crate first.
const EDGES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("wire", &["skillsync-core"]),
    ("store", &["skillsync-core"]),
    ("client", &["skillsync-core", "skillsync-wire", "skillsync-store"]),
    ("hub", &["skillsync-core", "skillsync-wire"]),
    ("skillsync", &["skillsync-core", "skillsync-store", "skillsync-client"]),
    ("testkit", &[]),
];

/// Words that name no thing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "service", "misc"];

/// Marks of unfinished work, put together here so that this file does not carry them.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// A tracked file: its path from the root, `/`-separated, and its text.
#[derive(Debug, Clone)]
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate this is a source of, and its path below `src`.
    fn source(&self) -> Option<(&str, &str)> {
        self.path.strip_prefix("crates/")?.split_once("/src/")
    }
}

type Rule = fn(&[File]) -> Vec<String>;

/// The rule holds for the repository, and does not for the bad example.
#[track_caller]
fn check(rule: Rule, bad: &[File]) {
    assert!(!rule(bad).is_empty(), "the rule accepts its bad example");
    let broken = rule(&repository());
    assert!(broken.is_empty(), "{} to mend:\n  {}", broken.len(), broken.join("\n  "));
}

#[test]
fn a_room_uses_only_the_rooms_below_it() {
    let lib = File::new("crates/core/src/lib.rs", "//! x\npub mod low;\npub mod high;\n");
    check(floors, &[lib.clone(), File::new("crates/core/src/low.rs", "use crate::high::Thing;\n")]);
    let bad = [
        ("crates/core/src/low/part.rs", "fn f() { crate::high::g() }\n"),
        ("crates/core/src/low.rs", "use super::high;\n"),
        ("crates/core/src/low.rs", "use crate::{fault, high::X};\n"),
        ("crates/core/src/stray.rs", "//! in no list\n"),
    ];
    for (path, text) in bad {
        assert!(!floors(&[lib.clone(), File::new(path, text)]).is_empty(), "accepted: {text}");
    }
    let good = [
        ("crates/core/src/high.rs", "use crate::low::Thing;\nuse crate::high::part::X;\n"),
        ("crates/core/src/low.rs", "// crate::high is above\n#[cfg(test)]\nmod tests { use crate::high; }\n"),
    ];
    for (path, text) in good {
        let broken = floors(&[lib.clone(), File::new(path, text)]);
        assert!(broken.is_empty(), "{text}: {broken:?}");
    }
}

#[test]
fn rustfmt_leaves_the_order_of_rooms() {
    check(order_is_kept, &[File::new("rustfmt.toml", "max_width = 110\n")]);
}

#[test]
fn a_crate_uses_only_the_crates_below_it() {
    let manifest = "[dependencies]\nskillsync-store.workspace = true\n";
    check(edges, &[File::new("crates/core/Cargo.toml", manifest)]);
    let testkit = "[dependencies]\nskillsync-testkit.workspace = true\n";
    assert!(!edges(&[File::new("crates/store/Cargo.toml", testkit)]).is_empty());
    assert!(!edges(&[File::new("crates/new/Cargo.toml", "[dependencies]\n")]).is_empty());
    assert!(
        edges(&[File::new("crates/store/Cargo.toml", "[dependencies]\nskillsync-core = 1\n")]).is_empty()
    );
}

#[test]
fn every_file_says_first_what_it_is() {
    check(heads, &[File::new("crates/core/src/a.rs", "use std::fs;\n")]);
}

#[test]
fn no_file_is_too_long() {
    check(lengths, &[File::new("crates/core/src/a.rs", &"x\n".repeat(TOO_LONG_LINES + 1))]);
    let long: Vec<String> = repository()
        .iter()
        .filter(|f| f.is_rust() && f.text.lines().count() > LONG_LINES)
        .map(|f| format!("{} ({} lines)", f.path, f.text.lines().count()))
        .collect();
    if !long.is_empty() {
        skillsync_testkit::say(&format!("tidy: over {LONG_LINES} lines: {}", long.join(", ")));
    }
}

#[test]
fn a_room_is_named_for_a_thing() {
    check(names, &[File::new("crates/core/src/path_util.rs", "//! x\n")]);
    for (path, text) in [
        ("crates/core/src/mod.rs", ""),
        ("crates/core/src/helpers/a.rs", ""),
        ("crates/core/src/a.rs", "pub mod manager;\n"),
        ("crates/core/src/a.rs", "    mod common {\n"),
    ] {
        assert!(!names(&[File::new(path, text)]).is_empty(), "accepted: {path} {text}");
    }
}

#[test]
fn a_lint_is_expected_with_a_reason_never_allowed() {
    check(allowed_lints, &[File::new("crates/core/src/a.rs", concat!("#[all", "ow(dead_code)]\n"))]);
}

#[test]
fn nothing_is_left_for_later() {
    check(unfinished, &[File::new("crates/core/src/a.rs", concat!("// TO", "DO: write this\n"))]);
}

#[test]
fn every_format_page_belongs_to_something() {
    check(format_pages, &[File::new("docs/formats/orphan.md", "# Orphan\n")]);
}

#[test]
fn every_room_stands_in_the_architecture() {
    let room = File::new("crates/core/src/orphan.rs", "//! x\n");
    check(rooms_described, &[File::new("ARCHITECTURE.md", "`name.rs`"), room]);
}

#[test]
fn every_change_note_says_something() {
    check(change_notes, &[File::new("changes/unreleased/empty.md", "\n")]);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let here = format!("see {}/docs\n", root().display());
    check(machine_paths, &[File::new("docs/a.md", &here)]);
    assert!(!machine_paths(&[File::new("a.rs", concat!("// in /ro", "ot/.cargo\n"))]).is_empty());
}

/// Rooms stand in `lib.rs` lowest first; a room may name only rooms that stand before it.
fn floors(files: &[File]) -> Vec<String> {
    let mut order = BTreeMap::<&str, Vec<&str>>::new();
    for file in files {
        if let Some((krate, "lib.rs")) = file.source() {
            order.insert(krate, file.text.lines().filter_map(declared_room).collect());
        }
    }
    let mut broken = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let Some((krate, below)) = file.source() else { continue };
        if below == "lib.rs" || below == "main.rs" {
            continue;
        }
        let Some(rooms) = order.get(krate) else { continue };
        let room = below.split('/').next().unwrap_or(below).trim_end_matches(".rs");
        let Some(floor) = rooms.iter().position(|r| *r == room) else {
            broken.push(format!("{}: the room `{room}` is not in lib.rs", file.path));
            continue;
        };
        // In a file directly under `src`, `super` is the crate.
        let roots: &[&str] = if below.contains('/') { &["crate::"] } else { &["crate::", "super::"] };
        for name in used_rooms(&file.text, roots) {
            if let Some(other) = rooms.iter().position(|r| *r == name)
                && other > floor
            {
                broken.push(format!("{}: `{room}` looks up to `{name}`", file.path));
            }
        }
    }
    broken.sort();
    broken.dedup();
    broken
}

fn declared_room(line: &str) -> Option<&str> {
    let line = line.trim().strip_suffix(';')?;
    let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
    line.strip_prefix("mod ")
}

/// The names that follow `crate::` in code: not in comments, not in the tests at the end, which may look anywhere.
fn used_rooms<'t>(text: &'t str, roots: &[&str]) -> Vec<&'t str> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut names = Vec::new();
    for root in roots {
        for (start, _) in code.match_indices(root) {
            let line = &code[code[..start].rfind('\n').map_or(0, |n| n + 1)..start];
            if line.contains("//") || line.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &code[start + root.len()..];
            match rest.strip_prefix('{') {
                None => names.push(ident(rest)),
                Some(list) => {
                    let list = list.split(';').next().unwrap_or(list);
                    // Words of an inner list may be taken for rooms; they only matter when a room has that name.
                    names.extend(list.split([',', '{', '}']).map(|part| ident(part.trim())));
                }
            }
        }
    }
    names
}

fn ident(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// `lib.rs` is the list of floors, so the formatter must not sort it.
fn order_is_kept(files: &[File]) -> Vec<String> {
    let kept = |f: &&File| f.path == "rustfmt.toml" && f.text.contains("reorder_modules = false");
    match files.iter().find(kept) {
        Some(_) => Vec::new(),
        None => {
            vec!["rustfmt.toml: wants `reorder_modules = false`; lib.rs lists rooms lowest first".to_owned()]
        }
    }
}

/// `[dependencies]` of a crate name only crates of the workspace that stand below it; the test kit is for tests.
fn edges(files: &[File]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files {
        let Some(krate) = file.path.strip_prefix("crates/").and_then(|p| p.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let Some((_, may_use)) = EDGES.iter().find(|(name, _)| *name == krate) else {
            broken.push(format!("{}: the crate has no line in EDGES", file.path));
            continue;
        };
        let Ok(manifest) = file.text.parse::<toml_edit::DocumentMut>() else {
            broken.push(format!("{}: is not TOML", file.path));
            continue;
        };
        for table in ["dependencies", "build-dependencies"] {
            let names =
                manifest.get(table).and_then(|t| t.as_table_like()).into_iter().flat_map(|t| t.iter());
            for (name, _) in names.filter(|(name, _)| name.starts_with("skillsync")) {
                if !may_use.contains(&name) {
                    broken.push(format!("{}: `{krate}` may not use `{name}`", file.path));
                }
            }
        }
    }
    broken
}

fn heads(files: &[File]) -> Vec<String> {
    let bare = files.iter().filter(|f| f.is_rust() && !f.text.starts_with("//! "));
    bare.map(|f| format!("{}: opens with no `//!` sentence", f.path)).collect()
}

fn lengths(files: &[File]) -> Vec<String> {
    let lines = |f: &File| f.text.lines().count();
    let long = files.iter().filter(|f| f.is_rust() && lines(f) > TOO_LONG_LINES);
    long.map(|f| format!("{}: {} lines; {TOO_LONG_LINES} are allowed", f.path, lines(f))).collect()
}

fn names(files: &[File]) -> Vec<String> {
    let empty = |name: &str| name.split('_').any(|word| EMPTY_NAMES.contains(&word));
    let mut broken = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        if file
            .path
            .split('/')
            .map(|part| part.trim_end_matches(".rs"))
            .any(|part| part == "mod" || empty(part))
        {
            broken.push(format!("{}: the path names no thing", file.path));
        }
        for line in file.text.lines() {
            let line = line.trim();
            let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
            if let Some(name) = line.strip_prefix("mod ").map(ident)
                && empty(name)
            {
                broken.push(format!("{}: the module `{name}` names no thing", file.path));
            }
        }
    }
    broken
}

fn allowed_lints(files: &[File]) -> Vec<String> {
    let marks = [concat!("#[all", "ow("), concat!("#![all", "ow(")];
    let mut broken = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        for (number, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.trim_start().starts_with(mark)) {
                broken.push(format!("{}:{}: expect the lint, with a reason", file.path, number + 1));
            }
        }
    }
    broken
}

fn unfinished(files: &[File]) -> Vec<String> {
    let ours = |f: &&File| f.is_rust() || f.path.ends_with(".toml") || f.path.ends_with(".md");
    let mut broken = Vec::new();
    for file in files.iter().filter(ours) {
        for (number, line) in file.text.lines().enumerate() {
            if UNFINISHED.iter().any(|mark| has_word(line, mark)) {
                broken.push(format!("{}:{}: unfinished: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    broken
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !letter(line[..at].chars().next_back()) && !letter(line[at + word.len()..].chars().next())
    })
}

/// A page of `docs/formats` is named by the code that reads the format, or at least by the index.
fn format_pages(files: &[File]) -> Vec<String> {
    let pages = files.iter().filter_map(|f| f.path.strip_prefix("docs/formats/"));
    let naming = |f: &&File| f.is_rust() || f.path == "docs/README.md" || f.path == "docs/formats/README.md";
    let named = |page: &str| files.iter().filter(naming).any(|f| f.text.contains(&format!("formats/{page}")));
    pages.filter(|page| !named(page)).map(|page| format!("docs/formats/{page}: nothing names it")).collect()
}

fn rooms_described(files: &[File]) -> Vec<String> {
    let Some(map) = files.iter().find(|f| f.path == "ARCHITECTURE.md") else {
        return vec!["ARCHITECTURE.md: is not there".to_owned()];
    };
    let mut broken = Vec::new();
    for file in files {
        let Some((krate, below)) = file.source() else { continue };
        if file.is_rust() && !below.contains('/') && below != "lib.rs" && below != "main.rs" {
            let room = below.trim_end_matches(".rs");
            if !has_word(&map.text, room) {
                broken.push(format!("ARCHITECTURE.md: does not mention the room `{room}` of `{krate}`"));
            }
        }
    }
    broken
}

fn change_notes(files: &[File]) -> Vec<String> {
    let notes = files.iter().filter(|f| f.path.starts_with("changes/unreleased/") && f.path.ends_with(".md"));
    notes.filter(|f| f.text.trim().is_empty()).map(|f| format!("{}: is empty", f.path)).collect()
}

/// No file names the folder the repository lies in here, a folder beside it, or a home that is nobody's example.
fn machine_paths(files: &[File]) -> Vec<String> {
    let root = root();
    let mut words = vec![root.display().to_string(), concat!("/ro", "ot/").to_owned()];
    if let Some(parent) = root.parent().filter(|p| p.parent().is_some()) {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            words.push(entry.path().display().to_string());
        }
    }
    let mut broken = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| names_path(line, word)) {
                broken.push(format!("{}:{}: names `{word}` of this machine", file.path, number + 1));
            }
        }
    }
    broken
}

/// Whether the absolute path stands in the line from its beginning: `~/a/b` does not name `/a/b`.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "~_.-*}".contains(c));
        !joins(before)
            && (path.ends_with('/') || !after.is_some_and(|c| c.is_alphanumeric() || "_-".contains(c)))
    })
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().unwrap_or(here)
}

/// Every text file that belongs to the repository. Build outputs and what a fuzzer makes do not.
fn repository() -> Vec<File> {
    let mut files = Vec::new();
    gather(&root(), "", &mut files);
    assert!(files.iter().any(|f| f.path == "crates/core/src/lib.rs"), "the repository was not found");
    files
}

fn gather(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    let outside = [".git", "target", "fuzz/target", "fuzz/artifacts", "fuzz/corpus"];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let Ok(kind) = entry.file_type() else { continue };
        if outside.contains(&path.as_str()) {
            continue;
        }
        if kind.is_dir() {
            gather(&entry.path(), &path, files);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(File { path, text });
        }
    }
}
