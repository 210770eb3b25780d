//! What was seen of every file at the last look: a cache that lets `sync` prove "unchanged" without reading bytes.
//!
//! It holds nothing that cannot be found out again: a missing, older or damaged index only costs time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use skillsync_core::digest::TreeId;
use skillsync_core::skill::{ArtifactType, State, Stats};

use crate::fs::{self, DirStamp, FileStamp, Folder};
use crate::layout::Layout;
use crate::scan::Listing;

/// Names the format; a change of any record here changes it.
const MAGIC: &[u8; 8] = b"SKINDEX2";
/// Nobody's index is larger: 64 bytes for each of 5 million files.
const INDEX_BYTES: u64 = 320 * 1024 * 1024;

/// A folder as it was when its content was last known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen<'a> {
    /// From when on another hand could have changed it.
    settled_ns: i64,
    #[serde(borrow)]
    dirs: Vec<(Cow<'a, str>, DirStamp)>,
    #[serde(borrow)]
    files: Vec<(Cow<'a, str>, FileStamp)>,
}

impl<'a> Seen<'a> {
    /// Remembers `listing`, whose evidence was taken before or at `settled_ns`.
    pub fn new(listing: &'a Listing, settled_ns: i64) -> Self {
        let mut files: Vec<_> =
            listing.files.iter().map(|f| (Cow::Borrowed(f.path.as_str()), f.stamp)).collect();
        files.sort();
        let dirs = listing.dirs.iter().map(|(path, stamp)| (Cow::Borrowed(path.as_str()), *stamp)).collect();
        // What a link leads to can change without the link changing: never trusted.
        let settled_ns = if listing.has_links { i64::MIN } else { settled_ns };
        Self { settled_ns, dirs, files }
    }

    /// Whether `root` still holds exactly this: no entry added or removed, no file touched.
    pub fn is_unchanged(&self, root: &Folder) -> bool {
        self.has_same_files(root)
            && self.dirs.iter().all(|(path, seen)| {
                seen.is_settled(self.settled_ns) && root.dir(path).is_some_and(|now| now == *seen)
            })
    }

    /// Whether the files of this are still there untouched; files that came beside them do not count.
    pub fn has_same_files(&self, root: &Folder) -> bool {
        self.files.iter().all(|(path, seen)| {
            seen.is_settled(self.settled_ns) && root.file(path).is_some_and(|now| now == *seen)
        })
    }
}

/// What is remembered of a canonical skill.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SkillSeen<'a> {
    /// Evidence about its `.meta.toml`.
    pub meta: FileStamp,
    /// From when on the record could have changed.
    pub meta_settled_ns: i64,
    /// What it is.
    #[serde(with = "type_byte")]
    pub artifact_type: ArtifactType,
    /// What the record says.
    #[serde(with = "state_byte")]
    pub state: State,
    /// The head version's number.
    pub version: u32,
    /// The head version's tree.
    #[serde(with = "tree_bytes")]
    pub tree: TreeId,
    /// Its files, when they are those of the head version.
    #[serde(borrow)]
    pub files: Seen<'a>,
}

/// What is remembered of a target's folder after a sync that had nothing left to do there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSeen {
    /// From when on its folders could have changed.
    pub settled_ns: i64,
    /// Evidence about the agent's folder.
    pub dir: DirStamp,
    /// Evidence about `rendered/<target>`.
    pub rendered: DirStamp,
    /// A digest of everything that should be in it (names and trees).
    pub wanted: [u8; 32],
}

/// What is remembered of an artifact's copy in a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopySeen<'a> {
    /// Its content hash.
    pub content: [u8; 32],
    /// Its drift hash.
    pub drift: [u8; 32],
    /// Its tree.
    #[serde(with = "tree_bytes")]
    pub tree: TreeId,
    /// Its files.
    #[serde(borrow)]
    pub files: Seen<'a>,
}

/// What is remembered of a deployment file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordsSeen<R> {
    /// Evidence about the file.
    pub stamp: FileStamp,
    /// From when on it could have changed.
    pub settled_ns: i64,
    /// What it says.
    pub records: Vec<R>,
}

/// What is remembered of a log of observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSeen {
    /// Evidence about the file.
    pub stamp: FileStamp,
    /// From when on it could have changed.
    pub settled_ns: i64,
    /// What it adds up to.
    pub stats: Stats,
}

/// What a tree becomes with a footer: known without reading its `SKILL.md` again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedAs {
    /// The canonical tree.
    #[serde(with = "tree_bytes")]
    pub tree: TreeId,
    /// A digest of the footer's text.
    pub footer: [u8; 32],
    /// The tree with the footer.
    #[serde(with = "tree_bytes")]
    pub rendered: TreeId,
}

