//! The description: every route is in it, and every route asks for a key where it says so.

use axum::http::Method;
use expect_test::expect_file;
use serde_json::Value;
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_hub::http::{Needs, document, routes};
use skillsync_wire::api::path;

use super::*;

/// An address of a route, of something that is not there.
fn address(template: &str) -> String {
    let filled =
        template.replace("{slug}", "absent").replace("{*path}", "SKILL.md").replace("{id}", "abcdefghijkl");
    filled.replace("{hex}", &"0".repeat(64)).replace("{file}", "999.json")
}

#[test]
fn it_is_as_it_was_agreed() {
    expect_file!["openapi.json"].assert_eq(&String::from_utf8(document()).unwrap());
}

#[test]
fn every_route_is_in_it_once() {
    let document: Value = serde_json::from_slice(&document()).unwrap();
    let mut described = 0;
    for methods in document["paths"].as_object().unwrap().values() {
        described += methods.as_object().unwrap().len();
    }
    assert_eq!(described, routes().len());
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_route_that_needs_a_key_refuses_who_has_none() {
    on_lite(|house| async move {
        for route in routes() {
            let answer = house.ask(route.method.clone(), &address(route.path), None).await;
            let at = format!("{} {}: {answer:?}", route.method, route.path);
            match route.needs {
                Needs::Key(_) => assert_eq!(answer.problem(401), "key-refused", "{at}"),
                Needs::KeyForPrivate => assert_eq!(answer.problem(404), "skill-not-found", "{at}"),
                Needs::KeyOrSignature => assert_eq!(answer.problem(404), "document-not-found", "{at}"),
                Needs::Nothing => {
                    assert!(answer.status.is_success() || answer.status == StatusCode::NOT_FOUND, "{at}")
                }
            }
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{at}");
            assert!(
                !answer.header("x-request-id").is_empty() && !answer.header("cache-control").is_empty(),
                "{at}"
            );
            if route.needs != Needs::Nothing {
                let bad = house.ask(route.method.clone(), &address(route.path), Some("rec_live_x")).await;
                assert_eq!(bad.problem(401), "key-refused", "{at}");
            }
        }
    });
}

#[test]
fn routes_are_at_the_paths_that_clients_ask_for() {
    let slug = "absent".parse().unwrap();
    let (archive, release) =
        (ArchiveDigest::from_hex(&"0".repeat(64)), EnvelopeDigest::from_hex(&"0".repeat(64)));
    let asked = [
        path::skill(&slug),
        path::versions(&slug),
        path::root(999),
        path::advisories(999),
        path::tarball(&archive.unwrap()),
        path::release(&release.unwrap()),
        path::OPENAPI.to_owned(),
    ];
    let routed: Vec<String> = routes()
        .iter()
        .filter(|route| route.method == Method::GET)
        .map(|route| address(route.path))
        .collect();
    for path in asked {
        assert!(routed.contains(&path), "{path}");
    }
}
