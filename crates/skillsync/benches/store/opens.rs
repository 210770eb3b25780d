//! Which files of the store a `sync` with nothing to do opens and reads, as strace sees it. It proves that no
//! skill's content is read.

use std::path::Path;

use crate::Outcome;
use crate::measure::Step;
use crate::place::{Place, Store};

/// The store's own file in each skill's folder; it is state, not payload.
const META: &str = ".meta.toml";

/// The folders below the home that hold skills' content: the store's four and the agents' folders.
const CONTENT: [&str; 5] =
    [".skillsync/skills/", ".skillsync/trees/", ".skillsync/objects/", ".skillsync/rendered/", "agent-"];

/// Files that one run opened, folders left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Files of skills: canonical, rendered, stored by digest.
    pub(crate) payload: usize,
    /// Records beside the skills (`.meta.toml`).
    pub(crate) meta: usize,
    /// Other files below the store: configuration, cache, locks, logs.
    pub(crate) store: usize,
    /// Bytes read from all files below the store.
    pub(crate) store_bytes: u64,
}

/// Runs `skillsync sync` on the settled store under strace and counts.
pub(crate) fn count(place: &Place) -> Outcome<Opened> {
    let home = place.store_home(Store::Settled).canonicalize()?;
    let trace = place.home().join("trace");
    let calls = "trace=open,openat,openat2,read,pread64,readv,preadv,preadv2";
    // -y names the file behind each descriptor, so that an open relative to a folder is seen as well.
    let strace = Step::new("strace", &home).args(["-f", "-qq", "-y", "-s", "0", "-e", calls, "-o"]);
    strace.args([trace.as_os_str(), crate::PROGRAM.as_ref(), "sync".as_ref()]).run()?;
    let lines = std::fs::read(&trace)?;
    Ok(tally(&String::from_utf8_lossy(&lines), &home))
}

/// Counts the calls in `trace` that reach files below `home`.
fn tally(trace: &str, home: &Path) -> Opened {
    let prefix = format!("{}/", home.display());
    let mut opened = Opened::default();
    for line in trace.lines() {
        // PID call(arguments) = result; an unfinished call has its result in its `resumed` line.
        let Some((call, result)) = line.rsplit_once(" = ") else { continue };
        if call.contains("open") {
            let Some(path) = result.split_once('<').and_then(|(_, rest)| rest.split_once('>')) else {
                continue;
            };
            let Some(below) = path.0.strip_prefix(&prefix) else { continue };
            if call.contains("O_DIRECTORY") {
                continue;
            }
            if below.ends_with(META) {
                opened.meta += 1;
            } else if CONTENT.iter().any(|folder| below.starts_with(folder)) {
                opened.payload += 1;
            } else if below.starts_with(".skillsync/") {
                opened.store += 1;
            }
        } else if call.contains(&format!("<{prefix}")) {
            let bytes = result.split(' ').next().and_then(|number| number.parse::<u64>().ok());
            opened.store_bytes += bytes.unwrap_or(0);
        }
    }
    opened
}
