//! What is in quarantine comes back into use by its cure or by `rollback`, and by no other command (threat 23).

use serde_json::Value;
use skillsync_testkit::{Machine, disk};

use crate::home::{edit, hub, installed, loaded, meta, outcome, publish, report, rewrite};
use crate::hub::LyingHub;

/// Revokes release `seq` of `pdf`, and polls.
pub(crate) fn revoke(hub: &LyingHub, machine: &Machine, seq: u64) {
    hub.change(|house| {
        house.revoke("pdf", seq, "malware");
        house.removed.insert(crate::house::slug("pdf"), "revoked".to_owned());
    });
    report(machine, &["poll"], 6);
    out_of_use(machine);
}

/// An edit here and the second release changed the same line: the release waits in a working copy.
pub(crate) fn handed_out() -> (LyingHub, Machine) {
    let hub = hub();
    let machine = installed(&hub);
    edit(&machine, "two", "mine");
    publish(&hub, "TWO");
    report(&machine, &["poll"], 5);
    (hub, machine)
}

/// It is in quarantine, and a sync brings it to nobody.
#[track_caller]
pub(crate) fn out_of_use(machine: &Machine) {
    machine.run(&["sync", "--offline"]).either();
    assert!(!machine.path(".claude/skills/pdf").exists());
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "quarantined");
}

#[track_caller]
pub(crate) fn refused(machine: &Machine, args: &[&str], code: &str) -> Value {
    let refused = machine.run(&[args, &["--json"]].concat()).either().json();
    assert_eq!(refused["error"]["code"], code, "{args:?}: {refused}");
    refused
}

#[test]
fn t23_no_new_version_ends_a_quarantine_by_itself() {
    let hub = hub();
    let machine = installed(&hub);
    machine.run(&["edit", "pdf"]).ok();
    rewrite(&machine, ".skillsync/editing/pdf/SKILL.md", "three", "three, and mine");
    revoke(&hub, &machine, 1);
    let committed = machine.run(&["commit", "pdf", "--reason", "mine", "--json"]).ok();
    assert_eq!(committed.json()["quarantined"], true);
    assert!(committed.stderr.contains("stays in quarantine"), "{}", committed.stderr);
    out_of_use(&machine);
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "one", "by hand");
    assert_eq!(report(&machine, &["adopt", "pdf"], 0)["quarantined"], true);
    out_of_use(&machine);
    machine.skill_folder("other/pdf", &skillsync_testkit::SkillBuilder::new("pdf"));
    let added = machine.run(&["add", "other/pdf", "--force", "--json"]).either().json();
    assert_eq!(added["failed"][0]["error"]["code"], "skill-quarantined", "{added}");
    out_of_use(&machine);
    // Nor does the mark of `rm`, which takes the place of that of the quarantine.
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "by hand", "again");
    rewrite(&machine, ".skillsync/skills/pdf/.meta.toml", "\"quarantined\"", "\"pending_remove\"");
    assert_eq!(report(&machine, &["adopt", "pdf"], 0)["revived"], false);
    out_of_use(&machine);
    rewrite(&machine, ".skillsync/skills/pdf/.meta.toml", "\"quarantined\"", "\"pending_remove\"");
    let added = machine.run(&["add", "other/pdf", "--json"]).either().json();
    assert_eq!(added["failed"][0]["error"]["code"], "skill-quarantined", "{added}");
    rewrite(&machine, ".skillsync/skills/pdf/.meta.toml", "\"pending_remove\"", "\"quarantined\"");
    // Nothing is lost, and a cure is one still.
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("three, and mine"));
    hub.change(|house| house.removed.clear());
    publish(&hub, "TWO");
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
    assert!(loaded(&machine, "pdf").unwrap().contains("three, and mine"));
}

