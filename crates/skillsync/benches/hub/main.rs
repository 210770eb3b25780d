//! `cargo bench -p skillsync --bench hub`: times the built client against a built hub on this machine, beside `curl` and
//! `tar` for the same bytes in the same run. The hub's program must lie beside the client's:
//! `cargo build --release -p skillsync-hub` makes it. It judges no time: figures are printed, never an exit code.
//!
//! Rooms: `relay` (counts what goes over the wire), `workload` (the skills, those of the store's bench).

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "the bench is a program of its own: where it cannot measure, it says why and stops"
)]

mod relay;
#[path = "../store/workload.rs"]
#[expect(dead_code, reason = "the store's bench uses all of it")]
mod workload;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use relay::{Passed, Relay};
use skillsync_testkit::{Hub, Machine};
use workload::Shape;

const PROGRAM: &str = env!("CARGO_BIN_EXE_skillsync");
/// Skills that the hub has and each machine installs.
const SKILLS: usize = 1_000;
/// Fresh installs, of which the median counts.
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --all-targets` runs benches too: without cargo's `--bench` there is nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(&format!("{cores} cores, hub and client on the same machine; load before: {}", load.trim()));

    let hub = Hub::beside(Path::new(PROGRAM));
    let publisher = machine(&hub, &hub.url(), &hub.key("acme", "read,publish", "publisher"));
    let shape = Shape { skills: SKILLS, files: 5 };
    let bytes = workload::generate(&publisher.path("src"), shape).expect("skills are made");
    publisher.run(&["add", "src", "--all"]).ok();
    let began = Instant::now();
    for number in 0..SKILLS {
        publisher.run(&["publish", &workload::name(number), "--public", "-q"]).ok();
    }
    let each_ms = began.elapsed().as_secs_f64() * 1_000.0 / SKILLS as f64;
    say(&format!("{SKILLS} skills, {bytes} bytes of files; publish: {each_ms:.1} ms each"));

    let relay = Relay::to(&hub.url());
    let reader = hub.key("acme", "read", "reader");
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..ROUNDS {
        let fresh = machine(&hub, &hub.url(), &reader);
        ours.push(timed(|| drop(fresh.run(&["poll"]).ok())));
        theirs.push(fetch_and_unpack(&fresh, &hub, &reader));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    say(&format!("install of {SKILLS}: {ours:.0} ms; curl and tar {theirs:.0} ms; {:.2}x", ours / theirs));

    let host = machine(&hub, &relay.url(), &reader);
    host.run(&["poll"]).ok();
    relay.take();
    let quiet = (0..20).map(|_| timed(|| drop(host.run(&["poll"]).ok()))).collect();
    let Passed { requests, answer_bytes, .. } = relay.take();
    say(&format!(
        "poll with nothing new: {:.1} ms, {:.1} requests, {} bytes back",
        median(quiet),
        requests as f64 / 20.0,
        answer_bytes / 20
    ));

    let changed = workload::name(SKILLS / 2);
    let main = publisher.path(&format!("src/{changed}/SKILL.md"));
    let mut text = std::fs::read_to_string(&main).expect("a skill is there");
    text.push_str("\nOne more line.\n");
    std::fs::write(&main, text).expect("a skill is written");
    publisher.run(&["add", &format!("src/{changed}"), "--force"]).ok();
    let published = publisher.run(&["publish", &changed, "--public", "--json"]).ok().json();
    let took = timed(|| drop(host.run(&["poll"]).ok()));
    let Passed { requests, answer_bytes, .. } = relay.take();
    let manifest = hub.ask("GET", "/api/skills/manifest", Some(&reader), None).body.len() as u64;
    let tarball = hub.ask("GET", &tarball(&published), Some(&reader), None).body.len() as u64;
    say(&format!(
        "update of 1 of {SKILLS}: {took:.1} ms, {requests} requests; {answer_bytes} bytes back: manifest {manifest}, \
         archive {tarball}, {} more",
        answer_bytes.saturating_sub(manifest + tarball)
    ));
}

/// A machine that takes everything that the hub behind `url` has.
fn machine(hub: &Hub, url: &str, key: &str) -> Machine {
    let machine = Machine::new(PROGRAM);
    machine.run(&["init"]).ok();
    let add =
        ["source", "add", url, "--all", "--name", "hub", "--root-sha256", hub.root_sha256(), "--key-stdin"];
    machine.command(&add).stdin(key).run().ok();
    machine
}

fn tarball(published: &serde_json::Value) -> String {
    format!("/cdn/blobs/sha256/{}", published["checksum_sha256"].as_str().expect("a digest"))
}

/// What anybody could do with two tools: fetch the same archives over as many connections, and unpack each.
fn fetch_and_unpack(like: &Machine, hub: &Hub, key: &str) -> f64 {
    let installed: serde_json::Value =
        serde_json::from_str(&like.read(".skillsync/_meta.json")).expect("the record of what is installed");
    let skills = installed["skills"].as_object().expect("skills by name");
    let folder = like.path("peer");
    let mut list = format!("header = \"x-api-key: {key}\"\n");
    for (name, skill) in skills {
        let digest = skill["tarball"].as_str().expect("a digest").trim_start_matches("sha256:");
        let to = folder.join(name);
        std::fs::create_dir_all(&to).expect("a folder");
        let url = format!("{}/cdn/blobs/sha256/{digest}", hub.url());
        list.push_str(&format!("url = \"{url}\"\noutput = \"{}/t.tgz\"\n", to.display()));
    }
    let config = like.write("curl.txt", list);
    let script = "curl --no-progress-meter --fail --parallel --parallel-max 8 --config \"$1\" && \
                  find \"$2\" -name t.tgz -print0 | xargs -0 -P 2 -I {} sh -c 'cd \"${1%/*}\" && tar xzf t.tgz' _ {}";
    timed(|| {
        let done = Command::new("sh").args(["-c", script, "_"]).arg(&config).arg(&folder).status();
        assert!(done.is_ok_and(|status| status.success()), "curl and tar failed");
    })
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1_000.0
}

fn median(mut times_ms: Vec<f64>) -> f64 {
    times_ms.sort_unstable_by(f64::total_cmp);
    times_ms[times_ms.len() / 2]
}

fn say(line: &str) {
    // A line that cannot be written has nobody left to read it.
    let _ = writeln!(io::stdout(), "{line}");
}
