//! Going back, by the user's wish or because a release was revoked.

use crate::home::{hub, installed, loaded, meta, outcome, publish, report};

#[test]
fn a_rollback_holds_until_update_names_the_skill() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    machine.run(&["poll"]).ok();
    let back = report(&machine, &["rollback", "pdf"], 0);
    assert_eq!((&back["version"], &back["held"]), (&3.into(), &true.into()));
    machine.run(&["sync"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    let record = &meta(&machine)["skills"]["pdf"];
    assert_eq!((&record["version"], &record["held"]), (&"1.1.0".into(), &"rollback".into()));
    publish(&hub, "2");
    for _ in 0..2 {
        let polled = report(&machine, &["poll"], 0);
        let pdf = outcome(&polled, "pdf");
        assert_eq!(
            (&pdf["outcome"], &pdf["why"], &pdf["to"]),
            (&"held".into(), &"rollback".into(), &"1.3.0".into())
        );
    }
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    let updated = report(&machine, &["update", "pdf"], 0);
    assert_eq!(
        (&outcome(&updated, "pdf")["from"], &outcome(&updated, "pdf")["to"]),
        (&"1.1.0".into(), &"1.3.0".into())
    );
    assert!(meta(&machine)["skills"]["pdf"]["held"].is_null());
    // And forward again without a newer release.
    machine.run(&["rollback", "pdf", "--to", "2"]).ok();
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
    assert_eq!(outcome(&report(&machine, &["update", "pdf"], 0), "pdf")["to"], "1.3.0");
}

#[test]
fn t23_a_revoked_release_is_taken_out_of_use_and_rollback_is_offered() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "malicious");
    machine.run(&["poll"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("malicious"));
    // The user even changed something where the agent loads it.
    let tree = std::fs::canonicalize(machine.path(".claude/skills/pdf")).unwrap();
    skillsync_testkit::disk::write(&tree.join("notes.md"), "mine");
    hub.change(|house| {
        house.revoke("pdf", 2, "malware");
        house.removed.insert(crate::house::slug("pdf"), "revoked".to_owned());
    });
    let polled = machine.run(&["poll", "--json"]).fails(6);
    let pdf = outcome(&polled.json(), "pdf").clone();
    assert_eq!((&pdf["outcome"], &pdf["why"]), (&"quarantined".into(), &"malware".into()));
    assert!(polled.stderr.contains("skillsync rollback pdf"), "{}", polled.stderr);
    assert!(!machine.path(".claude/skills/pdf").exists());
    assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "quarantined");
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "quarantined");
    let found = machine.run(&["doctor", "--json"]).either().json();
    let findings = found["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["code"] == "quarantined"), "{found}");
    // It stays out, in every way, and the next poll says so again.
    report(&machine, &["poll"], 6);
    machine.run(&["sync"]).ok();
    assert!(!machine.path(".claude/skills/pdf").exists());
    machine.write("app/.claude/skills/.keep", "");
    assert_eq!(
        machine.run(&["deploy", "pdf", "app", "--json"]).either().json()["error"]["code"],
        "skill-quarantined"
    );
    machine.run(&["edit", "pdf"]).fails(6);
    assert_eq!(
        machine.run(&["rollback", "pdf", "--to", "2", "--json"]).fails(6).json()["error"]["code"],
        "version-revoked"
    );
    let back = report(&machine, &["rollback", "pdf"], 0);
    assert_eq!((&back["back_to"], &back["revived"]), (&1.into(), &true.into()));
    machine.run(&["sync"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    assert_eq!(
        machine.run(&["rollback", "pdf", "--to", "2", "--json"]).fails(6).json()["error"]["code"],
        "version-revoked"
    );
    report(&machine, &["poll"], 0);
    assert!(loaded(&machine, "pdf").is_some(), "what is here is not what was revoked");
}

#[test]
fn t23_a_newer_release_is_the_cure() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    hub.change(|house| house.revoke("pdf", 1, "broken"));
    let polled = report(&machine, &["poll"], 0);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "updated");
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
    assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "active");
    // What is below the lowest that may be used is not gone back to.
    publish(&hub, "2");
    machine.run(&["poll"]).ok();
    hub.change(|house| {
        house.advisories.floors.insert(crate::house::slug("pdf"), 3);
        house.advisories.version += 1;
        house.touch();
    });
    machine.run(&["poll"]).ok();
    let refused = machine.run(&["rollback", "pdf", "--json"]).fails(6).json();
    assert_eq!(refused["error"]["code"], "version-revoked");
}

