//! `--dry-run`: the plan, and not one byte written anywhere.

use serde_json::{Value, json};
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{PROJECT, Site};

/// Everything that a command could do something about: edited, outdated, a conflict, deleted, never deployed.
fn busy() -> Site {
    let site = Site::deployed();
    for name in ["csv", "doc", "gone", "xls"] {
        site.add(name, &SkillBuilder::new(name));
        site.deploy(&[name]).ok();
    }
    site.add("fresh", &SkillBuilder::new("fresh"));
    site.edit_copy("pdf", "First", "Edited");
    site.commit("csv", "Do the thing", "Do it well");
    site.commit("doc", "Do the thing", "Do it well");
    site.edit_copy("doc", "Do the thing", "Do it fast");
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/gone")));
    site
}

/// The command says that it only plans, and the whole home is as before, times of the project included.
#[track_caller]
fn plans(site: &Site, args: &[&str], exit: i32) -> Value {
    let (home, stamps) = (site.machine.snapshot(), site.stamps());
    let output = site.run(&[args, &["--dry-run", "--json"]].concat()).one_of(&[exit]);
    home.assert_same(&site.machine.snapshot());
    assert_eq!(site.stamps(), stamps, "{args:?}");
    let plan = output.json();
    assert_eq!(plan["dry_run"], true, "{output}");
    // In words, too.
    let told = site.run(&[args, &["--dry-run"]].concat()).one_of(&[exit]);
    home.assert_same(&site.machine.snapshot());
    assert!(told.stdout.contains("would be"), "{told}");
    plan
}

#[test]
fn no_command_writes_when_only_its_plan_is_wanted() {
    let site = busy();
    let plan = plans(&site, &["deploy", "csv", "fresh", "xls", "--tool", "claude-code", PROJECT], 0);
    let lines: Vec<Value> = plan["artifacts"].as_array().cloned().unwrap_or_default();
    let lines: Vec<_> = lines.iter().map(|one| json!([one["artifact_name"], one["status"]])).collect();
    assert_eq!(lines, [json!(["csv", "updated"]), json!(["fresh", "deployed"]), json!(["xls", "unchanged"])]);
    plans(&site, &["deploy", "fresh", "--tool", "windsurf", PROJECT], 0);
    plans(&site, &["deploy", "--all", PROJECT], 5);
    plans(&site, &["deploy", "--all", "--force", PROJECT], 0);
    plans(&site, &["undeploy", "pdf", "gone", "doc", PROJECT], 0);
    let plan = plans(&site, &["sync", "pull", PROJECT], 5);
    assert_eq!((&plan["status"], &plan["artifacts_synced"]), (&"dry_run".into(), &json!(["gone", "pdf"])));
    assert_eq!(plan["conflicts"][0]["files"][0]["path"], "SKILL.md");
    assert_eq!(plan["conflicts"][0]["working_copy"], Value::Null);
    for strategy in ["overwrite", "fork"] {
        plans(&site, &["sync", "pull", PROJECT, "--artifacts", "pdf,doc", "--strategy", strategy], 0);
    }
    plans(&site, &["sync", "pull", PROJECT, "--strategy", "overwrite", "--prefer", "collection"], 0);
    plans(&site, &["deployments", PROJECT, "--write-skillmeat"], 0);
}

#[test]
fn a_rollback_is_planned_too() {
    let site = busy();
    site.pull(&[]).fails(5);
    let plan = plans(&site, &["sync", "pull", PROJECT, "--rollback"], 0);
    let lines: Vec<Value> = plan["artifacts"].as_array().cloned().unwrap_or_default();
    let lines: Vec<_> = lines.iter().map(|one| json!([one["artifact_name"], one["outcome"]])).collect();
    let expected = [json!(["pdf", "restored"]), json!(["gone", "put_back"]), json!(["doc", "aborted"])];
    assert_eq!(lines, expected);
}

#[test]
fn a_check_that_would_record_does_not_when_only_its_plan_is_wanted() {
    let site = busy();
    let stamps = site.stamps();
    site.run(&["sync", "check", PROJECT, "--record", "--dry-run"]).fails(1);
    assert_eq!(site.stamps(), stamps);
}

#[test]
fn a_plan_says_what_is_then_done() {
    let site = busy();
    let plan = plans(&site, &["deploy", "--all", "--force", PROJECT], 0);
    let done = site.deploy(&["--all", "--force"]).ok().json();
    let said = |report: &Value| {
        let lines: Vec<Value> = report["artifacts"].as_array().cloned().unwrap_or_default();
        let said =
            |one: &Value| json!([one["artifact_name"], one["status"], one["path"], one["content_hash"]]);
        lines.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(said(&plan), said(&done));

    let site = busy();
    let plan = plans(&site, &["sync", "pull", PROJECT], 5);
    let done = site.pull(&[]).fails(5).json();
    let said = |report: &Value| {
        let lines: Vec<Value> = report["artifacts"].as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .map(|one| json!([one["artifact_name"], one["action"], one["version"]]))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(&plan), said(&done));
}
