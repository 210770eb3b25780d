//! What `rm` has marked is not gone yet: it may be revoked before it is (threat 23).

use skillsync_testkit::disk;

use crate::home::{hub, installed, meta, outcome, publish, report, rewrite};
use crate::rollback::diagnosed;
use crate::withdrawn::{out_of_use, refused};

#[test]
fn t23_a_mark_that_is_held_keeps_no_revoked_release_in_use() {
    for is_known in [true, false] {
        let hub = hub();
        let machine = installed(&hub);
        // An edit where the agent loads it holds up the sync that takes it away.
        let tree = std::fs::canonicalize(machine.path(".claude/skills/pdf")).unwrap();
        disk::write(&tree.join("notes.md"), "mine");
        machine.run(&["rm", "pdf"]).ok();
        report(&machine, &["poll"], 3);
        assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "removed");
        if !is_known {
            disk::remove(&machine.store("_meta.json"));
        }
        assert!(machine.path(".claude/skills/pdf/notes.md").exists());
        hub.change(|house| house.revoke("pdf", 1, "malware"));
        for args in [&["outdated"][..], &["poll", "-n"], &["poll"]] {
            let done = report(&machine, args, 6);
            assert_eq!(outcome(&done, "pdf")["outcome"], "quarantined", "{args:?}: {done}");
        }
        assert!(!machine.path(".claude/skills/pdf").exists());
        // Nothing holds it any more: it is removed.
        machine.run(&["sync", "--offline"]).ok();
        assert!(!machine.store("skills/pdf").exists());
        assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "removed");
        report(&machine, &["poll"], 0);
    }
}

#[test]
fn t23_no_edit_of_what_is_marked_brings_a_revoked_release_back() {
    let hub = hub();
    let machine = installed(&hub);
    machine.run(&["rm", "pdf"]).ok();
    rewrite(&machine, ".skillsync/skills/pdf/SKILL.md", "one", "by hand");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    for args in [&["outdated"][..], &["poll"], &["poll"]] {
        assert_eq!(outcome(&report(&machine, args, 6), "pdf")["outcome"], "quarantined", "{args:?}");
    }
    assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "quarantined");
    assert!(!machine.path(".claude/skills/pdf").exists());
    assert!(diagnosed(&machine).contains(&"quarantined".to_owned()));
    // The mark stands.
    assert_eq!(report(&machine, &["info", "pdf"], 0)["state"], "pending_remove");
    refused(&machine, &["rollback", "pdf"], "version-revoked");
    let adopted = report(&machine, &["adopt", "pdf"], 0);
    assert_eq!((&adopted["revived"], &adopted["quarantined"]), (&false.into(), &true.into()), "{adopted}");
    out_of_use(&machine);
    // Its cure is one still.
    publish(&hub, "TWO");
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "merged");
    assert!(crate::home::loaded(&machine, "pdf").unwrap().contains("by hand"));
}

#[test]
fn t23_what_is_the_users_own_is_theirs_though_it_cannot_be_looked_at() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    let noted = machine.read(".skillsync/_meta.json");
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync", "--offline"]).ok();
    machine.run(&["new", "pdf"]).ok();
    machine.run(&["sync", "--offline"]).ok();
    machine.write(".skillsync/_meta.json", noted);
    // Its tree is not to be had, and cannot be made.
    let before = std::fs::canonicalize(machine.path(".claude/skills/pdf")).unwrap();
    disk::remove(&machine.store("objects"));
    disk::remove(&before);
    machine.run(&["sync", "--offline"]).either();
    assert!(machine.path(".claude/skills/pdf").is_symlink());
    assert_eq!(outcome(&report(&machine, &["poll"], 3), "pdf")["outcome"], "removed");
    assert!(machine.path(".claude/skills/pdf").is_symlink());
}
