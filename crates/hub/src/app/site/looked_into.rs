//! What an index says of releases that an older hub published: found in their archives, one by one, and noted in the database.
//! Kept here is only what could not be noted there.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use skillsync_core::digest::ArchiveDigest;
use skillsync_core::fault::with_causes;
use skillsync_core::frontmatter;
use skillsync_core::tree::SKILL_MD;
use skillsync_wire::archive::Reader;
use skillsync_wire::limits::INDEX_SKILLS;

use super::Said;
use super::damaged::{Damaged, damaged};
use super::left_out::{LeftOut, Why};
use super::unpacked::fetch;
use crate::app::Error;
use crate::app::bounded::Bounded;
use crate::blobs::{self, BlobKey, Blobs};
use crate::db::{Db, OfferRow};
use crate::limits;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct LookedInto {
    /// As JSON.
    unnoted: Mutex<Bounded<ArchiveDigest, String>>,
    damaged: Damaged,
}

impl Default for LookedInto {
    fn default() -> Self {
        let unnoted = Mutex::new(Bounded::new(INDEX_SKILLS, limits::SITE_BYTES));
        Self { unnoted, damaged: Damaged::default() }
    }
}

impl LookedInto {
    /// The same rows, each with what an index says of it. Those of which the archive is lost or damaged are left out, and with
    /// the others comes until when that counts: when they are put back, nothing in the catalogue changes. Fails where an
    /// archive cannot be read for any other reason: whoever follows an index loses what is no longer in it, so that what may
    /// come back must not be missed.
    pub(super) async fn complete(
        &self,
        db: &Db,
        blobs: &Blobs,
        rows: Vec<OfferRow>,
        now: Timestamp,
        left_out: &mut LeftOut,
    ) -> Result<(Vec<OfferRow>, Option<Timestamp>), Error> {
        let (mut complete, mut lost, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new(), Vec::new());
        let mut may_note = true;
        for mut row in rows {
            if row.offer_json.is_none() {
                let said = match self.said(blobs, row.tarball_sha256, now).await {
                    Ok(said) => said,
                    Err(Error::Blobs(blobs::Error::Lost { .. })) => {
                        lost.push(row);
                        continue;
                    }
                    Err(Error::Blobs(blobs::Error::Damaged { .. })) => {
                        damaged.push(row);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                // What is not noted now is noted next time, or the time after it.
                may_note = may_note && note(db, &row, &said).await;
                if !may_note {
                    let mut unnoted = self.unnoted.lock().unwrap_or_else(PoisonError::into_inner);
                    unnoted.put(row.tarball_sha256, said.clone(), String::len);
                }
                row.offer_json = Some(said);
            }
            complete.push(row);
        }
        if damaged.is_empty() && !lost.is_empty() && !is_any_there(blobs, &complete).await? {
            return Err(blobs::Error::Lost { path: BlobKey::Tarball(lost[0].tarball_sha256).path() }.into());
        }
        let found_at = damaged.iter().map(|row| self.damaged.found_at(row.tarball_sha256).unwrap_or(now));
        let found_at = found_at.chain(lost.first().map(|_| now)).min();
        left_out.add(Why::Lost, lost.iter().map(|row| &row.slug));
        left_out.add(Why::Damaged, damaged.iter().map(|row| &row.slug));
        Ok((complete, found_at.and_then(|at| at.checked_add(limits::DAMAGED_FOR).ok())))
    }

    async fn said(&self, blobs: &Blobs, archive: ArchiveDigest, now: Timestamp) -> Result<String, Error> {
        let known = self.unnoted.lock().unwrap_or_else(PoisonError::into_inner).get(&archive).cloned();
        if let Some(said) = known {
            return Ok(said);
        }
        self.damaged.check(archive, now)?;
        let said = look_into(blobs, archive).await;
        self.damaged.note(archive, now, &said);
        said
    }
}

/// Whether the archive of one of these is there. Where none is, none is lost: all of them are elsewhere, in a folder that is
/// not mounted or another bucket. That roots and advisories are there says nothing: the hub puts them there at every start.
async fn is_any_there(blobs: &Blobs, rows: &[OfferRow]) -> Result<bool, Error> {
    for row in rows {
        if blobs.size(&BlobKey::Tarball(row.tarball_sha256)).await?.is_some() {
            return Ok(true);
        }
    }
    tracing::error!("no archive that the open indexes name is among the blobs: the place may be another one");
    Ok(false)
}

/// Whether it is noted.
async fn note(db: &Db, row: &OfferRow, said: &str) -> bool {
    let noted = db.note_offer(&row.slug, row.seq, said).await;
    if let Err(error) = &noted {
        tracing::warn!("what the indexes say is not noted: {}", with_causes(error));
    }
    noted.is_ok()
}

/// Finds in an archive what an index says of its release, as JSON.
async fn look_into(blobs: &Blobs, archive: ArchiveDigest) -> Result<String, Error> {
    let bytes = fetch(blobs, archive).await?;
    let said = tokio::task::spawn_blocking(move || {
        let mut reader = Reader::unknown(bytes.as_ref());
        let mut description = String::new();
        for entry in &mut reader {
            let entry = entry.map_err(|_| damaged(archive))?;
            if entry.path.as_str() == SKILL_MD {
                let head = frontmatter::parse(&entry.bytes).ok();
                description = head.and_then(|head| head.description().map(str::to_owned)).unwrap_or_default();
            }
        }
        let found = reader.finish().map_err(|_| damaged(archive))?;
        Ok::<_, Error>(Said::of(&description, &found.tree))
    });
    said.await.map_err(|_| Error::CutOff)??.json()
}
