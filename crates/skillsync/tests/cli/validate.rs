//! `skillsync validate`.

use std::os::unix::fs::symlink;

use skillsync_testkit::{Machine, SkillBuilder};

use crate::stocked::{overwrite, refuses, stocked};

/// `severity file:line code` of each finding in the folder `bad/pdf`.
fn findings(machine: &Machine, exit: i32) -> Vec<String> {
    let json = machine.run(&["validate", "./bad/pdf", "--json"]).one_of(&[exit]).json();
    assert_eq!(json["valid"], exit == 0, "{json}");
    assert_eq!(json["subjects"][0]["subject"], "./bad/pdf");
    let findings = json["subjects"][0]["findings"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let found = findings.iter().map(|f| {
        assert!(f["message"].as_str().is_some_and(|m| !m.is_empty()) && f["hint"].is_string(), "{f}");
        assert!(!text(&f["message"]).contains("/bad/pdf"), "the folder is named above: {f}");
        format!("{} {}:{} {}", text(&f["severity"]), text(&f["file"]), f["line"], text(&f["code"]))
    });
    found.collect()
}

#[test]
fn each_broken_rule_is_a_finding() {
    let key = format!("-----BEGIN {} KEY-----\n", "PRIVATE");
    let pdf = || SkillBuilder::new("pdf");
    let cases: Vec<(SkillBuilder, i32, &[&str])> = vec![
        (pdf(), 0, &[]),
        (pdf().body("[a](references/a.md) [b](#x)\n").file("references/a.md", "x"), 0, &[]),
        (pdf().skill_md("no head\n"), 1, &["error SKILL.md:1 frontmatter-missing"]),
        (SkillBuilder::new("xlsx"), 1, &["error SKILL.md:2 name-not-folder"]),
        (pdf().body("one\n[a](gone.md)\n"), 1, &["error SKILL.md:7 link-broken"]),
        (pdf().body("[a](../xlsx/SKILL.md)\n"), 0, &["warning SKILL.md:6 link-leaves-skill"]),
        (pdf().file(".env", "A=1"), 0, &["warning .env:null secret-suspected"]),
        (pdf().file("deploy.md", format!("\n{key}")), 0, &["warning deploy.md:2 secret-suspected"]),
        (pdf().file("A.md", "").file("a.md", ""), 1, &["error :null path-case-twins"]),
        (pdf().file("a\\b", ""), 1, &["error :null path-invalid"]),
        (
            pdf().skill_md("no head\n").file("a\\b", ""),
            1,
            &["error :null path-invalid", "error SKILL.md:1 frontmatter-missing"],
        ),
    ];
    for (skill, exit, expected) in cases {
        let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
        machine.skill_folder("bad/pdf", &skill);
        assert_eq!(findings(&machine, exit), expected);
        let before = machine.snapshot();
        machine.run(&["validate", "./bad/pdf"]).one_of(&[exit]);
        before.assert_same(&machine.snapshot());
    }
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    machine.write("bad/pdf/skill.md", "x");
    symlink("/etc/passwd", machine.path("bad/pdf/link")).unwrap();
    assert_eq!(findings(&machine, 1), ["error :null link-outside", "error :null no-skill-md"]);
}

#[test]
fn skills_of_the_store_are_checked_by_name_or_all() {
    let machine = stocked();
    assert_eq!(machine.run(&["validate", "pdf"]).ok().stdout, "pdf: ok\n");
    let all = machine.run(&["validate"]).ok().stdout;
    assert!(all.starts_with("pdf: ok\n") && all.ends_with(" skills checked: ok\n"), "{all}");
    overwrite(&machine, ".skillsync/skills/pdf/SKILL.md", "---\nname: pdf\n---\n# x\n");
    let said = machine.run(&["validate", "pdf", "./src/pdf"]).fails(1).stdout;
    let expected = "\
pdf: 1 error
  error: SKILL.md: the field `description` is missing [description-missing]
";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.ends_with("./src/pdf: ok\n2 skills checked: 1 error\n"), "{said}");
}

#[test]
fn what_is_not_there_cannot_be_checked() {
    let machine = stocked();
    refuses(&machine, &["validate", "pfd"], 1, "skill-not-found");
    refuses(&machine, &["validate", "./nowhere"], 1, "folder-not-found");
    refuses(&machine, &["validate", "./src/pdf/SKILL.md"], 1, "folder-not-found");
    let bare = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    refuses(&bare, &["validate"], 1, "store-missing");
}

#[test]
fn p11_a_report_says_what_a_skill_is_made_of() {
    let machine = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    let body = "# Tables\n\nRead the table first.\n\n- Never guess.\n\n```python\nimport csv\n```\n";
    let long = "word ".repeat(12_000);
    machine.skill_folder(
        "csv",
        &SkillBuilder::new("csv")
            .body(body)
            .file("references/long.md", long)
            .script("scripts/run.py", "pass\n"),
    );
    let json = machine.run(&["validate", "./csv", "--report", "--json"]).ok().json();
    assert_eq!((&json["valid"], &json["warnings"]), (&true.into(), &1.into()));
    let subject = &json["subjects"][0];
    assert_eq!(subject["findings"][0]["code"], "file-too-long");
    let report = &subject["report"];
    assert_eq!(report["structure"]["folders"], serde_json::json!({".": 1, "references": 1, "scripts": 1}));
    assert_eq!(report["checks"]["tokens"], serde_json::json!({"errors": 0, "warnings": 1}));
    assert_eq!(report["checks"]["frontmatter"]["errors"], 0);
    let tokens = &report["tokens"];
    let sum = ["description", "instructions"].iter().map(|part| tokens[part].as_u64().unwrap()).sum::<u64>();
    assert_eq!(tokens["total"], sum + tokens["files"]["references/long.md"].as_u64().unwrap());
    assert_eq!((&report["content"]["sentences"], &report["content"]["instructions"]), (&2.into(), &2.into()));
    assert_eq!(report["content"]["code_blocks"], serde_json::json!({"python": 1}));
    assert_eq!(
        (&report["contamination"]["level"], &report["contamination"]["main"]),
        (&"low".into(), &"python".into())
    );
    // A build may take warnings for errors.
    machine.run(&["validate", "./csv", "--report", "--strict"]).fails(1);
    machine.run(&["validate", "./csv", "--strict"]).ok();

    let mixed = "```python\n```\n```go\n```\n```rust\n```\n```sh\n";
    machine.skill_folder("mix", &SkillBuilder::new("mix").body(mixed));
    let said = machine.run(&["validate", "./mix", "--report"]).ok().stdout;
    for words in [
        "warning: SKILL.md:12: nothing closes this fence",
        "go, python, rust stand side by side",
        "  frontmatter: ok\n",
        "  contamination: high (0.60): go, python, rust\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // What cannot be read has findings and no report.
    machine.write("bad/SKILL.md", "no head\n");
    let bad = machine.run(&["validate", "./bad", "--report", "--json"]).fails(1).json();
    assert!(bad["subjects"][0].get("report").is_none(), "{bad}");
}
