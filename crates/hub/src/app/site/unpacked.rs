//! Archives unpacked in memory, as many as there is room for: whoever follows an index without archives asks for their files
//! one by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::path::SkillPath;
use skillsync_wire::archive::Reader;
use tokio::sync::Semaphore;

use super::damaged::{Damaged, damaged};
use crate::app::Error;
use crate::app::bounded::Bounded;
use crate::app::together::Task;
use crate::blobs::{self, BlobKey, Blobs};
use crate::limits;

type Files = Arc<BTreeMap<SkillPath, Bytes>>;

/// The archives that were asked for last. They are named by their digests, so that what is here is never out of date.
#[derive(Debug)]
pub(in crate::app) struct Unpacked {
    kept: Arc<Mutex<Bounded<ArchiveDigest, Files>>>,
    damaged: Damaged,
    /// Those that are being unpacked, or wait for it: whoever asks for one waits with the others.
    tasks: Arc<Mutex<HashMap<ArchiveDigest, Task<Files>>>>,
    places: Arc<Semaphore>,
}

impl Default for Unpacked {
    fn default() -> Self {
        let most = limits::UNPACKED_ARCHIVES;
        Self {
            kept: Arc::new(Mutex::new(Bounded::new(most, limits::UNPACKED_BYTES))),
            damaged: Damaged::default(),
            tasks: Arc::default(),
            places: Arc::new(Semaphore::new(limits::UNPACKING)),
        }
    }
}

impl Unpacked {
    /// A file of the archive, which must hold this tree. Where the archive has to be unpacked for it, `may_begin` gives what
    /// is held until that is done; none where it may not be begun now. None where there is no time for it. Fails where the
    /// archive is damaged, for a while without another look at it.
    pub(super) async fn file<G: Send + 'static>(
        &self,
        blobs: &Blobs,
        (archive, tree): (ArchiveDigest, ContentHash),
        path: &SkillPath,
        now: Timestamp,
        may_begin: impl FnOnce() -> Option<G>,
    ) -> Result<Option<Bytes>, Error> {
        self.damaged.check(archive, now)?;
        let files = match kept(&self.kept, &archive) {
            Some(files) => files,
            None => {
                let Some(task) = self.task(blobs, (archive, tree), now, may_begin) else { return Ok(None) };
                match tokio::time::timeout(limits::UNPACK_WAIT, task.outcome()).await {
                    Ok(files) => files?,
                    Err(_elapsed) => return Ok(None),
                }
            }
        };
        files.get(path).cloned().map(Some).ok_or(Error::NotInIndex)
    }

    /// The task that unpacks the archive, begun if it is not yet.
    fn task<G: Send + 'static>(
        &self,
        blobs: &Blobs,
        (archive, tree): (ArchiveDigest, ContentHash),
        now: Timestamp,
        may_begin: impl FnOnce() -> Option<G>,
    ) -> Option<Task<Files>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|_, task| !task.is_over());
        if let Some(task) = tasks.get(&archive) {
            return Some(task.clone());
        }
        let held = may_begin()?;
        let (blobs, kept, places) = (blobs.clone(), self.kept.clone(), self.places.clone());
        let (all, damaged) = (self.tasks.clone(), self.damaged.clone());
        let task = Task::begin(async move {
            let _held = held;
            let unpacked = unpacked(&blobs, &kept, &places, archive, tree).await;
            damaged.note(archive, now, &unpacked);
            // What it gives is not kept here beyond those who wait for it.
            all.lock().unwrap_or_else(PoisonError::into_inner).remove(&archive);
            unpacked
        });
        tasks.insert(archive, task.clone());
        Some(task)
    }
}

