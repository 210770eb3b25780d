//! Commands that ask a hub: install, update, a walk from root to root, quarantine, a merge, a conflict, and going back. What
//! is believed of the hub never steps back (threat 25).

use std::collections::BTreeMap;

use serde_json::Value;
use skillsync_testkit::crash::{Case, Hit};
use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, disk};
use skillsync_wire::json::Time;

use crate::home::{BIN, unsynced, version_in};
use crate::invariant::{expendable, linked, live, settled};
use crate::lying::house::{House, ROOT, api_key, files as published};
use crate::lying::hub::LyingHub;

#[expect(clippy::disallowed_methods, reason = "a hub beside the real program has the same clock")]
fn now() -> Time {
    Time::of(jiff::Timestamp::now())
}

/// A version of `gamma` as the hub publishes it: each file says the version, as in `home::skill`.
fn files(version: u32) -> BTreeMap<String, Vec<u8>> {
    let others = [
        ("scripts/run.sh", format!("echo mark: v{version}\n")),
        (&*format!("data/only-in-v{version}.txt"), format!("mark: v{version}\n")),
    ]
    .map(|(path, text)| (path.to_owned(), text.into_bytes()));
    let mut files = published("gamma", &format!("# gamma\n\nmark: v{version}\n"), &[]);
    files.extend(others);
    files
}

/// A hub with `gamma` in these versions.
fn hub(versions: u32) -> LyingHub {
    let mut house = House::new(now());
    (1..=versions).for_each(|version| drop(house.publish("gamma", &files(version))));
    LyingHub::open(house)
}

/// The home of every other crash, and a source.
fn sourced(m: &Machine, hub: &LyingHub) {
    unsynced(m);
    m.write("root.json", hub.change(|house| house.roots[0].clone()));
    let url = hub.web.url();
    let add = ["source", "add", &url, "--name", "team", "--root", "root.json", "--key-stdin"];
    m.command(&add).stdin(api_key().expose()).run().ok();
    m.run(&["sync"]).ok();
}

/// The same with `gamma` at the first release.
fn installed(m: &Machine, hub: &LyingHub) {
    sourced(m, hub);
    m.run(&["install", "gamma@1.1.0"]).ok();
    let meta = m.read(".skillsync/_meta.json").replace("\"held\": \"version\",", "");
    m.write(".skillsync/_meta.json", meta);
}

/// The numbers of the state of trust that never step back while the keys stand.
fn counters(trust: &str) -> Vec<u64> {
    let json: Value = serde_json::from_str(trust).unwrap_or_else(|e| panic!("trust.json: {e}\n{trust}"));
    [
        &json["root_version"],
        &json["manifest"]["version"],
        &json["advisories"]["version"],
        &json["skills"]["gamma"]["seq"],
    ]
    .map(|number| number.as_u64().unwrap_or(0))
    .to_vec()
}

fn trust_now(m: &Machine) -> Vec<u64> {
    counters(&m.read(".skillsync/sources/team/trust.json"))
}

#[track_caller]
fn never_back(before: &[u64], after: &[u64]) {
    assert!(before.iter().zip(after).all(|(before, after)| before <= after), "{before:?} became {after:?}");
}

/// A command that asks `hub`: at every moment what is known of the hub reads and did not step back, and the same command
/// again ends the work.
fn asking<'a>(
    name: &str,
    args: &'a [&'a str],
    prepare: impl Fn(&Machine) + Sync + 'a,
    codes: &'a [i32],
    done: impl Fn(&Machine) + Sync + 'a,
) -> Case<'a> {
    let lost = |path: &str| {
        // When to ask next may be forgotten, and what was downloaded may come again.
        expendable(path) || path.starts_with(".skillsync/cache") || path.ends_with("/poll.json")
    };
    Case::new(name, BIN, args).prepare(prepare).live(live).durable(lost).settle(move |m, hit| {
        let before = known(hit);
        let after_crash = trust_now(m);
        never_back(&before, &after_crash);
        if hit.acknowledged() {
            done(m);
        }
        m.run(args).one_of(codes);
        never_back(&after_crash, &trust_now(m));
        done(m);
        settled(m, hit);
        assert_eq!(
            std::fs::read_dir(m.store("cache")).into_iter().flatten().count(),
            0,
            "downloads are left"
        );
    })
}

