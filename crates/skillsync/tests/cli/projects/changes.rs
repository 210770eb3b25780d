//! What can change in a copy besides its lines: files that come, go and move, executable bits, line ends, the footer.

use serde_json::json;
use skillsync_testkit::{disk, snapshot::Entry};

use super::site::{COPY, PROJECT, Site};
use crate::stocked::{overwrite, replace};

const FOLDER: &str = "work/app/.claude/skills/pdf";

fn mode(site: &Site, path: &str) -> Option<u32> {
    match site.machine.snapshot().get(path) {
        Some(Entry::File { mode, .. }) => Some(*mode),
        _ => None,
    }
}

#[test]
fn a_copy_deleted_in_the_project_is_pulled_as_no_longer_deployed() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(FOLDER));
    let drift = site.drift("pdf");
    assert_eq!((&drift["drift_type"], &drift["change"]), (&"modified".into(), &"delete".into()));
    assert_eq!(drift["project_sha"], serde_json::Value::Null);
    let result = site.pulled(&[]);
    assert_eq!(result["artifacts"][0]["action"], "drop");
    assert_eq!(site.version("pdf"), 1);
    assert!(site.machine.store("skills/pdf/SKILL.md").exists());
    let output = site.run(&["sync", "check", PROJECT, "--json"]).fails(1);
    assert_eq!(output.json()["error"]["code"], "no-deployments");
}

#[test]
fn a_deploy_brings_a_deleted_copy_back_when_it_is_named() {
    let site = Site::deployed();
    disk::remove(&site.machine.path(FOLDER));
    let output = site.deploy(&["--all"]).fails(5);
    assert_eq!(output.json()["artifacts"][0]["error"]["code"], "copy-drifted", "{output}");
    assert!(!site.machine.path(FOLDER).exists());
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn files_that_come_go_and_move_are_pulled() {
    let site = Site::deployed();
    site.write(".claude/skills/pdf/references/new.md", "New.\n", 0o644);
    site.write(".claude/skills/pdf/.gitignore", "build\n", 0o644);
    disk::remove(&site.machine.path(&format!("{FOLDER}/assets")));
    disk::copy(
        &site.machine.path(&format!("{FOLDER}/references/forms.md")),
        &site.machine.path(&format!("{FOLDER}/references/moved.md")),
    );
    disk::remove(&site.machine.path(&format!("{FOLDER}/references/forms.md")));
    assert_eq!(site.state("pdf"), "modified");
    // The store went on in another file meanwhile.
    site.commit("pdf", "First", "Committed");
    site.pulled(&[]);
    let store = site.machine.snapshot().only(".skillsync/skills/pdf");
    let has = |path: &str| store.get(&format!(".skillsync/skills/pdf/{path}")).is_some();
    for path in ["references/new.md", "references/moved.md", ".gitignore", "scripts/run.sh"] {
        assert!(has(path), "{path}");
    }
    for path in ["references/forms.md", "assets", "assets/logo.png"] {
        assert!(!has(path), "{path}");
    }
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.in_project("pdf"), site.in_store("pdf"));
    assert!(!site.machine.path(&format!("{FOLDER}/assets")).exists());
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn litter_in_a_copy_is_no_drift_and_goes_nowhere() {
    let site = Site::deployed();
    site.write(".claude/skills/pdf/scripts/__pycache__/run.pyc", "x", 0o644);
    site.write(".claude/skills/pdf/.DS_Store", "x", 0o644);
    assert_eq!(site.state("pdf"), "synced");
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    let store = site.machine.snapshot().only(".skillsync/skills/pdf");
    assert!(store.iter().all(|(path, _)| !path.contains("pycache") && !path.contains("DS_Store")));
}

#[test]
fn an_executable_bit_is_a_note_and_no_drift_and_a_named_pull_takes_it() {
    let site = Site::deployed();
    site.set_mode(&format!("{FOLDER}/references/forms.md"), 0o755);
    let checked = site.check(&[]);
    assert_eq!(checked["drift_detected"], false);
    assert_eq!(
        checked["notes"],
        json!([{ "artifact_name": "pdf", "artifact_type": "skill", "path": ".claude/skills/pdf",
            "eol_only": false, "mode_changed": true }])
    );
    let told = site.run(&["sync", "check", PROJECT]).ok();
    assert!(told.stdout.contains(".claude/skills/pdf: mode changed"), "{told}");
    // Deploy does not take it back, a pull of everything does not take it.
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "unchanged");
    assert_eq!(mode(&site, &format!("{FOLDER}/references/forms.md")), Some(0o755));
    assert_eq!(site.pull(&[]).ok().json()["status"], "no_changes");
    site.pulled(&["--artifacts", "pdf"]);
    assert_eq!(mode(&site, ".skillsync/skills/pdf/references/forms.md"), Some(0o755));
    assert_eq!(site.version("pdf"), 2);
    site.deploy(&["pdf"]).ok();
    let checked = site.check(&[]);
    assert_eq!((&checked["drift_detected"], &checked["notes"]), (&false.into(), &json!([])));
}

#[test]
fn an_executable_bit_of_the_store_is_deployed() {
    let site = Site::deployed();
    site.commit_files("pdf", |editing| site.set_mode(&format!("{editing}/references/forms.md"), 0o755));
    assert_eq!(site.version("pdf"), 2);
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "updated");
    assert_eq!(mode(&site, &format!("{FOLDER}/references/forms.md")), Some(0o755));
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "unchanged");
    assert_eq!(site.check(&[])["notes"], json!([]));
}

