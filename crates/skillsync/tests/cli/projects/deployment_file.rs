//! The deployment file: shared by git, made by several programs, damaged by anybody.

use std::fs;

use skillsync_testkit::{SkillBuilder, disk, snapshot::Entry};

use super::site::{PROJECT, RECORDS, Site};
use crate::stocked::{overwrite, refuses};

/// Every command about a project.
const COMMANDS: [&[&str]; 7] = [
    &["sync", "check", PROJECT],
    &["sync", "check", PROJECT, "--record"],
    &["sync", "preview", PROJECT],
    &["sync", "pull", PROJECT, "--yes"],
    &["deployments", PROJECT],
    &["deploy", "pdf", PROJECT],
    &["undeploy", "pdf", PROJECT],
];

#[track_caller]
fn all_refuse(site: &Site, exit: i32, code: &str) {
    for args in COMMANDS {
        let told = refuses(&site.machine, args, exit, code);
        assert!(told.stderr.contains(".skillsync-deployed.toml"), "{told}");
    }
}

#[test]
fn a_file_that_does_not_read_stops_every_command_and_stays() {
    let site = Site::deployed();
    let good = site.machine.read(RECORDS);
    let (head, record) = good.split_once("[[deployed]]").unwrap();
    let bad: [(String, i32, &str); 11] = [
        (format!("{head}[[deployed]]{record}\n[[deployed]]{record}"), 1, "deployment-twice"),
        (
            format!("{head}<<<<<<< HEAD\n[[deployed]]{record}=======\n>>>>>>> side\n"),
            5,
            "deployments-unmerged",
        ),
        (good.replace("format = 1", "format = 2"), 1, "deployments-newer"),
        ("garbage".to_owned(), 1, "deployments-damaged"),
        (good.replace("sha256:", "sha1:"), 1, "deployments-damaged"),
        (good.replace("skills/pdf", "../../pdf"), 1, "deployments-damaged"),
        (good.replace("skills/pdf", "/etc/pdf"), 1, "deployments-damaged"),
        (good.replace("skills/pdf", ".git/pdf"), 1, "deployments-damaged"),
        (good.replace("skills/pdf", "sub/.GIT/hooks/pdf"), 1, "deployments-damaged"),
        (good.replace("skills/pdf", "GIT~1/pdf"), 1, "deployments-damaged"),
        (good.replace("\"pdf\"", "\"../pdf\""), 1, "deployments-damaged"),
    ];
    for (text, exit, code) in bad {
        assert_ne!(text, good, "{code}");
        overwrite(&site.machine, RECORDS, &text);
        all_refuse(&site, exit, code);
        assert_eq!(site.machine.read(RECORDS), text);
    }
    overwrite(&site.machine, RECORDS, b"\xff\xfe");
    all_refuse(&site, 1, "deployments-damaged");
    overwrite(&site.machine, RECORDS, &good);
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn a_damaged_line_is_named() {
    let site = Site::deployed();
    let good = site.machine.read(RECORDS);
    let at = good.lines().position(|line| line.starts_with("content_hash")).unwrap() + 1;
    overwrite(&site.machine, RECORDS, good.replacen("content_hash = \"sha256:", "content_hash = \"", 1));
    let told = refuses(&site.machine, &["sync", "check", PROJECT], 1, "deployments-damaged");
    assert!(told.stderr.contains(&format!("line {at}")), "{told}");
}

#[test]
fn a_file_by_hand_with_naive_times_and_without_what_is_ours_alone_is_read() {
    let site = Site::deployed();
    let hash = site.in_project("pdf");
    let text = format!(
        "format = 1\n\n[[deployed]]\nartifact_name = \"pdf\"\nartifact_type = \"skill\"\nfrom_collection = \
         \"default\"\ndeployed_at = \"2025-12-17T10:30:00.000000\"\nartifact_path = \"skills/pdf\"\ncontent_hash = \
         \"{hash}\"\n"
    );
    overwrite(&site.machine, RECORDS, &text);
    assert_eq!(site.state("pdf"), "synced");
    let line = site.run(&["deployments", PROJECT, "--json"]).ok().json()["deployments"][0].clone();
    assert!(line["deployed_at"].as_str().unwrap().starts_with("2025-12-17T10:30:00"), "{line}");
    assert!(line["deployed_at"].as_str().unwrap().ends_with('Z'), "{line}");
    site.edit_copy("pdf", "First", "Edited");
    site.commit("pdf", "Fourth", "Mine");
    site.pulled(&[]);
    assert!(site.store_text("pdf").contains("Edited") && site.store_text("pdf").contains("Mine"));
}

#[test]
fn keys_that_somebody_else_wrote_are_no_damage() {
    let site = Site::deployed();
    let good = site.machine.read(RECORDS);
    overwrite(&site.machine, RECORDS, format!("{good}note = \"by hand\"\n"));
    assert_eq!(site.state("pdf"), "synced");
}

#[test]
fn the_file_is_in_one_order_whatever_the_order_of_deployment() {
    let names = ["aa", "bb", "cc"];
    let deployed = |order: &[&str]| {
        let site = Site::empty();
        for name in names {
            site.add(name, &SkillBuilder::new(name));
        }
        for name in order {
            site.deploy(&[name]).ok();
        }
        site.machine.filter(&site.machine.read(RECORDS))
    };
    assert_eq!(deployed(&["aa", "bb", "cc"]), deployed(&["cc", "aa", "bb"]));
}

#[test]
fn a_command_that_changes_nothing_leaves_the_file_alone() {
    let site = Site::deployed();
    let stamps = site.stamps();
    site.deploy(&["pdf"]).ok();
    site.deploy(&["--all"]).ok();
    site.deploy(&["pdf", "--force"]).ok();
    site.pull(&[]).ok();
    site.pull(&["--artifacts", "pdf", "--strategy", "overwrite"]).ok();
    assert_eq!(site.stamps(), stamps);
}

#[test]
fn nothing_in_a_project_is_a_link_or_names_this_machine() {
    let site = Site::deployed();
    for name in ["csv", "doc", "gone", "xls"] {
        site.add(name, &SkillBuilder::new(name));
    }
    site.add_markdown("command", "review", "Review it.\n");
    site.deploy(&["csv", "doc", "gone", "xls", "review"]).ok();
    site.deploy(&["pdf", "--tool", "windsurf", "--tool", "codex"]).ok();
    site.run(&["deployments", PROJECT, "--write-skillmeat"]).ok();
    site.edit_copy("pdf", "First", "Edited");
    site.edit_copy("csv", "Do the thing", "Do it well");
    site.commit("doc", "Do the thing", "Do it well");
    site.edit_copy("doc", "Do the thing", "Do it fast");
    disk::remove(&site.machine.path(&format!("{PROJECT}/.claude/skills/gone")));
    site.check(&["--record"]);
    site.pull(&[]).fails(5);
    site.deploy(&["--all", "--force"]).ok();
    site.run(&["undeploy", "xls", PROJECT]).ok();
    let home = site.machine.home().parent().unwrap().display().to_string();
    let project = site.machine.snapshot().only(PROJECT).without(&[&format!("{PROJECT}/.git")]);
    assert!(project.iter().count() > 20);
    for (path, entry) in project.iter() {
        match entry {
            Entry::File { .. } => {
                let bytes = fs::read(site.machine.path(path)).unwrap();
                assert!(!String::from_utf8_lossy(&bytes).contains(&home), "{path} names {home}");
            }
            Entry::Dir { .. } => {}
            other => panic!("{path} is {other:?}"),
        }
        assert!(
            !path.contains("/.skillsync-") || path.ends_with("/.skillsync-deployed.toml"),
            "{path} is left over"
        );
    }
    // The history that goes with the store does not, either.
    for name in ["pdf", "csv", "doc"] {
        assert!(!site.machine.read(&format!(".skillsync/skills/{name}/.meta.toml")).contains(&home));
    }
}

#[test]
fn a_record_that_names_what_is_no_copy_moves_nothing() {
    let site = Site::deployed();
    site.machine.write("work/app/.claude/settings.json", "{}");
    site.machine.write("work/app/skills/keep", "x");
    let good = site.machine.read(RECORDS);
    for path in ["skills", ".", "settings.json", "skills/other", "skills/pdf/references", "skills/pdf.md"] {
        overwrite(&site.machine, RECORDS, good.replace("\"skills/pdf\"", &format!("\"{path}\"")));
        for args in [&["undeploy", "pdf", PROJECT][..], &["deploy", "pdf", PROJECT, "--force"]] {
            refuses(&site.machine, args, 1, "deployments-damaged");
        }
    }
    // The project itself is an agent's folder, too, and holds more than copies.
    overwrite(&site.machine, RECORDS, &good);
    for (name, path) in [("pdf", ".git"), ("git", ".git"), ("src", "src")] {
        let text =
            good.replace("\"pdf\"", &format!("\"{name}\"")).replace("\"skills/pdf\"", &format!("\"{path}\""));
        site.machine.write("work/app/src/main.rs", "fn main() {}");
        overwrite(&site.machine, "work/app/.skillsync-deployed.toml", text);
        site.run(&["undeploy", name, PROJECT]).either();
        assert!(site.project().join(".git/HEAD").exists(), "{path}");
        assert!(site.project().join("src/main.rs").exists(), "{path}");
    }
}

#[test]
fn a_folder_that_is_no_skill_is_not_moved_whatever_a_record_says() {
    let site = Site::deployed();
    site.write(".claude/commands/core/lib.rs", "fn main() {}\n", 0o644);
    let text = site.machine.read(RECORDS).replace("skills/pdf", "commands/core").replace("pdf", "core");
    overwrite(&site.machine, RECORDS, &text);
    let output = site.run(&["undeploy", "core", PROJECT, "--json"]).fails(3);
    assert_eq!(output.json()["artifacts"][0]["error"]["code"], "copy-blocked", "{output}");
    assert!(site.machine.path(&format!("{PROJECT}/.claude/commands/core/lib.rs")).exists());
    assert_eq!(site.machine.read(RECORDS), text);
}

#[test]
fn a_second_pull_of_one_edit_leaves_the_file_alone() {
    let site = Site::deployed();
    site.edit_copy("pdf", "First", "Edited");
    site.pulled(&[]);
    let recorded = site.machine.read(RECORDS);
    assert!(recorded.contains("local_modifications = true"), "{recorded}");
    site.edit_copy("pdf", "Second", "Again");
    site.pulled(&[]);
    assert_eq!(site.machine.read(RECORDS), recorded);
}
