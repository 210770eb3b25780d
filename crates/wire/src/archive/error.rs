//! Why an archive is refused, or cannot be made: one variant for each rule.

use std::io;

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits::{FILE_BYTES, SKILL_BYTES, SKILL_FILES, SKILL_MD_BYTES};
use skillsync_core::path::SkillPath;
use skillsync_core::{path, tree};

use crate::limits;

/// Why an archive is refused, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive does not begin as gzip does.
    #[error("the archive is not gzip")]
    NotGzip,
    /// A gzip header that says more than it may: a name, a time, a system.
    #[error("the gzip header is not the canonical one")]
    GzipHeader,
    /// The compressed bytes do not decompress.
    #[error("the compressed data is damaged")]
    Deflate,
    /// The checksum or the length at the end of the gzip member is wrong.
    #[error("the checksum at the end of the gzip member is wrong")]
    GzipTrailer,
    /// The archive ends too early.
    #[error("the archive is cut off")]
    Truncated,
    /// A second gzip member: some programs read it, and some do not.
    #[error("there is a second gzip member")]
    SecondMember,
    /// Bytes after the end.
    #[error("there are bytes after the end of the {of}")]
    BytesAfterEnd {
        /// Of what: `archive`, `gzip member`.
        of: &'static str,
    },
    /// There are not exactly two blocks of zeros at the end.
    #[error("the archive does not end with two blocks of zeros")]
    EndBlocks,
    /// The checksum of a header is wrong, or written in another way.
    #[error("the checksum of a header is wrong")]
    Checksum,
    /// A header of GNU tar or of a tar before POSIX.
    #[error("a header is not of POSIX ustar")]
    Format,
    /// An entry that is no regular file.
    #[error("an entry is {what}; only regular files are allowed")]
    EntryType {
        /// What it is.
        what: &'static str,
    },
    /// An entry that changes what other entries mean.
    #[error("an entry is {what}; extensions are not allowed")]
    Extension {
        /// What it is.
        what: &'static str,
    },
    /// A mode other than 0644 and 0755.
    #[error("the mode of an entry is not 0644 or 0755")]
    Mode,
    /// An owner or a group.
    #[error("an entry has an owner or a group")]
    Owner,
    /// A time.
    #[error("an entry has a time")]
    Time,
    /// A size that is not eleven octal digits.
    #[error("the size of an entry is not eleven octal digits")]
    Size,
    /// The target of a link, at an entry that is none.
    #[error("an entry has the target of a link")]
    LinkName,
    /// Device numbers, or bytes in a part of the header that means nothing.
    #[error("a header has bytes where there must be none")]
    Unused,
    /// A header that says what it may, and not in the one way to say it.
    #[error("the header of `{path}` is not the canonical one")]
    NotCanonical {
        /// The entry.
        path: SkillPath,
    },
    /// The space after a file is not zeros.
    #[error("the space after `{path}` is not zeros")]
    Padding {
        /// The entry.
        path: SkillPath,
    },
    /// A name that has bytes after its end.
    #[error("a name has bytes after its end")]
    Nul,
    /// A path that not every system can hold.
    #[error(transparent)]
    Path(#[from] path::Error),
    /// A path that a shell takes for somebody's home.
    #[error("path `{path}` begins with a tilde")]
    Home {
        /// The path.
        path: SkillPath,
    },
    /// A name that means something to skillsync, git or an agent.
    #[error("path `{path}` has a name that is reserved")]
    Reserved {
        /// The path.
        path: SkillPath,
    },
    /// A path that a tar header has no room for: no slash of it leaves 155 bytes before and 100 after.
    #[error("path `{path}` cannot be split to fit into an archive")]
    Unsplittable {
        /// The path.
        path: SkillPath,
    },
    /// The same path twice.
    #[error("`{path}` is there twice")]
    Twice {
        /// The path.
        path: SkillPath,
    },
    /// Entries out of order.
    #[error("`{path}` is not in its order")]
    Unsorted {
        /// The path.
        path: SkillPath,
    },
    /// The files do not make a tree: collisions, bounds, no `SKILL.md`.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// `SKILL.md` is not text.
    #[error("SKILL.md is not UTF-8")]
    SkillMdNotUtf8,
    /// `SKILL.md` is larger than an agent should load.
    #[error("SKILL.md has more than {SKILL_MD_BYTES} bytes")]
    SkillMdTooLarge,
    /// The archive is too large as it travels.
    #[error("the archive has more than {limit_bytes} bytes")]
    TooLargePacked {
        /// The bound.
        limit_bytes: u64,
    },
    /// One file is too large.
    #[error("`{path}` has {size_bytes} bytes; {FILE_BYTES} are allowed")]
    FileTooLarge {
        /// The file.
        path: SkillPath,
        /// Its size.
        size_bytes: u64,
    },
    /// All files together are too large.
    #[error("the files have more than {SKILL_BYTES} bytes")]
    TooLarge,
    /// Too many files.
    #[error("there are more than {SKILL_FILES} files")]
    TooManyFiles,
    /// So few bytes that become so many are made to harm.
    #[error("one byte becomes more than {} bytes", limits::RATIO)]
    Ratio,
    /// What came is not what the release promises.
    #[error("the {field} is not what the release says")]
    Mismatch {
        /// What differs.
        field: &'static str,
    },
    /// The archive was refused before.
    #[error("the archive was refused before its end")]
    Refused,
    /// A file to pack is not the one that the tree names.
    #[error("`{path}` changed while it was packed")]
    Changed {
        /// The file.
        path: SkillPath,
    },
    /// A file to pack could not be had.
    #[error("`{path}` cannot be read")]
    Source {
        /// The file.
        path: SkillPath,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes of the archive could not be had.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Tree(e) => e.kind(),
            Error::SkillMdTooLarge
            | Error::TooLargePacked { .. }
            | Error::FileTooLarge { .. }
            | Error::TooLarge
            | Error::TooManyFiles
            | Error::Ratio => Kind::Limit,
            Error::Mismatch { .. } => Kind::Untrusted,
            Error::Changed { .. } => Kind::Conflict,
            Error::Source { .. } | Error::Read(_) => Kind::Io,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Path(e) => e.code(),
            Error::Tree(e) => e.code(),
            Error::NotGzip | Error::Deflate | Error::GzipTrailer | Error::Truncated | Error::Refused => {
                "archive-damaged"
            }
            Error::EntryType { .. } | Error::Extension { .. } => "archive-entry-type",
            Error::Home { .. } | Error::Reserved { .. } => "archive-path-reserved",
            Error::Unsplittable { .. } => "archive-path-too-long",
            Error::Twice { .. } => "path-collision",
            Error::SkillMdNotUtf8 => "skill-md-not-utf8",
            Error::SkillMdTooLarge => "skill-md-too-large",
            Error::FileTooLarge { .. } => "file-too-large",
            Error::TooLarge => "skill-too-large",
            Error::TooManyFiles => "too-many-files",
            Error::TooLargePacked { .. } => "archive-too-large",
            Error::Ratio => "archive-ratio",
            Error::Mismatch { .. } => "trust-mismatch",
            Error::Changed { .. } => "archive-source-changed",
            Error::Source { .. } | Error::Read(_) => "io-error",
            _ => "archive-not-canonical",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Path(e) => e.hint(),
            Error::Tree(e) => e.hint(),
            Error::Home { .. } | Error::Reserved { .. } => Some("rename it or leave it out".to_owned()),
            Error::Unsplittable { .. } => Some("shorten the names of its folders".to_owned()),
            Error::Changed { .. } => Some("run again".to_owned()),
            _ => None,
        }
    }
}
