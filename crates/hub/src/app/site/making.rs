//! The site is made once for each state of the catalogue, by a task of its own: whoever asks meanwhile waits for it, and whoever
//! goes away takes nothing along.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use skillsync_core::digest::ArchiveDigest;
use skillsync_core::fault::{Fault as _, Kind, with_causes};
use skillsync_core::frontmatter;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, SKILL_MD, Tree};
use skillsync_wire::api::install::FileEntry;
use skillsync_wire::archive::Reader;
use skillsync_wire::limits::{INDEX_BYTES, INDEX_SKILLS};
use skillsync_wire::release::{Tarball, TarballFormat};
use skillsync_wire::wellknown::{Fitted, Offer, Room, Site, Version};

use super::{Said, unpacked};
use crate::app::Error;
use crate::app::bounded::Bounded;
use crate::app::together::Task;
use crate::blobs::{BlobKey, Blobs};
use crate::db::{Db, OfferRow};
use crate::limits;

/// The site as it was when the catalogue was at its generation. It counts only while the database has that one.
#[derive(Debug)]
pub(super) struct Showcase {
    made: RwLock<Option<Arc<Made>>>,
    making: Mutex<Option<Task<Arc<Made>>>>,
    /// What was found in archives of which the database does not say it, as JSON; none in those that cannot be read, which
    /// are not fetched again.
    looked_into: Mutex<Bounded<ArchiveDigest, Option<String>>>,
}

/// A site, and its indexes.
#[derive(Debug)]
pub(super) struct Made {
    /// The state of the catalogue that it is of.
    pub(super) generation: u64,
    /// What is where.
    pub(super) site: Site,
    /// The bytes of its indexes.
    pub(super) indexes: [(Version, Bytes); 2],
}

impl Default for Showcase {
    fn default() -> Self {
        let looked_into = Mutex::new(Bounded::new(INDEX_SKILLS, limits::SITE_BYTES));
        Self { made: RwLock::default(), making: Mutex::default(), looked_into }
    }
}

impl Showcase {
    /// What was made, if it is of this generation.
    pub(super) fn at(&self, generation: u64) -> Option<Arc<Made>> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.as_ref().filter(|made| made.generation == generation).cloned()
    }

    /// The task that makes it, begun if none is at work.
    pub(super) fn making(self: &Arc<Self>, db: &Db, blobs: &Blobs) -> Task<Arc<Made>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = making.as_ref().filter(|task| !task.is_over()) {
            return task.clone();
        }
        let (showcase, db, blobs) = (self.clone(), db.clone(), blobs.clone());
        let task = Task::begin(async move { showcase.make(&db, &blobs).await });
        *making = Some(task.clone());
        task
    }

    async fn make(&self, db: &Db, blobs: &Blobs) -> Result<Arc<Made>, Error> {
        // Another may have ended since somebody looked.
        if let Some(made) = self.at(db.generation().await?) {
            return Ok(made);
        }
        let offers = db.offers(INDEX_SKILLS, limits::SITE_BYTES, limits::SITE_BYTES_OF_ONE).await?;
        let mut rows = offers.rows;
        let mut may_note = true;
        for row in rows.iter_mut().filter(|row| row.offer_json.is_none()) {
            row.offer_json = self.said(db, blobs, row, &mut may_note).await?;
        }
        let job = tokio::task::spawn_blocking(move || made(offers.generation, rows));
        let (made, fitted) = job.await.map_err(|_| Error::CutOff)??;
        if offers.is_cut || fitted > 0 {
            tracing::warn!(
                skills = made.site.offers().len(),
                "an index holds no more: the newest skills are left out"
            );
        }
        if let Some(first) = offers.too_large.first() {
            let count = offers.too_large.len();
            tracing::warn!(count, %first, "the lists of files of skills are too large for an index: they are left out");
        }
        let made = Arc::new(made);
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    /// What an index says of a release beside its files, out of its archive. None where that cannot be read. Fails where
    /// the blobs do not answer at all: what comes back by itself must not be missed, for who follows an index loses what is
    /// no longer in it.
    async fn said(
        &self,
        db: &Db,
        blobs: &Blobs,
        row: &OfferRow,
        may_note: &mut bool,
    ) -> Result<Option<String>, Error> {
        let known = {
            let looked_into = self.looked_into.lock().unwrap_or_else(PoisonError::into_inner);
            looked_into.get(&row.tarball_sha256).cloned()
        };
        let (said, is_new) = match known {
            Some(said) => (said, false),
            None => match look_into(blobs, row.tarball_sha256).await {
                Ok(said) => (Some(said), true),
                Err(Error::DocumentNotFound) => return Ok(None),
                Err(error) if error.kind() == Kind::Offline => return Err(error),
                Err(error) => {
                    tracing::error!(slug = %row.slug, "left out of the indexes: {}", with_causes(&error));
                    (None, true)
                }
            },
        };
        if is_new {
            let mut looked_into = self.looked_into.lock().unwrap_or_else(PoisonError::into_inner);
            looked_into.put(row.tarball_sha256, said.clone(), |said| said.as_ref().map_or(0, String::len));
        }
        if let Some(said) = said.as_ref().filter(|_| *may_note)
            && let Err(error) = db.note_offer(&row.slug, row.seq, said).await
        {
            // It is noted next time, or the time after it.
            *may_note = false;
            tracing::warn!("what the indexes say is not noted: {}", with_causes(&error));
        }
        Ok(said)
    }
}

