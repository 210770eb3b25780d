//! The one door to the disk. Every write is staged, synced and renamed here; every error names its path.
//!
//! What is written and what a kill may leave is described in `docs/safety.md`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::shell::shell_quoted;

mod durable;
mod lock;
mod look;
mod place;
mod stamp;
mod temporary;

pub use durable::{replace_all, sync_dir, sync_file, sync_file_system, sync_paths, sync_trees};
pub use lock::{Mutex, MutexError};
pub use look::{
    Folder, entries, is_executable, is_private, lstat, open, open_own, open_regular, read, read_link,
    real_path, resolved, stat,
};
use place::discard_file;
pub use place::{
    Exchange, exchange, relocate, remove_dir_if_empty, remove_file, remove_tree, rename, rename_no_replace,
    symlink_new, symlink_replace,
};
pub use stamp::{DirStamp, FileStamp, clock_ns};
pub use temporary::{OUR_PREFIX, is_abandoned_temporary, unique_name};

/// The disk refused something.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", .path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Error {
    /// An error of `action` (a verb: "read", "rename") on `path`.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// What the system said.
    pub fn io_kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The path it was about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn errno(&self) -> Option<rustix::io::Errno> {
        self.source.raw_os_error().map(rustix::io::Errno::from_raw_os_error)
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self.io_kind() {
            io::ErrorKind::NotFound => Kind::NotFound,
            io::ErrorKind::FileTooLarge => Kind::Limit,
            _ => Kind::Io,
        }
    }
    fn code(&self) -> &'static str {
        match self.io_kind() {
            io::ErrorKind::NotFound => "file-not-found",
            io::ErrorKind::PermissionDenied => "permission-denied",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk-full",
            io::ErrorKind::ReadOnlyFilesystem => "read-only",
            io::ErrorKind::FileTooLarge => "file-too-large",
            _ => "io-error",
        }
    }
    fn hint(&self) -> Option<String> {
        match self.io_kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("nothing was changed; free some space and run the same command again".to_owned())
            }
            io::ErrorKind::PermissionDenied => Some(format!(
                "look at its owner and permissions: ls -ld {}",
                shell_quoted(&self.path.display().to_string())
            )),
            io::ErrorKind::FileTooLarge => {
                Some("make it smaller, or split it; large data belongs outside a skill".to_owned())
            }
            _ => None,
        }
    }
}

/// A result of this door.
pub type Result<T> = std::result::Result<T, Error>;

/// Adds action and path to what the system says.
pub trait Context<T> {
    /// Names what was tried (`action`, a verb) and on which path.
    fn on(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::new(action, path, source))
    }
}

impl<T> Context<T> for rustix::io::Result<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|errno| Error::new(action, path, errno.into()))
    }
}

/// Turns "it is not there" into `None`.
pub fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.io_kind() == io::ErrorKind::NotFound => Ok(None),
        // A component of the path that is a file means the same: there is nothing at the path.
        Err(error) if error.io_kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Who may read a file we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner alone: leases, state.
    Private,
    /// Everyone, writable by its owner: canonical files.
    Plain,
    /// Everyone, executable.
    Executable,
    /// Read-only for all: objects and rendered trees.
    ReadOnly,
    /// Read-only for all, executable.
    ReadOnlyExecutable,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Mode::Private => 0o600,
            Mode::Plain => 0o644,
            Mode::Executable => 0o755,
            Mode::ReadOnly => 0o444,
            Mode::ReadOnlyExecutable => 0o555,
        }
    }
}

/// Creates a file that must not exist yet, writes `bytes`, does not sync.
pub fn create(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let mut file = create_empty(path, mode)?;
    file.write_all(bytes).on("write", path)
}

/// Like [`create`], and reads the file back: fails where it does not hold `bytes` and nothing more, or its owner may not
/// execute it as `mode` says.
pub fn create_checked(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let mut file = creating(mode).read(true).open(path).on("create", path)?;
    file.write_all(bytes).on("write", path)?;
    let metadata = file.metadata().on("look at", path)?;
    let mut is_same =
        metadata.len() == bytes.len() as u64 && is_executable(&metadata) == (mode.bits() & 0o100 != 0);
    let mut back = [0; 16 * 1024];
    let mut at = 0;
    for part in bytes.chunks(back.len()) {
        let read = &mut back[..part.len()];
        file.read_exact_at(read, at).on("read back", path)?;
        is_same &= read == part;
        at += part.len() as u64;
    }
    if is_same {
        return Ok(());
    }
    Err(Error::new("check", path, io::Error::other("it does not hold what was written")))
}

