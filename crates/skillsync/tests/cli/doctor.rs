//! `skillsync doctor`: each spoiled state is found, named with its place, and mended where that needs no decision.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;
use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, SkillBuilder, disk};

use crate::stocked::{commit, overwrite, replace, served};

/// One way in which a store or an agent's folder can be spoiled, and what doctor says of it.
struct Case {
    spoil: fn(&Machine),
    severity: &'static str,
    code: &'static str,
    /// Below the home; the place of the finding ends in it.
    place: &'static str,
    /// Whether `--fix` mends it.
    mended: bool,
}

fn list<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}

fn finding(json: &Value, code: &str) -> Option<Value> {
    list(json, "findings").iter().find(|f| f["code"] == code).cloned()
}

#[track_caller]
fn check(case: &Case) {
    let m = served();
    (case.spoil)(&m);
    let before = m.snapshot();
    let exit = if case.severity == "error" { 1 } else { 0 };
    let run = m.run(&["doctor", "--json"]).either();
    before.assert_same(&m.snapshot());
    let json = run.json();
    let Some(found) = finding(&json, case.code) else { panic!("{}: not found in\n{run}", case.code) };
    assert_eq!(found["severity"], case.severity, "{run}");
    assert_eq!(run.code, Some(exit), "{run}");
    let place = found["place"].as_str().unwrap_or_default();
    assert!(place.ends_with(case.place), "{}: {place}", case.code);
    assert_eq!(found["fixable"], case.mended, "{run}");
    let text = m.run(&["doctor"]).either();
    assert!(text.is_clean(), "{text}");

    let planned = m.run(&["doctor", "--fix", "--dry-run", "--json"]).either().json();
    assert_eq!(list(&planned, "fixed").iter().any(|f| f["code"] == case.code), case.mended);
    before.assert_same(&m.snapshot());
    let fixed = m.run(&["doctor", "--fix", "--json"]).either().json();
    assert_eq!(finding(&fixed, case.code).is_none(), case.mended, "{fixed}");
    if case.mended {
        assert!(list(&fixed, "fixed").iter().any(|f| f["code"] == case.code), "{fixed}");
        m.run(&["doctor"]).ok();
        m.run(&["verify"]).ok();
    } else {
        let caches = [".skillsync/state", ".skillsync/staging"];
        before.without(&caches).assert_same(&m.snapshot().without(&caches));
    }
}

const fn case(
    severity: &'static str,
    code: &'static str,
    place: &'static str,
    mended: bool,
    spoil: fn(&Machine),
) -> Case {
    Case { spoil, severity, code, place, mended }
}

fn add_target(m: &Machine, lines: &str) {
    let config = m.read(".skillsync/config.toml");
    m.write(".skillsync/config.toml", format!("{config}\n[[targets]]\n{lines}\n"));
}

#[test]
fn a_sound_store_is_said_to_be_sound() {
    let m = served();
    let before = m.snapshot();
    let sound = m.run(&["doctor"]).ok();
    assert!(sound.stdout.ends_with("\nAll is well.\n"), "{sound}");
    assert_eq!(sound.stderr, "");
    let fixed = m.run(&["doctor", "--fix", "--json"]).ok().json();
    assert_eq!(list(&fixed, "fixed").len(), 0);
    before.assert_same(&m.snapshot());
}

#[test]
fn without_a_store_the_first_step_is_named() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    let json = m.run(&["doctor", "--json"]).fails(1).json();
    let found = finding(&json, "store-missing").unwrap();
    assert!(found["fix"].as_str().unwrap().contains("skillsync setup"), "{found}");
    assert!(!m.store("").exists());
}

