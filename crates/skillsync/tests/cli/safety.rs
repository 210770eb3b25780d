//! What `sync`, `setup --undo` and `target` must never take from a user: files that were added, folders that are
//! theirs, edits that nobody settled; and that a store is the same store however it is spelled.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests spoil the disk by hand, and fail where they cannot"
)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;
use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, SkillBuilder, disk};

use crate::holding::holding;
use crate::stocked::{refuses, replace};

/// What a killed command of a process that is no more leaves.
const DEAD: &str = ".skillsync-999999999-0123456789abcdef-1";
const MEMORY: &str = "agent/skills/pdf/memory.md";

/// A machine whose target `path-1` has this mode and was synced.
fn synced(skills: &[&str], mode: &str) -> Machine {
    let machine = holding(skills);
    machine.run(&["target", "add", "--path", "agent/skills", "--mode", mode]).ok();
    machine.run(&["sync"]).ok();
    machine
}

fn second_version(machine: &Machine) {
    machine.skill_folder("next/pdf", &SkillBuilder::new("pdf").body("second\n"));
    machine.run(&["add", "next/pdf", "--force"]).ok();
}

fn is_link(machine: &Machine, path: &str) -> bool {
    std::fs::symlink_metadata(machine.path(path)).is_ok_and(|m| m.is_symlink())
}

/// Whether some file in trash holds this text.
fn in_trash(machine: &Machine, wanted: &str) -> bool {
    let trash = machine.snapshot().only(".skillsync/trash");
    trash
        .iter()
        .any(|(_, entry)| matches!(entry, Entry::File { text: Some(text), .. } if text.contains(wanted)))
}

fn set_mode(machine: &Machine, from: &str, to: &str) {
    let config = machine.read(".skillsync/config.toml");
    let line = |mode: &str| if mode == "copy" { "\nmode = \"copy\"" } else { "" };
    let source = "source = \"path\"";
    let (old, new) = (format!("{source}{}", line(from)), format!("{source}{}", line(to)));
    assert!(config.contains(&old), "{config}");
    machine.write(".skillsync/config.toml", config.replace(&old, &new));
}

#[test]
fn files_that_an_agent_adds_hold_a_skill_until_they_are_settled() {
    for mode in ["symlink", "copy"] {
        for settle in [&["adopt", "pdf", "--from", "path-1"][..], &["adopt", "pdf", "--discard"]] {
            let machine = synced(&["pdf"], mode);
            machine.write(MEMORY, "remember\n");
            machine.run(&["sync"]).ok();
            second_version(&machine);
            let output = machine.run(&["sync"]).fails(3);
            let said = "path-1: pdf stays as it is, files were added beside it in ";
            assert!(output.stderr.contains(said), "{output}");
            assert!(output.stderr.contains("`skillsync adopt pdf --from path-1` keeps"), "{output}");
            let json = machine.run(&["sync", "--json"]).fails(3).json();
            assert_eq!(json["targets"][0]["held"], serde_json::json!(["pdf"]));
            assert_eq!(json["targets"][0]["additions"][0]["skill"], "pdf");
            assert_eq!(machine.read(MEMORY), "remember\n");
            let refused = refuses(&machine, &["target", "remove", "path-1"], 5, "hand-edited");
            assert!(refused.stderr.contains("--discard drops it"), "{refused}");
            assert!(machine.path("agent/skills/skillsync").exists(), "what is refused is refused as a whole");

            machine.run(settle).ok();
            assert!(machine.read("agent/skills/pdf/SKILL.md").contains("second"), "{mode}");
            let kept = settle.contains(&"--from");
            assert_eq!(machine.path(MEMORY).exists(), kept, "{mode}");
            assert_eq!(machine.path(".skillsync/skills/pdf/memory.md").exists(), kept, "{mode}");
            assert!(in_trash(&machine, "remember"));
            machine.run(&["sync"]).ok();
        }
    }
}