/// The files of the archive, which are then kept.
async fn unpacked(
    blobs: &Blobs,
    keep: &Arc<Mutex<Bounded<ArchiveDigest, Files>>>,
    places: &Semaphore,
    archive: ArchiveDigest,
    tree: ContentHash,
) -> Result<Files, Error> {
    let _place = places.acquire().await.map_err(|_| Error::CutOff)?;
    // It may have been unpacked between a look at what is kept and the begin of this.
    if let Some(files) = kept(keep, &archive) {
        return Ok(files);
    }
    let bytes = fetch(blobs, archive).await?;
    let keep = keep.clone();
    let job = tokio::task::spawn_blocking(move || {
        let files = Arc::new(unpack(&bytes, tree).ok_or_else(|| damaged(archive))?);
        keep.lock().unwrap_or_else(PoisonError::into_inner).put(archive, files.clone(), size_bytes);
        Ok::<_, Error>(files)
    });
    job.await.map_err(|_| Error::CutOff)?
}

/// The bytes of an archive that the database names.
pub(super) async fn fetch(blobs: &Blobs, archive: ArchiveDigest) -> Result<Bytes, Error> {
    let key = BlobKey::Tarball(archive);
    Ok(blobs.get(&key).await?.ok_or_else(|| blobs::Error::Lost { path: key.path() })?)
}

fn unpack(bytes: &[u8], tree: ContentHash) -> Option<BTreeMap<SkillPath, Bytes>> {
    let mut reader = Reader::unknown(bytes);
    let mut files = BTreeMap::new();
    for entry in &mut reader {
        let entry = entry.ok()?;
        files.insert(entry.path, Bytes::from(entry.bytes));
    }
    let found = reader.finish().ok()?;
    (found.tree.content_hash() == tree).then_some(files)
}

fn kept(kept: &Mutex<Bounded<ArchiveDigest, Files>>, archive: &ArchiveDigest) -> Option<Files> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).touch(archive).cloned()
}

/// What they cost in memory: their contents, and what is around each.
fn size_bytes(files: &Files) -> usize {
    const AROUND: usize = 160;
    files.iter().map(|(path, bytes)| path.as_str().len() + bytes.len() + AROUND).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_archive_is_unpacked_once_for_all_who_ask_and_not_where_it_may_not_be_begun() {
        let blobs = Blobs::open(&blobs::Place::Memory).unwrap();
        let content = Bytes::from_static(b"---\nname: pdf\ndescription: x\n---\n");
        let path = SkillPath::parse("SKILL.md").unwrap();
        let digest = skillsync_core::digest::FileDigest::of(&content);
        let file = skillsync_core::tree::File { digest, size_bytes: content.len() as u64, executable: false };
        let tree = skillsync_core::tree::Tree::new([(path.clone(), file)]).unwrap();
        let packed =
            skillsync_wire::archive::pack(&tree, |_| Ok::<_, std::io::Error>(content.to_vec())).unwrap();
        let which = (ArchiveDigest::of(&packed.bytes), tree.content_hash());
        let now = Timestamp::UNIX_EPOCH;
        blobs.put(&BlobKey::Tarball(which.0), packed.bytes.into()).await.unwrap();

        let unpacked = Unpacked::default();
        let turned_away = unpacked.file(&blobs, which, &path, now, || None::<()>).await.unwrap();
        assert_eq!(turned_away, None);
        // It is begun for the first, who goes away; others wait for it and begin nothing.
        let stopped = unpacked.places.acquire_many(2).await.unwrap();
        assert!(unpacked.task(&blobs, which, now, || Some(())).is_some());
        let look = || unpacked.file(&blobs, which, &path, now, || None::<()>);
        let both = async { tokio::join!(look(), look()) };
        let freed = async {
            tokio::task::yield_now().await;
            drop(stopped);
        };
        let ((one, other), ()) = tokio::join!(both, freed);
        for found in [one, other] {
            assert_eq!(found.unwrap().as_ref(), Some(&content));
        }
        assert!(look().await.unwrap().is_some(), "it is kept");
        assert!(unpacked.tasks.lock().unwrap().is_empty());
    }
}
