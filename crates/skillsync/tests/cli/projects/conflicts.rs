//! What both sides changed: never settled by guessing, never in the skill itself.

use serde_json::{Value, json};
use skillsync_testkit::disk;

use super::site::{COPY, PROJECT, Site};
use crate::stocked::{overwrite, replace};

/// Store and project have each another first step, and each a step of its own.
fn disagreeing() -> Site {
    let site = Site::deployed();
    site.commit("pdf", "First", "Theirs");
    site.commit("pdf", "Third", "Theirs");
    site.edit_copy("pdf", "First", "Ours");
    site.edit_copy("pdf", "Fourth", "Ours");
    site
}

const WORKING: &str = ".skillsync/editing/pdf/SKILL.md";
const LEASE: &str = ".skillsync/locks/pdf.lock";

#[test]
fn a_conflict_is_reported_with_its_three_texts_and_its_regions() {
    let site = disagreeing();
    let (store, project) = (site.store_text("pdf"), site.machine.read(COPY));
    let base = project.replace("Ours step.\n\nSecond", "First step.\n\nSecond").replace("Ours", "Fourth");
    let canonical = site.machine.snapshot().only(".skillsync/skills");
    let in_project = site.machine.snapshot().only(PROJECT);

    let output = site.pull(&[]).fails(5);
    let result = output.json();
    assert_eq!((&result["status"], &result["artifacts_synced"]), (&"partial".into(), &json!([])));
    let conflict = &result["conflicts"][0];
    assert_eq!((&conflict["artifact_name"], &conflict["success"]), (&"pdf".into(), &false.into()));
    assert_eq!((&conflict["has_conflict"], &conflict["error"]), (&true.into(), &Value::Null));
    assert_eq!(conflict["conflict_files"], json!(["SKILL.md"]));
    let file = &conflict["files"][0];
    assert_eq!((&file["path"], &file["kind"]), (&"SKILL.md".into(), &"text".into()));
    assert_eq!(file["base"], base);
    assert_eq!(file["store"], store);
    assert_eq!(file["project"], project);
    let region = json!({ "base": "First step.
", "ours": "Theirs step.
", "theirs": "Ours step.
" });
    assert_eq!(file["regions"], json!([region]));

    canonical.assert_same(&site.machine.snapshot().only(".skillsync/skills"));
    in_project.assert_same(&site.machine.snapshot().only(PROJECT));
    let working = site.machine.read(WORKING);
    assert_eq!(conflict["working_copy"], site.machine.path(".skillsync/editing/pdf").display().to_string());
    assert!(
        working.contains("<<<<<<< store\nTheirs step.\n=======\nOurs step.\n>>>>>>> project\n"),
        "{working}"
    );
    // What did not collide is joined already.
    assert!(working.contains("Theirs step.\n\nOurs step.\n"), "{working}");
    let lease: Value = serde_json::from_str(&site.machine.read(LEASE)).unwrap_or_default();
    assert_eq!(lease["token"], conflict["token"]);
    assert!(output.stderr.contains("`skillsync abort pdf` leaves both sides as they are"), "{output}");
    assert_eq!(site.state("pdf"), "conflict");
}

#[test]
fn markers_show_what_was_deployed_when_that_is_asked_for() {
    let site = disagreeing();
    site.pull(&["--show-base"]).fails(5);
    let working = site.machine.read(WORKING);
    let marked =
        "<<<<<<< store\nTheirs step.\n||||||| deployed\nFirst step.\n=======\nOurs step.\n>>>>>>> project\n";
    assert!(working.contains(marked), "{working}");
}

#[test]
fn a_decision_becomes_a_version_of_two_parents() {
    let site = disagreeing();
    let parents = json!([site.in_store("pdf"), site.in_project("pdf")]);
    site.pull(&[]).fails(5);
    let refused = site.run(&["commit", "pdf", "--reason", "both", "--json"]).fails(5);
    assert_eq!(refused.json()["error"]["code"], "conflict-undecided", "{refused}");
    assert_eq!(site.version("pdf"), 3);
    let markers = "<<<<<<< store\nTheirs step.\n=======\nOurs step.\n>>>>>>> project\n";
    replace(&site.machine, WORKING, markers, "Everybody's step.\n");
    site.run(&["commit", "pdf", "--reason", "both"]).ok();

    let newest = &site.history("pdf")[0];
    assert_eq!((&newest["number"], &newest["origin"]), (&4.into(), &"pull".into()));
    assert_eq!((&newest["parents"], &newest["reason"]), (&parents, &"both".into()));
    assert!(!site.machine.path(LEASE).exists());
    assert!(site.store_text("pdf").contains("Everybody's step."));
    // The project's side is in it: only the decision is still to be deployed.
    assert_eq!(site.state("pdf"), "outdated");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
    assert!(site.machine.read(COPY).contains("Everybody's step."));
}

#[test]
fn after_a_decision_the_next_pull_begins_where_it_ended() {
    let site = disagreeing();
    site.pull(&[]).fails(5);
    let markers = "<<<<<<< store\nTheirs step.\n=======\nOurs step.\n>>>>>>> project\n";
    replace(&site.machine, WORKING, markers, "Everybody's step.\n");
    site.run(&["commit", "pdf", "--reason", "both"]).ok();
    site.edit_copy("pdf", "Second", "Later");
    assert_eq!(site.state("pdf"), "conflict");
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Everybody's step.") && text.contains("Later step."), "{text}");
}

#[test]
fn a_decision_for_the_stores_side_settles_it_too() {
    let site = disagreeing();
    let store = site.store_text("pdf");
    site.pull(&[]).fails(5);
    overwrite(&site.machine, WORKING, &store);
    site.run(&["commit", "pdf", "--reason", "theirs"]).ok();
    assert_eq!(site.store_text("pdf"), store);
    assert!(!site.machine.path(LEASE).exists());
    assert_eq!(site.state("pdf"), "outdated");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.machine.read(COPY), store);
}

#[test]
fn an_abort_leaves_both_sides() {
    let site = disagreeing();
    let sides = (site.store_text("pdf"), site.machine.read(COPY));
    site.pull(&[]).fails(5);
    site.run(&["abort", "pdf"]).ok();
    assert_eq!((site.store_text("pdf"), site.machine.read(COPY)), sides);
    assert_eq!(site.version("pdf"), 3);
    assert_eq!(site.state("pdf"), "conflict");
    assert!(site.in_trash("<<<<<<< store") > 0);
    site.pull(&[]).fails(5);
}

#[test]
fn a_held_lease_stops_its_own_skill_alone() {
    let site = disagreeing();
    site.add("xls", &skillsync_testkit::SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    site.edit_copy("xls", "Do the thing", "Do it well");
    site.run(&["edit", "pdf"]).ok();
    let working = site.machine.read(WORKING);
    let output = site.pull(&[]).fails(3);
    let result = output.json();
    assert_eq!((&result["status"], &result["artifacts_synced"]), (&"partial".into(), &json!(["xls"])));
    let held = &result["conflicts"][0];
    assert_eq!(
        (&held["artifact_name"], &held["error"]["code"]),
        (&"pdf".into(), &"lease-held".into()),
        "{output}"
    );
    assert_eq!(site.machine.read(WORKING), working);
    assert!(site.store_text("xls").contains("Do it well"));

    // Only a conflict needs the lease: what merges is merged, and whoever edits meets it at commit.
    site.edit_copy("pdf", "Ours step.\n\nSecond", "First step.\n\nSecond");
    site.pulled(&[]);
    assert!(site.store_text("pdf").contains("Ours step."));
}

#[test]
fn two_conflicts_are_handed_out_beside_each_other() {
    let site = disagreeing();
    let xls = skillsync_testkit::SkillBuilder::new("xls");
    site.add("xls", &xls);
    site.deploy(&["xls"]).ok();
    site.edit_copy("xls", "Do the thing", "Do it well");
    site.commit("xls", "Do the thing", "Do it fast");
    let result = site.pull(&[]).fails(5).json();
    let names: Vec<_> = result["conflicts"].as_array().into_iter().flatten().collect();
    let names: Vec<_> = names.iter().map(|one| one["artifact_name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["pdf", "xls"]);
    assert!(site.machine.read(".skillsync/editing/xls/SKILL.md").contains("<<<<<<< store"));
    assert!(site.machine.read(WORKING).contains("<<<<<<< store"));
}

#[test]
fn a_second_pull_of_a_conflict_keeps_the_decisions_made_so_far() {
    let site = disagreeing();
    site.pull(&[]).fails(5);
    replace(&site.machine, WORKING, "Second", "Decided");
    let output = site.pull(&[]).fails(3);
    assert_eq!(output.json()["conflicts"][0]["error"]["code"], "lease-held", "{output}");
    assert!(site.machine.read(WORKING).contains("Decided step."));
}

#[test]
fn a_file_that_is_no_text_is_a_conflict_with_both_contents() {
    let site = Site::deployed();
    let logo = "assets/logo.png";
    site.commit_files("pdf", |editing| {
        overwrite(&site.machine, &format!("{editing}/{logo}"), b"\x89PNG\x00store");
    });
    site.write(&format!(".claude/skills/pdf/{logo}"), b"\x89PNG\x00project", 0o644);
    let output = site.pull(&[]).fails(5);
    let conflict = output.json()["conflicts"][0].clone();
    let file = &conflict["files"][0];
    assert_eq!((&file["path"], &file["kind"]), (&logo.into(), &"binary".into()));
    for side in ["base", "store", "project"] {
        assert_eq!(file[side], Value::Null, "no text: {file}");
    }
    let theirs = file["project_at"].as_str().unwrap_or_default().to_owned();
    let working = site.machine.path(".skillsync/editing/pdf");
    assert_eq!(disk_bytes(&working.join(logo)), b"\x89PNG\x00store");
    assert_eq!(disk_bytes(&working.join(&theirs)), b"\x89PNG\x00project");
    site.run(&["commit", "pdf", "--reason", "x"]).fails(5);
    // Decided for the project's.
    disk::remove(&working.join(logo));
    disk::copy(&working.join(&theirs), &working.join(logo));
    disk::remove(&working.join(&theirs));
    site.run(&["commit", "pdf", "--reason", "the new logo"]).ok();
    assert_eq!(site.in_store("pdf"), site.in_project("pdf"));
    assert_eq!(site.state("pdf"), "outdated converged");
}

fn disk_bytes(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

#[test]
fn a_file_deleted_on_one_side_and_edited_on_the_other_is_a_conflict() {
    for store_deletes in [true, false] {
        let site = Site::deployed();
        let forms = "references/forms.md";
        let in_project = format!("{PROJECT}/.claude/skills/pdf/{forms}");
        site.commit_files("pdf", |editing| {
            let path = format!("{editing}/{forms}");
            match store_deletes {
                true => disk::remove(&site.machine.path(&path)),
                false => replace(&site.machine, &path, "Fill", "Store fills"),
            }
        });
        match store_deletes {
            true => replace(&site.machine, &in_project, "Fill", "Project fills"),
            false => disk::remove(&site.machine.path(&in_project)),
        }
        let output = site.pull(&[]).fails(5);
        let file = output.json()["conflicts"][0]["files"][0].clone();
        assert_eq!((&file["path"], &file["kind"]), (&forms.into(), &"delete-modify".into()), "{output}");
        let (deleted_by, there, gone) =
            if store_deletes { ("ours", "project", "store") } else { ("theirs", "store", "project") };
        assert_eq!(file["deleted_by"], deleted_by, "{file}");
        assert!(file[there].as_str().is_some_and(|text| text.contains("fills them in")), "{file}");
        assert_eq!(file[gone], Value::Null, "{file}");
    }
}

#[test]
fn a_copy_deleted_in_the_project_and_edited_in_the_store_wants_a_decision() {
    let broken = || {
        let site = Site::deployed();
        site.commit("pdf", "First", "Committed");
        disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/pdf")));
        let drift = site.drift("pdf");
        assert_eq!((&drift["drift_type"], &drift["change"]), (&"conflict".into(), &"delete".into()));
        site
    };
    let site = broken();
    let before = site.machine.snapshot().without(&[".skillsync/state"]);
    let output = site.pull(&[]).fails(5);
    let conflict = output.json()["conflicts"][0].clone();
    assert_eq!(
        (&conflict["has_conflict"], &conflict["error"]["code"]),
        (&true.into(), &"deleted-and-changed".into())
    );
    before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));

    // For the project: it is deployed no more, and the store keeps what it has.
    site.pulled(&["--strategy", "overwrite", "--prefer", "project"]);
    assert_eq!(site.version("pdf"), 2);
    site.run(&["deployments", PROJECT]).fails(1);
    // For the store: it is there again.
    let site = broken();
    site.pulled(&["--strategy", "overwrite", "--prefer", "collection"]);
    assert!(site.machine.read(COPY).contains("Committed step."));
    assert_eq!(site.state("pdf"), "synced");
}
