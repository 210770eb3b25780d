//! `undeploy`: copies go to trash, records go, and everything else stays.

use serde_json::{Value, json};
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{COPY, PROJECT, RECORDS, Site};
use crate::stocked::{only_plans, refuses, replace};

fn undeployed(site: &Site, args: &[&str]) -> Value {
    site.run(&[&["undeploy", "--json"], args, &[PROJECT]].concat()).ok().json()
}

#[test]
fn a_copy_and_its_record_go_and_the_store_keeps_what_it_has() {
    let site = Site::deployed();
    site.add("xls", &SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    let store = site.in_store("pdf");
    let plan = only_plans(&site.machine, &["undeploy", "pdf", PROJECT]);
    assert_eq!(plan.stdout, ".claude/skills/pdf: would be taken out\n");
    let line = undeployed(&site, &["pdf"])["artifacts"][0].clone();
    assert_eq!((&line["edited"], &line["error"]), (&false.into(), &Value::Null));
    assert!(!site.machine.path(&format!("{PROJECT}/.claude/skills/pdf")).exists());
    assert_eq!(site.in_store("pdf"), store);
    let left = site.records(RECORDS);
    assert_eq!(left.iter().map(|record| record["artifact_name"].as_str()).collect::<Vec<_>>(), [Some("xls")]);
    undeployed(&site, &["xls"]);
    assert!(!site.machine.path(RECORDS).exists());
    refuses(&site.machine, &["undeploy", "xls", PROJECT], 1, "no-deployments");
    // And again from the beginning.
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
    assert!(!site.record("pdf").contains_key("parent_hash"));
}

#[test]
fn an_edited_copy_waits_in_trash() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    let output = site.run(&["undeploy", "pdf", PROJECT]).ok();
    assert!(output.stderr.contains(".claude/skills/pdf was edited; it is kept for 24 hours: "), "{output}");
    assert_eq!(site.in_trash("Edited step."), 1);
    assert!(site.store_text("pdf").contains("First step."));
}

#[test]
fn version_control_in_a_copy_is_said_to_wait_in_trash() {
    let site = Site::deployed();
    site.write(".claude/skills/pdf/references/.git/HEAD", "mine", 0o644);
    let output = site.run(&["undeploy", "pdf", PROJECT]).ok();
    let said = ".claude/skills/pdf has version control in it; it is kept for 24 hours: ";
    let kept = output.stderr.split(said).nth(1).unwrap_or_default().trim().to_owned();
    assert!(std::path::Path::new(&kept).join("references/.git/HEAD").exists(), "{output}");
    // What is as deployed is nothing to speak of.
    site.deploy(&["pdf"]).ok();
    let output = site.run(&["undeploy", "pdf", PROJECT]).ok();
    assert_eq!(output.stderr, "", "{output}");
}

#[test]
fn a_record_without_a_copy_goes_too() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/pdf")));
    let line = undeployed(&site, &["pdf"])["artifacts"][0].clone();
    assert_eq!((&line["trash"], &line["edited"]), (&Value::Null, &false.into()));
    assert!(!site.machine.path(RECORDS).exists());
}

#[test]
fn commands_and_agents_go_file_by_file() {
    let site = Site::deployed();
    site.add_markdown("command", "review", "Review it.\n");
    site.add_markdown("agent", "critic", "Be kind.\n");
    site.deploy(&["review", "critic"]).ok();
    site.machine.write(&format!("{PROJECT}/.claude/commands/mine.md"), "Mine.\n");
    replace(&site.machine, "work/app/.claude/commands/review.md", "it", "all");
    let report = undeployed(&site, &["review", "critic"]);
    let lines: Vec<Value> = report["artifacts"].as_array().cloned().unwrap_or_default();
    let lines: Vec<_> = lines.iter().map(|one| json!([one["path"], one["edited"]])).collect();
    assert_eq!(
        lines,
        [json!([".claude/commands/review.md", true]), json!([".claude/agents/critic.md", false])]
    );
    assert!(!site.machine.path("work/app/.claude/commands/review.md").exists());
    assert!(!site.machine.path("work/app/.claude/agents/critic.md").exists());
    assert_eq!(site.machine.read(&format!("{PROJECT}/.claude/commands/mine.md")), "Mine.\n");
    assert_eq!(site.in_trash("Review all."), 1);
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn a_name_that_is_not_deployed_is_named_with_the_nearest_one() {
    let site = Site::deployed();
    site.add("xls", &SkillBuilder::new("xls"));
    for args in [&["pfd"][..], &["xls"], &["pdf", "--tool", "windsurf"]] {
        let before = site.machine.snapshot().without(&[".skillsync/state"]);
        let output = site.run(&[&["undeploy"], args, &[PROJECT, "--json"]].concat()).one_of(&[1, 3]);
        assert!(output.stdout.contains("\"not-deployed\""), "{output}");
        before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));
    }
    refuses(&site.machine, &["undeploy", "pdf"], 2, "usage");
    // What is deployed is taken out all the same.
    let output = site.run(&["undeploy", "pdf", "pfd", PROJECT]).fails(3);
    assert!(output.stderr.contains("did you mean `pdf`?"), "{output}");
    assert!(!site.machine.path(COPY).exists());
}

#[test]
fn a_tool_is_taken_out_of_alone() {
    let site = Site::deployed();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    undeployed(&site, &["pdf", "--tool", "windsurf"]);
    assert!(!site.machine.path(&format!("{PROJECT}/.windsurf/skills/pdf")).exists());
    assert_eq!(site.state("pdf"), "synced");
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    assert_eq!(undeployed(&site, &["pdf"])["artifacts"].as_array().map(Vec::len), Some(2));
    refuses(&site.machine, &["sync", "check", PROJECT], 1, "no-deployments");
}

#[test]
fn a_skill_that_the_store_never_had_can_be_taken_out() {
    let first = Site::deployed();
    let second = first.teammate();
    undeployed(&second, &["pdf"]);
    assert!(!second.machine.path(COPY).exists());
    assert!(second.in_trash("First step.") > 0);
}

#[test]
fn a_link_in_the_place_of_a_copy_stays() {
    let site = Site::deployed();
    let copy = site.machine.path(&format!("{PROJECT}/.claude/skills/pdf"));
    disk::copy(&copy, &site.machine.path("elsewhere"));
    disk::remove(&copy);
    std::os::unix::fs::symlink(site.machine.path("elsewhere"), &copy).unwrap_or_default();
    let output = site.run(&["undeploy", "pdf", PROJECT, "--json"]).fails(3);
    assert_eq!(output.json()["artifacts"][0]["error"]["code"], "copy-blocked", "{output}");
    assert!(site.machine.path("elsewhere/SKILL.md").exists());
    assert_eq!(site.records(RECORDS).len(), 1);
}
