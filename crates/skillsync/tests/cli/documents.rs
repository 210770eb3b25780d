//! The JSON of every command has the keys that its page names, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use skillsync_testkit::{Machine, Output, SkillBuilder};

use crate::holding::{holding, machine};
use crate::stocked::only_plans;

/// The top-level keys that the page names for a command: of its paragraph `JSON:`, or `JSON of FORM:`.
fn documented(command: &str, form: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    let section = page.split("\n### ").find(|section| section.lines().next() == Some(command));
    let section = section.unwrap_or_else(|| panic!("the page has no section {command}"));
    let head = if form.is_empty() { "\nJSON:".to_owned() } else { format!("\nJSON of {form}:") };
    let text = section.split(&head).nth(1).unwrap_or_else(|| panic!("{command}: no `{}`", head.trim()));
    let text = text.split("\n\n").next().unwrap_or_default();
    first_names(text)
}

/// The words in backticks of the first sentence that stand in no brackets.
fn first_names(text: &str) -> BTreeSet<String> {
    let (mut depth, mut names) = (0, BTreeSet::new());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            if depth == 0 {
                names.insert(part.to_owned());
            }
            continue;
        }
        for c in part.chars() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '.' if depth == 0 => return names,
                _ => {}
            }
        }
    }
    names
}

fn keys(document: &Value) -> BTreeSet<String> {
    document.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

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
    changes(&m, "doctor", "", &["doctor", "--fix"]);
    changes(&m, "config", "`set` and `unset`", &["config", "set", "observation.mode", "off"]);
    changes(&m, "config", "`set` and `unset`", &["config", "unset", "observation.mode"]);
    changes(&m, "gc", "", &["gc"]);
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
fn a_page_is_read_to_the_end_of_its_first_sentence() {
    let names = first_names(" `a`, `b` (`c`: `d`. `e`), `f`. `g` is a path.");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "f"]);
}
