//! Why a blob could not be stored or read.

use std::io;

use skillsync_core::fault::{Fault, Kind};

use super::BlobKey;

/// Why a blob could not be stored or read. What it says is for the log: no caller of the hub sees more than its kind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The place for blobs is not described rightly.
    #[error("blobs cannot be kept there: {reason}")]
    Place {
        /// What is wrong.
        reason: String,
    },
    /// The storage cannot be reached.
    #[error("the storage of blobs cannot be reached")]
    Offline {
        /// What it said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The storage does not let the hub in.
    #[error("the storage of blobs refuses the hub")]
    Refused {
        /// What it said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// There is no room left.
    #[error("the disk for blobs is full")]
    Full {
        /// What the system said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A stored blob is not what its name says.
    #[error("the blob `{path}` is damaged: {reason}")]
    Damaged {
        /// Where it lies.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A blob that the database names is not there.
    #[error("the blob `{path}` is lost")]
    Lost {
        /// Where it lay.
        path: String,
    },
    /// What was to be stored is not what its name says.
    #[error("the bytes for `{path}` are not of its digest, or too many")]
    Misnamed {
        /// Where they were to lie.
        path: String,
    },
    /// It failed in another way.
    #[error("the storage of blobs failed")]
    Failed {
        /// What it said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The folder for blobs failed.
    #[error("the folder for blobs failed")]
    Folder {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Place { .. } | Error::Misnamed { .. } => Kind::Invalid,
            Error::Offline { .. } => Kind::Offline,
            Error::Refused { .. }
            | Error::Full { .. }
            | Error::Damaged { .. }
            | Error::Lost { .. }
            | Error::Failed { .. }
            | Error::Folder { .. } => Kind::Io,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Place { .. } => "blobs-place-invalid",
            Error::Offline { .. } => "blobs-offline",
            Error::Refused { .. } => "blobs-refused",
            Error::Full { .. } => "blobs-full",
            Error::Damaged { .. } => "blob-damaged",
            Error::Lost { .. } => "blob-lost",
            Error::Misnamed { .. } => "blob-misnamed",
            Error::Failed { .. } | Error::Folder { .. } => "blobs-failed",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Place { .. } => Some(
                "for example a folder, or `s3://BUCKET/PREFIX` with its endpoint and credentials".to_owned(),
            ),
            Error::Refused { .. } => {
                Some("check the credentials, and that they may read and write there".to_owned())
            }
            Error::Full { .. } => Some("make room; nothing was half written".to_owned()),
            _ => None,
        }
    }
}

impl Error {
    /// A blob has other bytes than its name says.
    pub(super) fn misread(key: &BlobKey) -> Self {
        Error::Damaged { path: key.path(), reason: "its bytes are not those of its digest" }
    }

    /// What an error of a storage means. `is_remote` says whether a network is between.
    pub(super) fn of(error: object_store::Error, is_remote: bool) -> Self {
        let source = Box::new(error);
        if is_full(&*source) {
            return Error::Full { source };
        }
        match &*source {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Error::Refused { source }
            }
            object_store::Error::Generic { .. } if is_remote => Error::Offline { source },
            _ => Error::Failed { source },
        }
    }
}

fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    })
}
