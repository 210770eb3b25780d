//! The hub's use cases, a file each: they know nothing of HTTP. What a caller may not see is not there.

use std::sync::{Arc, PoisonError, RwLock};

use crate::blobs::{BlobKey, Blobs};
use crate::clock::Clock;
use crate::db::Db;
use crate::keys::KeyDir;
use crate::limits;
use crate::metrics::Metrics;
use crate::signer::Signer;

mod advisories;
mod bounded;
mod documents;
mod error;
mod install;
pub mod keys;
mod lookup;
mod manifest;
mod open;
mod publish;
mod rotate;
mod search;
mod shelf;
mod site;
mod skills;
mod state;
mod together;
mod yank;

pub use documents::{Public, Sharing, SignedQuery};
pub use error::Error;
pub use manifest::Served;
pub use open::{Founded, Opened, Parts};
pub use publish::IsNew;
pub use rotate::{Replace, Rotated, Rotation};
pub use site::{Exhibit, Index, Shipment};
pub use skills::SkillFile;
pub use yank::Floor;

/// What of the configuration the use cases need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a manifest holds, in seconds.
    pub manifest_ttl_s: u64,
    /// Where clients reach the hub, without a slash at its end.
    pub public_url: Option<String>,
    /// What serves public documents in its place, without a slash at its end.
    pub cdn_url: Option<String>,
}

/// A hub at work.
#[derive(Debug)]
pub struct App {
    db: Db,
    blobs: Blobs,
    keys: KeyDir,
    signer: RwLock<Arc<Signer>>,
    clock: Clock,
    settings: Settings,
    metrics: Arc<Metrics>,
    kept: manifest::Kept,
    making: tokio::sync::Semaphore,
    lookup: lookup::Lookup,
    in_force: advisories::Known,
    shelf: shelf::Shelf,
    shown: site::Shown,
    was_ready: tokio::sync::Mutex<Option<(jiff::Timestamp, bool)>>,
}

impl App {
    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Its time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The keys in use.
    pub fn signer(&self) -> Arc<Signer> {
        self.signer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys in use, after a look whether the root was replaced by another process. Fails when it was and the new keys
    /// are not here yet: what the old ones would sign nobody would believe.
    pub async fn current_signer(&self) -> Result<Arc<Signer>, Error> {
        let (version, envelope) = self.db.last_root().await?.ok_or(Error::NotFounded)?;
        let signer = self.signer();
        if signer.root().version == version {
            return Ok(signer);
        }
        let behind = |cause| Error::KeysBehind { version, cause: Box::new(cause) };
        let signer = Arc::new(Signer::open(&envelope, &self.keys).map_err(behind)?);
        tracing::info!(version, "the root was replaced");
        self.use_signer(signer.clone());
        Ok(signer)
    }

    /// Reads keys and root again.
    pub async fn reload(&self) -> Result<(), Error> {
        let (_, envelope) = self.db.last_root().await?.ok_or(Error::NotFounded)?;
        self.use_signer(Arc::new(Signer::open(&envelope, &self.keys)?));
        Ok(())
    }

    fn use_signer(&self, signer: Arc<Signer>) {
        self.metrics.root_expires(signer.root().expires.timestamp().as_second());
        let mut held = self.signer.write().unwrap_or_else(PoisonError::into_inner);
        // Two that saw the same root replaced may end in any order.
        if signer.root().version >= held.root().version {
            // Whoever replaced roots may have failed to put them there.
            for version in held.root().version + 1..=signer.root().version {
                self.shelf.want(BlobKey::Root(version));
            }
            *held = signer;
        }
    }

    /// Whether database and blobs answer, or how it was within the last second: everybody may ask, and as often as they like.
    /// One at a time asks them, and waits no longer than [`limits::READY_WAIT`].
    pub async fn ready(&self) -> bool {
        let mut last = self.was_ready.lock().await;
        let now = self.clock.timestamp();
        if let Some((_, ready)) = last.filter(|(at, _)| now.duration_since(*at).abs() < limits::READY_AGE) {
            return ready;
        }
        let answered = async {
            self.db.ping().await?;
            self.blobs.ping().await?;
            Ok::<_, Error>(())
        };
        let ready = match tokio::time::timeout(limits::READY_WAIT, answered).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!("not ready: {}", skillsync_core::fault::with_causes(&error));
                false
            }
            Err(_elapsed) => {
                tracing::warn!("not ready: database and blobs did not answer in time");
                false
            }
        };
        self.metrics.ready(ready);
        // From when it was known: who waited meanwhile need not ask again.
        *last = Some((self.clock.timestamp(), ready));
        ready
    }

    /// Deletes what killed processes left half written among the blobs.
    pub async fn clear_leftovers(&self) -> Result<(), Error> {
        let age = jiff::SignedDuration::from_secs(limits::LEFTOVER_AGE_S.cast_signed());
        let before = self.clock.timestamp().checked_sub(age).unwrap_or_default();
        let cleared = self.blobs.clear_leftovers(before, limits::LEFTOVERS).await?;
        if cleared > 0 {
            tracing::info!(cleared, "what was left half written is gone");
        }
        Ok(())
    }

    /// Deletes the lists that no manifest has any more.
    pub async fn clear_lists(&self) -> Result<(), Error> {
        let age = jiff::SignedDuration::from_secs(limits::LIST_AGE_S);
        let before = self.clock.timestamp().checked_sub(age).unwrap_or_default();
        self.db.clear_manifest_lists(before).await?;
        Ok(())
    }

    /// Closes the connections to the database.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
