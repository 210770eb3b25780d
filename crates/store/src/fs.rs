//! The one door to the disk. Every write is staged, synced and renamed here; every error names its path.
//!
//! What is written and what a kill may leave is described in `docs/safety.md`.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags};
use skillsync_core::fault::{Fault, Kind};

mod lock;
mod stamp;

pub use lock::{Mutex, MutexError};
pub use stamp::{DirStamp, FileStamp, clock_ns};

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
            io::ErrorKind::PermissionDenied => {
                Some(format!("look at its owner and permissions: ls -ld '{}'", self.path.display()))
            }
            io::ErrorKind::FileTooLarge => {
                Some("keep it within the bounds of docs/formats/content.md".to_owned())
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

/// What every temporary of ours begins with, here and in foreign folders. Never part of a skill's payload.
pub const OUR_PREFIX: &str = ".skillsync-";

/// How many processes and calls this process made names for.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name nobody else uses now: process, time, counter.
pub fn unique_name(prefix: &str) -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}-{:x}-{count}", std::process::id(), clock_ns())
}

/// Reads at most `limit_bytes` of a regular file. A larger one, a folder, a FIFO or a device is an error: opening
/// never blocks.
pub fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>> {
    let (mut file, metadata) = open_regular(path)?;
    if metadata.len() > limit_bytes {
        return Err(too_large(path));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    Read::by_ref(&mut file).take(limit_bytes + 1).read_to_end(&mut bytes).on("read", path)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(too_large(path));
    }
    Ok(bytes)
}

fn too_large(path: &Path) -> Error {
    Error::new("read", path, io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than it may be"))
}

/// Opens a regular file to read; refuses everything else without blocking on it.
pub fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).on("open", path)?;
    let metadata = file.metadata().on("read", path)?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        Err(Error::new("read", path, error))
    }
}

/// Opens what should be a regular file of ours; `None` when nothing is there, or something else.
pub fn open_own(path: &Path) -> Result<Option<(File, Metadata)>> {
    use rustix::fs::OFlags;
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits() as i32;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path).on("open", path);
    let file = match optional(opened) {
        // A link stands in its place.
        Err(e) if e.errno() == Some(rustix::io::Errno::LOOP) => None,
        file => file?,
    };
    let Some(file) = file else { return Ok(None) };
    let metadata = file.metadata().on("read", path)?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

/// What is at `path` itself, links not followed; `None` when nothing is.
pub fn lstat(path: &Path) -> Result<Option<Metadata>> {
    optional(std::fs::symlink_metadata(path).on("look at", path))
}

/// A folder that is open to be looked at: names in it are found without walking down from the root each time,
/// which is most of what looking at many small files costs.
#[derive(Debug)]
pub struct Folder(std::os::fd::OwnedFd);

impl Folder {
    /// Opens the folder at `path`; `None` when there is none that can be opened.
    pub fn open(path: &Path) -> Option<Self> {
        use rustix::fs::OFlags;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok().map(Self)
    }

    fn stat(&self, relative: &str) -> Option<rustix::fs::Stat> {
        use rustix::fs::AtFlags;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
        rustix::fs::statat(&self.0, relative, flags).ok()
    }

    /// Evidence about the regular file at `relative`; `None` when there is none.
    pub fn file(&self, relative: &str) -> Option<FileStamp> {
        FileStamp::of_stat(&self.stat(relative)?)
    }

    /// Evidence about the folder at `relative`, `""` for this one; `None` when there is none.
    pub fn dir(&self, relative: &str) -> Option<DirStamp> {
        DirStamp::of_stat(&self.stat(relative)?)
    }
}

/// What `path` leads to, links followed; `None` when nothing is there.
pub fn stat(path: &Path) -> Result<Option<Metadata>> {
    optional(std::fs::metadata(path).on("look at", path))
}

