//! The JSON of every command has the keys that its page names, and no other.

use skillsync_testkit::page::{documented, keys};
use skillsync_testkit::{Machine, Output, SkillBuilder};

use crate::holding::{holding, machine};
use crate::hubs::{KEY, ROOT};
use crate::stocked::only_plans;

/// Runs the command and compares the keys of its document with the page.
#[track_caller]
fn check(machine: &Machine, command: &str, form: &str, args: &[&str]) -> Output {
    let output = machine.run(&[args, &["--json"]].concat()).one_of(&[0, 1]);
    assert_eq!(keys(&output.json()), documented(command, form), "{args:?}");
    output
}

/// The same for a command that changes something: first its plan, which is marked as one.
#[track_caller]
fn changes(machine: &Machine, command: &str, form: &str, args: &[&str]) {
    let plan = only_plans(machine, &[args, &["--json"]].concat()).json();
    assert_eq!(plan["dry_run"], true, "{args:?}");
    if plan["would"].is_null() && command != "setup" {
        assert_eq!(keys(&plan), documented(command, form), "{args:?} --dry-run");
    }
    let done = check(machine, command, form, args).json();
    assert_eq!(done["dry_run"], false, "{args:?}");
}

#[test]
fn every_document_has_the_keys_of_its_page() {
    let m = machine();
    m.agent("claude-code");
    m.skill_folder(".claude/skills/notes", &SkillBuilder::new("notes"));
    m.skill_folder("src/pdf", &SkillBuilder::new("pdf").file("a.md", "a"));
    changes(&m, "init", "", &["init"]);
    check(&m, "setup", "the plan", &["setup", "--dry-run"]);
    changes(&m, "setup", "the result", &["setup", "--yes"]);
    check(&m, "setup", "the plan of `--undo`", &["setup", "--undo", "--dry-run"]);
    changes(&m, "setup", "`--undo`", &["setup", "--undo", "--yes"]);

    changes(&m, "new", "", &["new", "fresh"]);
    changes(&m, "add", "", &["add", "src/pdf"]);
    changes(&m, "observe", "", &["observe", "pdf", "--signal", "positive"]);
    changes(&m, "edit", "", &["edit", "pdf"]);
    m.write(".skillsync/editing/pdf/a.md", "b");
    check(&m, "diff", "", &["diff", "pdf"]);
    changes(&m, "commit", "", &["commit", "pdf", "--reason", "b"]);
    m.run(&["edit", "pdf"]).ok();
    changes(&m, "abort", "", &["abort", "pdf"]);
    changes(&m, "rollback", "", &["rollback", "pdf"]);
    changes(&m, "export", "", &["export", "pdf", "out"]);
    changes(&m, "export", "`--site`", &["export", "--site", "web", "--skill", "pdf"]);
    m.write(".skillsync/skills/pdf/b.md", "by hand");
    changes(&m, "adopt", "", &["adopt", "pdf"]);
    changes(&m, "rm", "", &["rm", "fresh"]);

    for (command, form, args) in [
        ("ls", "", &["ls"][..]),
        ("info", "", &["info", "pdf"]),
        ("show", "", &["show", "pdf"]),
        ("show", "", &["show", "pdf", "--level", "1"]),
        ("show", "a file", &["show", "pdf", "a.md"]),
        ("history", "", &["history", "pdf"]),
        ("validate", "", &["validate"]),
        ("verify", "", &["verify"]),
        ("version", "", &["version"]),
        ("log", "", &["log", "pdf"]),
        ("log", "", &["log", "pdf", "--summary"]),
        ("target", "`list`", &["target", "list"]),
        ("config", "", &["config"]),
        ("config", "`get`", &["config", "get", "observation.mode"]),
        ("config", "`path`", &["config", "path"]),
    ] {
        check(&m, command, form, args);
    }
    changes(&m, "sync", "", &["sync"]);
    changes(&m, "hook", "`install` and `remove`", &["hook", "install", "--yes"]);
    changes(&m, "hook", "`install` and `remove`", &["hook", "remove", "--yes"]);
    changes(&m, "doctor", "", &["doctor", "--fix"]);
    changes(&m, "config", "`set` and `unset`", &["config", "set", "observation.mode", "off"]);
    changes(&m, "config", "`set` and `unset`", &["config", "unset", "observation.mode"]);
    changes(&m, "gc", "", &["gc"]);
    changes(&m, "source", "`import`", &["source", "import"]);
    changes(&m, "man", "`--dir`", &["man", "--dir", "man1"]);
    changes(&m, "target", "`add`", &["target", "add", "--path", "more"]);
    changes(&m, "target", "`remove`", &["target", "remove", "path-1"]);
}

