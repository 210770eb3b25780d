//! Archives and documents: public ones for everybody, private ones for their owners and for who has a signed address.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::IF_NONE_MATCH;
use skillsync_hub::http::Behaviour;
use skillsync_wire::api::install::InstallReply;
use skillsync_wire::api::path;
use skillsync_wire::api::publish::PublishReply;
use skillsync_wire::api::skill::Tier;

use super::house::{asking, said};
use super::*;

#[test]
fn what_is_public_is_for_everybody_and_for_ever() {
    on_lite(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let published = house.publish(&owner, "pdf", "x").await;
        for (at, content_type) in [
            (path::tarball(&published.checksum_sha256), "application/gzip"),
            (path::release(&published.release), "application/vnd.skillsync.dsse+json"),
        ] {
            let answer = house.ask(Method::GET, &at, None).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(answer.header("content-type"), content_type);
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            assert_eq!((answer.header("vary"), answer.header("content-encoding")), ("", ""));
            let head = house.ask(Method::HEAD, &at, None).await;
            assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
            assert_eq!(head.header("content-length"), answer.body.len().to_string());
            let again = asking(Method::GET, &at, None).header(IF_NONE_MATCH, answer.header("etag"));
            assert_eq!(house.send(again.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
        }
        assert_eq!(
            house.ask(Method::GET, &path::tarball(&published.checksum_sha256), None).await.body,
            skill("pdf", "x")
        );
    });
}

#[test]
fn what_is_private_is_not_there_for_others() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish", "read"]).await.key;
        let stranger = house.reader("globex", Tier::Operator).await;
        let answer = house.upload(&owner, &said("secret"), &skill("secret", "x")).await;
        let published: PublishReply = answer.json(StatusCode::CREATED);
        for (private, missing) in [
            (path::tarball(&published.checksum_sha256), format!("/cdn/blobs/sha256/{}", "0".repeat(64))),
            (path::release(&published.release), format!("/cdn/releases/sha256/{}", "0".repeat(64))),
        ] {
            for key in [None, Some(stranger.as_str()), Some(house.admin.as_str())] {
                let there = house.ask(Method::GET, &private, key).await;
                assert_eq!(there.problem(404), "document-not-found");
                assert_eq!(there.outside(), house.ask(Method::GET, &missing, key).await.outside());
            }
            let own = house.get(&private, &owner).await;
            assert_eq!(own.status, StatusCode::OK);
            assert_eq!(own.header("cache-control"), "private, max-age=31536000, immutable");
            assert_eq!(own.header("vary"), "x-api-key, Authorization");
        }
        for bad in ["/cdn/blobs/sha256/x", "/cdn/blobs/sha256/..%2F..%2Fkeys", "/cdn/releases/sha256/ABC"] {
            assert_eq!(house.get(bad, &owner).await.problem(404), "document-not-found", "{bad}");
        }
    });
}

#[test]
fn a_signed_address_opens_one_archive_for_ten_minutes_while_its_key_holds() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish", "read"]).await;
        let one: PublishReply =
            house.upload(&owner.key, &said("one"), &skill("one", "x")).await.json(StatusCode::CREATED);
        let two: PublishReply =
            house.upload(&owner.key, &said("two"), &skill("two", "x")).await.json(StatusCode::CREATED);
        let reply: InstallReply = house.get("/api/skills/install?slug=one", &owner.key).await.ok();
        let url = reply.tarball_url;
        let get = async |url: &str| house.ask(Method::GET, url, None).await;
        assert_eq!(get(&url).await.body, skill("one", "x"));
        assert!(url.starts_with("/cdn/blobs/sha256/"), "{url}");
        assert!(!url.contains("rec_live_"), "{url}");

        let (place, query) = url.split_once('?').unwrap();
        let fields: Vec<(&str, &str)> =
            query.split('&').map(|field| field.split_once('=').unwrap()).collect();
        let with = |changed: &str, value: &str| {
            let fields = fields
                .iter()
                .map(|(name, old)| format!("{name}={}", if *name == changed { value } else { old }));
            format!("{place}?{}", fields.collect::<Vec<_>>().join("&"))
        };
        let other_key = house.key("acme", &["read"]).await.info.id;
        let (mut flipped, later) =
            (fields[2].1.to_owned(), (fields[0].1.parse::<u64>().unwrap() + 1).to_string());
        let last = if flipped.ends_with('0') { "1" } else { "0" };
        flipped.replace_range(63.., last);
        for wrong in [
            place.to_owned(),
            with("exp", &later),
            with("key", &other_key),
            with("sig", &flipped),
            with("sig", ""),
            with("sig", &fields[2].1[..62]),
            format!("{}?{query}", path::tarball(&two.checksum_sha256)),
            format!("{}?{query}", path::release(&one.release)),
        ] {
            assert_eq!(get(&wrong).await.problem(404), "document-not-found", "{wrong}");
        }
        assert_eq!(get(&with("exp", "soon")).await.problem(400), "request-invalid");

        house.site.clock.advance(599);
        assert_eq!(get(&url).await.status, StatusCode::OK);
        house.site.clock.advance(1);
        assert_eq!(get(&url).await.problem(404), "document-not-found");

        let fresh: InstallReply = house.get("/api/skills/install?slug=one", &owner.key).await.ok();
        let at = format!("{}/{}", path::KEYS, owner.info.id);
        house.ask(Method::DELETE, &at, Some(&house.admin)).await;
        assert_eq!(get(&fresh.tarball_url).await.problem(404), "document-not-found", "its key was revoked");
    });
}

#[test]
fn addresses_are_those_that_the_configuration_names() {
    on_lite(|house| async move {
        let house = house
            .twin_with(Behaviour::default(), |settings| {
                settings.public_url = Some("https://hub.example".to_owned());
                settings.cdn_url = Some("https://cdn.example".to_owned());
            })
            .await;
        let owner = house.key("acme", &["publish", "read"]).await.key;
        house.publish(&owner, "open", "x").await;
        house.upload(&owner, &said("closed"), &skill("closed", "x")).await;
        let url = async |slug: &str| {
            let reply: InstallReply =
                house.get(&format!("/api/skills/install?slug={slug}"), &owner).await.ok();
            reply.tarball_url
        };
        let (open, closed) = (url("open").await, url("closed").await);
        assert!(open.starts_with("https://cdn.example/cdn/blobs/sha256/") && !open.contains('?'), "{open}");
        assert!(
            closed.starts_with("https://hub.example/cdn/blobs/sha256/") && closed.contains("&sig="),
            "{closed}"
        );
    });
}

#[test]
fn roots_and_advisories_are_everybodys() {
    on_lite(|house| async move {
        for (at, cache) in [
            (path::root(1), "public, max-age=31536000, immutable"),
            (path::advisories(1), "public, max-age=31536000, immutable"),
            (path::ADVISORIES.to_owned(), "public, no-cache"),
        ] {
            let answer = house.ask(Method::GET, &at, None).await;
            assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, cache), "{at}");
            assert_eq!(answer.header("content-type"), "application/vnd.skillsync.dsse+json");
        }
        for absent in [
            "/trust/root/2.json",
            "/trust/root/0.json",
            "/trust/root/01.json",
            "/trust/root/1",
            "/trust/advisories/2.json",
        ] {
            assert_eq!(
                house.ask(Method::GET, absent, None).await.problem(404),
                "document-not-found",
                "{absent}"
            );
        }
    });
}
