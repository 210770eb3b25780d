//! What an index says of releases that an older hub published: found in their archives, one by one, and noted in the database.

use std::sync::{Mutex, PoisonError};

use skillsync_core::digest::ArchiveDigest;
use skillsync_core::fault::with_causes;
use skillsync_core::frontmatter;
use skillsync_core::tree::SKILL_MD;
use skillsync_wire::archive::Reader;
use skillsync_wire::limits::INDEX_SKILLS;

use super::Said;
use super::left_out::{LeftOut, Why};
use super::unpacked::{damaged, fetch};
use crate::app::Error;
use crate::app::bounded::Bounded;
use crate::blobs::{self, Blobs};
use crate::db::{Db, OfferRow};
use crate::limits;

/// What was found, as JSON; none in archives that are damaged, which are not fetched again.
#[derive(Debug)]
pub(super) struct LookedInto(Mutex<Bounded<ArchiveDigest, Option<String>>>);

impl Default for LookedInto {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(INDEX_SKILLS, limits::SITE_BYTES)))
    }
}

impl LookedInto {
    /// The same rows, each with what an index says of it. Those of which the archive is lost or damaged are left out. Fails
    /// where an archive cannot be read for any other reason: whoever follows an index loses what is no longer in it, so that
    /// what may come back must not be missed.
    pub(super) async fn complete(
        &self,
        db: &Db,
        blobs: &Blobs,
        rows: Vec<OfferRow>,
        left_out: &mut LeftOut,
    ) -> Result<Vec<OfferRow>, Error> {
        let mut complete = Vec::with_capacity(rows.len());
        let mut may_note = true;
        for mut row in rows {
            if row.offer_json.is_none() {
                let said = match self.said(blobs, row.tarball_sha256).await {
                    Ok(said) => said,
                    Err(Error::Blobs(blobs::Error::Lost { .. })) => {
                        left_out.add(Why::Lost, [&row.slug]);
                        continue;
                    }
                    Err(Error::Blobs(blobs::Error::Damaged { .. })) => {
                        left_out.add(Why::Damaged, [&row.slug]);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                // What is not noted now is noted next time, or the time after it.
                may_note = may_note && note(db, &row, &said).await;
                row.offer_json = Some(said);
            }
            complete.push(row);
        }
        Ok(complete)
    }

    async fn said(&self, blobs: &Blobs, archive: ArchiveDigest) -> Result<String, Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&archive).cloned();
        if let Some(known) = known {
            return known.ok_or_else(|| damaged(archive));
        }
        let said = look_into(blobs, archive).await;
        let found = match &said {
            Ok(said) => Some(said.clone()),
            Err(Error::Blobs(blobs::Error::Damaged { .. })) => None,
            Err(_) => return said,
        };
        let mut looked_into = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looked_into.put(archive, found, |found| found.as_ref().map_or(0, String::len));
        said
    }
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
