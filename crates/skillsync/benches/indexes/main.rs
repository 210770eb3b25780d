//! `cargo bench -p skillsync --bench indexes`: what following an open index costs, beside `curl` for the same addresses, and
//! what a session of an agent waits for. The site is our export behind nginx, or Python's server where there is none. It
//! judges no time: figures are printed, never an exit code.
//!
//! Rooms: `server` (the web servers of the tests), `workload` (the skills, those of the store's bench).

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "the bench is a program of its own: where it cannot measure, it says why and stops"
)]

#[path = "../../tests/cli/indexes/server.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod server;
#[path = "../store/workload.rs"]
#[expect(dead_code, reason = "the store's bench uses all of it")]
mod workload;

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use skillsync_testkit::{Machine, disk};
use workload::Shape;

const PROGRAM: &str = env!("CARGO_BIN_EXE_skillsync");
/// The skills of the site.
const SHAPE: Shape = Shape { skills: 100, files: 5 };
/// Pairs of runs that are short, and of those that fetch everything.
const SHORT: usize = 60;
const LONG: usize = 15;

fn main() {
    // `cargo test --all-targets` runs benches too: without cargo's `--bench` there is nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let publisher = Machine::new(PROGRAM);
    publisher.run(&["init"]).ok();
    let bytes = workload::generate(&publisher.path("src"), SHAPE).expect("skills are made");
    publisher.run(&["add", "src", "--all"]).ok();
    publisher.run(&["export", "--site", "web"]).ok();
    // The same site with the older index alone, at a path: a reader of it fetches every file.
    let older = publisher.path("web/files/.well-known");
    fs::create_dir_all(&older).expect("a folder");
    disk::copy(&publisher.path("web/.well-known/skills"), &older.join("skills"));
    let nginx =
        server::nginx(&publisher.path("web"), "keepalive_requests 100000; sendfile on; tcp_nodelay on;");
    let name = if nginx.is_some() { "nginx" } else { "Python's server" };
    let server = nginx.unwrap_or_else(|| server::python(&publisher.path("web")));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let skills = SHAPE.skills;
    say(&format!("{cores} cores, {name} beside it; {skills} skills, {bytes} bytes; load before: {}", load()));

    let index = format!("{}/.well-known/agent-skills/index.json", server.origin);
    let reader = followed(&server.origin);
    let quiet = |machine: &Machine| {
        let said = machine.run(&["hook", "session-start", "--budget", "60s"]).ok();
        assert_eq!((&*said.stdout, &*said.stderr), ("", ""), "it has something to do");
    };
    let asks = || {
        // Due again, as after its interval.
        disk::remove(&reader.store("sources/site/poll.json"));
        timed(|| quiet(&reader))
    };
    let curl = |machine: &Machine| {
        let args = ["-s", "--fail", "-o", "/dev/null", &index];
        drop(machine.command_of(Path::new("curl"), &args).run().ok());
    };
    pairs("hook, index asked, nothing new", "curl of the index", SHORT, asks, || timed(|| curl(&reader)));

    let alone = || timed(|| drop(reader.run(&["--offline", "hook", "session-start"]).ok()));
    let truth = || timed(|| drop(reader.command_of(Path::new("/bin/true"), &[]).run().ok()));
    pairs("hook, no network", "/bin/true", SHORT, alone, truth);
    let version = || timed(|| drop(reader.run(&["--version"]).ok()));
    pairs("hook, no network", "skillsync --version", SHORT, alone, version);

    // What was removed makes the next files dear on some file systems: nothing is, before the end.
    let kept = RefCell::new(Vec::new());
    for (what, origin, kind) in [
        ("archives", server.origin.clone(), "agent-skills"),
        ("files", format!("{}/files", server.origin), "skills"),
    ] {
        let config = fetch_list(&publisher, &origin, kind);
        let ours = || {
            let fresh = joined(&origin);
            flush(&fresh);
            let took = timed(|| drop(fresh.run(&["sync"]).ok()));
            let there = fs::read_dir(fresh.path(".claude/skills")).map_or(0, Iterator::count);
            assert!(there >= SHAPE.skills, "{there} skills came");
            kept.borrow_mut().push(fresh);
            took
        };
        let theirs = |line: &str| {
            let fresh = Machine::new(PROGRAM);
            flush(&fresh);
            let curl = "curl -s --fail --parallel --parallel-max 8 --create-dirs --config";
            let line = format!("{curl} {config} 2>/dev/null {line}");
            let took = timed(|| drop(fresh.command_of(Path::new("sh"), &["-c", &line]).run().ok()));
            kept.borrow_mut().push(fresh);
            took
        };
        let what = format!("first sync, {what}");
        pairs(&what, "curl --parallel of the same", LONG, ours, || theirs(""));
        if kind == "skills" {
            // What it comes to on this machine to have the files twice, in a store and before an agent, after a power cut, too.
            let durable = "&& sync -f got && cp -r got again && sync -f again";
            pairs(&what, "curl --parallel, sync -f, cp -r, sync -f", LONG, ours, || theirs(durable));
        }
    }
    say(&format!("load after: {}", load()));
}

