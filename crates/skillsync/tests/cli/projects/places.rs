//! What is no project, and links on the way to copies.
#![expect(clippy::disallowed_methods, reason = "a test stands outside: it makes what a user could make")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use skillsync_testkit::{SkillBuilder, disk};

use super::site::{COPY, PROJECT, RECORDS, Site};
use crate::stocked::refuses;

/// Every command says the same of what is no project.
#[track_caller]
fn all_refuse(site: &Site, path: &str, code: &str) {
    for args in [
        &["deploy", "pdf", path][..],
        &["deploy", "--all", path],
        &["undeploy", "pdf", path],
        &["deployments", path],
        &["sync", "check", path],
        &["sync", "preview", path],
        &["sync", "pull", path, "--yes"],
        &["sync", "pull", path, "--yes", "--rollback"],
    ] {
        refuses(&site.machine, args, 1, code);
    }
}

#[test]
fn what_is_no_project_is_refused_by_name() {
    let site = Site::stocked();
    all_refuse(&site, "work/nothing", "project-not-found");
    all_refuse(&site, "work/app/README.md", "project-not-a-folder");
    all_refuse(&site, ".", "project-is-home");
    site.machine.write("work/app/sub/keep", "");
    all_refuse(&site, "work/app/sub/../../..", "project-is-home");
    all_refuse(&site, ".skillsync", "project-and-store");
    all_refuse(&site, ".skillsync/skills", "project-and-store");
    symlink(site.machine.store("skills"), site.machine.path("work/link")).unwrap();
    all_refuse(&site, "work/link", "project-and-store");
    let told = site.run(&["sync", "check", "work/nothing"]).fails(1);
    assert!(told.stderr.to_lowercase().contains("project path does not exist"), "{told}");
    let told = site.run(&["sync", "check", PROJECT]).fails(1);
    assert!(told.stderr.to_lowercase().contains("no deployment metadata found"), "{told}");
}

#[test]
fn a_store_in_a_project_is_refused() {
    let site = Site::stocked();
    let store = site.machine.path("work/app/store").display().to_string();
    let run = |args: &[&str]| site.machine.command(args).env("SKILLSYNC_HOME", &store).run();
    run(&["init"]).ok();
    run(&["add", "src/pdf"]).ok();
    let told = run(&["deploy", "pdf", PROJECT, "--json"]).fails(1);
    assert_eq!(told.json()["error"]["code"], "project-and-store", "{told}");
}

#[test]
fn a_path_that_is_no_text_is_refused() {
    let site = Site::stocked();
    let folder = site.machine.home().join(OsString::from_vec(b"caf\xe9".to_vec()));
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new(site.machine.binary());
    command.args(["deploy", "pdf"]).arg(&folder).arg("--json").env_clear().env("HOME", site.machine.home());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("path-not-utf8"), "{text}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_project_behind_a_link_is_one_project() {
    let site = Site::deployed();
    symlink(site.project(), site.machine.path("alias")).unwrap();
    site.edit_copy("pdf", "First", "Edited");
    site.run(&["sync", "pull", "alias", "--yes"]).ok();
    assert_eq!(site.state("pdf"), "outdated converged");
    let done = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).ok().json();
    assert_eq!(done["artifacts"][0]["outcome"], "restored");
}

#[test]
fn spaces_and_letters_of_any_alphabet_are_fine() {
    let site = Site::stocked();
    let path = "work/mein projekt, ü '文'";
    site.machine.write(&format!("{path}/keep"), "");
    site.run(&["deploy", "pdf", path]).ok();
    site.run(&["sync", "check", path]).ok();
    crate::stocked::replace(&site.machine, &format!("{path}/.claude/skills/pdf/SKILL.md"), "First", "Edited");
    site.run(&["sync", "pull", path, "--yes"]).ok();
    assert!(site.store_text("pdf").contains("Edited"));
}

