//! `advance`: the only way content changes (decision 12).

use std::path::{Path, PathBuf};

use skillsync_core::artifact;
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin, Source, State, Stats, Version};

use super::{Error, Noted, Quarantine, Staged, find, remember, require_pristine, stamp};
use crate::fs::{self, FileStamp, Folder};
use crate::index::{Index, Key, SkillSeen};
use crate::layout::META;
use crate::meta::{Meta, Upstream};
use crate::objects::Batch;
use crate::parallel;
use crate::scan::{self, Listing};
use crate::store::{Store, Transaction, Writing, keep_repositories};

/// A version about to be made.
#[derive(Debug)]
pub struct Change {
    /// Its content.
    pub staged: Staged,
    /// Which act makes it.
    pub origin: Origin,
    /// What it was merged from, where it was.
    pub parents: Vec<ContentHash>,
    /// Why.
    pub reason: Option<String>,
    /// What it is, if this is its first version.
    pub artifact_type: ArtifactType,
    /// Where the skill comes from, if this is its first version.
    pub source: Source,
    /// Where it comes from in git; `None` leaves what is recorded.
    pub upstream: Option<Upstream>,
    /// What its log adds up to, for the cache in its record.
    pub stats: Option<Stats>,
    /// Whether a hand edit in the canonical folder is what is being committed or dropped.
    pub hand_edit: HandEdit,
    /// Whether a skill that is in quarantine comes back into use with it.
    pub quarantine: Quarantine,
}

impl Change {
    /// A change with no more to say than this; `source` counts if it is the first version.
    pub fn new(staged: Staged, origin: Origin, source: Source) -> Self {
        Self {
            staged,
            origin,
            parents: Vec::new(),
            reason: None,
            artifact_type: ArtifactType::Skill,
            source,
            upstream: None,
            stats: None,
            hand_edit: HandEdit::Refuse,
            quarantine: Quarantine::Stays,
        }
    }
}

/// What a change does about a hand edit in the canonical folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandEdit {
    /// Refuses to replace one.
    Refuse,
    /// It was asked for by name: the folder goes to trash.
    Replace,
}

/// A version that was made.
#[derive(Debug)]
pub struct Advanced {
    /// Whose.
    pub name: SkillName,
    /// The new head.
    pub version: Version,
    /// Whether the skill is in use now.
    pub state: State,
    /// Where the folder it replaced is now.
    pub replaced: Option<PathBuf>,
}

/// Makes new versions: the only way content changes (decision 12). Objects and folders are durable before the
/// first swap; each skill's swap is its own commit point, so an error at one leaves the others whole.
pub fn advance(
    writing: &Writing<'_>,
    transaction: &Transaction,
    batch: Batch<'_>,
    index: &mut Index,
    changes: Vec<Change>,
) -> Result<Vec<Result<Advanced, Error>>, Error> {
    let store = writing.store();
    let (known, noted): (&Index, _) = (index, Noted::of(store));
    let prepared = parallel::map_owned(changes, |change| prepare(&noted, known, change));
    let prepared = prepared.into_iter().collect::<Result<Vec<_>, _>>()?;
    let staged: Vec<&Path> = prepared.iter().filter_map(|p| Some(&*p.as_ref().ok()?.dir)).collect();
    batch.publish(&staged)?;
    let mut results = Vec::with_capacity(prepared.len());
    for p in prepared {
        results.push(p.and_then(|p| swap(store, transaction, index, p)));
    }
    fs::sync_dir(&store.layout().skills())?;
    Ok(results)
}

pub(super) struct Prepared {
    pub(super) name: SkillName,
    pub(super) dir: PathBuf,
    pub(super) meta: Meta,
    pub(super) listing: Listing,
    pub(super) meta_stamp: FileStamp,
    /// What the folder that it replaces must hold at that moment; `None` when a hand edit is to be replaced.
    pub(super) replaces: Option<TreeId>,
}

