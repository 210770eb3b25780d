//! Looking at a project changes nothing in it.

use skillsync_testkit::{SkillBuilder, disk};

use super::site::{PROJECT, Site};

/// Copies in every state, in two agents' folders, with records of two programs.
fn mixed() -> Site {
    let site = Site::deployed();
    for name in ["csv", "doc", "gone"] {
        site.add(name, &SkillBuilder::new(name));
        site.deploy(&[name]).ok();
    }
    site.add_markdown("command", "review", "Review it.\n");
    site.deploy(&["review"]).ok();
    site.deploy(&["pdf", "--tool", "windsurf"]).ok();
    site.run(&["deployments", PROJECT, "--write-skillmeat"]).ok();
    site.save("deploy all");
    site.edit_copy("pdf", "First", "Edited");
    site.commit("doc", "Do the thing", "Do it well");
    site.edit_copy("doc", "Do the thing", "Do it fast");
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/gone")));
    site
}

const LOOKS: [&[&str]; 6] = [
    &["sync", "check", PROJECT],
    &["sync", "check", PROJECT, "--all"],
    &["sync", "preview", PROJECT],
    &["sync", "preview", PROJECT, "--strategy", "fork"],
    &["deployments", PROJECT],
    &["deployments", PROJECT, "--json"],
];

#[test]
fn looking_writes_nothing_in_the_project() {
    let site = mixed();
    let stamps = site.stamps();
    let store = site.machine.snapshot().without(&[PROJECT, ".skillsync/state"]);
    for look in LOOKS {
        site.run(look).one_of(&[0, 1]);
        assert_eq!(site.stamps(), stamps, "{look:?}");
    }
    store.assert_same(&site.machine.snapshot().without(&[PROJECT, ".skillsync/state"]));
}

#[test]
fn looking_works_where_nothing_may_be_written() {
    let site = mixed();
    let said: Vec<_> = LOOKS.iter().map(|look| site.run(look).either().stdout.clone()).collect();
    disk::remove(&site.machine.store("state/projects"));
    site.machine.write(".skillsync/state/projects", "no folder");
    for (look, said) in LOOKS.iter().zip(&said) {
        let output = site.run(look).one_of(&[0, 1]);
        assert_eq!(output.stdout, *said, "{look:?}");
    }
}

#[test]
fn what_is_remembered_of_a_project_never_hides_an_edit() {
    let site = Site::deployed();
    let state = |expected: &str| assert_eq!(site.state("pdf"), expected);
    state("synced");
    // Same size, as fast as can be.
    site.edit_copy("pdf", "First", "Worst");
    state("modified");
    site.edit_copy("pdf", "Worst", "First");
    state("synced");
    site.write(".claude/skills/pdf/new.md", "new\n", 0o644);
    state("modified");
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/pdf/new.md")));
    state("synced");
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/pdf/references")));
    state("modified");
    // Damaged or away, it is made again.
    let memory = site.machine.snapshot();
    let memory: Vec<_> = memory.iter().map(|(path, _)| path.to_owned()).collect();
    let memory = memory
        .iter()
        .filter(|path| path.starts_with(".skillsync/state/projects/") && !path.ends_with(".json"));
    let memory: Vec<_> = memory.collect();
    assert!(!memory.is_empty());
    for path in memory {
        site.machine.write(path, "garbage");
        state("modified");
        disk::remove(&site.machine.path(path));
        state("modified");
    }
}

#[test]
fn a_damaged_ledger_is_named_and_its_loss_is_no_harm() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    let all = site.machine.snapshot();
    let ledger = all.iter().map(|(path, _)| path);
    let ledger: Vec<_> = ledger
        .filter(|path| path.starts_with(".skillsync/state/projects/") && path.ends_with(".json"))
        .collect();
    let [ledger] = ledger.as_slice() else { panic!("one ledger: {ledger:?}") };
    crate::stocked::overwrite(&site.machine, ledger, "{");
    crate::stocked::refuses(&site.machine, &["sync", "check", PROJECT], 1, "ledger-damaged");
    crate::stocked::refuses(&site.machine, &["deploy", "pdf", PROJECT], 1, "ledger-damaged");
    disk::remove(&site.machine.path(ledger));
    assert_eq!(site.state("pdf"), "modified");
    site.pulled(&[]);
    assert!(site.store_text("pdf").contains("Edited"));
}

#[test]
fn the_current_folder_is_the_project_when_none_is_named() {
    let site = Site::deployed();
    let here = |args: &[&str]| site.machine.command(args).cwd(&site.project()).run();
    assert!(here(&["sync", "check"]).ok().stdout.contains("no drift"));
    site.edit_copy("pdf", "First", "Edited");
    here(&["sync", "check"]).fails(1);
    here(&["deployments"]).ok();
    here(&["sync", "preview"]).ok();
    here(&["sync", "pull", "--yes"]).ok();
    here(&["deploy", "pdf", "."]).ok();
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn where_nothing_is_deployed_all_that_could_be_is_listed() {
    let site = Site::stocked();
    site.machine.skill_folder(&format!("{PROJECT}/.claude/skills/own"), &SkillBuilder::new("own"));
    let checked = site.check(&["--all"]);
    let advice = |name: &str| {
        let all = checked["artifacts"].as_array().into_iter().flatten();
        all.filter(|one| one["artifact_name"] == name).map(|one| one["recommendation"].clone()).next()
    };
    assert_eq!(advice("own"), Some("pull_from_project".into()));
    assert_eq!(advice("pdf"), Some("deploy_to_project".into()));
    crate::stocked::refuses(&site.machine, &["sync", "check", PROJECT], 1, "no-deployments");
}

#[test]
fn what_could_not_be_read_was_not_found_without_drift() {
    let site = Site::deployed();
    let copy = format!("{PROJECT}/.claude/skills/pdf");
    disk::remove(&site.machine.path(&copy));
    site.machine.write(&copy, "no folder");
    let output = site.run(&["sync", "check", PROJECT]).fails(3);
    assert_eq!(output.stdout, "1 could not be checked\n", "{output}");
    site.add("xls", &SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    let output = site.run(&["sync", "check", PROJECT]).fails(3);
    assert_eq!(output.stdout, "no drift, 1 checked; 1 could not be checked\n", "{output}");
}