/// The entries of a folder, sorted by name; `None` when it is not there.
pub fn entries(path: &Path) -> Result<Option<Vec<OsString>>> {
    let Some(listing) = optional(std::fs::read_dir(path).on("list", path))? else { return Ok(None) };
    let mut names = Vec::new();
    for entry in listing {
        names.push(entry.on("list", path)?.file_name());
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// Where a symlink points, as written; `None` when `path` is not a symlink or not there.
pub fn read_link(path: &Path) -> Result<Option<PathBuf>> {
    match std::fs::read_link(path) {
        Ok(target) => Ok(Some(target)),
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => Ok(None),
        Err(e) => Err(Error::new("read the link", path, e)),
    }
}

/// The real path behind `path`, all links followed; `None` when it leads nowhere.
pub fn real_path(path: &Path) -> Result<Option<PathBuf>> {
    optional(std::fs::canonicalize(path).on("resolve", path))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes renames and new entries in a folder durable.
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).on("sync the folder", path)
}

/// Makes everything written to the file system of `path` durable. One call is cheaper than 16 single syncs.
pub fn sync_file_system(path: &Path) -> Result<()> {
    let dir = File::open(path).on("open", path)?;
    rustix::fs::syncfs(&dir).on("sync the file system of", path)
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

/// Writes all of `bytes` to a file that is open; `path` is its name for an error.
pub fn write_all(file: &mut impl Write, bytes: &[u8], path: &Path) -> Result<()> {
    file.write_all(bytes).on("write", path)
}

/// Creates an empty file that must not exist yet and gives it open for writing.
pub fn create_empty(path: &Path, mode: Mode) -> Result<File> {
    // The owner's umask may take bits away from what is made private, never from what agents must read.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).on("create", path)?;
    if mode != Mode::Private {
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(mode.bits())).on("set the mode of", path)?;
    }
    Ok(file)
}

/// Makes the bytes of one file durable.
pub fn sync_file(path: &Path) -> Result<()> {
    // Syncing needs no write access: objects are read-only.
    File::open(path).and_then(|file| file.sync_all()).on("sync", path)
}

/// Replaces a file as one step: readers see the old bytes or the new ones, and so does the machine after a crash.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let temporary = parent(path).join(unique_name(OUR_PREFIX) + ".tmp");
    let written = (|| {
        create(&temporary, bytes, mode)?;
        sync_file(&temporary)?;
        rename(&temporary, path)
    })();
    if written.is_err() {
        discard_file(&temporary);
    }
    written?;
    sync_dir(parent(path))
}

/// Publishes a complete file under a name that must be free, as one step. Fails with `AlreadyExists` when taken.
pub fn publish(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let temporary = parent(path).join(unique_name(OUR_PREFIX) + ".tmp");
    let written = (|| {
        create(&temporary, bytes, mode)?;
        sync_file(&temporary)?;
        rename_no_replace(&temporary, path)
    })();
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
    let appended = file.write_all(&line).on("append to", path).and_then(|()| file.sync_data().on("sync", path));
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

/// Renames; replaces a file that is there.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    rustix::fs::rename(from, to).on("rename to", to)
}

/// Renames to a name that must be free. Where the file system cannot promise that in one step, it is checked first
/// (callers hold the store's mutex).
pub fn rename_no_replace(from: &Path, to: &Path) -> Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if lstat(to)?.is_some() {
                return Err(Error::new("rename to", to, io::ErrorKind::AlreadyExists.into()));
            }
            rename(from, to)
        }
        result => result.on("rename to", to),
    }
}

/// Whether an exchange happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Exchange {
    /// Both names were swapped in one step.
    Done,
    /// The file system cannot; nothing was changed.
    Unsupported,
}

/// Swaps what two names lead to, in one step where the system can.
pub fn exchange(a: &Path, b: &Path) -> Result<Exchange> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Exchange::Done),
        // INVAL, NOSYS: no such operation here. XDEV: a folder of an overlay's lower layer cannot be renamed.
        Err(Errno::INVAL | Errno::NOSYS | Errno::XDEV) => Ok(Exchange::Unsupported),
        Err(errno) => Err(Error::new("exchange", b, errno.into())),
    }
}

/// Makes a symlink under a name that must be free.
pub fn symlink_new(target: &Path, link: &Path) -> Result<()> {
    rustix::fs::symlink(target, link).on("create the link", link)
}

/// Points a symlink somewhere else in one step, or makes it. What is at `link` must be ours: it is replaced.
pub fn symlink_replace(target: &Path, link: &Path) -> Result<()> {
    let temporary = parent(link).join(unique_name(OUR_PREFIX));
    symlink_new(target, &temporary)?;
    let renamed = rename(&temporary, link);
    if renamed.is_err() {
        discard_file(&temporary);
    }
    renamed
}

/// Removes one file or link; one that is gone already is fine.
pub fn remove_file(path: &Path) -> Result<()> {
    optional(rustix::fs::unlink(path).on("remove", path)).map(|_| ())
}

/// Best-effort removal of a temporary of our own on the way out of an error that matters more.
fn discard_file(path: &Path) {
    let _ = rustix::fs::unlink(path);
}

/// Removes an empty folder; one that is not empty or gone is left.
pub fn remove_dir_if_empty(path: &Path) -> Result<()> {
    match optional(rustix::fs::rmdir(path).on("remove the folder", path)) {
        Err(e) if e.io_kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        result => result.map(|_| ()),
    }
}

/// Removes a folder of our own with all that is in it, links not followed; one that is gone already is fine.
/// Folders without write permission are opened up first: a user's tool may have closed them.
pub fn remove_tree(path: &Path) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    let removed = std::fs::remove_dir_all(path).on("remove", path);
    match removed {
        Err(e) if e.io_kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            #[expect(clippy::disallowed_methods, reason = "this is the door")]
            std::fs::remove_dir_all(path).on("remove", path)
        }
        Err(e) if e.io_kind() == io::ErrorKind::NotADirectory => remove_file(path),
        result => optional(result).map(|_| ()),
    }
}

