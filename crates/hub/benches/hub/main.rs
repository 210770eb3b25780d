//! `cargo bench -p skillsync-hub --bench hub`: what the built hub serves and costs, beside nginx on the same machine in the
//! same run. It judges no time: figures are printed, never an exit code.
//!
//! Rooms: `load` (many clients at once), `nginx` (the peer), `catalogue` (skills and keys put into a database),
//! `process` (the hub as a process of its own).

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "the bench is a program of its own: where it cannot measure, it says why and stops"
)]

mod catalogue;
mod load;
mod nginx;
mod process;

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use catalogue::{Catalogue, Sight};
use load::{Asked, Pace, Served, load};
use nginx::Nginx;
use process::HubProcess;

/// Connections at once.
const CONNECTIONS: usize = 1_000;
/// Keys that the hub has.
const KEYS: usize = 10_000;
/// How long each load lasts.
const SPAN: Duration = Duration::from_secs(10);
/// Sizes of the catalogue for the cost of one poll.
const CATALOGUES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// Of how many of them one key sees.
const SEEN: usize = 100;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs benches too: without cargo's `--bench` there is nothing to do.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let only =
        arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
    let wanted = |row: &str| only.is_none_or(|only| only == row);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load_now = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(&format!("{cores} cores, clients on the same machine; load before: {}", load_now.trim()));
    if wanted("manifest") {
        manifests().await;
    }
    if wanted("catalogue") {
        polls().await;
    }
}

/// Manifest requests of a thousand callers against nginx and a file of the same size; then what the hub's memory is.
async fn manifests() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalogue = Catalogue::found(folder.path()).await;
    catalogue.publish(0..1_000, Sight::Everybody).await;
    let keys = catalogue.keys(KEYS).await;
    catalogue.close().await;
    let hub = HubProcess::start(folder.path());
    say(&format!(
        "hub: 1,000 skills, {KEYS} keys, ready in {:.0} ms, {} MiB",
        hub.ready_ms,
        hub.memory_mib()
    ));

    let shown: Vec<String> = keys.iter().map(|key| format!("x-api-key: {}\r\n", key.expose())).collect();
    let first = Instant::now();
    let mut known = Vec::with_capacity(CONNECTIONS);
    let mut size = 0;
    for headers in &shown[..CONNECTIONS] {
        let (etag, bytes) = hub.manifest(headers).await;
        known.push(format!("{headers}If-None-Match: {etag}\r\n"));
        size = bytes;
    }
    let each_ms = first.elapsed().as_secs_f64() * 1_000.0 / CONNECTIONS as f64;
    say(&format!("first manifest of a key: {size} bytes, made and signed in {each_ms:.1} ms"));

    let Some(nginx) = Nginx::start(folder.path(), size) else {
        say("SKIPPED: there is no nginx to measure beside (Debian: nginx-light)");
        return;
    };
    let file = "/manifest.json";
    let file_etag = nginx.etag(file).await;
    let path = skillsync_wire::api::path::MANIFEST;
    let ask =
        |address, path: &str, headers, status| Asked { address, path: path.to_owned(), headers, status };
    let unchanged = || {
        let headers = vec![format!("If-None-Match: {file_etag}\r\n")];
        ask(nginx.address, file, headers, 304)
    };
    let pairs = [
        (
            "manifest, nothing new (304)",
            Pace::Saturated,
            ask(hub.address, path, known.clone(), 304),
            unchanged(),
        ),
        (
            "the same, 20,000 a second",
            Pace::PerSecond(20_000),
            ask(hub.address, path, known, 304),
            unchanged(),
        ),
        (
            "manifest, whole (200)",
            Pace::Saturated,
            ask(hub.address, path, shown[..CONNECTIONS].to_vec(), 200),
            ask(nginx.address, file, vec![String::new()], 200),
        ),
    ];
    for (row, pace, ours, theirs) in pairs {
        let ours = load(&ours, CONNECTIONS, pace, SPAN).await;
        let theirs = load(&theirs, CONNECTIONS, pace, SPAN).await;
        compared(row, &ours, &theirs);
        say(&format!(
            "  hub's memory after that: {} MiB (most: {} MiB)",
            hub.memory_mib(),
            hub.most_memory_mib()
        ));
    }
}

/// What one poll costs a key that sees the same hundred skills in catalogues of growing size.
async fn polls() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalogue = Catalogue::found(folder.path()).await;
    catalogue.publish(0..SEEN, Sight::Everybody).await;
    let key = catalogue.keys(1).await.remove(0);
    let mut published = SEEN;
    for size in CATALOGUES {
        catalogue.publish(published..size, Sight::SomebodyElse).await;
        published = size.max(published);
        let hub = HubProcess::start(folder.path());
        let headers = format!("x-api-key: {}\r\n", key.expose());
        let first = Instant::now();
        let (etag, _) = hub.manifest(&headers).await;
        let first_ms = first.elapsed().as_secs_f64() * 1_000.0;
        let known = format!("{headers}If-None-Match: {etag}\r\n");
        let asked = Asked {
            address: hub.address,
            path: skillsync_wire::api::path::MANIFEST.to_owned(),
            headers: vec![known],
            status: 304,
        };
        let polled = load(&asked, 1, Pace::Saturated, Duration::from_secs(2)).await;
        say(&format!(
            "catalogue of {size}, {SEEN} seen: after a change {first_ms:.1} ms; nothing new {:.3} ms (p99 {:.3}), {} bytes",
            polled.p50_ms, polled.p99_ms, polled.answer_bytes
        ));
    }
    catalogue.close().await;
}

fn compared(row: &str, ours: &Served, theirs: &Served) {
    say(&format!(
        "{row}: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms; nginx {:.0}/s, p50 {:.1}, p99 {:.1}; {:.2}x",
        ours.per_s,
        ours.p50_ms,
        ours.p99_ms,
        theirs.per_s,
        theirs.p50_ms,
        theirs.p99_ms,
        ours.per_s / theirs.per_s
    ));
}

fn say(line: &str) {
    // A line that cannot be written has nobody left to read it.
    let _ = writeln!(io::stdout(), "{line}");
}
