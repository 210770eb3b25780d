//! Tables of tree merges.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::super::ShowBase;
use super::*;

const LABELS: Labels<'_> = Labels { ours: "ours", base: "base", theirs: "theirs", show_base: ShowBase::No };

/// A tree written as `path=content` entries; `*path` is executable.
fn tree(entries: &[&str]) -> (Tree, BTreeMap<FileDigest, Vec<u8>>) {
    let mut bytes = BTreeMap::new();
    let files: Vec<_> = entries
        .iter()
        .map(|entry| {
            let (path, content) = entry.split_once('=').unwrap();
            let content = content.replace("\\0", "\0").into_bytes();
            let digest = FileDigest::of(&content);
            let file = File { digest, size_bytes: content.len() as u64, executable: path.starts_with('*') };
            bytes.insert(digest, content);
            (SkillPath::parse(path.trim_start_matches('*')).unwrap(), file)
        })
        .collect();
    (Tree::new(files).unwrap(), bytes)
}

/// Merges and writes the result as entries, then the conflicts as `path kind [at]`.
fn merged(base: &[&str], ours: &[&str], theirs: &[&str]) -> (Vec<String>, Vec<String>) {
    let (base, mut bytes) = tree(base);
    let (ours, our_bytes) = tree(ours);
    let (theirs, their_bytes) = tree(theirs);
    bytes.extend(our_bytes);
    bytes.extend(their_bytes);
    let mut read = |digest: &FileDigest| Ok::<_, Infallible>(bytes[digest].clone());
    let Ok(merge) = trees(&base, &ours, &theirs, &mut read, &LABELS);
    let mut files = Vec::new();
    for (path, file) in &merge.files {
        let content = match &file.content {
            Content::Same(digest) => bytes[digest].clone(),
            Content::Bytes(bytes) => bytes.clone(),
        };
        let content = String::from_utf8(content).unwrap().replace('\n', "/").replace('\0', "\\0");
        files.push(format!("{}{path}={content}", if file.executable { "*" } else { "" }));
    }
    let conflicts = merge.conflicts.iter().map(|conflict| {
        let kind = serde_json::to_value(conflict).unwrap()["kind"].as_str().unwrap().to_owned();
        let at = conflict.theirs_at.as_ref().map(|at| format!(" {at}")).unwrap_or_default();
        format!("{} {kind}{at}", conflict.path)
    });
    let conflicts = conflicts.collect();
    // What was merged must be a tree again.
    Tree::new(merge.files.into_iter().map(|(path, file)| {
        let digest = match file.content {
            Content::Same(digest) => digest,
            Content::Bytes(bytes) => FileDigest::of(&bytes),
        };
        (path, File { digest, size_bytes: 0, executable: file.executable })
    }))
    .unwrap();
    (files, conflicts)
}

