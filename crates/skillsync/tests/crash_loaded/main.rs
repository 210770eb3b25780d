//! Scratch.
#![allow(dead_code)]
#[path = "../crash/home.rs"]
mod home;
#[path = "../crash/invariant.rs"]
mod invariant;
use skillsync_testkit::Machine;
use home::{rewrite, two_skills, version_in};
use invariant::{crash, history, somewhere};

fn loaded(m: &Machine) {
    two_skills(m);
    rewrite(&m.path(".claude/skills/alpha"), "alpha", 2);
}

#[test]
fn adopt_loaded() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 2);
        assert_eq!(version_in(&m.path(".claude/skills/alpha")), 2);
        assert_eq!(version_in(&m.path("extra/alpha")), 2);
        assert_eq!(history(m, "alpha").len(), 2);
    };
    crash("adopt loaded", &["adopt", "alpha"], loaded, &[0, 1], done).live(|m| {
        assert_eq!(version_in(&m.path(".claude/skills/alpha")), 2);
    }).run();
}

#[test]
fn discard_loaded() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 1);
        assert_eq!(version_in(&m.path(".claude/skills/alpha")), 1);
        assert_eq!(history(m, "alpha").len(), 1);
        assert!(somewhere(m, ".skillsync/trash", "mark: v2"), "the hand edit is not in trash");
    };
    crash("discard loaded", &["adopt", "alpha", "--discard"], loaded, &[0, 1], done).live(|m| {
        let seen = version_in(&m.path(".claude/skills/alpha"));
        assert!(seen == 1 || seen == 2);
        assert!(somewhere(m, ".skillsync", "mark: v2"), "the hand edit is gone");
    }).run();
}
