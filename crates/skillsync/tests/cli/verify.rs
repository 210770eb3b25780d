//! `skillsync verify`.

use std::path::{Path, PathBuf};

use skillsync_testkit::{Machine, disk};

use crate::stocked::{overwrite, refuses, served, stocked};

/// The one stored object that holds this text.
fn object(machine: &Machine, text: &str) -> PathBuf {
    let snapshot = machine.snapshot().only(".skillsync/objects");
    let holds = |path: &str| {
        let path = machine.path(path);
        path.is_file() && std::fs::read(&path).is_ok_and(|b| String::from_utf8_lossy(&b).contains(text))
    };
    let found: Vec<&str> = snapshot.iter().map(|(path, _)| path).filter(|path| holds(path)).collect();
    assert_eq!(found.len(), 1, "{found:?} hold {text:?}");
    machine.path(found[0])
}

fn troubles(machine: &Machine, args: &[&str]) -> Vec<String> {
    let json = machine.run(&[&["verify", "--json"], args].concat()).fails(1).json();
    assert_eq!(json["clean"], false);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = json["findings"].as_array().cloned().unwrap_or_default();
    findings.iter().map(|f| format!("{} {}", text(&f["skill"]), text(&f["trouble"]))).collect()
}

#[test]
fn a_whole_store_is_clean() {
    let machine = served();
    let json = machine.run(&["verify", "pdf", "--json"]).ok().json();
    assert_eq!(json["clean"], true);
    // One rendered tree for both agents; all files are small, so a version is one object.
    assert_eq!((&json["skills"], &json["trees"], &json["objects"]), (&1.into(), &1.into(), &1.into()));
    let said = machine.run(&["verify", "pdf"]).ok().stdout;
    assert_eq!(said, "ok: 1 skill, 1 rendered tree, 1 object read\n");
    machine.run(&["verify"]).ok();
    refuses(&machine, &["verify", "pfd"], 1, "skill-not-found");
}

#[test]
fn each_damage_is_found() {
    let machine = stocked();
    let path = object(&machine, "Fill them in.");
    let good = std::fs::read(&path).unwrap();
    let bad: Vec<u8> = String::from_utf8_lossy(&good).replace("Fill them", "Fill Them").into_bytes();
    rewrite(&path, &bad);
    assert_eq!(troubles(&machine, &[]), ["pdf object-damaged"]);
    let before = machine.snapshot();
    let said = machine.run(&["verify", "pdf"]).fails(1).stdout;
    assert!(said.starts_with(&format!("object-damaged: {}\n  ", path.display())), "{said}");
    assert!(said.ends_with("; 1 finding\n") && said.contains("\n  hint: "), "{said}");
    before.assert_same(&machine.snapshot());

    disk::remove(&path);
    assert_eq!(troubles(&machine, &[]), ["pdf object-missing"]);

    let machine = served();
    overwrite(&machine, ".skillsync/skills/pdf/references/forms.md", "mine\n");
    assert_eq!(troubles(&machine, &["pdf"]), ["pdf hand-edited"]);
    overwrite(&machine, ".claude/skills/pdf/scripts/run.sh", "mine\n");
    let mut found = troubles(&machine, &["pdf"]);
    found.sort();
    assert_eq!(found, ["pdf hand-edited", "pdf rendered-edited"]);
    overwrite(&machine, ".skillsync/skills/pdf/.meta.toml", "x");
    assert_eq!(troubles(&machine, &["pdf"]), ["pdf record"]);
}

fn rewrite(path: &Path, bytes: &[u8]) {
    disk::remove(path);
    disk::write(path, bytes);
}
