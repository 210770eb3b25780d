//! Why an index cannot be used, and why what it names is not what came.

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;

use crate::limits;

/// An index cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is larger than an index may be.
    #[error("the index has {length_bytes} bytes; {} are allowed", limits::INDEX_BYTES)]
    TooLarge {
        /// Its length.
        length_bytes: usize,
    },
    /// It is not JSON.
    #[error("the index is not JSON")]
    NotJson {
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// It is JSON of another shape.
    #[error("the index is no index of skills: {problem}")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// It is of a version that is not known here.
    #[error("the index is of the schema `{schema}`, which is not known")]
    Schema {
        /// The schema, as far as it can be shown.
        schema: String,
    },
    /// It has too many skills.
    #[error("the index has {count} skills; {} are allowed", limits::INDEX_SKILLS)]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Two skills that are to be published have one name.
    #[error("`{name}` is there twice")]
    Twice {
        /// The name.
        name: SkillName,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::TooLarge { .. } | Error::TooMany { .. } => Kind::Limit,
            Error::Schema { .. } | Error::NotJson { .. } | Error::Malformed { .. } | Error::Twice { .. } => {
                Kind::Invalid
            }
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::TooLarge { .. } | Error::TooMany { .. } => "index-too-large",
            Error::NotJson { .. } => "index-not-json",
            Error::Malformed { .. } => "index-malformed",
            Error::Schema { .. } => "index-schema-unknown",
            Error::Twice { .. } => "index-name-twice",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Schema { .. } => Some("a newer skillsync may know it; what is installed stays".to_owned()),
            Error::NotJson { .. } | Error::Malformed { .. } => {
                Some("tell the owner of the site; what is installed stays".to_owned())
            }
            Error::TooLarge { .. } | Error::TooMany { .. } => None,
            Error::Twice { .. } => Some("give one of them another name".to_owned()),
        }
    }
}

/// What came is not what the index names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not what the index says: {problem}")]
pub struct Mismatch {
    /// The skill.
    pub name: SkillName,
    /// In what it differs.
    pub problem: String,
}

impl Fault for Mismatch {
    fn kind(&self) -> Kind {
        Kind::Untrusted
    }
    fn code(&self) -> &'static str {
        "index-mismatch"
    }
    fn hint(&self) -> Option<String> {
        Some(
            "nothing of it was used; a cache may serve an older file than the index, so try again in a while"
                .to_owned(),
        )
    }
}
