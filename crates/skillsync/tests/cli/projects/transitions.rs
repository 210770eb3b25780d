//! How a copy goes from one state to another.

use serde_json::json;

use super::site::{COPY, PROJECT, RECORDS, Site};
use crate::stocked::replace;

/// The store has more than the project.
fn outdated() -> Site {
    let site = Site::deployed();
    site.commit("pdf", "First", "Committed");
    site
}

/// Both have changed another line.
fn conflict() -> Site {
    let site = outdated();
    site.edit_copy("pdf", "Fourth", "Edited");
    assert_eq!(site.state("pdf"), "conflict");
    site
}

#[test]
fn an_outdated_copy_is_synced_by_deploy_and_its_record_keeps_the_line() {
    let site = outdated();
    let (old, new) = (site.in_project("pdf"), site.in_store("pdf"));
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "updated");
    assert_eq!(site.state("pdf"), "synced");
    assert_eq!(site.in_project("pdf"), new);
    let record = site.record("pdf");
    assert_eq!(record["content_hash"].as_str(), Some(&*new));
    assert_eq!(record["parent_hash"].as_str(), Some(&*old));
    let lineage: Vec<_> = record["version_lineage"].as_array().into_iter().flatten().collect();
    let lineage: Vec<_> = lineage.iter().filter_map(|hash| hash.as_str()).collect();
    assert_eq!(lineage, [&*new, &*old]);
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "unchanged");
    let line = site.run(&["deployments", PROJECT, "--json"]).ok().json()["deployments"][0].clone();
    assert_eq!((&line["parent_hash"], &line["version_lineage"]), (&json!(old), &json!([new, old])));
}

#[test]
fn nothing_is_pulled_from_a_copy_that_is_synced_or_outdated() {
    for site in [Site::deployed(), outdated()] {
        let before = site.machine.snapshot().without(&[".skillsync/state"]);
        let result = site.pull(&[]).ok().json();
        assert_eq!((&result["status"], &result["artifacts_synced"]), (&"no_changes".into(), &json!([])));
        let named = site.pull(&["--artifacts", "pdf"]).ok().json();
        assert_eq!(named["status"], "no_changes");
        before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));
    }
}

#[test]
fn a_conflict_becomes_synced_by_every_way_out() {
    // What each leaves in the store and what the next check says.
    let ways: [(&[&str], &str, [bool; 2]); 4] = [
        (&["--strategy", "merge"], "outdated", [true, true]),
        (&["--strategy", "overwrite"], "outdated converged", [false, true]),
        (&["--strategy", "overwrite", "--prefer", "collection"], "synced", [true, false]),
        (&["--strategy", "fork"], "outdated", [true, false]),
    ];
    for (way, state, [committed, edited]) in ways {
        let site = conflict();
        site.pulled(way);
        let text = site.store_text("pdf");
        assert_eq!(
            [text.contains("Committed"), text.contains("Edited")],
            [committed, edited],
            "{way:?}: {text}"
        );
        assert_eq!(site.state("pdf"), state, "{way:?}");
        site.deploy(&["pdf"]).ok();
        assert_eq!(site.state("pdf"), "synced", "{way:?}");
        assert_eq!(site.machine.read(COPY), text, "{way:?}");
    }
}

#[test]
fn a_conflict_settled_by_hand_is_settled() {
    let site = conflict();
    // The store takes the project's edit by hand: all three agree but for the record.
    site.commit("pdf", "Fourth", "Edited");
    replace(&site.machine, COPY, "First", "Committed");
    assert_eq!(site.state("pdf"), "outdated converged");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn what_was_pulled_is_the_base_of_the_next_pull() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    site.edit_copy("pdf", "Second", "Again");
    assert_eq!(site.state("pdf"), "modified");
    site.commit("pdf", "Fourth", "Committed");
    assert_eq!(site.state("pdf"), "conflict");
    let result = site.pulled(&[]);
    assert_eq!(result["artifacts"][0]["action"], "merge");
    let text = site.store_text("pdf");
    for step in ["Edited step.", "Again step.", "Third step.", "Committed step."] {
        assert_eq!(text.matches(step).count(), 1, "{step}: {text}");
    }
    // The line that was pulled first, edited again on both sides.
    site.edit_copy("pdf", "Edited", "Mine");
    site.pulled(&[]);
    assert!(site.store_text("pdf").contains("Mine step."));
    assert_eq!(site.state("pdf"), "outdated");
}

