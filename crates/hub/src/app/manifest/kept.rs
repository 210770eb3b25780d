//! What this process served last, in memory: manifests without their lists, and the lists, which many of them have. A manifest
//! counts only while its digest is the one that the database has; a list is named by its own.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::text::Audience;

use crate::app::bounded::Bounded;
use crate::limits;
use crate::signer::pieces::{ListDigest, Pieces};

/// See the head of this file.
#[derive(Debug)]
pub(in crate::app) struct Kept {
    manifests: Mutex<Bounded<Audience, (EnvelopeDigest, Pieces)>>,
    lists: Mutex<Bounded<ListDigest, Bytes>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            manifests: Mutex::new(Bounded::new(limits::CACHED_MANIFESTS, limits::CACHED_MANIFEST_BYTES)),
            lists: Mutex::new(Bounded::new(limits::CACHED_MANIFESTS, limits::CACHED_LIST_BYTES)),
        }
    }
}

impl Kept {
    /// The manifest of `audience`, if it is the one with this digest.
    pub(super) fn manifest(
        &self,
        audience: &Audience,
        digest: EnvelopeDigest,
    ) -> Option<(EnvelopeDigest, Pieces)> {
        let manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        manifests.get(audience).filter(|(kept, _)| *kept == digest).cloned()
    }

    pub(super) fn put_manifest(&self, audience: &Audience, digest: EnvelopeDigest, pieces: &Pieces) {
        let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |(_, pieces): &(_, Pieces)| pieces.head.len() + pieces.tail.len();
        manifests.put(audience.clone(), (digest, pieces.clone()), size);
    }

    pub(super) fn list(&self, name: &ListDigest) -> Option<Bytes> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn put_list(&self, name: ListDigest, list: &Bytes) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).put(name, list.clone(), Bytes::len);
    }
}
