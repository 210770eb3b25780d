//! `skillsync sync` and `skillsync target`: what agents see, what is never touched, what a failure spares.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the tests spoil the disk by hand, and fail where they cannot"
)]

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use skillsync_testkit::{Machine, SkillBuilder};

use crate::holding::holding;

/// A machine with skills and one folder as its target `path-1`.
fn with_target(skills: &[&str]) -> Machine {
    let machine = holding(skills);
    std::fs::create_dir_all(machine.path("agent")).unwrap();
    machine.run(&["target", "add", "--path", "agent/skills"]).ok();
    machine
}

fn sync_line(machine: &Machine) -> String {
    let output = machine.run(&["sync"]).ok().stdout;
    output.lines().last().unwrap().to_owned()
}

fn version(machine: &Machine, name: &str, body: &str) {
    machine.skill_folder(&format!("next/{name}"), &SkillBuilder::new(name).body(body));
    machine.run(&["add", &format!("next/{name}"), "--force"]).ok();
}

#[test]
fn a_skill_reaches_its_agent_with_a_footer_and_stays_clean_in_the_store() {
    let machine = with_target(&["pdf"]);
    machine.run(&["sync"]).ok();
    let seen = std::fs::read_to_string(machine.path("agent/skills/pdf/SKILL.md")).unwrap();
    let own = machine.read(".skillsync/skills/pdf/SKILL.md");
    assert!(seen.starts_with(&own) && seen.contains("skillsync observe pdf --signal"), "{seen}");
    assert!(!own.contains("observe"));
    let link = std::fs::read_link(machine.path("agent/skills/pdf")).unwrap();
    assert_eq!(link, machine.store("rendered/path-1/pdf"));
    for mode in ["remind", "off"] {
        machine.run(&["config", "set", "observation.mode", mode]).ok();
        machine.run(&["sync"]).ok();
        let seen = std::fs::read_to_string(machine.path("agent/skills/pdf/SKILL.md")).unwrap();
        assert_eq!(seen.contains("remind the user"), mode == "remind");
        assert_eq!(seen == own, mode == "off");
    }
}

#[test]
fn a_second_sync_changes_nothing_at_all() {
    let machine = with_target(&["pdf", "xlsx"]);
    machine.run(&["sync"]).ok();
    std::thread::sleep(std::time::Duration::from_millis(60));
    machine.run(&["sync"]).ok();
    let before = machine.snapshot();
    let times = |path: &str| {
        let metadata = std::fs::symlink_metadata(machine.path(path)).unwrap();
        (metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec())
    };
    let paths =
        ["agent/skills", "agent/skills/pdf", ".skillsync/skills/pdf/SKILL.md", ".skillsync/state/index"];
    let then = paths.map(times);
    machine.run(&["sync"]).ok();
    let noise = [".skillsync/state/mutex"];
    before.without(&noise).assert_same(&machine.snapshot().without(&noise));
    assert_eq!(then, paths.map(times));
}

#[test]
fn what_is_not_ours_stays() {
    let machine = with_target(&["folder", "link", "file", "free"]);
    machine.skill_folder("agent/skills/folder", &SkillBuilder::new("folder").body("mine\n"));
    machine.skill_folder("agent/skills/own", &SkillBuilder::new("own"));
    machine.write("agent/skills/file", "mine");
    symlink("/nowhere", machine.path("agent/skills/link")).unwrap();
    symlink("/nowhere", machine.path("agent/skills/dangling")).unwrap();
    let before = machine.snapshot().only("agent");
    let output = machine.run(&["sync", "--json"]).fails(3).json();
    let blocked = output["targets"][0]["blocked"].as_array().unwrap().clone();
    let what: Vec<_> =
        blocked.iter().map(|b| (b["skill"].as_str().unwrap(), b["what"].as_str().unwrap())).collect();
    assert_eq!(what, [("file", "file"), ("folder", "folder"), ("link", "link")]);
    machine.run(&["rm", "folder", "link", "file", "free"]).ok();
    machine.run(&["sync"]).ok();
    machine.run(&["target", "remove", "path-1"]).ok();
    before.assert_same(&machine.snapshot().only("agent"));
}

