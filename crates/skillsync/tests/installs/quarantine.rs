//! How a quarantine ends, and what it outlasts (threat 23).

use crate::home::{edit, hub, installed, loaded, meta, outcome, publish, report, rewrite};
use crate::house::files;
use crate::hub::LyingHub;
use crate::withdrawn::{decide, handed_out, out_of_use, refused, revoke};
use skillsync_testkit::{Machine, disk};

#[test]
fn t23_a_cure_that_disagrees_with_what_was_edited_here_is_handed_out() {
    let hub = hub();
    let machine = installed(&hub);
    edit(&machine, "two", "mine");
    publish(&hub, "TWO");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    let polled = machine.run(&["poll", "--json"]).fails(6);
    let json = polled.json();
    let pdf = outcome(&json, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["to"]), (&"quarantined".into(), &"1.2.0".into()), "{json}");
    assert!(pdf["working_copy"].is_string() && pdf["error"].is_null(), "{json}");
    assert!(polled.stderr.contains("skillsync commit pdf"), "{polled}");
    out_of_use(&machine);
    // It was handed out once, and is named until it is decided.
    let again = report(&machine, &["poll"], 6);
    assert_eq!(outcome(&again, "pdf")["working_copy"], pdf["working_copy"], "{again}");
    decide(&machine);
    assert_eq!(report(&machine, &["commit", "pdf", "--reason", "both"], 0)["quarantined"], false);
    report(&machine, &["poll"], 0);
    let loaded = loaded(&machine, "pdf").unwrap();
    assert!(loaded.contains("mine") && loaded.contains("TWO"), "{loaded}");
}

#[test]
fn t23_the_mark_of_rm_ends_no_quarantine() {
    let hub = hub();
    let machine = installed(&hub);
    revoke(&hub, &machine, 1);
    // As the hints say where what is believed of a source does not read: nothing here knows what it was made of then.
    machine.run(&["source", "remove", "team", "--yes"]).ok();
    let add = ["source", "add", &hub.web.url(), "--name", "team", "--root", "root.json", "--key-stdin"];
    machine.command(&add).stdin(crate::house::api_key().expose()).run().ok();
    machine.run(&["rm", "pdf"]).ok();
    refused(&machine, &["rollback", "pdf"], "version-revoked");
    refused(&machine, &["rollback", "pdf", "--to", "1"], "version-revoked");
    let marked = machine.read(".skillsync/skills/pdf/.meta.toml");
    assert!(marked.contains("was-quarantined = true"), "{marked}");
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "one", "by hand");
    // The record says it, whatever else can be known.
    machine.write(".skillsync/_meta.json", "damaged");
    let adopted = report(&machine, &["adopt", "pdf"], 0);
    assert_eq!((&adopted["revived"], &adopted["quarantined"]), (&false.into(), &true.into()), "{adopted}");
    out_of_use(&machine);
    assert!(!machine.read(".skillsync/skills/pdf/.meta.toml").contains("was-quarantined"));
}

#[test]
fn t23_what_only_a_note_says_the_record_says_before_a_rollback_ends_the_note() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "malicious");
    machine.run(&["poll"]).ok();
    let record = machine.read(".skillsync/skills/pdf/.meta.toml");
    revoke(&hub, &machine, 2);
    machine.write(".skillsync/skills/pdf/.meta.toml", record);
    let before = meta(&machine);
    let said = || machine.read(".skillsync/skills/pdf/.meta.toml").contains("\"quarantined\"");
    // Neither can be written: nothing is undone.
    let in_the_way = ".skillsync/skills/pdf/.skillsync-2147483646-0123456789abcdef-0.tmp";
    machine.write(&format!("{in_the_way}/x"), "");
    let failed = machine.run(&["rollback", "pdf", "--json"]).either().json();
    assert!(failed["error"]["code"].is_string(), "{failed}");
    assert!(meta(&machine) == before && !said(), "{failed}");
    disk::remove(&machine.path(in_the_way));
    // What is replaced cannot be kept: it ends between the note and the swap.
    disk::remove(&machine.store("trash"));
    machine.write(".skillsync/trash", "in the way");
    let failed = machine.run(&["rollback", "pdf", "--json"]).either().json();
    assert!(failed["error"]["code"].is_string(), "{failed}");
    assert!(said(), "{failed}");
    disk::remove(&machine.store("trash"));
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1);
    machine.run(&["sync", "--offline"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
}

#[test]
fn t23_a_rollback_out_of_quarantine_says_what_it_cannot_look_at() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "malicious");
    machine.run(&["poll"]).ok();
    revoke(&hub, &machine, 2);
    disk::remove(&machine.store("sources/team/advisories.json"));
    for args in
        [&["rollback", "pdf"][..], &["rollback", "pdf", "--to", "1"], &["rollback", "pdf", "--to", "2"]]
    {
        refused(&machine, args, "version-unchecked");
    }
    // Marked for removal or not.
    machine.run(&["rm", "pdf"]).ok();
    refused(&machine, &["rollback", "pdf"], "version-unchecked");
}