#[test]
fn every_document_about_a_project_has_the_keys_of_its_page() {
    let m = holding(&["pdf", "notes"]);
    let copy = "shop/.claude/skills/pdf/SKILL.md";
    let edit = |line: &str| m.write(copy, format!("{}{line}\n", m.read(copy)));
    m.write("shop/README.md", "a shop");
    changes(&m, "deploy", "", &["deploy", "pdf", "notes", "shop"]);
    changes(&m, "deploy", "", &["deploy", "--all", "shop", "--tool", "codex", "--force"]);
    changes(&m, "undeploy", "", &["undeploy", "pdf", "shop", "--tool", "codex"]);
    check(&m, "deployments", "", &["deployments", "shop"]);
    changes(&m, "deployments", "`--write-skillmeat`", &["deployments", "shop", "--write-skillmeat"]);

    edit("edited");
    check(&m, "sync check", "", &["sync", "check", "shop"]);
    let checked = check(&m, "sync check", "", &["sync", "check", "shop", "--all", "--record"]);
    assert_eq!(checked.code, Some(1), "{checked}");
    for options in [&[][..], &["--strategy", "overwrite"], &["--strategy", "fork", "--artifacts", "pdf"]] {
        check(&m, "sync preview", "", &[&["sync", "preview", "shop"], options].concat());
    }
    let strategies = [
        &["--strategy", "fork"][..],
        &["--reason", "an edit"],
        &["--strategy", "overwrite", "--prefer", "collection"],
        &["--strategy", "prompt", "--artifacts", "pdf"],
    ];
    for (number, options) in strategies.iter().enumerate() {
        edit(&format!("edit {number}"));
        changes(&m, "sync pull", "", &[&["sync", "pull", "shop", "--yes"], *options].concat());
        changes(&m, "sync pull", "`--rollback`", &["sync", "pull", "shop", "--rollback", "--yes"]);
    }
    changes(&m, "sync pull", "", &["sync", "pull", "shop", "--artifacts", "notes", "--yes"]);
}

#[test]
fn a_conflict_has_the_keys_of_its_page() {
    let m = holding(&["pdf"]);
    let copy = "shop/.claude/skills/pdf/SKILL.md";
    m.write("shop/README.md", "a shop");
    m.run(&["deploy", "pdf", "shop"]).ok();
    m.write(copy, format!("{}theirs\n", m.read(copy)));
    m.run(&["edit", "pdf"]).ok();
    let working = ".skillsync/editing/pdf/SKILL.md";
    m.write(working, format!("{}ours\n", m.read(working)));
    m.run(&["commit", "pdf", "--reason", "ours"]).ok();
    for flags in [&["--dry-run"][..], &["--yes"]] {
        let pulled = m.run(&[&["sync", "pull", "shop", "--json"], flags].concat()).fails(5).json();
        assert_eq!(keys(&pulled), documented("sync pull", ""));
        let files = &pulled["conflicts"][0]["files"][0];
        let named = ["path", "kind", "regions", "base", "store", "project", "project_at"];
        assert_eq!(keys(files), named.map(str::to_owned).into(), "{files}");
    }
}

#[test]
fn every_document_about_a_hub_has_the_keys_of_its_page() {
    let m = holding(&["pdf"]);
    let add = ["source", "add", "http://127.0.0.1:1", "--name", "team", "--root", ROOT];
    changes(&m, "source", "`add`", &add);
    for (form, args) in [("`list`", &["source", "list"][..]), ("`trust`", &["source", "trust", "team"])] {
        check(&m, "source", form, args);
    }
    let login = m.command(&["login", "team", "--offline", "--json"]).stdin(KEY).run().ok();
    assert_eq!(keys(&login.json()), documented("login", ""));
    check(&m, "publish", "the plan", &["publish", "pdf", "-n"]);
    m.run(&["source", "add", "http://127.0.0.1:2", "--name", "lab", "--root", ROOT]).ok();
    let searched = m.run(&["search", "pdf", "--json"]).fails(7);
    assert_eq!(keys(&searched.json()), documented("search", ""));
    changes(&m, "logout", "", &["logout", "team"]);
    changes(&m, "source", "`remove`", &["source", "remove", "team", "--yes"]);
}
