//! The manifest of one caller: made when the catalogue changed or the last one is half through its life, else the very
//! same bytes, from memory or from the database. All processes of a hub give the same bytes for the same version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::json::Time;
use skillsync_wire::limits::MANIFEST_SKILLS;
use skillsync_wire::manifest::{AdvisoriesRef, Entry, Manifest, ReleaseRef, Removed, TarballRef};
use skillsync_wire::text::{Audience, Line};

use super::keys::{Caller, Scope};
use super::{App, Error};
use crate::clock::after;
use crate::db::{AdvisoriesRow, Listing, ManifestRow, Stamp};
use crate::limits;
use crate::signer::{Signer, read_own};

/// A manifest as it is served.
#[derive(Debug, Clone)]
pub struct Served {
    stamp: Stamp,
    refresh_at: Timestamp,
    /// The digest of its envelope.
    pub digest: EnvelopeDigest,
    /// Its envelope.
    pub envelope: Bytes,
}

/// The newest manifests that this process served. What is in it counts only with the stamp that the database has.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    served: HashMap<Audience, Arc<Served>>,
    order: VecDeque<Audience>,
    bytes: usize,
}

impl Cache {
    fn get(&self, audience: &Audience) -> Option<Arc<Served>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).served.get(audience).cloned()
    }

    fn put(&self, audience: &Audience, served: &Arc<Served>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += served.envelope.len();
        match kept.served.insert(audience.clone(), served.clone()) {
            Some(before) => kept.bytes -= before.envelope.len(),
            None => kept.order.push_back(audience.clone()),
        }
        // The one that came first goes first: whoever polls comes back in the same order.
        while kept.served.len() > limits::CACHED_MANIFESTS || kept.bytes > limits::CACHED_MANIFEST_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(gone) = kept.served.remove(&oldest) {
                kept.bytes -= gone.envelope.len();
            }
        }
    }
}

impl App {
    /// The manifest of `caller`.
    pub async fn manifest(&self, caller: &Caller) -> Result<Arc<Served>, Error> {
        caller.require(&Scope::Read)?;
        let (stamp, generation) = (caller.context.manifest, caller.context.generation);
        let now = self.clock.timestamp();
        let is_current = |served: &Served| {
            Some(served.stamp) == stamp && served.stamp.generation == generation && now < served.refresh_at
        };
        if let Some(served) = self.cache.get(&caller.audience).filter(|served| is_current(served)) {
            self.metrics.manifest("cached");
            return Ok(served);
        }
        let mut row = self.db.manifest(&caller.audience).await?;
        if let Some(row) = &row {
            let served = self.served(row);
            if is_current(&served) {
                self.metrics.manifest("stored");
                return Ok(self.keep(caller, served));
            }
        }
        for _ in 0..limits::RACE_TRIES {
            if let Some(served) = self.issue(caller, row.as_ref()).await? {
                return Ok(self.keep(caller, served));
            }
            row = self.db.manifest(&caller.audience).await?;
        }
        Err(Error::Raced)
    }

    fn keep(&self, caller: &Caller, served: Served) -> Arc<Served> {
        let served = Arc::new(served);
        self.cache.put(&caller.audience, &served);
        served
    }

    fn served(&self, row: &ManifestRow) -> Served {
        Served {
            stamp: row.stamp,
            refresh_at: half(row.issued_at, row.expires_at),
            digest: row.sha256,
            envelope: Bytes::copy_from_slice(&row.envelope),
        }
    }