#[test]
fn an_edit_of_what_was_revoked_is_revoked_with_it() {
    let hub = hub();
    let machine = installed(&hub);
    crate::home::edit(&machine, "three", "three, and mine");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    assert!(!machine.path(".claude/skills/pdf").exists());
    let refused = machine.run(&["rollback", "pdf", "--json"]).fails(1).json();
    assert_eq!(refused["error"]["code"], "nothing-to-do", "there is nothing before it");
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("three, and mine"), "nothing is lost");
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync"]).ok();
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "removed");
}

#[test]
fn a_skill_that_is_taken_off_the_list_stays() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| {
        house.removed.insert(crate::house::slug("pdf"), "yanked".to_owned());
        house.touch();
    });
    let polled = report(&machine, &["poll"], 0);
    let pdf = outcome(&polled, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["why"]), (&"unlisted".into(), &"yanked".into()));
    assert!(loaded(&machine, "pdf").is_some());
}

/// Release 2 is revoked and in quarantine, and the hub lists release 1 again.
pub(crate) fn quarantined() -> (crate::hub::LyingHub, skillsync_testkit::Machine) {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "malicious");
    machine.run(&["poll"]).ok();
    hub.change(|house| {
        house.revoke("pdf", 2, "malware");
        house.removed.insert(crate::house::slug("pdf"), "revoked".to_owned());
    });
    report(&machine, &["poll"], 6);
    hub.change(|house| {
        house.removed.clear();
        house.listed.insert(crate::house::slug("pdf"), 1);
        house.touch();
    });
    (hub, machine)
}

#[test]
fn t23_a_revoked_release_does_not_come_back_when_its_record_is_lost() {
    let (hub, machine) = quarantined();
    machine.run(&["source", "remove", "team", "--yes"]).ok();
    let add = ["source", "add", &hub.web.url(), "--name", "team", "--root", "root.json", "--key-stdin"];
    machine.command(&add).stdin(crate::house::api_key().expose()).run().ok();
    let done = report(&machine, &["install", "pdf"], 0);
    assert_eq!(outcome(&done, "pdf")["version"], 3, "{done}");
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("two"));
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.1.0");
    report(&machine, &["poll"], 0);
    // And one that is as it came is only noted.
    skillsync_testkit::disk::remove(&machine.store("_meta.json"));
    let done = report(&machine, &["install", "pdf"], 0);
    assert!(outcome(&done, "pdf")["version"].is_null(), "{done}");
}

#[test]
fn t23_rollback_never_revives_what_is_in_quarantine_without_a_record() {
    let (_hub, machine) = quarantined();
    skillsync_testkit::disk::remove(&machine.store("_meta.json"));
    let refused = machine.run(&["rollback", "pdf", "--to", "2", "--json"]).fails(6).json();
    assert_eq!(refused["error"]["code"], "version-revoked");
    let back = report(&machine, &["rollback", "pdf"], 0);
    assert_eq!((&back["back_to"], &back["revived"]), (&1.into(), &true.into()));
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("two"));
}

/// The codes of what `doctor` finds.
pub(crate) fn diagnosed(machine: &skillsync_testkit::Machine) -> Vec<String> {
    let found = machine.run(&["doctor", "--json"]).either().json();
    let findings = found["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Not to one that was revoked before, either: what was signed and kept says which versions are made of it.
#[test]
fn t23_rollback_without_a_record_passes_over_every_revoked_release() {
    let hub = hub();
    let machine = installed(&hub);
    for text in ["malicious", "worse"] {
        publish(&hub, text);
        machine.run(&["poll"]).ok();
    }
    hub.change(|house| {
        house.revoke("pdf", 2, "malware");
        house.revoke("pdf", 3, "malware");
    });
    report(&machine, &["poll"], 6);
    skillsync_testkit::disk::remove(&machine.store("_meta.json"));
    assert!(diagnosed(&machine).contains(&"quarantined".to_owned()));
    for number in ["2", "3"] {
        let refused = machine.run(&["rollback", "pdf", "--to", number, "--json"]).fails(6).json();
        assert_eq!(refused["error"]["code"], "version-revoked", "{number}");
    }
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1);
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("two"));
}

