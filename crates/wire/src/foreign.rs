//! Archives that others packed: `.tar.gz` and `.zip`, as open indexes name them. Read within bounds, whatever program made
//! them; what could write outside a skill, or mean two things, is refused. Archives of hubs are `archive`'s.

mod tar;
mod zip;

use std::io;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits::{FILE_BYTES, SKILL_BYTES, SKILL_FILES};
use skillsync_core::path::{self, SkillPath};
use skillsync_core::tree::is_payload;

use crate::archive::{self, Entry};
use crate::limits;

/// An archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is larger than an archive may be.
    #[error("the archive has more than {} bytes", limits::FOREIGN_ARCHIVE_BYTES)]
    TooLarge,
    /// It begins as no archive does that is known here.
    #[error("it is neither a .tar.gz nor a .zip")]
    Unknown,
    /// It does not decompress.
    #[error("the archive does not decompress")]
    Damaged(#[source] io::Error),
    /// It says something of itself that is not so.
    #[error("the archive is damaged: {problem}")]
    Garbled {
        /// What is wrong.
        problem: &'static str,
    },
    /// An entry that is no file and no folder.
    #[error("the archive has {what} at `{path}`")]
    EntryType {
        /// What it is.
        what: &'static str,
        /// Where, as far as it can be shown.
        path: String,
    },
    /// A path that leads out of the skill, or that not every system can hold.
    #[error(transparent)]
    Path(#[from] path::Error),
    /// A path that means something to skillsync, git or an agent.
    #[error(transparent)]
    Reserved(#[from] archive::Error),
    /// The same path twice.
    #[error("`{path}` is there twice")]
    Twice {
        /// The path.
        path: SkillPath,
    },
    /// Too many files.
    #[error("the archive has more than {SKILL_FILES} files")]
    TooManyFiles,
    /// A file, or all of them, would be too large.
    #[error("the archive unpacks to more than {limit_bytes} bytes")]
    TooLargeUnpacked {
        /// The bound.
        limit_bytes: u64,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::TooLarge | Error::TooManyFiles | Error::TooLargeUnpacked { .. } => Kind::Limit,
            Error::Path(e) => e.kind(),
            Error::Reserved(e) => e.kind(),
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::TooLarge | Error::TooManyFiles | Error::TooLargeUnpacked { .. } => {
                "foreign-archive-too-large"
            }
            Error::Unknown => "foreign-archive-unknown",
            Error::Damaged(_) | Error::Garbled { .. } | Error::Twice { .. } => "foreign-archive-damaged",
            Error::EntryType { .. } => "foreign-archive-entry-type",
            Error::Path(e) => e.code(),
            Error::Reserved(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Path(e) => e.hint(),
            Error::Reserved(e) => e.hint(),
            _ => Some("tell the owner of the site; nothing of the archive was used".to_owned()),
        }
    }
}

/// The files of an archive, sorted by path. What kind it is its first bytes say, as servers often name it wrongly.
pub fn unpack(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    if bytes.len() as u64 > limits::FOREIGN_ARCHIVE_BYTES {
        return Err(Error::TooLarge);
    }
    let mut files = Files::default();
    match bytes {
        [0x1f, 0x8b, ..] => tar::unpack(bytes, &mut files)?,
        [b'P', b'K', ..] => zip::unpack(bytes, &mut files)?,
        _ => return Err(Error::Unknown),
    }
    let mut entries = files.entries;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(twins) = entries.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Error::Twice { path: twins[0].path.clone() });
    }
    Ok(entries)
}

/// What was unpacked so far.
#[derive(Default)]
struct Files {
    entries: Vec<Entry>,
    size_bytes: u64,
}

impl Files {
    /// Where a file of this name belongs, and that there is room for `size_bytes` of it; `None` for what is no payload:
    /// litter of file managers and of version control.
    fn place(&mut self, name: &[u8], size_bytes: u64) -> Result<Option<SkillPath>, Error> {
        let text =
            std::str::from_utf8(name).map_err(|_| path::Error::not_utf8(&String::from_utf8_lossy(name)))?;
        let mut text = text;
        while let Some(rest) = text.strip_prefix("./") {
            text = rest;
        }
        let is_litter = |part: &str| !is_payload(part) || part == "__MACOSX" || part.starts_with("._");
        let path = SkillPath::parse(text)?;
        if path.as_str().split('/').any(is_litter) {
            return Ok(None);
        }
        archive::check_name(&path)?;
        if self.entries.len() == SKILL_FILES {
            return Err(Error::TooManyFiles);
        }
        if size_bytes > FILE_BYTES {
            return Err(Error::TooLargeUnpacked { limit_bytes: FILE_BYTES });
        }
        self.size_bytes += size_bytes;
        if self.size_bytes > SKILL_BYTES {
            return Err(Error::TooLargeUnpacked { limit_bytes: SKILL_BYTES });
        }
        Ok(Some(path))
    }

    fn put(&mut self, path: SkillPath, executable: bool, bytes: Vec<u8>) {
        self.entries.push(Entry { path, executable, bytes });
    }
}

/// A name of an archive, for an error.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(120).flat_map(char::escape_debug).collect()
}
