//! `deploy`: where copies go, what they replace, what they do not.

use std::path::Path;

use serde_json::{Value, json};
use skillsync_testkit::{Machine, SkillBuilder, disk};

use super::site::{COPY, PROJECT, RECORDS, Site, git};
use crate::stocked::{only_plans, refuses, replace};

fn statuses(report: &Value) -> Vec<Value> {
    let lines: Vec<Value> = report["artifacts"].as_array().cloned().unwrap_or_default();
    lines.iter().map(|one| json!([one["path"], one["status"]])).collect()
}

#[test]
fn a_copy_that_drifted_stays_and_the_others_are_deployed() {
    let site = Site::deployed();
    site.add("xls", &SkillBuilder::new("xls"));
    site.edit_copy("pdf", "First", "Edited");
    site.commit("pdf", "Fourth", "Committed");
    let output = site.deploy(&["pdf", "xls"]).fails(5);
    let report = output.json();
    let expected = [json!([".claude/skills/pdf", "drifted"]), json!([".claude/skills/xls", "deployed"])];
    assert_eq!(statuses(&report), expected);
    let error = &report["artifacts"][0]["error"];
    assert_eq!((&error["code"], &error["kind"]), (&"copy-drifted".into(), &"conflict".into()));
    assert!(
        error["hint"].as_str().is_some_and(|hint| hint.contains("sync pull") && hint.contains("--force"))
    );
    assert!(site.machine.read(COPY).contains("Edited step."));
    assert_eq!((&*site.state("pdf"), &*site.state("xls")), ("conflict", "synced"));

    let forced = site.run(&["deploy", "pdf", PROJECT, "--force"]).ok();
    assert!(forced.stderr.contains("is kept for 24 hours: "), "{forced}");
    assert_eq!(site.state("pdf"), "synced");
    assert_eq!(site.in_project("pdf"), site.in_store("pdf"));
    let kept = forced.stderr.split("24 hours: ").nth(1).unwrap_or_default().trim().to_owned();
    let kept = site.machine.read(&format!(
        "{}/SKILL.md",
        kept.trim_start_matches(&site.machine.home().display().to_string()).trim_start_matches('/')
    ));
    assert!(kept.contains("Edited step."), "{kept}");
}

#[test]
fn an_edit_that_the_store_has_not_is_never_lost_by_a_plain_deploy() {
    // Edited, then the same skill named, all, and with the store going on meanwhile.
    for names in [&["pdf"][..], &["--all"], &["pdf", "--tool", "claude-code"]] {
        for goes_on in [false, true] {
            let site = Site::deployed();
            if goes_on {
                site.commit("pdf", "Fourth", "Committed");
            }
            site.edit_copy("pdf", "First", "Edited");
            site.deploy(names).fails(5);
            assert!(site.machine.read(COPY).contains("Edited step."), "{names:?}");
        }
    }
}

#[test]
fn a_folder_of_the_same_name_that_nobody_deployed_stays() {
    let site = Site::stocked();
    let mine = SkillBuilder::new("pdf").body("Mine.\n");
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/pdf"), &mine);
    let output = site.deploy(&["pdf"]).fails(5);
    let error = output.json()["artifacts"][0]["error"].clone();
    assert_eq!(error["code"], "copy-drifted", "{output}");
    assert!(site.machine.read(COPY).contains("Mine."));
    assert!(!site.machine.path(RECORDS).exists());
    site.deploy(&["pdf", "--force"]).ok();
    assert_eq!(site.in_project("pdf"), site.in_store("pdf"));
    assert!(site.in_trash("Mine.") > 0);

    // The same content is only recorded.
    let site = Site::stocked();
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/pdf"), &super::site::pdf());
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "recorded");
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn version_control_in_a_copy_goes_on_with_the_new_one() {
    let site = Site::deployed();
    let copy = format!("{PROJECT}/.claude/skills/pdf");
    git(&site.machine, &site.machine.path(&copy), &["init", "--quiet"]);
    git(&site.machine, &site.machine.path(&copy), &["add", "--all"]);
    git(&site.machine, &site.machine.path(&copy), &["commit", "--quiet", "-m", "not pushed"]);
    site.write(".claude/skills/pdf/references/.hg/store", "deeper", 0o644);
    site.commit("pdf", "First", "Committed");
    let output = site.run(&["deploy", "pdf", PROJECT]).ok();
    assert!(!output.stderr.contains("is kept"), "{output}");
    let log = git(&site.machine, &site.machine.path(&copy), &["log", "--format=%s"]);
    assert_eq!(log.stdout, "not pushed\n");
    assert_eq!(site.machine.read(&format!("{copy}/references/.hg/store")), "deeper");
    assert_eq!((site.state("pdf"), site.in_trash("deeper")), ("synced".to_owned(), 0));
    // By a pull that pushes, too.
    site.edit_copy("pdf", "Second", "Edited");
    site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert!(site.machine.path(&format!("{copy}/.git/HEAD")).exists());
    assert!(site.machine.path(&format!("{copy}/references/.hg/store")).exists());
}

