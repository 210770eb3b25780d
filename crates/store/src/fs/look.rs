//! Looking at the disk: bounded reads, entries, links, and the evidence that nothing changed. Changes nothing.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::{Context, DirStamp, Error, FileStamp, Result, optional};

/// Reads at most `limit_bytes` of a regular file. A larger one, a folder, a FIFO or a device is an error: opening
/// never blocks.
pub fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>> {
    let (mut file, metadata) = open_regular(path)?;
    if metadata.len() > limit_bytes {
        return Err(too_large(path, &format!("it has {} bytes; {limit_bytes} are allowed", metadata.len())));
    }
    // In one piece, as long as the file is as large as it says: `read_to_end` would begin with small ones. The byte more
    // finds out whether it is.
    let mut bytes = vec![0; metadata.len() as usize + 1];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::new("read", path, e)),
        }
    }
    let has_grown = filled == bytes.len();
    bytes.truncate(filled);
    if has_grown {
        let rest = (limit_bytes + 1).saturating_sub(filled as u64);
        Read::by_ref(&mut file).take(rest).read_to_end(&mut bytes).on("read", path)?;
    }
    if bytes.len() as u64 > limit_bytes {
        return Err(too_large(path, &format!("it has more than {limit_bytes} bytes, which are allowed")));
    }
    Ok(bytes)
}

fn too_large(path: &Path, problem: &str) -> Error {
    Error::new("read", path, io::Error::new(io::ErrorKind::FileTooLarge, problem))
}

/// Opens a file to read, without blocking on what is none.
pub fn open(path: &Path) -> Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(path).on("open", path)
}

/// Opens a regular file to read; refuses everything else.
pub fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    let file = open(path)?;
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

/// The real path that `path` has or would have once it is made: links and `..` of what is there are followed by the
/// disk, what is not there yet counts by its text. `path` is absolute.
pub fn resolved(path: &Path) -> Result<PathBuf> {
    if let Some(real) = real_path(path)? {
        return Ok(real);
    }
    let mut so_far = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            // What is so far is real where it exists, so that the folder above it is the one its text says.
            Component::ParentDir => {
                so_far.pop();
            }
            part => {
                so_far.push(part);
                so_far = real_path(&so_far)?.unwrap_or(so_far);
            }
        }
    }
    Ok(so_far)
}

/// Whether its owner may execute what `metadata` describes.
pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o100 != 0
}

/// Whether nobody but its owner may read what `metadata` describes.
pub fn is_private(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o077 == 0
}
