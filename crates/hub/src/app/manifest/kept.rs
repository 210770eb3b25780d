//! What this process served last, in memory: manifests without their lists, and the lists, which many of them have. A manifest
//! counts only while its digest is the one that the database has; a list is named by its own.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::text::Audience;

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
        manifests.values.get(audience).filter(|(kept, _)| *kept == digest).cloned()
    }

    pub(super) fn put_manifest(&self, audience: &Audience, digest: EnvelopeDigest, pieces: &Pieces) {
        let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |(_, pieces): &(_, Pieces)| pieces.head.len() + pieces.tail.len();
        manifests.put(audience.clone(), (digest, pieces.clone()), size);
    }

    pub(super) fn list(&self, name: &ListDigest) -> Option<Bytes> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).values.get(name).cloned()
    }

    pub(super) fn put_list(&self, name: ListDigest, list: &Bytes) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).put(name, list.clone(), Bytes::len);
    }
}

/// Values bounded in number and bytes.
#[derive(Debug)]
struct Bounded<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    fn new(most: usize, most_bytes: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), bytes: 0, most, most_bytes }
    }

    fn put(&mut self, key: K, value: V, size_bytes: impl Fn(&V) -> usize) {
        self.bytes += size_bytes(&value);
        match self.values.insert(key.clone(), value) {
            Some(before) => self.bytes -= size_bytes(&before),
            None => self.order.push_back(key),
        }
        // The one that came first goes first: whoever polls comes back in the same order.
        while self.values.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(gone) = self.values.remove(&oldest) {
                self.bytes -= size_bytes(&gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let mut kept = Bounded::new(3, 10);
        let mut put = |key: u8, size: usize| {
            kept.put(key, vec![0; size], |value: &Vec<u8>| value.len());
            let mut keys: Vec<u8> = kept.values.keys().copied().collect();
            keys.sort_unstable();
            assert_eq!(kept.bytes, kept.values.values().map(Vec::len).sum::<usize>());
            keys
        };
        assert_eq!(put(1, 2), [1]);
        assert_eq!(put(2, 2), [1, 2]);
        assert_eq!(put(1, 4), [1, 2], "in the place of the one before");
        assert_eq!(put(3, 1), [1, 2, 3]);
        assert_eq!(put(4, 1), [2, 3, 4], "no more than three");
        assert_eq!(put(5, 9), [4, 5], "and no more than ten bytes");
        assert!(put(6, 11).is_empty(), "what is larger than all room is not kept");
    }
}
