//! Archives that turned out to be damaged, each for a while: nobody reads one again and again meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use skillsync_core::digest::ArchiveDigest;
use skillsync_wire::limits::INDEX_SKILLS;

use crate::app::Error;
use crate::app::bounded::Bounded;
use crate::blobs::{self, BlobKey};
use crate::limits;

/// See the head of this file. Clones share what they know.
#[derive(Debug, Clone)]
pub(super) struct Damaged(Arc<Mutex<Bounded<ArchiveDigest, Timestamp>>>);

impl Default for Damaged {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Bounded::new(INDEX_SKILLS, usize::MAX))))
    }
}

impl Damaged {
    /// When the archive was found to be damaged, if it was.
    pub(super) fn found_at(&self, archive: ArchiveDigest) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&archive).copied()
    }

    /// Fails where the archive was found to be damaged not long before `now`.
    pub(super) fn check(&self, archive: ArchiveDigest, now: Timestamp) -> Result<(), Error> {
        match self.found_at(archive) {
            Some(at) if now.duration_since(at).abs() < limits::DAMAGED_FOR => Err(damaged(archive)),
            _ => Ok(()),
        }
    }

    /// Notes it of an archive of which a look at `now` found this, if it found damage.
    pub(super) fn note<T>(&self, archive: ArchiveDigest, now: Timestamp, found: &Result<T, Error>) {
        if let Err(Error::Blobs(blobs::Error::Damaged { .. })) = found {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).put(archive, now, |_| 0);
        }
    }
}

/// An archive that is not what its digest or its release says.
pub(super) fn damaged(archive: ArchiveDigest) -> Error {
    let path = BlobKey::Tarball(archive).path();
    blobs::Error::Damaged { path, reason: "it is not the archive of its release" }.into()
}