#[test]
fn files_that_are_no_part_of_a_skill_go_to_trash_with_the_copy_and_are_named() {
    let site = Site::deployed();
    site.write(".claude/skills/pdf/scripts/__pycache__/x.pyc", "mine", 0o644);
    // Its folder goes with the new version, and so does the repository in it.
    site.write(".claude/skills/pdf/references/.git/config", "nested", 0o644);
    site.commit_files("pdf", |editing| disk::remove(&site.machine.path(&format!("{editing}/references"))));
    let output = site.run(&["deploy", "pdf", PROJECT]).ok();
    let kept = output.stderr.split("is kept for 24 hours: ").nth(1).unwrap_or_default().trim().to_owned();
    assert!(Path::new(&kept).join("scripts/__pycache__/x.pyc").exists(), "{output}");
    assert!(Path::new(&kept).join("references/.git/config").exists(), "{output}");
    // A copy as it was deployed is nothing to speak of.
    site.commit("pdf", "First", "Committed");
    let output = site.run(&["deploy", "pdf", PROJECT]).ok();
    assert!(!output.stderr.contains("is kept"), "{output}");
}

#[test]
fn executable_bits_that_the_project_changed_are_no_less_its_own() {
    let site = Site::deployed();
    site.set_mode(&format!("{PROJECT}/.claude/skills/pdf/references/forms.md"), 0o755);
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "unchanged");
    site.commit("pdf", "First", "Committed");
    let output = site.deploy(&["pdf"]).fails(5);
    let line = output.json()["artifacts"][0].clone();
    assert_eq!((&line["status"], &line["error"]["code"]), (&"drifted".into(), &"copy-drifted".into()));
    let message = line["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("its executable bits were changed"), "{output}");
    assert!(site.machine.read(COPY).contains("First step."));
    let output = site.run(&["deploy", "pdf", PROJECT, "--force"]).ok();
    assert!(output.stderr.contains("is kept for 24 hours: "), "{output}");
    assert_eq!(site.state("pdf"), "synced");
    assert_eq!(site.in_project("pdf"), site.in_store("pdf"));
}

#[test]
fn two_names_of_one_folder_are_deployed_to_once() {
    let site = Site::stocked();
    site.machine.write(&format!("{PROJECT}/.agents/skills/keep"), "");
    site.machine.write(&format!("{PROJECT}/.claude/keep"), "");
    std::os::unix::fs::symlink("../.agents/skills", site.machine.path(&format!("{PROJECT}/.claude/skills")))
        .unwrap();
    let both = ["pdf", "--tool", "claude-code", "--tool", "codex"];
    let report = site.deploy(&both).ok().json();
    assert_eq!(statuses(&report), [json!([".agents/skills/pdf", "deployed"])]);
    assert!(!site.machine.path(RECORDS).exists());
    // Recorded by both names, as it was deployed by one after the other.
    site.deploy(&["pdf", "--tool", "claude-code"]).ok();
    assert_eq!(site.record("pdf")["artifact_path"].as_str(), Some("skills/pdf"));
    site.commit("pdf", "First", "Committed");
    let expected = [json!([".agents/skills/pdf", "updated"]), json!([".claude/skills/pdf", "recorded"])];
    assert_eq!(statuses(&site.deploy(&["pdf"]).ok().json()), expected);
    assert_eq!(site.check(&[])["drift_detected"], false);
    // What one refuses, the other does not take for granted.
    site.edit_copy("pdf", "Second", "Edited");
    site.commit("pdf", "Third", "Committed");
    let expected = [json!([".agents/skills/pdf", "drifted"]), json!([".claude/skills/pdf", "drifted"])];
    assert_eq!(statuses(&site.deploy(&["pdf"]).fails(5).json()), expected);
}

