//! What is kept so that a later merge still finds its base.

use serde_json::Value;
use skillsync_testkit::{disk, oracle};

use super::site::{COPY, PROJECT, Site};

/// Rolls the machine on: a removed skill is gone for good, trash is empty, and what nothing names is collected.
fn collect(site: &Site) {
    site.run(&["sync"]).ok();
    site.empty_trash();
    site.run(&["gc", "--all", "--yes"]).ok();
    site.run(&["verify"]).ok();
}

#[test]
fn a_baseline_outlives_its_skill() {
    let site = Site::deployed();
    // Nothing but what this store noted can give the base.
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    let deployed = site.in_project("pdf");
    site.edit_copy("pdf", "First", "Edited");
    site.run(&["rm", "pdf"]).ok();
    collect(&site);
    assert!(!site.machine.store("skills/pdf").exists());
    // The skill is back, as another line that begins with another content.
    let again =
        super::site::pdf().body("# pdf\n\nFirst step.\n\nSecond step.\n\nThird step.\n\nMine step.\n");
    disk::remove(&site.machine.path("src/pdf"));
    site.add("pdf", &again);
    let drift = site.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["baseline_sha"]), (&"conflict".into(), &deployed.into()));
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited step.") && text.contains("Mine step."), "{text}");
}

#[test]
fn what_was_taken_outlives_it_too() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    site.edit_copy("pdf", "First", "Edited");
    let taken = site.in_project("pdf");
    site.pulled(&[]);
    site.commit("pdf", "Fourth", "Mine");
    site.edit_copy("pdf", "Second", "Again");
    collect(&site);
    let drift = site.drift("pdf");
    assert_eq!(drift["baseline_sha"], taken);
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited") && text.contains("Again") && text.contains("Mine"), "{text}");
}

#[test]
fn what_a_rollback_needs_is_kept() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    site.edit_copy("pdf", "First", "Edited");
    let copy = site.in_project("pdf");
    site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    collect(&site);
    site.run(&["sync", "pull", PROJECT, "--rollback", "--yes"]).ok();
    assert_eq!(site.in_project("pdf"), copy);
    assert!(site.machine.read(COPY).contains("Edited step."));
}

#[test]
fn a_conflict_in_hand_keeps_its_other_side() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    site.commit("pdf", "First", "Theirs");
    site.edit_copy("pdf", "First", "Ours");
    let taken = site.in_project("pdf");
    site.pull(&[]).fails(5);
    collect(&site);
    crate::stocked::overwrite(
        &site.machine,
        ".skillsync/editing/pdf/SKILL.md",
        site.store_text("pdf").replace("Theirs", "Both"),
    );
    site.run(&["commit", "pdf", "--reason", "both"]).ok();
    site.edit_copy("pdf", "Fourth", "Later");
    let drift = site.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["baseline_sha"]), (&"conflict".into(), &taken.into()));
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Both step.") && text.contains("Later step."), "{text}");
}

#[test]
fn what_nothing_names_any_more_is_collected() {
    let site = Site::deployed();
    let objects = |site: &Site| {
        let all = site.machine.snapshot().only(".skillsync/objects");
        all.iter()
            .filter(|(_, entry)| matches!(entry, skillsync_testkit::snapshot::Entry::File { .. }))
            .count()
    };
    collect(&site);
    let before = objects(&site);
    site.edit_copy("pdf", "First", "Edited");
    site.run(&["sync", "pull", PROJECT, "--yes", "--strategy", "overwrite", "--prefer", "collection"]).ok();
    assert!(objects(&site) > before, "what the project had is kept for a rollback");
    site.run(&["sync", "pull", PROJECT, "--yes", "--rollback"]).ok();
    site.run(&["undeploy", "pdf", PROJECT]).ok();
    collect(&site);
    assert_eq!(objects(&site), before);
}

#[test]
fn a_ledger_that_does_not_read_keeps_every_object() {
    let site = Site::deployed();
    let all = site.machine.snapshot();
    let ledgers = all.iter().map(|(path, _)| path);
    let is_ledger = |path: &&str| path.starts_with(".skillsync/state/projects/") && path.ends_with(".json");
    let ledgers: Vec<&str> = ledgers.filter(is_ledger).collect();
    assert_eq!(ledgers.len(), 1);
    site.remove("pdf");
    site.empty_trash();
    let objects = site.machine.snapshot().only(".skillsync/objects");
    crate::stocked::overwrite(&site.machine, ledgers[0], "{");
    let output = site.run(&["gc", "--all", "--yes", "--json"]).fails(3);
    assert_ne!(output.json()["objects_kept_because"], Value::Null, "{output}");
    objects.assert_same(&site.machine.snapshot().only(".skillsync/objects"));
}

#[test]
fn a_project_that_moved_is_checked_by_its_deployment_file_alone() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    disk::copy(&site.project(), &site.machine.path("moved"));
    let checked = site.run(&["sync", "check", "moved", "--json"]).fails(1).json();
    assert_eq!(checked["artifacts"][0]["drift_type"], "modified");
    site.run(&["sync", "pull", "moved", "--yes"]).ok();
    assert!(site.store_text("pdf").contains("Edited"));
    assert_eq!(oracle::content_hash(&site.machine.path("moved/.claude/skills/pdf")), site.in_store("pdf"));
}
