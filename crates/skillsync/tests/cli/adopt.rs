//! `skillsync adopt`: edits outside `edit`, kept or dropped, and never lost.

use skillsync_testkit::snapshot::Entry;
use skillsync_testkit::{Machine, disk, oracle};

use crate::stocked::{commit, only_plans, overwrite, refuses, replace, served, stocked};

const CANONICAL: &str = ".skillsync/skills/pdf";
const CLAUDE: &str = ".claude/skills/pdf";
const OTHER: &str = "agents/pdf";

fn md(folder: &str) -> String {
    format!("{folder}/SKILL.md")
}

/// Everything is as it should be: the newest version in the store, the same with a footer for every agent, and a
/// second sync with nothing to do.
#[track_caller]
fn assert_settled(machine: &Machine) {
    machine.run(&["verify"]).ok();
    machine.run(&["sync"]).ok();
    let synced = machine.snapshot().without(&[".skillsync/state"]);
    machine.run(&["sync"]).ok();
    synced.assert_same(&machine.snapshot().without(&[".skillsync/state"]));
    let canonical = machine.read(&md(CANONICAL));
    for agent in [CLAUDE, OTHER] {
        if machine.path(agent).exists() {
            assert!(machine.read(&md(agent)).starts_with(&canonical), "{agent} loads something else");
        }
    }
    assert!(!canonical.contains("skillsync:observation"), "a footer in the store:\n{canonical}");
}

/// Whether some file in trash holds this text.
fn in_trash(machine: &Machine, text: &str) -> bool {
    let trash = machine.snapshot().only(".skillsync/trash");
    trash
        .iter()
        .any(|(_, entry)| matches!(entry, Entry::File { text: Some(kept), .. } if kept.contains(text)))
}

#[test]
fn an_edit_in_the_store_becomes_a_version() {
    let machine = served();
    replace(&machine, &md(CANONICAL), "Middle", "Mine");
    overwrite(&machine, &format!("{CANONICAL}/references/new.md"), "new\n");
    let edited = oracle::content_hash(&machine.path(CANONICAL));
    let plan = only_plans(&machine, &["adopt", "pdf"]).stdout;
    assert!(plan.starts_with("pdf: would be version 2, the edit in canonical\n"), "{plan}");
    let done = machine.run(&["adopt", "pdf", "--reason", "better"]).ok();
    assert_eq!(
        done.stdout,
        "pdf: version 2, the edit in canonical\n  modified SKILL.md\n  added references/new.md\n"
    );
    assert!(done.stderr.starts_with("note: the edited folder is kept for 24 hours: "), "{done}");
    let newest = machine.run(&["history", "pdf", "--json"]).ok().json()["versions"][0].clone();
    assert_eq!((&newest["origin"], &newest["reason"]), (&"adopt".into(), &"better".into()));
    assert_eq!(newest["content_hash"], edited);
    assert!(machine.read(&md(CLAUDE)).contains("Mine line."));
    assert!(machine.read(&md(OTHER)).contains("Mine line."));
    assert_settled(&machine);
    refuses(&machine, &["adopt", "pdf"], 1, "nothing-to-adopt");
}