/// A machine with Claude Code and this site as a source that was not followed yet.
fn joined(origin: &str) -> Machine {
    let machine = Machine::new(PROGRAM);
    machine.run(&["init"]).ok();
    machine.agent("claude-code");
    machine.run(&["target", "add", "--tool", "claude-code"]).ok();
    machine.run(&["source", "add", origin, "--kind", "index", "--name", "site", "--yes"]).ok();
    machine
}

fn followed(origin: &str) -> Machine {
    let machine = joined(origin);
    machine.run(&["sync"]).ok();
    // Old enough to be believed by its times.
    std::thread::sleep(std::time::Duration::from_secs(3));
    machine.run(&["sync"]).ok();
    machine
}

/// What `curl` is to fetch: the index and what it names.
fn fetch_list(publisher: &Machine, origin: &str, kind: &str) -> String {
    let index: serde_json::Value =
        serde_json::from_str(&publisher.read(&format!("web/.well-known/{kind}/index.json")))
            .expect("an index");
    let mut paths = vec!["index.json".to_owned()];
    for skill in index["skills"].as_array().expect("skills") {
        match skill["files"].as_array() {
            Some(files) if kind == "skills" => {
                let name = skill["name"].as_str().expect("a name");
                paths.extend(files.iter().filter_map(|file| Some(format!("{name}/{}", file.as_str()?))));
            }
            _ => paths.push(skill["url"].as_str().expect("an address").to_owned()),
        }
    }
    let entry = |path: &String| {
        let url = if path.starts_with('/') {
            format!("{origin}{path}")
        } else {
            format!("{origin}/.well-known/{kind}/{path}")
        };
        format!("url = \"{url}\"\noutput = \"got/{}\"\n", path.trim_start_matches('/'))
    };
    let list: String = paths.iter().map(entry).collect();
    publisher.write(&format!("curl-{kind}.txt"), list).display().to_string()
}

/// Leaves no writing of others to be waited for.
fn flush(machine: &Machine) {
    drop(machine.command_of(Path::new("sync"), &[]).run().ok());
}

/// Ours and theirs by turns, after one pair that does not count.
fn pairs(what: &str, other: &str, count: usize, ours: impl Fn() -> f64, theirs: impl Fn() -> f64) {
    let all: Vec<(f64, f64)> = (0..=count).map(|_| (ours(), theirs())).skip(1).collect();
    let sorted = |times: Vec<f64>| {
        let mut times = times;
        times.sort_unstable_by(f64::total_cmp);
        times
    };
    let ours = sorted(all.iter().map(|pair| pair.0).collect());
    let theirs = sorted(all.iter().map(|pair| pair.1).collect());
    let ratios = sorted(all.iter().map(|pair| pair.0 / pair.1).collect());
    let at = |times: &[f64], part: usize| times[(times.len() - 1) * part / 10];
    say(&format!(
        "{what}: {:.1} ms; {other}: {:.1} ms; {:.2}x ({:.2}-{:.2}), {:.1} ms more; least {:.1} / {:.1} ms",
        at(&ours, 5),
        at(&theirs, 5),
        at(&ours, 5) / at(&theirs, 5),
        at(&ratios, 1),
        at(&ratios, 9),
        at(&ours, 5) - at(&theirs, 5),
        ours[0],
        theirs[0],
    ));
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1_000.0
}

fn load() -> String {
    let all = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    all.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn say(line: &str) {
    // A line that cannot be written has nobody left to read it.
    let _ = writeln!(io::stdout(), "{line}");
}