fn known(hit: &Hit) -> Vec<u64> {
    match hit.before.get(".skillsync/sources/team/trust.json") {
        Some(Entry::File { text: Some(text), .. }) => counters(text),
        other => panic!("no trust.json before: {other:?}"),
    }
}

/// `gamma` is here in this version, the record says so, and agents load it.
fn is_at(m: &Machine, version: u32) {
    assert_eq!(version_in(&m.store("skills/gamma")), version);
    let meta: Value = serde_json::from_str(&m.read(".skillsync/_meta.json")).unwrap_or_default();
    let gamma = &meta["skills"]["gamma"];
    assert_eq!((&gamma["version"], &gamma["state"]), (&format!("1.{version}.0").into(), &"installed".into()));
    assert!(linked(m, ".claude/skills", "gamma"));
    let release = gamma["release"].as_str().unwrap_or_default().trim_start_matches("sha256:");
    assert!(m.store(&format!("sources/team/releases/{release}.json")).is_file(), "the statement is missing");
}

#[test]
fn install() {
    let hub = hub(1);
    let done = |m: &Machine| is_at(m, 1);
    asking("install", &["install", "gamma"], |m| sourced(m, &hub), &[0], done).thin_errors(2).run();
}

#[test]
fn poll_that_updates() {
    let hub = hub(2);
    let done = |m: &Machine| {
        is_at(m, 2);
        assert_eq!(crate::invariant::history(m, "gamma").len(), 2, "updated once");
        assert_eq!(trust_now(m)[3], 2);
    };
    asking("poll", &["poll"], |m| installed(m, &hub), &[0], done).thin_errors(2).twice(40).run();
}

#[test]
fn poll_over_new_roots() {
    // Its trust begins at the first of three roots.
    let hub = hub(1);
    let first = hub.change(|house| house.clone());
    let prepare = |m: &Machine| {
        hub.change(|house| *house = first.clone());
        installed(m, &hub);
        hub.change(|house| {
            (0..3).for_each(|_| house.rotate(&ROOT[..2], |_| {}));
        });
    };
    let done = |m: &Machine| {
        is_at(m, 1);
        assert_eq!(trust_now(m)[0], 4);
    };
    asking("poll over new roots", &["poll"], prepare, &[0], done).twice(40).run();
}

#[test]
fn poll_that_quarantines() {
    let hub = hub(1);
    let first = hub.change(|house| house.clone());
    let prepare = |m: &Machine| {
        hub.change(|house| *house = first.clone());
        installed(m, &hub);
        hub.change(|house| house.revoke("gamma", 1, "malware"));
    };
    let done = |m: &Machine| {
        assert!(!linked(m, ".claude/skills", "gamma"), "agents still load it");
        assert_eq!(version_in(&m.store("skills/gamma")), 1, "it stays in the store");
        assert!(m.read(".skillsync/_meta.json").contains("\"quarantined\""));
    };
    asking("poll that quarantines", &["poll"], prepare, &[6], done).exits(6).thin_errors(2).run();
}

/// A version of `gamma` that is edited here where the next release changes nothing.
fn edited(m: &Machine, path: &str, text: &str) {
    m.run(&["edit", "gamma"]).ok();
    disk::write(&m.store(&format!("editing/gamma/{path}")), text);
    m.run(&["commit", "gamma", "--reason", "mine"]).ok();
}