fn open_up(path: &Path) -> Result<()> {
    let Some(metadata) = lstat(path)? else { return Ok(()) };
    if !metadata.is_dir() {
        return Ok(());
    }
    if metadata.permissions().mode() & 0o700 != 0o700 {
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o700)).on("set the mode of", path)?;
    }
    for name in entries(path)?.unwrap_or_default() {
        open_up(&path.join(name))?;
    }
    Ok(())
}

/// Moves a file or folder to a free name, to another file system too: copied, synced, and only then removed.
pub fn relocate(from: &Path, to: &Path) -> Result<()> {
    match rename_no_replace(from, to) {
        Err(e) if e.errno() == Some(rustix::io::Errno::XDEV) => {
            let staged = parent(to).join(unique_name(OUR_PREFIX));
            copy_all(from, &staged)?;
            sync_file_system(parent(to))?;
            rename_no_replace(&staged, to)?;
            sync_dir(parent(to))?;
            remove_tree(from)
        }
        result => result,
    }
}

/// Copies a file, link or folder as it is: bytes, modes, links as links. Devices and FIFOs are errors.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let metadata = std::fs::symlink_metadata(from).on("look at", from)?;
    if metadata.is_symlink() {
        let target = std::fs::read_link(from).on("read the link", from)?;
        return symlink_new(&target, to);
    }
    if metadata.is_dir() {
        make_dir(to)?;
        for name in entries(from)?.unwrap_or_default() {
            copy_all(&from.join(&name), &to.join(&name))?;
        }
    } else {
        let (mut source, _) = open_regular(from)?;
        let mut target = create_empty(to, Mode::Private)?;
        io::copy(&mut source, &mut target).on("copy to", to)?;
    }
    let mode = rustix::fs::Mode::from_raw_mode(metadata.permissions().mode() & 0o7777);
    rustix::fs::chmod(to, mode).on("set the mode of", to)
}

/// Sets the owner-write bit pattern of one of our files.
pub fn set_mode(path: &Path, mode: Mode) -> Result<()> {
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(mode.bits())).on("set the mode of", path)
}

/// Whether its owner may execute what `metadata` describes.
pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_replaced_file_has_all_of_the_new_bytes_and_leaves_no_litter() {
        let dir = dir();
        let path = dir.path().join("a");
        replace(&path, b"one", Mode::Plain).unwrap();
        replace(&path, b"two", Mode::Plain).unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"two");
        assert_eq!(entries(dir.path()).unwrap().unwrap(), ["a"]);
    }

    #[test]
    fn a_taken_name_is_not_published_over() {
        let dir = dir();
        let path = dir.path().join("a");
        publish(&path, b"one", Mode::Private).unwrap();
        assert_eq!(publish(&path, b"two", Mode::Private).unwrap_err().io_kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path, 10).unwrap(), b"one");
        assert_eq!(entries(dir.path()).unwrap().unwrap(), ["a"]);
    }

    #[test]
    fn a_torn_last_line_is_closed_before_the_next() {
        let dir = dir();
        let path = dir.path().join("log");
        create(&path, b"{\"a\":1}\n{\"b\"", Mode::Private).unwrap();
        append_line(&path, b"{\"c\":3}").unwrap();
        assert_eq!(read(&path, 100).unwrap(), b"{\"a\":1}\n{\"b\"\n{\"c\":3}\n");
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_blocking() {
        let dir = dir();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        assert!(read(&fifo, 10).is_err());
        assert!(read(dir.path(), 10).is_err());
        let path = dir.path().join("big");
        create(&path, &[0; 11], Mode::Plain).unwrap();
        assert_eq!(read(&path, 10).unwrap_err().code(), "file-too-large");
    }

    #[test]
    fn a_lone_file_is_removed_and_nothing_is_fine() {
        let dir = dir();
        let path = dir.path().join("a");
        create(&path, b"x", Mode::Plain).unwrap();
        remove_tree(&path).unwrap();
        assert!(lstat(&path).unwrap().is_none());
        remove_tree(&path).unwrap();
    }

    #[test]
    fn folders_without_write_permission_are_removed_too() {
        let dir = dir();
        let inner = dir.path().join("a/b");
        make_dirs(&inner).unwrap();
        create(&inner.join("f"), b"", Mode::ReadOnly).unwrap();
        rustix::fs::chmod(&inner, rustix::fs::Mode::from_raw_mode(0o500)).unwrap();
        remove_tree(&dir.path().join("a")).unwrap();
        assert!(lstat(&dir.path().join("a")).unwrap().is_none());
    }

    #[test]
    fn a_copy_keeps_modes_and_links() {
        let dir = dir();
        let from = dir.path().join("from");
        make_dirs(&from.join("sub")).unwrap();
        create(&from.join("sub/run"), b"x", Mode::Executable).unwrap();
        symlink_new(Path::new("sub/run"), &from.join("link")).unwrap();
        let to = dir.path().join("to");
        copy_all(&from, &to).unwrap();
        assert!(is_executable(&lstat(&to.join("sub/run")).unwrap().unwrap()));
        assert_eq!(read_link(&to.join("link")).unwrap().unwrap(), Path::new("sub/run"));
    }
}