#[test]
fn an_edit_through_an_agents_link_becomes_a_version_without_the_footer() {
    // An editor that replaces a line, an agent that appends below the footer, a file the mark does not know.
    type Edit = (&'static str, fn(&Machine), &'static [(&'static str, &'static str)]);
    let cases: [Edit; 4] = [
        ("a line", |m| replace(m, &md(CLAUDE), "Middle", "Mine"), &[("SKILL.md", "modified")]),
        (
            "below the footer",
            |m| {
                let text = m.read(&md(CLAUDE));
                overwrite(m, &md(CLAUDE), format!("{text}\nAppended.\n"));
            },
            &[("SKILL.md", "modified")],
        ),
        (
            "a new file, and litter",
            |m| {
                m.write(&format!("{CLAUDE}/references/more.md"), "more\n");
                m.write(&format!("{CLAUDE}/scripts/__pycache__/x.pyc"), "litter");
            },
            &[("references/more.md", "added")],
        ),
        (
            "a file gone",
            |m| disk::remove(&m.path(&format!("{CLAUDE}/references/forms.md"))),
            &[("references/forms.md", "deleted")],
        ),
    ];
    for (what, edit, changes) in cases {
        let machine = served();
        edit(&machine);
        let json = machine.run(&["adopt", "pdf", "--json"]).ok().json();
        assert_eq!(json["outcome"], "adopted", "{what}: {json}");
        // Both agents load one rendered tree: it is one edit, wherever it was made.
        assert_eq!(json["from"], serde_json::json!(["claude-code", "path-1"]), "{what}");
        let found: Vec<(&str, &str)> = json["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["path"].as_str().unwrap(), c["status"].as_str().unwrap()))
            .collect();
        assert_eq!(found, changes, "{what}");
        assert_settled(&machine);
        if what == "below the footer" {
            assert!(machine.read(&md(CANONICAL)).ends_with("Last line.\n\nAppended.\n"));
        }
        let script = machine.snapshot().get(".skillsync/skills/pdf/scripts/run.sh").cloned();
        assert!(matches!(script, Some(Entry::File { mode: 0o755, .. })), "{what}");
    }
}

#[test]
fn files_that_scripts_leave_are_no_edit_beside_one() {
    let machine = served();
    machine.write(&format!("{CLAUDE}/cache/x.json"), "{}");
    replace(&machine, &md(CANONICAL), "Middle", "Mine");
    let json = machine.run(&["adopt", "pdf", "--json"]).ok().json();
    assert_eq!(json["from"], serde_json::json!(["canonical"]));
    assert!(!machine.path(&format!("{CANONICAL}/cache")).exists());
}

#[test]
fn an_edit_of_the_footer_alone_makes_no_version() {
    let machine = served();
    replace(&machine, &md(CLAUDE), "Then call:", "Never call:");
    let done = machine.run(&["adopt", "pdf"]).ok();
    let said = "pdf: version 1 as before, the edit in claude-code, path-1 has nothing new\n";
    assert_eq!(done.stdout, said);
    assert!(machine.read(&md(CLAUDE)).contains("Then call:"));
    assert!(in_trash(&machine, "Never call:"));
    assert_settled(&machine);

    replace(&machine, &md(CLAUDE), "<!-- skillsync:observation:end -->", "");
    refuses(&machine, &["adopt", "pdf"], 5, "footer-torn");
    machine.run(&["adopt", "pdf", "--discard"]).ok();
    assert_settled(&machine);
}

#[test]
fn an_edit_of_an_older_version_is_merged_or_left_alone() {
    let machine = served();
    commit(&machine, "First", "Second");
    replace(&machine, &md(CLAUDE), "Last", "Very last");
    machine.run(&["sync"]).fails(3);
    let done = machine.run(&["adopt", "pdf"]).ok().stdout;
    assert!(
        done.starts_with("pdf: version 3, the edit in claude-code, path-1 merged with version 2\n"),
        "{done}"
    );
    let text = machine.read(&md(CANONICAL));
    assert!(text.contains("Second line.") && text.contains("Very last line."), "{text}");
    assert_settled(&machine);

    let machine = served();
    commit(&machine, "First", "Second");
    replace(&machine, &md(CLAUDE), "First", "Third");
    let told = refuses(&machine, &["adopt", "pdf"], 5, "conflict").json();
    let message = told["error"]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "the edit of `pdf` in claude-code, path-1 began from version 1, and version 2 changed the same places: SKILL.md"
    );
    machine.run(&["adopt", "pdf", "--from", "claude-code", "--discard"]).ok();
    assert!(machine.read(&md(CLAUDE)).contains("Second line."));
    assert!(in_trash(&machine, "Third line."));
    assert_settled(&machine);
}

#[test]
fn different_edits_wait_for_a_choice() {
    let machine = served();
    replace(&machine, &md(CANONICAL), "First", "Store");
    replace(&machine, &md(CLAUDE), "Last", "Agent");
    let told = refuses(&machine, &["adopt", "pdf"], 5, "several-edits").json();
    let message = machine.filter(told["error"]["message"].as_str().unwrap());
    let head = "`pdf` was edited in 2 places, each differently: canonical (`[HOME]/.skillsync/skills/pdf`), ";
    assert!(message.starts_with(head), "{message}");
    refuses(&machine, &["adopt", "pdf", "--discard"], 5, "several-edits");
    refuses(&machine, &["adopt", "pdf", "--from", "claude-code"], 5, "several-edits");
    refuses(&machine, &["adopt", "pdf", "--from", "nowhere"], 1, "target-not-found");
    // What is left is an edit that no agent's sync could pass by.
    machine.run(&["adopt", "pdf", "--from", "canonical"]).fails(3);
    machine.run(&["adopt", "pdf", "--from", "path-1"]).ok();
    let text = machine.read(&md(CANONICAL));
    assert!(text.contains("Store line.") && text.contains("Agent line."), "{text}");
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["version"], 3);
    assert_settled(&machine);
}

#[test]
fn the_same_edit_in_two_places_is_one() {
    let machine = served();
    replace(&machine, &md(CANONICAL), "First", "Same");
    replace(&machine, &md(CLAUDE), "First", "Same");
    let json = machine.run(&["adopt", "pdf", "--json"]).ok().json();
    assert_eq!(json["from"], serde_json::json!(["canonical", "claude-code", "path-1"]));
    assert_eq!(json["version"], 2);
    assert_settled(&machine);
}

