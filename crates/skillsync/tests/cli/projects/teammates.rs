//! One project, several stores: what a teammate's machine makes of it.

use serde_json::Value;
use skillsync_testkit::{SkillBuilder, disk};

use super::site::{COPY, PROJECT, RECORDS, Site, git, pdf};
use crate::stocked::refuses;

/// Takes what the other machine committed to the project.
fn fetch(site: &Site, from: &Site) {
    site.git(&["pull", "--quiet", "--no-rebase", &from.project().display().to_string(), "main"]);
}

#[test]
fn a_fresh_clone_with_an_empty_store_is_told_to_pull_and_can() {
    let first = Site::deployed();
    let second = first.teammate();
    assert_eq!(second.in_project("pdf"), first.in_store("pdf"));
    let drift = second.drift("pdf");
    assert_eq!(drift["recommendation"], "pull_from_project", "{drift}");
    assert_eq!(drift["drift_type"], "added");
    assert_eq!((&drift["collection_sha"], &drift["project_version"]), (&Value::Null, &Value::Null));
    second.run(&["deployments", PROJECT]).ok();
    second.pulled(&[]);
    assert_eq!(second.in_store("pdf"), first.in_store("pdf"));
    assert_eq!(second.state("pdf"), "synced");
    // Executable bits come along.
    assert!(matches!(
        second.machine.snapshot().get(".skillsync/skills/pdf/scripts/run.sh"),
        Some(skillsync_testkit::snapshot::Entry::File { mode: 0o755, .. })
    ));
}

#[test]
fn a_clone_is_as_the_deploying_machine_left_it() {
    let first = Site::deployed();
    let second = first.teammate();
    second.add("pdf", &pdf());
    // The same skill in both stores: nothing to do, and nothing is written.
    let stamps = second.stamps();
    assert_eq!(second.state("pdf"), "synced");
    assert_eq!(second.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "unchanged");
    assert_eq!(second.stamps(), stamps);
}

#[test]
fn a_store_that_is_behind_takes_the_newer_work_and_never_overwrites_it() {
    let first = Site::deployed();
    let second = first.teammate();
    second.add("pdf", &pdf());
    // The first machine goes on and deploys; the second gets it by git.
    first.commit("pdf", "First", "Newer");
    first.deploy(&["pdf"]).ok();
    first.save("newer pdf");
    fetch(&second, &first);
    let drift = second.drift("pdf");
    assert_eq!(
        (&drift["drift_type"], &drift["recommendation"]),
        (&"modified".into(), &"pull_from_project".into())
    );
    let output = second.deploy(&["pdf"]).fails(5);
    assert_eq!(output.json()["artifacts"][0]["error"]["code"], "copy-drifted", "{output}");
    assert!(second.machine.read(COPY).contains("Newer"));
    second.pulled(&[]);
    assert_eq!(second.in_store("pdf"), first.in_store("pdf"));
    assert_eq!(second.state("pdf"), "synced");
}

#[test]
fn a_store_that_is_behind_and_went_another_way_merges_on_what_both_had() {
    let first = Site::deployed();
    let second = first.teammate();
    second.add("pdf", &pdf());
    second.commit("pdf", "Fourth", "Mine");
    for word in ["Newer", "Newest"] {
        let from = if word == "Newer" { "First" } else { "Newer" };
        first.commit("pdf", from, word);
        first.deploy(&["pdf"]).ok();
    }
    first.save("newest pdf");
    fetch(&second, &first);
    assert_eq!(second.state("pdf"), "conflict");
    second.pulled(&[]);
    let text = second.store_text("pdf");
    assert!(text.contains("Newest step.") && text.contains("Mine step."), "{text}");
    second.deploy(&["pdf"]).ok();
    second.save("both");
    fetch(&first, &second);
    first.pulled(&[]);
    assert_eq!(first.store_text("pdf"), text);
    assert_eq!((&*first.state("pdf"), &*second.state("pdf")), ("synced", "synced"));
}

#[test]
fn a_store_that_is_ahead_deploys_over_an_older_deployment() {
    let first = Site::deployed();
    let second = first.teammate();
    second.add("pdf", &pdf());
    second.commit("pdf", "First", "Ahead");
    assert_eq!(second.state("pdf"), "outdated");
    second.deploy(&["pdf"]).ok();
    second.save("ahead");
    fetch(&first, &second);
    // The first store sees work that it has not, not an outdated copy.
    assert_eq!(first.state("pdf"), "modified");
    first.pulled(&[]);
    assert_eq!(first.in_store("pdf"), second.in_store("pdf"));
}

#[test]
fn an_unrelated_skill_of_the_same_name_is_a_conflict() {
    let first = Site::deployed();
    let second = first.teammate();
    second.add("pdf", &SkillBuilder::new("pdf").body("Something else altogether.\n"));
    let drift = second.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["baseline_sha"]), (&"conflict".into(), &Value::Null));
    second.deploy(&["pdf"]).fails(5);
    let store = second.in_store("pdf");
    let output = second.pull(&[]).fails(5);
    assert_eq!(output.json()["conflicts"][0]["files"][0]["base"], Value::Null, "{output}");
    assert_eq!(second.in_store("pdf"), store);
    second.run(&["abort", "pdf"]).ok();
    second.pulled(&["--strategy", "fork"]);
    assert!(second.store_text("pdf-fork").contains("First step."));
}

#[test]
fn an_edit_of_a_teammate_comes_through_git() {
    let first = Site::deployed();
    let second = first.teammate();
    second.edit_copy("pdf", "Second", "Teammate's");
    second.save("edit");
    fetch(&first, &second);
    assert_eq!(first.state("pdf"), "modified");
    first.commit("pdf", "Fourth", "Mine");
    first.pulled(&[]);
    let text = first.store_text("pdf");
    assert!(text.contains("Teammate's step.") && text.contains("Mine step."), "{text}");
    // And back.
    first.deploy(&["pdf"]).ok();
    first.save("merged");
    fetch(&second, &first);
    second.pulled(&[]);
    assert_eq!(second.store_text("pdf"), text);
}

