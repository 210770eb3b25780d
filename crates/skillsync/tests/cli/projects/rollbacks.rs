//! `sync pull --rollback`: the last pull undone, and what has gone on since left alone.

use serde_json::{Value, json};
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{COPY, PROJECT, RECORDS, Site, pdf};
use crate::stocked::{only_plans, refuses, replace};

/// Undoes the last pull and says what was done about the first copy.
#[track_caller]
fn undone(site: &Site) -> Value {
    let result = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).ok().json();
    result["artifacts"][0].clone()
}

/// It cannot be undone: what was there stays, and nothing at all changes but our notes.
#[track_caller]
fn kept(site: &Site) {
    let before = site.machine.snapshot().without(&[".skillsync/state"]);
    let output = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).fails(5);
    let line = &output.json()["artifacts"][0];
    assert_eq!((&line["outcome"], &line["error"]["code"]), (&"kept".into(), &"gone-on".into()), "{output}");
    before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));
}

fn edited() -> Site {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site
}

#[test]
fn a_pull_into_the_store_is_undone_by_a_version_and_can_be_pulled_again() {
    let site = edited();
    let (before, copy) = (site.in_store("pdf"), site.in_project("pdf"));
    site.pulled(&["--strategy", "overwrite"]);
    let line = undone(&site);
    assert_eq!((&line["outcome"], &line["version"]), (&"restored".into(), &3.into()));
    assert_eq!((site.in_store("pdf"), site.in_project("pdf")), (before, copy));
    assert_eq!(site.history("pdf")[0]["origin"], "rollback");
    assert_eq!(site.state("pdf"), "modified");
    refuses(&site.machine, &["sync", "pull", PROJECT, "--rollback", "--yes"], 1, "nothing-to-undo");
    site.pulled(&[]);
    assert_eq!(site.state("pdf"), "outdated converged");
}

#[test]
fn the_base_of_the_pull_before_is_back_too() {
    let site = edited();
    site.pulled(&[]);
    site.edit_copy("pdf", "Second", "Again");
    site.commit("pdf", "Fourth", "Committed");
    site.pulled(&[]);
    assert_eq!(undone(&site)["outcome"], "restored");
    assert_eq!(site.state("pdf"), "conflict");
    // Merged on the first pull: only what came after it is new.
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited") && text.contains("Again") && text.contains("Committed"), "{text}");
}

#[test]
fn a_fork_is_undone_by_its_removal() {
    let site = edited();
    site.pulled(&["--strategy", "fork"]);
    let line = undone(&site);
    assert_eq!((&line["artifact_name"], &line["outcome"]), (&"pdf-fork".into(), &"removed".into()));
    assert_eq!(site.run(&["info", "pdf-fork", "--json"]).ok().json()["state"], "pending_remove");
    site.run(&["sync"]).ok();
    assert!(!site.machine.store("skills/pdf-fork").exists());
    assert_eq!(site.state("pdf"), "modified");
    site.pulled(&["--strategy", "fork"]);
    assert!(site.machine.store("skills/pdf-fork").exists());
}

#[test]
fn a_skill_that_came_with_the_pull_goes_with_it() {
    let site = Site::deployed();
    let found = SkillBuilder::new("found");
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/found"), &found);
    let records = site.records(RECORDS).len();
    site.pulled(&["--artifacts", "found"]);
    assert_eq!(undone(&site)["outcome"], "removed");
    assert_eq!(site.records(RECORDS).len(), records, "the pull recorded it");
    site.run(&["sync"]).ok();
    assert!(site.machine.path(&format!("{PROJECT}/.claude/skills/found/SKILL.md")).exists());
    assert!(!site.machine.store("skills/found").exists());
}

#[test]
fn a_conflict_is_undone_by_an_abort() {
    let site = edited();
    site.commit("pdf", "First", "Committed");
    site.pull(&[]).fails(5);
    let line = undone(&site);
    assert_eq!(line["outcome"], "aborted");
    assert!(!site.machine.store("locks/pdf.lock").exists());
    assert!(!site.machine.store("editing/pdf").exists());
    assert!(site.in_trash("<<<<<<< store") > 0);
    assert_eq!((site.version("pdf"), &*site.state("pdf")), (2, "conflict"));
}

