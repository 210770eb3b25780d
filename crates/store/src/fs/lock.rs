//! The store's mutex: one process at a time changes a store. The kernel frees it when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;

use super::{Context, Error};

/// Held for the length of one command. Released on drop and on death.
#[derive(Debug)]
pub struct Mutex {
    // The lock lives as long as this handle.
    _file: File,
}

/// The mutex was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum MutexError {
    /// Another process holds it for too long.
    #[error("another skillsync command has been changing this store for {} s: {holder}", limits::MUTEX_WAIT_MS / 1000)]
    Held {
        /// What the holder wrote about itself.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file cannot be opened.
    #[error(transparent)]
    Fs(#[from] Error),
}

impl Fault for MutexError {
    fn kind(&self) -> Kind {
        match self {
            MutexError::Held { .. } => Kind::Locked,
            MutexError::Fs(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            MutexError::Held { .. } => "store-locked",
            MutexError::Fs(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            MutexError::Held { .. } => {
                Some("wait for it to end, or end it; the lock frees itself then".to_owned())
            }
            MutexError::Fs(e) => e.hint(),
        }
    }
}

impl Mutex {
    /// Takes the mutex at `path`, waiting up to `limits::MUTEX_WAIT_MS`. `holder` is one line about us for others.
    pub fn take(path: &Path, holder: &str) -> Result<Self, MutexError> {
        // What the file holds is for messages alone: a garbage one locks as well as any.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .on("open", path)?;
        let step = Duration::from_millis(5);
        let mut waited_ms = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if waited_ms < limits::MUTEX_WAIT_MS => {
                    std::thread::sleep(step);
                    waited_ms += 5;
                }
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let _ = Read::by_ref(&mut file).take(200).read_to_string(&mut text);
                    let holder = text.lines().next().unwrap_or("").escape_debug().to_string();
                    return Err(MutexError::Held { holder, path: path.to_owned() });
                }
                Err(TryLockError::Error(e)) => return Err(Error::new("lock", path, e).into()),
            }
        }
        // Nothing depends on these bytes, so they are neither synced nor checked.
        let _ = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mutex");
        let first = Mutex::take(&path, "first").unwrap();
        let other = path.clone();
        let waiting = std::thread::spawn(move || Mutex::take(&other, "second").is_ok());
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        drop(first);
        assert!(waiting.join().unwrap());
    }
}
