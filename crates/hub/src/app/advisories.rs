//! Advisories: what must not be used any more, signed anew when that changes and before half of their life is over.

use skillsync_wire::advisories::{Advisories, Revocation};
use skillsync_wire::json::Time;
use skillsync_wire::limits::ADVISORIES_TTL_S;
use skillsync_wire::text::Line;

use super::manifest::half;
use super::{App, Error};
use crate::blobs::{BlobKey, Blobs};
use crate::clock::after;
use crate::db::{AdvisoriesRow, Restrictions};
use crate::limits;
use crate::signer::{Releases, Signer, read_own};

/// What stands for a reason that nobody gave.
const NO_REASON: &str = "revoked";

impl App {
    /// The advisories in force, made now where they are not of the newest state, are half through their life, or were
    /// signed by a key that was replaced.
    pub(super) async fn current_advisories(&self) -> Result<AdvisoriesRow, Error> {
        for _ in 0..limits::RACE_TRIES {
            let signer = self.current_signer().await?;
            let restrictions = self.db.restrictions().await?;
            let last = self.db.last_advisories().await?;
            if let Some(last) = last.filter(|last| self.is_in_force(&signer, last, &restrictions)) {
                return Ok(last);
            }
            let row = next(signer.releases(), &restrictions, self.clock.now())?;
            store(&self.blobs, &row).await?;
            if self.db.put_advisories(&row, signer.root().version).await? {
                return Ok(row);
            }
        }
        Err(Error::Raced)
    }

    fn is_in_force(&self, signer: &Signer, last: &AdvisoriesRow, restrictions: &Restrictions) -> bool {
        let Ok(signers) = signer.root().release_signers() else { return false };
        let Ok(document) = read_own::<Advisories>(&last.envelope, &signers) else { return false };
        let now = self.clock.timestamp();
        let made = document.expires.timestamp().as_second() - seconds(ADVISORIES_TTL_S);
        let made = jiff::Timestamp::from_second(made).unwrap_or_default();
        last.warnings == restrictions.warnings && now < half(made, last.expires_at)
    }
}

/// Stores the blob of advisories. It is named by its number, so a number that two made at the same time is of the one that
/// the database took: the hub itself serves from there, and the blob is put right.
pub(super) async fn store(blobs: &Blobs, row: &AdvisoriesRow) -> Result<(), Error> {
    blobs.put(&BlobKey::Advisories(row.version), row.envelope.clone().into()).await?;
    Ok(())
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