#[test]
fn what_was_put_into_the_project_is_taken_back() {
    let site = edited();
    site.commit("pdf", "Fourth", "Committed");
    let copy = site.in_project("pdf");
    let records = site.machine.read(RECORDS);
    site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert_eq!(undone(&site)["outcome"], "put_back");
    assert_eq!(site.in_project("pdf"), copy);
    assert_eq!(site.machine.read(RECORDS), records);
    assert_eq!(site.state("pdf"), "conflict");
    assert_eq!(site.version("pdf"), 2);
}

#[test]
fn what_was_dropped_is_recorded_again() {
    let site = Site::deployed();
    let records = site.machine.read(RECORDS);
    disk::remove(&site.machine.path("work/app/.claude/skills/pdf"));
    site.pulled(&[]);
    assert!(!site.machine.path(RECORDS).exists());
    assert_eq!(undone(&site)["outcome"], "put_back");
    assert_eq!(site.machine.read(RECORDS), records);
    assert_eq!(site.state("pdf"), "modified");

    // With a copy that was edited, and that the store has no more.
    site.deploy(&["pdf"]).ok();
    site.edit_copy("pdf", "First", "Edited");
    site.remove("pdf");
    let copy = site.in_project("pdf");
    site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert!(!site.machine.path(COPY).exists());
    assert_eq!(undone(&site)["outcome"], "put_back");
    assert_eq!(site.in_project("pdf"), copy);
    assert_eq!(site.state("pdf"), "conflict");
}

#[test]
fn what_has_gone_on_since_stays() {
    // The store has a newer version.
    let site = edited();
    site.pulled(&[]);
    site.commit("pdf", "Fourth", "Committed");
    kept(&site);
    // The conflict was decided.
    let site = edited();
    site.commit("pdf", "First", "Committed");
    site.pull(&[]).fails(5);
    disk::write(&site.machine.path(".skillsync/editing/pdf/SKILL.md"), pdf().body("Decided").text());
    site.run(&["commit", "pdf", "--reason", "decided"]).ok();
    kept(&site);
    // The copy was edited after the store's content came in.
    let site = edited();
    site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    site.edit_copy("pdf", "Third", "Later");
    kept(&site);
    // The copy is there again.
    let site = Site::deployed();
    disk::remove(&site.machine.path("work/app/.claude/skills/pdf"));
    site.pulled(&[]);
    site.deploy(&["pdf"]).ok();
    site.edit_copy("pdf", "First", "Edited");
    kept(&site);
}

#[test]
fn what_was_put_back_by_hand_is_only_noted() {
    let site = edited();
    site.commit("pdf", "First", "Committed");
    site.pull(&[]).fails(5);
    site.run(&["abort", "pdf"]).ok();
    assert_eq!(undone(&site)["outcome"], "aborted");
    assert_eq!(site.state("pdf"), "conflict");
}

#[test]
fn one_that_has_gone_on_does_not_keep_the_others() {
    let site = edited();
    site.add("xls", &SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    site.edit_copy("xls", "Do the thing", "Do it well");
    site.pulled(&[]);
    site.commit("xls", "Do it well", "Do it better");
    let output = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).fails(5);
    let lines: Vec<Value> = output.json()["artifacts"].as_array().cloned().unwrap_or_default();
    let lines: Vec<_> = lines.iter().map(|one| json!([one["artifact_name"], one["outcome"]])).collect();
    assert_eq!(lines, [json!(["xls", "kept"]), json!(["pdf", "restored"])]);
    assert!(site.store_text("xls").contains("Do it better") && site.store_text("pdf").contains("First"));
    // What is left can still be undone, once nothing stands in its way.
    site.run(&["rollback", "xls", "--to", "2"]).ok();
    site.run(&["sync", "pull", PROJECT, "--rollback", "--yes"]).ok();
    assert!(site.store_text("xls").contains("Do the thing"));
}

/// Two agents' copies of one skill, both edited and pulled together: the store has gone from version 1 to 3.
fn pulled_twice() -> Site {
    let site = Site::deployed();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    site.edit_copy("pdf", "First", "Claude's");
    replace(&site.machine, &format!("{PROJECT}/.windsurf/skills/pdf/SKILL.md"), "Fourth", "Windsurf's");
    site.pulled(&[]);
    assert_eq!(site.version("pdf"), 3);
    site
}