/// Writes all of `bytes` to a file that is open; `path` is its name for an error.
pub fn write_all(file: &mut impl Write, bytes: &[u8], path: &Path) -> Result<()> {
    file.write_all(bytes).on("write", path)
}

/// Creates an empty file that must not exist yet and gives it open for writing.
pub fn create_empty(path: &Path, mode: Mode) -> Result<File> {
    creating(mode).open(path).on("create", path)
}

fn creating(mode: Mode) -> OpenOptions {
    let mut options = OpenOptions::new();
    // The user's umask may close a file to others; for its owner it stays what it should be.
    options.write(true).create_new(true).mode(mode.bits());
    options
}

/// Replaces a file as one step: readers see the old bytes or the new ones, and so does the machine after a crash.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    written_beside(path, bytes, mode, rename)
}

/// Puts a complete file under a name without making it durable: for what may be lost.
pub fn place(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let temporary = parent(path).join(unique_name(OUR_PREFIX) + ".tmp");
    let written = create(&temporary, bytes, mode).and_then(|()| rename(&temporary, path));
    if written.is_err() {
        discard_file(&temporary);
    }
    written
}

/// Publishes a complete file under a name that must be free, as one step. Fails with `AlreadyExists` when taken.
pub fn publish(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    written_beside(path, bytes, mode, rename_no_replace)
}

/// Writes a temporary in the same folder, durably, and gives it its name by `name_it`.
fn written_beside(
    path: &Path,
    bytes: &[u8],
    mode: Mode,
    name_it: fn(&Path, &Path) -> Result<()>,
) -> Result<()> {
    let temporary = parent(path).join(unique_name(OUR_PREFIX) + ".tmp");
    let written = create(&temporary, bytes, mode)
        .and_then(|()| sync_file(&temporary))
        .and_then(|()| name_it(&temporary, path));
    if written.is_err() {
        discard_file(&temporary);
    }
    written?;
    sync_dir(parent(path))
}

/// Appends `bytes` in one write and makes them durable; creates the file, owner-only, when it is not there.
/// A last line that a crash has torn is closed first, so that it spoils no line but itself.
pub fn append_line(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .on("open", path)?;
    file.lock().on("lock", path)?;
    let length = file.metadata().on("look at", path)?.len();
    let mut line = Vec::with_capacity(bytes.len() + 2);
    if length > 0 {
        let mut last = [0];
        rustix::io::pread(&file, &mut last, length - 1).on("read", path)?;
        if last != *b"\n" {
            line.push(b'\n');
        }
    }
    line.extend_from_slice(bytes);
    line.push(b'\n');
    let appended =
        file.write_all(&line).on("append to", path).and_then(|()| file.sync_data().on("sync", path));
    if appended.is_err() {
        // What is reported as failed must not be there: the caller will try again.
        let _ = file.set_len(length);
    }
    appended?;
    if length == 0 {
        sync_dir(parent(path))?;
    }
    Ok(())
}

/// Makes one folder, mode 0755 within the umask; one that is there already is fine.
pub fn make_dir(path: &Path) -> Result<()> {
    match std::fs::DirBuilder::new().mode(0o755).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result.on("create the folder", path),
    }
}

/// Makes one folder that must not exist yet and that its owner alone may enter: for work outside the store.
pub fn make_private_dir(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path).on("create the folder", path)
}

/// Makes a folder and those above it.
pub fn make_dirs(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().mode(0o755).recursive(true).create(path).on("create the folder", path)
}

/// Sets the owner-write bit pattern of one of our files.
pub fn set_mode(path: &Path, mode: Mode) -> Result<()> {
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(mode.bits())).on("set the mode of", path)
}

#[cfg(test)]
mod tests;
