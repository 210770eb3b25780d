//! `skillsync show`.

use crate::stocked::{commit, refuses, stocked};

const BODY: &str = "\n# pdf\n\nFirst line.\n\nMiddle line.\n\nLast line.\n";

#[test]
fn the_levels_are_what_an_agent_loads() {
    let machine = stocked();
    let json = machine.run(&["show", "pdf", "--json"]).ok().json();
    assert_eq!(json["level1"]["text"], "pdf: What pdf does. Use when a test asks for pdf.");
    assert_eq!(json["level2"]["text"], BODY);
    assert_eq!(json["level2"]["lines"], 8);
    let files = json["level3"]["files"].as_array().unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["assets/logo.png", "references/forms.md", "scripts/run.sh"]);
    assert_eq!((&files[0]["tokens"], &files[0]["size_bytes"]), (&serde_json::Value::Null, &6.into()));
    assert_eq!((&files[1]["executable"], &files[2]["executable"]), (&false.into(), &true.into()));
    let count = |value: &serde_json::Value| value.as_u64().unwrap();
    assert_eq!(count(&json["level3"]["tokens"]), count(&files[1]["tokens"]) + count(&files[2]["tokens"]));
    assert!(count(&json["level2"]["footer_tokens"]) > 50, "{json}");

    let text = machine.run(&["show", "pdf"]).ok().stdout;
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    assert_eq!(lines[0], ["pdf: What pdf does. Use when a test asks for pdf."]);
    let rows: Vec<String> =
        text.lines().skip(2).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[0], "LEVEL WHAT LOADED TOKENS");
    assert!(rows[1].starts_with("1 name and description always "), "{text}");
    assert!(rows[2].starts_with("2 SKILL.md, 8 lines when it is used "), "{text}");
    assert!(rows[3].starts_with("2 observation footer with SKILL.md "), "{text}");
    assert!(rows[4].starts_with("3 3 other files, 1 of them binary and not counted one by one "), "{text}");

    let one = machine.run(&["show", "pdf", "--level", "1", "--json"]).ok().json();
    assert_eq!(one["level1"], json["level1"]);
    assert!(one["level2"].is_null() && one["level3"].is_null(), "{one}");
    let three = machine.run(&["show", "pdf", "--level", "3"]).ok().stdout;
    assert!(three.lines().any(|l| l.split_whitespace().eq(["assets/logo.png", "6", "binary"])), "{three}");
}

#[test]
fn the_instructions_and_files_are_printed_byte_for_byte() {
    let machine = stocked();
    let two = machine.run(&["show", "pdf", "--level", "2"]).ok();
    assert_eq!(two.stdout, BODY);
    assert!(two.stderr.contains("agents load it with the observation footer, "), "{two}");
    for args in [&["show", "pdf", "scripts/run.sh"][..], &["show", "pdf", "--level", "3", "./scripts/run.sh"]]
    {
        assert_eq!(machine.run(args).ok().stdout, "#!/bin/sh\necho hi\n");
    }
    let whole = machine.run(&["show", "pdf", "SKILL.md", "--json"]).ok().json();
    assert_eq!(whole["text"], machine.read("src/pdf/SKILL.md"));
    let binary = machine.run(&["show", "pdf", "assets/logo.png", "--json"]).ok().json();
    assert_eq!((&binary["text"], &binary["size_bytes"]), (&serde_json::Value::Null, &6.into()));

    machine.run(&["config", "set", "observation.mode", "off"]).ok();
    let off = machine.run(&["show", "pdf", "--level", "2"]).ok();
    assert!(off.stderr.contains("agents load no observation footer"), "{off}");
    commit(&machine, "First", "Second");
    assert!(machine.run(&["show", "pdf", "--level", "2"]).ok().stdout.contains("Second line."));
}

#[test]
fn what_is_not_there_is_said() {
    let machine = stocked();
    let told = refuses(&machine, &["show", "pdf", "forms.md"], 1, "file-not-in-skill");
    assert_eq!(told.json()["error"]["hint"], "did you mean `references/forms.md`?");
    let told = refuses(&machine, &["show", "pdf", "../../../config.toml"], 1, "file-not-in-skill");
    assert_eq!(told.json()["error"]["hint"], "`skillsync show pdf --level 3` lists its files");
    refuses(&machine, &["show", "pdf", "--level", "2", "SKILL.md"], 2, "usage");
    refuses(&machine, &["show", "pfd"], 1, "skill-not-found");
}
