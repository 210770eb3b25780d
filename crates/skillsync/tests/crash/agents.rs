//! Commands that change what agents see: target add and remove, sync, setup.

use skillsync_testkit::crash::{Case, Hit};
use skillsync_testkit::{Machine, Snapshot, disk};

use crate::home::{BIN, committed, rewrite, scattered, trusted, two_skills, unsynced, version_in};
use crate::invariant::{TARGETS, consistent, crash, expendable, idle, linked, live, outside, somewhere};

#[test]
fn target_add() {
    let args = ["target", "add", "--tool", "windsurf"];
    let done = |m: &Machine| {
        let list = m.run(&["target", "list"]).ok().stdout;
        assert_eq!(list.matches("windsurf/skills").count(), 1, "{list}");
        let config = m.read(".skillsync/config.toml");
        assert_eq!(config.matches("windsurf/skills").count(), 1, "{config}");
    };
    crash("target add", &args, two_skills, &[0, 1], done).run();
}

#[test]
fn target_remove() {
    let done = |m: &Machine| {
        assert!(!m.read(".skillsync/config.toml").contains("path-1"));
        assert!(!linked(m, "extra", "alpha") && !linked(m, "extra", "beta"), "links stayed behind");
        assert!(linked(m, ".claude/skills", "alpha"), "the other target lost a link");
    };
    crash("target remove", &["target", "remove", "path-1"], two_skills, &[0, 1], done).run();
}

/// Both targets serve `alpha` at this version and `beta` at 1, and another sync has nothing to do.
fn served(m: &Machine, version: u32) {
    for target in [".claude/skills", "extra"] {
        assert_eq!(version_in(&m.path(target).join("alpha")), version, "alpha in {target}");
        assert_eq!(version_in(&m.path(target).join("beta")), 1, "beta in {target}");
        assert!(m.path(target).join("alpha").is_symlink());
    }
    idle(m, &["sync"]);
}

#[test]
fn sync_fresh() {
    crash("sync, fresh", &["sync"], unsynced, &[0], |m| served(m, 1)).run();
}

#[test]
fn what_may_be_deleted_is_made_again() {
    for gone in ["state/index", "rendered", "trees", "staging"] {
        let m = Machine::new(BIN);
        two_skills(&m);
        disk::remove(&m.store(gone));
        m.run(&["sync"]).ok();
        served(&m, 1);
        consistent(&m);
    }
}

#[test]
fn sync_changed() {
    crash("sync, changed", &["sync"], two_skills, &[0], |m| served(m, 2))
        .warm(|m| {
            trusted(m);
            m.run(&["edit", "alpha"]).ok();
            rewrite(&m.store("editing/alpha"), "alpha", 2);
            m.run(&["commit", "alpha", "--reason", "second"]).ok();
        })
        .run();
    // Second crashes are many, so they start from the copy as it is.
    crash("sync, changed, twice", &["sync"], committed, &[0], |m| served(m, 2)).kills_only().twice(60).run();
}

#[test]
fn sync_with_nothing_to_do() {
    crash("sync, nothing to do", &["sync"], two_skills, &[0], |m| served(m, 1)).warm(trusted).run();
}

#[test]
fn sync_removed() {
    let done = |m: &Machine| {
        assert!(!m.store("skills/alpha").exists());
        assert!(!linked(m, "extra", "alpha") && !linked(m, ".claude/skills", "alpha"));
        assert!(somewhere(m, ".skillsync/trash", "# alpha"), "the removed skill is not in trash");
        idle(m, &["sync"]);
    };
    crash("sync, removed", &["sync"], two_skills, &[0], done)
        .warm(|m| {
            trusted(m);
            m.run(&["rm", "alpha"]).ok();
        })
        .live(|m| {
            live(m);
            let there =
                somewhere(m, ".skillsync/skills", "# alpha") || somewhere(m, ".skillsync/trash", "# alpha");
            assert!(there, "the removed skill is neither in skills nor in trash");
        })
        .run();
}

/// The folders of the two agents, which is what `setup` moves things in.
fn agents(of: &Snapshot) -> Snapshot {
    let elsewhere = [".skillsync", "extra", "src", "elsewhere"];
    of.without(&elsewhere)
}

/// Every file of the user's is in an agent's folder, in the store or in trash.
fn nothing_lost(m: &Machine) {
    for name in ["alpha", "beta", "gamma"] {
        let words = format!("# {name}\n");
        let there =
            TARGETS.iter().any(|target| somewhere(m, target, &words)) || somewhere(m, ".skillsync", &words);
        assert!(there, "{name} is nowhere");
    }
    assert_eq!(m.read("elsewhere/SKILL.md"), "not ours\n");
}

fn set_up(m: &Machine) {
    for (target, name) in
        [(".claude/skills", "alpha"), (".claude/skills", "beta"), (".codeium/windsurf/skills", "gamma")]
    {
        assert_eq!(version_in(&m.store(&format!("skills/{name}"))), 1);
        assert!(linked(m, target, name), "{name} is not linked in {target}");
    }
    assert!(m.path(".claude/skills/elsewhere").is_symlink(), "a foreign link");
}

#[test]
fn setup() {
    let settle = |m: &Machine, hit: &Hit| {
        if hit.acknowledged() {
            set_up(m);
        }
        m.run(&["setup", "--yes"]).ok();
        set_up(m);
        m.run(&["sync"]).ok();
        idle(m, &["sync"]);
        consistent(m);
        nothing_lost(m);
        outside(m, hit);
        m.run(&["setup", "--undo", "--yes"]).ok();
        agents(&hit.before).assert_same(&agents(&m.snapshot()));
    };
    let prepare = |m: &Machine| {
        scattered(m);
        m.run(&["init"]).ok();
    };
    Case::new("setup", BIN, &["setup", "--yes"])
        .prepare(prepare)
        .thin(4)
        .live(nothing_lost)
        .durable(expendable)
        .settle(settle)
        .run();
}

#[test]
fn setup_killed_then_undone() {
    let settle = |m: &Machine, hit: &Hit| {
        // With nothing done yet there may be nothing to undo.
        m.run(&["setup", "--undo", "--yes"]).one_of(&[0, 1]);
        agents(&hit.before).assert_same(&agents(&m.snapshot()));
        nothing_lost(m);
    };
    Case::new("setup, then --undo", BIN, &["setup", "--yes"])
        .prepare(scattered)
        .live(nothing_lost)
        .settle(settle)
        .kills_only()
        .thin(8)
        .run();
}

#[test]
fn setup_undo() {
    let prepare = |m: &Machine| {
        scattered(m);
        m.run(&["setup", "--yes"]).ok();
    };
    let restored = |m: &Machine| {
        for (target, name) in
            [(".claude/skills", "alpha"), (".claude/skills", "beta"), (".codeium/windsurf/skills", "gamma")]
        {
            let folder = m.path(target).join(name);
            assert!(folder.is_dir() && !folder.is_symlink(), "{name} is not back in {target}");
            assert_eq!(version_in(&folder), 1);
        }
    };
    let settle = move |m: &Machine, hit: &Hit| {
        if hit.acknowledged() {
            restored(m);
        }
        m.run(&["setup", "--undo", "--yes"]).one_of(&[0, 1]);
        restored(m);
        nothing_lost(m);
    };
    Case::new("setup --undo", BIN, &["setup", "--undo", "--yes"])
        .prepare(prepare)
        .thin(3)
        .live(nothing_lost)
        .durable(expendable)
        .settle(settle)
        .run();
}
