//! Bounds: each reached once, and what is said then.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::HttpBody as _;
use axum::http::Method;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Builder;
use axum::routing::get;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::BodyExt as _;
use skillsync_core::digest::ArchiveDigest;
use skillsync_hub::blobs::BlobKey;
use skillsync_hub::http::{Behaviour, Peer, guarded};
use skillsync_wire::api::key::NewKey;
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{Announcement, PublishReply};
use skillsync_wire::api::skill::Visibility;
use tower::ServiceExt as _;

use super::house::{asking, said};
use super::wellknown::{NEW, OLD};
use super::*;

#[test]
fn what_no_route_takes_is_a_problem_in_the_one_form() {
    on_lite(|house| async move {
        let key = house.key("acme", &["read"]).await.key;
        let json = |body: Vec<u8>| {
            let request =
                asking(Method::POST, path::STATE, Some(&key)).header(CONTENT_TYPE, "application/json");
            house.send(request.body(Body::from(body)).unwrap())
        };
        assert_eq!(house.ask(Method::GET, "/", None).await.problem(404), "route-not-found");
        assert_eq!(house.ask(Method::GET, "/api/skills", None).await.problem(404), "route-not-found");
        assert_eq!(house.ask(Method::PUT, path::STATE, Some(&key)).await.problem(405), "method-not-allowed");
        assert_eq!(
            house.ask(Method::GET, path::PUBLISH, Some(&key)).await.problem(405),
            "method-not-allowed"
        );
        let long = format!("{}?q={}", path::SEARCH, "a".repeat(511));
        assert_eq!(house.get(&long, &key).await.problem(414), "query-too-long");
        assert_eq!(json(b"{\"skills\":".to_vec()).await.problem(400), "request-invalid");
        assert_eq!(json(b"[]".to_vec()).await.problem(400), "request-invalid");
        assert_eq!(json(b"{\"skills\":[{}]}".to_vec()).await.problem(400), "request-invalid");
        assert_eq!(
            json([b"{\"skills\":[]}".to_vec(), vec![b' '; 2 * 1024 * 1024]].concat()).await.problem(413),
            "body-too-large"
        );
        let text = asking(Method::POST, path::STATE, Some(&key)).header(CONTENT_TYPE, "text/plain");
        assert_eq!(
            house.send(text.body(Body::from("{\"skills\":[]}")).unwrap()).await.problem(415),
            "body-type-wrong"
        );
        let packed = asking(Method::POST, path::STATE, Some(&key)).header("content-encoding", "gzip");
        assert_eq!(house.send(packed.body(Body::empty()).unwrap()).await.problem(415), "body-encoded");
        let hostile = format!("{{\"skills\":\"{}\"}}", "\u{1b}[31m".escape_default());
        let answer = json(hostile.into_bytes()).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains('\u{1b}'), "{answer:?}");
        assert_eq!(json(b"{\"skills\":[]}".to_vec()).await.status, StatusCode::NO_CONTENT);
    });
}

#[test]
fn who_asks_too_often_waits_and_others_do_not() {
    on_lite(|house| async move {
        let house = house.twin_with(Behaviour::default(), |_| {}).await;
        let (one, other) = (house.key("acme", &["read"]).await.key, house.key("acme", &["read"]).await.key);
        for _ in 0..60 {
            assert_eq!(house.get(path::MANIFEST, &one).await.status, StatusCode::OK);
        }
        let answer = house.get(path::MANIFEST, &one).await;
        assert_eq!(answer.problem(429), "rate-limited");
        assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
        assert_eq!(house.get(path::MANIFEST, &other).await.status, StatusCode::OK);
        assert_eq!(house.get(path::SEARCH, &one).await.status, StatusCode::OK, "each kind has its own");

        let publisher = house.key("acme", &["publish"]).await.key;
        for number in 0..5 {
            let slug = format!("skill-{number}");
            let answer = house.upload(&publisher, &said(&slug), &skill(&slug, "x")).await;
            assert_eq!(answer.status, StatusCode::CREATED);
        }
        assert_eq!(
            house.upload(&publisher, &said("more"), &skill("more", "x")).await.problem(429),
            "rate-limited"
        );
        let update = house.upload(&publisher, &said("skill-0"), &skill("skill-0", "y")).await;
        assert_eq!(update.status, StatusCode::CREATED, "what is there can be mended");
    });
}

