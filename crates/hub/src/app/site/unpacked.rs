//! Archives unpacked in memory, as many as there is room for: whoever follows an index without archives asks for their files
//! one by one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::path::SkillPath;
use skillsync_wire::archive::Reader;
use tokio::sync::Semaphore;

use crate::app::Error;
use crate::app::together::Task;
use crate::blobs::{self, BlobKey, Blobs};
use crate::limits;

type Files = Arc<BTreeMap<SkillPath, Bytes>>;

/// The archives that were unpacked last. They are named by their digests, so that what is here is never out of date.
#[derive(Debug)]
pub(in crate::app) struct Unpacked {
    kept: Arc<Mutex<Kept>>,
    /// Those that are being unpacked, or wait for it: whoever asks for one waits with the others.
    tasks: Arc<Mutex<HashMap<ArchiveDigest, Task<Option<Files>>>>>,
    places: Arc<Semaphore>,
}

/// What came of a look for a file.
#[derive(Debug)]
pub(super) enum Sought {
    /// The file.
    File(Bytes),
    /// There is none.
    Missing,
    /// The archive is not unpacked, and it is not the time for it.
    Busy,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self {
            kept: Arc::default(),
            tasks: Arc::default(),
            places: Arc::new(Semaphore::new(limits::UNPACKING)),
        }
    }
}

#[derive(Debug, Default)]
struct Kept {
    archives: HashMap<ArchiveDigest, Files>,
    /// The one that was asked for longest ago in front.
    order: VecDeque<ArchiveDigest>,
    bytes: usize,
}

