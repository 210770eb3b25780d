//! What a deployment file may say, what a redeployment keeps, and what is refused; SkillMeat's file alike.

use super::file::normalized;
use super::*;
use crate::payload::PayloadFile;

fn payload(files: &[(&str, &[u8])]) -> Payload {
    let file = |(path, bytes): &(&str, &[u8])| {
        (SkillPath::parse(path).unwrap(), PayloadFile { bytes: bytes.to_vec(), executable: false })
    };
    Payload::new(files.iter().map(file).collect()).unwrap()
}

fn content(text: &str) -> Content {
    let content_hash = ContentHash::of(text.as_bytes());
    Content { content_hash, drift_hash: content_hash.into(), tree: TreeId::of(text.as_bytes()) }
}

fn record(name: &str, artifact_type: ArtifactType, text: &str) -> Record {
    let path = match artifact_type {
        ArtifactType::Skill => format!("skills/{name}"),
        other => format!("{other}s/{name}.md"),
    };
    let at = "2026-11-20T09:30:00Z".to_owned();
    let (name, path) = (SkillName::parse(name).unwrap(), SkillPath::parse(&path).unwrap());
    Record::new(name, artifact_type, path, at, content(text))
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    (dir, path)
}

#[test]
fn records_read_back_in_one_order_and_none_is_no_file() {
    let (_dir, path) = folder();
    assert_eq!(read(&path).unwrap(), None);
    let crlf = Content { drift_hash: DriftHash::of(b"folded"), ..content("1") };
    let mut pdf = record("pdf", ArtifactType::Skill, "0").redeployed("2026-11-21T00:00:00Z".to_owned(), crlf);
    pdf = pdf.checked("2026-11-22T00:00:00Z".to_owned(), true);
    let records = vec![
        record("review", ArtifactType::Command, "r"),
        pdf.clone(),
        record("a", ArtifactType::Skill, "a"),
    ];
    write(&path, records.clone()).unwrap();
    let found = read(&path).unwrap().unwrap();
    let names: Vec<&str> = found.iter().map(|r| r.artifact_name.as_str()).collect();
    assert_eq!(names, ["a", "pdf", "review"]);
    assert_eq!(found[1], pdf);
    assert_eq!(found[1].drift_hash(), DriftHash::of(b"folded"));
    let text = fs::read(&path, 1 << 20).unwrap();
    write(&path, found).unwrap();
    assert_eq!(fs::read(&path, 1 << 20).unwrap(), text, "written twice, the same bytes");
    write(&path, Vec::new()).unwrap();
    assert!(fs::lstat(&path).unwrap().is_none());
}

#[test]
fn a_redeployment_keeps_where_it_came_from() {
    let hash = |text: &str| ContentHash::of(text.as_bytes());
    let at = |n: u8| format!("2026-11-2{n}T00:00:00Z");
    let first = record("pdf", ArtifactType::Skill, "1");
    assert_eq!((first.parent_hash, &*first.version_lineage), (None, &[hash("1")][..]));
    let second = first.checked(at(1), true).redeployed(at(2), content("2"));
    assert_eq!((second.parent_hash, second.content_hash), (Some(hash("1")), hash("2")));
    assert_eq!(second.version_lineage, [hash("2"), hash("1")]);
    assert!(!second.local_modifications && second.modification_detected_at.is_none());
    let again = second.clone().redeployed(at(3), content("2"));
    assert_eq!(again.version_lineage, second.version_lineage);
    assert_eq!(again.parent_hash, second.parent_hash);
    let many = (3..200).fold(again, |r, n| r.redeployed(at(4), content(&n.to_string())));
    assert_eq!(many.version_lineage.len(), limits::LINEAGE);
    assert_eq!(many.version_lineage[0], hash("199"));
}