#[test]
fn a_further_key_of_an_account_is_no_way_round_its_limits() {
    on_lite(|house| async move {
        let keys = [house.key("acme", &["publish"]).await.key, house.key("acme", &["publish"]).await.key];
        let other = house.key("globex", &["publish"]).await.key;
        let house = house.twin_with(Behaviour::default(), |_| {}).await;
        for number in 0..5 {
            let slug = format!("skill-{number}");
            let answer = house.upload(&keys[0], &said(&slug), &skill(&slug, "x")).await;
            assert_eq!(answer.status, StatusCode::CREATED);
        }
        let more = house.upload(&keys[1], &said("more"), &skill("more", "x")).await;
        assert_eq!(more.problem(429), "rate-limited");
        let answer = house.upload(&other, &said("more"), &skill("more", "x")).await;
        assert_eq!(answer.status, StatusCode::CREATED);

        let new = NewKey { scopes: vec!["publish".to_owned()], ..NewKey::default() };
        for number in 0..30 {
            let answer = house.post(path::KEYS, &keys[number % 2], &new).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{number}");
        }
        assert_eq!(house.post(path::KEYS, &keys[0], &new).await.problem(429), "rate-limited");
        assert_eq!(house.post(path::KEYS, &other, &new).await.status, StatusCode::CREATED);
    });
}

#[test]
fn who_guesses_keys_is_slowed_down_by_address() {
    on_lite(|house| async move {
        let proxy = "10.0.0.9".parse().unwrap();
        let behaviour = Behaviour { trusted_proxies: vec![proxy], ..Behaviour::default() };
        let house = house.twin_with(behaviour, |_| {}).await;
        let from = async |peer: &str, forwarded: &str| {
            let request = asking(Method::GET, path::MANIFEST, Some("rec_live_guess"));
            let request = request.header("host", "hub").header("x-forwarded-for", forwarded);
            let mut request = request.body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer(format!("{peer}:1000").parse().unwrap()));
            house.send(request).await.status.as_u16()
        };
        for n in 0..10 {
            assert_eq!(
                from("192.0.2.1", &format!("198.51.100.{n}")).await,
                401,
                "what it says of itself is nothing"
            );
        }
        assert_eq!(from("192.0.2.1", "198.51.100.99").await, 429);
        // A listener for both kinds of addresses is told of those of IPv4 as of IPv6.
        assert_eq!(from("[::ffff:192.0.2.1]", "").await, 429);
        assert_eq!(from("[::ffff:10.0.0.9]", "192.0.2.1").await, 429, "so of its proxy");
        assert_eq!(from("[::ffff:10.0.0.9]", "192.0.2.9, ::ffff:192.0.2.1").await, 429);
        assert_eq!(from("192.0.2.2", "").await, 401);
        assert_eq!(from("10.0.0.9", "192.0.2.1").await, 429, "a proxy is believed");
        assert_eq!(from("10.0.0.9", "192.0.2.1, 192.0.2.3").await, 401, "as far as it says it itself");
        let good = house.get(path::MANIFEST, &house.admin).await;
        assert_eq!(good.status, StatusCode::OK);
    });
}

#[test]
fn a_hub_with_too_much_to_do_says_so_and_lives() {
    on_lite(|house| async move {
        let house = house.twin_with(Behaviour { in_flight: 0, ..Behaviour::default() }, |_| {}).await;
        let answer = house.get(path::MANIFEST, &house.admin).await;
        assert_eq!(answer.problem(503), "hub-busy");
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(house.ask(Method::GET, "/healthz", None).await.status, StatusCode::OK);
    });
}

#[test]
fn without_its_database_it_says_that_it_cannot_now() {
    on_both(|house| async move {
        assert_eq!(house.ask(Method::GET, "/readyz", None).await.status, StatusCode::OK);
        house.http.app().close().await;
        let ready = house.ask(Method::GET, "/readyz", None).await;
        assert_eq!(ready.status, StatusCode::OK, "for a second nobody is asked again");
        house.site.clock.advance(1);
        let answer = house.get(path::MANIFEST, &house.admin).await;
        assert_eq!(answer.problem(503), "database-offline");
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(house.ask(Method::GET, "/readyz", None).await.problem(503), "hub-not-ready");
        assert_eq!(house.ask(Method::GET, "/healthz", None).await.status, StatusCode::OK);
    });
}