#[test]
fn a_link_in_the_place_of_a_copy_stays() {
    let site = Site::stocked();
    site.machine.skill_folder("elsewhere", &SkillBuilder::new("pdf").body("Mine.\n"));
    fs::create_dir_all(site.machine.path("work/app/.claude/skills")).unwrap();
    let link = site.machine.path("work/app/.claude/skills/pdf");
    for to in ["elsewhere", "nowhere"] {
        disk::remove(&link);
        symlink(site.machine.path(to), &link).unwrap();
        for force in [&[][..], &["--force"]] {
            let before = site.machine.snapshot().without(&[".skillsync/state"]);
            let output = site.deploy(&[&["pdf"], force].concat()).one_of(&[3, 5]);
            let status = output.json()["artifacts"][0]["status"].clone();
            assert!(status == "failed" || status == "drifted", "{output}");
            before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));
        }
    }
    // A link inside the project, to a folder of the project's own.
    disk::remove(&link);
    site.machine.skill_folder("work/app/docs/pdf", &SkillBuilder::new("pdf").body("Mine.\n"));
    symlink("../../docs/pdf", &link).unwrap();
    site.deploy(&["pdf", "--force"]).one_of(&[3, 5]);
    assert!(site.machine.read("work/app/docs/pdf/SKILL.md").contains("Mine."));
    assert_eq!(fs::read_link(&link).unwrap().display().to_string(), "../../docs/pdf");
}

#[test]
fn a_file_in_the_place_of_a_copy_stays() {
    let site = Site::stocked();
    site.machine.write("work/app/.claude/skills/pdf", "mine");
    for force in [&[][..], &["--force"]] {
        let output = site.deploy(&[&["pdf"], force].concat()).fails(3);
        assert_eq!(output.json()["artifacts"][0]["error"]["code"], "copy-blocked", "{output}");
    }
    assert_eq!(site.machine.read("work/app/.claude/skills/pdf"), "mine");
}

#[test]
fn an_agents_folder_that_leads_out_of_the_project_is_not_followed() {
    for link in [".claude", ".claude/skills"] {
        let site = Site::stocked();
        site.machine.write("outside/keep", "x");
        if let Some((folder, _)) = link.split_once('/') {
            fs::create_dir(site.project().join(folder)).unwrap();
        }
        symlink(site.machine.path("outside"), site.project().join(link)).unwrap();
        let before = site.machine.snapshot().without(&[".skillsync/state"]);
        for force in [&[][..], &["--force"]] {
            let output = site.deploy(&[&["pdf", "--tool", "claude-code"], force].concat()).one_of(&[1, 3]);
            assert!(output.stdout.contains("outside-project"), "{output}");
        }
        before.assert_same(&site.machine.snapshot().without(&[".skillsync/state"]));
    }
}

#[test]
fn copies_that_were_deployed_are_not_followed_out_of_the_project_either() {
    let site = Site::deployed();
    let folder = site.machine.path(&format!("{PROJECT}/.claude"));
    disk::copy(&folder, &site.machine.path("outside"));
    disk::remove(&folder);
    symlink(site.machine.path("outside"), &folder).unwrap();
    let before = site.machine.snapshot().only("outside");
    for args in [
        &["sync", "check", PROJECT][..],
        &["deployments", PROJECT],
        &["undeploy", "pdf", PROJECT],
        &["sync", "pull", PROJECT, "--yes", "--strategy", "overwrite", "--prefer", "collection"],
    ] {
        let output = site.run(args).either();
        assert!(output.is_clean() && output.code != Some(0), "{output}");
    }
    before.assert_same(&site.machine.snapshot().only("outside"));
    // A link that stays in the project is the user's way to share a folder.
    let site = Site::deployed();
    let folder = site.machine.path(&format!("{PROJECT}/.claude"));
    disk::copy(&folder, &site.machine.path(&format!("{PROJECT}/shared")));
    disk::remove(&folder);
    symlink("shared", &folder).unwrap();
    assert_eq!(site.state("pdf"), "synced");
    site.commit("pdf", "First", "Committed");
    site.deploy(&["pdf"]).ok();
    assert!(site.machine.read(COPY).contains("Committed"));
    assert_eq!(fs::read_link(&folder).unwrap().display().to_string(), "shared");
}

