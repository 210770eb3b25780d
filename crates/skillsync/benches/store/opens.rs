//! Which files of the store and of a project a command with nothing to do opens and reads, as strace sees it. It
//! proves that no skill's content is read.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::measure::Step;
use crate::place::{Place, Store};

/// The store's own file in each skill's folder; it is state, not payload.
const META: &str = ".meta.toml";

/// The folders below the home that hold skills' content: the store's four, the agents' folders and the projects.
const CONTENT: [&str; 6] = [
    ".skillsync/skills/",
    ".skillsync/trees/",
    ".skillsync/objects/",
    ".skillsync/rendered/",
    "agent-",
    "project-",
];

/// Files that one run opened, folders left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Files of skills: canonical, rendered, stored by digest, deployed; and the records in a project.
    pub(crate) payload: usize,
    /// Records beside the skills (`.meta.toml`).
    pub(crate) meta: usize,
    /// Other files below the store: configuration, cache, locks, logs.
    pub(crate) store: usize,
    /// Bytes read from all files below the store.
    pub(crate) store_bytes: u64,
}

/// Runs the program on a store that is settled for it, under strace, and counts.
pub(crate) fn count(place: &Place, store: Store, arguments: &[&str]) -> Outcome<Opened> {
    let home = place.store_home(store).canonicalize()?;
    let traces = place.home().join(format!("traces-{}", place.number()));
    fs::create_dir_all(&traces)?;
    let calls = "trace=open,openat,openat2,read,pread64,readv,preadv,preadv2";
    // -y names the file behind each descriptor, so that an open relative to a folder is seen as well; -ff gives
    // each thread a file of its own, so that no call is cut in two by another thread's.
    let strace = Step::new("strace", &home).args(["-ff", "-qq", "-y", "-s", "0", "-e", calls, "-o"]);
    strace.args([traces.join("thread").as_os_str(), crate::PROGRAM.as_ref()]).args(arguments).run()?;
    let mut opened = Opened::default();
    for thread in fs::read_dir(&traces)? {
        tally(&mut opened, &String::from_utf8_lossy(&fs::read(thread?.path())?), &home);
    }
    Ok(opened)
}

/// Adds the calls in the `trace` of one thread that reach files below `home`.
fn tally(opened: &mut Opened, trace: &str, home: &Path) {
    let prefix = format!("{}/", home.display());
    for line in trace.lines() {
        // call(arguments) = result
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
}