/// The cache. Records are kept under keys of one letter for their kind and a name.
#[derive(Debug, Default)]
pub struct Index {
    buffer: Vec<u8>,
    /// Sorted by key.
    table: Vec<Entry>,
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

/// Where in the buffer a key and its record stand: thousands are read at every start, and few are asked for.
#[derive(Debug, Clone)]
struct Entry {
    key: Range<usize>,
    record: Range<usize>,
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// A [`SkillSeen`].
    Skill(&'a str),
    /// The [`Seen`] files of a rendered tree, by its hex id.
    Tree(&'a str),
    /// When a rendered tree was first found unused: nanoseconds, `i64`.
    Retired(&'a str),
    /// A [`RenderedAs`], by the skill's name.
    Rendered(&'a str),
    /// The [`Seen`] files of a copy in a target, by `<target>/<skill>`.
    Copy(&'a str),
    /// A [`CopySeen`], by its path in the project.
    InProject(&'a str),
    /// A [`RecordsSeen`], by the agent's folder in the project.
    Records(&'a str),
    /// A [`TargetSeen`].
    Target(&'a str),
    /// A [`LogSeen`].
    Log(&'a str),
    /// The hour in which unused things were last looked for: `i64`, since 1970.
    Housekeeping,
    /// A digest of the built-in skills that the store was last brought to: `[u8; 32]`.
    BuiltIn,
}

impl Key<'_> {
    fn text(self) -> String {
        let (letter, name) = match self {
            Key::Skill(name) => ('s', name),
            Key::Tree(name) => ('t', name),
            Key::Retired(name) => ('r', name),
            Key::Rendered(name) => ('m', name),
            Key::Copy(name) => ('c', name),
            Key::InProject(name) => ('p', name),
            Key::Records(name) => ('d', name),
            Key::Target(name) => ('g', name),
            Key::Log(name) => ('l', name),
            Key::Housekeeping => ('h', ""),
            Key::BuiltIn => ('b', ""),
        };
        format!("{letter}/{name}")
    }
}

impl Index {
    /// Reads the store's index; an empty one when there is none that can be used.
    pub fn load(layout: &Layout) -> Self {
        Self::load_at(&layout.index())
    }

    /// Reads the index at `path`: each project has one of its own.
    pub fn load_at(path: &Path) -> Self {
        fs::read(path, INDEX_BYTES).ok().and_then(Self::parse).unwrap_or_default()
    }

    fn parse(buffer: Vec<u8>) -> Option<Self> {
        let rest = buffer.strip_prefix(MAGIC)?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        if crc32fast::hash(rest) != u32::from_le_bytes(*sum) {
            return None;
        }
        let (lengths, bodies): (Vec<(&str, usize)>, &[u8]) = postcard::take_from_bytes(rest).ok()?;
        let mut at = buffer.len() - bodies.len();
        let mut table = Vec::with_capacity(lengths.len());
        let is_sorted = lengths.windows(2).all(|pair| pair[0].0 < pair[1].0);
        for (key, length) in lengths {
            let end = at.checked_add(length).filter(|end| *end <= buffer.len())?;
            // The key is borrowed from the buffer.
            let start = (key.as_ptr() as usize).checked_sub(buffer.as_ptr() as usize)?;
            table.push(Entry { key: start..start + key.len(), record: at..end });
            at = end;
        }
        is_sorted.then_some(Self { buffer, table, changes: BTreeMap::new() })
    }

    fn key(&self, entry: &Entry) -> &str {
        // It was read as one.
        self.buffer.get(entry.key.clone()).and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default()
    }

    fn find(&self, key: &str) -> Option<&Entry> {
        let at = self.table.binary_search_by(|entry| {
            self.buffer.get(entry.key.clone()).unwrap_or_default().cmp(key.as_bytes())
        });
        self.table.get(at.ok()?)
    }

    /// The record under `key`, if there is one that reads back.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, key: Key<'_>) -> Option<T> {
        let text = key.text();
        let bytes = match self.changes.get(&text) {
            Some(change) => change.as_deref()?,
            None => self.buffer.get(self.find(&text)?.record.clone())?,
        };
        postcard::from_bytes(bytes).ok()
    }

    /// Remembers `record` under `key`.
    pub fn set<T: Serialize>(&mut self, key: Key<'_>, record: &T) {
        // A record that does not serialize is only not remembered.
        self.set_bytes(key, postcard::to_stdvec(record).ok());
    }

    fn set_bytes(&mut self, key: Key<'_>, bytes: Option<Vec<u8>>) {
        self.changes.insert(key.text(), bytes);
    }

    /// Forgets what is under `key`.
    pub fn remove(&mut self, key: Key<'_>) {
        let text = key.text();
        if self.find(&text).is_some() || self.changes.contains_key(&text) {
            self.changes.insert(text, None);
        }
    }

    /// The names under which records of the kind of `key` are kept.
    pub fn names(&self, key: Key<'_>) -> Vec<String> {
        let prefix = key.text();
        let known = self.table.iter().map(|entry| self.key(entry));
        let known = known.filter(|key| !self.changes.contains_key(*key));
        let changed = self.changes.iter().filter(|(_, v)| v.is_some()).map(|(key, _)| key.as_str());
        known.chain(changed).filter_map(|k| k.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Whether anything was set or removed since it was loaded.
    pub fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Writes the store's index back if it changed. The caller holds the store's mutex.
    pub fn save(&self, layout: &Layout) -> Result<(), fs::Error> {
        self.save_at(layout, &layout.index())
    }

    /// Writes it to `path` if it changed. Of two writers at once the last one's is there, whole.
    pub fn save_at(&self, layout: &Layout, path: &Path) -> Result<(), fs::Error> {
        if !self.is_changed() {
            return Ok(());
        }
        let mut records: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for entry in &self.table {
            if let Some(bytes) = self.buffer.get(entry.record.clone()) {
                records.insert(self.key(entry), bytes);
            }
        }
        for (key, change) in &self.changes {
            match change {
                Some(bytes) => records.insert(key, bytes),
                None => records.remove(key.as_str()),
            };
        }
        let lengths: Vec<(&str, usize)> = records.iter().map(|(key, bytes)| (*key, bytes.len())).collect();
        let mut rest = postcard::to_stdvec(&lengths).unwrap_or_default();
        for bytes in records.values() {
            rest.extend_from_slice(bytes);
        }
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
        file.extend_from_slice(&rest);
        // A cache need not survive a power cut, only never be half there: no sync.
        // What a kill leaves of it in staging, the next command clears.
        let temporary = layout.staging().join(fs::unique_name("index-"));
        let written =
            fs::create(&temporary, &file, fs::Mode::Private).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Digests as raw bytes: half the size of their text.
mod tree_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use skillsync_core::digest::TreeId;

    pub(super) fn serialize<S: Serializer>(id: &TreeId, serializer: S) -> Result<S::Ok, S::Error> {
        id.as_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TreeId, D::Error> {
        <[u8; 32]>::deserialize(deserializer).map(TreeId::from_bytes)
    }
}

mod state_byte {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use skillsync_core::skill::State;

    pub(super) fn serialize<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
        // What earlier programs wrote as a truth value reads the same.
        let byte: u8 = match state {
            State::PendingRemove => 0,
            State::Active => 1,
            State::Quarantined => 2,
        };
        byte.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(State::PendingRemove),
            1 => Ok(State::Active),
            2 => Ok(State::Quarantined),
            other => Err(D::Error::custom(format!("{other} is no state"))),
        }
    }
}

mod type_byte {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use skillsync_core::skill::ArtifactType;

    pub(super) fn serialize<S: Serializer>(
        artifact_type: &ArtifactType,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let byte: u8 = match artifact_type {
            ArtifactType::Skill => 0,
            ArtifactType::Command => 1,
            ArtifactType::Agent => 2,
        };
        byte.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ArtifactType, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(ArtifactType::Skill),
            1 => Ok(ArtifactType::Command),
            2 => Ok(ArtifactType::Agent),
            _ => Err(D::Error::custom("no type of artifact")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.state()).unwrap();
        fs::make_dirs(&layout.staging()).unwrap();
        (dir, layout)
    }

    #[test]
    fn records_come_back_and_changes_win() {
        let (_dir, layout) = layout();
        let mut index = Index::default();
        index.set(Key::Retired("a"), &1_i64);
        index.set(Key::Retired("b"), &2_i64);
        index.save(&layout).unwrap();
        let mut index = Index::load(&layout);
        assert_eq!(index.get::<i64>(Key::Retired("b")), Some(2));
        index.set(Key::Retired("b"), &3_i64);
        index.remove(Key::Retired("a"));
        index.save(&layout).unwrap();
        let index = Index::load(&layout);
        assert_eq!(index.get::<i64>(Key::Retired("a")), None);
        assert_eq!(index.get::<i64>(Key::Retired("b")), Some(3));
        assert_eq!(index.names(Key::Retired("")), ["b"]);
    }

    #[test]
    fn a_damaged_index_is_an_empty_one() {
        let (_dir, layout) = layout();
        let mut index = Index::default();
        index.set(Key::Retired("a"), &1_i64);
        index.save(&layout).unwrap();
        let good = fs::read(&layout.index(), 1000).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Index::parse(bad).is_none_or(|i| i.table.is_empty()), "byte {at}");
            assert!(Index::parse(good[..at].to_vec()).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn a_touched_file_or_a_new_entry_shows() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("s");
        fs::make_dirs(&root.join("sub")).unwrap();
        fs::create(&root.join("sub/a"), b"1", fs::Mode::Plain).unwrap();
        let listing = crate::scan::list(&root).unwrap();
        let later = fs::clock_ns() + 60_000_000_000;
        let folder = Folder::open(&root).unwrap();
        let seen = Seen::new(&listing, later);
        assert!(seen.is_unchanged(&folder));
        assert!(!Seen::new(&listing, fs::clock_ns()).is_unchanged(&folder), "too young to be trusted");
        fs::create(&root.join("sub/b"), b"", fs::Mode::Plain).unwrap();
        assert!(!seen.is_unchanged(&folder));
        assert!(seen.has_same_files(&folder));
        fs::replace(&root.join("sub/a"), b"1", fs::Mode::Plain).unwrap();
        assert!(!seen.has_same_files(&folder));
    }
}
