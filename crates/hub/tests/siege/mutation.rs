//! Good requests, changed at random: whatever comes of them, the hub lives, answers in its own words and fails at nothing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use super::line::head;
use super::upload::{form, request, skill};
use super::*;

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap()
    }
}

/// What is put in: bytes and words that mean something somewhere.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"%00",
    b"%2e%2e/",
    b"../",
    b"\xff\xfe",
    b"\"",
    b"{",
    b"}",
    b"[",
    b",",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"true",
    b"'",
    b"--",
    b"%",
    b"?",
    b"&",
    b"=",
    b";",
    b":",
    b" ",
    b"\t",
    b"@",
    b"\\u0000",
    b"\\ud800",
    b"transfer-encoding: chunked\r\n",
    b"content-length: 0\r\n",
    b"expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"--sk1llsync",
    b"\x1f\x8b\x08",
    b"SKILL.md",
    b"\xe2\x80\xae",
    b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

fn mutated(good: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let to = (at + dice.below(40)).min(bytes.len());
        match dice.below(7) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..at, WORDS[dice.below(WORDS.len())].iter().copied())),
            3 => drop(bytes.splice(at..to, WORDS[dice.below(WORDS.len())].iter().copied())),
            4 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(to..to, piece);
            }
            5 => bytes.truncate(at.max(1)),
            _ => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
        }
        if bytes.is_empty() {
            bytes.push(b'x');
        }
    }
    bytes
}

/// Requests that are good as they are.
fn good(key: &str) -> Vec<Vec<u8>> {
    let shown = format!("x-api-key: {key}");
    let json = |path: &str, body: &str| {
        let length = format!("content-length: {}", body.len());
        head("POST", path, &[&shown, "content-type: application/json", &length]) + body
    };
    let get = |path: &str| head("GET", path, &[&shown, "if-none-match: \"x\""]);
    let digest = "0".repeat(64);
    let state = format!(
        "{{\"skills\":[{{\"slug\":\"pdf\",\"version\":\"1.0.0\",\"content_hash\":\"sha256:{digest}\",\"release\":\"{digest}\",\
         \"installed_at\":\"2026-11-20T12:00:00Z\"}}]}}"
    );
    let texts = [
        get("/api/skills/manifest"),
        get("/api/skills/search?q=pdf+tools&page=1&page_size=20"),
        get("/api/skills/install?slug=pdf@1.0.0&mode=files"),
        get("/api/skills/access?slug=pdf"),
        get("/api/skills/pdf/versions"),
        get("/api/skills/pdf/files/SKILL.md?version=1.0.0"),
        get("/api/keys?page=1"),
        get("/api/state?after=a"),
        get(&format!("/cdn/blobs/sha256/{digest}?exp=1&key=a&sig=b")),
        get("/trust/root/1.json"),
        json("/api/state", &state),
        json(
            "/api/keys",
            "{\"label\":\"x\",\"scopes\":[\"read\",\"publish:pdf\"],\"expires_at\":\"2027-01-01T00:00:00Z\"}",
        ),
        json("/api/skills/pdf/yank", "{\"version\":\"0.9.0\",\"reason\":\"old\",\"revoke\":false}"),
        json("/api/skills/pdf/deprecate", "{\"reason\":\"old\",\"replaced_by\":\"pdf\"}"),
    ];
    let mut all: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    let said = b"{\"slug\":\"pdf\",\"version\":\"1.0.0\",\"changelog\":\"x\",\"visibility\":\"public\",\"tier\":\"free\"}";
    all.push(request(key, &form(&[("announcement", said), ("archive", &skill("pdf", "x"))])));
    all
}

#[test]
fn random_changes_of_good_requests_break_nothing() {
    let hub = hub();
    assert_eq!(Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key()).status, 201);
    let rounds = if skillsync_testkit::soak() { 4_000 } else { 125 };
    let (good, address) = (good(hub.admin_key()), hub.url().replace("http://", ""));
    for request in &good {
        let mut line = Line::to(&hub);
        line.say(request).unwrap();
        let status = line.hear(false).unwrap().status;
        assert!(status < 300 || status == 404, "{status}: {}", String::from_utf8_lossy(request));
    }
    thread::scope(|scope| {
        for lane in 0..16_u64 {
            let (good, address) = (&good, &address);
            scope.spawn(move || {
                let mut dice = Dice(0x5eed_0000 + lane);
                for _ in 0..rounds {
                    let bytes = mutated(&good[dice.below(good.len())], &mut dice);
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
                    let _ = stream.write_all(&bytes);
                    let mut answer = [0; 4096];
                    // Who was cut off is waited for by the hub, and not by us.
                    let read = stream.read(&mut answer).unwrap_or(0);
                    let told = String::from_utf8_lossy(&answer[..read]);
                    assert!(read == 0 || told.starts_with("HTTP/1."), "{told}");
                    assert!(
                        !told.starts_with("HTTP/1.1 5"),
                        "{told}\nto {}",
                        String::from_utf8_lossy(&bytes)
                    );
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        }
    });
    let log = hub.log();
    let failed: Vec<&str> =
        log.lines().filter(|line| line.contains("\"status\":5") || line.contains("ERROR")).collect();
    assert!(failed.is_empty(), "{failed:?}");
    unharmed(&hub);
}
