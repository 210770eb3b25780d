//! What a file system says of a file or folder without reading it: the evidence that it is unchanged.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// A change within the same tick of the clock leaves the same times. Evidence younger than this proves nothing.
const TICK_NS: i64 = 20_000_000;
/// The same where a file system keeps whole seconds only.
const COARSE_TICK_NS: i64 = 2_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// Nanoseconds since 1970 now. Only for unique names and for telling how old evidence is; never shown or stored
/// as a time of an event.
pub fn clock_ns() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "compared with the file system's own clock, not reported")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

fn ns(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(SECOND_NS).saturating_add(nanoseconds)
}

/// Evidence about a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileStamp {
    size_bytes: u64,
    modified_ns: i64,
    changed_ns: i64,
    inode: u64,
}

impl FileStamp {
    /// The evidence in `metadata`. Content, mode and owner cannot change without `changed_ns` changing.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size_bytes: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }

    /// The evidence in a raw answer of the system; `None` when it is about something else than a regular file.
    pub(super) fn of_stat(stat: &rustix::fs::Stat) -> Option<Self> {
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
        is_file.then(|| Self {
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: ns(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            changed_ns: ns(stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0)),
            inode: stat.st_ino,
        })
    }

    /// Whether a later change would have shown: the file was last changed well before `settled_ns`, the moment
    /// from which on another hand could have reached it.
    pub fn is_settled(&self, settled_ns: i64) -> bool {
        settled(self.changed_ns, settled_ns) && settled(self.modified_ns, settled_ns)
    }
}

/// Evidence that the list of entries of a folder is unchanged. Its change time is left out: a rename of the folder
/// itself moves that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DirStamp {
    modified_ns: i64,
    inode: u64,
}

impl DirStamp {
    /// The evidence in `metadata`.
    pub fn of(metadata: &Metadata) -> Self {
        Self { modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()), inode: metadata.ino() }
    }

    /// The evidence in a raw answer of the system; `None` when it is about something else than a folder.
    pub(super) fn of_stat(stat: &rustix::fs::Stat) -> Option<Self> {
        let is_dir = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory;
        is_dir.then(|| Self {
            modified_ns: ns(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            inode: stat.st_ino,
        })
    }

    /// Whether a later change would have shown.
    pub fn is_settled(&self, settled_ns: i64) -> bool {
        settled(self.modified_ns, settled_ns)
    }
}

fn settled(time_ns: i64, settled_ns: i64) -> bool {
    let tick = if time_ns % SECOND_NS == 0 { COARSE_TICK_NS } else { TICK_NS };
    time_ns.saturating_add(tick) < settled_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn young_evidence_is_not_trusted() {
        let at = 1_700_000_000 * SECOND_NS;
        // (time, settled, trusted): fine clocks need 20 ms, whole-second clocks two seconds
        let cases = [
            (at + 1, at + 1 + TICK_NS, false),
            (at + 1, at + 2 + TICK_NS, true),
            (at, at + TICK_NS + 1, false),
            (at, at + COARSE_TICK_NS + 1, true),
            (at + 5, at, false),
        ];
        for (time, moment, trusted) in cases {
            assert_eq!(settled(time, moment), trusted, "{time} {moment}");
        }
    }
}
