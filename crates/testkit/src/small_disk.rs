//! A disk that is soon full: a file system in memory of a few hundred kilobytes, for tests that run as root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::say;

/// A small disk. It is taken away when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// A disk with room for so many bytes. Says `SKIPPED` with what is not tested without, and gives none, where this process
    /// may not mount one.
    #[must_use]
    pub fn of(size_bytes: u64, what: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size_bytes},mode=755"), "tmpfs"]).arg(folder.path());
        let mounted = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        say(&format!("SKIPPED {what} on a full disk: only root may mount a small one"));
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills what room is left with a file, and gives its path.
    ///
    /// # Panics
    /// Where it cannot be written for another reason.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).expect("a file");
        loop {
            match file.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return path,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still has files open there must not keep it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
