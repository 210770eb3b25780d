//! Rows 17 and 19: from root to root.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use skillsync_testkit::web::{Answer, Web};
use skillsync_wire::api::path;
use skillsync_wire::root::Root;

use super::{refuses, valuables, with_manifest};
use crate::home::{hub, installed, meta, now, outcome, publish, report};
use crate::house::{MANIFEST, ROOT, STRANGER, files, id, later, public, signed};

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn t17_counters_of_a_stolen_key_end_with_it() {
    let hub = hub();
    let machine = installed(&hub);
    with_manifest(&hub, MANIFEST, |manifest| manifest.version = (1 << 53) - 1);
    report(&machine, &["poll"], 0);
    // Honest manifests are older now, for as long as the key stands.
    hub.repent();
    publish(&hub, "TWO");
    refuses(&machine, "trust-rollback");
    hub.change(|house| {
        house.manifest_by = 6;
        house.manifest_version = 0;
        house.rotate(&ROOT[..2], |root| {
            root.keys.remove(&id(MANIFEST));
            root.keys.insert(id(6), public(6));
            root.roles.manifest.keyids = vec![id(6)];
            root.roles.manifest.epoch += 1;
        });
    });
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
    // And the stolen key signs nothing any more.
    with_manifest(&hub, MANIFEST, |manifest| manifest.version += 1);
    refuses(&machine, "trust-sig");
}

#[test]
fn t19_a_root_follows_by_one_and_both_sides_sign() {
    let hub = hub();
    let machine = installed(&hub);
    let next = |change: &dyn Fn(&mut Root), by: &[u8]| {
        let mut root = hub.change(|house| house.root.clone());
        root.version = 2;
        change(&mut root);
        let envelope = signed(&root, by);
        hub.lie(move |asked, answer| match asked.path == path::root(2) {
            true => Answer::ok(envelope.clone()),
            false => answer,
        });
        publish(&hub, "TWO");
    };
    let others = |root: &mut Root| {
        root.keys.retain(|id, _| !ROOT.map(crate::house::id).contains(id));
        root.keys.extend([11, 12, 13].map(|seed| (id(seed), public(seed))));
        root.roles.root.keyids = [11, 12, 13].map(id).to_vec();
    };
    type Case<'a> = (&'a str, &'a dyn Fn(&mut Root), &'a [u8], &'a str);
    let cases: [Case<'_>; 5] = [
        ("by the new keys alone", &others, &[11, 12], "trust-sig"),
        ("by the old keys alone", &others, &[1, 2], "trust-sig"),
        ("by a stranger", &|_| {}, &[STRANGER], "trust-sig"),
        ("skips one", &|root| root.version = 3, &[1, 2], "trust-root-version"),
        ("goes back", &|root| root.version = 1, &[1, 2], "trust-rollback"),
    ];
    for (what, change, by, code) in cases {
        next(change, by);
        assert_eq!(refuses(&machine, code)["sources"][0]["error"]["code"], code, "{what}");
    }
    next(&others, &[1, 2, 11, 12]);
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
}

#[test]
fn t19_no_mirror_says_that_there_is_no_newer_root() {
    let hub = hub();
    let machine = installed(&hub);
    // One that is behind, and a hub that cannot say just now.
    let mirror = Web::serve(|_| Answer::status(404));
    machine.run(&["config", "set", "sources.team.mirrors", &mirror.url()]).ok();
    publish(&hub, "TWO");
    hub.lie(|asked, answer| match asked.path.starts_with("/trust/root/") {
        true => Answer::status(503),
        false => answer,
    });
    let polled = report(&machine, &["poll"], 7);
    assert_eq!(polled["sources"][0]["status"], "offline", "{polled}");
    assert!(mirror.asked().iter().any(|asked| asked.path == path::root(2)), "it was asked");
    hub.repent();
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
}

#[test]
fn t19_a_root_that_another_program_went_to_is_no_attack() {
    let hub = hub();
    let machine = installed(&hub);
    let (asked, is_asked) = channel();
    let (go_on, goes_on) = channel();
    let goes_on = Mutex::new(goes_on);
    hub.change(|house| house.publish("docx", &files("docx", "# docx\n\ntwo\n", &[])));
    hub.lie(move |request, answer| {
        if request.path.contains("/cdn/blobs/") && asked.send(()).is_ok() {
            goes_on.lock().unwrap().recv_timeout(LONG).ok();
        }
        answer
    });
    let mut install = machine.command(&["install", "docx"]).start();
    is_asked.recv_timeout(LONG).unwrap();
    hub.change(|house| {
        house.manifest_by = 6;
        house.rotate(&ROOT[..2], |root| {
            root.keys.remove(&id(MANIFEST));
            root.keys.insert(id(6), public(6));
            root.roles.manifest.keyids = vec![id(6)];
        });
    });
    report(&machine, &["poll"], 0);
    drop(is_asked);
    go_on.send(()).unwrap();
    assert!(install.wait().unwrap().success());
    assert_eq!(meta(&machine)["skills"]["docx"]["version"], "1.2.0");
}

#[test]
fn t19_many_roots_are_gone_through_in_several_runs_and_only_the_last_must_hold() {
    let hub = hub();
    let machine = installed(&hub);
    // Sixty-five more roots, all but the last expired long ago.
    hub.change(|house| {
        let expires = house.root.expires;
        for hop in 0..65 {
            let time = if hop < 64 { later(now(), -86_400) } else { expires };
            house.rotate(&ROOT[..2], |root| root.expires = time);
        }
    });
    publish(&hub, "TWO");
    let before = valuables(&machine);
    let polled = report(&machine, &["poll"], 6);
    assert_eq!(polled["sources"][0]["error"]["code"], "trust-root-hops");
    before.assert_same(&valuables(&machine));
    assert!(
        machine.read(".skillsync/sources/team/trust.json").contains("\"root_version\":65"),
        "as far as it came"
    );
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
    // The last one expired, too.
    hub.change(|house| house.rotate(&ROOT[..2], |root| root.expires = later(now(), -1)));
    let polled = report(&machine, &["poll"], 6);
    assert_eq!(polled["sources"][0]["error"]["code"], "trust-expired");
}
