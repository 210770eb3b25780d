//! Commands that change skills: new, add, edit, commit, abort, adopt, rollback, rm, export.

use skillsync_testkit::{Machine, oracle};

use crate::home::{committed, edit_under_way, hand_edited, rewrite, skill, two_skills, version_in};
use crate::invariant::{crash, history, record, somewhere, text};

/// A skill of this name is there, whole, at version 1, and shows in `info`.
fn is_there(m: &Machine, name: &str) {
    assert_eq!(history(m, name).len(), 1, "{name}");
    m.run(&["info", name]).ok();
}

/// Nobody edits `alpha`, and somebody may: a fresh edit gives the current version, whatever a crash left behind.
fn is_free(m: &Machine) {
    assert!(!m.store("locks/alpha.lock").exists(), "the lease is still there");
    m.run(&["edit", "alpha"]).ok();
    assert_eq!(
        version_in(&m.store("editing/alpha")),
        version_in(&m.store("skills/alpha")),
        "a fresh working copy"
    );
    m.run(&["abort", "alpha"]).ok();
    assert!(!m.store("editing/alpha").exists(), "the working copy is still there");
}

#[test]
fn new() {
    let args = ["new", "fresh", "--description", "Says hello. Use when greeting."];
    crash("new", &args, two_skills, &[0, 1], |m| is_there(m, "fresh")).run();
}

#[test]
fn add_a_folder() {
    let prepare = |m: &Machine| {
        two_skills(m);
        m.skill_folder("src/gamma", &skill("gamma", 1));
    };
    let done = |m: &Machine| {
        is_there(m, "gamma");
        assert_eq!(
            oracle::content_hash(&m.store("skills/gamma")),
            oracle::content_hash(&m.path("src/gamma"))
        );
    };
    crash("add", &["add", "src/gamma"], prepare, &[0, 1], done).run();
}

#[test]
fn add_several() {
    let prepare = |m: &Machine| {
        two_skills(m);
        m.skill_folder("more/gamma", &skill("gamma", 1));
        m.skill_folder("more/delta", &skill("delta", 1));
    };
    let done = |m: &Machine| {
        is_there(m, "gamma");
        is_there(m, "delta");
    };
    crash("add --all", &["add", "more", "--all"], prepare, &[0, 1, 3], done).thin(3).run();
}

#[test]
fn edit() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("editing/alpha")), 1, "the working copy is whole");
        assert!(m.store("locks/alpha.lock").is_file());
    };
    crash("edit", &["edit", "alpha"], two_skills, &[0, 4], done).run();
}

#[test]
fn edit_takes_over() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("editing/alpha")), 1, "a fresh working copy");
        assert!(somewhere(m, ".skillsync/trash", "mark: v2"), "the draft of the former holder is gone");
    };
    crash("edit --force", &["edit", "alpha", "--force"], edit_under_way, &[0], done)
        .live(|m| {
            crate::invariant::live(m);
            assert!(somewhere(m, ".skillsync", "mark: v2"), "the draft of the former holder is gone");
        })
        .run();
}

#[test]
fn commit() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 2);
        let reasons: Vec<String> = history(m, "alpha").into_iter().map(|(.., reason)| reason).collect();
        assert_eq!(reasons.len(), 2, "committed once: {reasons:?}");
        assert_eq!(reasons[1], "second");
        is_free(m);
    };
    let args = ["commit", "alpha", "--reason", "second"];
    crash("commit", &args, edit_under_way, &[0, 1], done)
        .live(|m| {
            crate::invariant::live(m);
            assert!(somewhere(m, ".skillsync", "mark: v2"), "the draft is gone");
        })
        .twice(60)
        .run();
}

#[test]
fn abort() {
    crash("abort", &["abort", "alpha"], edit_under_way, &[0, 1], |m| {
        is_free(m);
        assert_eq!(version_in(&m.store("skills/alpha")), 1);
    })
    .run();
}

#[test]
fn adopt() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 2);
        assert_eq!(history(m, "alpha").len(), 2);
    };
    crash("adopt", &["adopt", "alpha"], hand_edited, &[0, 1], done).run();
}

#[test]
fn adopt_discards() {
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 1);
        assert_eq!(history(m, "alpha").len(), 1);
        assert!(somewhere(m, ".skillsync/trash", "mark: v2"), "the hand edit is not in trash");
    };
    crash("adopt --discard", &["adopt", "alpha", "--discard"], hand_edited, &[0, 1], done)
        .live(|m| {
            crate::invariant::live(m);
            assert!(somewhere(m, ".skillsync", "mark: v2"), "the hand edit is gone");
        })
        .run();
}

#[test]
fn rollback() {
    // Named, so that a second run means the same as the first.
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 1);
        let hashes: Vec<String> = history(m, "alpha").into_iter().map(|(_, hash, _)| hash).collect();
        assert!(hashes.len() >= 3 && hashes[0] == hashes[2], "{hashes:?}");
    };
    crash("rollback", &["rollback", "alpha", "--to", "1"], committed, &[0, 1], done).run();
}

#[test]
fn rm() {
    let done = |m: &Machine| {
        let marked =
            !m.store("skills/alpha").exists() || text(&record(m, "alpha"), "state") == "pending_remove";
        assert!(marked, "alpha is not marked");
    };
    crash("rm", &["rm", "alpha"], two_skills, &[0, 1], done).run();
}

#[test]
fn export() {
    let prepare = |m: &Machine| {
        two_skills(m);
        m.write("out/note", "mine\n");
    };
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.path("out/alpha")), 1);
        assert!(!m.path("out/alpha/.meta.toml").exists());
    };
    crash("export", &["export", "alpha", "out/alpha"], prepare, &[0, 1], done)
        .live(|m| {
            crate::invariant::live(m);
            assert!(!m.path("out/alpha").exists() || version_in(&m.path("out/alpha")) == 1, "half an export");
        })
        .run();
}

/// The whole loop in one home, each step crashed once in the middle: what one step left is the next one's start.
#[test]
fn a_commit_after_the_skill_moved_on() {
    let prepare = |m: &Machine| {
        two_skills(m);
        m.run(&["edit", "alpha"]).ok();
        rewrite(&m.store("editing/alpha"), "alpha", 2);
        // The canonical skill moves on under the lease: a rollback needs no lease.
        m.run(&["rollback", "alpha", "--to", "1"]).either();
    };
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/alpha")), 2);
        is_free(m);
    };
    crash("commit, moved on", &["commit", "alpha", "--reason", "late"], prepare, &[0, 1], done)
        .kills_only()
        .run();
}