#[test]
fn t23_older_advisories_than_were_believed_are_not_the_whole_of_what_was_revoked() {
    let hub = hub();
    let machine = installed(&hub);
    for text in ["second", "third"] {
        publish(&hub, text);
        machine.run(&["poll"]).ok();
    }
    let advisories = ".skillsync/sources/team/advisories.json";
    let old = machine.read(advisories);
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 0);
    assert_ne!(machine.read(advisories), old);
    machine.write(advisories, old);
    refused(&machine, &["rollback", "pdf", "--to", "2"], "version-unchecked");
    report(&machine, &["poll"], 0);
    refused(&machine, &["rollback", "pdf", "--to", "2"], "version-revoked");
}

#[test]
fn t23_what_was_published_twice_is_noted_once() {
    let hub = hub();
    let machine = installed(&hub);
    for text in ["second", "two"] {
        publish(&hub, text);
        machine.run(&["poll"]).ok();
    }
    // The first and the third have the same files, and the first is taken last.
    machine.run(&["install", "pdf@1.1.0"]).ok();
    revoke(&hub, &machine, 3);
    let since = meta(&machine)["skills"]["pdf"]["installed_at"].as_str().unwrap().to_owned();
    rewrite(&machine, ".skillsync/_meta.json", &since, "2026-01-01T00:00:00Z");
    let noted = meta(&machine);
    let polled = report(&machine, &["poll"], 6);
    assert_eq!(outcome(&polled, "pdf")["from"], noted["skills"]["pdf"]["version"], "{polled}");
    assert_eq!(meta(&machine), noted);
}

#[test]
fn nothing_is_guessed_of_a_marked_skill_where_meta_json_does_not_read() {
    let hub = hub();
    let machine = installed(&hub);
    let noted = machine.read(".skillsync/_meta.json");
    machine.write(".skillsync/_meta.json", "damaged");
    machine.run(&["rm", "pdf"]).ok();
    machine.skill_folder("other/pdf", &skillsync_testkit::SkillBuilder::new("pdf"));
    let added = machine.run(&["add", "other/pdf", "--json"]).either().json();
    assert_eq!(added["failed"][0]["error"]["code"], "installed-damaged", "{added}");
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "one", "by hand");
    refused(&machine, &["adopt", "pdf"], "installed-damaged");
    // It is good, and in use again once that is known.
    machine.write(".skillsync/_meta.json", noted);
    assert_eq!(report(&machine, &["adopt", "pdf"], 0)["revived"], true);
    assert!(loaded(&machine, "pdf").unwrap().contains("by hand"));
}

#[test]
fn t23_what_was_handed_out_and_revoked_since_is_known_without_a_record() {
    let (hub, machine) = handed_out();
    decide(&machine);
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 0);
    disk::remove(&machine.store("_meta.json"));
    refused(&machine, &["commit", "pdf", "--reason", "both"], "version-revoked");
    assert!(!machine.read(".skillsync/skills/pdf/SKILL.md").contains("TWO"));
}

