//! Archives unpacked in memory, as many as there is room for: whoever follows an index without archives asks for their files
//! one by one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::path::SkillPath;
use skillsync_wire::archive::Reader;

use crate::app::Error;
use crate::blobs::{self, BlobKey, Blobs};
use crate::limits;

type Files = Arc<BTreeMap<SkillPath, Bytes>>;

/// The archives that were unpacked last. They are named by their digests, so that what is here is never out of date.
#[derive(Debug, Default)]
pub(in crate::app) struct Unpacked {
    kept: Arc<Mutex<Kept>>,
    /// Each archive has one of these places: who asks for what is being unpacked waits for it, and there are never more of
    /// them at once.
    places: [Arc<tokio::sync::Mutex<()>>; limits::UNPACKING],
}

#[derive(Debug, Default)]
struct Kept {
    archives: HashMap<ArchiveDigest, Files>,
    /// The one that was asked for longest ago in front.
    order: VecDeque<ArchiveDigest>,
    bytes: usize,
}

impl Unpacked {
    /// A file of the archive, which must hold this tree.
    pub(super) async fn file(
        &self,
        blobs: &Blobs,
        archive: ArchiveDigest,
        tree: ContentHash,
        path: &SkillPath,
    ) -> Result<Option<Bytes>, Error> {
        if let Some(files) = get(&self.kept, &archive) {
            return Ok(files.get(path).cloned());
        }
        let place = usize::from(archive.as_bytes()[0]) % limits::UNPACKING;
        let place = self.places[place].clone().lock_owned().await;
        if let Some(files) = get(&self.kept, &archive) {
            return Ok(files.get(path).cloned());
        }
        let key = BlobKey::Tarball(archive);
        let Some(bytes) = blobs.get(&key).await? else { return Ok(None) };
        let kept = self.kept.clone();
        let job = tokio::task::spawn_blocking(move || {
            // Whoever asked may go away: the place is taken for as long as the work goes on.
            let _place = place;
            let files = Arc::new(unpack(&bytes, tree).ok_or_else(|| damaged(&key))?);
            put(&kept, archive, &files);
            Ok::<_, Error>(files)
        });
        let files = job.await.map_err(|_| Error::CutOff)??;
        Ok(files.get(path).cloned())
    }
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