#[test]
fn only_what_a_dead_command_left_is_cleared_out_of_an_agents_folder() {
    let machine = synced(&["pdf"], "symlink");
    let mine = [".skillsync-notes/x", ".skillsync-deployed.toml", ".skillsync-1-0123456789abcdef-1"];
    for path in mine {
        machine.write(&format!("agent/skills/{path}"), "mine\n");
    }
    machine.write(&format!("agent/skills/{DEAD}/x"), "on its way\n");
    symlink(machine.store("rendered/path-1/pdf"), machine.path(&format!("agent/skills/{DEAD}2"))).unwrap();
    let json = machine.run(&["sync", "--json"]).ok().json();
    let recovered = json["targets"][0]["recovered"].as_array().unwrap();
    assert_eq!(recovered.len(), 1, "{json}");
    assert_eq!(recovered[0]["path"], machine.path(&format!("agent/skills/{DEAD}")).to_str().unwrap());
    assert!(Path::new(recovered[0]["kept"].as_str().unwrap()).join("x").exists());
    assert!(!is_link(&machine, &format!("agent/skills/{DEAD}2")));
    for path in mine {
        assert_eq!(machine.read(&format!("agent/skills/{path}")), "mine\n");
    }
}

#[test]
fn a_target_that_gets_links_again_exchanges_its_copies() {
    let machine = synced(&["pdf", "xlsx", "csv", "gone"], "copy");
    machine.write("agent/skills/xlsx/memory.md", "remember\n");
    replace(&machine, "agent/skills/csv/SKILL.md", "# csv", "# mine");
    machine.run(&["rm", "gone"]).ok();
    set_mode(&machine, "copy", "symlink");
    let json = machine.run(&["sync", "--json"]).fails(3).json();
    let blocked: Vec<&Value> =
        json["targets"][0]["blocked"].as_array().unwrap().iter().map(|b| &b["skill"]).collect();
    assert_eq!(blocked, ["csv", "xlsx"]);
    assert!(is_link(&machine, "agent/skills/pdf") && !machine.path("agent/skills/gone").exists());
    assert!(in_trash(&machine, "name: pdf"));
    assert_eq!(machine.read("agent/skills/xlsx/memory.md"), "remember\n");
    assert!(machine.read("agent/skills/csv/SKILL.md").contains("# mine"));
    disk::remove(&machine.path("agent/skills/xlsx"));
    disk::remove(&machine.path("agent/skills/csv"));
    machine.run(&["sync"]).ok();

    // `remove` takes both kinds, whichever the target has now.
    set_mode(&machine, "symlink", "copy");
    machine.run(&["sync"]).ok();
    assert!(!is_link(&machine, "agent/skills/pdf"));
    set_mode(&machine, "copy", "symlink");
    machine.run(&["target", "remove", "path-1"]).ok();
    assert!(std::fs::read_dir(machine.path("agent/skills")).unwrap().next().is_none());
}

#[test]
fn a_target_that_gets_copies_keeps_what_was_edited_through_its_links() {
    let machine = synced(&["pdf", "xlsx"], "symlink");
    machine.write(MEMORY, "remember\n");
    set_mode(&machine, "symlink", "copy");
    let json = machine.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(json["targets"][0]["held"], serde_json::json!(["pdf"]));
    assert_eq!(machine.read(MEMORY), "remember\n");
    assert!(!is_link(&machine, "agent/skills/xlsx") && machine.path("agent/skills/xlsx").exists());
    assert!(std::fs::symlink_metadata(machine.store("rendered/path-1/xlsx")).is_err());
}

#[test]
fn a_copy_that_a_user_went_on_with_is_not_taken_over() {
    let machine = synced(&["pdf"], "symlink");
    let tree = std::fs::canonicalize(machine.path("agent/skills/pdf")).unwrap();
    std::fs::create_dir_all(machine.path("other")).unwrap();
    disk::copy(&tree, &machine.path("other/pdf"));
    machine.write("other/pdf/own.md", "mine\n");
    machine.run(&["target", "add", "--path", "other", "--mode", "copy"]).ok();
    second_version(&machine);
    let before = machine.snapshot().only("other/pdf");
    let json = machine.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(json["targets"][1]["additions"][0]["skill"], "pdf", "{json}");
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync"]).fails(3);
    before.assert_same(&machine.snapshot().only("other/pdf"));
}