#[test]
fn a_modification_is_dated_from_when_it_was_first_seen() {
    let at = |n: u8| format!("2026-11-2{n}T00:00:00Z");
    let seen = record("pdf", ArtifactType::Skill, "1").checked(at(1), true).checked(at(2), true);
    assert_eq!(seen.modification_detected_at, Some(at(1)));
    assert_eq!(seen.last_modified_check, Some(at(2)));
    assert!(seen.local_modifications);
    let gone = seen.checked(at(3), false);
    assert_eq!((gone.modification_detected_at, gone.local_modifications), (None, false));
}

#[test]
fn a_file_that_does_not_read_is_named_with_its_line() {
    let (_dir, path) = folder();
    write(&path, vec![record("pdf", ArtifactType::Skill, "1"), record("csv", ArtifactType::Skill, "2")])
        .unwrap();
    let good = String::from_utf8(fs::read(&path, 1 << 20).unwrap()).unwrap();
    let block = good.split("[[deployed]]").nth(1).unwrap();
    let name_line = good.lines().position(|l| l == "artifact_name = \"pdf\"").unwrap() + 1;
    let cases = [
        (good.replace("artifact_name = \"pdf\"", "artifact_name = 7"), "deployments-damaged", name_line),
        (
            good.replace("artifact_name = \"pdf\"", "artifact_name = \"../x\""),
            "deployments-damaged",
            name_line,
        ),
        (good.replace("artifact_name = \"pdf\"", "<<<<<<< HEAD"), "deployments-unmerged", name_line),
        (good.replace("skills/pdf", "../../.ssh/id"), "deployments-damaged", 0),
        (good.replace("format = 1", "format = 2"), "deployments-newer", 0),
        (good.replace("format = 1", ""), "deployments-damaged", 0),
        (good.replace("2026-11-20T09:30:00Z", "yesterday"), "deployments-damaged", 0),
        (format!("{good}\n[[deployed]]{block}"), "deployment-twice", 0),
        (good[..good.len() - 3].to_owned(), "deployments-damaged", 0),
    ];
    for (text, code, line) in cases {
        fs::replace(&path, text.as_bytes(), fs::Mode::Plain).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        match error {
            Error::Damaged { line: found, .. } | Error::Unmerged { line: found, .. } if line > 0 => {
                assert_eq!(found, line, "{text}");
            }
            Error::Twice { line: found, .. } => assert!(found > name_line, "{found}"),
            _ => {}
        }
    }
    fs::replace(&path, b"format = 1\n\xff", fs::Mode::Plain).unwrap();
    assert_eq!(read(&path).unwrap_err().code(), "deployments-damaged");
}

#[test]
fn a_hand_may_write_times_as_it_likes() {
    for (text, expected) in [
        ("2025-12-17T10:30:00.000000", "2025-12-17T10:30:00Z"),
        ("2025-12-17T10:30:00+02:00", "2025-12-17T08:30:00Z"),
        ("2025-12-17T10:30:00Z", "2025-12-17T10:30:00Z"),
    ] {
        assert_eq!(normalized(text).as_deref(), Some(expected));
    }
    let (_dir, path) = folder();
    write(&path, vec![record("pdf", ArtifactType::Skill, "1")]).unwrap();
    let text = String::from_utf8(fs::read(&path, 1 << 20).unwrap()).unwrap();
    let bare = text.replace("\"2026-11-20T09:30:00Z\"", "2026-11-20T09:30:00");
    assert_ne!(bare, text);
    fs::replace(&path, bare.as_bytes(), fs::Mode::Plain).unwrap();
    assert_eq!(read(&path).unwrap().unwrap()[0].deployed_at, "2026-11-20T09:30:00Z");
}

/// As its own program writes it, with two things that are none of ours.
const SKILLMEAT: &str = r#"[[deployed]]
artifact_name = "pdf"
artifact_type = "skill"
from_collection = "default"
deployed_at = "2025-12-17T10:30:00.000000"
artifact_path = "skills/pdf"
content_hash = "ABC123def4567890abc123def4567890abc123def4567890abc123def4567890"
local_modifications = false
merge_base_snapshot = "abc123def4567890abc123def4567890abc123def4567890abc123def4567890"
collection_sha = "abc123def4567890abc123def4567890abc123def4567890abc123def4567890"