#[test]
fn that_it_is_not_ready_is_asked_once_a_second_too() {
    on_lite(|house| async move {
        let ready = async || house.ask(Method::GET, "/readyz", None).await.status.as_u16();
        let (blobs, aside) = (house.site.folder.join("blobs"), house.site.folder.join("aside"));
        std::fs::rename(&blobs, &aside).unwrap();
        assert_eq!(ready().await, 503);
        std::fs::rename(&aside, &blobs).unwrap();
        assert_eq!(ready().await, 503, "nobody is asked again");
        house.site.clock.advance(1);
        assert_eq!(ready().await, 200);
    });
}

#[test]
fn one_account_cannot_take_all_places() {
    on_lite(|house| async move {
        let (one, other) = (house.key("acme", &["read"]).await.key, house.key("globex", &["read"]).await.key);
        let skill = |n: u32| {
            let (hash, digest) = ("sha256:".to_owned() + &"a".repeat(64), "b".repeat(64));
            serde_json::json!({"slug": format!("skill-{n:04}"), "version": "1.0.0", "content_hash": hash,
                "release": digest, "installed_at": "2026-11-20T12:00:00Z"})
        };
        let report = serde_json::json!({"skills": (0..500).map(skill).collect::<Vec<_>>()});
        for key in [&one, &other] {
            let told = house.post(path::STATE, key, &report).await;
            assert_eq!(told.status, StatusCode::NO_CONTENT, "{told:?}");
        }
        let begun = async |key: &str| {
            let request = asking(Method::GET, path::STATE, Some(key)).body(Body::empty()).unwrap();
            let mut body = house.router.clone().oneshot(request).await.unwrap().into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(first.len() < 20_000 && !body.is_end_stream(), "it comes in pieces");
            (body, first)
        };
        // Readers that stand still have as many places as one account can have.
        let mut standing = Vec::new();
        for _ in 0..skillsync_hub::limits::STATES_OF_ACCOUNT {
            standing.push(begun(&one).await);
        }
        let mut waiting = std::pin::pin!(house.get(path::STATE, &one));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        for _ in 0..20 {
            assert_eq!(house.get(path::STATE, &other).await.status, StatusCode::OK);
            assert!(futures_util::poll!(&mut waiting).is_pending());
        }
        // One takes the rest of its answer, and has all of it.
        let (body, first) = standing.pop().unwrap();
        let rest = body.collect().await.unwrap().to_bytes();
        let answer = waiting.await;
        assert_eq!(answer.body, [first, rest].concat());
        // One goes away.
        let mut waiting = std::pin::pin!(house.get(path::STATE, &one));
        let _held = begun(&one).await;
        assert!(futures_util::poll!(&mut waiting).is_pending());
        standing.pop();
        assert_eq!(waiting.await.status, StatusCode::OK);
    });
}