#[test]
fn t23_a_quarantine_that_only_a_note_says_is_one_wherever_it_is_asked() {
    let hub = hub();
    let machine = installed(&hub);
    machine.run(&["install", "docx"]).ok();
    publish(&hub, "malicious");
    machine.run(&["poll"]).ok();
    machine.write("app/.claude/skills/.keep", "");
    machine.run(&["deploy", "pdf", "app"]).ok();
    let record = machine.read(".skillsync/skills/pdf/.meta.toml");
    revoke(&hub, &machine, 2);
    let checked = || report(&machine, &["sync", "check", "app", "--all"], 1)["artifacts"].clone();
    let checked_first = checked();
    machine.write(".skillsync/skills/pdf/.meta.toml", record);
    assert_eq!(checked(), checked_first);
    disk::remove(&machine.path("app/.claude"));
    machine.write("app/.claude/skills/.keep", "");
    let absent = checked();
    let absent: Vec<_> = absent.as_array().unwrap().iter().map(|one| &one["artifact_name"]).collect();
    assert_eq!(absent, ["docx"], "what is not deployed is not recommended to be");
    assert_eq!(report(&machine, &["info", "pdf"], 0)["state"], "quarantined");
    assert_eq!(report(&machine, &["history", "pdf"], 0)["state"], "quarantined");
    let listed = report(&machine, &["ls"], 0);
    let lines = listed["skills"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["state"] == "quarantined"), "{listed}");
    let looked = machine.run(&["outdated"]).fails(6);
    assert!(!looked.stderr.contains("still in use"), "{looked}");
    // A site has the others.
    machine.run(&["export", "--site", "web", "--yes"]).ok();
    let index = machine.read("web/.well-known/agent-skills/index.json");
    assert!(index.contains("docx") && !index.contains("pdf"), "{index}");
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "one", "by hand");
    assert_eq!(report(&machine, &["adopt", "pdf", "--dry-run"], 0)["quarantined"], true);
    assert_eq!(report(&machine, &["adopt", "pdf", "--discard", "--yes"], 0)["quarantined"], true);
    let back = report(&machine, &["rollback", "pdf"], 0);
    assert_eq!((&back["back_to"], &back["revived"]), (&1.into(), &true.into()), "{back}");
}

#[test]
fn t23_an_install_takes_up_nothing_that_has_the_files_of_a_revoked_release() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    machine.run(&["poll"]).ok();
    edit(&machine, "TWO", "two");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    let record = machine.read(".skillsync/skills/pdf/.meta.toml");
    let noted_alone = record.replace("\"quarantined\"", "\"active\"");
    let marked = record.replace("\"quarantined\"", "\"pending_remove\"\nwas-quarantined = true");
    for record in [noted_alone, marked] {
        let in_the_way = ".skillsync/skills/pdf/.skillsync-2147483646-0123456789abcdef-0.tmp";
        machine.write(".skillsync/skills/pdf/.meta.toml", record);
        machine.write(&format!("{in_the_way}/x"), "");
        let done = machine.run(&["install", "pdf@1.2.0", "--json"]).either().json();
        assert!(outcome(&done, "pdf")["error"]["code"].is_string(), "{done}");
        assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "quarantined");
        assert!(!machine.path(".claude/skills/pdf").exists());
        disk::remove(&machine.path(in_the_way));
    }
}

/// Version 1 is release 1, version 2 release 2, and version 3 an edit of that which puts the files of release 1 back.
fn put_back() -> (LyingHub, Machine) {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    machine.run(&["poll"]).ok();
    edit(&machine, "TWO", "two");
    (hub, machine)
}

/// A poll leaves release 1 as it is, in use.
#[track_caller]
fn stays_at_the_first(machine: &Machine) {
    for _ in 0..2 {
        report(machine, &["poll"], 0);
        assert_eq!(meta(machine)["skills"]["pdf"]["version"], "1.1.0");
        assert!(loaded(machine, "pdf").unwrap().contains("two"));
    }
}

#[test]
fn t23_a_rollback_to_a_good_release_is_one_though_an_edit_of_a_revoked_one_has_its_files() {
    // An edit more, or none; the mark of `rm`, or none.
    for (is_edited, is_marked, to) in [
        (true, false, &[][..]),
        (true, false, &["--to", "1"]),
        (false, false, &[]),
        (false, false, &["--to", "1"]),
        (false, true, &["--to", "1"]),
    ] {
        let (hub, machine) = put_back();
        if is_edited {
            edit(&machine, "three", "three, and mine");
        }
        hub.change(|house| house.revoke("pdf", 2, "malware"));
        report(&machine, &["poll"], 6);
        if is_marked {
            machine.run(&["rm", "pdf"]).ok();
        }
        let args = [&["rollback", "pdf"][..], to].concat();
        let planned = report(&machine, &[&args[..], &["--dry-run"]].concat(), 0);
        let back = report(&machine, &args, 0);
        assert_eq!(back["back_to"], 1, "{is_edited} {is_marked} {to:?}");
        assert_eq!(
            (&planned["version"], &back["version"]),
            (&back["version"], &(4 + i32::from(is_edited)).into())
        );
        stays_at_the_first(&machine);
    }
}