#[test]
fn a_removed_skill_leaves_every_target_and_waits_in_trash() {
    let machine = with_target(&["pdf", "xlsx"]);
    machine.run(&["sync"]).ok();
    machine.run(&["rm", "pdf"]).ok();
    assert!(machine.path("agent/skills/pdf/SKILL.md").exists());
    assert!(machine.run(&["sync"]).ok().stdout.starts_with("pdf: removed\n"));
    assert!(machine.path("agent/skills/pdf").symlink_metadata().is_err());
    assert!(!machine.store("skills/pdf").exists());
    assert!(machine.path("agent/skills/xlsx/SKILL.md").exists());
    let trash = machine.snapshot().only(".skillsync/trash");
    assert!(trash.iter().any(|(path, _)| path.ends_with("pdf/SKILL.md")));
}

#[test]
fn a_new_version_reaches_the_agent_by_one_link() {
    let machine = with_target(&["pdf"]);
    machine.run(&["sync"]).ok();
    let inode = || std::fs::symlink_metadata(machine.path("agent/skills/pdf")).unwrap().ino();
    let link = inode();
    version(&machine, "pdf", "second\n");
    assert!(sync_line(&machine).contains("1 new or changed"));
    assert_eq!(link, inode(), "the agent's own entry is not replaced");
    let seen = std::fs::read_to_string(machine.path("agent/skills/pdf/SKILL.md")).unwrap();
    assert!(seen.contains("second"));
}

#[test]
fn an_edit_through_the_agents_link_is_reported_and_never_overwritten() {
    let machine = with_target(&["pdf"]);
    machine.run(&["sync"]).ok();
    let seen = machine.path("agent/skills/pdf/SKILL.md");
    let text = std::fs::read_to_string(&seen).unwrap() + "by hand\n";
    std::fs::remove_file(&seen).unwrap();
    std::fs::write(&seen, &text).unwrap();
    let output = machine.run(&["sync"]).ok();
    assert!(output.stderr.contains("pdf was edited by hand"), "{}", output.stderr);
    version(&machine, "pdf", "second\n");
    let output = machine.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(output["targets"][0]["held"][0], "pdf");
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), text);
    assert_eq!(
        machine.run(&["target", "remove", "path-1", "--json"]).fails(5).json()["error"]["code"],
        "hand-edited"
    );
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), text);
}

#[test]
fn an_edit_in_the_canonical_folder_is_reported_and_refuses_what_would_replace_it() {
    let machine = with_target(&["pdf"]);
    machine.run(&["sync"]).ok();
    let path = ".skillsync/skills/pdf/SKILL.md";
    let text = machine.read(path) + "by hand\n";
    machine.write(path, &text);
    let output = machine.run(&["sync"]).ok();
    assert!(output.stderr.contains("skillsync adopt pdf"), "{}", output.stderr);
    machine.skill_folder("next/pdf", &SkillBuilder::new("pdf").body("second\n"));
    let output = machine.run(&["add", "next/pdf", "--force", "--json"]).fails(5).json();
    assert_eq!(output["failed"][0]["error"]["code"], "hand-edited");
    assert_eq!(machine.run(&["edit", "pdf", "--json"]).fails(5).json()["error"]["code"], "hand-edited");
    assert_eq!(machine.read(path), text);
    let seen = std::fs::read_to_string(machine.path("agent/skills/pdf/SKILL.md")).unwrap();
    assert!(!seen.contains("by hand"), "agents keep the committed version");
}

