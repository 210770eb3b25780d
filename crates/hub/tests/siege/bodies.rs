//! Bodies as no honest client sends them: of the wrong type, cut off, lying, endless, far too large.

use std::fs;

use super::line::{head, send};
use super::upload::{BOUNDARY, form, request, skill};
use super::*;

/// How much more the hub may hold at its peak than before, in KiB.
const GROWTH_KIB: u64 = 32 * 1024;

/// A number of the hub's process, in KiB.
fn memory_kib(hub: &Hub, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Panics if the hub held much more while this was done than before.
fn without_growth(hub: &Hub, what: impl FnOnce()) {
    // Counts the peak anew.
    fs::write(format!("/proc/{}/clear_refs", hub.pid()), "5").unwrap();
    let before = memory_kib(hub, "VmRSS:");
    what();
    let peak = memory_kib(hub, "VmHWM:");
    assert!(peak < before + GROWTH_KIB, "from {before} KiB to {peak} KiB");
}

#[test]
fn a_body_is_of_the_type_that_was_asked_for_and_as_it_is_said_to_be() {
    let hub = hub();
    let key = format!("x-api-key: {}", hub.admin_key());
    let json = "content-type: application/json";
    let post = |path: &str, lines: &[&str], body: &str| {
        let length = format!("content-length: {}", body.len());
        send(&hub, head("POST", path, &[&[&*key, &length], lines].concat()) + body)
    };
    let good = "{\"skills\":[]}";
    for lines in [
        &[][..],
        &["content-type: text/plain"],
        &["content-type: application/jsonx"],
        &["content-type: application/x-www-form-urlencoded"],
        &["content-type: multipart/form-data; boundary=x"],
        &["content-type: "],
    ] {
        assert_eq!(post("/api/state", lines, good).problem(415), "body-type-wrong", "{lines:?}");
    }
    for encoding in ["gzip", "br", "deflate", "identity", "gzip, gzip"] {
        let encoding = format!("content-encoding: {encoding}");
        assert_eq!(post("/api/state", &[json, &encoding], good).problem(415), "body-encoded");
    }
    assert_eq!(post("/api/state", &["content-type: application/json; charset=utf-8"], good).status, 204);
    let deep = format!("{{\"skills\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"\"",
        "{\"skills\":null}",
        "{\"skills\":{}}",
        "{\"skills\":[1]}",
        "\u{feff}{\"skills\":[]}",
        "{\"skills\":[],\"skills\":[]}",
        "{\"skills\":[]}x",
        "{'skills':[]}",
        "{\"skills\":[]}\0",
        &deep,
    ] {
        assert_eq!(post("/api/state", &[json], body).problem(400), "request-invalid", "{body:.60}");
    }
    // Not UTF-8.
    let bytes =
        [head("POST", "/api/state", &[&key, json, "content-length: 4"]).as_bytes(), b"\"\xff\xfe\""].concat();
    assert_eq!(send(&hub, bytes).problem(400), "request-invalid");
    // Shorter than it says, and then the end; nothing waits for the rest.
    let mut line = Line::to(&hub);
    line.say(head("POST", "/api/state", &[&key, json, "content-length: 100"]) + good).unwrap();
    drop(line);
    // Longer than it says: what is over is not this request's.
    let mut line = Line::to(&hub);
    line.say(head("POST", "/api/state", &[&key, json, "content-length: 13"]) + good + "garbage\r\n\r\n")
        .unwrap();
    assert_eq!(line.hear(false).unwrap().status, 204);
    assert_eq!(line.hear(false).map(|reply| reply.status), Some(400));
    assert!(line.is_closed());
    // In chunks, well and badly.
    let chunked = [&*key, json, "transfer-encoding: chunked"];
    let mut line = Line::to(&hub);
    line.say(head("POST", "/api/state", &chunked) + "d\r\n" + good + "\r\n0\r\n\r\n").unwrap();
    assert_eq!(line.hear(false).unwrap().status, 204);
    for chunks in ["zz\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "3\r\n{}xx"] {
        let reply = send(&hub, head("POST", "/api/state", &chunked) + chunks);
        assert_eq!(reply.problem(400), "request-invalid", "{chunks:?}");
    }
    unharmed(&hub);
}

#[test]
fn an_upload_has_its_two_parts_in_their_order_and_no_other() {
    let hub = hub();
    let key = hub.admin_key();
    let archive = skill("pdf", "x");
    let said: &[u8] = b"{\"slug\":\"pdf\"}";
    let large = vec![b' '; 65 * 1024];
    let many: Vec<(&str, &[u8])> = (0..1_000).map(|_| ("announcement", said)).collect();
    for (parts, status, code) in [
        (&[][..], 400, "request-invalid"),
        (&[("archive", &*archive)], 400, "request-invalid"),
        (&[("announcement", said)], 400, "request-invalid"),
        (&[("archive", &archive), ("announcement", said)], 400, "request-invalid"),
        (&[("announcement", said), ("announcement", said), ("archive", &archive)], 400, "request-invalid"),
        (&[("announcement", said), ("archive", &archive), ("archive", &archive)], 400, "request-invalid"),
        (&[("announcement", said), ("archive", &archive), ("x", b"y")], 400, "request-invalid"),
        (&[("x", b"y"), ("announcement", said), ("archive", &archive)], 400, "request-invalid"),
        (&[("announcement", b"{}"), ("archive", &archive)], 400, "request-invalid"),
        (&[("announcement", b"\xff"), ("archive", &archive)], 400, "request-invalid"),
        (&[("announcement", &large), ("archive", &archive)], 413, "body-too-large"),
        (&[("announcement", said), ("archive", b"")], 400, "archive-damaged"),
        (&[("announcement", said), ("archive", &archive[..archive.len() / 2])], 400, "archive-damaged"),
        (&[("announcement", said), ("archive", &[&*archive, b"x"].concat())], 400, "archive-not-canonical"),
        (&[("announcement", b"{\"slug\":\"other\"}"), ("archive", &archive)], 422, "gate-refused"),
        (&many, 400, "request-invalid"),
    ] {
        let reply = send(&hub, request(key, &form(parts)));
        let names: Vec<_> = parts.iter().take(5).map(|(name, bytes)| (name, bytes.len())).collect();
        assert_eq!((&*reply.problem(status), &*names), (code, &*names), "{reply:?}");
    }
    // Cut off anywhere, with an end that was promised or without one.
    let whole = form(&[("announcement", said), ("archive", &archive)]);
    for cut in [0, 1, 20, 60, 100, 140, whole.len() / 2, whole.len() - 30, whole.len() - 6] {
        assert_eq!(send(&hub, request(key, &whole[..cut])).problem(400), "request-invalid", "cut at {cut}");
    }
    let form_of = |boundary: &str| format!("content-type: multipart/form-data{boundary}");
    let (shown, length) = (format!("x-api-key: {key}"), format!("content-length: {}", whole.len()));
    for (kind, status) in [
        (form_of(""), 415),
        (form_of("; boundary="), 400),
        (form_of("; boundary=other"), 400),
        (form_of(&format!("; boundary={}", "b".repeat(5_000))), 400),
        ("content-type: multipart/mixed; boundary=sk1llsync".to_owned(), 415),
        ("content-type: application/gzip".to_owned(), 415),
    ] {
        let request = head("POST", "/api/skills/publish", &[&shown, &length, &kind]).into_bytes();
        let reply = send(&hub, [request, whole.clone()].concat());
        assert!([status, 415].contains(&reply.status), "{kind:.80}: {reply:?}");
        reply.problem(reply.status);
    }
    // Heads of parts are bounded, too.
    let head_of = |lines: &str| {
        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"announcement\"{lines}\r\n\r\nx")
    };
    for lines in [
        format!("; filename=\"{}\"", "f".repeat(100_000)),
        format!("\r\nx: {}", "y".repeat(100_000)),
        "\r\nx: y".repeat(10_000),
        "; filename=\"../../etc/passwd\\0\"".to_owned(),
    ] {
        let reply = send(&hub, request(key, head_of(&lines).as_bytes()));
        reply.problem(400);
    }
    // Nothing of all this was published, and what is right still is.
    assert_eq!(hub.ask("GET", "/api/skills/pdf", Some(key), None).status, 404);
    assert_eq!(send(&hub, request(key, &whole)).status, 201);
    unharmed(&hub);
}

