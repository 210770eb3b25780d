//! What becomes of a skill that is followed: edited here, taken back there, not for everybody.

use serde_json::json;
use skillsync_testkit::SkillBuilder;

use crate::scene::{Host, Scene, became, outcomes};

/// A skill of three paragraphs.
fn notes(first: &str, last: &str) -> SkillBuilder {
    SkillBuilder::new("notes").body(&format!("# notes\n\n{first}\n\nMiddle.\n\n{last}\n"))
}

/// Commits an edit of `notes` here.
fn edit(host: &Host, from: &str, to: &str) {
    host.run(&["edit", "notes"]).ok();
    let path = ".skillsync/editing/notes/SKILL.md";
    let text = host.machine.read(path).replace(from, to);
    host.machine.write(path, text);
    host.run(&["commit", "notes", "--reason", "mine"]).ok();
}

#[test]
fn what_was_edited_here_is_merged_with_a_release_or_handed_out_and_never_lost() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&notes("First.", "Last."), "notes");
    ann.publish("notes");
    let bob = scene.host("bob", "read").with_agent();
    bob.run(&["install", "notes"]).ok();
    edit(&bob, "Last.", "Last, and mine.");

    ann.author(&notes("First, and theirs.", "Last."), "notes");
    ann.publish("notes");
    assert_eq!(outcomes(&bob.poll()), became([("notes", "merged")]));
    let seen = bob.seen_by_agent("notes/SKILL.md");
    assert!(seen.contains("First, and theirs.") && seen.contains("Last, and mine."), "{seen}");

    ann.author(&notes("First, and theirs.", "Last, and theirs."), "notes");
    ann.publish("notes");
    let polled = bob.run(&["poll", "--json"]).fails(5).json();
    assert_eq!(outcomes(&polled), became([("notes", "conflict")]));
    assert!(bob.seen_by_agent("notes/SKILL.md").contains("Last, and mine."));
    let handed = bob.machine.read(".skillsync/editing/notes/SKILL.md");
    assert!(handed.contains("<<<<<<<") && handed.contains("Last, and theirs."), "{handed}");
    // Decided, it is committed like any edit, and the next release follows from it.
    let decided: String = handed
        .lines()
        .filter(|line| !line.starts_with(['<', '|', '=', '>']))
        .map(|line| format!("{line}\n"))
        .collect();
    bob.machine.write(".skillsync/editing/notes/SKILL.md", decided);
    bob.run(&["commit", "notes", "--reason", "both"]).ok();
    bob.run(&["update", "notes"]).ok();
    ann.author(&notes("First, once more.", "Last, and theirs."), "notes");
    ann.publish("notes");
    bob.run(&["update", "notes"]).ok();
    let seen = bob.machine.read(".skillsync/skills/notes/SKILL.md");
    assert!(seen.contains("First, once more.") && seen.contains("Last, and mine."), "{seen}");
}

#[test]
fn what_is_revoked_is_taken_out_of_use_and_what_is_yanked_is_not_handed_out() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&notes("Good.", "Last."), "notes");
    ann.publish("notes");
    let bob = scene.host("bob", "read").with_agent();
    bob.run(&["install", "notes"]).ok();
    ann.author(&notes("Bad.", "Last."), "notes");
    let bad = ann.publish("notes");
    bob.poll();
    assert!(bob.seen_by_agent("notes/SKILL.md").contains("Bad."));

    let yank = json!({"version": bad["version"], "reason": "malware", "revoke": true});
    let done = scene.hub.ask("POST", "/api/skills/notes/yank", Some(&ann.key), Some(&yank));
    assert!((200..300).contains(&done.status), "{done:?}");
    let polled = bob.run(&["poll", "--json"]).fails(6);
    assert_eq!(outcomes(&polled.json())["notes"], "quarantined");
    assert!(polled.stderr.contains("malware") && polled.stderr.contains("rollback"), "{polled}");
    assert!(!bob.machine.path(".claude/skills/notes").exists());
    // The version before it is genuine and good.
    bob.run(&["rollback", "notes"]).ok();
    bob.run(&["sync", "--offline"]).ok();
    assert!(bob.seen_by_agent("notes/SKILL.md").contains("Good."));
    let cas = scene.host("cas", "read");
    cas.run(&["install", &format!("notes@{}", bad["version"].as_str().unwrap_or_default())])
        .one_of(&[1, 3, 6]);
    assert!(!cas.machine.store("skills/notes").exists());
}

#[test]
fn what_is_private_is_not_there_for_anybody_else() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&notes("Ours.", "Last."), "notes");
    ann.run(&["publish", "notes", "--private"]).ok();
    let (bob, laptop) = (scene.host("bob", "read"), scene.host("ann", "read"));
    let other = bob.run(&["install", "notes", "--json"]).fails(1);
    let none = bob.run(&["install", "nothing", "--json"]).fails(1);
    assert_eq!(other.stdout.replace("notes", "nothing"), none.stdout);
    assert_eq!(
        outcomes(&laptop.run(&["install", "notes", "--json"]).ok().json()),
        became([("notes", "added")])
    );
    // It travels by a signed address, or with the key: without either it is not there.
    let path = "/api/skills/notes/versions";
    let versions = scene.hub.ask("GET", path, Some(&ann.key), None).json();
    let hex = versions["versions"][0]["checksum_sha256"].as_str().unwrap_or_default().to_owned();
    let blob = format!("/cdn/blobs/sha256/{hex}");
    assert_eq!(scene.hub.ask("GET", &blob, None, None).status, 404);
    assert_eq!(scene.hub.ask("GET", &blob, Some(&bob.key), None).status, 404);
    assert_eq!(scene.hub.ask("GET", &blob, Some(&laptop.key), None).status, 200);
}