#[test]
fn t23_a_release_that_was_handed_out_and_revoked_since_is_not_taken_in() {
    let (hub, machine) = handed_out();
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 0);
    decide(&machine);
    let before = meta(&machine);
    refused(&machine, &["commit", "pdf", "--reason", "both"], "version-revoked");
    assert_eq!(meta(&machine), before);
    assert!(!machine.read(".skillsync/skills/pdf/SKILL.md").contains("TWO"));
    machine.run(&["abort", "pdf"]).ok();
    // One that was not is the cure of what it was merged with.
    publish(&hub, "2");
    report(&machine, &["poll"], 5);
    decide(&machine);
    revoke(&hub, &machine, 1);
    assert_eq!(report(&machine, &["commit", "pdf", "--reason", "both"], 0)["quarantined"], false);
    machine.run(&["sync", "--offline"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("mine"));
    report(&machine, &["poll"], 0);
}

/// Keeps both sides of the conflict that was handed out.
pub(crate) fn decide(machine: &Machine) {
    let copy = machine.read(".skillsync/editing/pdf/SKILL.md");
    let is_mark =
        |line: &&str| ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|m| line.starts_with(m));
    let decided: String =
        copy.lines().filter(|line| !is_mark(line)).map(|line| format!("{line}\n")).collect();
    machine.write(".skillsync/editing/pdf/SKILL.md", decided);
}

#[test]
fn t23_nothing_that_was_pulled_or_undone_brings_a_revoked_release_back() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "malicious");
    machine.run(&["poll"]).ok();
    machine.write("app/.claude/skills/.keep", "");
    machine.run(&["deploy", "pdf", "app"]).ok();
    rewrite(&machine, "app/.claude/skills/pdf/SKILL.md", "three", "of the project");
    machine.run(&["sync", "pull", "app", "--yes"]).ok();
    revoke(&hub, &machine, 2);
    // Version 3 is what was pulled, version 2 the release.
    for options in [&["--dry-run"][..], &["--yes"]] {
        let undone =
            machine.run(&[&["sync", "pull", "app", "--rollback", "--json"], options].concat()).either();
        let line = &undone.json()["artifacts"][0];
        assert_eq!(
            (&line["outcome"], &line["error"]["code"]),
            (&"kept".into(), &"version-revoked".into()),
            "{undone}"
        );
    }
    out_of_use(&machine);
    rewrite(&machine, "app/.claude/skills/pdf/SKILL.md", "one", "once more");
    for strategy in ["merge", "overwrite", "fork"] {
        let pulled =
            machine.run(&["sync", "pull", "app", "--strategy", strategy, "--yes", "--json"]).either();
        assert!(pulled.stdout.contains("\"skill-quarantined\""), "{strategy}: {pulled}");
        out_of_use(&machine);
        assert!(!machine.store("skills/pdf-fork").exists());
    }
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1);
    machine.run(&["sync"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
}

#[test]
fn t23_a_release_of_the_very_files_of_an_edit_is_revoked_with_it() {
    for (is_edited, has_record) in [(false, true), (false, false), (true, true), (true, false)] {
        let hub = hub();
        let machine = installed(&hub);
        // What is published is what was committed here.
        edit(&machine, "two", "TWO");
        publish(&hub, "TWO");
        assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
        if is_edited {
            edit(&machine, "three", "three, and mine");
        }
        if !has_record {
            disk::remove(&machine.store("_meta.json"));
        }
        revoke(&hub, &machine, 2);
        report(&machine, &["poll"], 6);
        refused(&machine, &["rollback", "pdf", "--to", "2"], "version-revoked");
        assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1, "{is_edited} {has_record}");
        refused(&machine, &["rollback", "pdf", "--to", "2"], "version-revoked");
        report(&machine, &["poll"], 0);
        assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    }
}

#[test]
fn t23_an_edit_that_puts_a_revoked_release_back_is_revoked_with_it() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    machine.run(&["poll"]).ok();
    edit(&machine, "TWO", "two");
    // That is an edit of the second release, and no update overwrites it.
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "current");
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    out_of_use(&machine);
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 2);
}