/// Finds in an archive what an index says of its release, as JSON.
async fn look_into(blobs: &Blobs, archive: ArchiveDigest) -> Result<String, Error> {
    let key = BlobKey::Tarball(archive);
    let archive = blobs.get(&key).await?.ok_or(Error::DocumentNotFound)?;
    let said = tokio::task::spawn_blocking(move || {
        let mut reader = Reader::unknown(archive.as_ref());
        let mut description = String::new();
        for entry in &mut reader {
            let entry = entry.map_err(|_| unpacked::damaged(&key))?;
            if entry.path.as_str() == SKILL_MD {
                let head = frontmatter::parse(&entry.bytes).ok();
                description = head.and_then(|head| head.description().map(str::to_owned)).unwrap_or_default();
            }
        }
        let found = reader.finish().map_err(|_| unpacked::damaged(&key))?;
        Ok::<_, Error>(Said::of(&description, &found.tree))
    });
    said.await.map_err(|_| Error::CutOff)??.json()
}

/// The site of these releases, the first of them first, and how many had no room in its indexes.
fn made(generation: u64, rows: Vec<OfferRow>) -> Result<(Made, usize), Error> {
    let (mut offers, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match offer(&row) {
            Some(offer) => offers.push(offer),
            None => damaged.push(row.slug),
        }
    }
    if let Some(first) = damaged.first() {
        tracing::error!(count = damaged.len(), %first, "what is stored of releases is damaged: they are left out");
    }
    let room = Room { skills: INDEX_SKILLS, bytes: INDEX_BYTES, bytes_of_one: limits::INDEX_BYTES_OF_ONE };
    let Fitted { site, too_large, left_out } =
        Site::fitting(offers, None, &room).map_err(|_| Error::CutOff)?;
    if let Some(first) = too_large.first() {
        let count = too_large.len();
        tracing::warn!(count, %first, "skills are too large for an index: they are left out");
    }
    let indexes = Version::ALL.map(|version| (version, Bytes::from(site.index(version))));
    Ok((Made { generation, site, indexes }, left_out))
}

/// A release as an index has it; none where what is stored of it does not fit together.
fn offer(row: &OfferRow) -> Option<Offer> {
    let said: Said = serde_json::from_str(row.offer_json.as_deref()?).ok()?;
    let files: Vec<FileEntry> = serde_json::from_str(&row.files_json).ok()?;
    let files = files.into_iter().map(|entry| {
        let executable = said.executable.contains(&entry.path);
        let path = SkillPath::parse(&entry.path).ok()?;
        Some((path, File { digest: entry.sha256, size_bytes: entry.size, executable }))
    });
    let tree = Tree::new(files.collect::<Option<Vec<_>>>()?).ok()?;
    if tree.content_hash() != row.content_hash {
        return None;
    }
    let tarball = Tarball {
        format: TarballFormat::Sktar1Gzip,
        sha256: row.tarball_sha256,
        size_bytes: row.size_bytes,
        unpacked_bytes: tree.size_bytes(),
        files: tree.len() as u64,
    };
    let mut offer = Offer::new(row.slug.clone(), said.description, tree, &tarball);
    offer.version = Some(row.version.to_string());
    Some(offer)
}