#[test]
fn caches_that_scripts_leave_are_no_edit() {
    let machine = with_target(&["pdf"]);
    machine.run(&["sync"]).ok();
    let caches = ["cache", ".cache", "tmp", "node_modules", ".venv", "__pycache__", "scripts/__pycache__"];
    for cache in caches {
        machine.write(&format!("agent/skills/pdf/{cache}/x"), "1");
    }
    machine.write("agent/skills/pdf/x.pyc", "1");
    symlink("/usr/bin/env", machine.path("agent/skills/pdf/.venv/python")).unwrap();
    version(&machine, "pdf", "second\n");
    let output = machine.run(&["sync"]).ok();
    assert_eq!(output.stderr, "");
    assert!(machine.read("agent/skills/pdf/SKILL.md").contains("second"));
}

#[test]
fn one_targets_failure_spares_the_others() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil); 3] = [
        ("target-not-a-folder", |dir| std::fs::write(dir, "a file").unwrap()),
        ("target-gone", |dir| std::fs::remove_dir_all(dir.parent().unwrap()).unwrap()),
        ("target-gone", |dir| symlink("nowhere", dir).unwrap()),
    ];
    for (code, spoil) in cases {
        let machine = with_target(&["pdf"]);
        machine.run(&["target", "add", "--path", "fine/skills"]).ok();
        let dir = machine.path("agent/skills");
        std::fs::remove_dir_all(&dir).unwrap();
        spoil(&dir);
        let output = machine.run(&["sync", "--json"]).fails(3).json();
        assert_eq!(output["targets"][0]["error"]["code"], code);
        assert_eq!(output["targets"][1]["status"], "ok");
        assert!(machine.path("fine/skills/pdf/SKILL.md").exists());
        let text = machine.run(&["sync"]).fails(3).stdout;
        assert!(text.contains("path-1: failed: "), "{text}");
    }
}

#[test]
fn tools_that_read_each_others_folders_list_a_skill_once() {
    let machine = holding(&["pdf"]);
    for agent in ["claude-code", "codex", "cursor"] {
        machine.agent(agent);
        machine.run(&["target", "add", "--tool", agent]).ok();
    }
    let output = machine.run(&["sync", "--json"]).ok().json();
    let covered: Vec<_> =
        output["targets"].as_array().unwrap().iter().map(|t| t["target"]["covered_by"].clone()).collect();
    assert_eq!(covered[..2], [serde_json::Value::Null, serde_json::Value::Null]);
    assert!(covered[2].is_string(), "{covered:?}");
    assert!(!machine.path(".cursor/skills/pdf").exists());
    assert!(machine.path(".claude/skills/pdf/SKILL.md").exists());
    assert!(machine.path(".agents/skills/pdf/SKILL.md").exists());
}

#[test]
fn copies_are_real_folders_and_edits_in_them_are_kept() {
    let machine = holding(&["pdf", "xlsx"]);
    machine.run(&["target", "add", "--path", "agent/skills", "--mode", "copy"]).ok();
    machine.run(&["sync"]).ok();
    let folder = machine.path("agent/skills/pdf");
    assert!(std::fs::symlink_metadata(&folder).unwrap().is_dir());
    version(&machine, "pdf", "second\n");
    machine.run(&["sync"]).ok();
    let text = std::fs::read_to_string(folder.join("SKILL.md")).unwrap();
    assert!(text.contains("second"));
    std::fs::write(folder.join("SKILL.md"), text.clone() + "by hand\n").unwrap();
    version(&machine, "pdf", "third\n");
    let output = machine.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(output["targets"][0]["held"][0], "pdf");
    assert!(std::fs::read_to_string(folder.join("SKILL.md")).unwrap().ends_with("by hand\n"));
    machine.run(&["rm", "xlsx"]).ok();
    machine.run(&["sync"]).fails(3);
    assert!(!machine.path("agent/skills/xlsx").exists());
}

