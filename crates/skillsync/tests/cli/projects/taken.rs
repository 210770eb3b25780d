//! What a store took from a copy is only the base of the next merge as long as the copy, and the store, still have it.

use skillsync_testkit::SkillBuilder;

use super::site::{COPY, PROJECT, Site, git, pdf};

/// Pulled on a branch and committed there.
fn pulled_on_a_branch() -> Site {
    let site = Site::deployed();
    site.git(&["switch", "--quiet", "--create", "feature"]);
    site.edit_copy("pdf", "First", "Feature");
    site.pulled(&[]);
    site.save("edit pdf");
    site
}

#[test]
fn an_edit_on_another_branch_is_merged_with_what_was_pulled() {
    let site = pulled_on_a_branch();
    site.git(&["switch", "--quiet", "main"]);
    assert_eq!(site.state("pdf"), "outdated");
    site.edit_copy("pdf", "Third", "Main");
    assert_eq!(site.state("pdf"), "conflict");
    site.pulled(&[]);
    let text = site.store_text("pdf");
    assert!(text.contains("Feature step.") && text.contains("Main step."), "{text}");
}

#[test]
fn another_edit_of_the_same_line_on_another_branch_is_a_conflict() {
    let site = pulled_on_a_branch();
    site.git(&["switch", "--quiet", "main"]);
    site.edit_copy("pdf", "First", "Main");
    let store = site.store_text("pdf");
    site.pull(&[]).fails(5);
    assert_eq!(site.store_text("pdf"), store);
}

#[test]
fn the_same_line_edited_again_where_it_was_pulled_is_no_conflict() {
    let site = pulled_on_a_branch();
    for text in ["Again", "And again"] {
        let before = site.store_text("pdf");
        let line = before.lines().find(|line| line.ends_with("step.")).unwrap_or_default();
        site.edit_copy("pdf", line.trim_end_matches(" step."), text);
        assert_eq!(site.state("pdf"), "modified");
        site.pulled(&[]);
        assert!(site.store_text("pdf").contains(&format!("{text} step.")));
    }
}

#[test]
fn a_copy_that_git_put_back_takes_nothing_back_in_the_store() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    site.git(&["checkout", "--quiet", "."]);
    assert_eq!(site.state("pdf"), "outdated");
    assert_eq!(site.pull(&[]).ok().json()["status"], "no_changes");
    assert!(site.store_text("pdf").contains("Edited step."));
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
    assert!(site.machine.read(COPY).contains("Edited step."));
}

#[test]
fn a_skill_begun_anew_does_not_overwrite_what_the_old_one_took() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    site.run(&["rm", "pdf"]).ok();
    site.run(&["sync"]).ok();
    site.add("pdf", &pdf());
    assert_eq!(site.state("pdf"), "modified");
    let refused = site.deploy(&["pdf"]).fails(5);
    assert_eq!(refused.json()["artifacts"][0]["status"], "drifted", "{refused}");
    assert!(site.machine.read(COPY).contains("Edited step."));
}

#[test]
fn a_fork_that_is_gone_does_not_stand_for_the_edit() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    let forked = site.pulled(&["--strategy", "fork"]);
    assert_eq!(forked["artifacts"][0]["stored_as"], "pdf-fork");
    assert_eq!(site.state("pdf"), "outdated");
    site.run(&["sync", "pull", PROJECT, "--rollback", "--yes"]).ok();
    assert_eq!(site.state("pdf"), "modified");
    // Forked again, the same fork is in use again.
    let forked = site.pulled(&["--strategy", "fork"]);
    assert_eq!(forked["artifacts"][0]["stored_as"], "pdf-fork", "{forked}");
    site.run(&["sync"]).ok();
    assert!(site.store_text("pdf-fork").contains("Edited step."));
    assert_eq!(site.state("pdf"), "outdated");
    // Without it, the copy alone has the edit.
    site.run(&["rm", "pdf-fork"]).ok();
    assert_eq!(site.state("pdf"), "modified");
    site.deploy(&["pdf"]).fails(5);
    assert!(site.machine.read(COPY).contains("Edited step."));
}

#[test]
fn a_teammate_who_goes_back_is_followed_and_not_overwritten() {
    let ada = Site::deployed();
    let ben = ada.teammate();
    let fetch = || {
        let from = ada.project().display().to_string();
        ben.git(&["pull", "--quiet", "--no-rebase", &from, "main"]);
    };
    ben.pulled(&[]);
    ada.commit("pdf", "First", "Second thoughts on the first");
    ada.deploy(&["pdf"]).ok();
    ada.save("version 2");
    fetch();
    ben.pulled(&[]);
    assert_eq!(ben.state("pdf"), "synced");
    ada.run(&["rollback", "pdf", "--to", "1"]).ok();
    ada.deploy(&["pdf"]).ok();
    ada.save("back to version 1");
    fetch();
    assert_eq!(ben.state("pdf"), "modified");
    ben.deploy(&["pdf"]).fails(5);
    ben.pulled(&[]);
    assert_eq!(ben.in_store("pdf"), ada.in_store("pdf"));
    assert_eq!(ben.state("pdf"), "synced");
}

#[test]
fn a_second_clone_takes_no_merge_back() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Project");
    site.save("edit pdf");
    site.commit("pdf", "Fourth", "Store");
    site.pulled(&[]);
    let merged = site.store_text("pdf");
    assert!(merged.contains("Project step.") && merged.contains("Store step."));
    let from = site.project().display().to_string();
    git(&site.machine, site.machine.home(), &["clone", "--quiet", &from, "work/second"]);
    site.run(&["sync", "pull", "work/second", "--yes", "--strategy", "overwrite"]).ok();
    assert_eq!(site.store_text("pdf"), merged);
}

#[test]
fn two_skills_do_not_share_what_was_taken() {
    let site = Site::deployed();
    site.add("xls", &SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    site.edit_copy("xls", "Do the thing", "Do it well");
    assert_eq!((site.state("pdf").as_str(), site.state("xls").as_str()), ("outdated converged", "modified"));
}
