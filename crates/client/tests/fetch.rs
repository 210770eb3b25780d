//! The door to the network against a server that can do anything: bounds of size and time, redirects, the key.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skillsync_client::fetch::{Address, Base, Error, Fetch as _, Http, Limits, Plain, Reply, Request, Send};
use skillsync_core::fault::Fault as _;
use skillsync_testkit::web::{Answer, Asked, Manner, Web};
use skillsync_wire::api::key::ApiKey;

const MIB: u64 = 1024 * 1024;

/// Short enough for a test, long enough for a slow machine.
fn short() -> Limits {
    let second = Duration::from_secs(1);
    Limits {
        connect: 5 * second,
        head: second,
        pace_window: 2 * second,
        total: 6 * second,
        ..Limits::default()
    }
}

fn key() -> ApiKey {
    ApiKey::of("k8Fa21bcDEF0", "0123456789abcdefghijABCDEFGHIJ0123456789xyz").unwrap()
}

fn address(web: &Web, path: &str) -> Address {
    Base::parse(&web.url(), Plain::Loopback).unwrap().at(path).unwrap()
}

fn get(web: &Web, limit_bytes: u64) -> (Result<Reply, Error>, Vec<u8>) {
    let mut body = Vec::new();
    let reply =
        Http::new("test/1", short()).fetch(&Request::get(&address(web, "/a?b=c"), limit_bytes), &mut body);
    (reply, body)
}

#[test]
fn an_answer_comes_with_its_tag_and_within_its_bound() {
    let web = Web::serve(|asked| match asked.header("if-none-match") {
        Some("\"1\"") => Answer::status(304).with("etag", "\"1\""),
        _ => Answer::ok(*b"hello").with("ETag", "\"1\""),
    });
    let (http, key, at) = (Http::new("test/1", short()), key(), address(&web, "/a?b=c"));
    let counted = AtomicU64::new(0);
    let count = |bytes| {
        counted.fetch_add(bytes, Ordering::SeqCst);
    };
    let mut body = Vec::new();
    let mut request = Request { key: Some(&key), progress: Some(&count), ..Request::get(&at, 5) };
    let reply = http.fetch(&request, &mut body).unwrap();
    assert_eq!((reply.status, reply.etag.as_deref(), reply.length_bytes), (200, Some("\"1\""), 5));
    assert_eq!((&*body, counted.load(Ordering::SeqCst)), (&b"hello"[..], 5));
    request.if_none_match = Some("\"1\"");
    let reply = http.fetch(&request, &mut body).unwrap();
    assert_eq!((reply.status, body.len()), (304, 5));
    let asked = web.asked();
    let (method, path) = (asked[0].method.as_str(), asked[0].path.as_str());
    assert_eq!((method, path, asked[0].header("x-api-key")), ("GET", "/a?b=c", Some(key.expose())));
    assert_eq!(
        (asked[0].header("user-agent"), asked[0].header("accept-encoding")),
        (Some("test/1"), Some("identity"))
    );
    let shown = format!("{request:?}");
    assert!(!shown.contains("b=c") && !shown.contains(key.expose()), "{shown}");
}

#[test]
fn what_is_sent_arrives_and_a_refusal_is_no_body() {
    let web = Web::serve(|_: &Asked| Answer { status: 422, ..Answer::ok(*b"{\"error\":1}") });
    let http = Http::new("test/1", short());
    let bytes = vec![7; 300_000];
    let counted = AtomicU64::new(0);
    let count = |bytes| {
        counted.fetch_add(bytes, Ordering::SeqCst);
    };
    let at = address(&web, "/post");
    let send = Send { content_type: "application/x-thing", bytes: &bytes };
    let request = Request { progress: Some(&count), ..Request::post(&at, send, 10) };
    let mut body = Vec::new();
    let reply = http.fetch(&request, &mut body).unwrap();
    assert_eq!((reply.status, &*reply.problem, body.len()), (422, &b"{\"error\":1}"[..], 0));
    assert_eq!(counted.load(Ordering::SeqCst), 300_000);
    let asked = web.asked();
    assert_eq!((&*asked[0].method, asked[0].header("content-type")), ("POST", Some("application/x-thing")));
    assert!(asked[0].body == bytes && asked[0].header("transfer-encoding").is_none());
}