#[test]
fn two_versions_of_one_skill_are_undone_in_one_go() {
    let site = pulled_twice();
    let before = Site::stocked().store_text("pdf");
    let plan = only_plans(&site.machine, &["sync", "pull", PROJECT, "--rollback", "--json"]).json();
    let outcomes = |told: &Value| -> Vec<Value> {
        told["artifacts"].as_array().into_iter().flatten().map(|one| one["outcome"].clone()).collect()
    };
    assert_eq!(outcomes(&plan), ["restored", "restored"], "{plan}");
    let told = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).ok().json();
    assert_eq!(outcomes(&told), ["restored", "restored"], "{told}");
    assert_eq!((site.store_text("pdf"), site.version("pdf")), (before, 5));
    assert_eq!(site.check(&[])["drift_count"], 2);
    refuses(&site.machine, &["sync", "pull", PROJECT, "--rollback", "--yes"], 1, "nothing-to-undo");
}

#[test]
fn a_rollback_of_two_versions_that_was_cut_off_goes_on() {
    // As a kill leaves it after the first version, and after the second, when neither was noted yet.
    let before = Site::stocked().store_text("pdf");
    for done in [&["2"][..], &["2", "1"]] {
        let site = pulled_twice();
        for version in done {
            site.run(&["rollback", "pdf", "--to", version]).ok();
        }
        if done.len() == 2 {
            // The first of them was.
            let ledger = ledger_of(&site);
            let mut noted: Value = serde_json::from_str(&site.machine.read(&ledger)).unwrap_or_default();
            noted["last_pull"]["undo"].as_array_mut().and_then(Vec::pop);
            disk::write(&site.machine.path(&ledger), noted.to_string());
        }
        site.run(&["sync", "pull", PROJECT, "--rollback", "--yes"]).ok();
        assert_eq!((site.store_text("pdf"), site.version("pdf")), (before.clone(), 5), "{done:?}");
        refuses(&site.machine, &["sync", "pull", PROJECT, "--rollback", "--yes"], 1, "nothing-to-undo");
    }
}

/// What the store keeps of the project, relative to the home.
fn ledger_of(site: &Site) -> String {
    let projects = site.machine.snapshot().only(".skillsync/state/projects");
    let mut paths = projects.iter().map(|(path, _)| path.to_owned());
    paths.find(|path| path.ends_with(".json")).unwrap_or_default()
}

#[test]
fn another_skill_of_the_same_name_is_not_what_was_pulled() {
    let site = Site::deployed();
    let found = SkillBuilder::new("found");
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/found"), &found);
    site.pulled(&["--artifacts", "found"]);
    site.remove("found");
    // Of the same content, or of another: the user added it.
    site.add("found", &found.clone().body("Mine alone.\n"));
    kept(&site);
    site.remove("found");
    site.add("found", &found);
    kept(&site);
    assert_eq!(site.run(&["info", "found", "--json"]).ok().json()["state"], "active");
    // Without one there is nothing left to take out of the store.
    site.remove("found");
    assert_eq!(undone(&site)["outcome"], "forgotten");
}

#[test]
fn a_rollback_belongs_to_its_project() {
    let site = edited();
    site.pulled(&[]);
    site.machine.write("work/other/README.md", "Other.\n");
    refuses(&site.machine, &["sync", "pull", "work/other", "--rollback", "--yes"], 1, "nothing-to-undo");
    assert_eq!(undone(&site)["outcome"], "restored");
}

#[test]
fn records_that_the_pull_made_go_with_it() {
    let site = Site::deployed();
    for name in ["csv", "xls"] {
        site.add(name, &SkillBuilder::new(name));
        let mine = SkillBuilder::new(name).body("Mine.\n");
        site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/{name}"), &mine);
    }
    let records = site.machine.read(RECORDS);
    let flags = ["--artifacts", "csv,xls", "--strategy", "overwrite"];
    for side in ["collection", "project"] {
        site.pulled(&[&flags[..], &["--prefer", side]].concat());
        assert_eq!(site.records(RECORDS).len(), 3, "{side}");
        site.run(&["sync", "pull", PROJECT, "--rollback", "--yes"]).ok();
        assert_eq!(site.machine.read(RECORDS), records, "{side}");
        assert!(site.machine.read("work/app/.claude/skills/xls/SKILL.md").contains("Mine."));
        assert!(site.store_text("xls").contains("Do the thing"));
    }
}