#[test]
fn spoiled_houses_are_found() {
    let cases = [
        case("error", "config-syntax", ".skillsync/config.toml", false, |m| {
            m.write(".skillsync/config.toml", "[skillsync\n");
        }),
        case("error", "store-newer", ".skillsync/config.toml", false, |m| {
            replace(m, ".skillsync/config.toml", "version = \"1\"", "version = \"9\"");
        }),
        case("error", "tools-invalid", ".skillsync/tools.toml", false, |m| {
            m.write(".skillsync/tools.toml", "[[tool]]\nnope = 1\n");
        }),
        case("warning", "folder-missing", ".skillsync/editing", true, |m| disk::remove(&m.store("editing"))),
        case("warning", "stray-entry", "skills/Not_A_Skill", false, |m| {
            m.write(".skillsync/skills/Not_A_Skill/SKILL.md", "x\n");
        }),
        case("warning", "stray-entry", "skills/notes", false, |m| {
            m.write(".skillsync/skills/notes", "a file\n");
        }),
        case("warning", "stray-entry", "locks/garbage", false, |m| {
            m.write(".skillsync/locks/garbage", "x\n");
        }),
        case("info", "litter", "state/.skillsync-999999999-0123456789abcdef-1.tmp", true, |m| {
            m.write(".skillsync/state/.skillsync-999999999-0123456789abcdef-1.tmp", "half\n");
        }),
        case("info", "unfinished-work", ".skillsync/staging", true, |m| {
            m.write(".skillsync/staging/tx-1/new/pdf/SKILL.md", "half\n");
        }),
        case("warning", "log-bad-lines", "logs/pdf.jsonl", false, |m| {
            m.run(&["observe", "pdf", "--signal", "positive"]).ok();
            let log = m.read(".skillsync/logs/pdf.jsonl");
            m.write(".skillsync/logs/pdf.jsonl", format!("{log}torn {{\n"));
        }),
        case("warning", "setup-unfinished", "state/setup.json", false, |m| {
            let record = "{\"format\":1,\"done\":false,\"begun\":\"\",\"folders\":[],\"targets\":[],\"adopted\":[],\"moved\":[]}";
            m.write(".skillsync/state/setup.json", record);
        }),
    ];
    cases.iter().for_each(check);
}

#[test]
fn spoiled_leases_are_found() {
    let cases = [
        case("error", "lease-damaged", "locks/pdf.lock", false, |m| {
            disk::write(&m.store("locks/pdf.lock"), "garbage");
            fs::set_permissions(m.store("locks/pdf.lock"), fs::Permissions::from_mode(0o600)).unwrap();
        }),
        case("warning", "lease-open", "locks/pdf.lock", true, |m| {
            m.run(&["edit", "pdf"]).ok();
            fs::set_permissions(m.store("locks/pdf.lock"), fs::Permissions::from_mode(0o644)).unwrap();
        }),
        case("warning", "lease-old", "locks/pdf.lock", false, |m| {
            m.run(&["edit", "pdf"]).ok();
            let text = m.read(".skillsync/locks/pdf.lock");
            let year = text.split("\"created\": \"").nth(1).unwrap()[..4].to_owned();
            let text = text.replace(&format!("\"created\": \"{year}"), "\"created\": \"2020");
            disk::write(&m.store("locks/pdf.lock"), text);
        }),
        case("warning", "lease-without-copy", "locks/pdf.lock", false, |m| {
            m.run(&["edit", "pdf"]).ok();
            disk::remove(&m.store("editing/pdf"));
        }),
        case("warning", "copy-without-lease", "editing/pdf", false, |m| {
            m.run(&["edit", "pdf"]).ok();
            disk::remove(&m.store("locks/pdf.lock"));
        }),
    ];
    cases.iter().for_each(check);
}

