//! Commands that change what is known of hubs, without one: `source add`, `source remove`, `logout`.

use skillsync_testkit::Machine;

use crate::home::two_skills;
use crate::invariant::{crash, idle, live};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/envelope-root/envelope.json");
const KEY: &str = "rec_live_k8Fa21bcDEF0_0123456789abcdefghijABCDEFGHIJ0123456789xyz_2SWlb2";
const ADD: &[&str] = &["source", "add", "https://hub.example", "--name", "team", "--root", ROOT];

fn with_key(m: &Machine) {
    two_skills(m);
    m.run(ADD).ok();
    m.command(&["login", "team", "--offline"]).stdin(KEY).run().ok();
}

/// A source that is there is whole, and the key of one that is gone is nowhere.
fn whole_or_gone(m: &Machine) {
    live(m);
    if m.read(".skillsync/config.toml").contains("[[sources]]") {
        for file in ["root-1.json", "trust.json"] {
            assert!(m.store(&format!("sources/team/{file}")).is_file(), "{file} is not there");
        }
    } else {
        assert!(!m.store("sources/team/key").exists(), "a key was left");
    }
}

#[test]
fn source_add() {
    let done = |m: &Machine| {
        m.run(&["source", "trust", "team"]).ok();
        assert_eq!(m.read(".skillsync/config.toml").matches("[[sources]]").count(), 1);
        idle(m, ADD);
    };
    crash("source add", ADD, two_skills, &[0], done).live(whole_or_gone).twice(30).run();
}

#[test]
fn source_remove() {
    let args = ["source", "remove", "team", "--yes"];
    let done = |m: &Machine| {
        assert!(!m.read(".skillsync/config.toml").contains("sources"));
        // A kill between the entry and the folder leaves a folder that nothing names; adding it again is adding it anew.
        m.run(ADD).ok();
        assert!(!m.store("sources/team/key").exists(), "a key was left");
        m.run(&args).ok();
    };
    crash("source remove", &args, with_key, &[0, 1], done).live(whole_or_gone).run();
}

#[test]
fn logout() {
    let args = ["logout", "team"];
    let done = |m: &Machine| {
        assert!(!m.store("sources/team/key").exists());
        m.run(&["source", "trust", "team"]).ok();
    };
    crash("logout", &args, with_key, &[0], done).live(whole_or_gone).run();
}