#[test]
fn poll_that_merges() {
    let hub = hub(2);
    let prepare = |m: &Machine| {
        installed(m, &hub);
        edited(m, "mine.md", "mine\n");
    };
    let done = |m: &Machine| {
        let text = m.read(".skillsync/skills/gamma/SKILL.md");
        assert!(text.contains("mark: v2") && m.store("skills/gamma/mine.md").is_file(), "{text}");
        assert_eq!(crate::invariant::history(m, "gamma").len(), 3, "merged once");
    };
    // A merge is neither version: what holds at each moment is that nothing of the edit is lost.
    asking("poll that merges", &["poll"], prepare, &[0], done)
        .live(|m| {
            assert!(crate::invariant::somewhere(m, ".skillsync/skills/gamma", "mine"), "the edit is gone")
        })
        .settle(|m, hit| {
            never_back(&known(hit), &trust_now(m));
            m.run(&["poll"]).ok();
            done(m);
            m.run(&["sync"]).ok();
            m.run(&["verify"]).ok();
        })
        .kills_only()
        .run();
}

#[test]
fn poll_that_meets_a_conflict() {
    let hub = hub(2);
    let prepare = |m: &Machine| {
        installed(m, &hub);
        let text = m.read(".skillsync/skills/gamma/SKILL.md").replace("mark: v1", "mark: mine");
        edited(m, "SKILL.md", &text);
    };
    asking("poll that meets a conflict", &["poll"], prepare, &[0, 3, 5], |_| {})
        .exits(5)
        .live(|m| {
            let text = m.read(".skillsync/skills/gamma/SKILL.md");
            assert!(text.contains("mark: mine") && !text.contains("<<<<"), "{text}");
        })
        .settle(|m, hit| {
            never_back(&known(hit), &trust_now(m));
            // A working copy that was made without its lease is no edit: the next poll hands out a fresh one.
            m.run(&["poll"]).one_of(&[0, 3, 5]);
            let copy = m.read(".skillsync/editing/gamma/SKILL.md");
            assert!(copy.contains("mark: mine") && copy.contains("mark: v2"), "{copy}");
            assert!(m.store("locks/gamma.lock").is_file());
            m.run(&["verify"]).ok();
        })
        .kills_only()
        .run();
}

#[test]
fn rollback_of_what_was_installed() {
    let hub = hub(2);
    let prepare = |m: &Machine| {
        installed(m, &hub);
        m.run(&["poll"]).ok();
    };
    let done = |m: &Machine| {
        assert_eq!(version_in(&m.store("skills/gamma")), 1);
        let meta: Value = serde_json::from_str(&m.read(".skillsync/_meta.json")).unwrap_or_default();
        assert_eq!(
            (&meta["skills"]["gamma"]["held"], &meta["skills"]["gamma"]["version"]),
            (&"rollback".into(), &"1.1.0".into())
        );
        // And no poll undoes it.
        m.run(&["poll"]).ok();
        assert_eq!(version_in(&m.store("skills/gamma")), 1);
    };
    asking("rollback", &["rollback", "gamma", "--to", "1"], prepare, &[0, 1], done).run();
}

/// An older release that is asked for by its version, while the newest one is here and listed.
#[test]
fn install_of_an_older_version() {
    let hub = hub(2);
    let prepare = |m: &Machine| {
        installed(m, &hub);
        m.run(&["poll"]).ok();
        is_at(m, 2);
    };
    let args = ["install", "gamma@1.1.0"];
    let done = |m: &Machine| {
        is_at(m, 1);
        assert!(m.read(".skillsync/_meta.json").contains("\"held\": \"version\""));
    };
    asking("install of an older version", &args, prepare, &[0], done)
        .settle(|m, hit| {
            never_back(&known(hit), &trust_now(m));
            if hit.acknowledged() {
                done(m);
            }
            // What a poll says of it, and what is noted then, is what is here.
            let polled = m.run(&["poll", "--json"]).ok().json();
            let here = version_in(&m.store("skills/gamma"));
            is_at(m, here);
            let gamma = &polled["sources"][0]["skills"][0];
            assert!(here == 2 || gamma["outcome"] == "held", "{polled}");
            m.run(&args).ok();
            done(m);
            settled(m, hit);
        })
        .run();
}
