//! What was revoked stays out of use, whatever `_meta.json` knows (threat 23).

use serde_json::Value;
use skillsync_testkit::web::Answer;
use skillsync_testkit::{Machine, disk};

use crate::home::{hub, installed, loaded, meta, outcome, publish, report};
use crate::house::{House, RELEASE, ROOT, id, public};
use crate::hub::LyingHub;
use crate::rollback::{diagnosed, quarantined};
use crate::withdrawn::out_of_use;

/// Changes what `_meta.json` says of `pdf`.
fn amend(machine: &Machine, change: impl FnOnce(&mut Value)) {
    let mut record = meta(machine);
    change(&mut record["skills"]["pdf"]);
    machine.write(".skillsync/_meta.json", record.to_string());
}

/// Releases 1, 2 and 3 came.
fn three() -> (LyingHub, Machine) {
    let hub = hub();
    let machine = installed(&hub);
    for text in ["second", "third"] {
        publish(&hub, text);
        machine.run(&["poll"]).ok();
    }
    (hub, machine)
}

#[track_caller]
fn refused(machine: &Machine, number: &str, code: &str) {
    let refused = machine.run(&["rollback", "pdf", "--to", number, "--json"]).fails(6).json();
    assert_eq!(refused["error"]["code"], code, "version {number}");
    assert!(machine.read(".skillsync/skills/pdf/SKILL.md").contains("third"));
}

#[test]
fn t23_a_record_that_was_made_anew_brings_no_revoked_release_back() {
    let (hub, machine) = three();
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 0);
    disk::remove(&machine.store("_meta.json"));
    machine.run(&["install", "pdf"]).ok();
    refused(&machine, "1", "version-revoked");
    // Nor does one that is not remembered any more, though something good came before it.
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 0);
    refused(&machine, "2", "version-revoked");
    // What came in between and is good is known by what was signed, and stays.
    machine.run(&["source", "remove", "team", "--yes"]).ok();
    let add = ["source", "add", &hub.web.url(), "--name", "team", "--root", "root.json", "--key-stdin"];
    machine.command(&add).stdin(crate::house::api_key().expose()).run().ok();
    machine.run(&["install", "pdf"]).ok();
    // Its statement is gone as well: nobody can say.
    refused(&machine, "1", "version-unknown");
    machine.run(&["source", "remove", "team", "--yes"]).ok();
    // Without a hub it is the user's own.
    let back = machine.run(&["rollback", "pdf", "--to", "1", "--json"]).ok();
    assert_eq!(back.json()["unknown_release"], true);
    assert!(back.stderr.contains("may have been revoked"), "{}", back.stderr);
}

#[test]
fn t23_what_is_forgotten_is_not_taken_for_what_came_before_it() {
    let (hub, machine) = three();
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 0);
    amend(&machine, |pdf| drop(pdf["releases"].as_array_mut().unwrap().remove(1)));
    refused(&machine, "2", "version-revoked");
    assert_eq!(report(&machine, &["rollback", "pdf", "--to", "1"], 0)["held"], true);
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.1.0");
}

#[test]
fn t23_a_revoked_release_is_known_after_its_key_was_replaced_and_so_is_a_floor() {
    let (hub, machine) = three();
    hub.change(|house| {
        house.revoke("pdf", 2, "malware");
        replace_release_key(house, RELEASE, 6);
        house.rotate(&ROOT[..2], |root| root.roles.release.epoch += 1);
    });
    report(&machine, &["poll"], 0);
    disk::remove(&machine.store("_meta.json"));
    refused(&machine, "2", "version-revoked");
    hub.change(|house| {
        house.advisories.floors.insert(crate::house::slug("pdf"), 2);
        house.advisories.version += 1;
        house.touch();
    });
    report(&machine, &["poll"], 0);
    refused(&machine, "1", "version-revoked");
    // What was believed is known still where the root that came after it is here, and no advisories by its key.
    hub.change(|house| {
        replace_release_key(house, 6, 7);
        house.advisories.version += 1;
        house.touch();
    });
    hub.lie(|asked, answer| match asked.path.contains("advisories") {
        true => Answer::status(404),
        false => answer,
    });
    machine.run(&["poll"]).either();
    assert!(machine.read(".skillsync/sources/team/trust.json").contains("\"root_version\":4"));
    refused(&machine, "1", "version-revoked");
    // Nor where all that the keys before it counted is forgotten.
    hub.change(|house| {
        replace_release_key(house, 7, 8);
        house.rotate(&ROOT[..2], |root| root.roles.release.epoch += 1);
    });
    machine.run(&["poll"]).either();
    assert!(!machine.read(".skillsync/sources/team/trust.json").contains("\"advisories\""));
    refused(&machine, "1", "version-revoked");
}

