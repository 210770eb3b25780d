//! What is done and cannot be recorded: it is said all the same, and the same command again records it.

use std::path::Path;

use serde_json::Value;
use skillsync_testkit::{Outcome, SkillBuilder, disk};

use super::site::{COPY, PROJECT, RECORDS, Site};

/// A site with `pdf` and `xls` in two agents' folders. The deployment file of `.claude` is of more than 64 KiB, for it
/// has records of many others.
fn crowded() -> Site {
    let site = Site::deployed();
    site.add("xls", &SkillBuilder::new("xls"));
    site.deploy(&["xls"]).ok();
    site.deploy(&["pdf", "xls", "--tool", "windsurf"]).ok();
    let mut text = site.machine.read(RECORDS);
    let at = text.find("[[deployed]]").unwrap_or_default();
    let end = text[at + 1..].find("[[deployed]]").map_or(text.len(), |next| at + 1 + next);
    let record = text[at..end].trim_end().to_owned();
    for number in 0..200 {
        text.push_str(&format!("\n{}\n", record.replace("pdf", &format!("other-{number}"))));
    }
    assert!(text.len() > 70 * 1024, "{}", text.len());
    disk::write(&site.machine.path(RECORDS), text);
    site
}

/// Runs the program where no file can become larger than 64 KiB, as on a full disk.
fn on_a_full_disk(site: &Site, args: &[&str]) -> Outcome {
    // In blocks of 512 bytes or of 1024: the shells differ.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let program = site.machine.binary().display().to_string();
    site.machine.command_of(Path::new("sh"), &[&["-c", script, &program], args].concat()).run()
}

fn ledger(site: &Site) -> String {
    let projects = site.machine.snapshot().only(".skillsync/state/projects");
    let mut paths = projects.iter().map(|(path, _)| path.to_owned());
    site.machine.read(&paths.find(|path| path.ends_with(".json")).unwrap_or_default())
}

#[test]
fn a_deploy_that_cannot_be_recorded_says_what_it_did() {
    let site = crowded();
    site.commit("pdf", "First", "Committed");
    let (records, windsurf) = (site.machine.read(RECORDS), "work/app/.windsurf/.skillsync-deployed.toml");
    let output = on_a_full_disk(&site, &["deploy", "pdf", "xls", PROJECT, "--json"]).fails(3);
    let told = output.json();
    let error = &told["unrecorded"];
    assert!(error["message"].as_str().is_some_and(|said| said.contains("/.claude/.skillsync-")), "{output}");
    assert!(output.stderr.contains("the same command again records it"), "{output}");
    let lines: Vec<&Value> = told["artifacts"].as_array().into_iter().flatten().collect();
    assert_eq!(
        lines.iter().map(|one| &one["status"]).collect::<Vec<_>>(),
        ["updated", "updated", "unchanged", "unchanged"]
    );
    for line in &lines[..2] {
        let kept = line["trash"].as_str().unwrap_or_default();
        assert!(site.machine.read(&format!("{kept}/SKILL.md")).contains("First step."), "{output}");
    }
    assert!(site.machine.read(COPY).contains("Committed step."));
    // The other folder's file was written, and what this store keeps of both.
    assert_eq!(site.machine.read(RECORDS), records);
    let hash = site.in_store("pdf");
    assert!(site.records(windsurf).iter().any(|one| one["content_hash"].as_str() == Some(&hash)));
    assert_eq!(ledger(&site).matches(&format!("\"content_hash\": \"{hash}\"")).count(), 2);

    let told = site.deploy(&["pdf", "xls"]).ok().json();
    assert_eq!((&told["unrecorded"], &told["artifacts"][0]["status"]), (&Value::Null, &"recorded".into()));
    assert_eq!(site.record("pdf")["content_hash"].as_str(), Some(&*hash));
}

#[test]
fn an_undeploy_whose_records_stay_says_what_it_took_out() {
    let site = crowded();
    let records = site.machine.read(RECORDS);
    let output = on_a_full_disk(&site, &["undeploy", "pdf", PROJECT, "--json"]).fails(3);
    let told = output.json();
    assert!(told["unrecorded"]["message"].is_string(), "{output}");
    assert!(output.stderr.contains("the same command again drops them"), "{output}");
    let lines: Vec<&Value> = told["artifacts"].as_array().into_iter().flatten().collect();
    assert_eq!(lines.len(), 2, "{output}");
    for line in lines {
        let kept = line["trash"].as_str().unwrap_or_default();
        assert!(site.machine.read(&format!("{kept}/SKILL.md")).contains("First step."), "{output}");
    }
    assert_eq!(site.machine.read(RECORDS), records);
    assert!(!site.machine.path("work/app/.windsurf/skills/pdf").exists());
    assert!(!ledger(&site).contains("\"pdf\""));

    let told = site.run(&["undeploy", "pdf", PROJECT, "--json"]).ok().json();
    assert_eq!((&told["unrecorded"], &told["artifacts"][0]["trash"]), (&Value::Null, &Value::Null));
    assert!(!site.machine.read(RECORDS).contains("\"pdf\""));
}

#[test]
fn a_pull_that_cannot_be_recorded_says_what_it_did_and_can_be_undone() {
    let site = crowded();
    site.edit_copy("pdf", "First", "Edited");
    site.commit("xls", "Do the thing", "Do it well");
    site.edit_copy("xls", "Do the thing", "Do it now");
    let (copy, store) = (site.in_project("xls"), site.in_store("xls"));
    let flags = ["--strategy", "overwrite", "--prefer", "collection", "--artifacts", "xls"];
    let output = on_a_full_disk(&site, &[&["sync", "pull", PROJECT, "--yes", "--json"], &flags[..]].concat());
    let output = output.fails(3);
    let told = output.json();
    assert_eq!((&told["status"], &told["artifacts"][0]["action"]), (&"partial".into(), &"push".into()));
    assert!(told["unrecorded"]["message"].is_string(), "{output}");
    let kept = told["artifacts"][0]["trash"].as_str().unwrap_or_default();
    assert!(site.machine.read(&format!("{kept}/SKILL.md")).contains("Do it now"), "{output}");
    assert_eq!(site.in_project("xls"), store);
    let undone = site.run(&["sync", "pull", PROJECT, "--rollback", "--yes", "--json"]).ok().json();
    assert_eq!(undone["artifacts"][0]["outcome"], "put_back", "{undone}");
    assert_eq!(site.in_project("xls"), copy);
}
