//! The site is made once for each state of the catalogue, by a task of its own: whoever asks meanwhile waits for it, and whoever
//! goes away takes nothing along.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use skillsync_core::digest::FileDigest;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_wire::api::install::FileEntry;
use skillsync_wire::limits::{INDEX_BYTES, INDEX_SKILLS};
use skillsync_wire::release::{Tarball, TarballFormat};
use skillsync_wire::wellknown::{Fitted, Offer, Room, Site, Version};

use super::Said;
use super::left_out::{LeftOut, Why};
use super::looked_into::LookedInto;
use crate::app::Error;
use crate::app::together::Task;
use crate::blobs::Blobs;
use crate::db::{Db, OfferRow};
use crate::limits;

/// The site as it was when the catalogue was at its generation. It counts only while the database has that one.
#[derive(Debug, Default)]
pub(super) struct Showcase {
    made: RwLock<Option<Arc<Made>>>,
    making: Mutex<Option<Task<Arc<Made>>>>,
    looked_into: LookedInto,
    /// What the log was told of.
    left_out: Mutex<LeftOut>,
}

/// A site, and its indexes.
#[derive(Debug)]
pub(super) struct Made {
    /// The state of the catalogue that it is of.
    pub(super) generation: u64,
    /// What is where.
    pub(super) site: Site,
    v01: Index,
    v02: Index,
}

/// An index, and the digest of its bytes.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) digest: FileDigest,
    pub(super) bytes: Bytes,
}

impl Made {
    /// Its index of this version.
    pub(super) fn index(&self, version: Version) -> &Index {
        match version {
            Version::V01 => &self.v01,
            Version::V02 => &self.v02,
        }
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
        let mut left_out = LeftOut::default();
        left_out.add(Why::Room, offers.no_room);
        left_out.add(Why::Large, offers.too_large);
        left_out.add(Why::Damaged, offers.damaged);
        let rows = self.looked_into.complete(db, blobs, offers.rows, &mut left_out).await?;
        let job = tokio::task::spawn_blocking(move || made(offers.generation, rows, left_out));
        let (made, left_out) = job.await.map_err(|_| Error::CutOff)??;
        let before = {
            let mut known = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, left_out.clone())
        };
        left_out.tell(&before);
        let made = Arc::new(made);
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }
}

/// The site of these releases, the first of them first, and with the others what has no room in its indexes.
fn made(generation: u64, rows: Vec<OfferRow>, mut left_out: LeftOut) -> Result<(Made, LeftOut), Error> {
    let mut offers = Vec::with_capacity(rows.len());
    for row in rows {
        match offer(&row) {
            Some(offer) => offers.push(offer),
            None => left_out.add(Why::Damaged, [row.slug]),
        }
    }
    let room = Room { skills: INDEX_SKILLS, bytes: INDEX_BYTES, bytes_of_one: limits::INDEX_BYTES_OF_ONE };
    let Fitted { site, too_large, no_room } =
        Site::fitting(offers, None, &room).map_err(|_| Error::CutOff)?;
    left_out.add(Why::Large, too_large);
    left_out.add(Why::Room, no_room);
    let [v01, v02] = [Version::V01, Version::V02].map(|version| {
        let bytes = Bytes::from(site.index(version));
        Index { digest: FileDigest::of(&bytes), bytes }
    });
    Ok((Made { generation, site, v01, v02 }, left_out))
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
