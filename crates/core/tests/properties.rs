//! Laws that must hold for every input: round trips, merges that lose nothing, readers that never panic.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use skillsync_core::digest::FileDigest;
use skillsync_core::merge::{
    ConflictKind, Content, Labels, ShowBase, Side, TreeMerge, has_markers, texts, trees,
};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_core::{diff, footer, frontmatter, tokens};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

const LABELS: Labels<'_> = Labels { ours: "ours", base: "base", theirs: "theirs", show_base: ShowBase::Yes };

/// Texts of pieces that are likely to meet each other badly.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![8 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()), 1 => vec(any::<u8>(), 0..4)], 0..24)
        .prop_map(|pieces| pieces.concat())
}

fn footers() -> impl Strategy<Value = Vec<u8>> {
    pieces(&[
        footer::START,
        footer::END,
        "\n",
        "\r\n",
        "\r",
        " ",
        "---",
        "text",
        "<!--",
        "skillsync:observation:",
    ])
}

fn skill_mds() -> impl Strategy<Value = Vec<u8>> {
    let yaml = pieces(&[
        "name:",
        "name: old",
        " ",
        "  ",
        "\n",
        "\r\n",
        ": ",
        "- ",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "#",
        " # c",
        "&a ",
        "*a",
        "[",
        "]",
        "{",
        "}",
        "description: what",
        "description:",
        "metadata:\n  version: 1.10\n",
        "---",
        "...",
        "?",
        "!t ",
        "<<: ",
        "\t",
        "\u{feff}",
        "\u{2028}",
        "x",
        "1.10",
        "true",
        "~",
        "%",
    ]);
    (any::<bool>(), yaml, any::<bool>(), select(&["\n---\n", "\n---\r\nbody", "\n--- \n# Body\n", ""][..]))
        .prop_map(|(mark, yaml, crlf, end)| {
            let mark = if mark { "\u{feff}" } else { "" };
            let start = if crlf { "---\r\n" } else { "---\n" };
            [mark.as_bytes(), start.as_bytes(), &yaml, end.as_bytes()].concat()
        })
}

fn names() -> impl Strategy<Value = SkillName> {
    "[a-z0-9]{1,8}(-[a-z0-9]{1,4}){0,2}".prop_map(|text| SkillName::parse(&text).unwrap())
}

/// Lines of a base; some are alike.
fn base_lines() -> impl Strategy<Value = Vec<String>> {
    vec(prop_oneof![Just(String::new()), "[a-c]", "[a-z]{4}"], 0..12)
}

/// What a side does at each line: keep it, drop it, or write something before it.
fn edits() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![4 => Just(0_u8), 1 => Just(1), 1 => Just(2)], 13)
}

/// Applies `edits`; every line that is written is `side` and a number, found nowhere else.
fn edited(base: &[String], edits: &[u8], side: &str) -> String {
    let mut text = String::new();
    for (index, edit) in edits.iter().enumerate().take(base.len() + 1) {
        if *edit == 2 {
            text += &format!("{side} {index}\n");
        }
        if let Some(line) = base.get(index).filter(|_| *edit != 1) {
            text += &format!("{line}\n");
        }
    }
    text
}

/// Small trees of few paths and contents, so that they meet; a path that collides with an earlier one is left out.
fn small_tree() -> impl Strategy<Value = BTreeMap<SkillPath, (String, bool)>> {
    let path = select(&["a", "A", "a/b", "b", "d/a", "D/c", "a.theirs", "SKILL.md"][..]);
    let content = select(&["", "1\n", "1\n2\n3\n", "x\n2\n3\n", "1\n2\ny\n", "1\n\0", "2\0", "other\n"][..]);
    vec((path, content, any::<bool>()), 0..6).prop_map(|entries| {
        let mut files = BTreeMap::new();
        for (path, content, executable) in entries {
            let before = files.clone();
            files.insert(SkillPath::parse(path).unwrap(), (content.to_owned(), executable));
            if Tree::new(files.iter().map(as_file)).is_err() {
                files = before;
            }
        }
        files
    })
}

fn as_file((path, (content, executable)): (&SkillPath, &(String, bool))) -> (SkillPath, File) {
    let digest = FileDigest::of(content.as_bytes());
    (path.clone(), File { digest, size_bytes: content.len() as u64, executable: *executable })
}

/// A text that was merged without a base, with what `side` has at its conflict.
fn chosen(text: &str, side: Side) -> String {
    let mut at = None;
    let mut chosen = String::new();
    for line in text.split_inclusive('\n') {
        match line {
            "<<<<<<< ours\n" => at = Some(Side::Ours),
            "||||||| base\n" => {}
            "=======\n" => at = Some(Side::Theirs),
            ">>>>>>> theirs\n" => at = None,
            _ if at.is_none_or(|at| at == side) => chosen += line,
            _ => {}
        }
    }
    chosen
}

