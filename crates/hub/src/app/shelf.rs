//! The shelf: roots and advisories as they lie in the blobs for others to serve. The hub itself serves them from the
//! database, which had them first, so nobody waits for the shelf: what could not be put there is put later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use skillsync_core::fault::with_causes;

use super::Error;
use crate::blobs::{BlobKey, Blobs};
use crate::db::Db;
use crate::limits::{SHELF_RETRY, SHELF_RETRY_MOST, SHELVED};

/// Puts blobs there one after the other, out of everybody's way.
#[derive(Debug)]
pub(super) struct Shelf(Arc<Work>);

#[derive(Debug)]
struct Work {
    db: Db,
    blobs: Blobs,
    wanted: Mutex<Wanted>,
}

#[derive(Debug, Default)]
struct Wanted {
    /// What is to be put there, the oldest first. Names alone: the database has the bytes.
    keys: VecDeque<BlobKey>,
    /// Whether somebody is at it.
    is_under_way: bool,
}

impl Shelf {
    pub(super) fn new(db: Db, blobs: Blobs) -> Self {
        Self(Arc::new(Work { db, blobs, wanted: Mutex::default() }))
    }

    /// Has a root or advisories put there, and tries again until they are or this process ends: the next one puts all roots
    /// and the newest advisories when it starts. Returns at once.
    pub(super) fn want(&self, key: BlobKey) {
        let mut wanted = self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted.keys.contains(&key) {
            wanted.keys.push_back(key);
        }
        if wanted.keys.len() > SHELVED {
            wanted.keys.pop_front();
        }
        if !wanted.is_under_way {
            wanted.is_under_way = true;
            tokio::spawn(work(Arc::downgrade(&self.0)));
        }
    }
}

/// Puts what is wanted, for as long as there is a hub that wants it.
async fn work(shelf: Weak<Work>) {
    let mut pause = SHELF_RETRY;
    while let Some(shelf) = shelf.upgrade() {
        let Some(key) = shelf.next() else { return };
        match put(&shelf.db, &shelf.blobs, &key).await {
            Ok(()) => {
                shelf.done(&key);
                pause = SHELF_RETRY;
            }
            Err(error) => {
                tracing::warn!("{} is not in the blobs yet: {}", key.path(), with_causes(&error));
                shelf.later(key);
                drop(shelf);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(SHELF_RETRY_MOST);
            }
        }
    }
}

impl Work {
    /// What is to be put next. Where there is nothing, nobody is at it any more.
    fn next(&self) -> Option<BlobKey> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let next = wanted.keys.front().copied();
        wanted.is_under_way = next.is_some();
        next
    }

    /// Lets the others go first: one that cannot be put keeps none back.
    fn later(&self, key: BlobKey) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.keys.front() == Some(&key) {
            wanted.keys.rotate_left(1);
        }
    }

    fn done(&self, key: &BlobKey) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.keys.retain(|other| other != key);
    }
}

/// Puts a root or advisories there, where the database has them. They are named by their number, so only what the database
/// took may be put there.
pub(super) async fn put(db: &Db, blobs: &Blobs, key: &BlobKey) -> Result<(), Error> {
    let envelope = match key {
        BlobKey::Root(version) => db.root(*version).await?,
        BlobKey::Advisories(version) => db.advisories(*version).await?.map(|row| row.envelope),
        BlobKey::Tarball(_) | BlobKey::Release(_) => None,
    };
    if let Some(envelope) = envelope {
        blobs.put(key, Bytes::from(envelope)).await?;
    }
    Ok(())
}