#[test]
fn t23_nothing_is_gone_back_to_where_what_was_revoked_does_not_read() {
    let hub = hub();
    let machine = installed(&hub);
    for text in ["second", "third"] {
        publish(&hub, text);
        machine.run(&["poll"]).ok();
    }
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 0);
    let (trust, advisories) =
        (".skillsync/sources/team/trust.json", ".skillsync/sources/team/advisories.json");
    let known = [machine.read(trust), machine.read(advisories)];
    machine.write(trust, "damaged");
    // What was signed is believed where it bars.
    refused(&machine, &["rollback", "pdf", "--to", "2"], "version-revoked");
    refused(&machine, &["rollback", "pdf", "--to", "1"], "version-unchecked");
    disk::remove(&machine.path(trust));
    refused(&machine, &["rollback", "pdf", "--to", "1"], "version-unchecked");
    machine.write(trust, &known[0]);
    disk::remove(&machine.path(advisories));
    for number in ["1", "2"] {
        refused(&machine, &["rollback", "pdf", "--to", number], "version-unchecked");
    }
    // The next poll brings them again.
    report(&machine, &["poll"], 0);
    assert_eq!(machine.read(advisories), known[1]);
    refused(&machine, &["rollback", "pdf", "--to", "2"], "version-revoked");
    report(&machine, &["rollback", "pdf", "--to", "1"], 0);
}

#[test]
fn t23_the_mark_of_rm_is_taken_back_unless_what_it_is_was_revoked() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| {
        house.advisories.floors.insert(crate::house::slug("pdf"), 2);
        house.advisories.version += 1;
        house.touch();
    });
    machine.run(&["poll"]).either();
    let back = |expected: i32| {
        machine.run(&["rm", "pdf"]).ok();
        report(&machine, &["rollback", "pdf"], expected);
    };
    // Below the lowest that may be used, without a record, and with nothing that tells which release it is.
    back(0);
    let record = machine.read(".skillsync/_meta.json");
    disk::remove(&machine.store("_meta.json"));
    back(0);
    let releases = machine.path("releases");
    disk::copy(&machine.store("sources/team/releases"), &releases);
    disk::remove(&machine.store("sources/team/releases"));
    back(0);
    assert!(loaded(&machine, "pdf").is_some());
    disk::restore(&releases, &machine.store("sources/team/releases"));
    machine.write(".skillsync/_meta.json", record);
    revoke(&hub, &machine, 1);
    back(6);
    out_of_use_marked(&machine);
}

/// It is marked for removal, and nobody gets it.
fn out_of_use_marked(machine: &Machine) {
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "pending_remove");
    assert!(!machine.path(".claude/skills/pdf").exists());
}

#[test]
fn t23_a_quarantine_that_cannot_be_written_to_the_record_is_one_all_the_same() {
    let hub = hub();
    let machine = installed(&hub);
    // Left of a killed process, and a folder: the record cannot be written as long as it stands there.
    let in_the_way = ".skillsync/skills/pdf/.skillsync-2147483646-0123456789abcdef-0.tmp";
    machine.write(&format!("{in_the_way}/x"), "");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    for _ in 0..2 {
        let polled = report(&machine, &["poll"], 6);
        let pdf = outcome(&polled, "pdf");
        assert_eq!(pdf["outcome"], "quarantined");
        assert!(pdf["error"]["code"].is_string(), "{polled}");
        assert!(!machine.path(".claude/skills/pdf").exists());
    }
    assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "quarantined");
    assert!(machine.read(".skillsync/skills/pdf/.meta.toml").contains("\"active\""));
    disk::remove(&machine.path(in_the_way));
    noted_alone(&machine);
    // The next poll writes it.
    report(&machine, &["poll"], 6);
    out_of_use(&machine);
}