#[test]
fn an_edit_taken_back_after_a_pull_is_taken_back_in_the_store() {
    let site = Site::deployed();
    let first = site.in_store("pdf");
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    site.edit_copy("pdf", "Edited", "First");
    // The copy is as it was deployed, and not as it was pulled.
    assert_eq!(site.state("pdf"), "modified");
    site.pulled(&[]);
    assert_eq!(site.in_store("pdf"), first);
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn after_a_fork_the_project_goes_on_with_the_original() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&["--strategy", "fork"]);
    assert_eq!(site.state("pdf"), "outdated");
    site.deploy(&["pdf"]).ok();
    assert!(site.machine.read(COPY).contains("First step."));
    assert!(site.in_trash("Edited step.") > 0);
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn a_skill_that_left_the_store_is_removed_and_can_be_undeployed() {
    for sync in [false, true] {
        let site = Site::deployed();
        site.run(&["rm", "pdf"]).ok();
        if sync {
            site.run(&["sync"]).ok();
        }
        let drift = site.drift("pdf");
        assert_eq!(drift["drift_type"], "removed", "{drift}");
        assert_eq!(drift["recommendation"], "remove_from_project");
        assert_eq!(drift["collection_sha"], serde_json::Value::Null);
        assert_eq!(site.pull(&[]).ok().json()["status"], "no_changes");
        site.run(&["undeploy", "pdf", PROJECT]).ok();
        assert!(!site.machine.path(RECORDS).exists());
        assert!(site.in_trash("First step.") > 0);
    }
}

#[test]
fn a_skill_that_left_the_store_comes_back_with_overwrite() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.remove("pdf");
    assert_eq!(site.state("pdf"), "conflict");
    let output = site.pull(&[]).fails(5);
    assert_eq!(output.json()["conflicts"][0]["error"]["code"], "deleted-and-changed", "{output}");
    site.pulled(&["--strategy", "overwrite"]);
    assert!(site.store_text("pdf").contains("Edited step."));
    assert_eq!(site.state("pdf"), "outdated converged");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn an_edit_is_noted_in_the_record_when_that_is_asked_for() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.check(&["--record"]);
    let record = site.record("pdf");
    assert_eq!(record["local_modifications"].as_bool(), Some(true));
    let since = record["modification_detected_at"].as_str().map(str::to_owned);
    assert_eq!(since.as_deref().map(|time| site.machine.filter(time)).as_deref(), Some("[TIME]"));
    assert_eq!(record["last_modified_check"].as_str(), since.as_deref());
    site.check(&["--record"]);
    assert_eq!(site.record("pdf")["modification_detected_at"].as_str(), since.as_deref());
    site.edit_copy("pdf", "Edited", "First");
    site.check(&["--record"]);
    let record = site.record("pdf");
    assert_eq!(record["local_modifications"].as_bool(), Some(false));
    assert!(!record.contains_key("modification_detected_at"), "{record}");
    site.commit("pdf", "First", "Committed");
    site.deploy(&["pdf"]).ok();
    assert!(!site.record("pdf").contains_key("last_modified_check"), "it is another copy");
}

#[test]
fn after_a_fork_an_edit_is_merged_without_the_forked_one() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Forked");
    site.pulled(&["--strategy", "fork"]);
    site.edit_copy("pdf", "Fourth", "Later");
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("First step.") && text.contains("Later step."), "{text}");
}
