//! The manifest of one caller: made when the catalogue changed or the last one is half through its life, else the very
//! same bytes, from memory or from the database. All processes of a hub give the same bytes for the same version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::json::Time;
use skillsync_wire::limits::{CLOCK_SKEW_S, MANIFEST_SKILLS};
use skillsync_wire::manifest::{AdvisoriesRef, Entry, Manifest, ReleaseRef, Removed, TarballRef};
use skillsync_wire::text::{Audience, Line};

use super::keys::{Caller, Scope};
use super::{App, Error};
use crate::clock::after;
use crate::db::{AdvisoriesRow, Listing, ManifestHead, ManifestRow, RequestContext, Stamp};
use crate::limits;
use crate::signer::{Signer, read_own};

/// A manifest as it is served.
#[derive(Debug, Clone)]
pub struct Served {
    /// The digest of its envelope.
    pub digest: EnvelopeDigest,
    /// Its envelope.
    pub envelope: Bytes,
}

/// The newest manifests that this process served. What is in it counts only while its digest is the one that the database
/// has.
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
    /// The digest of the manifest of `caller`, where the last one still holds. It costs nothing but what is known of the
    /// caller already: whoever has that manifest needs no other answer, and neither memory nor the database is asked for it.
    pub fn standing_manifest(&self, caller: &Caller) -> Result<Option<EnvelopeDigest>, Error> {
        caller.require(&Scope::Read)?;
        let head = standing(&caller.context, self.clock.timestamp());
        Ok(head.map(|head| head.sha256))
    }

    /// The manifest of `caller`.
    pub async fn manifest(&self, caller: &Caller) -> Result<Arc<Served>, Error> {
        caller.require(&Scope::Read)?;
        let (context, now) = (&caller.context, self.clock.timestamp());
        let in_force = standing(context, now);
        let cached = self.cache.get(&caller.audience);
        if let Some(served) =
            cached.filter(|served| in_force.is_some_and(|head| head.sha256 == served.digest))
        {
            self.metrics.manifest("cached");
            return Ok(served);
        }
        let mut row = self.db.manifest(&caller.audience).await?;
        if let Some(row) = row.as_ref().filter(|row| holds(&row.head(), context.generation, now)) {
            self.metrics.manifest("stored");
            return Ok(self.keep(caller, served(row)));
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

    /// Makes the manifest that follows `row`, or notes that `row` is still true. None when somebody else was faster.
    async fn issue(&self, caller: &Caller, row: Option<&ManifestRow>) -> Result<Option<Served>, Error> {
        self.current_advisories().await?;
        let most = u32::try_from(MANIFEST_SKILLS).unwrap_or(u32::MAX);
        let listing = self.db.listing(&caller.viewer(), most).await?;
        if listing.is_cut {
            tracing::warn!(
                key = caller.key_id(),
                most,
                "a manifest holds no more: public skills are left out"
            );
        }
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
            return Ok(Some(served(row)));
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
        Ok(Some(served(&made)))
    }
}

fn served(row: &ManifestRow) -> Served {
    Served { digest: row.sha256, envelope: Bytes::copy_from_slice(&row.envelope) }
}

/// The newest manifest of who asks, where it holds.
fn standing(context: &RequestContext, now: Timestamp) -> Option<ManifestHead> {
    context.manifest.filter(|head| holds(head, context.generation, now))
}

/// Whether a manifest may be given once more: it is true of the catalogue as it is, which a new root and new advisories
/// change too, and it is not half through its life.
fn holds(head: &ManifestHead, generation: u64, now: Timestamp) -> bool {
    head.stamp.generation == generation && is_young(head.issued_at, head.expires_at, now)
}

/// Whether less than half of a life is over that has begun. One that begins later was signed while the clock was ahead:
/// clients refuse it, and it would stand for as long as the clock was wrong.
pub(super) fn is_young(from: Timestamp, to: Timestamp, now: Timestamp) -> bool {
    let ahead_s = from.as_second().saturating_sub(now.as_second());
    ahead_s <= CLOCK_SKEW_S.cast_signed() && now < half(from, to)
}

/// When half of the time is over.
fn half(from: Timestamp, to: Timestamp) -> Timestamp {
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
        && is_young(row.issued_at, row.expires_at, next.issued_at.timestamp())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_holds_for_one_state_of_the_catalogue_and_half_of_its_life() {
        let at = |second| Timestamp::from_second(1_790_000_000_i64 + second).unwrap();
        let head = ManifestHead {
            stamp: Stamp { version: 3, generation: 7 },
            issued_at: at(0),
            expires_at: at(100),
            sha256: EnvelopeDigest::of(b""),
        };
        let installed = ManifestHead { stamp: Stamp { generation: 0, ..head.stamp }, ..head };
        for (head, generation, now, expected) in [
            (head, 7, at(0), true),
            // A clock that is a little behind, and one that was far ahead and was put right.
            (head, 7, at(-300), true),
            (head, 7, at(-301), false),
            (head, 7, at(49), true),
            (head, 7, at(50), false),
            (head, 7, at(1_000), false),
            // A change of the catalogue, of the root, or of the advisories.
            (head, 8, at(0), false),
            // A database that was put back to an older state.
            (head, 6, at(0), false),
            (installed, 7, at(0), false),
        ] {
            assert_eq!(holds(&head, generation, now), expected, "{head:?} at {now} of {generation}");
        }
    }
}