#[test]
fn t14_data_without_end_stops_at_the_bound() {
    let cases: [(&str, Answer, &str); 7] = [
        ("one more", Answer::ok(vec![0; 101]), "hub-answer-too-large"),
        ("endless", Answer::ok(vec![0; 1 << 16]).given(Manner::Endless), "hub-answer-too-large"),
        ("says more", Answer::ok(*b"x").given(Manner::LyingLength(1 << 40)), "hub-answer-too-large"),
        ("says less", Answer::ok(vec![0; 1 << 20]).given(Manner::LyingLength(100)), "ok"),
        ("cut", Answer::ok(vec![0; 100]).given(Manner::CutAfter(50)), "hub-interrupted"),
        ("compressed", Answer::ok(*b"x").with("content-encoding", "gzip"), "hub-answer-unreadable"),
        ("no HTTP", Answer::ok(*b"SSH-2.0-x\r\n\r\n").given(Manner::Bare), "hub-answer-unreadable"),
    ];
    for (what, answer, expected) in cases {
        let web = Web::serve(move |_| answer.clone());
        let (reply, body) = get(&web, 100);
        assert_eq!(reply.map_or_else(|e| e.code(), |_| "ok"), expected, "{what}");
        assert!(body.len() <= 100, "{what}: {}", body.len());
    }
    // An error page without end is cut off, too.
    let web =
        Web::serve(|_| Answer { status: 500, ..Answer::ok(vec![b'x'; 1 << 16]).given(Manner::Endless) });
    let (reply, body) = get(&web, 100);
    assert_eq!((reply.unwrap().problem.len(), body.len()), (64 * 1024, 0));
}

#[test]
fn t15_a_server_that_sends_next_to_nothing_is_left() {
    let slow = Manner::Slow(1, Duration::from_millis(50));
    for (what, manner) in [("trickle", slow), ("silence", Manner::Silent(Duration::from_secs(60)))] {
        let web = Web::serve(move |_| Answer::ok(vec![0; 1 << 20]).given(manner));
        let (reply, _) = get(&web, MIB);
        assert_eq!(reply.unwrap_err().code(), "hub-slow", "{what}");
    }
    // Fast enough in every window, and still not done after the longest time for one request.
    let steady = Manner::Slow(4096, Duration::from_millis(100));
    let web = Web::serve(move |_| Answer::ok(vec![0; 1 << 20]).given(steady));
    assert_eq!(get(&web, MIB).0.unwrap_err().code(), "hub-slow");
}

#[test]
fn what_must_be_done_by_a_moment_is_done_by_it_however_often_is_asked() {
    let web = Web::serve(|_| Answer::ok(*b"late").given(Manner::Silent(Duration::from_secs(60))));
    let longer = Limits { head: Duration::from_secs(60), total: Duration::from_secs(60), ..short() };
    let http = Http::new("test/1", longer).until(Instant::now() + Duration::from_secs(1));
    let at = address(&web, "/");
    for _ in 0..3 {
        assert_eq!(http.fetch(&Request::get(&at, 9), &mut Vec::new()).unwrap_err().code(), "hub-slow");
    }
    assert_eq!(web.asked().len(), 1, "the others were not begun");
}

#[test]
fn no_server_is_offline() {
    let gone = { Web::serve(|_| Answer::ok([])).url() };
    let at = Base::parse(&gone, Plain::Loopback).unwrap().at("/").unwrap();
    let error = Http::new("test/1", short()).fetch(&Request::get(&at, 1), &mut Vec::new()).unwrap_err();
    assert!(error.is_passing() && error.hint().is_some(), "{error:?}");
}

#[test]
fn t26_redirects_are_few_and_the_key_stays_with_its_host() {
    let other = Web::serve(|_| Answer::ok(*b"there"));
    let there = other.url();
    let web = Web::serve(move |asked| match &*asked.path {
        "/there" => Answer::status(302).with("location", &format!("{there}/x")),
        "/tls" => Answer::status(302).with("location", "https://127.0.0.1/x"),
        "/open" => Answer::status(302).with("location", "http://hub.example/x"),
        "/nowhere" => Answer::status(302),
        "/3" => Answer::status(307).with("location", "/2"),
        "/2" => Answer::status(301).with("location", "/1"),
        "/1" => Answer::status(308).with("location", "/0"),
        "/0" => Answer::ok(*b"here!"),
        _ => Answer::status(302).with("location", "/round"),
    });
    let (http, key) = (Http::new("test/1", short()), key());
    let ask = |path: &str| {
        let at = address(&web, path);
        let mut body = Vec::new();
        let request = Request { key: Some(&key), ..Request::get(&at, 5) };
        http.fetch(&request, &mut body).map(|_| body).map_err(|e| e.code())
    };
    assert_eq!(ask("/3").as_deref(), Ok(&b"here!"[..]));
    assert!(web.take_asked().iter().all(|asked| asked.header("x-api-key").is_some()), "the same host");
    assert_eq!(ask("/there").as_deref(), Ok(&b"there"[..]));
    assert_eq!(other.asked()[0].header("x-api-key"), None, "another host");
    web.take_asked();
    for path in ["/round", "/tls", "/open", "/nowhere"] {
        assert_eq!(ask(path), Err("hub-redirect-refused"), "{path}");
    }
    assert_eq!(web.asked().iter().filter(|asked| asked.path == "/round").count(), 4);
    let at = address(&web, "/1");
    let send = Send { content_type: "a/b", bytes: b"x" };
    let error = http.fetch(&Request::post(&at, send, 5), &mut Vec::new()).unwrap_err();
    assert_eq!(error.code(), "hub-redirect-refused", "what is sent goes nowhere else");
}
