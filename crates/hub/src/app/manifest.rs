//! The manifest of one caller: made when the catalogue changed or the last one is half through its life, else the very
//! same bytes, from memory or from the database. All processes of a hub give the same bytes for the same version.

use std::sync::Arc;

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
use crate::db::{AdvisoriesRow, Listing, ManifestHead, ManifestRow, RequestContext, Stamp, Viewer};
use crate::limits;
use crate::signer::Signer;
use crate::signer::pieces::Pieces;

mod kept;

pub(super) use kept::Kept;

/// A manifest as it is served: its envelope in pieces, which one after the other are its bytes.
#[derive(Debug, Clone)]
pub struct Served {
    /// The digest of its envelope.
    pub digest: EnvelopeDigest,
    /// The envelope.
    pub pieces: [Bytes; 3],
}

impl Served {
    fn of(digest: EnvelopeDigest, pieces: Pieces, list: Bytes) -> Self {
        Self { digest, pieces: [pieces.head, list, pieces.tail] }
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
    pub async fn manifest(&self, caller: &Caller) -> Result<Served, Error> {
        caller.require(&Scope::Read)?;
        let mut context = self.whole_context(caller).await?;
        let now = self.clock.timestamp();
        let in_force = standing(&context, now);
        let cached = in_force.and_then(|head| self.kept.manifest(&caller.audience, head.sha256));
        if let Some((digest, pieces)) = cached
            && let Some(served) = self.assembled(digest, pieces).await?
        {
            self.metrics.manifest("cached");
            return Ok(served);
        }
        // It is never closed.
        let _place = self.making.acquire().await.ok();
        for attempt in 0..limits::RACE_TRIES {
            if attempt > 0 {
                context = self.fresh_context(caller).await?;
            }
            let row = self.db.manifest(&caller.audience).await?;
            let standing = row.as_ref().filter(|row| holds(&row.head(), context.generation, now));
            let made = match standing {
                Some(row) => Some(("stored", row.sha256, row.pieces.clone())),
                None => self.issue(caller, &context, row.as_ref()).await?,
            };
            let Some((how, digest, pieces)) = made else { continue };
            self.kept.put_manifest(&caller.audience, digest, &pieces);
            if let Some(served) = self.assembled(digest, pieces).await? {
                self.metrics.manifest(how);
                return Ok(served);
            }
        }
        Err(Error::Raced)
    }

    /// What is known of a caller who is to be told more than that nothing changed: whoever has the newest manifest, from whatever
    /// process, must never be given the one before.
    async fn whole_context(&self, caller: &Caller) -> Result<Arc<RequestContext>, Error> {
        if caller.is_remembered { self.fresh_context(caller).await } else { Ok(caller.context.clone()) }
    }

    async fn fresh_context(&self, caller: &Caller) -> Result<Arc<RequestContext>, Error> {
        let found = self.lookup.fresh(&self.db, caller.key_id()).await.map_err(Error::Lookup)?;
        Ok(found.map_or_else(|| caller.context.clone(), |found| found.context))
    }

    /// The pieces with their list. None when the list is gone: a newer manifest has another.
    async fn assembled(&self, digest: EnvelopeDigest, pieces: Pieces) -> Result<Option<Served>, Error> {
        let list = match pieces.list {
            None => Some(Bytes::new()),
            Some(name) => match self.kept.list(&name) {
                Some(list) => Some(list),
                None => {
                    let list = self.db.manifest_list(&name).await?;
                    if let Some(list) = &list {
                        self.kept.put_list(name, list);
                    }
                    list
                }
            },
        };
        Ok(list.map(|list| Served::of(digest, pieces, list)))
    }

    /// Makes the manifest that follows `row`, or notes that `row` is still true; says which. None when somebody else was
    /// faster.
    async fn issue(
        &self,
        caller: &Caller,
        context: &RequestContext,
        row: Option<&ManifestRow>,
    ) -> Result<Option<Made>, Error> {
        let most = u32::try_from(MANIFEST_SKILLS).unwrap_or(u32::MAX);
        let viewer = Viewer { tier: context.caller.tier, ..caller.viewer() };
        let listing = self.db.listing(&viewer, most).await?;
        if listing.tier.is_some_and(|tier| tier != viewer.tier) {
            // The account was given another one since the caller was looked up: what is listed is not of this generation.
            return Ok(None);
        }
        if listing.is_cut {
            tracing::warn!(
                key = caller.key_id(),
                most,
                "a manifest holds no more: public skills are left out"
            );
        }
        // Advisories and root are looked at after the listing: if one of them is newer than its generation, the manifest is made
        // once more at the next request; the other way round it would count as current and be out of date.
        self.current_advisories().await?;
        let signer = self.current_signer().await?;
        let advisories = self.db.last_advisories().await?.ok_or(Error::NotFounded)?;
        let now = self.clock.now();
        let mut next = content(&signer, &caller.audience, &listing, &advisories)?;
        next.issued_at = now;
        next.expires = after(now, self.settings.manifest_ttl_s.min(signer.root().roles.manifest.max_ttl_s));
        if let Some(row) = row
            && is_still_true(&signer, row, &next)?
        {
            let stamp = Stamp { version: row.stamp.version, generation: listing.generation };
            if stamp != row.stamp
                && !self.db.restamp_manifest(&caller.audience, row.stamp, stamp.generation).await?
            {
                return Ok(None);
            }
            return Ok(Some(("stamped", row.sha256, row.pieces.clone())));
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
            pieces: issued.pieces,
        };
        if !self.db.put_manifest(row.map(|row| row.stamp), &made, issued.list.as_ref()).await? {
            return Ok(None);
        }
        if let (Some(name), Some(list)) = (made.pieces.list, &issued.list) {
            self.kept.put_list(name, list);
        }
        Ok(Some(("signed", made.sha256, made.pieces)))
    }
}

/// How a manifest came about, and what it is.
type Made = (&'static str, EnvelopeDigest, Pieces);

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

/// Whether the manifest in `row` says what `next` would say, under the same key, and is not half through its life.
fn is_still_true(signer: &Signer, row: &ManifestRow, next: &Manifest) -> Result<bool, Error> {
    let again = Manifest {
        version: row.stamp.version,
        issued_at: Time::of(row.issued_at),
        expires: Time::of(row.expires_at),
        ..next.clone()
    };
    // A hub that was told to give shorter lives begins at once.
    Ok(is_young(row.issued_at, row.expires_at, next.issued_at.timestamp())
        && again.ttl_s() <= next.ttl_s()
        && signer.manifest_digest(&again)? == row.sha256)
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
