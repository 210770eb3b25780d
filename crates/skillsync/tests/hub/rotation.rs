//! Keys of a hub that are replaced: machines follow by themselves, old fingerprints still lead to the hub.

use skillsync_testkit::SkillBuilder;

use crate::scene::{Scene, became, outcomes};

fn notes(words: &str) -> SkillBuilder {
    SkillBuilder::new("notes").body(&format!("# notes\n\n{words}\n"))
}

#[test]
fn machines_follow_every_key_that_is_replaced() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&notes("Round 0."), "notes");
    ann.publish("notes");
    let bob = scene.host("bob", "read").with_agent();
    bob.run(&["install", "notes"]).ok();
    let trust = || bob.run(&["source", "trust", "team", "--json"]).ok().json();
    let keys = |number: usize| trust()["root"]["roles"][number]["key_ids"].clone();
    let before = [0, 1, 2].map(keys);
    for (round, role) in [(1, "manifest"), (2, "release"), (3, "root")] {
        scene.hub.tool(&["rotate", role]);
        // What is here is not fetched again for it.
        assert_eq!(outcomes(&bob.poll()), became([("notes", "current")]), "{role}");
        assert_eq!(trust()["root"]["version"], round + 1);
        ann.author(&notes(&format!("Round {round}.")), "notes");
        ann.publish("notes");
        assert_eq!(outcomes(&bob.poll()), became([("notes", "updated")]), "{role}");
        assert!(bob.seen_by_agent("notes/SKILL.md").contains(&format!("Round {round}.")));
    }
    for (number, old) in before.iter().enumerate() {
        assert_ne!(*old, keys(number), "role {number}");
    }
    // Who was away all the time, and who knows nothing but the first fingerprint, come to the same.
    let cas = scene.host("cas", "read");
    assert_eq!(outcomes(&cas.run(&["install", "notes", "--json"]).ok().json()), became([("notes", "added")]));
    assert_eq!(cas.run(&["source", "trust", "team", "--json"]).ok().json()["root"]["version"], 4);
    assert_eq!(cas.content("notes"), ann.content("notes"));
}

#[test]
fn a_hub_that_came_back_from_an_old_backup_is_noticed_and_can_be_mended() {
    let mut scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&notes("Saved."), "notes");
    ann.publish("notes");
    let bob = scene.host("bob", "read").with_agent();
    bob.run(&["install", "notes"]).ok();
    scene.hub.stop();
    let backup = bob.machine.path("backup");
    skillsync_testkit::disk::copy(&scene.hub.data(), &backup);
    scene.hub.start();
    ann.author(&notes("Published after the backup."), "notes");
    ann.publish("notes");
    bob.poll();

    scene.hub.kill();
    skillsync_testkit::disk::restore(&backup, &scene.hub.data());
    scene.hub.start();
    let refused = bob.run(&["poll", "--json"]).fails(6).json();
    assert_eq!(refused["sources"][0]["error"]["code"], "trust-rollback");
    assert!(bob.seen_by_agent("notes/SKILL.md").contains("Published after the backup."));

    scene.hub.tool(&["rotate", "manifest"]);
    scene.hub.tool(&["rotate", "release"]);
    bob.run(&["poll"]).ok();
    ann.publish("notes");
    bob.run(&["poll"]).ok();
    assert!(bob.seen_by_agent("notes/SKILL.md").contains("Published after the backup."));
    assert_eq!(bob.content("notes"), ann.content("notes"));
    skillsync_testkit::disk::remove(&backup);
}
