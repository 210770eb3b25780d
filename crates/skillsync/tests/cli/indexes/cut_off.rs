//! Setups and undos that were killed, and what the next command makes of what they left.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use serde_json::Value;
use skillsync_testkit::{Machine, SkillBuilder, disk, oracle};

use super::moving_over::installed;

const RECORD: &str = ".skillsync/state/setup.json";

/// Setups killed at one change of a name after the other, until what was left is as it `is_wanted`.
fn cut_off(m: &Machine, is_wanted: impl Fn() -> bool) {
    let binary = m.binary().display().to_string();
    for nth in 1..120 {
        if is_wanted() {
            return;
        }
        let inject = format!("inject=renameat2,renameat,rename:signal=KILL:when={nth}");
        let strace = ["-f", "-qq", "-o", "/dev/null", "-e", &inject, &binary, "setup", "--yes"];
        m.command_of("strace".as_ref(), &strace).run().either();
    }
    panic!("no setup was cut off where it was to be");
}

/// What a setup that was cut off was going to do is no reason to undo what somebody did since, or what did not come.
#[test]
fn what_was_done_since_a_setup_was_cut_off_stands() {
    let (_publisher, _server, m) = installed();
    // Early: what is to come is noted, and nothing has.
    cut_off(&m, || m.store("state/setup.json").exists());
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

    // Then another setup is cut off that was going to make a version, and the user makes one and removes something.
    m.agent("windsurf");
    m.skill_folder(".codeium/windsurf/skills/own", &SkillBuilder::new("own").body("other\n"));
    m.skill_folder(".claude/skills/late", &SkillBuilder::new("late"));
    cut_off(&m, || m.read(RECORD).contains("\"done\": false"));
    assert!(m.read(RECORD).contains("intents"), "nothing was going to be made");
    m.skill_folder("w/own", &SkillBuilder::new("own").body("newer\n"));
    m.run(&["add", "w/own", "--force"]).ok();
    m.run(&["rm", "git", "--yes"]).ok();
    m.run(&["sync", "--offline"]).ok();
    m.run(&["setup", "--yes"]).ok();
    assert!(m.read(".skillsync/skills/own/SKILL.md").contains("newer"), "the user's version is current");
    assert!(!m.store("skills/git").exists(), "it was removed");
    assert!(m.store("skills/late").exists());
}

/// A version that somebody made of a skill after the setup that brought it was cut off stays current.
#[test]
fn a_setup_that_goes_on_takes_back_no_version() {
    let (_publisher, _server, m) = installed();
    cut_off(&m, || m.store("skills/own").exists());
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
    cut_off(&m, || contents(&m, "own") == [&*stored, &*older]);
    let plan = m.run(&["setup", "--dry-run"]).ok();
    assert!(plan.stdout.contains("in the store, an earlier version: current"), "{plan}");
    m.run(&["setup", "--yes"]).ok();
    assert_eq!(contents(&m, "own"), [&*stored, &*older, &*newer, &*stored]);
}

/// What it had done is not done again, and all of it is taken back.
#[test]
fn a_setup_that_was_cut_off_goes_on() {
    let (_publisher, _server, m) = installed();
    let before = m.snapshot().without(&[".skillsync"]);
    cut_off(&m, || m.store("skills/own").exists());
    let plan = m.run(&["setup", "--dry-run"]).ok().stdout;
    assert!(
        plan.starts_with("An earlier setup or its undo was cut off. This one goes on from there.\n"),
        "{plan}"
    );
    assert!(m.path(".claude/skills/own").is_dir() && !m.path(".claude/skills/own").is_symlink());
    m.run(&["setup", "--yes"]).ok();
    for name in ["web", "git", "open", "own"] {
        assert_eq!(contents(&m, name).len(), 1, "{name} came once");
        assert!(m.path(&format!(".claude/skills/{name}")).is_symlink(), "{name}");
    }
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&m.snapshot().without(&[".skillsync"]));
}

/// Skills that an undo took out before it was killed were not removed by the user.
#[test]
fn after_an_undo_that_was_cut_off_a_setup_takes_everything_again() {
    let (_publisher, _server, m) = installed();
    let before = m.snapshot().without(&[".skillsync"]);
    m.run(&["setup", "--yes"]).ok();
    // At its very end: when it removes its record.
    let (binary, record) = (m.binary().display().to_string(), m.path(RECORD).display().to_string());
    let kill = ["-f", "-qq", "-o", "/dev/null", "-P", &record, "-e", "inject=unlink,unlinkat:signal=KILL"];
    m.command_of("strace".as_ref(), &[&kill[..], &[&binary, "setup", "--undo", "--yes"]].concat())
        .run()
        .either();
    assert!(!m.store("skills/web").exists() && m.path(RECORD).exists(), "it was not killed there");
    let doctor = m.run(&["doctor"]).either();
    assert!(doctor.stdout.contains("setup or its undo was cut off"), "{doctor}");
    let done = m.run(&["setup", "--yes", "--json"]).ok().json();
    let rows = done["imported"]["lists"][0]["skills"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["outcome"] != "removed"), "{done}");
    for name in ["web", "git", "open", "own"] {
        assert!(m.path(&format!(".claude/skills/{name}")).is_symlink(), "{name}: {done}");
    }
    m.run(&["setup", "--undo", "--yes"]).ok();
    before.assert_same(&m.snapshot().without(&[".skillsync"]));
    assert!(!m.store("skills/web").exists() && !m.store("skills/own").exists());
}

/// Setup was going to take it and did not; who did is not asked to give it back.
#[test]
fn an_undo_leaves_what_the_user_added_after_a_setup_was_cut_off() {
    let (_publisher, _server, m) = installed();
    cut_off(&m, || m.store("state/setup.json").exists());
    assert!(!m.store("skills/own").exists(), "it was too late");
    // A command writes one time, and tells it in seconds: this one is another.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    m.run(&["add", ".claude/skills/own"]).ok();
    for undo in [&["setup", "--undo", "--dry-run"][..], &["setup", "--undo", "--yes"]] {
        let undone = m.run(undo).ok();
        assert!(!undone.stdout.contains("Skills to move"), "{undone}");
    }
    assert!(m.store("skills/own").exists());
}