/// Turns every line end of the copy's texts, as a checkout with `core.autocrlf` does.
fn checkout_with_crlf(site: &Site) {
    site.git(&["config", "core.autocrlf", "true"]);
    disk::remove(&site.machine.path(FOLDER));
    site.git(&["checkout", "--quiet", "--", ".claude/skills"]);
    assert!(site.machine.read(COPY).contains("First step.\r\n"));
}

#[test]
fn a_checkout_with_other_line_ends_is_a_note_and_no_drift() {
    let site = Site::deployed();
    checkout_with_crlf(&site);
    let checked = site.check(&[]);
    assert_eq!(checked["drift_detected"], false, "{checked}");
    assert_eq!(
        (&checked["notes"][0]["eol_only"], &checked["notes"][0]["mode_changed"]),
        (&true.into(), &false.into())
    );
    let stamps = site.stamps();
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "unchanged");
    assert_eq!(site.pull(&[]).ok().json()["status"], "no_changes");
    assert_eq!(site.stamps(), stamps);
    // Named, the pull finds nothing that the store has not.
    site.pull(&["--artifacts", "pdf"]).ok();
    assert_eq!(site.version("pdf"), 1);
    assert!(!site.store_text("pdf").contains('\r'));
    // The store goes on: the copy is outdated, and no conflict.
    site.commit("pdf", "First", "Committed");
    assert_eq!(site.state("pdf"), "outdated");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn a_checkout_with_other_line_ends_is_outdated_when_the_store_goes_on() {
    let site = Site::deployed();
    checkout_with_crlf(&site);
    site.commit("pdf", "First", "Committed");
    assert_eq!(site.state("pdf"), "outdated");
    assert_eq!(site.deploy(&["pdf"]).ok().json()["artifacts"][0]["status"], "updated");
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn an_edit_in_a_checkout_with_other_line_ends_keeps_the_stores() {
    let site = Site::deployed();
    checkout_with_crlf(&site);
    replace(&site.machine, COPY, "First step.\r\n", "Edited step.\r\nOne more.\r\n");
    assert_eq!(site.state("pdf"), "modified");
    let expected = site.store_text("pdf").replace("First step.\n", "Edited step.\nOne more.\n");
    site.pulled(&[]);
    assert_eq!(site.store_text("pdf"), expected);
    assert_eq!(site.state("pdf"), "outdated converged");
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
    // With an edit of the store's own: the merge knows no line but the edited ones.
    site.commit("pdf", "Fourth", "Committed");
    replace(&site.machine, COPY, "Second", "Again");
    let expected = site.store_text("pdf").replace("Second", "Again");
    site.pulled(&[]);
    assert_eq!(site.store_text("pdf"), expected);
}

#[test]
fn line_ends_that_a_file_is_meant_to_have_stay() {
    let site = Site::empty();
    let skill = skillsync_testkit::SkillBuilder::new("pdf").file("run.bat", "echo 1\r\necho 2\r\n");
    site.add("pdf", &skill);
    site.deploy(&["pdf"]).ok();
    assert_eq!(site.state("pdf"), "synced");
    replace(&site.machine, &format!("{FOLDER}/run.bat"), "echo 1", "echo one");
    assert_eq!(site.state("pdf"), "modified");
    site.pulled(&[]);
    assert_eq!(site.machine.read(".skillsync/skills/pdf/run.bat"), "echo one\r\necho 2\r\n");
}

#[test]
fn a_footer_in_a_copy_is_never_part_of_it() {
    let site = Site::deployed();
    // What an agent's folder holds, copied by hand over the project's copy.
    site.machine.agent("claude-code");
    site.run(&["target", "add", "--tool", "claude-code"]).ok();
    site.run(&["sync"]).ok();
    let rendered = site.machine.read(".claude/skills/pdf/SKILL.md");
    assert!(rendered.contains("skillsync:observation:start"), "{rendered}");
    overwrite(&site.machine, COPY, &rendered);
    assert_eq!(site.state("pdf"), "synced");
    let expected = site.store_text("pdf").replace("First", "Edited");
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    assert_eq!(site.store_text("pdf"), expected);
    assert_eq!(site.state("pdf"), "outdated converged");
}

#[test]
fn what_no_skill_may_hold_is_an_error_of_its_own() {
    let site = Site::deployed();
    site.add("xls", &skillsync_testkit::SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    site.edit_copy("xls", "Do the thing", "Do it well");
    std::os::unix::fs::symlink("/etc/hosts", site.machine.path(&format!("{FOLDER}/hosts")))
        .unwrap_or_default();
    let checked = site.run(&["sync", "check", PROJECT, "--json"]).fails(1).json();
    assert_eq!((&checked["failed"][0]["artifact_name"], &checked["drift_count"]), (&"pdf".into(), &1.into()));
    assert_eq!(checked["failed"][0]["error"]["code"], "link-outside");
    let output = site.pull(&[]).fails(3);
    assert_eq!(output.json()["artifacts_synced"], json!(["xls"]), "{output}");
    let output = site.deploy(&["pdf"]).fails(3);
    assert_eq!(output.json()["artifacts"][0]["status"], "failed", "{output}");
    disk::remove(&site.machine.path(&format!("{FOLDER}/hosts")));
    // A copy that no agent could load never becomes a version.
    overwrite(&site.machine, COPY, "no head\n");
    let output = site.pull(&[]).fails(3);
    assert_eq!(site.version("pdf"), 1, "{output}");
}