[[deployed]]
artifact_name = "review.md"
artifact_type = "command"
from_collection = "default"
deployed_at = "2025-12-17T10:30:00"
artifact_path = "commands/review.md"
collection_sha = "0000000000000000000000000000000000000000000000000000000000000000"

[[deployed]]
artifact_name = "guard"
artifact_type = "hook"
from_collection = "default"
deployed_at = "2025-12-17T10:30:00"
artifact_path = "hooks/guard.json"
content_hash = "0000000000000000000000000000000000000000000000000000000000000000"
"#;

#[test]
fn a_file_of_skillmeat_is_read_with_either_key() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(skillmeat::read(dir.path()).unwrap(), skillmeat::Deployments::default());
    fs::replace(&dir.path().join(skillmeat::FILE), SKILLMEAT.as_bytes(), fs::Mode::Plain).unwrap();
    let found = skillmeat::read(dir.path()).unwrap();
    let told: Vec<_> =
        found.deployed.iter().map(|d| (d.artifact_type, d.name.as_str(), d.deployed_at.as_str())).collect();
    assert_eq!(
        told,
        [
            (ArtifactType::Skill, "pdf", "2025-12-17T10:30:00Z"),
            (ArtifactType::Command, "review", "2025-12-17T10:30:00Z"),
        ]
    );
    assert_eq!(found.others, ["guard"]);
}

#[test]
fn a_file_of_skillmeat_is_written_in_its_own_shape_and_keeps_what_is_not_ours() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(skillmeat::FILE);
    fs::replace(&path, SKILLMEAT.as_bytes(), fs::Mode::Plain).unwrap();
    let hash = skillmeat::Hash::of(ArtifactType::Skill, &payload(&[("SKILL.md", b"new")]));
    let new = [record("csv", ArtifactType::Skill, "2"), record("pdf", ArtifactType::Skill, "1")];
    skillmeat::write(dir.path(), &new.map(|record| (record, hash.clone()))).unwrap();
    let text = String::from_utf8(fs::read(&path, 1 << 20).unwrap()).unwrap();
    for line in
        ["artifact_name = \"guard\"", "deployed_at = \"2026-11-20T09:30:00\"", "artifact_name = \"csv\""]
    {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(text.contains("merge_base_snapshot"), "a key that we do not know stays");
    assert!(text.contains("parent_hash = \"ABC123"), "{text}");
    let found = skillmeat::read(dir.path()).unwrap();
    assert_eq!(found.deployed.len(), 3);
    assert_eq!(found.deployed.iter().filter(|d| d.hash == hash).count(), 2);
    // A second time nothing changes.
    let again = [record("csv", ArtifactType::Skill, "2"), record("pdf", ArtifactType::Skill, "1")];
    skillmeat::write(dir.path(), &again.map(|record| (record, hash.clone()))).unwrap();
    assert_eq!(String::from_utf8(fs::read(&path, 1 << 20).unwrap()).unwrap(), text);
}

#[test]
fn the_hash_of_skillmeat_is_the_one_its_program_computes() {
    // Python: sorted(path.rglob("*")), hashing str(relative path) and the bytes: `a/z` comes before `a.md`.
    let files = payload(&[("SKILL.md", b"# Hello\n"), ("a.md", b"1"), ("a/z", b"2")]);
    let mut expected = Vec::new();
    for part in [&b"SKILL.md"[..], b"# Hello\n", b"a/z", b"2", b"a.md", b"1"] {
        expected.extend_from_slice(part);
    }
    let of = |bytes: &[u8]| skillmeat::Hash::of(ArtifactType::Command, &payload(&[("x.md", bytes)]));
    assert_eq!(skillmeat::Hash::of(ArtifactType::Skill, &files), of(&expected));
}