#[test]
fn a_removed_skill_stays_while_an_edit_of_it_is_not_settled() {
    type Edit = fn(&Machine);
    let cases: [(&str, Edit); 3] = [
        ("canonical", |m| replace(m, ".skillsync/skills/pdf/SKILL.md", "# pdf", "# mine")),
        ("through the link", |m| {
            let path = m.path("agent/skills/pdf/SKILL.md");
            let text = std::fs::read_to_string(&path).unwrap().replace("# pdf", "# mine");
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, text).unwrap();
        }),
        ("added", |m| {
            m.write(MEMORY, "# mine\n");
        }),
    ];
    for (what, edit) in cases {
        let machine = synced(&["pdf"], "symlink");
        machine.run(&["rm", "pdf"]).ok();
        edit(&machine);
        let before = machine.snapshot().without(&[".skillsync/state"]);
        let json = machine.run(&["sync", "--json"]).fails(3).json();
        assert_eq!(json["failed"][0]["error"]["code"], "hand-edited", "{what}: {json}");
        assert_eq!(json["removed"], serde_json::json!([]));
        let hint = json["failed"][0]["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("skillsync adopt pdf") && hint.contains("--discard"), "{hint}");
        before.assert_same(&machine.snapshot().without(&[".skillsync/state"]));
        machine.run(&["adopt", "pdf", "--discard"]).ok();
        assert!(
            !machine.path("agent/skills/pdf").exists() && !machine.store("skills/pdf").exists(),
            "{what}"
        );
        assert!(in_trash(&machine, "# mine"), "{what}");
    }
}

#[test]
fn an_undo_keeps_what_was_added_to_a_copy() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.skill_folder(".claude/skills/pdf", &SkillBuilder::new("pdf"));
    m.skill_folder(".claude/skills/xlsx", &SkillBuilder::new("xlsx"));
    let before = m.snapshot().without(&[".skillsync"]);
    m.run(&["setup", "--yes"]).ok();
    let line = "source = \"tool\"\n";
    replace(&m, ".skillsync/config.toml", line, &format!("{line}mode = \"copy\"\n"));
    m.run(&["sync"]).ok();
    let memory = ".claude/skills/pdf/memory.md";
    m.write(memory, "remember\n");
    refuses(&m, &["setup", "--undo", "--yes"], 5, "hand-edited");
    // Even where the target does not have copies any more.
    replace(&m, ".skillsync/config.toml", "mode = \"copy\"\n", "");
    let undone = m.run(&["setup", "--undo", "--yes", "--json"]).fails(3).json();
    assert_eq!(undone["not_restored"][0]["path"], m.path(".claude/skills/pdf").to_str().unwrap());
    assert_eq!(m.read(memory), "remember\n");
    disk::remove(&m.path(".claude/skills/pdf"));
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&m.snapshot().without(&[".skillsync"]));
}

#[test]
fn an_undo_moves_copies_to_trash() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.skill_folder(".claude/skills/pdf", &SkillBuilder::new("pdf"));
    let before = m.snapshot().without(&[".skillsync"]);
    m.run(&["setup", "--yes"]).ok();
    let line = "source = \"tool\"\n";
    replace(&m, ".skillsync/config.toml", line, &format!("{line}mode = \"copy\"\n"));
    m.run(&["sync"]).ok();
    m.write(".claude/skills/pdf/cache/x", "made again\n");
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&m.snapshot().without(&[".skillsync"]));
    assert!(in_trash(&m, "made again"), "nothing that was there is deleted");
}

#[test]
fn one_store_is_one_store_however_it_is_spelled() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    std::fs::create_dir_all(m.path("work")).unwrap();
    m.skill_folder("src/pdf", &SkillBuilder::new("pdf"));
    let run = |args: &[&str]| m.command(args).cwd(&m.path("work")).env("SKILLSYNC_HOME", "../store").run();
    run(&["init"]).ok();
    run(&["add", "../src/pdf"]).ok();
    run(&["target", "add", "--path", "../agent"]).ok();
    for _ in 0..2 {
        run(&["sync"]).ok();
    }
    let link = std::fs::read_link(m.path("agent/pdf")).unwrap();
    assert_eq!(link, m.path("store/rendered/path-1/pdf"));

    // A home that is a link, and the same home.
    let m = synced(&["pdf"], "symlink");
    let alias = tempfile::tempdir().unwrap();
    symlink(m.home(), alias.path().join("home")).unwrap();
    let alias = alias.path().join("home");
    let before = m.snapshot().only("agent");
    let aliased = |args: &[&str]| m.command(args).env("HOME", alias.to_str().unwrap()).run();
    let json = aliased(&["sync", "--json"]).ok().json();
    assert_eq!(json["targets"][0]["placed"], serde_json::json!([]));
    let again = aliased(&["target", "add", "--path", "agent/skills", "--json"]).ok().json();
    assert_eq!(again["present"][0]["id"], "path-1");
    before.assert_same(&m.snapshot().only("agent"));
    // A link that says another way to the same place is ours, and put right.
    disk::remove(&m.path("agent/skills/pdf"));
    symlink(alias.join(".skillsync/rendered/path-1/pdf"), m.path("agent/skills/pdf")).unwrap();
    m.run(&["sync"]).ok();
    before.assert_same(&m.snapshot().only("agent"));
}

