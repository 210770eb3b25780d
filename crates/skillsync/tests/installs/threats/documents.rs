//! Rows 2 to 6, 8, 9, 12, 13: whose signature counts, and until when.

use std::time::Duration;

use skillsync_testkit::web::Answer;
use skillsync_testkit::{Machine, Snapshot};
use skillsync_wire::api::path;
use skillsync_wire::text::{Audience, Hub};

use super::{forged, refuses, refuses_pdf, repacked, serve_manifest, valuables, with_manifest};
use crate::home::{hub, installed, loaded, now, outcome, publish, report};
use crate::house::{MANIFEST, RELEASE, STRANGER, api_key, later, other_key, signed};
use crate::hub::LyingHub;

#[test]
fn t02_only_the_key_of_its_role_signs_a_document() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let manifest = hub.change(|house| house.manifest_for(&api_key().audience()));
    for by in [&[RELEASE][..], &[STRANGER], &[1, 2], &[]] {
        serve_manifest(&hub, forged(&manifest, by, |_| {}));
        refuses(&machine, "trust-sig");
    }
    // A root by the manifest key.
    let root = hub.change(|house| {
        let mut root = house.root.clone();
        root.version = 2;
        signed(&root, &[MANIFEST])
    });
    hub.lie(move |asked, answer| if asked.path == path::root(2) { Answer::ok(root.clone()) } else { answer });
    refuses(&machine, "trust-sig");
    // A release, and advisories, by the manifest key.
    hub.repent();
    hub.change(|house| {
        house.release_by = MANIFEST;
        house.touch();
    });
    refuses(&machine, "trust-sig");
    hub.change(|house| {
        house.release_by = RELEASE;
        let mut published = house.newest("pdf").clone();
        published.statement = signed(&published.release, &[MANIFEST]);
        house.releases.get_mut(&crate::house::slug("pdf")).unwrap().push(published);
        house.touch();
    });
    refuses_pdf(&machine, "trust-sig");
}

#[test]
fn t03_a_document_of_one_type_is_none_of_another() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let statement = hub.change(|house| house.newest("pdf").statement.clone());
    serve_manifest(&hub, statement);
    refuses(&machine, "trust-type");
    let advisories = hub.change(|house| house.signed_advisories());
    serve_manifest(&hub, advisories);
    refuses(&machine, "trust-type");
    // The type inside says otherwise than the type outside.
    let manifest = hub.change(|house| house.manifest_for(&api_key().audience()));
    serve_manifest(&hub, forged(&manifest, &[MANIFEST], |json| json["_type"] = "release".into()));
    refuses(&machine, "trust-type");
}

#[test]
fn t04_one_signer_counts_once() {
    let hub = hub();
    let machine = installed(&hub);
    // Two of three root keys must sign; one signs twice, also under the name of another.
    let root = hub.change(|house| {
        let mut root = house.root.clone();
        root.version = 2;
        root
    });
    for envelope in [
        signed(&root, &[1]),
        repacked(&signed(&root, &[1]), |json| {
            let first = json["signatures"][0].clone();
            json["signatures"] = vec![first.clone(), first].into();
        }),
        repacked(&signed(&root, &[1]), |json| {
            let mut second = json["signatures"][0].clone();
            second["keyid"] = crate::house::id(2).to_string().into();
            json["signatures"].as_array_mut().unwrap().push(second);
        }),
    ] {
        hub.lie(move |asked, answer| match asked.path == path::root(2) {
            true => Answer::ok(envelope.clone()),
            false => answer,
        });
        publish(&hub, "TWO");
        refuses(&machine, "trust-sig");
    }
    // Seventeen signatures.
    hub.repent();
    let manifest = hub.change(|house| signed(&house.manifest_for(&api_key().audience()), &[MANIFEST]));
    serve_manifest(
        &hub,
        repacked(&manifest, |json| {
            let one = json["signatures"][0].clone();
            json["signatures"] = vec![one; 17].into();
        }),
    );
    refuses(&machine, "trust-sig");
    // A role that nobody needs to sign for.
    hub.repent();
    let lax = forged(&root, &[1, 2], |json| json["roles"]["manifest"]["threshold"] = 0.into());
    hub.lie(move |asked, answer| if asked.path == path::root(2) { Answer::ok(lax.clone()) } else { answer });
    refuses(&machine, "document-malformed");
}

#[test]
fn t05_a_signature_that_is_not_quite_one_is_none() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let manifest = hub.change(|house| signed(&house.manifest_for(&api_key().audience()), &[MANIFEST]));
    let with_signature = |sig: &str| repacked(&manifest, |json| json["signatures"][0]["sig"] = sig.into());
    // 63 bytes, 65 bytes, zeros: the point of small order with everything.
    for sig in ["A".repeat(84), format!("{}==", "A".repeat(86)), "A".repeat(88)] {
        serve_manifest(&hub, with_signature(&sig));
        refuses(&machine, "trust-sig");
    }
}