#[test]
fn a_discarded_edit_is_in_trash_and_the_version_is_back() {
    for place in [CANONICAL, CLAUDE] {
        let machine = served();
        let before = machine.snapshot().without(&[".skillsync/state", ".skillsync/trash"]);
        replace(&machine, &md(place), "First", "Wrong");
        overwrite(&machine, &format!("{place}/references/forms.md"), "also wrong\n");
        only_plans(&machine, &["adopt", "pdf", "--discard"]);
        let done = machine.run(&["adopt", "pdf", "--discard"]).ok().stdout;
        assert!(done.starts_with("pdf: version 1 again, the edit in "), "{done}");
        assert!(in_trash(&machine, "Wrong line.") && in_trash(&machine, "also wrong"), "{place}");
        before.assert_same(&machine.snapshot().without(&[".skillsync/state", ".skillsync/trash"]));
        assert_settled(&machine);
    }
}

#[test]
fn an_edited_copy_is_settled_like_a_link() {
    let machine = stocked();
    machine.write("agents/keep", "");
    machine.run(&["target", "add", "--path", "agents", "--mode", "copy"]).ok();
    machine.run(&["sync"]).ok();
    replace(&machine, "agents/pdf/SKILL.md", "Middle", "Mine");
    machine.run(&["sync"]).fails(3);
    let json = machine.run(&["adopt", "pdf", "--json"]).ok().json();
    assert_eq!((&json["outcome"], &json["version"]), (&"adopted".into(), &2.into()));
    assert!(machine.read(&md(CANONICAL)).contains("Mine line."));
    assert!(machine.read("agents/pdf/SKILL.md").starts_with(&machine.read(&md(CANONICAL))));
    replace(&machine, "agents/pdf/SKILL.md", "Mine", "Wrong");
    machine.run(&["adopt", "pdf", "--discard"]).ok();
    assert!(machine.read("agents/pdf/SKILL.md").contains("Mine line."));
    assert!(in_trash(&machine, "Wrong line."));
    machine.run(&["verify"]).ok();
}

#[test]
fn what_is_no_skill_is_not_adopted_and_can_be_dropped() {
    let machine = served();
    overwrite(&machine, &md(CLAUDE), "no head\n");
    refuses(&machine, &["adopt", "pdf"], 1, "frontmatter-missing");
    replace(&machine, &md(CLAUDE), "no head\n", "---\nname: other\ndescription: x\n---\n");
    refuses(&machine, &["adopt", "pdf"], 1, "skill-md-invalid");
    std::os::unix::fs::symlink("/etc/passwd", machine.path(&format!("{CLAUDE}/secret"))).unwrap();
    refuses(&machine, &["adopt", "pdf"], 1, "link-outside");
    machine.run(&["adopt", "pdf", "--discard"]).ok();
    assert_settled(&machine);
}

#[test]
fn a_tree_that_lost_its_mark_is_known_by_its_name() {
    let machine = served();
    disk::remove(&machine.path(&format!("{CLAUDE}/.skillsync-tree")));
    replace(&machine, &md(CLAUDE), "Middle", "Mine");
    machine.run(&["adopt", "pdf"]).ok();
    assert!(machine.read(&md(CANONICAL)).contains("Mine line."));
    assert_settled(&machine);

    // With another footer no version renders to it any more.
    disk::remove(&machine.path(&format!("{CLAUDE}/.skillsync-tree")));
    replace(&machine, &md(CLAUDE), "Mine", "Lost");
    machine.run(&["config", "set", "observation.threshold", "0.9"]).ok();
    refuses(&machine, &["adopt", "pdf"], 5, "edit-base-unknown");
    machine.run(&["adopt", "pdf", "--discard"]).ok();
    assert!(in_trash(&machine, "Lost line."));
    assert_settled(&machine);
}

#[test]
fn a_marked_skill_is_kept_by_adopting_its_edit() {
    let machine = served();
    machine.run(&["rm", "pdf"]).ok();
    replace(&machine, &md(CANONICAL), "Middle", "Mine");
    let json = machine.run(&["adopt", "pdf", "--json"]).ok().json();
    assert_eq!(json["revived"], true);
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "active");
    assert_settled(&machine);
}

#[test]
fn an_edit_of_a_skill_that_is_gone_can_be_dropped() {
    let machine = served();
    replace(&machine, &md(CLAUDE), "Middle", "Mine");
    disk::remove(&machine.path(CANONICAL));
    machine.run(&["sync"]).fails(3);
    assert!(machine.read(&md(CLAUDE)).contains("Mine line."), "an edit is never taken away");
    refuses(&machine, &["adopt", "pdf"], 1, "skill-not-found");
    machine.run(&["adopt", "pdf", "--discard"]).ok();
    assert!(!machine.path(CLAUDE).exists() && !machine.path(OTHER).exists());
    assert!(in_trash(&machine, "Mine line."));
}
