//! Where a store has not got what was deployed: the project's own history has it.

use serde_json::Value;
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{COPY, PROJECT, Site};
use crate::stocked::replace;

/// A teammate whose store never had the deployed content, but an older one of the same line, and went on from it; the
/// copy was edited after the deployment.
fn second_with_another_line() -> Site {
    let first = Site::deployed();
    first.commit("pdf", "Third", "Newer");
    first.deploy(&["pdf"]).ok();
    first.save("newer pdf");
    let second = first.teammate();
    // By hand, the skill came into the second store as it was deployed first.
    second.add("pdf", &super::site::pdf());
    second.commit("pdf", "Fourth", "Mine");
    second.edit_copy("pdf", "First", "Edited");
    second
}

#[test]
fn a_merge_finds_its_base_in_the_store_first() {
    let second = second_with_another_line();
    second.pulled(&[]);
    let text = second.store_text("pdf");
    for step in ["Edited step.", "Newer step.", "Mine step."] {
        assert!(text.contains(step), "{step}: {text}");
    }
}

/// A store that came out of git without its objects: what its skills hold now can be stored again, and no version
/// before.
fn lose_objects(site: &Site) {
    disk::remove(&site.machine.store("objects"));
    disk::remove(&site.machine.store("state"));
    site.empty_trash();
    site.run(&["doctor", "--fix", "--yes"]).either();
    site.run(&["rollback", "pdf", "--to", "1"]).fails(1);
}

/// Store and copy went on from what was deployed, and what that was is nowhere but in the project's commits.
fn without_objects() -> Site {
    let site = Site::deployed();
    site.commit("pdf", "Fourth", "Mine");
    site.edit_copy("pdf", "First", "Edited");
    assert_eq!(site.state("pdf"), "conflict");
    lose_objects(&site);
    assert_eq!(site.state("pdf"), "conflict");
    site
}

#[test]
fn a_base_that_the_store_lost_is_found_in_the_projects_commits() {
    let site = without_objects();
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited step.") && text.contains("Mine step."), "{text}");
}

#[test]
fn a_base_that_is_nowhere_makes_a_conflict_and_no_guess() {
    let site = without_objects();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    let store = site.store_text("pdf");
    let output = site.pull(&[]).fails(5);
    assert_eq!(output.json()["conflicts"][0]["files"][0]["base"], Value::Null, "{output}");
    assert_eq!(site.store_text("pdf"), store);
    let working = site.machine.read(".skillsync/editing/pdf/SKILL.md");
    for step in ["Edited step.", "First step.", "Mine step.", "Fourth step."] {
        assert!(working.contains(step), "{step}: {working}");
    }
}

#[test]
fn a_project_in_a_folder_of_a_repository_has_a_history_too() {
    // The repository is the whole of `work`.
    let site = Site::empty();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    let work = site.machine.path("work");
    let git = |args: &[&str]| super::site::git(&site.machine, &work, args);
    git(&["init", "--quiet"]);
    site.add("pdf", &super::site::pdf());
    site.deploy(&["pdf"]).ok();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "deploy"]);
    site.commit("pdf", "Fourth", "Mine");
    site.edit_copy("pdf", "First", "Edited");
    lose_objects(&site);
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Edited step.") && text.contains("Mine step."), "{text}");
}

#[test]
fn an_untracked_project_is_one_like_any_other() {
    let site = Site::empty();
    disk::remove(&site.machine.path(&format!("{PROJECT}/.git")));
    site.add("xls", &SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    site.edit_copy("xls", "Do the thing", "Do it well");
    site.pulled(&[]);
    site.deploy(&["xls"]).ok();
    assert_eq!(site.state("xls"), "synced");
}

#[test]
fn a_checkout_of_an_older_commit_is_no_edit_of_anybody() {
    let site = Site::deployed();
    site.commit("pdf", "First", "Newer");
    site.deploy(&["pdf"]).ok();
    site.save("newer");
    // Copy and record go back together.
    site.git(&["checkout", "--quiet", "HEAD~1"]);
    assert_eq!(site.state("pdf"), "outdated");
    site.git(&["checkout", "--quiet", "main"]);
    assert_eq!(site.state("pdf"), "synced");
    // The copy alone goes back: somebody wanted that.
    site.git(&["checkout", "--quiet", "HEAD~1", "--", ".claude/skills"]);
    assert_eq!(site.state("pdf"), "modified");
    replace(&site.machine, COPY, "First", "Newer");
    assert_eq!(site.state("pdf"), "synced");
}