#[test]
fn t23_a_rollback_to_what_a_revoked_release_changed_nothing_of_is_no_rollback_to_it() {
    let (hub, machine) = handed_out();
    // Decided for what was here altogether: the third version has the files of the second, and both as its parents.
    machine.write(".skillsync/editing/pdf/SKILL.md", machine.read(".skillsync/skills/pdf/SKILL.md"));
    machine.run(&["commit", "pdf", "--reason", "mine"]).ok();
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 6);
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 2);
    for _ in 0..2 {
        report(&machine, &["poll"], 0);
        assert!(loaded(&machine, "pdf").unwrap().contains("mine"));
    }
}

#[test]
fn t23_a_cure_that_was_committed_while_nobody_could_judge_it_is_one_once_its_hub_is_there_again() {
    let (hub, machine) = handed_out();
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    decide(&machine);
    let config = machine.read(".skillsync/config.toml");
    rewrite(&machine, ".skillsync/config.toml", "\"team\"", "\"other\"");
    assert_eq!(report(&machine, &["commit", "pdf", "--reason", "both"], 0)["quarantined"], true);
    out_of_use(&machine);
    machine.write(".skillsync/config.toml", config);
    report(&machine, &["poll"], 0);
    assert_eq!(report(&machine, &["info", "pdf"], 0)["state"], "active");
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
    // Not one that was revoked meanwhile.
    rewrite(&machine, ".skillsync/skills/pdf/.meta.toml", "\"active\"", "\"quarantined\"");
    revoke(&hub, &machine, 2);
}

#[test]
fn t23_a_release_that_was_handed_out_and_revoked_is_to_be_put_away() {
    let (hub, machine) = handed_out();
    machine.run(&["config", "set", "sources.team.policy", "pin"]).ok();
    let why = || {
        let polled = machine.run(&["poll", "--json"]).ok();
        let pdf = outcome(&polled.json(), "pdf").clone();
        (pdf["why"].as_str().unwrap().to_owned(), pdf["working_copy"].is_string(), polled.stderr)
    };
    publish(&hub, "2");
    assert!(matches!(why(), (why, true, said) if why == "pin" && said.contains("skillsync commit pdf")));
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    let (word, is_named, said) = why();
    assert_eq!((&*word, is_named), ("revoked-conflict", false), "{said}");
    assert!(said.contains("skillsync abort pdf") && !said.contains("skillsync commit"), "{said}");
    machine.run(&["abort", "pdf"]).ok();
    assert_eq!(why().0, "pin");
}

#[test]
fn t23_a_rollback_to_a_cure_is_one_though_what_was_revoked_before_had_its_files() {
    let (hub, machine) = handed_out();
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    // Decided for what was here altogether: the third version has the files of the second, which was revoked.
    machine.write(".skillsync/editing/pdf/SKILL.md", machine.read(".skillsync/skills/pdf/SKILL.md"));
    assert_eq!(report(&machine, &["commit", "pdf", "--reason", "mine"], 0)["quarantined"], false);
    let body = "# pdf\n\none\n\nTWO\n\ndrei\n";
    hub.change(|house| house.publish("pdf", &files("pdf", body, &[("scripts/run.sh", "echo 1\n")])));
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
    revoke(&hub, &machine, 3);
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 3);
    for _ in 0..2 {
        report(&machine, &["poll"], 0);
        assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
        assert!(loaded(&machine, "pdf").unwrap().contains("mine"));
    }
    let history = report(&machine, &["history", "pdf"], 0);
    assert_eq!(history["versions"][0]["parents"][0], history["versions"][2]["parents"][1]);
}

#[test]
fn t23_an_install_of_a_good_release_is_one_though_an_edit_of_a_revoked_one_has_its_files() {
    let (hub, machine) = put_back();
    hub.change(|house| {
        house.revoke("pdf", 2, "malware");
        house.removed.insert(crate::house::slug("pdf"), "revoked".to_owned());
    });
    report(&machine, &["poll"], 6);
    let done = report(&machine, &["install", "pdf@1.1.0"], 0);
    assert_eq!(outcome(&done, "pdf")["version"], 4, "{done}");
    stays_at_the_first(&machine);
}