#[test]
fn t23_what_is_in_quarantine_by_a_note_alone_goes_back_to_what_may_be_used() {
    let hub = hub();
    let machine = installed(&hub);
    for text in ["second", "third"] {
        publish(&hub, text);
        machine.run(&["poll"]).ok();
    }
    let record = machine.read(".skillsync/skills/pdf/.meta.toml");
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    revoke(&hub, &machine, 3);
    machine.write(".skillsync/skills/pdf/.meta.toml", record);
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1);
    machine.run(&["sync", "--offline"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
}

#[test]
fn t23_nothing_is_taken_in_that_nobody_can_look_at() {
    // What was handed out is the cure of what is in quarantine, or was revoked itself.
    for (revoked, is_cure) in [(1, true), (2, false)] {
        let (hub, machine) = handed_out();
        decide(&machine);
        let advisories = ".skillsync/sources/team/advisories.json";
        let old = machine.read(advisories);
        hub.change(|house| house.revoke("pdf", revoked, "malware"));
        report(&machine, &["poll"], if is_cure { 6 } else { 0 });
        // Older ones than were believed, or none.
        let before = meta(&machine);
        machine.write(advisories, old);
        refused(&machine, &["commit", "pdf", "--reason", "both"], "version-unchecked");
        disk::remove(&machine.path(advisories));
        refused(&machine, &["commit", "pdf", "--reason", "both"], "version-unchecked");
        assert_eq!(meta(&machine), before);
        assert!(!machine.read(".skillsync/skills/pdf/SKILL.md").contains("TWO"));
        // The next poll brings them again.
        report(&machine, &["poll"], if is_cure { 6 } else { 0 });
        if is_cure {
            assert_eq!(report(&machine, &["commit", "pdf", "--reason", "both"], 0)["quarantined"], false);
            report(&machine, &["poll"], 0);
            assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
        } else {
            refused(&machine, &["commit", "pdf", "--reason", "both"], "version-revoked");
        }
    }
}

/// It is in quarantine by `_meta.json` alone, and nobody gets it.
#[track_caller]
pub(crate) fn noted_alone(machine: &Machine) {
    machine.run(&["sync", "--offline"]).ok();
    assert!(!machine.path(".claude/skills/pdf").exists());
    refused(machine, &["edit", "pdf"], "skill-quarantined");
    machine.write("app/.claude/skills/.keep", "");
    refused(machine, &["deploy", "pdf", "app"], "skill-quarantined");
    machine.run(&["deploy", "--all", "app"]).either();
    assert!(!machine.path("app/.claude/skills/pdf").exists());
}

#[test]
fn t23_a_record_that_was_put_back_ends_no_quarantine() {
    let hub = hub();
    let machine = installed(&hub);
    let record = machine.read(".skillsync/skills/pdf/.meta.toml");
    revoke(&hub, &machine, 1);
    machine.write(".skillsync/skills/pdf/.meta.toml", record);
    noted_alone(&machine);
    // What the user makes in its place is theirs.
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync", "--offline"]).ok();
    assert!(!machine.store("skills/pdf").exists());
    machine.run(&["new", "pdf"]).ok();
    machine.run(&["sync", "--offline"]).ok();
    assert!(machine.path(".claude/skills/pdf").exists());
}

#[test]
fn t23_a_cure_that_was_not_noted_is_one() {
    let hub = hub();
    let machine = installed(&hub);
    revoke(&hub, &machine, 1);
    let noted = machine.read(".skillsync/_meta.json");
    hub.change(|house| house.removed.clear());
    publish(&hub, "cured");
    report(&machine, &["poll"], 0);
    // Killed between the swap and the note: only that the release came is written.
    let mut before: Value = serde_json::from_str(&noted).unwrap();
    before["skills"]["pdf"]["releases"] = meta(&machine)["skills"]["pdf"]["releases"].clone();
    machine.write(".skillsync/_meta.json", before.to_string());
    report(&machine, &["poll"], 0);
    assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "installed");
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
    assert!(loaded(&machine, "pdf").unwrap().contains("cured"));
}

#[test]
fn t23_a_rollback_that_fails_at_its_swap_notes_nothing() {
    let (hub, machine) = crate::rollback::quarantined();
    let before = meta(&machine);
    // What is replaced cannot be kept, so it is not replaced.
    disk::remove(&machine.store("trash"));
    machine.write(".skillsync/trash", "in the way");
    let failed = machine.run(&["rollback", "pdf", "--json"]).either().json();
    assert!(failed["error"]["code"].is_string(), "{failed}");
    assert_eq!(meta(&machine), before);
    disk::remove(&machine.store("trash"));
    report(&machine, &["rollback", "pdf"], 0);
    report(&machine, &["poll"], 0);
    assert!(loaded(&machine, "pdf").is_some());
    drop(hub);
}