#[test]
fn what_is_pulled_on_one_machine_is_no_news_for_the_other_until_it_is_deployed() {
    let first = Site::deployed();
    first.edit_copy("pdf", "First", "Edited");
    first.pulled(&[]);
    first.save("pulled");
    let second = first.teammate();
    second.add("pdf", &pdf());
    assert_eq!(second.state("pdf"), "modified");
    second.pulled(&[]);
    assert_eq!((&*first.state("pdf"), &*second.state("pdf")), ("outdated converged", "outdated converged"));
    first.deploy(&["pdf"]).ok();
    first.save("deployed");
    // What the pull noted is no reason for a merge.
    second.git(&["checkout", "--quiet", "--", ".claude/.skillsync-deployed.toml"]);
    fetch(&second, &first);
    assert_eq!(second.state("pdf"), "synced");
}

#[test]
fn deployments_of_two_branches_are_merged_by_git() {
    let site = Site::empty();
    let names = ["aa", "bb", "cc", "dd", "ee", "ff"];
    for name in names {
        site.add(name, &SkillBuilder::new(name));
    }
    site.add("zz-late", &SkillBuilder::new("zz-late"));
    site.add("ab-early", &SkillBuilder::new("ab-early"));
    site.deploy(&names).ok();
    site.save("six");
    site.git(&["checkout", "--quiet", "-b", "side"]);
    site.deploy(&["zz-late"]).ok();
    site.save("late");
    site.git(&["checkout", "--quiet", "main"]);
    site.deploy(&["ab-early"]).ok();
    site.save("early");
    site.git(&["merge", "--quiet", "side", "-m", "both"]);
    let checked = site.check(&[]);
    assert_eq!((&checked["checked"], &checked["drift_detected"]), (&8.into(), &false.into()), "{checked}");
    // Updates of two skills, too.
    site.git(&["checkout", "--quiet", "-b", "other"]);
    site.commit("aa", "Do the thing", "Do it well");
    site.deploy(&["aa"]).ok();
    site.save("aa");
    site.git(&["checkout", "--quiet", "main"]);
    site.commit("ff", "Do the thing", "Do it well");
    site.deploy(&["ff"]).ok();
    site.save("ff");
    site.git(&["merge", "--quiet", "other", "-m", "both"]);
    assert_eq!(site.check(&[])["drift_detected"], false);
}

#[test]
fn deployments_of_one_skill_on_two_branches_are_for_a_person_to_join() {
    let site = Site::deployed();
    for (branch, word) in [("one", "One"), ("two", "Two")] {
        site.git(&["checkout", "--quiet", "-b", branch, "main"]);
        let old = if branch == "one" { "First" } else { "One" };
        site.commit("pdf", old, word);
        site.deploy(&["pdf"]).ok();
        site.save(branch);
    }
    let merge = ["-c", "user.name=A", "-c", "user.email=a@b.test", "merge", "--quiet", "one"];
    let output =
        site.machine.command_of(std::path::Path::new("git"), &merge).cwd(&site.project()).run().fails(1);
    assert!(output.stdout.contains(".skillsync-deployed.toml"), "{output}");
    for args in [
        &["sync", "check", PROJECT][..],
        &["sync", "preview", PROJECT],
        &["deployments", PROJECT],
        &["deploy", "pdf", PROJECT],
        &["undeploy", "pdf", PROJECT],
        &["sync", "pull", PROJECT, "--yes"],
    ] {
        let told = refuses(&site.machine, args, 5, "deployments-unmerged");
        assert!(told.stderr.contains("line "), "{told}");
    }
    site.git(&["checkout", "--quiet", "--theirs", "--", "."]);
    assert_eq!(site.state("pdf"), "outdated");
    git(&site.machine, &site.project(), &["add", "--all"]);
}

#[test]
fn a_record_with_the_tree_of_another_content_is_not_believed() {
    let site = Site::deployed();
    let first = site.machine.read(RECORDS);
    site.commit("pdf", "Fourth", "Committed");
    site.deploy(&["pdf"]).ok();
    let tree = |text: &str| {
        text.lines().find(|line| line.starts_with("tree = ")).map(str::to_owned).unwrap_or_default()
    };
    let second = site.machine.read(RECORDS);
    assert_ne!(tree(&first), tree(&second));
    // What was deployed first, said to be the tree of the second; this store has both.
    site.git(&["checkout", "--quiet", "--", "."]);
    crate::stocked::overwrite(&site.machine, RECORDS, first.replace(&tree(&first), &tree(&second)));
    for ledger in site.machine.snapshot().only(".skillsync/state/projects").iter() {
        disk::remove(&site.machine.path(ledger.0));
    }
    site.edit_copy("pdf", "First", "Edited");
    site.pull(&["--strategy", "overwrite"]).ok();
    let noted = site.machine.snapshot().only(".skillsync/state/projects");
    let noted: Vec<_> = noted.iter().filter(|(path, _)| path.ends_with(".json")).collect();
    let [(ledger, _)] = noted.as_slice() else { panic!("one ledger") };
    let ledger: Value = serde_json::from_str(&site.machine.read(ledger)).unwrap();
    let text = ledger["copies"].to_string();
    let named = |record: &str| tree(record).split('"').nth(1).unwrap_or_default().to_owned();
    assert!(text.contains(&named(&first)) && !text.contains(&named(&second)), "{ledger}");
}
