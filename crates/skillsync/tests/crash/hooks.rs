//! `hook install` and `hook remove`: an agent's settings are at every moment as they were or as they shall be.

use serde_json::Value;
use skillsync_testkit::Machine;
use skillsync_testkit::crash::{Case, Hit};
use skillsync_testkit::snapshot::Entry;

use crate::home::{BIN, two_skills};
use crate::invariant::{consistent, expendable, idle, live, outside};

const SETTINGS: &str = ".claude/settings.json";
const INSTALL: &[&str] = &["hook", "install", "--yes"];
const REMOVE: &[&str] = &["hook", "remove", "--yes"];
/// The user's own, in no order that a program would choose.
const MINE: &str =
    "{\n\t\"model\": \"opus\",\n\t\"hooks\": {\n\t\t\"Stop\": [ {\"hooks\": []} ]\n\t},\n\t\"env\": {}\n}\n";

fn with_settings(m: &Machine) {
    two_skills(m);
    m.write(SETTINGS, MINE);
}

fn hooked(m: &Machine) {
    with_settings(m);
    m.run(INSTALL).ok();
}

/// Whether the hook is in. Panics unless the settings are the user's own with it or without it.
fn is_in(m: &Machine) -> bool {
    live(m);
    let text = m.read(SETTINGS);
    if text == MINE {
        return false;
    }
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("settings.json: {e}\n{text}"));
    let hooks = &json["hooks"]["SessionStart"][0]["hooks"];
    let command = hooks[0]["command"].as_str().unwrap_or_default();
    assert!(command.ends_with("hook session-start"), "neither as before nor with the hook:\n{text}");
    assert_eq!((&json["model"], &json["hooks"]["Stop"][0]["hooks"]), (&"opus".into(), &Value::Array(vec![])));
    assert_eq!(hooks.as_array().map(Vec::len), Some(1));
    true
}

/// `args` again ends the work, and taking the hook out gives the user's file back, byte for byte.
fn hook<'a>(name: &str, args: &'a [&'a str], prepare: fn(&Machine), ends_in: bool) -> Case<'a> {
    let settle = move |m: &Machine, hit: &Hit| {
        if hit.acknowledged() {
            assert_eq!(is_in(m), ends_in);
        }
        m.run(args).ok();
        assert_eq!(is_in(m), ends_in);
        idle(m, args);
        m.run(&["sync"]).ok();
        consistent(m);
        m.run(REMOVE).ok();
        assert_eq!(m.read(SETTINGS), MINE);
        if let Some(Entry::File { text: Some(before), .. }) = hit.before.get(SETTINGS) {
            m.write(SETTINGS, before);
        }
        outside(m, hit);
    };
    Case::new(name, BIN, args)
        .prepare(prepare)
        .live(|m| assert!(is_in(m) || m.read(SETTINGS) == MINE))
        .durable(expendable)
        .settle(settle)
}

#[test]
fn hook_install() {
    hook("hook install", INSTALL, with_settings, true).run();
}

#[test]
fn hook_remove() {
    hook("hook remove", REMOVE, hooked, false).run();
}

#[test]
fn hook_install_without_settings() {
    let args = INSTALL;
    let settle = |m: &Machine, hit: &Hit| {
        m.run(args).ok();
        assert!(m.read(SETTINGS).contains("session-start"));
        idle(m, args);
        m.run(REMOVE).ok();
        let left = m.read(SETTINGS);
        assert_eq!(serde_json::from_str::<Value>(&left).ok(), Some(serde_json::json!({})), "{left}");
        hit.before
            .without(&[SETTINGS, ".skillsync"])
            .assert_same(&m.snapshot().without(&[SETTINGS, ".skillsync"]));
    };
    Case::new("hook install, no settings", BIN, args)
        .prepare(two_skills)
        .live(|m| {
            if m.path(SETTINGS).exists() {
                assert!(serde_json::from_str::<Value>(&m.read(SETTINGS)).is_ok());
            }
        })
        .durable(expendable)
        .settle(settle)
        .kills_only()
        .run();
}
