//! Heads of requests as no honest client sends them: methods, versions, lengths, paths, queries, sizes.

use super::line::{head, send};
use super::*;

#[test]
fn a_method_that_is_not_there_is_said_to_be_so() {
    let hub = hub();
    let key = format!("x-api-key: {}", hub.admin_key());
    for (method, path) in [
        ("PUT", "/api/state"),
        ("DELETE", "/api/skills/publish"),
        ("GET", "/api/skills/publish"),
        ("OPTIONS", "/api/skills/manifest"),
        ("TRACE", "/healthz"),
        ("PATCH", "/api/keys"),
        ("PROPFIND", "/"),
        ("BREW", "/healthz"),
    ] {
        let reply = send(&hub, head(method, path, &[&key]));
        match (method, path) {
            ("PROPFIND", _) => assert_eq!(reply.problem(404), "route-not-found"),
            _ => assert_eq!(reply.problem(405), "method-not-allowed", "{method}"),
        }
        assert!(!String::from_utf8_lossy(&reply.body).contains("rec_live_"), "a key is echoed");
    }
    // What answers GET answers HEAD, in the same words and without the body.
    for path in ["/healthz", "/api/openapi.json", "/api/skills/manifest", "/trust/root/1.json"] {
        let (asked, told) = (send(&hub, head("GET", path, &[&key])), send(&hub, head("HEAD", path, &[&key])));
        let but_the_id = |headers: &[(String, String)]| {
            let kept = headers.iter().filter(|(name, _)| name != "x-request-id" && name != "date");
            kept.cloned().collect::<Vec<_>>()
        };
        assert_eq!((asked.status, told.status), (200, 200), "{path}");
        assert_eq!(but_the_id(&asked.headers), but_the_id(&told.headers), "{path}");
    }
    let gone = send(&hub, head("CONNECT", "other.example:443", &[]));
    assert!((400..500).contains(&gone.status), "{gone:?}");
    unharmed(&hub);
}

#[test]
fn a_path_means_one_thing_or_nothing() {
    let hub = hub();
    Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key());
    let long = format!("/api/skills/{}", "a".repeat(8_000));
    let deep = format!("/api/skills/pdf/files/{}x", "a/".repeat(3_000));
    for (path, status) in [
        ("/../../etc/passwd", 404),
        ("/trust/root/../../keys/release.key", 404),
        ("/trust/root/..%2f..%2fkeys%2frelease.key", 404),
        ("/trust/root/%2e%2e%2fkeys", 404),
        ("/trust/root/1.json%00", 404),
        ("/trust/root/01.json", 404),
        ("/trust/root/18446744073709551616.json", 404),
        ("/cdn/blobs/sha256/..%2F..%2F..%2Fhub.db", 404),
        ("/cdn/blobs/sha256/%2e%2e", 404),
        ("/cdn/blobs//sha256/00", 404),
        ("/api/skills/pdf/files/../../../../etc/passwd", 400),
        ("/api/skills/pdf/files/%2e%2e/%2e%2e/SKILL.md", 400),
        ("/api/skills/pdf/files/%2Fetc%2Fpasswd", 400),
        ("/api/skills/pdf/files//etc/passwd", 400),
        ("/api/skills/pdf/files/a%5c..%5cSKILL.md", 400),
        ("/api/skills/pdf/files/a\\..\\SKILL.md", 400),
        ("/api/skills/pdf/files/SKILL.md%00.txt", 400),
        ("/api/skills/pdf/files/SKILL.md/", 400),
        ("/api/skills/pdf/files/%ff%fe", 400),
        ("/api/skills/pdf/files/con.txt", 400),
        ("/api/skills/pdf/files/nothing.md", 404),
        ("/api/skills/%2e%2e", 400),
        ("/api/skills/..", 400),
        ("/api/skills/%00", 400),
        ("/api/skills/%ff", 400),
        ("/api/skills/PDF", 400),
        ("/api/skills/pdf%20", 400),
        ("/api/skills/p%0d%0aset-cookie:x", 400),
        ("/api/keys/%ff", 405),
        ("//healthz", 404),
        ("/healthz/", 404),
        ("/./healthz", 404),
        ("/%68ealthz", 404),
        ("/healthz%00", 404),
        ("/api//skills/manifest", 404),
        ("*", 404),
        (&long, 400),
        (&deep, 400),
    ] {
        let reply = send(&hub, head("GET", path, &[]));
        assert!([reply.status, 400].contains(&status), "{path}: {reply:?}");
        reply.problem(status);
    }
    // An absolute address is of this hub, whatever it says: nothing is fetched from elsewhere.
    for path in ["http://other.example/healthz", "http://127.0.0.1:1/healthz"] {
        assert_eq!(send(&hub, head("GET", path, &[])).status, 200, "{path}");
    }
    let wrong = send(&hub, head("DELETE", "/api/keys/%ff", &[&format!("x-api-key: {}", hub.admin_key())]));
    assert!([400, 404].contains(&wrong.status), "{wrong:?}");
    wrong.problem(wrong.status);
    // A head that is no head is answered by a status at least.
    for bytes in [
        &b"GET /healthz\x00 HTTP/1.1\r\nhost: hub\r\n\r\n"[..],
        b"GET /\xff\xfe HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: hub\r\nbad header\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: hub\r\nx : y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: hub\r\nx: a\r\n folded\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nhost: hub\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"hello\r\n\r\n",
    ] {
        let mut line = Line::to(&hub);
        line.say(bytes).unwrap();
        if let Some(reply) = line.hear(false) {
            assert!((400..506).contains(&reply.status) && reply.status != 500, "{reply:?}");
        }
        assert!(line.is_closed(), "{bytes:?}");
    }
    unharmed(&hub);
}

