//! What a person sees of long transfers on a terminal: bytes, of how many, how long is left; and nothing anywhere else.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use skillsync_testkit::SkillBuilder;
use skillsync_testkit::terminal::{Drawn, on_terminal};

use crate::scene::{Host, Scene};

/// More than what the system takes of an upload at once, which is up to 4 MiB.
const FILE_BYTES: usize = 8 * 1024 * 1024;

/// Listens with a small buffer, so that an upload is seen to wait, and hands 2 megabytes a second on, of what comes back 4.
const RELAY: &str = r#"
import socket, sys, threading, time
def hand_on(source, to, rate):
    try:
        while piece := source.recv(32768):
            to.sendall(piece)
            time.sleep(len(piece) / rate)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass
host, port = sys.argv[1].split(":")
near = socket.socket()
near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
near.bind(("127.0.0.1", 0))
near.listen()
print(near.getsockname()[1], flush=True)
while True:
    client = near.accept()[0]
    hub = socket.create_connection((host, int(port)))
    for ends in ((client, hub, 2_000_000), (hub, client, 4_000_000)):
        threading.Thread(target=hand_on, args=ends, daemon=True).start()
"#;

/// A slow connection to a hub.
struct Slow {
    relay: Child,
    url: String,
}

impl Slow {
    fn to(address: &str) -> Slow {
        let mut relay = Command::new("python3");
        relay.args(["-c", RELAY, address]).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut relay = relay.spawn().expect("python3");
        let mut port = String::new();
        BufReader::new(relay.stdout.take().expect("its output")).read_line(&mut port).expect("a port");
        Slow { relay, url: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

/// Bytes that no archive makes smaller.
fn noise(mut seed: u64, bytes: usize) -> Vec<u8> {
    let step = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()
    };
    std::iter::repeat_with(step).take(bytes / 8).flatten().collect()
}

fn skill(seed: u64, bytes: usize) -> SkillBuilder {
    SkillBuilder::new("films").file("film.bin", noise(seed, bytes))
}

/// Runs it on a terminal; no agent shows itself there.
fn drawn(host: &Host, args: &[&str]) -> Drawn {
    let drawn = on_terminal(&host.machine, args, &[]);
    assert_eq!(drawn.output.code, Some(0), "{}", drawn.output);
    drawn
}

/// The frames of the line that says `what`, as how many bytes of how many, in the words of the line.
fn frames<'d>(drawn: &'d Drawn, what: &str) -> Vec<(&'d str, &'d str)> {
    let parts = |frame: &'d String| {
        let (_, rest) = frame.split_once(&format!("{what} "))?;
        let (bytes, rest) = rest.split_once(" of ")?;
        let (total, left) = rest.split_once(", ")?;
        assert!(left.trim_end().ends_with(" left"), "{frame}");
        assert!(left.starts_with(|c: char| c.is_ascii_digit()), "no time: {frame}");
        Some((bytes, total))
    };
    drawn.frames.iter().filter_map(parts).collect()
}

/// Bytes and their sum were seen, and more bytes later; in the end the line is gone and the report stands alone.
fn is_seen(drawn: &Drawn, what: &str) {
    let seen = frames(drawn, what);
    assert!(seen.len() >= 3, "{what} is hardly drawn: {:?}\n{}", drawn.frames, drawn.output);
    for (bytes, total) in &seen {
        assert!(bytes.ends_with(" MiB") || bytes.ends_with(" KiB") || bytes.ends_with(" B"), "{seen:?}");
        assert!(total.starts_with("8.") && total.ends_with(" MiB"), "{seen:?}");
    }
    assert!(seen.iter().any(|(bytes, _)| bytes.ends_with(" MiB")), "{seen:?}");
    assert!(seen.first() != seen.last(), "it does not move: {seen:?}");
    assert!(!drawn.screen.iter().any(|line| line.contains(what)), "{:?}", drawn.screen);
}

fn is_not_seen(drawn: &Drawn, what: &str) {
    assert!(!drawn.output.stdout.contains(what), "{:?}", drawn.frames);
}

#[test]
fn transfers_are_seen_on_a_terminal_and_nowhere_else() {
    let scene = Scene::new();
    let slow = Slow::to(&scene.address());
    let ann = scene.stranger(scene.key("ann", "read,publish"));
    ann.join(&slow.url, scene.hub.root_sha256(), "team");
    ann.author(&skill(1, FILE_BYTES), "films");

    let published = drawn(&ann, &["publish", "films", "--public"]);
    is_seen(&published, "uploading");
    assert_eq!(published.screen, ["films 1.0.0: published on team, release 1"]);

    let bob = scene.stranger(scene.key("bob", "read"));
    bob.join(&slow.url, scene.hub.root_sha256(), "team");
    // Without colour it is drawn all the same: it has none.
    let installed = on_terminal(&bob.machine, &["install", "films"], &[("NO_COLOR", "1")]);
    is_seen(&installed, "downloading");
    assert!(installed.screen.iter().any(|line| line.starts_with("films: ")), "{:?}", installed.screen);

    // The hub's open index, without a key.
    let cat = scene.stranger(scene.key("cat", "read"));
    cat.run(&["source", "add", &slow.url, "--kind", "index", "--name", "site", "--yes"]).ok();
    is_seen(&drawn(&cat, &["sync"]), "downloading");
}

#[test]
fn who_cannot_or_will_not_see_it_is_shown_nothing() {
    let scene = Scene::new();
    let slow = Slow::to(&scene.address());
    let ann = scene.stranger(scene.key("ann", "read,publish"));
    ann.join(&slow.url, scene.hub.root_sha256(), "team");
    ann.author(&skill(3, FILE_BYTES * 3 / 4), "films");
    let quiet = drawn(&ann, &["--quiet", "publish", "films", "--public"]);
    is_not_seen(&quiet, "uploading");
    for (flag, agent) in [("--quiet", ""), ("-v", "1")] {
        let bob = scene.stranger(scene.key("bob", "read"));
        bob.join(&slow.url, scene.hub.root_sha256(), "team");
        let drawn = on_terminal(&bob.machine, &["install", "films", flag], &[("CLAUDECODE", agent)]);
        assert_eq!(drawn.output.code, Some(0), "{}", drawn.output);
        is_not_seen(&drawn, "downloading");
    }
    // A program that reads JSON is told in JSON, apart from the one document.
    let bob = scene.stranger(scene.key("bob", "read"));
    bob.join(&slow.url, scene.hub.root_sha256(), "team");
    let told = bob.run(&["install", "films", "--json"]).ok();
    assert_eq!(told.stdout.lines().count(), 1, "{told}");
    let events: Vec<serde_json::Value> =
        told.stderr.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let [first, ..] = &events[..] else { panic!("it takes more than a second: {told}") };
    assert_eq!((&first["event"], &first["what"]), (&"progress".into(), &"downloading".into()), "{first}");
    let number = |key: &str| first[key].as_u64().unwrap_or_else(|| panic!("no {key} in {first}"));
    assert!(number("done_bytes") > 0 && number("done_bytes") <= number("total_bytes"), "{first}");
    assert!(number("left_s") < 60, "{first}");
    let silent = bob.run(&["install", "films", "--json", "--quiet"]).ok();
    assert_eq!(silent.stderr, "");

    let bob = scene.stranger(scene.key("bob", "read"));
    bob.join(&slow.url, scene.hub.root_sha256(), "team");
    let piped = bob.run(&["install", "films"]).ok();
    assert_eq!(piped.stderr, "", "a pipe is no terminal");
}
