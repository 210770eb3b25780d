//! What the tests of skillsync share. It knows the product from outside only: a program, a home, files.
//!
//! Nothing here depends on another crate of the workspace, so that a rule is checked by a second pair of eyes
//! (`oracle`) and the kit can be proved on stand-in programs. Rooms, lowest first; a room may use the rooms above
//! it in this list.

mod judge;
pub mod disk;
pub mod oracle;
pub mod snapshot;
pub mod page;
pub mod skill;
pub mod outcome;
pub mod machine;
pub mod race;
pub mod clock;
pub mod terminal;
pub mod web;
pub mod hub;
pub mod postgres;
pub mod link;
pub mod small_disk;
pub mod strace;
pub mod durability;
pub mod crash;

pub use hub::Hub;
pub use machine::Machine;
pub use outcome::{Outcome, Output};
pub use postgres::Postgres;
pub use skill::SkillBuilder;
pub use snapshot::Snapshot;

/// Whether a long run was asked for (`SKILLSYNC_SOAK=1`): more second crashes, random kills, more rounds.
#[must_use]
pub fn soak() -> bool {
    std::env::var_os("SKILLSYNC_SOAK").is_some_and(|v| v != "0" && !v.is_empty())
}

/// Says a line on the real standard error, past the capture of `cargo test`, so that a pass shows what it covered. A line that
/// opens with `SKIPPED` is also put into the file that the test script names with SKILLSYNC_SKIPPED and counts: other runners
/// show nothing of a test that passed.
pub fn say(line: &str) {
    use std::io::Write as _;
    // One write a line: tests run beside each other, and half lines would mix. A closed stderr is no reason to fail.
    let line = format!("{line}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("SKILLSYNC_SKIPPED").filter(|_| line.starts_with("SKIPPED")) {
        let path = std::path::PathBuf::from(path);
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        disk::at(disk::at(file, &path).write_all(line.as_bytes()), &path);
    }
}