#[test]
fn a_head_has_bounds() {
    let hub = hub();
    let get = |lines: &[&str]| send(&hub, head("GET", "/healthz", lines));
    assert_eq!(get(&[&format!("x: {}", "a".repeat(15_000))]).status, 200);
    assert_eq!(get(&[&format!("x: {}", "a".repeat(17 * 1024))]).status, 431);
    assert_eq!(get(&vec!["x: y"; 90]).status, 200);
    assert_eq!(get(&vec!["x: y"; 200]).status, 431);
    assert_eq!(get(&vec!["x: y"; 10_000]).status, 431);
    let query = |bytes: usize| head("GET", &format!("/healthz?{}", "q".repeat(bytes)), &[]);
    assert_eq!(send(&hub, query(512)).status, 200);
    assert_eq!(send(&hub, query(513)).problem(414), "query-too-long");
    assert_eq!(send(&hub, query(600)).problem(414), "query-too-long");
    assert_eq!(send(&hub, head("GET", &format!("/{}", "a".repeat(17 * 1024)), &[])).status, 431);
    // A key that is no key, in all sorts of ways, is one refusal in the very same words.
    let refused = send(&hub, head("GET", "/api/skills/manifest", &[]));
    let long = format!("x-api-key: {}", "k".repeat(10_000));
    for shown in [
        "x-api-key:",
        "x-api-key: \u{e9}\u{fffd}",
        "x-api-key: rec_live_000000000000_x",
        "x-api-key: ' or 1=1 --",
        "authorization: Basic YWRtaW46YWRtaW4=",
        "authorization: Bearer",
        "authorization: Bearer null",
        &long,
    ] {
        let reply = send(&hub, head("GET", "/api/skills/manifest", &[shown]));
        assert_eq!(reply.problem(401), "key-refused", "{shown}");
        assert_eq!(reply.body, refused.body, "{shown}");
    }
    unharmed(&hub);
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let hub = hub();
    let key = format!("x-api-key: {}", hub.admin_key());
    let hidden = "GET /api/skills/manifest HTTP/1.1\r\nhost: hub\r\n\r\n";
    let json = "content-type: application/json";
    for lines in [
        &["content-length: 5", "content-length: 6"][..],
        &["content-length: 5", "transfer-encoding: chunked"],
        &["transfer-encoding: chunked", "content-length: 5"],
        &["transfer-encoding: chunked", "transfer-encoding: identity"],
        &["transfer-encoding: xchunked"],
        &["transfer-encoding: chunked, gzip"],
        &["transfer-encoding: gzip, chunked"],
        &["transfer-encoding:\tchunked\x0b"],
        &["content-length: +5"],
        &["content-length: -1"],
        &["content-length: 0x5"],
        &["content-length: 5, 6"],
        &["content-length: 5 6"],
        &["content-length: 99999999999999999999999"],
        &["host: other"],
    ] {
        let lines = [&[key.as_str(), json], lines].concat();
        let mut line = Line::to(&hub);
        let _ = line.say(head("POST", "/api/state", &lines) + "0\r\n\r\n" + hidden);
        let mut replies = Vec::new();
        while let Some(reply) = line.hear(false) {
            replies.push(reply);
        }
        // One answer at most, and then the end: what follows is never read as a request of its own.
        assert_eq!(replies.len(), 1, "{lines:?}: {replies:?}");
        let status = replies[0].status;
        assert!((400..502).contains(&status) && status != 500, "{lines:?}: {replies:?}");
    }
    for (request, why) in [
        (format!("GET /healthz HTTP/1.1\r\n{key}\r\n\r\n"), "no host"),
        (format!("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n{key}\r\n\r\n"), "two hosts"),
    ] {
        assert_eq!(send(&hub, request).problem(400), "request-invalid", "{why}");
    }
    unharmed(&hub);
}