#[test]
fn links_in_a_project_are_relative() {
    let machine = holding(&["pdf"]);
    std::fs::create_dir_all(machine.path("app/.git")).unwrap();
    std::fs::create_dir_all(machine.path("app/.claude")).unwrap();
    std::fs::create_dir_all(machine.path("app/deep/down")).unwrap();
    let added =
        machine.command(&["target", "add", "--project", "--json"]).cwd(&machine.path("app/deep/down")).run();
    assert_eq!(added.ok().json()["added"][0]["id"], "claude-code-project");
    machine.run(&["sync"]).ok();
    let link = std::fs::read_link(machine.path("app/.claude/skills/pdf")).unwrap();
    assert_eq!(link, Path::new("../../../.skillsync/rendered/claude-code-project/pdf"));
    assert!(machine.path("app/.claude/skills/pdf/SKILL.md").exists());
    machine.run(&["sync"]).ok();
}

#[test]
fn targets_are_added_once_named_and_removed_clean() {
    let machine = with_target(&["pdf"]);
    let again = machine.run(&["target", "add", "--path", "agent/skills", "--json"]).ok().json();
    assert_eq!(again["present"][0]["id"], "path-1");
    assert_eq!(
        machine.run(&["target", "add", "--tool", "cluade", "--json"]).fails(1).json()["error"]["code"],
        "tool-unknown"
    );
    assert_eq!(
        machine.run(&["target", "add", "--path", ".skillsync/skills", "--json"]).fails(1).json()["error"]["code"],
        "target-in-store"
    );
    machine.write("afile", "x");
    assert_eq!(
        machine.run(&["target", "add", "--path", "afile", "--json"]).fails(1).json()["error"]["code"],
        "target-not-a-folder"
    );
    let output = machine.run(&["target", "remove", "path-2"]).fails(1);
    assert!(output.stderr.contains("did you mean `path-1`?"), "{}", output.stderr);
    machine.run(&["sync"]).ok();
    machine.run(&["target", "remove", "path-1"]).ok();
    assert!(machine.path("agent/skills/pdf").symlink_metadata().is_err());
    assert!(!machine.store("rendered/path-1").exists());
    assert!(!machine.read(".skillsync/config.toml").contains("[[targets]]"));
}

#[test]
fn a_struggling_skill_is_said() {
    let machine = with_target(&["pdf"]);
    for _ in 0..5 {
        machine.run(&["observe", "pdf", "--signal", "negative"]).ok();
    }
    let output = machine.run(&["sync"]).ok();
    assert!(output.stderr.contains("pdf has been struggling: 5/5 negative"), "{}", output.stderr);
}

#[test]
fn a_dry_run_says_what_a_sync_would_do_and_does_nothing() {
    let machine = with_target(&["pdf"]);
    let before = machine.snapshot();
    let output = machine.run(&["sync", "-n", "--json"]).ok().json();
    assert_eq!(output["dry_run"], true);
    assert!(output["targets"][0]["placed"].as_array().unwrap().iter().any(|name| name == "pdf"));
    before.assert_same(&machine.snapshot());
}

#[test]
fn a_damaged_record_leaves_its_skill_as_it_is_at_the_agents() {
    let machine = with_target(&["pdf", "xlsx"]);
    machine.run(&["sync"]).ok();
    machine.write(".skillsync/skills/pdf/.meta.toml", "garbage");
    let output = machine.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(output["failed"][0]["skill"], "pdf");
    assert!(machine.path("agent/skills/pdf/SKILL.md").exists());
}

#[test]
fn a_tools_folder_in_a_project_is_the_projects() {
    let machine = holding(&["pdf"]);
    std::fs::create_dir_all(machine.path("app/.git")).unwrap();
    let added = machine.run(&["target", "add", "--project", "app", "--tool", "codex", "--json"]).ok().json();
    assert_eq!(added["added"][0]["path"], "~/app/.agents/skills");
    assert_eq!(added["dry_run"], false);
}