#[test]
fn who_takes_archives_slowly_keeps_out_nobody_else() {
    on_lite(|house| async move {
        let owner = house.key("acme", &["read", "publish"]).await.key;
        let published = house.publish(&owner, "pdf", "x").await;
        let (cdn, open) = (path::tarball(&published.checksum_sha256), format!("{OLD}/pdf.tar.gz"));
        let from_with = async |address: &str, request: Builder| {
            let mut request = request.header("host", "hub").body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer(address.parse().unwrap()));
            house.router.clone().oneshot(request).await.unwrap()
        };
        let from = |address, path, key| from_with(address, asking(Method::GET, path, key));
        let archive = BlobKey::Tarball(ArchiveDigest::of(&skill("pdf", "x"))).path();
        let (archive, aside) =
            (house.site.folder.join("blobs").join(archive), house.site.folder.join("aside"));
        let (here, there) = ("192.0.2.1:1", "192.0.2.2:1");
        let mut standing = Vec::new();
        for path in [&cdn, &open].into_iter().cycle().take(skillsync_hub::limits::BLOBS_SENT_OPEN_OF_ONE) {
            standing.push(from(here, path, None).await);
        }
        for path in [&cdn, &open] {
            let further = 0..=skillsync_hub::limits::WAITING_OF_ONE;
            let mut asked: FuturesUnordered<_> = further.map(|_| from(here, path, None)).collect();
            let refused = asked.next().await.unwrap();
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            // Where nothing of it is sent, no place is needed.
            let head = from_with(here, asking(Method::HEAD, path, None)).await;
            assert_eq!(head.status(), StatusCode::OK, "{path}");
            let has = asking(Method::GET, path, None).header(IF_NONE_MATCH, &head.headers()[ETAG]);
            assert_eq!(from_with(here, has).await.status(), StatusCode::NOT_MODIFIED, "{path}");
            for (address, key) in [(there, None), (here, Some(&*owner))] {
                assert_eq!(from(address, &cdn, key).await.status(), StatusCode::OK);
            }
            // One takes its answer, and has all of it.
            let taken = standing.pop().unwrap().into_body().collect().await.unwrap().to_bytes();
            assert!(taken == skill("pdf", "x"));
            let waited = asked.next().await.unwrap();
            assert_eq!(waited.status(), StatusCode::OK);
            standing.push(waited);
            // Who waits has nothing open: it is not there any more when it is their turn.
            std::fs::rename(&archive, &aside).unwrap();
            standing.pop();
            assert!(!asked.next().await.unwrap().status().is_success(), "{path}");
            drop(asked);
            std::fs::rename(&aside, &archive).unwrap();
            standing.push(from(here, path, None).await);
        }
    });
}

#[test]
fn neither_an_index_nor_a_file_is_held_by_who_stands_still() {
    on_lite(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let small = vec![b'x'; skillsync_hub::limits::FILE_LARGE / 2];
        for slug in ["one", "two"] {
            let skill_md = format!("---\nname: {slug}\ndescription: Much. Use it to wait.\n---\n# Much\n");
            let paths: Vec<String> = (0..600).map(|n| format!("{}/{n}.md", "x".repeat(80))).collect();
            let files = paths.iter().map(|path| (path.as_str(), slug.as_bytes()));
            let files = files.chain([("SKILL.md", skill_md.as_bytes()), ("small.txt", &small)]);
            let files: Vec<_> = files.collect();
            let said = Announcement { visibility: Some(Visibility::Public), ..said(slug) };
            let answer = house.upload(&owner, &said, &archive(&files)).await;
            answer.json::<PublishReply>(StatusCode::CREATED);
        }
        for path in [format!("{NEW}/index.json"), format!("{OLD}/index.json"), format!("{OLD}/one/small.txt")]
        {
            let request = asking(Method::GET, &path, None).body(Body::empty()).unwrap();
            let response = house.router.clone().oneshot(request).await.unwrap();
            let mut body = response.into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(
                first.len(),
                skillsync_hub::limits::SENT_AT_ONCE,
                "it comes in pieces, each in its time"
            );
            let rest = body.collect().await.unwrap().to_bytes();
            assert!([first, rest].concat() == house.ask(Method::GET, &path, None).await.body);
        }
    });
}

#[test]
fn what_fails_or_takes_too_long_ends_in_the_one_form() {
    on_lite(|house| async move {
        let routes = Router::new()
            .route("/panics", get(|| async { panic!("with rec_live_something") as String }))
            .route("/sleeps", get(|| async { tokio::time::sleep(Duration::from_secs(3600)).await }));
        let router = guarded(routes, house.http.clone());
        let other = House { router, ..house.twin().await };
        let panicked = other.ask(Method::GET, "/panics", None).await;
        assert!(!String::from_utf8_lossy(&panicked.body).contains("rec_live_"), "{panicked:?}");
        assert_eq!(panicked.problem(500), "hub-failed");

        // A body that pauses; what is sent of it before does not help.
        let pausing = futures_util::stream::iter([Ok::<_, std::io::Error>(b"{\"skills\":".to_vec())])
            .chain(futures_util::stream::pending());
        let request =
            asking(Method::POST, path::STATE, Some(&house.admin)).header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from_stream(pausing)).unwrap();
        let (slept, paused) = tokio::join!(other.ask(Method::GET, "/sleeps", None), house.send(request));
        assert_eq!(slept.problem(503), "request-timeout");
        assert_eq!(paused.problem(408), "body-too-slow");
        assert_eq!(house.get(path::MANIFEST, &house.admin).await.status, StatusCode::OK, "and goes on");
    });
}