/// Checks one change and writes its record beside its payload. The inner error spares the others, the outer not.
fn prepare(noted: &Noted<'_>, index: &Index, change: Change) -> Result<Result<Prepared, Error>, Error> {
    let store = noted.store;
    let Change {
        staged,
        origin,
        parents,
        reason,
        artifact_type,
        source,
        upstream,
        stats,
        hand_edit,
        quarantine,
    } = change;
    let Staged { name, tree, dir } = staged;
    let known = match find(store, &name) {
        Ok(known) => known,
        Err(e) => return Ok(Err(e)),
    };
    if let (Some(meta), HandEdit::Refuse) = (&known, hand_edit)
        && let Err(e) = require_pristine(store, index, &name, meta)
    {
        return Ok(Err(e));
    }
    // A name keeps its type, and a version of it is what the type asks for, whoever makes it.
    let artifact_type = known.as_ref().map_or(artifact_type, |meta| meta.artifact_type);
    if let Err(e) = artifact::main_file(artifact_type, &name, &tree) {
        return Ok(Err(e.into()));
    }
    let replaces = match (&known, hand_edit) {
        (Some(meta), HandEdit::Refuse) => Some(meta.head().tree),
        _ => None,
    };
    let version = Version {
        number: 1,
        content_hash: tree.content_hash(),
        tree: tree.id(),
        reason,
        origin,
        parents,
        at: store.now_text(),
    };
    let mut meta = match known {
        Some(mut meta) => {
            meta.push(version);
            meta.state = match quarantine.state(noted, &name, &meta) {
                Ok(state) => state,
                Err(e) => return Ok(Err(e.into())),
            };
            meta.was_quarantined = false;
            meta
        }
        None => Meta::new(artifact_type, source, version),
    };
    if upstream.is_some() {
        meta.upstream = upstream;
    }
    if let Some(stats) = stats {
        meta.stats = stats;
    }
    // The record is written before the evidence is taken: it stands in the same folder.
    let meta_path = dir.join(META);
    fs::create(&meta_path, meta.text(&meta_path)?.as_bytes(), fs::Mode::Plain)?;
    let meta_stamp = stamp(&meta_path)?;
    let listing = scan::written(&dir, &tree)?;
    Ok(Ok(Prepared { name, dir, meta, listing, meta_stamp, replaces }))
}

pub(super) fn swap(
    store: &Store,
    transaction: &Transaction,
    index: &mut Index,
    prepared: Prepared,
) -> Result<Advanced, Error> {
    let Prepared { name, dir, meta, listing, meta_stamp, replaces, .. } = prepared;
    let live = store.layout().skill(&name);
    let settled_ns = fs::clock_ns();
    let old = transaction.swap_in(&dir, &live)?;
    if let (Some(old), Some(tree)) = (&old, replaces) {
        // Between the check and the swap somebody may have edited: what was live says so now, and goes back.
        if !is_tree(index, &name, old, &tree) {
            transaction.swap_back(old, &live)?;
            return Err(Error::HandEdited { name, path: live });
        }
    }
    let mut replaced = None;
    if let Some(old) = old {
        match store.trash().put(&old, name.as_str()) {
            Ok(kept) => {
                keep_repositories(&kept, &live);
                replaced = Some(kept);
            }
            // What cannot be kept is not replaced: an error here means that nothing was changed.
            Err(e) => {
                transaction.swap_back(&old, &live)?;
                return Err(e.into());
            }
        }
    }
    remember(index, &name, &meta, meta_stamp, &listing, settled_ns);
    Ok(Advanced { name, version: meta.head().clone(), state: meta.state, replaced })
}

/// Whether the folder at `root` holds this tree; the index answers where it can.
fn is_tree(index: &Index, name: &SkillName, root: &Path, tree: &TreeId) -> bool {
    if let Some(seen) = index.get::<SkillSeen<'_>>(Key::Skill(name.as_str()))
        && seen.tree == *tree
        && Folder::open(root).is_some_and(|folder| seen.files.is_unchanged(&folder))
    {
        return true;
    }
    scan::read(root).is_ok_and(|(found, _)| found.id() == *tree)
}