#[test]
fn a_target_is_a_folder_for_skills_alone() {
    let machine = holding(&["pdf"]);
    let home = machine.home().display().to_string();
    symlink(machine.home(), machine.path("home-again")).unwrap();
    for path in ["/", "/tmp", home.as_str(), "~", "home-again"] {
        let output = machine.run(&["target", "add", "--path", path, "--json"]).fails(1);
        assert_eq!(output.json()["error"]["code"], "target-too-wide", "{path}");
    }
}

#[test]
fn another_mode_for_a_target_that_is_there_is_refused() {
    let machine = with_target(&["pdf"]);
    let output = machine.run(&["target", "add", "--path", "agent/skills", "--mode", "copy"]).fails(1);
    assert!(output.stderr.contains("target remove path-1"), "{}", output.stderr);
}

#[test]
fn a_target_that_is_gone_serves_nobody_else() {
    let machine = holding(&["pdf"]);
    for agent in ["codex", "cursor"] {
        machine.agent(agent);
        machine.run(&["target", "add", "--tool", agent]).ok();
    }
    machine.run(&["sync"]).ok();
    assert!(!machine.path(".cursor/skills/pdf").exists());
    std::fs::remove_dir_all(machine.path(".agents")).unwrap();
    machine.run(&["sync"]).fails(3);
    assert!(machine.path(".cursor/skills/pdf/SKILL.md").exists());
}

#[test]
fn an_edited_copy_is_found_by_verify() {
    let machine = holding(&["pdf"]);
    machine.run(&["target", "add", "--path", "agent/skills", "--mode", "copy"]).ok();
    machine.run(&["sync"]).ok();
    machine.run(&["verify"]).ok();
    let text = machine.read("agent/skills/pdf/SKILL.md");
    machine.write("agent/skills/pdf/SKILL.md", text + "mine\n");
    let output = machine.run(&["verify", "--json"]).fails(1).json();
    assert_eq!(output["findings"][0]["trouble"], "rendered-edited");
}

#[test]
fn a_marked_skill_stays_while_an_agent_still_has_it() {
    let machine = with_target(&["pdf", "xlsx"]);
    machine.run(&["sync"]).ok();
    machine.run(&["rm", "pdf"]).ok();
    std::fs::rename(machine.path("agent"), machine.path("elsewhere")).unwrap();
    let output = machine.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(output["failed"][0]["error"]["code"], "still-served");
    assert!(machine.store("skills/pdf/SKILL.md").exists());
    std::fs::rename(machine.path("elsewhere"), machine.path("agent")).unwrap();
    assert!(machine.run(&["sync"]).ok().stdout.contains("pdf: removed"));
    assert!(machine.path("agent/skills/pdf").symlink_metadata().is_err());
}

#[test]
fn a_repository_in_what_an_agent_loads_is_an_edit() {
    for mode in ["symlink", "copy"] {
        let machine = holding(&["pdf"]);
        machine.run(&["target", "add", "--path", "agent/skills", "--mode", mode]).ok();
        machine.run(&["sync"]).ok();
        machine.write("agent/skills/pdf/.git/HEAD", "mine");
        version(&machine, "pdf", "second\n");
        let output = machine.run(&["sync", "--json"]).fails(3).json();
        assert_eq!(output["targets"][0]["held"][0], "pdf", "{mode}");
        assert!(machine.path("agent/skills/pdf/.git/HEAD").exists());
    }
}

#[test]
fn what_lies_in_a_cache_of_an_old_tree_is_moved_to_trash_not_deleted() {
    let machine = with_target(&["pdf"]);
    machine.run(&["sync"]).ok();
    machine.write("agent/skills/pdf/tmp/notes.md", "mine");
    version(&machine, "pdf", "second\n");
    machine.run(&["sync"]).ok();
    machine.run(&["gc", "--all", "--yes"]).ok();
    let trash = machine.snapshot().only(".skillsync/trash");
    assert!(trash.iter().any(|(path, _)| path.ends_with("tmp/notes.md")));
}