#[test]
fn no_target_is_in_the_store_by_another_way_or_has_a_name_that_is_taken() {
    let m = synced(&["pdf"], "symlink");
    symlink(m.store(""), m.path("way-in")).unwrap();
    for path in
        ["way-in", "way-in/new/skills", "nothing/../.skillsync", "nothing/../.skillsync/x", "src/../way-in/y"]
    {
        refuses(&m, &["target", "add", "--path", path], 1, "target-in-store");
    }
    refuses(&m, &["target", "add", "--path", "other", "--id", "canonical"], 1, "target-id-reserved");
    let script = "exec \"$0\" target add --path \"$(printf 'bad\\377')\" --json";
    let before = m.snapshot();
    let sh = m.command_of(Path::new("/bin/sh"), &["-c", script, env!("CARGO_BIN_EXE_skillsync")]);
    let output = sh.run().fails(1);
    assert_eq!(output.json()["error"]["code"], "path-not-utf8", "{output}");
    before.assert_same(&m.snapshot());
    let config = m.read(".skillsync/config.toml");
    m.write(".skillsync/config.toml", config.replace("id = \"path-1\"", "id = \"canonical\""));
    refuses(&m, &["sync"], 1, "config-value");
}

#[test]
fn what_cannot_be_cleared_away_is_said_and_hinders_nothing() {
    let m = synced(&["pdf"], "symlink");
    let old = [".skillsync/trash/20200101T000000Z-a-1", ".skillsync/trash/20200101T000000Z-b-1"];
    let fail = |spoil: &dyn Fn()| {
        disk::remove(&m.store("state/index"));
        for entry in old {
            m.write(&format!("{entry}/x"), "old\n");
        }
        spoil();
        // Root may do all: it is run without that right.
        let drop_rights = ["--bounding-set=-all", env!("CARGO_BIN_EXE_skillsync"), "sync", "--json"];
        let is_root = rustix::process::getuid().is_root();
        let run = if is_root {
            m.command_of(Path::new("setpriv"), &drop_rights)
        } else {
            m.command(&["sync", "--json"])
        };
        run.run().ok().json()
    };
    let closed = |path: &str, mode: u32| {
        std::fs::set_permissions(m.store(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let json = fail(&|| closed("trash", 0o555));
    closed("trash", 0o755);
    assert_eq!(json["warnings"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["targets"][0]["status"], "ok");
    let again = m.run(&["sync", "--json"]).ok().json();
    assert_eq!(again["warnings"], serde_json::json!([]), "not tried again in the same hour");
    assert!(m.path(old[0]).exists());

    let json = fail(&|| std::fs::create_dir(m.store("state/setup.json")).unwrap());
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1, "{json}");
}

#[test]
fn a_command_that_waited_works_with_the_settings_of_now() {
    let m = synced(&["pdf"], "symlink");
    std::fs::create_dir_all(m.path("new")).unwrap();
    let mutex = std::fs::File::options().write(true).open(m.store("state/mutex")).unwrap();
    mutex.lock().unwrap();
    let mut waiting = m.command(&["sync"]).start();
    // Long enough for it to come to the mutex; were it slower, the test would only prove less.
    std::thread::sleep(std::time::Duration::from_millis(400));
    let config = m.read(".skillsync/config.toml");
    m.write(
        ".skillsync/config.toml",
        config + "\n[[targets]]\nid = \"new\"\npath = \"~/new\"\nsource = \"path\"\n",
    );
    mutex.unlock().unwrap();
    assert!(waiting.wait().unwrap().success());
    assert!(m.path("new/pdf/SKILL.md").exists());
}