#[test]
fn a_tool_is_deployed_to_its_own_folder() {
    let site = Site::stocked();
    let report = site.deploy(&["pdf", "--tool", "windsurf", "--tool", "codex"]).ok().json();
    let expected = [json!([".agents/skills/pdf", "deployed"]), json!([".windsurf/skills/pdf", "deployed"])];
    assert_eq!(statuses(&report), expected);
    assert_eq!(site.records("work/app/.windsurf/.skillsync-deployed.toml").len(), 1);
    assert_eq!(site.records("work/app/.agents/.skillsync-deployed.toml").len(), 1);
    assert!(!site.machine.path("work/app/.claude").exists());
    // What is new goes where the others are; what is deployed is brought up to date everywhere.
    site.add("xls", &SkillBuilder::new("xls"));
    let report = site.deploy(&["xls"]).ok().json();
    assert_eq!(
        statuses(&report),
        [json!([".agents/skills/xls", "deployed"]), json!([".windsurf/skills/xls", "deployed"])]
    );
    site.commit("pdf", "First", "Committed");
    let report = site.deploy(&["pdf", "--tool", "codex"]).ok().json();
    assert_eq!(statuses(&report), [json!([".agents/skills/pdf", "updated"])]);
    let report = site.deploy(&["pdf"]).ok().json();
    assert_eq!(
        statuses(&report),
        [json!([".agents/skills/pdf", "unchanged"]), json!([".windsurf/skills/pdf", "updated"])]
    );
    let told = refuses(&site.machine, &["deploy", "pdf", PROJECT, "--tool", "windsruf"], 1, "tool-unknown");
    assert!(told.stderr.contains("windsurf"), "{told}");
}

#[test]
fn tools_that_keep_skills_beside_each_other_in_the_project_itself_are_told_apart() {
    let site = Site::stocked();
    site.add("xls", &SkillBuilder::new("xls"));
    let report = site.deploy(&["pdf", "--tool", "openclaw"]).ok().json();
    assert_eq!(statuses(&report), [json!(["skills/pdf", "deployed"])]);
    let report = site.deploy(&["xls", "--tool", "letta"]).ok().json();
    assert_eq!(statuses(&report), [json!([".skills/xls", "deployed"])]);
    assert_eq!(site.check(&[])["checked"], 2);
    assert_eq!(site.check(&[])["drift_detected"], false);
    assert_eq!(site.records("work/app/.skillsync-deployed.toml").len(), 2);
}

#[test]
fn the_agents_folder_that_the_project_has_is_taken() {
    let site = Site::stocked();
    site.machine.write("work/app/.windsurf/rules.md", "x");
    let report = site.deploy(&["pdf"]).ok().json();
    assert_eq!(statuses(&report), [json!([".windsurf/skills/pdf", "deployed"])]);
    // With several, Claude Code's where it is one of them.
    let site = Site::stocked();
    for folder in [".windsurf", ".roo", ".claude"] {
        site.machine.write(&format!("work/app/{folder}/keep"), "x");
    }
    let report = site.deploy(&["pdf"]).ok().json();
    assert_eq!(statuses(&report), [json!([".claude/skills/pdf", "deployed"])]);
    // Else nobody can say.
    let site = Site::stocked();
    for folder in [".windsurf", ".roo"] {
        site.machine.write(&format!("work/app/{folder}/keep"), "x");
    }
    let told = refuses(&site.machine, &["deploy", "pdf", PROJECT], 1, "folder-ambiguous");
    assert!(told.stderr.contains(".roo, .windsurf") && told.stderr.contains("--tool"), "{told}");
    site.deploy(&["pdf", "--tool", "roo"]).ok();
    // Folders that may be anything are no agent's.
    let site = Site::stocked();
    for folder in ["skills", "agent", "data", ".github"] {
        site.machine.write(&format!("work/app/{folder}/keep"), "x");
    }
    let path = site.deploy(&["pdf"]).ok().json()["artifacts"][0]["path"].clone();
    assert!(path == ".claude/skills/pdf" || path == ".github/skills/pdf", "{path}");
}

