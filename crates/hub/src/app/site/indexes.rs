//! The bytes of open indexes: the newest, and those that were replaced while somebody is being sent them. Where there is no room
//! for all, the oldest give way, so that no reader keeps a newer one back.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use bytes::Bytes;
use skillsync_core::digest::FileDigest;

/// An index.
#[derive(Debug)]
pub struct Index {
    digest: FileDigest,
    size_bytes: usize,
    /// None once it gave way.
    bytes: RwLock<Option<Vec<u8>>>,
}

impl Index {
    /// The digest of its bytes.
    pub(super) fn digest(&self) -> FileDigest {
        self.digest
    }

    /// Its size.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// A copy of these bytes of it; none once it gave way to newer ones. Whoever is sent it piece by piece holds nothing else
    /// of it.
    pub fn piece(&self, at: Range<usize>) -> Option<Bytes> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        bytes.as_ref().and_then(|bytes| bytes.get(at)).map(Bytes::copy_from_slice)
    }
}

/// All that are in memory, the newest first.
#[derive(Debug)]
pub(super) struct Indexes {
    most_bytes: usize,
    held: Mutex<Vec<Weak<Index>>>,
}

impl Indexes {
    /// Room for so many bytes, which must be more than the newest have.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, held: Mutex::default() }
    }

    /// The index of these bytes, as the newest one: the same as before where it is in memory.
    pub(super) fn newest(&self, bytes: Vec<u8>) -> Arc<Index> {
        let digest = FileDigest::of(&bytes);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Index>> = held.iter().filter_map(Weak::upgrade).collect();
        let newest = match all.iter().position(|index| index.digest == digest) {
            Some(at) => all.remove(at),
            None => Arc::new(Index { digest, size_bytes: bytes.len(), bytes: RwLock::new(Some(bytes)) }),
        };
        all.insert(0, newest.clone());
        let mut room = self.most_bytes;
        all.retain(|index| match room.checked_sub(index.size_bytes) {
            Some(rest) => {
                room = rest;
                true
            }
            None => {
                room = 0;
                index.bytes.write().unwrap_or_else(PoisonError::into_inner).take();
                false
            }
        });
        *held = all.iter().map(Arc::downgrade).collect();
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_is_being_sent_yet_gives_way_to_newer_ones() {
        let indexes = Indexes::new(100);
        let of = |byte: u8| indexes.newest(vec![byte; 40]);
        let first = of(1);
        assert!(Arc::ptr_eq(&first, &of(1)), "the same bytes are there once");
        let second = of(2);
        assert_eq!(first.piece(30..40).as_deref(), Some(&[1; 10][..]));
        assert!(Arc::ptr_eq(&first, &of(1)), "it is the newest again");
        let third = of(3);
        let there = |index: &Index| index.piece(0..40).is_some();
        assert_eq!([&first, &second, &third].map(|index| there(index)), [true, false, true]);
        let second = of(2);
        assert_eq!([&first, &second, &third].map(|index| there(index)), [false, true, true]);
        // What nobody is being sent takes no room.
        drop(second);
        let fourth = of(4);
        assert_eq!([&third, &fourth].map(|index| there(index)), [true, true]);
    }
}