#[test]
fn a_body_without_end_is_refused_before_it_costs_anything() {
    let hub = hub();
    let key = format!("x-api-key: {}", hub.admin_key());
    let (json, form) =
        ("content-type: application/json", format!("content-type: multipart/form-data; boundary={BOUNDARY}"));
    Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key());
    without_growth(&hub, || {
        // Refused by what is said of it, before any of it is sent.
        for (path, kind, length) in [
            ("/api/state", json, 1_000_000_000_u64),
            ("/api/state", json, 2 * 1024 * 1024 + 1),
            ("/api/keys", json, 1024 * 1024 + 1),
            ("/api/keys", json, u64::MAX / 2),
            ("/api/skills/publish", &form, 1_000_000_000),
            ("/api/skills/publish", &form, 22 * 1024 * 1024),
        ] {
            let mut line = Line::to(&hub);
            line.say(head("POST", path, &[&key, kind, &format!("content-length: {length}")])).unwrap();
            assert_eq!(line.hear(false).unwrap().problem(413), "body-too-large", "{path} {length}");
            assert!(line.is_closed(), "the rest is not read");
        }
        // Sent all the same, to whom nothing should be sent, and without a word of how much there is.
        let piece = vec![b' '; 1 << 20];
        let chunk = [b"100000\r\n", &*piece, b"\r\n"].concat();
        let announced = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"announcement\"\r\n\r\n{{\"slug\":\"pdf\"}}\r\n\
             --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"archive\"\r\n\r\n"
        );
        let first = format!("{:x}\r\n{announced}\r\n", announced.len());
        let (endless, giga) = ("transfer-encoding: chunked", "content-length: 1000000000");
        for (head, first, piece, status) in [
            (head("POST", "/api/state", &[&key, json, giga]), "", &piece, 413),
            (head("POST", "/api/state", &[&key, json, endless]), "", &chunk, 413),
            (head("POST", "/api/state", &[json, endless]), "", &chunk, 401),
            (head("POST", "/api/skills/publish", &[&key, &form, endless]), &*first, &chunk, 413),
            (head("POST", "/api/skills/publish", &[&form, giga]), "", &piece, 401),
            (head("GET", "/healthz", &[giga]), "", &piece, 200),
            (head("GET", "/healthz", &[endless]), "", &chunk, 200),
            (head("GET", "/nowhere", &[giga]), "", &piece, 404),
            (head("PUT", "/api/state", &[&key, json, giga]), "", &piece, 405),
        ] {
            let mut line = Line::to(&hub);
            line.say(head + first).unwrap();
            let taken = (0..1_000).take_while(|_| line.say(piece).is_ok()).count();
            assert!(taken < 64, "{taken} MiB were taken");
            // The answer may be lost to who goes on sending.
            if let Some(reply) = line.hear(false) {
                assert_eq!(reply.status, status, "{reply:?}");
            }
        }
    });
    unharmed(&hub);
}