#[test]
fn t23_one_damaged_record_keeps_no_other_skill_in_use() {
    let hub = hub();
    let machine = installed(&hub);
    machine.run(&["install", "docx"]).ok();
    let record = machine.read(".skillsync/skills/docx/.meta.toml");
    machine.write(".skillsync/skills/docx/.meta.toml", "damaged");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    let polled = report(&machine, &["poll"], 6);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "quarantined");
    assert_eq!(outcome(&polled, "docx")["outcome"], "failed");
    assert!(!machine.path(".claude/skills/pdf").exists());
    publish(&hub, "cured");
    let polled = report(&machine, &["poll"], 3);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "updated");
    assert_eq!(outcome(&polled, "docx")["outcome"], "failed");
    // What does not read is what came last, as far as anybody knows: no agent has it any more, and the others go on.
    hub.change(|house| house.revoke("docx", 1, "malware"));
    publish(&hub, "again");
    let quarantined = |args: &[&str]| {
        let done = report(&machine, args, 6);
        let docx = outcome(&done, "docx");
        assert_eq!((&docx["outcome"], &docx["why"]), (&"quarantined".into(), &"malware".into()), "{args:?}");
        assert_eq!(docx["error"]["code"], "meta-damaged", "{args:?}");
        done
    };
    assert!(machine.path(".claude/skills/docx").exists());
    quarantined(&["outdated"]);
    assert_eq!(outcome(&quarantined(&["poll"]), "pdf")["outcome"], "updated");
    let gone = || assert!(!machine.path(".claude/skills/docx").exists());
    gone();
    assert_eq!(meta(&machine)["skills"]["docx"]["state"], "quarantined");
    quarantined(&["poll"]);
    // A record that is mended says so, too.
    machine.write(".skillsync/skills/docx/.meta.toml", record);
    assert!(diagnosed(&machine).contains(&"revoked".to_owned()));
    assert_eq!(outcome(&report(&machine, &["poll"], 6), "docx")["outcome"], "quarantined");
    assert!(machine.read(".skillsync/skills/docx/.meta.toml").contains("quarantined"));
    gone();
}

#[test]
fn t23_what_was_left_pending_is_taken_out_of_use() {
    let hub = hub();
    let machine = installed(&hub);
    let pending = || crate::home::rewrite(&machine, ".skillsync/_meta.json", "\"installed\"", "\"pending\"");
    pending();
    hub.change(|house| {
        house.removed.insert(crate::house::slug("pdf"), "yanked".to_owned());
        house.listed.insert(crate::house::slug("pdf"), 9);
        house.touch();
    });
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "unlisted");
    assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "installed", "it is here");
    pending();
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    assert_eq!(outcome(&report(&machine, &["poll"], 6), "pdf")["outcome"], "quarantined");
    assert!(!machine.path(".claude/skills/pdf").exists());
}

#[test]
fn t23_a_look_says_what_was_revoked_and_puts_no_poll_off() {
    let hub = hub();
    let machine = installed(&hub);
    let next = || {
        let polls: serde_json::Value =
            serde_json::from_str(&machine.read(".skillsync/sources/team/poll.json")).unwrap();
        polls["next_at"].clone()
    };
    let before = next();
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    for look in [&["outdated"][..], &["poll", "-n"]] {
        let looked = report(&machine, look, 6);
        let pdf = outcome(&looked, "pdf");
        assert_eq!((&pdf["outcome"], &pdf["why"]), (&"quarantined".into(), &"malware".into()), "{look:?}");
        assert_eq!(next(), before, "{look:?}");
        let said = machine.run(look).fails(6);
        assert!(said.stdout.contains("pdf: would be in quarantine"), "{said}");
        assert!(said.stderr.contains("still in use") && !said.stderr.contains("any more"), "{said}");
    }
    assert!(loaded(&machine, "pdf").is_some(), "nothing was done");
    report(&machine, &["poll"], 6);
    assert!(!machine.path(".claude/skills/pdf").exists());
    let said = machine.run(&["outdated"]).fails(6);
    assert!(said.stdout.contains("pdf: in quarantine") && said.stderr.contains("any more"), "{said}");
}

#[test]
fn t23_what_was_revoked_leaves_the_agents_though_the_poll_ends_with_an_error() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    // Nothing can be stored where a folder stands, which is found after the quarantine.
    let stored = machine.path(".skillsync/sources/team/manifest.json");
    skillsync_testkit::disk::remove(&stored);
    machine.write(".skillsync/sources/team/manifest.json/in-the-way", "");
    let polled = report(&machine, &["poll"], 6);
    assert!(polled["sources"][0]["error"]["code"].is_string(), "{polled}");
    assert_eq!(outcome(&polled, "pdf")["outcome"], "quarantined");
    assert!(!machine.path(".claude/skills/pdf").exists());
}

#[test]
fn t23_what_waits_in_quarantine_is_no_failure_of_another_skill() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    // The run that takes it out of use says so, whatever it was asked for.
    assert_eq!(outcome(&report(&machine, &["install", "docx"], 6), "docx")["outcome"], "added");
    hub.change(|house| house.publish("docx", &crate::house::files("docx", "# docx\n\ntwo\n", &[])));
    let updated = report(&machine, &["update", "docx"], 0);
    assert_eq!(outcome(&updated, "docx")["outcome"], "updated");
    assert_eq!(outcome(&updated, "pdf")["outcome"], "quarantined");
    report(&machine, &["install", "docx@1.1.0"], 0);
    // Of itself it is one.
    report(&machine, &["install", "pdf"], 6);
}
