//! What can go wrong in a use case.

use std::sync::Arc;

use semver::Version;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::Tier;
use skillsync_wire::text::Hub;

use crate::{blobs, db, gate, keys, secret, signer};

/// Why a use case was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// The database, at a question that several callers had together.
    #[error(transparent)]
    Lookup(Arc<db::Error>),
    /// Work that several callers waited for together.
    #[error(transparent)]
    Together(Arc<Error>),
    /// The blobs.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    /// Something cannot be signed.
    #[error(transparent)]
    Signer(#[from] signer::Error),
    /// The keys of the roles.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] secret::Error),
    /// An upload is not let in.
    #[error(transparent)]
    Gate(#[from] gate::Error),
    /// No such skill, or none that this caller may see.
    #[error("there is no skill `{slug}`")]
    SkillNotFound {
        /// The skill.
        slug: SkillName,
    },
    /// No such version, or every version is yanked.
    #[error("`{slug}` has no {}", wanted(.version))]
    VersionNotFound {
        /// The skill.
        slug: SkillName,
        /// The version that was asked for; none for any.
        version: Option<Version>,
    },
    /// No such file in a version.
    #[error("`{slug}` has no file of this path")]
    FileNotFound {
        /// The skill.
        slug: SkillName,
    },
    /// No such document, or none that this caller may fetch.
    #[error("there is no such document")]
    DocumentNotFound,
    /// Nothing that the open indexes name is there, or nothing that is public.
    #[error("the open index names nothing at this address")]
    NotInIndex,
    /// The caller sees it and may not have it.
    #[error("`{slug}` is for accounts of tier `{required}`")]
    TierTooLow {
        /// The skill.
        slug: SkillName,
        /// The tier that would be enough.
        required: Tier,
    },
    /// The key may not do this.
    #[error("the key may not do this: it lacks the scope `{scope}`")]
    ScopeMissing {
        /// The scope.
        scope: String,
    },
    /// The name belongs to another account.
    #[error("the name `{slug}` belongs to another account")]
    SlugTaken {
        /// The skill.
        slug: SkillName,
    },
    /// The skill is another account's.
    #[error("`{slug}` belongs to another account")]
    NotOwner {
        /// The skill.
        slug: SkillName,
    },
    /// The version has other files.
    #[error("`{slug}` {version} is published with other files")]
    VersionTaken {
        /// The skill.
        slug: SkillName,
        /// The version.
        version: Version,
    },
    /// The version was taken back.
    #[error("`{slug}` {version} is yanked, and stays so")]
    VersionYanked {
        /// The skill.
        slug: SkillName,
        /// The version.
        version: Version,
    },
    /// The files are those of a revoked release.
    #[error("these files of `{slug}` are revoked: no release has them again")]
    FilesRevoked {
        /// The skill.
        slug: SkillName,
    },
    /// A version below the newest.
    #[error("{version} of `{slug}` does not follow {newest}, which is the newest")]
    VersionNotNewer {
        /// The skill.
        slug: SkillName,
        /// What was to be published.
        version: Version,
        /// The newest.
        newest: Version,
    },
    /// Others changed the same thing, again and again.
    #[error("others changed the same thing at the same time")]
    Raced,
    /// No such key of the interface.
    #[error("there is no key `{id}`")]
    KeyNotFound {
        /// Its id.
        id: String,
    },
    /// A key that cannot be made.
    #[error("such a key cannot be made: {reason}")]
    KeyRefused {
        /// Why not.
        reason: String,
    },
    /// An account has too many keys.
    #[error("the account `{account}` has {} keys, which is the most", crate::limits::KEYS)]
    TooManyKeys {
        /// The account.
        account: String,
    },
    /// A text that cannot be what it should be.
    #[error("`{field}` is wrong: {rule}")]
    Field {
        /// Which.
        field: &'static str,
        /// The rule.
        rule: String,
    },
    /// The hub was founded under another name.
    #[error("the hub is named {is}, not {asked}")]
    OtherName {
        /// Its name.
        is: Hub,
        /// What it was to be called.
        asked: Hub,
    },
    /// The database has no root yet.
    #[error("the database is of no hub yet")]
    NotFounded,
    /// The root was replaced, and the keys of the new one are not here.
    #[error("the keys of root {version} are not on this machine yet")]
    KeysBehind {
        /// The version of the newest root.
        version: u64,
        /// What is missing.
        #[source]
        cause: Box<signer::Error>,
    },
    /// A job of this process ended without an answer.
    #[error("a task of the hub was cut off")]
    CutOff,
}

fn wanted(version: &Option<Version>) -> String {
    match version {
        Some(version) => format!("version {version}"),
        None => "version that can be installed".to_owned(),
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Db(e) => e.kind(),
            Error::Lookup(e) => e.kind(),
            Error::Together(e) => e.kind(),
            Error::Blobs(e) => e.kind(),
            Error::Signer(e) => e.kind(),
            Error::Keys(e) => e.kind(),
            Error::Random(e) => e.kind(),
            Error::Gate(e) => e.kind(),
            Error::SkillNotFound { .. }
            | Error::VersionNotFound { .. }
            | Error::FileNotFound { .. }
            | Error::DocumentNotFound
            | Error::NotInIndex
            | Error::KeyNotFound { .. }
            | Error::NotFounded => Kind::NotFound,
            Error::TierTooLow { .. } | Error::ScopeMissing { .. } | Error::NotOwner { .. } => Kind::Denied,
            Error::SlugTaken { .. } | Error::VersionTaken { .. } => Kind::Exists,
            Error::VersionNotNewer { .. }
            | Error::VersionYanked { .. }
            | Error::FilesRevoked { .. }
            | Error::Raced
            | Error::OtherName { .. }
            | Error::TooManyKeys { .. } => Kind::Conflict,
            Error::KeyRefused { .. } | Error::Field { .. } => Kind::Invalid,
            Error::KeysBehind { .. } => Kind::Offline,
            Error::CutOff => Kind::Io,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Db(e) => e.code(),
            Error::Lookup(e) => e.code(),
            Error::Together(e) => e.code(),
            Error::Blobs(e) => e.code(),
            Error::Signer(e) => e.code(),
            Error::Keys(e) => e.code(),
            Error::Random(e) => e.code(),
            Error::Gate(e) => e.code(),
            Error::SkillNotFound { .. } => "skill-not-found",
            Error::VersionNotFound { .. } => "version-not-found",
            Error::FileNotFound { .. } => "file-not-found",
            Error::DocumentNotFound => "document-not-found",
            Error::NotInIndex => "not-in-index",
            Error::TierTooLow { .. } => "tier-too-low",
            Error::ScopeMissing { .. } => "scope-missing",
            Error::SlugTaken { .. } => "slug-taken",
            Error::NotOwner { .. } => "not-owner",
            Error::VersionTaken { .. } => "version-taken",
            Error::VersionNotNewer { .. } => "version-not-newer",
            Error::VersionYanked { .. } => "version-yanked",
            Error::FilesRevoked { .. } => "files-revoked",
            Error::Raced => "hub-raced",
            Error::KeyNotFound { .. } => "key-not-found",
            Error::KeyRefused { .. } => "key-request-invalid",
            Error::TooManyKeys { .. } => "too-many-keys",
            Error::Field { .. } => "field-invalid",
            Error::OtherName { .. } => "hub-name-differs",
            Error::NotFounded => "hub-not-founded",
            Error::KeysBehind { .. } => "hub-keys-behind",
            Error::CutOff => "io-error",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Db(e) => e.hint(),
            Error::Lookup(e) => e.hint(),
            Error::Together(e) => e.hint(),
            Error::Blobs(e) => e.hint(),
            Error::Signer(e) => e.hint(),
            Error::Keys(e) => e.hint(),
            Error::Gate(e) => e.hint(),
            Error::VersionTaken { .. } => Some("a version never changes: publish the next one".to_owned()),
            Error::FilesRevoked { .. } => Some("mend them first".to_owned()),
            Error::VersionNotNewer { .. } | Error::VersionYanked { .. } => {
                Some("leave the version out to get the next one".to_owned())
            }
            Error::Raced => Some("try again".to_owned()),
            Error::OtherName { .. } => {
                Some("a hub keeps its name: leave --name out, or use another database".to_owned())
            }
            Error::NotFounded => Some("`skillsync-hub init` makes one".to_owned()),
            Error::SlugTaken { .. } => Some("choose another name".to_owned()),
            _ => None,
        }
    }
}
