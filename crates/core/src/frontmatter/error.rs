//! Why a `SKILL.md` cannot be loaded: each case with its line and what to do. Finding out is left to the readers.

use crate::fault::{Fault, Kind};
use crate::limits;

/// Why a `SKILL.md` cannot be loaded at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no UTF-8.
    #[error("SKILL.md is not UTF-8: byte {offset} (line {line}) does not fit{}", guess.as_text())]
    NotUtf8 {
        /// Offset of the first bad byte, from 0.
        offset: usize,
        /// Its line, from 1.
        line: usize,
        /// What the file seems to be instead.
        guess: Encoding,
    },
    /// The file is larger than an agent should load.
    #[error("SKILL.md has {size_bytes} bytes; {} are allowed", limits::SKILL_MD_BYTES)]
    TooLarge {
        /// Its size.
        size_bytes: u64,
    },
    /// The frontmatter alone is too large.
    #[error("the frontmatter is larger than {} bytes", limits::FRONTMATTER_BYTES)]
    FrontmatterTooLarge,
    /// The first line is not `---`.
    #[error("SKILL.md has no frontmatter: its first line is not `---`")]
    NoFrontmatter,
    /// No later line is `---`.
    #[error("the frontmatter is not closed: no line after the first is `---`")]
    NotClosed,
    /// The frontmatter is no valid YAML.
    #[error("the frontmatter is not valid YAML: {problem}")]
    Yaml {
        /// Line in the file, from 1, where the reader knows it.
        line: Option<usize>,
        /// What the YAML reader says.
        problem: String,
    },
    /// A field is there twice.
    #[error("the frontmatter has the field `{key}` twice")]
    DuplicateKey {
        /// The field.
        key: String,
        /// Line of the second one in the file, from 1.
        line: Option<usize>,
    },
    /// Aliases, nesting or mere number of nodes exceed what a frontmatter can need.
    #[error("the frontmatter is too complex: {problem}")]
    TooComplex {
        /// Line in the file, from 1, where the reader knows it.
        line: Option<usize>,
        /// Which bound was reached.
        problem: String,
    },
    /// The frontmatter is YAML, but a list or a single value.
    #[error("the frontmatter is not a mapping of `field: value` lines")]
    NotMapping,
}

/// What bytes seem to be that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// One byte a letter: Latin-1 or Windows-1252.
    Latin1,
    /// Two bytes a letter, with a byte order mark.
    Utf16,
    /// No guess.
    Unknown,
}

impl Encoding {
    fn as_text(self) -> &'static str {
        match self {
            Encoding::Latin1 => "; it looks like Latin-1",
            Encoding::Utf16 => "; it looks like UTF-16",
            Encoding::Unknown => "",
        }
    }
}

impl Error {
    /// The line of `SKILL.md` to look at, from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            Error::NotUtf8 { line, .. } => Some(*line),
            Error::NoFrontmatter | Error::NotClosed => Some(1),
            Error::Yaml { line, .. } | Error::DuplicateKey { line, .. } | Error::TooComplex { line, .. } => {
                *line
            }
            Error::NotMapping => Some(2),
            Error::TooLarge { .. } | Error::FrontmatterTooLarge => None,
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::TooLarge { .. } | Error::FrontmatterTooLarge | Error::TooComplex { .. } => Kind::Limit,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::NotUtf8 { .. } => "skill-md-not-utf8",
            Error::TooLarge { .. } => "skill-md-too-large",
            Error::FrontmatterTooLarge => "frontmatter-too-large",
            Error::NoFrontmatter => "frontmatter-missing",
            Error::NotClosed => "frontmatter-not-closed",
            Error::Yaml { .. } => "frontmatter-not-yaml",
            Error::DuplicateKey { .. } => "frontmatter-duplicate-field",
            Error::TooComplex { .. } => "frontmatter-too-complex",
            Error::NotMapping => "frontmatter-not-mapping",
        }
    }
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::NotUtf8 { guess: Encoding::Latin1, .. } => {
                "save it as UTF-8, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
            }
            Error::NotUtf8 { guess: Encoding::Utf16, .. } => {
                "save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"
            }
            Error::NotUtf8 { .. } => "save it as UTF-8",
            Error::TooLarge { .. } => "move details into files beside it and name them in SKILL.md",
            Error::FrontmatterTooLarge => {
                "keep the description short and move the rest below the closing `---`"
            }
            Error::NoFrontmatter => {
                "begin the file with a line `---`, then `name:` and `description:`, then another line `---`"
            }
            Error::NotClosed => "put a line `---` between the frontmatter and the instructions",
            Error::Yaml { .. } => "put values with special characters in double quotes",
            Error::DuplicateKey { .. } => "remove one of them",
            Error::TooComplex { .. } => "write the values out plainly, without anchors and deep nesting",
            Error::NotMapping => "write one `field: value` a line, for example `name: pdf-tools`",
        };
        Some(hint.to_owned())
    }
}