#[test]
fn a_name_that_is_not_there_changes_nothing_and_the_nearest_is_named() {
    let site = Site::stocked();
    let told = refuses(&site.machine, &["deploy", "pdf", "pfd", PROJECT], 1, "skill-not-found");
    assert!(told.stderr.contains("did you mean `pdf`?"), "{told}");
    refuses(&site.machine, &["deploy", "Not A Name", PROJECT], 2, "name-invalid");
    refuses(&site.machine, &["deploy", "pdf"], 2, "usage");
    refuses(&site.machine, &["deploy", "--all", "pdf", PROJECT], 2, "usage");
    site.run(&["rm", "pdf"]).ok();
    refuses(&site.machine, &["deploy", "pdf", PROJECT], 1, "skill-pending-remove");
}

#[test]
fn all_is_all_of_the_users_own() {
    let site = Site::stocked();
    site.add_markdown("command", "review", "Review it.\n");
    site.add_markdown("agent", "critic", "Be kind.\n");
    let plan = only_plans(&site.machine, &["deploy", "--all", PROJECT]).stdout;
    let report = site.deploy(&["--all"]).ok().json();
    let paths: Vec<_> =
        statuses(&report).iter().map(|line| line[0].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(paths, [".claude/agents/critic.md", ".claude/skills/pdf", ".claude/commands/review.md"]);
    assert!(paths.iter().all(|path| plan.contains(&format!("{path}: would be deployed"))), "{plan}");
    assert_eq!(site.check(&["--all"])["drift_detected"], false);
    let empty = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    empty.run(&["init"]).ok();
    empty.write("app/keep", "");
    assert_eq!(empty.run(&["deploy", "--all", "app"]).ok().stdout, "the store has nothing to deploy\n");
}

#[test]
fn a_command_and_an_agent_are_one_file_each() {
    let site = Site::stocked();
    site.add_markdown("command", "review", "Review it.\n");
    site.add_markdown("agent", "critic", "Be kind.\n");
    site.deploy(&["review", "critic"]).ok();
    assert_eq!(site.machine.read("work/app/.claude/commands/review.md"), "Review it.\n");
    assert_eq!(site.machine.read("work/app/.claude/agents/critic.md"), "Be kind.\n");
    assert_eq!(site.record("review")["artifact_path"].as_str(), Some("commands/review.md"));
    assert_eq!(site.record("critic")["artifact_type"].as_str(), Some("agent"));
    site.commit_files("review", |editing| {
        replace(&site.machine, &format!("{editing}/review.md"), "it", "all")
    });
    replace(&site.machine, "work/app/.claude/agents/critic.md", "kind", "fair");
    assert_eq!((&*site.state("review"), &*site.state("critic")), ("outdated", "modified"));
    let report = site.deploy(&["review", "critic"]).fails(5).json();
    let expected =
        [json!([".claude/agents/critic.md", "drifted"]), json!([".claude/commands/review.md", "updated"])];
    assert_eq!(statuses(&report), expected);
    assert_eq!(site.machine.read("work/app/.claude/commands/review.md"), "Review all.\n");
    disk::remove(&site.machine.path("work/app/.claude/agents/critic.md"));
    let drift = site.drift("critic");
    assert_eq!((&drift["drift_type"], &drift["change"]), (&"modified".into(), &"delete".into()));
}

#[test]
fn what_a_killed_command_left_goes_to_trash() {
    let site = Site::deployed();
    let left = format!("{PROJECT}/.claude/skills/.skillsync-999999999-0123456789abcdef-0");
    site.machine.write(&format!("{left}/SKILL.md"), "half");
    site.machine.write(&format!("{PROJECT}/.claude/skills/.skillsync-notes/mine.md"), "mine");
    let done = site.run(&["deploy", "pdf", PROJECT]).ok();
    assert!(done.stderr.contains("a killed command left "), "{done}");
    assert!(!site.machine.path(&left).exists());
    assert!(site.in_trash("half") > 0);
    assert_eq!(site.machine.read(&format!("{PROJECT}/.claude/skills/.skillsync-notes/mine.md")), "mine");
}

#[test]
fn deployments_beside_each_other_are_all_recorded() {
    let site = Site::empty();
    let names: Vec<String> = (0..6).map(|number| format!("skill-{number}")).collect();
    for name in &names {
        site.add(name, &SkillBuilder::new(name));
    }
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| site.deploy(&[name]).ok());
        }
    });
    assert_eq!(site.records(RECORDS).len(), names.len());
    let checked = site.check(&[]);
    assert_eq!((&checked["checked"], &checked["drift_detected"]), (&6.into(), &false.into()));
}