#[test]
fn spoiled_skills_are_found() {
    let cases = [
        case("error", "record-damaged", "skills/pdf/.meta.toml", false, |m| {
            m.write(".skillsync/skills/pdf/.meta.toml", "half a rec");
        }),
        case("error", "record-damaged", "skills/pdf/.meta.toml", false, |m| {
            disk::remove(&m.store("skills/pdf/.meta.toml"));
        }),
        case("warning", "hand-edited", "skills/pdf", false, |m| {
            replace(m, ".skillsync/skills/pdf/SKILL.md", "Middle", "Mine");
        }),
        case("warning", "rendered-edited", "", false, |m| {
            replace(m, ".claude/skills/pdf/SKILL.md", "Middle", "Mine");
        }),
        case("error", "rendered-missing", "", true, |m| {
            for entry in fs::read_dir(m.store("trees")).unwrap() {
                disk::remove(&entry.unwrap().path());
            }
        }),
        case("error", "object-missing", "", true, |m| {
            // The head version's, which the canonical folder holds, and all the others'.
            disk::remove(&m.store("objects"));
            for folder in ["objects/blobs", "objects/trees"] {
                disk::write(&m.store(folder).join("x"), "");
                disk::remove(&m.store(folder).join("x"));
            }
        }),
        case("error", "object-damaged", "", true, |m| {
            let objects = m.snapshot().only(".skillsync/objects/trees");
            for (path, entry) in objects.iter() {
                if let Entry::File { .. } = entry {
                    let mut bytes = fs::read(m.path(path)).unwrap();
                    bytes[0] ^= 1;
                    overwrite(m, path, bytes);
                }
            }
        }),
    ];
    cases.iter().for_each(check);
}

fn copy_in_place_of_the_link(m: &Machine) {
    disk::remove(&m.path("agents/pdf"));
    let tree = m.store("trees").join(hex_of(m));
    disk::copy(&tree, &m.path("agents/pdf"));
}

/// The name of the rendered tree that the target `path-1` loads `pdf` from.
fn hex_of(m: &Machine) -> String {
    let tree = fs::read_link(m.store("rendered/path-1/pdf")).ok();
    tree.and_then(|tree| Some(tree.file_name()?.to_str()?.to_owned())).unwrap_or_default()
}

#[test]
fn a_fix_leaves_files_that_only_begin_like_ours() {
    let m = served();
    let mine = [
        ".skillsync/.skillsync-notes",
        ".skillsync/state/.skillsync-backup.tmp",
        ".skillsync/locks/.skillsync-1-2",
        ".skillsync/rendered/path-1/.skillsync-x",
        "agents/.skillsync-notes",
    ];
    for path in mine {
        m.write(path, "mine\n");
    }
    m.write(".skillsync/state/.skillsync-999999999-0123456789abcdef-1.tmp", "half\n");
    let fixed = m.run(&["doctor", "--fix", "--json"]).ok().json();
    assert_eq!(list(&fixed, "fixed").len(), 1, "{fixed}");
    for path in mine {
        assert_eq!(m.read(path), "mine\n");
    }
}