/// The next root names the key of `to` for releases, in the place of that of `from`.
fn replace_release_key(house: &mut House, from: u8, to: u8) {
    house.release_by = to;
    house.rotate(&ROOT[..2], |root| {
        root.keys.remove(&id(from));
        root.keys.insert(id(to), public(to));
        root.roles.release.keyids = vec![id(to)];
    });
}

#[test]
fn t23_a_revocation_reaches_a_skill_without_a_record() {
    for is_known in [true, false] {
        let hub = hub();
        let machine = installed(&hub);
        disk::remove(&machine.store("_meta.json"));
        assert!(diagnosed(&machine).contains(&"install-unrecorded".to_owned()));
        if !is_known {
            disk::remove(&machine.store("sources/team/releases"));
        }
        report(&machine, &["poll"], 0);
        hub.change(|house| house.revoke("pdf", 1, "malware"));
        let why = |done: &Value| {
            let pdf = outcome(done, "pdf");
            assert_eq!((&pdf["outcome"], &pdf["why"]), (&"quarantined".into(), &"malware".into()), "{done}");
        };
        why(&report(&machine, &["outdated"], 6));
        assert!(loaded(&machine, "pdf").is_some());
        for _ in 0..2 {
            why(&report(&machine, &["poll"], 6));
            assert!(!machine.path(".claude/skills/pdf").exists());
        }
        assert!(diagnosed(&machine).contains(&"quarantined".to_owned()));
        publish(&hub, "cured");
        if is_known {
            // There is a record again, and what comes next is the cure.
            assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "quarantined");
            assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
        } else {
            report(&machine, &["poll"], 6);
        }
    }
}

#[test]
fn t23_what_is_here_is_known_by_what_was_signed_where_the_record_names_another_release() {
    let (hub, machine) = three();
    machine.run(&["rollback", "pdf", "--to", "2"]).ok();
    machine.run(&["sync"]).ok();
    assert!(loaded(&machine, "pdf").unwrap().contains("second"));
    amend(&machine, |pdf| {
        let third = pdf["releases"][2].clone();
        for (field, value) in third.as_object().unwrap() {
            pdf[field] = value.clone();
        }
        pdf["releases"] = vec![third].into();
    });
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    report(&machine, &["poll"], 6);
    assert!(!machine.path(".claude/skills/pdf").exists());
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0");
}

#[test]
fn t23_what_is_good_stays_in_use_without_a_record() {
    let (hub, machine) = quarantined();
    disk::remove(&machine.store("_meta.json"));
    machine.run(&["rollback", "pdf"]).ok();
    disk::remove(&machine.store("_meta.json"));
    report(&machine, &["poll"], 0);
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    report(&machine, &["poll"], 6);
    assert!(!machine.path(".claude/skills/pdf").exists());
}

#[test]
fn t23_a_rollback_that_came_to_nothing_bars_no_good_version() {
    let (_hub, machine) = quarantined();
    let before = meta(&machine);
    // One that fails notes nothing.
    let (objects, aside) = (machine.store("objects"), machine.path("aside"));
    disk::copy(&objects, &aside);
    disk::remove(&objects);
    assert_ne!(machine.run(&["rollback", "pdf", "--json"]).either().json()["error"], Value::Null);
    disk::restore(&aside, &objects);
    assert_eq!(meta(&machine), before);
    // One that was killed before the swap leaves what it noted.
    amend(&machine, |pdf| {
        let first = pdf["releases"][0].clone();
        for (field, value) in first.as_object().unwrap() {
            pdf[field] = value.clone();
        }
        pdf["state"] = "installed".into();
        pdf["held"] = "rollback".into();
        pdf.as_object_mut().unwrap().remove("reason");
    });
    report(&machine, &["poll"], 6);
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.2.0", "that is what is here");
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1);
    report(&machine, &["poll"], 0);
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
}

