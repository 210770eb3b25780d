//! A site that one machine publishes is followed by another: added, synced, and looked at as each session begins.
#![expect(clippy::disallowed_methods, reason = "what strangers do is done outside the product")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use skillsync_testkit::web::{Answer, Manner, Web};
use skillsync_testkit::{Machine, SkillBuilder, Snapshot};

use super::server::{Server, python};
use crate::stocked::{commit, only_plans, refuses, stocked};

/// A publisher with the skills `pdf` and `csv`, its site, and a machine with Claude Code.
fn pair() -> (Machine, Server, Machine) {
    let publisher = stocked();
    publisher.skill_folder("src/csv", &SkillBuilder::new("csv").description("Reads CSV. Use for tables."));
    publisher.run(&["add", "src/csv"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    let server = python(&publisher.path("web"));
    let reader = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    reader.run(&["init"]).ok();
    reader.agent("claude-code");
    reader.run(&["target", "add", "--tool", "claude-code"]).ok();
    reader.run(&["sync"]).ok();
    (publisher, server, reader)
}

fn hook(machine: &Machine) -> String {
    machine.run(&["hook", "session-start", "--budget", "60s"]).ok().stdout
}

#[test]
fn p3_p4_a_site_is_added_followed_and_left() {
    let (publisher, server, reader) = pair();
    let url = &server.origin;
    // Nobody signs an index: that is asked. What answers there is found out.
    refuses(&reader, &["source", "add", url], 2, "usage");
    let plan = only_plans(&reader, &["source", "add", url, "--name", "site", "--json"]).json();
    assert_eq!((&plan["kind"], &plan["listed"]), (&"index".into(), &2.into()));
    reader.run(&["source", "add", url, "--name", "site", "--yes"]).ok();
    let listed = reader.run(&["source", "list", "--json"]).ok().json();
    assert_eq!(listed["sources"][0]["kind"], "index");

    let synced = reader.run(&["sync", "--json"]).ok().json();
    let counts = serde_json::json!({"added": 2, "updated": 0, "removed": 0, "unchanged": 0});
    assert_eq!(synced["sources"][0]["counts"], counts);
    for skill in ["csv", "pdf"] {
        let (from, to) = (format!("src/{skill}"), format!(".skillsync/skills/{skill}"));
        Snapshot::of(&publisher.path(&from))
            .assert_same(&Snapshot::of(&reader.path(&to)).without(&[".meta.toml"]));
        assert!(reader.path(&format!(".claude/skills/{skill}/SKILL.md")).exists());
    }
    assert_eq!(reader.run(&["info", "pdf", "--json"]).ok().json()["source"], "index");
    assert_eq!(hook(&reader), "", "nothing changed: nothing is said");

    // A new version, an edit here, a skill that goes.
    commit(&publisher, "First", "Second");
    commit(&reader, "Last line", "My last line");
    publisher.run(&["rm", "csv"]).ok();
    publisher.run(&["sync"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    let told: serde_json::Value = serde_json::from_str(&hook(&reader)).unwrap();
    assert_eq!(told["systemMessage"], "skillsync: 1 skill new or changed (pdf); 1 skill removed (csv)");
    assert_eq!(told["hookSpecificOutput"]["reloadSkills"], true);
    let merged = fs::read_to_string(reader.path(".claude/skills/pdf/SKILL.md")).unwrap();
    assert!(merged.contains("Second line") && merged.contains("My last line"), "{merged}");
    assert!(!reader.path(".claude/skills/csv").exists());
    assert_eq!(hook(&reader), "");

    // Offline: what is here goes on working, and a session is not failed.
    drop(server);
    let offline = reader.run(&["hook", "session-start"]).ok();
    assert!(offline.stdout.is_empty(), "{offline}");
    assert!(reader.path(".claude/skills/pdf/SKILL.md").exists());
    reader.run(&["verify"]).ok();
    reader.run(&["doctor"]).ok();
    reader.run(&["source", "remove", "site", "--yes"]).ok();
    assert!(reader.path(".skillsync/skills/pdf/SKILL.md").exists(), "its skills stay");
}

/// Agents are kept up with what is here: that is what `sync` is for, and nothing of it failed.
#[test]
fn a_site_that_is_away_fails_a_poll_and_no_sync() {
    let (_publisher, server, reader) = pair();
    reader.run(&["source", "add", &server.origin, "--name", "site", "--yes"]).ok();
    reader.run(&["sync"]).ok();
    drop(server);
    let synced = reader.run(&["sync"]).ok();
    assert!(synced.stderr.contains("warning: ") && !synced.stderr.contains("error: "), "{synced}");
    let polled = reader.run(&["poll"]).fails(7);
    assert!(polled.stderr.contains("error: "), "{polled}");
}

#[test]
fn p6_wrong_bytes_are_loud_and_change_nothing() {
    let (publisher, server, reader) = pair();
    reader.run(&["source", "add", &server.origin, "--kind", "index", "--name", "site", "--yes"]).ok();
    reader.run(&["sync"]).ok();
    let before = reader.read(".skillsync/skills/pdf/SKILL.md");
    commit(&publisher, "First", "Second");
    publisher.run(&["export", "--site", "web"]).ok();
    // A cache in between still has the old archive, or somebody put another one there.
    let archive = publisher.path("web/.well-known/agent-skills/pdf.tar.gz");
    let good = fs::read(&archive).unwrap();
    fs::write(&archive, &good[..good.len() - 1]).unwrap();
    let loud = reader.run(&["sync", "--json"]).fails(6);
    let error = &loud.json()["sources"][0]["skills"];
    let pdf = error.as_array().unwrap().iter().find(|skill| skill["skill"] == "pdf").unwrap();
    assert_eq!((&pdf["outcome"], &pdf["error"]["code"]), (&"refused".into(), &"index-mismatch".into()));
    let session = reader.run(&["hook", "session-start", "--budget", "60s"]).ok();
    assert!(session.stdout.is_empty() && session.stderr.contains("pdf"), "{session}");
    assert_eq!(reader.read(".skillsync/skills/pdf/SKILL.md"), before);
    fs::write(&archive, good).unwrap();
    reader.run(&["sync"]).ok();
    assert!(reader.read(".skillsync/skills/pdf/SKILL.md").contains("Second line"), "tried again");
}

#[test]
fn p4_an_empty_index_removes_nothing_unless_it_is_said_so() {
    let (publisher, server, reader) = pair();
    reader.run(&["source", "add", &server.origin, "--name", "site", "--yes"]).ok();
    reader.run(&["sync"]).ok();
    for folder in ["skills", "agent-skills"] {
        fs::write(publisher.path(&format!("web/.well-known/{folder}/index.json")), "{\"skills\":[]}")
            .unwrap();
    }
    let guarded = reader.run(&["sync"]).ok();
    assert!(guarded.stderr.contains("--allow-mass-removal"), "{guarded}");
    assert!(reader.path(".claude/skills/pdf/SKILL.md").exists());
    reader.run(&["poll", "--allow-mass-removal"]).ok();
    assert!(!reader.path(".claude/skills/pdf").exists() && !reader.path(".claude/skills/csv").exists());
}

#[test]
fn p6_a_site_that_never_answers_costs_a_session_its_time_and_nothing_else() {
    let is_silent = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&is_silent);
    let web = Web::serve(move |asked| match asked.path.ends_with("/skills/index.json") {
        _ if silent.load(Ordering::SeqCst) => Answer::ok("").given(Manner::Silent(Duration::from_secs(60))),
        true => Answer::ok("{\"skills\":[]}"),
        false => Answer::status(404),
    });
    let reader = stocked();
    reader.agent("claude-code");
    reader.run(&["target", "add", "--tool", "claude-code"]).ok();
    reader.run(&["source", "add", &web.url(), "--name", "site", "--yes"]).ok();
    reader.run(&["sync"]).ok();
    is_silent.store(true, Ordering::SeqCst);
    reader.skill_folder("src/csv", &SkillBuilder::new("csv"));
    reader.run(&["add", "src/csv"]).ok();
    // What is here is brought to the agent all the same: a share of the time is kept for that.
    let session = reader.run(&["hook", "session-start", "--budget", "8s"]).ok();
    assert!(session.stdout.contains("1 skill new or changed (csv)"), "{session}");
    assert!(session.stderr.contains("too slow"), "{session}");
    assert!(reader.path(".claude/skills/csv/SKILL.md").exists());
}
