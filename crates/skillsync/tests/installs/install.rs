//! From a hub to an agent's folder, and everything that keeps up with it.

use crate::home::{hub, loaded, machine, meta, outcome, report};
use crate::house::{api_key, files};

#[test]
fn a_skill_is_installed_verified_and_loaded() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    let output = machine.run(&["install", "pdf", "--json"]).ok();
    let report = report(&output);
    let pdf = outcome(&report, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["to"], &pdf["version"]), (&"added".into(), &"1.1.0".into(), &1.into()));
    assert_eq!(report["sources"][0]["status"], "fresh");
    assert!(loaded(&machine, "pdf").unwrap().contains("three"));
    assert!(machine.path(".claude/skills/pdf/scripts/run.sh").is_file());
    assert_eq!(loaded(&machine, "docx"), None, "only what was asked for");
    let published = hub.change(|house| house.newest("pdf").clone());
    let meta = meta(&machine);
    let record = &meta["skills"]["pdf"];
    assert_eq!((&record["source"], &record["state"]), (&"team".into(), &"installed".into()));
    assert_eq!((&record["version"], &record["seq"]), (&"1.1.0".into(), &1.into()));
    assert_eq!(record["release"], published.digest().to_string());
    assert_eq!(record["content_hash"], published.release.tree.to_string());
    assert!(record["installed_at"].as_str().unwrap().ends_with('Z'));
    let info = machine.run(&["info", "pdf", "--json"]).ok().json();
    assert_eq!((&info["source"], &info["state"]), (&"hub".into(), &"active".into()));
    // It counts as an install, the hub is told, and nothing else is asked.
    let digest = published.release.tarball.sha256.hex();
    let paths = hub.take_paths();
    assert_eq!(paths[0], "/api/skills/install");
    assert!(
        paths.contains(&format!("/cdn/blobs/sha256/{digest}")) && paths.contains(&"/api/state".to_owned())
    );
    assert_eq!(paths.len(), 7, "{paths:?}");
    assert!(!format!("{output}").contains(api_key().expose()));
    // Once more changes nothing, and neither does a sync.
    let before = machine.snapshot().without(&[".skillsync/state", ".skillsync/sources/team/poll.json"]);
    let again = report_of(&machine, &["install", "pdf", "--json"]);
    assert_eq!(outcome(&again, "pdf")["outcome"], "current");
    machine.run(&["sync"]).ok();
    machine.run(&["poll"]).ok();
    before
        .assert_same(&machine.snapshot().without(&[".skillsync/state", ".skillsync/sources/team/poll.json"]));
}

fn report_of(machine: &skillsync_testkit::Machine, args: &[&str]) -> serde_json::Value {
    report(&machine.run(args).ok())
}

#[test]
fn a_poll_brings_what_is_new_and_asks_once_where_nothing_is() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    machine.run(&["install", "pdf"]).ok();
    hub.web.take_asked();
    machine.run(&["poll"]).ok();
    let asked = hub.web.take_asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].header("if-none-match").is_some());
    hub.change(|house| {
        house.publish("pdf", &files("pdf", "# pdf\n\none\n\nTWO\n\nthree\n", &[]));
        house.publish("docx", &files("docx", "# docx 2\n", &[]));
    });
    let outdated = report_of(&machine, &["outdated", "--json"]);
    let pdf = outcome(&outdated, "pdf");
    assert_eq!(
        (&pdf["outcome"], &pdf["from"], &pdf["to"]),
        (&"available".into(), &"1.1.0".into(), &"1.2.0".into())
    );
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    let polled = report_of(&machine, &["poll", "--json"]);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "updated");
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
    assert!(!machine.path(".claude/skills/pdf/scripts").exists(), "what the release does not have is gone");
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(history["versions"][0]["origin"], "update");
    assert_eq!(history["versions"].as_array().unwrap().len(), 2);
}
