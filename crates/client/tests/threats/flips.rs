//! Row 1: not one bit of anything that a hub sends can be changed.

use skillsync_client::plan::Ask;
use skillsync_testkit::web::Answer;
use skillsync_wire::api::path;
use skillsync_wire::json::Time;

use crate::house::{House, ROOT, api_key, files, slug};
use crate::memory::{Client, Memory, code, done};

/// How many places of an archive are tried.
const PLACES: usize = 2_000;

/// A hub with `pdf`, a client that has it, and a newer release.
fn updated() -> (Memory, Client) {
    let now: Time = "2026-11-20T12:00:00Z".parse().unwrap();
    let mut house = House::new(now);
    house.publish("pdf", &files("pdf", "# one\n", &[]));
    let (client, hub) = (Client::new(&house, "https://hub.example"), Memory::new(house));
    assert_eq!(code(&client.pull(&hub, Ask::Install(slug("pdf"), None))), "ok");
    hub.change(|house| house.publish("pdf", &files("pdf", "# two\n", &[("a.txt", &"abc ".repeat(900))])));
    (hub, client)
}

/// Every flip of `bytes`, served in the place of what `is_it` picks, is refused, and changes nothing.
fn check(what: &str, is_it: fn(&str) -> bool, bytes: &[u8], hub: &Memory, client: &Client, places: &[usize]) {
    // A genuine manifest is believed whatever comes after it.
    let valuables = || {
        client.valuables().without(if matches!(what, "release" | "archive") {
            &["store/sources"]
        } else {
            &[]
        })
    };
    let before = valuables();
    for at in places {
        let mut flipped = bytes.to_vec();
        flipped[*at] ^= 1 << (at % 8);
        hub.lie(move |asked, answer| if is_it(&asked.path) { Answer::ok(flipped.clone()) } else { answer });
        let pulled = client.pull(hub, Ask::Poll);
        assert_ne!(code(&pulled), "ok", "{what}: byte {at}: {pulled:?}");
    }
    before.assert_same(&valuables());
    hub.repent();
}

#[test]
fn t01_no_byte_of_a_manifest() {
    let (hub, client) = updated();
    let bytes = hub.change(|house| {
        crate::house::signed(&house.manifest_for(&api_key().audience()), &[crate::house::MANIFEST])
    });
    let all: Vec<usize> = (0..bytes.len()).collect();
    check("manifest", |asked| asked == path::MANIFEST, &bytes, &hub, &client, &all);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
}

#[test]
fn t01_no_byte_of_advisories() {
    let (hub, client) = updated();
    hub.change(|house| {
        house.advisories.version += 1;
        house.touch();
    });
    let bytes = hub.change(|house| house.signed_advisories());
    let all: Vec<usize> = (0..bytes.len()).collect();
    check("advisories", |asked| asked.starts_with("/trust/advisories/"), &bytes, &hub, &client, &all);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
}

#[test]
fn t01_no_byte_of_a_release() {
    let (hub, client) = updated();
    let bytes = hub.change(|house| house.newest("pdf").statement.clone());
    let all: Vec<usize> = (0..bytes.len()).collect();
    check("release", |asked| asked.starts_with("/cdn/releases/"), &bytes, &hub, &client, &all);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
}

#[test]
fn t01_no_byte_of_a_root() {
    let (hub, client) = updated();
    hub.change(|house| house.rotate(&ROOT[..2], |_| {}));
    let bytes = hub.change(|house| house.roots[1].clone());
    let all: Vec<usize> = (0..bytes.len()).collect();
    check("root", |asked| asked == path::root(2), &bytes, &hub, &client, &all);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
}

#[test]
fn t01_no_byte_of_an_archive() {
    let (hub, client) = updated();
    let bytes = hub.change(|house| house.newest("pdf").archive.clone());
    // All of them where there are fewer; each place again with another bit.
    let places: Vec<usize> = (0..PLACES).map(|n| n * 7919 % bytes.len()).collect();
    check("archive", |asked| asked.starts_with("/cdn/blobs/"), &bytes, &hub, &client, &places);
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!((code(&pulled), done(&pulled).as_str()), ("ok", "updated"));
}