type Files = BTreeMap<SkillPath, (String, bool)>;

fn merged(base: &Files, ours: &Files, theirs: &Files) -> (TreeMerge, Files) {
    let mut bytes = BTreeMap::new();
    let [base, ours, theirs] = [base, ours, theirs].map(|files| {
        bytes.extend(files.values().map(|(text, _)| (FileDigest::of(text.as_bytes()), text.clone())));
        Tree::new(files.iter().map(as_file)).unwrap()
    });
    let mut read = |digest: &FileDigest| Ok::<_, Infallible>(bytes[digest].clone().into_bytes());
    let Ok(merge) = trees(&base, &ours, &theirs, &mut read, &LABELS);
    let files = merge.files.iter().map(|(path, file)| {
        let text = match &file.content {
            Content::Same(digest) => bytes[digest].clone(),
            Content::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        };
        (path.clone(), (text, file.executable))
    });
    let files = files.collect();
    (merge, files)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_manifest_reads_back(paths in vec("[a-c/ .]{1,6}", 0..8), mode in any::<bool>()) {
        let files = paths.iter().filter_map(|path| SkillPath::parse(path).ok()).map(|path| {
            let file = File { digest: FileDigest::of(path.as_str().as_bytes()), size_bytes: 3, executable: mode };
            (path, file)
        });
        let Ok(tree) = Tree::new(files) else { return Ok(()) };
        prop_assert_eq!(Tree::from_manifest(&tree.manifest()).unwrap(), tree);
    }

    #[test]
    fn a_path_reads_back_and_never_panics(text in any::<String>()) {
        if let Ok(path) = SkillPath::parse(&text) {
            prop_assert_eq!(path.as_str(), text.as_str());
            prop_assert_eq!(SkillPath::parse(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn a_footer_comes_off_as_it_went_on(text in footers(), name in names(), auto in any::<bool>()) {
        let mode = if auto { footer::Mode::Auto } else { footer::Mode::Remind };
        let footer = footer::text(&name, &footer::Settings { mode, ..Default::default() }).unwrap();
        let stripped = footer::strip(&text).into_owned();
        prop_assert!(text.starts_with(&stripped));
        prop_assert_eq!(footer::strip(&stripped).into_owned(), stripped.clone());
        let has_marker = [footer::START, footer::END].iter().any(|marker| {
            text.windows(marker.len()).any(|window| window == marker.as_bytes())
        });
        if !has_marker {
            prop_assert_eq!(&stripped, &text);
        }
        let full = footer::inject(&text, &footer);
        prop_assert_eq!(footer::strip(&full).into_owned(), stripped);
        prop_assert_eq!(footer::inject(&full, &footer), full);
    }

    #[test]
    fn reading_never_panics(text in prop_oneof![skill_mds(), vec(any::<u8>(), 0..200)]) {
        if let Ok(skill) = frontmatter::parse(&text) {
            prop_assert!(skill.body_offset <= text.len());
            frontmatter::check(&skill, &text, Some("old"));
            frontmatter::loadable(&skill);
        }
        tokens::estimate(&String::from_utf8_lossy(&text));
        diff::is_text(&text);
    }

    #[test]
    fn renaming_changes_the_name_alone(text in skill_mds(), name in names()) {
        if let Some(renamed) = frontmatter::with_name(&text, &name) {
            let (mut before, mut after) = (frontmatter::parse(&text).unwrap(), frontmatter::parse(&renamed).unwrap());
            prop_assert_eq!(after.name(), Some(name.as_str()));
            prop_assert_eq!(&text[before.body_offset..], &renamed[after.body_offset..]);
            before.fields.remove("name");
            after.fields.remove("name");
            prop_assert_eq!(before.fields, after.fields);
            // What was there but the value is there still: a common head, a common tail, and little between.
            let head = text.iter().zip(&renamed).take_while(|(a, b)| a == b).count();
            let tail = text.iter().rev().zip(renamed.iter().rev()).take_while(|(a, b)| a == b).count();
            prop_assert!(renamed.len() <= head + tail + name.as_str().len() + "name: \"\"\r\n".len());
        }
    }

    #[test]
    fn what_is_composed_reads_back(name in names(), description in any::<String>()) {
        let text = frontmatter::compose(&name, &description);
        let skill = frontmatter::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(skill.name(), Some(name.as_str()));
        if !description.trim().is_empty() {
            prop_assert_eq!(skill.description(), Some(description.trim()));
        }
    }

    #[test]
    fn a_merge_with_the_base_is_the_other_side(base in base_lines(), edits in edits()) {
        let side = edited(&base, &edits, "side");
        let base = edited(&base, &[0; 13], "");
        for (ours, theirs) in [(&base, &side), (&side, &base), (&side, &side)] {
            let merge = texts(&base, ours, theirs, &LABELS);
            prop_assert_eq!(&merge.text, &side);
            prop_assert!(merge.conflicts.is_empty());
        }
    }

    #[test]
    fn no_line_that_was_written_is_lost(
        base in base_lines(), ours in edits(), theirs in edits(), bare in any::<bool>()
    ) {
        let (mut ours, theirs) = (edited(&base, &ours, "ours"), edited(&base, &theirs, "theirs"));
        if bare {
            ours.truncate(ours.trim_end_matches('\n').len());
        }
        let merge = texts(&edited(&base, &[0; 13], ""), &ours, &theirs, &LABELS);
        for line in ours.lines().chain(theirs.lines()).filter(|line| line.contains(' ')) {
            prop_assert_eq!(merge.text.lines().filter(|merged| *merged == line).count(), 1, "{}", merge.text);
        }
        prop_assert_eq!(has_markers(&merge.text), !merge.conflicts.is_empty());
        if merge.conflicts.is_empty() {
            let known = |line: &str| ours.lines().chain(theirs.lines()).any(|other| other == line);
            prop_assert!(merge.text.lines().all(known), "{}", merge.text);
        }
    }

    #[test]
    fn any_texts_merge(base in ".{0,20}", ours in "[a\r\n]{0,8}", theirs in "[a\r\nb]{0,8}") {
        let merge = texts(&base, &ours, &theirs, &LABELS);
        for region in &merge.conflicts {
            prop_assert!(merge.text.contains(&region.ours) && merge.text.contains(&region.theirs));
        }
        let patch = diff::unified("x", Some(&ours), Some(&theirs));
        prop_assert_eq!(patch.is_empty(), ours == theirs);
    }

    #[test]
    fn merged_trees_lose_nothing(base in small_tree(), ours in small_tree(), theirs in small_tree()) {
        let (merge, files) = merged(&base, &ours, &theirs);
        prop_assert!(Tree::new(files.iter().map(as_file)).is_ok(), "{:?}", files);
        let base_lines: Vec<&str> = base.values().flat_map(|(text, _)| text.lines()).collect();
        for (path, (text, _)) in ours.iter().chain(&theirs) {
            let is_whole = files.values().any(|(merged, _)| merged == text);
            let mut written = text.lines().filter(|line| !base_lines.contains(line));
            let is_kept = written.all(|line| files.values().any(|(merged, _)| merged.lines().any(|other| other == line)));
            prop_assert!(is_whole || is_kept, "{} lost: {:?}", path, files);
        }
        for conflict in &merge.conflicts {
            prop_assert!(conflict.theirs_at.as_ref().is_none_or(|at| files.contains_key(at)));
        }
        for (ours, theirs) in [(&base, &theirs), (&theirs, &base), (&theirs, &theirs)] {
            let (merge, files) = merged(&base, ours, theirs);
            prop_assert_eq!(merge.conflicts, vec![]);
            prop_assert_eq!(&files, if ours == &base { theirs } else { ours });
        }
    }

    #[test]
    fn a_conflict_keeps_every_byte_of_both(base in small_tree(), ours in small_tree(), theirs in small_tree()) {
        let (merge, files) = merged(&base, &ours, &theirs);
        let is_of = |side: &Files, text: &str| side.values().any(|(other, _)| other == text);
        for conflict in &merge.conflicts {
            let here = files.get(&conflict.path).map_or("", |(text, _)| text);
            let beside = conflict.theirs_at.as_ref().map(|at| files[at].0.as_str());
            let is_kept = match (&conflict.kind, beside) {
                (ConflictKind::Text { regions }, None) => {
                    regions.iter().all(|region| here.contains(&region.ours) && here.contains(&region.theirs))
                }
                (ConflictKind::AddAdd, None) => {
                    chosen(here, Side::Ours) == ours[&conflict.path].0
                        && chosen(here, Side::Theirs) == theirs[&conflict.path].0
                }
                (ConflictKind::Binary | ConflictKind::AddAdd, Some(beside)) => {
                    is_of(&ours, here) && is_of(&theirs, beside)
                }
                (ConflictKind::DeleteModify { deleted_by: Side::Ours }, Some(beside)) => is_of(&theirs, beside),
                (ConflictKind::DeleteModify { deleted_by: Side::Theirs }, None) => is_of(&ours, here),
                // It may have moved there, with what ours made of it: that nothing of it is lost is the law above.
                (ConflictKind::Collision { .. }, Some(_)) => true,
                _ => false,
            };
            prop_assert!(is_kept, "{conflict:?}: {files:?}");
        }
    }
}
