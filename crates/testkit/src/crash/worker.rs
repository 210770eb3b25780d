//! One worker's home and the prepared state it goes back to before each point.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::disk::{self, at};
use crate::machine::Machine;
use crate::snapshot::Snapshot;

/// A home at a fixed path, since links in it are absolute, and the prepared state to put back there.
pub(super) struct Worker {
    pub(super) machine: Machine,
    pub(super) saved: PathBuf,
    pub(super) before: Arc<Snapshot>,
    pub(super) logs: PathBuf,
}

impl Worker {
    /// Prepares a home below `base` and keeps a copy of it.
    pub(super) fn new(binary: &Path, prepare: impl Fn(&Machine), base: &Path, number: usize) -> Worker {
        let folder = base.join(number.to_string());
        let home = folder.join("home");
        at(fs::create_dir_all(&home), &home);
        let machine = Machine::at(&home, binary);
        prepare(&machine);
        let saved = folder.join("saved");
        disk::copy(&home, &saved);
        let before = Arc::new(Snapshot::of(&saved));
        Worker { machine, saved, before, logs: folder.join("logs") }
    }

    /// With `SKILLSYNC_KEEP=FOLDER`, the state before and after the last violation stays there to be looked at.
    pub(super) fn keep(&self, before: &Path) {
        if let Some(folder) = std::env::var_os("SKILLSYNC_KEEP") {
            let folder = PathBuf::from(folder);
            at(fs::create_dir_all(&folder), &folder);
            disk::restore(before, &folder.join("before"));
            disk::restore(self.machine.home(), &folder.join("after"));
        }
    }
}

/// Memory where there is some: a kill loses nothing that was written, so the disk adds only time.
pub(super) fn base_folder() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("skillsync-crash-");
    let folder = builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir_in(std::env::temp_dir()));
    at(folder, Path::new("/dev/shm"))
}