#[test]
fn spoiled_targets_are_found() {
    let cases = [
        case("error", "target-gone", "gone/skills", false, |m| {
            add_target(m, "id = \"gone\"\npath = \"~/gone/skills\"\nsource = \"path\"");
        }),
        case("error", "target-not-a-folder", "afile", false, |m| {
            m.write("afile", "x\n");
            add_target(m, "id = \"afile\"\npath = \"~/afile\"\nsource = \"path\"");
        }),
        case("error", "target-in-store", ".skillsync/inside", false, |m| {
            m.write(".skillsync/inside/x", "x\n");
            add_target(m, "id = \"inside\"\npath = \"~/.skillsync/inside\"\nsource = \"path\"");
        }),
        case("warning", "tool-unknown", "agents", false, |m| {
            replace(m, ".skillsync/config.toml", "source = \"path\"", "source = \"path\"\ntool = \"nobody\"");
        }),
        case("warning", "target-twice", "agents", false, |m| {
            add_target(m, "id = \"again\"\npath = \"~/agents\"\nsource = \"path\"");
        }),
        case("info", "target-is-link", "agents", false, |m| {
            disk::copy(&m.path("agents"), &m.path("real"));
            disk::remove(&m.path("agents"));
            symlink(m.path("real"), m.path("agents")).unwrap();
        }),
        case("warning", "blocked", "agents/pdf", false, |m| {
            disk::remove(&m.path("agents/pdf"));
            m.skill_folder("agents/pdf", &SkillBuilder::new("pdf"));
        }),
        case("warning", "sync-due", "agents", true, |m| disk::remove(&m.path("agents/pdf"))),
        case("warning", "sync-due", ".claude/skills", true, |m| {
            commit(m, "Middle", "Second");
            m.run(&["sync"]).ok();
            m.run(&["config", "set", "observation.mode", "remind"]).ok();
        }),
        case("error", "link-broken", "agents/pdf", true, |m| {
            disk::remove(&m.store("rendered/path-1"));
        }),
        case("info", "foreign-link-broken", "agents/dead", false, |m| {
            symlink("/nowhere/at/all", m.path("agents/dead")).unwrap();
        }),
        case("info", "litter", "agents/.skillsync-999999999-0123456789abcdef-1", true, |m| {
            symlink(m.store("rendered/path-1/pdf"), m.path("agents/.skillsync-999999999-0123456789abcdef-1"))
                .unwrap();
        }),
        case("warning", "copy-in-link-target", "agents/pdf", true, copy_in_place_of_the_link),
        case("warning", "copy-in-link-target", "agents/pdf", false, |m| {
            copy_in_place_of_the_link(m);
            m.write("agents/pdf/memory.md", "mine\n");
        }),
        case("warning", "files-added", "", false, |m| {
            m.write("agents/pdf/memory.md", "mine\n");
            commit(m, "Middle", "Second");
        }),
    ];
    cases.iter().for_each(check);
}

#[test]
fn what_each_agent_really_lists_is_told() {
    let m = served();
    m.agent("cursor");
    m.run(&["target", "add", "--tool", "cursor"]).ok();
    m.run(&["sync"]).ok();
    // A skill of the user's own with a long description, another `pdf`, and things that are no skill.
    let long = "Long. ".repeat(1_500);
    m.skill_folder(".claude/skills/long", &SkillBuilder::new("long").description(&long));
    m.skill_folder(".cursor/skills/pdf", &SkillBuilder::new("pdf").description("Mine. Use when."));
    m.write(".claude/skills/README.md", "no skill\n");
    let json = m.run(&["doctor", "--json"]).ok().json();
    let agents = json["agents"].as_array().unwrap();
    let agent = |name: &str| agents.iter().find(|a| a["target"] == name).unwrap();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap().to_owned()).collect()
    };
    let claude = agent("claude-code");
    assert_eq!(names(&claude["listed"]), ["long", "pdf", "skillsync", "skillsync-new", "skillsync-refine"]);
    // One description counts up to the cap of one entry.
    assert_eq!(claude["listed"][0]["chars"], 4 + 1_536);
    assert_eq!((&claude["budget_chars"], &claude["foreign"]), (&8_000.into(), &2.into()));
    let cursor = agent("cursor");
    assert_eq!(cursor["covered_by"], "claude-code");
    assert_eq!(cursor["also_reads"][0], m.path(".claude/skills").to_str().unwrap());
    assert_eq!(names(&cursor["shadowed"]), ["pdf"], "its own is read first");
    let shadowed = finding(&json, "shadowed").unwrap();
    assert_eq!(
        (&shadowed["severity"], &shadowed["place"]),
        (&"warning".into(), &m.path(".cursor/skills").to_str().unwrap().into())
    );

    for number in 0..6 {
        let name = format!("long-{number}");
        m.skill_folder(&format!(".claude/skills/{name}"), &SkillBuilder::new(&name).description(&long));
    }
    let json = m.run(&["doctor", "--json"]).ok().json();
    assert!(!json["agents"][0]["overflow"].as_array().unwrap().is_empty());
    assert_eq!(finding(&json, "over-budget").unwrap()["severity"], "warning");
    let text = m.run(&["doctor", "--verbose"]).ok();
    assert!(text.stdout.contains("of 8,000 characters ("), "{text}");
}
