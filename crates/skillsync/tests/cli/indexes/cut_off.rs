//! Setups and undos that were killed, and what the next command makes of what they left.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use serde_json::Value;
use skillsync_testkit::{Machine, SkillBuilder, disk, oracle};

use super::moving_over::installed;

const RECORD: &str = ".skillsync/state/setup.json";

/// The program killed at its `nth` call of `call`.
fn killed(m: &Machine, args: &[&str], call: &str, nth: usize) {
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let binary = m.binary().display().to_string();
    let strace = [&["-f", "-qq", "-o", "/dev/null", "-e", &inject, &binary], args].concat();
    m.command_of("strace".as_ref(), &strace).run().either();
}

/// What a setup that was cut off was going to do is no reason to undo what somebody did since, or what did not come.
#[test]
fn what_was_done_since_a_setup_was_cut_off_stands() {
    let (_publisher, _server, m) = installed();
    // Early: what is to come is noted, and nothing has.
    let mut nth = 1;
    while !m.store("state/setup.json").exists() {
        killed(&m, &["setup", "--yes"], "renameat2,renameat,rename", nth);
        nth += 1;
        assert!(nth < 60, "no setup was cut off");
    }
    assert!(!m.store("skills/git").exists(), "it was too late");
    m.run(&["setup", "--no-import", "--yes"]).ok();
    let plan = m.run(&["setup", "--dry-run", "--json"]).ok().json();
    let outcomes: Vec<&Value> = plan["imported"]["lists"][0]["skills"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["outcome"])
        .collect();
    assert_eq!(outcomes, ["added", "followed"], "what never came was not removed: {plan}");
    m.run(&["setup", "--yes"]).ok();

    // Then the user works, removes something, and another setup is cut off.
    m.run(&["rm", "git", "--yes"]).ok();
    m.run(&["sync", "--offline"]).ok();
    m.skill_folder("w/own", &SkillBuilder::new("own").body("newer\n"));
    m.run(&["add", "w/own", "--force"]).ok();
    m.agent("windsurf");
    m.skill_folder(".codeium/windsurf/skills/own", &SkillBuilder::new("own"));
    m.skill_folder(".claude/skills/late", &SkillBuilder::new("late"));
    let mut nth = 1;
    while !m.read(RECORD).contains("\"done\": false") {
        killed(&m, &["setup", "--yes"], "renameat2,renameat,rename", nth);
        nth += 1;
        assert!(nth < 60, "no setup was cut off");
    }
    m.run(&["setup", "--yes"]).ok();
    assert!(m.read(".skillsync/skills/own/SKILL.md").contains("newer"), "the user's version is current");
    assert!(!m.store("skills/git").exists(), "it was removed");
    assert!(m.store("skills/late").exists());
}

/// A version that somebody made of a skill after the setup that brought it was cut off stays current.
#[test]
fn a_setup_that_goes_on_takes_back_no_version() {
    let (_publisher, _server, m) = installed();
    let mut nth = 1;
    while !m.store("skills/own").exists() {
        killed(&m, &["setup", "--yes"], "renameat2,renameat,rename", nth);
        nth += 1;
        assert!(nth < 120, "no setup came so far");
    }
    assert!(m.read(RECORD).contains("\"done\": false"), "it was too late");
    m.skill_folder("w/own", &SkillBuilder::new("own").body("newer\n"));
    m.run(&["add", "w/own", "--force"]).ok();
    m.run(&["setup", "--yes"]).ok();
    assert!(m.read(".skillsync/skills/own/SKILL.md").contains("newer"), "the user's version is current");
    assert_eq!(m.run(&["history", "own", "--json"]).ok().json()["current"], 2);
}

/// The contents of a skill's versions, oldest first.
fn contents(m: &Machine, name: &str) -> Vec<String> {
    let history = m.run(&["history", name, "--json"]).ok().json();
    let versions = history["versions"].as_array().unwrap().iter().rev();
    versions.map(|version| version["content_hash"].as_str().unwrap().to_owned()).collect()
}

/// Of three contents the one that was to stay current is current in the end, though the store had only some of the others.
#[test]
fn a_setup_that_goes_on_makes_current_what_it_was_told() {
    let m = Machine::new(env!("CARGO_BIN_EXE_skillsync"));
    m.agent("claude-code");
    m.agent("codex");
    m.run(&["init"]).ok();
    let own = |folder: &str, line: &str| m.skill_folder(folder, &SkillBuilder::new("own").body(line));
    let stored = own("w/own", "stored\n");
    m.run(&["add", "w/own"]).ok();
    let (older, newer) = (own(".claude/skills/own", "older\n"), own(".agents/skills/own", "newer\n"));
    disk::age(&older, 1_600_000_000);
    let [stored, older, newer] = [stored, older, newer].map(|folder| oracle::content_hash(&folder));
    let mut nth = 1;
    while contents(&m, "own") != [&*stored, &*older] {
        killed(&m, &["setup", "--yes"], "renameat2,renameat,rename", nth);
        nth += 1;
        assert!(nth < 120, "no setup was cut off between its versions: {:?}", contents(&m, "own"));
    }
    let plan = m.run(&["setup", "--dry-run"]).ok();
    assert!(plan.stdout.contains("in the store, an earlier version: current"), "{plan}");
    m.run(&["setup", "--yes"]).ok();
    assert_eq!(contents(&m, "own"), [&*stored, &*older, &*newer, &*stored]);
}
