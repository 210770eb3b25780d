//! Commands that keep the house: init, observe, config, gc.

use skillsync_testkit::Machine;
use skillsync_testkit::crash::{Case, Hit};

use crate::home::{BIN, committed, two_skills};
use crate::invariant::{consistent, crash, expendable, idle, live};

#[test]
fn init() {
    let settle = |m: &Machine, hit: &Hit| {
        if hit.acknowledged() {
            assert!(m.store("config.toml").is_file());
        }
        m.run(&["init"]).ok();
        idle(m, &["init"]);
        assert!(m.read(".skillsync/config.toml").contains("min_invocations"));
        consistent(m);
        hit.before.without(&[".skillsync"]).assert_same(&m.snapshot().without(&[".skillsync"]));
    };
    Case::new("init", BIN, &["init"])
        .prepare(|m| drop(m.agent("claude-code")))
        .durable(expendable)
        .settle(settle)
        .run();
}

#[test]
fn observe() {
    let args = ["observe", "alpha", "--signal", "negative", "--note", "second note"];
    // Run again it is a second observation; what counts is that none is lost and none is spoilt.
    let done = |m: &Machine| {
        let log = m.read(".skillsync/logs/alpha.jsonl");
        assert!(log.contains("second note"), "the observation is not there:\n{log}");
        let whole = log.lines().filter(|l| serde_line(l)).count();
        assert!(log.lines().count() <= whole + 1, "more than the torn line is spoilt:\n{log}");
        m.run(&["log", "alpha", "--summary"]).ok();
    };
    crash("observe", &args, two_skills, &[0], done).run();
}

/// Whether a line of the log is a whole record: the shape is fixed, so its ends tell.
fn serde_line(line: &str) -> bool {
    line.starts_with("{\"ts\":\"") && line.ends_with('}')
}

#[test]
fn config_set() {
    let args = ["config", "set", "observation.mode", "remind"];
    let done = |m: &Machine| {
        assert_eq!(m.run(&["config", "get", "observation.mode"]).ok().stdout.trim(), "remind");
        idle(m, &args);
    };
    crash("config set", &args, two_skills, &[0], done)
        .live(|m| {
            live(m);
            assert!(
                m.read(".skillsync/config.toml").contains("# kept comment"),
                "the configuration is not whole"
            );
        })
        .run();
}

#[test]
fn gc() {
    let prepare = |m: &Machine| {
        committed(m);
        m.run(&["sync"]).ok();
        m.write(".skillsync/trash/20200101T000000Z-alpha-1/alpha/SKILL.md", "old\n");
        m.write(".skillsync/trash/20200101T000000Z-alpha-1/alpha/a/b", "old\n");
        let orphan = "00000000000000000000000000000000000000000000000000000000000000";
        m.write(&format!(".skillsync/objects/blobs/00/{orphan}"), "nobody names me\n");
    };
    let done = |m: &Machine| {
        assert!(!m.store("trash/20200101T000000Z-alpha-1").exists(), "old trash stayed");
        idle(m, &["gc"]);
    };
    crash("gc", &["gc"], prepare, &[0], |m| {
        done(m);
        // No version that history names was taken.
        m.run(&["rollback", "alpha", "--to", "1", "--dry-run"]).ok();
    })
    .run();
}