impl Unpacked {
    /// A file of the archive, which must hold this tree. Where the archive has to be unpacked for it, `may_begin` gives what
    /// is held until that is done; none where it may not be begun now.
    pub(super) async fn file<G: Send + 'static>(
        &self,
        blobs: &Blobs,
        archive: ArchiveDigest,
        tree: ContentHash,
        path: &SkillPath,
        may_begin: impl FnOnce() -> Option<G>,
    ) -> Result<Sought, Error> {
        let files = match get(&self.kept, &archive) {
            Some(files) => Some(files),
            None => {
                let Some(task) = self.task(blobs, archive, tree, may_begin) else { return Ok(Sought::Busy) };
                match tokio::time::timeout(limits::UNPACK_WAIT, task.outcome()).await {
                    Ok(files) => files?,
                    Err(_elapsed) => return Ok(Sought::Busy),
                }
            }
        };
        let file = files.and_then(|files| files.get(path).cloned());
        Ok(file.map_or(Sought::Missing, Sought::File))
    }

    /// The task that unpacks the archive, begun if it is not yet.
    fn task<G: Send + 'static>(
        &self,
        blobs: &Blobs,
        archive: ArchiveDigest,
        tree: ContentHash,
        may_begin: impl FnOnce() -> Option<G>,
    ) -> Option<Task<Option<Files>>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|_, task| !task.is_over());
        if let Some(task) = tasks.get(&archive) {
            return Some(task.clone());
        }
        let held = may_begin()?;
        let (blobs, kept, places) = (blobs.clone(), self.kept.clone(), self.places.clone());
        let all = self.tasks.clone();
        let task = Task::begin(async move {
            let _held = held;
            let unpacked = unpacked(&blobs, &kept, &places, archive, tree).await;
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
    kept: &Arc<Mutex<Kept>>,
    places: &Semaphore,
    archive: ArchiveDigest,
    tree: ContentHash,
) -> Result<Option<Files>, Error> {
    let _place = places.acquire().await.map_err(|_| Error::CutOff)?;
    // It may have been unpacked between a look at what is kept and the begin of this.
    if let Some(files) = get(kept, &archive) {
        return Ok(Some(files));
    }
    let key = BlobKey::Tarball(archive);
    let Some(bytes) = blobs.get(&key).await? else { return Ok(None) };
    let kept = kept.clone();
    let job = tokio::task::spawn_blocking(move || {
        let files = Arc::new(unpack(&bytes, tree).ok_or_else(|| damaged(&key))?);
        put(&kept, archive, &files);
        Ok::<_, Error>(files)
    });
    Ok(Some(job.await.map_err(|_| Error::CutOff)??))
}

/// An archive that is of its digest, and yet not what its release says.
pub(super) fn damaged(key: &BlobKey) -> Error {
    blobs::Error::Damaged { path: key.path(), reason: "it is no archive of its release" }.into()
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

fn get(kept: &Mutex<Kept>, archive: &ArchiveDigest) -> Option<Files> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let files = kept.archives.get(archive).cloned()?;
    if kept.order.back() != Some(archive)
        && let Some(at) = kept.order.iter().position(|known| known == archive)
    {
        kept.order.remove(at);
        kept.order.push_back(*archive);
    }
    Some(files)
}

fn put(kept: &Mutex<Kept>, archive: ArchiveDigest, files: &Files) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.archives.insert(archive, files.clone()).is_some() {
        return;
    }
    kept.bytes += size_bytes(files);
    kept.order.push_back(archive);
    while kept.bytes > limits::UNPACKED_BYTES || kept.archives.len() > limits::UNPACKED_ARCHIVES {
        let Some(oldest) = kept.order.pop_front() else { break };
        if let Some(gone) = kept.archives.remove(&oldest) {
            kept.bytes -= size_bytes(&gone);
        }
    }
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
        let (archive, tree) = (ArchiveDigest::of(&packed.bytes), tree.content_hash());
        blobs.put(&BlobKey::Tarball(archive), packed.bytes.into()).await.unwrap();

        let unpacked = Unpacked::default();
        let turned_away = unpacked.file(&blobs, archive, tree, &path, || None::<()>).await.unwrap();
        assert!(matches!(turned_away, Sought::Busy));
        // It is begun for the first, who goes away; others wait for it and begin nothing.
        let stopped = unpacked.places.acquire_many(2).await.unwrap();
        assert!(unpacked.task(&blobs, archive, tree, || Some(())).is_some());
        let look = || unpacked.file(&blobs, archive, tree, &path, || None::<()>);
        let both = async { tokio::join!(look(), look()) };
        let freed = async {
            tokio::task::yield_now().await;
            drop(stopped);
        };
        let ((one, other), ()) = tokio::join!(both, freed);
        for found in [one, other] {
            assert!(matches!(found.unwrap(), Sought::File(found) if found == content));
        }
        assert!(matches!(look().await.unwrap(), Sought::File(_)), "it is kept");
        assert!(unpacked.tasks.lock().unwrap().is_empty());
    }

    #[test]
    fn what_was_asked_for_longest_ago_goes_when_there_is_no_room() {
        let kept = Mutex::<Kept>::default();
        let (third, path) = (limits::UNPACKED_BYTES / 3, SkillPath::parse("SKILL.md").unwrap());
        let content = Bytes::from(vec![0; third - 1_000]);
        let files: Files = Arc::new(BTreeMap::from([(path, content)]));
        let name = |number: usize| ArchiveDigest::of(number.to_string().as_bytes());
        let held = |most: usize| (0..most).filter(|n| get(&kept, &name(*n)).is_some()).collect::<Vec<_>>();
        for number in 0..3 {
            put(&kept, name(number), &files);
            put(&kept, name(number), &files);
        }
        assert_eq!(held(3), [0, 1, 2], "each is counted once");
        assert!(get(&kept, &name(0)).is_some());
        put(&kept, name(3), &files);
        assert_eq!(held(4), [0, 2, 3]);
        // Small ones are bounded by their number.
        let small: Files = Arc::default();
        for number in 10..10 + 2 * limits::UNPACKED_ARCHIVES {
            put(&kept, name(number), &small);
        }
        let kept = kept.lock().unwrap();
        assert_eq!(
            (kept.archives.len(), kept.order.len(), kept.bytes),
            (limits::UNPACKED_ARCHIVES, limits::UNPACKED_ARCHIVES, 0)
        );
    }
}