#[test]
fn trees_merge_file_by_file() {
    type Entries<'a> = &'a [&'a str];
    let cases: &[(&str, Entries<'_>, Entries<'_>, Entries<'_>, Entries<'_>, Entries<'_>)] = &[
        // (what, base, ours, theirs, merged, conflicts)
        ("one side each", &["a=1", "b=1"], &["a=2", "b=1"], &["a=1", "b=2"], &["a=2", "b=2"], &[]),
        ("added and deleted", &["a=1", "b=1"], &["a=1", "b=1", "c=1"], &["b=1"], &["b=1", "c=1"], &[]),
        ("both the same", &["a=1"], &["a=2", "n=1"], &["a=2", "n=1"], &["a=2", "n=1"], &[]),
        ("both deleted", &["a=1", "b=1"], &["b=1"], &["b=1"], &["b=1"], &[]),
        ("lines apart", &["a=1\n2\n3\n"], &["a=x\n2\n3\n"], &["a=1\n2\ny\n"], &["a=x/2/y/"], &[]),
        (
            "lines together",
            &["a=1\n"],
            &["a=2\n"],
            &["a=3\n"],
            &["a=<<<<<<< ours/2/=======/3/>>>>>>> theirs/"],
            &["a text"],
        ),
        ("bit and bytes", &["a=1"], &["*a=1"], &["a=2"], &["*a=2"], &[]),
        ("bit taken away", &["*a=1\n"], &["*a=2\n"], &["a=1\n"], &["a=2/"], &[]),
        ("bit of an added file", &[], &["a=1"], &["*a=1"], &["*a=1"], &[]),
        (
            "binary",
            &["a=1\\0"],
            &["a=2\\0"],
            &["a=3\\0"],
            &["a=2\\0", "a.theirs=3\\0"],
            &["a binary a.theirs"],
        ),
        (
            "binary of one side",
            &["a=1"],
            &["a=2"],
            &["a=3\\0"],
            &["a=2", "a.theirs=3\\0"],
            &["a binary a.theirs"],
        ),
        (
            "ours deleted",
            &["a=1", "b=1"],
            &["b=1"],
            &["a=2", "b=1"],
            &["a.theirs=2", "b=1"],
            &["a delete-modify a.theirs"],
        ),
        ("theirs deleted", &["a=1", "b=1"], &["a=2", "b=1"], &["b=1"], &["a=2", "b=1"], &["a delete-modify"]),
        (
            "added text",
            &[],
            &["a=1\n2\n"],
            &["a=1\n3\n"],
            &["a=1/<<<<<<< ours/2/=======/3/>>>>>>> theirs/"],
            &["a add-add"],
        ),
        (
            "added binary",
            &[],
            &["a=1\\0"],
            &["*a=2\\0"],
            &["*a=1\\0", "*a.theirs=2\\0"],
            &["a add-add a.theirs"],
        ),
        ("moved and edited", &["a=1\n2\n3\n"], &["d/a=1\n2\n3\n"], &["a=1\n2\ny\n"], &["d/a=1/2/y/"], &[]),
        ("edited and moved", &["a=1\n2\n"], &["a=1\ny\n"], &["*d/a=1\n2\n"], &["*d/a=1/y/"], &[]),
        ("moved alone", &["a=1"], &["b=1"], &["a=1"], &["b=1"], &[]),
        ("moved apart", &["a=1"], &["b=1"], &["c=1"], &["b=1", "c=1"], &[]),
        ("same name first", &["d/a=1"], &["b=1", "e/a=1"], &["d/a=2"], &["b=1", "e/a=2"], &[]),
        (
            "empty files are not moved",
            &["a=", "x=1"],
            &["b=", "x=1"],
            &["a=2", "x=1"],
            &["a.theirs=2", "b=", "x=1"],
            &["a delete-modify a.theirs"],
        ),
        (
            "case twins",
            &["x=1"],
            &["x=1", "Read.md=1"],
            &["x=1", "read.md=2"],
            &["Read.md=1", "read.md.theirs=2", "x=1"],
            &["read.md collision read.md.theirs"],
        ),
        (
            "folder twins",
            &[],
            &["Dir/a=1"],
            &["dir/b=2"],
            &["Dir/a=1", "b.theirs=2"],
            &["dir/b collision b.theirs"],
        ),
        ("file and folder", &[], &["a=1"], &["a/b=2"], &["a=1", "b.theirs=2"], &["a/b collision b.theirs"]),
        ("folder and file", &[], &["a/b=1"], &["a=2"], &["a.theirs=2", "a/b=1"], &["a collision a.theirs"]),
        ("a file turned into a folder", &["a=1"], &["a=1"], &["a/b=2"], &["a/b=2"], &[]),
        (
            "the place beside is taken",
            &["a=1\\0"],
            &["a=2\\0", "A.Theirs=x"],
            &["a=3\\0"],
            &["A.Theirs=x", "a=2\\0", "a-2.theirs=3\\0"],
            &["a binary a-2.theirs"],
        ),
    ];
    for (what, base, ours, theirs, files, conflicts) in cases {
        let (got_files, got_conflicts) = merged(base, ours, theirs);
        assert_eq!(got_files, *files, "{what}");
        assert_eq!(got_conflicts, *conflicts, "{what}");
    }
}

#[test]
fn a_long_path_still_has_a_place_beside() {
    let long = format!("{}/{}/{}", "d".repeat(98), "e".repeat(98), "ab");
    let (base, ours, theirs) = (format!("{long}=1\\0"), format!("{long}=2\\0"), format!("{long}=3\\0"));
    let (files, conflicts) = merged(&[&base], &[&ours], &[&theirs]);
    assert_eq!(files.len(), 2);
    assert_eq!(conflicts, [format!("{long} binary ab.theirs")]);
    let long = "f".repeat(100);
    let (base, ours, theirs) = (format!("{long}=1\\0"), format!("{long}=2\\0"), format!("{long}=3\\0"));
    let (files, conflicts) = merged(&[&base], &[&ours], &[&theirs]);
    assert_eq!(files.len(), 2);
    assert!(conflicts[0].ends_with(BESIDE), "{conflicts:?}");
}

#[test]
fn a_text_of_too_many_lines_is_kept_whole_on_both_sides() {
    for (lines, conflicts) in [(MERGE_LINES, &["a text"]), (MERGE_LINES + 1, &["a binary a.theirs"])] {
        let version = |last: &str| format!("a={}{last}\n", "x\n".repeat(lines - 1));
        assert_eq!(merged(&[&version("1")], &[&version("2")], &[&version("3")]).1, *conflicts);
    }
}
