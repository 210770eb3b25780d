//! The site is made once for each state of the catalogue, by a task of its own: whoever asks meanwhile waits for it, and whoever
//! goes away takes nothing along.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_wire::api::install::FileEntry;
use skillsync_wire::limits::{INDEX_BYTES, INDEX_SKILLS};
use skillsync_wire::release::{Tarball, TarballFormat};
use skillsync_wire::wellknown::{Fitted, Offer, Room, Site, Version};

use super::Said;
use super::indexes::{Index, Indexes};
use super::left_out::{LeftOut, Why};
use super::looked_into::LookedInto;
use crate::app::Error;
use crate::app::together::Task;
use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::db::{Db, OfferRow};
use crate::limits;

/// The site as it was when the catalogue was at its generation. It counts only while the database has that one.
#[derive(Debug)]
pub(super) struct Showcase {
    made: RwLock<Option<Arc<Made>>>,
    making: Mutex<Option<Making>>,
    looked_into: LookedInto,
    indexes: Arc<Indexes>,
    /// What the log was told of.
    left_out: Mutex<LeftOut>,
}

impl Default for Showcase {
    fn default() -> Self {
        Self {
            made: RwLock::default(),
            making: Mutex::default(),
            looked_into: LookedInto::default(),
            indexes: Arc::new(Indexes::new(limits::INDEXES_BYTES)),
            left_out: Mutex::default(),
        }
    }
}

/// The making of a site, and when it ended: it may take longer than anybody waits for it.
#[derive(Debug)]
struct Making {
    task: Task<Arc<Made>>,
    ended: Arc<OnceLock<Timestamp>>,
}

impl Making {
    fn begin(clock: &Clock, work: impl Future<Output = Result<Arc<Made>, Error>> + Send + 'static) -> Self {
        let ended = Arc::<OnceLock<Timestamp>>::default();
        let (clock, note) = (clock.clone(), ended.clone());
        let task = Task::begin(async move {
            let made = work.await;
            note.get_or_init(|| clock.timestamp());
            made
        });
        Self { task, ended }
    }

    /// Whether it counts for who asks `now`: until it is done, and where it failed for as long as they were told to wait.
    fn counts(&self, now: Timestamp) -> bool {
        let wait = SignedDuration::from_secs(limits::RETRY_AFTER_S.cast_signed());
        let just_ended = || self.ended.get().is_some_and(|at| now.duration_since(*at).abs() < wait);
        !self.task.is_over() || self.task.has_failed() && just_ended()
    }
}

/// A site, and its indexes.
#[derive(Debug)]
pub(super) struct Made {
    /// The state of the catalogue that it is of.
    pub(super) generation: u64,
    /// Until when it counts, where it lacks what may be there again without a change of the catalogue.
    until: Option<Timestamp>,
    /// What is where.
    pub(super) site: Site,
    v01: Arc<Index>,
    v02: Arc<Index>,
}

impl Made {
    /// Its index of this version.
    pub(super) fn index(&self, version: Version) -> &Arc<Index> {
        match version {
            Version::V01 => &self.v01,
            Version::V02 => &self.v02,
        }
    }
}

impl Showcase {
    /// What was made, if it is of this generation and may be shown `now`.
    pub(super) fn at(&self, generation: u64, now: Timestamp) -> Option<Arc<Made>> {
        let counts =
            |made: &Arc<Made>| made.generation == generation && made.until.is_none_or(|until| now < until);
        self.made.read().unwrap_or_else(PoisonError::into_inner).clone().filter(counts)
    }

    /// The task that makes it, begun if none is at work and none failed a moment ago.
    pub(super) fn making(self: &Arc<Self>, db: &Db, blobs: &Blobs, clock: &Clock) -> Task<Arc<Made>> {
        let now = clock.timestamp();
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(making) = making.as_ref().filter(|making| making.counts(now)) {
            return making.task.clone();
        }
        let (showcase, db, blobs) = (self.clone(), db.clone(), blobs.clone());
        let begun = Making::begin(clock, async move { showcase.make(&db, &blobs, now).await });
        making.insert(begun).task.clone()
    }

    async fn make(&self, db: &Db, blobs: &Blobs, now: Timestamp) -> Result<Arc<Made>, Error> {
        // Another may have ended since somebody looked.
        if let Some(made) = self.at(db.generation().await?, now) {
            return Ok(made);
        }
        let offers = db.offers(INDEX_SKILLS, limits::SITE_BYTES, limits::SITE_BYTES_OF_ONE).await?;
        let mut left_out = LeftOut::default();
        left_out.add(Why::Room, offers.no_room);
        left_out.add_unnamed(Why::Room, offers.no_room_unnamed);
        left_out.add(Why::Large, offers.too_large);
        left_out.add(Why::Damaged, offers.damaged);
        let (rows, until) = self.looked_into.complete(db, blobs, offers.rows, now, &mut left_out).await?;
        let indexes = self.indexes.clone();
        let job =
            tokio::task::spawn_blocking(move || made(offers.generation, rows, left_out, until, &indexes));
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
fn made(
    generation: u64,
    rows: Vec<OfferRow>,
    mut left_out: LeftOut,
    until: Option<Timestamp>,
    indexes: &Indexes,
) -> Result<(Made, LeftOut), Error> {
    let mut offers = Vec::with_capacity(rows.len());
    for row in rows {
        match offer(&row) {
            Some(offer) => offers.push(offer),
            None => left_out.add(Why::Damaged, [row.slug]),
        }
    }
    let most = Room { skills: INDEX_SKILLS, bytes: INDEX_BYTES, bytes_of_one: limits::INDEX_BYTES_OF_ONE };
    let Fitted { site, too_large, no_room } =
        Site::fitting(offers, None, &most).map_err(|_| Error::CutOff)?;
    left_out.add(Why::Large, too_large);
    left_out.add(Why::Room, no_room);
    let [v01, v02] = [Version::V01, Version::V02].map(|version| indexes.newest(site.index(version)));
    Ok((Made { generation, until, site, v01, v02 }, left_out))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_failed_counts_as_long_as_who_asked_was_told_to_wait_from_its_end_on() {
        let clock = Clock::standing_at("2026-11-20T12:00:00Z".parse().unwrap());
        let (done, slow) = (Arc::new(tokio::sync::Notify::new()), clock.clone());
        let fails = done.clone();
        let making = Making::begin(&clock, async move {
            fails.notified().await;
            slow.advance(60);
            Err(Error::CutOff)
        });
        clock.advance(60);
        assert!(making.counts(clock.timestamp()), "it is at work");
        done.notify_one();
        assert!(making.task.clone().outcome().await.is_err());
        assert!(making.counts(clock.timestamp()), "it failed just now");
        clock.advance(limits::RETRY_AFTER_S.cast_signed());
        assert!(!making.counts(clock.timestamp()));
    }
}