#[test]
fn t06_an_older_manifest_is_refused() {
    let hub = hub();
    let machine = installed(&hub);
    let old = hub.change(|house| signed(&house.manifest_for(&api_key().audience()), &[MANIFEST]));
    publish(&hub, "TWO");
    machine.run(&["poll"]).ok();
    serve_manifest(&hub, old);
    refuses(&machine, "trust-rollback");
    // The same number, and other content.
    hub.repent();
    with_manifest(&hub, MANIFEST, |manifest| {
        manifest.version -= 1;
        manifest.skills.retain(|entry| entry.slug.as_str() != "docx");
    });
    refuses(&machine, "trust-fork");
}

/// A machine whose hub's newest manifest holds for three seconds, and then what is valuable on it.
fn frozen() -> (LyingHub, Machine, Snapshot) {
    let hub = hub();
    hub.change(|house| {
        house.now = later(now(), 3 - house.ttl_s);
        house.touch();
    });
    let machine = installed(&hub);
    let before = valuables(&machine);
    (hub, machine, before)
}

/// Waits until the hub's newest manifest holds no longer.
fn outlive(hub: &LyingHub) {
    while now() < hub.change(|house| later(house.now, house.ttl_s)) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn status(machine: &Machine, exit: i32) -> String {
    report(machine, &["poll"], exit)["sources"][0]["status"].as_str().unwrap().to_owned()
}

#[test]
fn t08_a_frozen_hub_is_stale_and_nothing_else_changes() {
    let (hub, machine, before) = frozen();
    outlive(&hub);
    assert_eq!(status(&machine, 7), "stale");
    // Out of reach it is stale as well, a sync says so, and so does the list.
    hub.lie(|_, _| Answer::status(503));
    assert_eq!(status(&machine, 7), "stale");
    for sync in [&["sync"][..], &["sync", "--offline"]] {
        assert_eq!(report(&machine, sync, 7)["sources"][0]["status"], "stale", "{sync:?}");
    }
    let listed = machine.run(&["source", "list", "--json"]).ok().json();
    assert_eq!(listed["sources"][0]["freshness"], "stale");
    before.assert_same(&valuables(&machine));
    // And so it is where nobody can be asked for want of a key.
    let login = || machine.command(&["login", "team", "--offline"]).stdin(api_key().expose()).run().ok();
    login();
    machine.run(&["logout", "team"]).ok();
    let synced = machine.run(&["sync", "--json"]).fails(7);
    assert_eq!(synced.json()["sources"][0]["status"], "stale");
    assert!(synced.stderr.contains("STALE"), "{}", synced.stderr);
    assert_eq!(synced.json()["sources"][0]["error"]["code"], "api-key-missing");
    login();
    assert!(loaded(&machine, "pdf").is_some(), "what is installed goes on working");
    // An honest manifest ends it.
    hub.repent();
    hub.change(|house| house.now = now());
    publish(&hub, "TWO");
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
}

#[test]
fn t09_nothing_new_makes_nothing_hold_longer() {
    let (hub, machine, before) = frozen();
    hub.lie(|asked, answer| match asked.path == path::MANIFEST {
        true => Answer::status(304),
        false => answer,
    });
    outlive(&hub);
    let polled = machine.run(&["poll", "--json"]).fails(7);
    assert_eq!(polled.json()["sources"][0]["error"]["code"], "trust-stale");
    assert!(polled.stderr.contains("STALE"), "{}", polled.stderr);
    before.assert_same(&valuables(&machine));
}

#[test]
fn t12_a_manifest_for_somebody_else_is_refused() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let others = hub.change(|house| signed(&house.manifest_for(&other_key().audience()), &[MANIFEST]));
    serve_manifest(&hub, others);
    refuses(&machine, "trust-aud");
    with_manifest(&hub, MANIFEST, |manifest| manifest.aud = Audience::parse("fleet:k8Fa21bcDEF0").unwrap());
    refuses(&machine, "trust-aud");
}

#[test]
fn t13_a_document_of_another_hub_is_refused() {
    let hub = hub();
    let machine = installed(&hub);
    let staging = Hub::parse("https://staging.hub.example").unwrap();
    let of_staging = staging.clone();
    with_manifest(&hub, MANIFEST, |manifest| manifest.hub = of_staging);
    refuses(&machine, "trust-hub");
    hub.repent();
    hub.change(|house| {
        house.publish_as("pdf", &crate::house::files("pdf", "# staged\n", &[]), |release| {
            release.hub = staging
        });
    });
    refuses_pdf(&machine, "trust-hub");
}