#[test]
fn old_and_new_ways_to_use_a_connection_work_or_are_declined() {
    let hub = hub();
    // Nobody is kept on the line that did not ask for it.
    let mut line = Line::to(&hub);
    line.say("GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(line.hear(false).unwrap().body, b"ok\n");
    assert!(line.is_closed());
    // Whoever wants to talk in another way is answered in this one.
    let upgrades = [
        &["connection: upgrade", "upgrade: websocket", "sec-websocket-key: eHh4eHh4eHh4eHh4eHh4eA=="][..],
        &["connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__"],
    ];
    for lines in upgrades {
        let reply = send(&hub, head("GET", "/healthz", lines));
        assert_eq!((reply.status, reply.header("upgrade")), (200, ""));
    }
    // Many requests at once are answered in their order.
    let paths = ["/healthz", "/nowhere", "/trust/root/1.json", "/api/skills/manifest", "/healthz"];
    let all: String = (0..20).map(|n| head("GET", paths[n % paths.len()], &[])).collect();
    let mut line = Line::to(&hub);
    line.say(all).unwrap();
    for n in 0..20 {
        let expected = [200, 404, 200, 401, 200][n % paths.len()];
        assert_eq!(line.hear(false).unwrap().status, expected, "answer {n}");
    }
    // A body that is announced and not wanted is not waited for.
    let expecting = ["expect: 100-continue", "content-type: application/json", "content-length: 13"];
    let mut line = Line::to(&hub);
    line.say(head("POST", "/api/state", &expecting)).unwrap();
    assert_eq!(line.hear(false).unwrap().problem(401), "key-refused");
    let key = format!("x-api-key: {}", hub.admin_key());
    let mut line = Line::to(&hub);
    line.say(head("POST", "/api/state", &[&expecting[..], &[&key]].concat())).unwrap();
    line.say("{\"skills\":[]}").unwrap();
    assert_eq!(line.hear(false).unwrap().status, 204);
    unharmed(&hub);
}

#[test]
fn a_proxy_that_nobody_named_is_told_of_once() {
    let told = |hub: &Hub| {
        for n in 0..3 {
            let from = format!("x-forwarded-for: 192.0.2.{n}");
            assert_eq!(send(hub, head("GET", "/api/skills/absent", &[&from])).status, 404);
        }
        hub.log().matches("a proxy is not named in --trusted-proxies").count()
    };
    assert_eq!(told(&hub()), 1);
    assert_eq!(told(&hub_with(&[("SKILLSYNC_HUB_TRUSTED_PROXIES", "127.0.0.1")])), 0);
}