#[test]
fn a_project_that_nobody_may_write_to_is_left_whole() {
    let site = Site::deployed();
    site.commit("pdf", "First", "Committed");
    let skills = site.project().join(".claude/skills");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&skills, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write all the same.
    if fs::write(skills.join("probe"), "").is_err() {
        let before = site.machine.snapshot().only(PROJECT);
        let output = site.deploy(&["pdf"]).fails(3);
        assert_eq!(output.json()["artifacts"][0]["error"]["code"], "permission-denied", "{output}");
        before.assert_same(&site.machine.snapshot().only(PROJECT));
        assert_eq!(site.state("pdf"), "outdated");
    }
    fs::set_permissions(&skills, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_deployment_file_that_leads_out_of_the_project_is_not_read() {
    for file in [".skillsync-deployed.toml", ".skillmeat-deployed.toml"] {
        let site = Site::deployed();
        site.run(&["deployments", PROJECT, "--write-skillmeat"]).ok();
        let at = site.machine.path(&format!("{PROJECT}/.claude/{file}"));
        let ours = site.machine.read(RECORDS);
        disk::remove(&at);
        site.machine.write("private", "key = hunter2-private\n");
        symlink(site.machine.path("private"), &at).unwrap();
        for args in [
            &["sync", "check", PROJECT][..],
            &["deployments", PROJECT],
            &["deploy", "pdf", PROJECT],
            &["sync", "pull", PROJECT, "--yes"],
            &["undeploy", "pdf", PROJECT],
        ] {
            let told = refuses(&site.machine, args, 1, "outside-project");
            assert!(!told.stderr.contains("hunter2"), "{told}");
        }
        // Inside the project it may lead where it likes.
        disk::remove(&at);
        site.machine
            .write(&format!("{PROJECT}/shared.toml"), if file.contains("sync-") { &ours } else { "" });
        symlink("../shared.toml", &at).unwrap();
        assert_eq!(site.state("pdf"), "synced");
    }
}

#[test]
fn what_a_hint_says_to_type_can_be_typed() {
    let site = Site::stocked();
    let path = "work/it's mine";
    site.machine.write(&format!("{path}/keep"), "");
    let typed = |hint: &str| {
        let words = hint.split("skillsync ").nth(1).and_then(|rest| rest.split('`').next()).unwrap().trim();
        let line = format!("\"$0\" {}", words.replace("NAME", "pdf"));
        let output = Command::new("sh")
            .args(["-c", &line])
            .arg(site.machine.binary())
            .current_dir(site.machine.home())
            .env("HOME", site.machine.home())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let hint = |args: &[&str]| {
        let told = site.run(args).either();
        told.stderr.lines().skip_while(|line| !line.contains("skillsync ")).collect::<Vec<_>>().join("\n")
    };
    let said = typed(&hint(&["sync", "check", path]));
    assert!(said.contains(".claude/skills/pdf: deployed (version 1)"), "{said}");
    let copy = format!("{path}/.claude/skills/pdf/SKILL.md");
    crate::stocked::replace(&site.machine, &copy, "First", "Edited");
    let said = typed(&hint(&["deploy", "pdf", path]));
    assert!(said.contains("pdf"), "{said}");
    assert!(!said.contains("project-not-found") && !said.contains("does not exist"), "{said}");
    let said = typed(&hint(&["undeploy", "other", path]));
    assert!(said.contains(".claude/skills/pdf"), "{said}");
}

#[test]
fn the_hint_about_a_damaged_deployment_file_takes_it_back() {
    let site = Site::deployed();
    let file = format!("{PROJECT}/.claude/.skillsync-deployed.toml");
    let good = site.machine.read(&file);
    crate::stocked::overwrite(&site.machine, &file, format!("{good}\ngarbage = = \n"));
    let told = site.run(&["sync", "check", PROJECT]).fails(1);
    let command = told.stderr.split("as it was: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let done = Command::new("sh").args(["-c", &command]).current_dir(site.project()).output().unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
    assert_eq!(site.machine.read(&file), good);
}