#[test]
fn t23_no_poll_undoes_a_rollback_of_which_only_what_was_revoked_is_recorded() {
    let (_hub, machine) = quarantined();
    amend(&machine, |pdf| drop(pdf["releases"].as_array_mut().unwrap().remove(0)));
    assert_eq!(report(&machine, &["rollback", "pdf"], 0)["back_to"], 1);
    for _ in 0..2 {
        report(&machine, &["poll"], 0);
        assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    }
    assert_eq!(meta(&machine)["skills"]["pdf"]["version"], "1.1.0");
}

#[test]
fn t23_doctor_looks_where_it_says_that_nothing_has_it() {
    let hub = hub();
    let machine = installed(&hub);
    // It is in quarantine by `_meta.json` alone, and what the source said is not to be had.
    amend(&machine, |pdf| pdf["state"] = "quarantined".into());
    disk::remove(&machine.store("sources/team/advisories.json"));
    let found = diagnosed(&machine);
    assert!(found.contains(&"revoked".to_owned()) && !found.contains(&"quarantined".to_owned()), "{found:?}");
    // It is in quarantine by its record as well, and its link is still there.
    crate::home::rewrite(&machine, ".skillsync/skills/pdf/.meta.toml", "\"active\"", "\"quarantined\"");
    let found = diagnosed(&machine);
    assert!(found.contains(&"revoked".to_owned()) && !found.contains(&"quarantined".to_owned()), "{found:?}");
    machine.run(&["sync"]).ok();
    let found = diagnosed(&machine);
    assert!(!found.contains(&"revoked".to_owned()) && found.contains(&"quarantined".to_owned()), "{found:?}");
}

#[test]
fn t23_what_was_revoked_is_out_of_use_before_anything_is_downloaded() {
    let hub = hub();
    let machine = installed(&hub);
    hub.change(|house| {
        house.publish("docx", &crate::house::files("docx", "# docx\n\ntwo\n", &[]));
        house.revoke("pdf", 1, "malware");
    });
    let advisories = hub.change(|house| house.signed_advisories());
    let (asked, is_asked) = std::sync::mpsc::channel();
    hub.lie(move |request, answer| {
        if request.path.contains("/cdn/") {
            asked.send(()).ok();
            std::thread::sleep(std::time::Duration::from_secs(3));
        }
        answer
    });
    let is_in_force = || {
        assert!(!machine.path(".claude/skills/pdf").exists());
        assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "quarantined");
        assert_eq!(machine.read(".skillsync/sources/team/advisories.json").into_bytes(), advisories);
        assert_eq!(machine.run(&["info", "pdf", "--json"]).ok().json()["state"], "quarantined");
    };
    let mut install = machine.command(&["install", "docx"]).start();
    is_asked.recv_timeout(std::time::Duration::from_secs(30)).expect("docx is asked for");
    is_in_force();
    install.kill().unwrap();
    install.wait().unwrap();
    is_in_force();
    out_of_use(&machine);
    // The run that does go on says what it took away.
    hub.repent();
    publish(&hub, "cured");
    let polled = report(&machine, &["poll"], 0);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "updated");
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    hub.take_paths();
    let polled = report(&machine, &["poll"], 6);
    assert_eq!(polled["sync"]["targets"][0]["pruned"], serde_json::json!(["pdf"]), "{polled}");
    // The hub is told once.
    assert!(hub.take_paths().contains(&"/api/state".to_owned()));
    report(&machine, &["poll"], 6);
    assert!(!hub.take_paths().contains(&"/api/state".to_owned()));
}

#[test]
fn t23_what_was_revoked_is_said_though_everything_after_it_fails() {
    let hub = hub();
    let machine = installed(&hub);
    machine.run(&["install", "docx"]).ok();
    hub.change(|house| {
        house.publish("docx", &crate::house::files("docx", "# docx\n\ntwo\n", &[]));
        house.revoke("pdf", 1, "malware");
    });
    let record = machine.path(".skillsync/_meta.json");
    hub.lie(move |request, answer| {
        if request.path.contains("/cdn/") {
            disk::write(&record, "damaged");
        }
        answer
    });
    let polled = report(&machine, &["poll"], 6);
    assert_eq!(polled["sources"][0]["error"]["code"], "installed-damaged", "{polled}");
    assert_eq!(outcome(&polled, "pdf")["why"], "malware", "{polled}");
    assert_eq!(polled["sync"]["targets"][0]["pruned"], serde_json::json!(["pdf"]), "{polled}");
}
