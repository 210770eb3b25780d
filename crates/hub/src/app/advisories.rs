//! Advisories: what must not be used any more, signed anew when that changes and before half of their life is over.

use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;
use skillsync_wire::advisories::{Advisories, Revocation};
use skillsync_wire::json::Time;
use skillsync_wire::limits::ADVISORIES_TTL_S;
use skillsync_wire::text::Line;

use super::manifest::is_young;
use super::{App, Error, Public};
use crate::blobs::BlobKey;
use crate::clock::after;
use crate::db::{AdvisoriesHead, AdvisoriesRow, Restrictions};
use crate::limits;
use crate::signer::{Releases, Signer, read_own};

/// What stands for a reason that nobody gave.
const NO_REASON: &str = "revoked";

/// Advisories as they are shared.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    version: u64,
    /// What everybody gets.
    pub(super) public: Public,
}

impl Shared {
    /// The name of their blob.
    pub(super) fn key(&self) -> BlobKey {
        BlobKey::Advisories(self.version)
    }

    fn of(row: &AdvisoriesRow) -> Self {
        let envelope = Bytes::copy_from_slice(&row.envelope);
        Self { version: row.version, public: Public { digest: row.sha256, envelope } }
    }
}

/// The advisories that this process found in force. They count only while the database says the same of them.
#[derive(Debug, Default)]
pub(super) struct Known(RwLock<Option<Verified>>);

#[derive(Debug)]
struct Verified {
    head: AdvisoriesHead,
    /// From when they hold until when.
    life: (Timestamp, Timestamp),
    shared: Shared,
}

impl App {
    /// The advisories in force, made now where they are not of the newest state, are half through their life, or were
    /// signed by a key that was replaced. Everybody may ask for them, so those that were verified are kept.
    pub(super) async fn current_advisories(&self) -> Result<Shared, Error> {
        if let Some(head) = self.db.advisories_head().await? {
            let known = self.in_force.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = known.as_ref().filter(|known| known.head == head && self.young(known.life)) {
                return Ok(known.shared.clone());
            }
        }
        for _ in 0..limits::RACE_TRIES {
            let signer = self.current_signer().await?;
            let restrictions = self.db.restrictions().await?;
            let last = self.db.last_advisories().await?;
            let in_force = last.and_then(|last| Some((self.in_force(&signer, &last, &restrictions)?, last)));
            if let Some((life, last)) = in_force {
                let head = AdvisoriesHead {
                    root_version: signer.root().version,
                    warnings: last.warnings,
                    sha256: last.sha256,
                };
                return Ok(self.keep_shared(Verified { head, life, shared: Shared::of(&last) }));
            }
            let row = next(signer.releases(), &restrictions, self.clock.now())?;
            // Whoever was faster is found above on the next turn.
            if self.db.put_advisories(&row, signer.root().version).await? {
                self.shelf.want(BlobKey::Advisories(row.version));
            }
        }
        Err(Error::Raced)
    }

    /// The life of these advisories, if they are in force and need no others yet.
    fn in_force(
        &self,
        signer: &Signer,
        last: &AdvisoriesRow,
        restrictions: &Restrictions,
    ) -> Option<(Timestamp, Timestamp)> {
        let signers = signer.root().release_signers().ok()?;
        let document = read_own::<Advisories>(&last.envelope, &signers).ok()?;
        let made = document.expires.timestamp().as_second() - seconds(ADVISORIES_TTL_S);
        let life = (Timestamp::from_second(made).unwrap_or_default(), last.expires_at);
        (last.warnings == restrictions.warnings && self.young(life)).then_some(life)
    }

    fn young(&self, (from, to): (Timestamp, Timestamp)) -> bool {
        is_young(from, to, self.clock.timestamp())
    }

    /// Keeps in memory what the database has, and has it put into the blobs. Whoever asked does not wait for those.
    fn keep_shared(&self, verified: Verified) -> Shared {
        let shared = verified.shared.clone();
        *self.in_force.0.write().unwrap_or_else(PoisonError::into_inner) = Some(verified);
        self.shelf.want(shared.key());
        shared
    }
}

/// The advisories that say `restrictions`.
pub(super) fn next(
    signer: &Releases,
    restrictions: &Restrictions,
    now: Time,
) -> Result<AdvisoriesRow, Error> {
    let revocation = |revoked: &crate::db::Revoked| {
        let reason = Line::parse(&revoked.reason).or_else(|_| Line::parse(NO_REASON));
        Ok(Revocation {
            slug: revoked.slug.clone(),
            release: revoked.release_sha256,
            reason: reason.map_err(|rule| Error::Field { field: "reason", rule })?,
        })
    };
    let document = Advisories {
        version: restrictions.last_version + 1,
        expires: after(now, ADVISORIES_TTL_S),
        revoked: restrictions.revoked.iter().map(revocation).collect::<Result<_, Error>>()?,
        floors: restrictions.floors.clone(),
    };
    let issued = signer.advisories(&document)?;
    Ok(AdvisoriesRow {
        version: document.version,
        warnings: restrictions.warnings,
        expires_at: document.expires.timestamp(),
        sha256: issued.digest,
        envelope: issued.envelope,
    })
}

fn seconds(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
