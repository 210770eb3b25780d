//! The table of threats, each row by its number, with the real program against a hub that lies: what is installed is the same
//! to the byte afterwards, the code names the rule, and the exit code tells a program. Rows 1, 8 and 24 beyond what is here, and
//! every bit of every document: `crates/client/tests`. Row 25: `crash`.

use serde_json::Value;
use skillsync_testkit::{Machine, Snapshot};
use skillsync_wire::api::path;
use skillsync_wire::envelope::{Document, sign_unchecked};

use crate::home::report;
use crate::house::{api_key, key, signed};
use crate::hub::LyingHub;

mod documents;
mod network;
mod releases;
mod roots;

/// What no lie may change: skills, their history, what agents load, what is known to be installed.
pub(crate) fn valuables(machine: &Machine) -> Snapshot {
    machine.snapshot().without(&[
        ".skillsync/state",
        ".skillsync/sources",
        ".skillsync/cache",
        ".skillsync/staging",
        ".skillsync/logs",
    ])
}

/// A poll with what the hub says now is refused with `code` and changes nothing, not even what is believed.
#[track_caller]
pub(crate) fn refuses(machine: &Machine, code: &str) -> Value {
    let (before, trust) = (valuables(machine), machine.read(".skillsync/sources/team/trust.json"));
    let polled = report(machine, &["poll"], 6);
    let source = &polled["sources"][0];
    assert_eq!((&source["error"]["code"], &source["status"]), (&code.into(), &"refused".into()), "{polled}");
    before.assert_same(&valuables(machine));
    assert_eq!(machine.read(".skillsync/sources/team/trust.json"), trust);
    polled
}

/// A poll that refuses `pdf` alone, with `code`.
#[track_caller]
fn refuses_pdf(machine: &Machine, code: &str) -> Value {
    let before = valuables(machine);
    let polled = report(machine, &["poll"], 6);
    let pdf = crate::home::outcome(&polled, "pdf");
    assert_eq!((&pdf["error"]["code"], &pdf["outcome"]), (&code.into(), &"refused".into()), "{polled}");
    before.assert_same(&valuables(machine));
    polled
}

/// From now on the hub serves `body` as the manifest.
fn serve_manifest(hub: &LyingHub, body: Vec<u8>) {
    hub.lie(move |asked, answer| match asked.path == path::MANIFEST {
        true => skillsync_testkit::web::Answer::ok(body.clone()),
        false => answer,
    });
}

/// A manifest that says what it likes, signed by `by`.
fn with_manifest(hub: &LyingHub, by: u8, lie: impl FnOnce(&mut skillsync_wire::manifest::Manifest)) {
    let body = hub.change(|house| {
        house.manifest_version += 1;
        let mut manifest = house.manifest_for(&api_key().audience());
        lie(&mut manifest);
        signed(&manifest, &[by])
    });
    serve_manifest(hub, body);
}

/// A document as JSON, which a liar may change before it is signed by `by`.
pub(crate) fn forged<T: Document>(document: &T, by: &[u8], lie: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json = serde_json::to_value(document).unwrap();
    (json["_type"], json["spec"]) = (T::TYPE.into(), "1.0".into());
    lie(&mut json);
    let keys: Vec<_> = by.iter().map(|seed| key(*seed)).collect();
    let payload = serde_json::to_vec(&json).unwrap();
    sign_unchecked(T::PAYLOAD_TYPE, &payload, &keys.iter().collect::<Vec<_>>()).unwrap()
}

/// An envelope whose outside was changed on the way.
fn repacked(envelope: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(envelope).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}