    /// Makes the manifest that follows `row`, or notes that `row` is still true. None when somebody else was faster.
    async fn issue(&self, caller: &Caller, row: Option<&ManifestRow>) -> Result<Option<Served>, Error> {
        self.current_advisories().await?;
        let most = u32::try_from(MANIFEST_SKILLS).unwrap_or(u32::MAX);
        let listing = self.db.listing(&caller.viewer(), most).await?;
        // Both are read after the listing: if one of them is newer than its generation, the manifest is made once more at
        // the next request; the other way round it would count as current and be out of date.
        let signer = self.current_signer().await?;
        let advisories = self.db.last_advisories().await?.ok_or(Error::NotFounded)?;
        let now = self.clock.now();
        let mut next = content(&signer, &caller.audience, &listing, &advisories)?;
        next.issued_at = now;
        next.expires = after(now, self.settings.manifest_ttl_s.min(signer.root().roles.manifest.max_ttl_s));
        if let Some(row) = row.filter(|row| is_still_true(&signer, row, &next)) {
            let stamp = Stamp { version: row.stamp.version, generation: listing.generation };
            if stamp != row.stamp
                && !self.db.restamp_manifest(&caller.audience, row.stamp, stamp.generation).await?
            {
                return Ok(None);
            }
            self.metrics.manifest("stamped");
            return Ok(Some(self.served(&ManifestRow { stamp, ..row.clone() })));
        }
        next.version = row.map_or(1, |row| row.stamp.version + 1);
        let issued = signer.manifest(&next)?;
        let made = ManifestRow {
            audience: caller.audience.clone(),
            epoch: next.epoch,
            stamp: Stamp { version: next.version, generation: listing.generation },
            issued_at: next.issued_at.timestamp(),
            expires_at: next.expires.timestamp(),
            sha256: issued.digest,
            envelope: issued.envelope,
        };
        if !self.db.put_manifest(row.map(|row| row.stamp), &made).await? {
            return Ok(None);
        }
        self.metrics.manifest("signed");
        Ok(Some(self.served(&made)))
    }
}

/// When half of the time is over.
pub(super) fn half(from: Timestamp, to: Timestamp) -> Timestamp {
    Timestamp::from_millisecond((from.as_millisecond() + to.as_millisecond()) / 2).unwrap_or(from)
}

/// Whether the manifest in `row` says what `next` would say, under the same keys, and is not half through its life.
fn is_still_true(signer: &Signer, row: &ManifestRow, next: &Manifest) -> bool {
    let Ok(signers) = signer.root().manifest_signers() else { return false };
    let Ok(before) = read_own::<Manifest>(&row.envelope, &signers) else { return false };
    let same = Manifest {
        version: before.version,
        issued_at: before.issued_at,
        expires: before.expires,
        ..next.clone()
    };
    // A hub that was told to give shorter lives begins at once.
    *before == same
        && before.ttl_s() <= next.ttl_s()
        && next.issued_at.timestamp() < half(row.issued_at, row.expires_at)
}

/// What a manifest says, but for its version and times.
fn content(
    signer: &Signer,
    audience: &Audience,
    listing: &Listing,
    advisories: &AdvisoriesRow,
) -> Result<Manifest, Error> {
    let root = signer.root();
    let entry = |listed: &crate::db::Listed| Entry {
        slug: listed.slug.clone(),
        version: listed.version.clone(),
        seq: listed.seq,
        release: ReleaseRef { sha256: listed.release_sha256, size_bytes: listed.release_size },
        tarball: TarballRef { sha256: listed.tarball_sha256, size_bytes: listed.size_bytes },
        pin: None,
    };
    let removed = |lost: &crate::db::Lost| {
        let reason = Line::parse(lost.loss.as_str());
        Ok(Removed {
            slug: lost.slug.clone(),
            reason: reason.map_err(|rule| Error::Field { field: "reason", rule })?,
        })
    };
    let epoch_start = Time::of(Timestamp::UNIX_EPOCH);
    Ok(Manifest {
        hub: signer.hub().clone(),
        aud: audience.clone(),
        epoch: root.roles.manifest.epoch,
        version: 1,
        issued_at: epoch_start,
        expires: epoch_start,
        root_version: root.version,
        advisories: AdvisoriesRef {
            version: advisories.version,
            sha256: advisories.sha256,
            size_bytes: advisories.envelope.len() as u64,
        },
        skills: listing.skills.iter().map(entry).collect(),
        removed: listing.lost.iter().map(removed).collect::<Result<_, Error>>()?,
    })
}
