//! `gc`: removes what nothing needs any more; what is needed, and for how long, the store's `snapshot` decides.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_store::fs;
use skillsync_store::snapshot::{self, Keep, Plan};
use skillsync_store::store::Store;

use super::Error;

/// How much is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What has waited 24 hours.
    Expired,
    /// Everything that is not in use, also what was moved to trash a minute ago.
    All,
}

impl Reach {
    fn keep(self) -> Keep {
        match self {
            Reach::Expired => Keep::DayOnly,
            Reach::All => Keep::InUse,
        }
    }
}

/// What was removed, or would be.
#[derive(Debug, Serialize)]
pub struct Collected {
    /// Each thing.
    pub removed: Vec<Removed>,
    /// Sizes of all that is deleted, added up.
    pub freed_bytes: u64,
    /// Why stored objects were left alone, if they were: a record that does not read could name any of them.
    pub objects_kept_because: Option<String>,
    /// Whether this is a plan and nothing was removed.
    pub dry_run: bool,
}

impl Collected {
    /// How many things of a kind, and their sizes added up.
    pub fn of(&self, kind: RemovedKind) -> (usize, u64) {
        let these = self.removed.iter().filter(|removed| removed.kind == kind);
        these.fold((0, 0), |(count, bytes), removed| (count + 1, bytes + removed.size_bytes))
    }
}

/// One thing that is removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// What it is.
    pub kind: RemovedKind,
    /// Where it is (or was), absolute.
    pub path: String,
    /// Sizes of all files in it.
    pub size_bytes: u64,
}

/// What is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedKind {
    /// Something that waited in trash.
    Trash,
    /// A rendered tree that no link leads to.
    Tree,
    /// Such a tree that somebody edited: it is moved to trash, not deleted.
    EditedTree,
    /// A stored object that no version names.
    Object,
    /// A temporary file of a command that was killed.
    Litter,
}

impl RemovedKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [RemovedKind; 5] = [
        RemovedKind::Trash,
        RemovedKind::Tree,
        RemovedKind::EditedTree,
        RemovedKind::Object,
        RemovedKind::Litter,
    ];
}

/// What [`apply`] would remove. Changes nothing.
pub fn plan(store: &Store, reach: Reach) -> Result<Collected, Error> {
    report(&snapshot::preview(store, reach.keep())?, DryRun::Yes)
}

/// Removes what is not needed.
pub fn apply(store: &Store, reach: Reach) -> Result<Collected, Error> {
    super::write(store, |writing, index| {
        let plan = snapshot::plan(writing, index, reach.keep())?;
        let collected = report(&plan, DryRun::No)?;
        snapshot::apply(writing, index, &plan)?;
        Ok(collected)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DryRun {
    Yes,
    No,
}

fn report(plan: &Plan, dry_run: DryRun) -> Result<Collected, Error> {
    let mut removed = Vec::new();
    let mut add = |kind: RemovedKind, paths: &[PathBuf]| {
        paths.iter().try_for_each(|path| {
            let (path, size_bytes) = (path.display().to_string(), size_bytes(path)?);
            removed.push(Removed { kind, path, size_bytes });
            Ok::<(), Error>(())
        })
    };
    add(RemovedKind::Trash, &plan.trash)?;
    add(RemovedKind::Tree, &plan.trees)?;
    add(RemovedKind::EditedTree, &plan.edited_trees)?;
    add(RemovedKind::Object, &plan.objects)?;
    add(RemovedKind::Litter, &plan.litter)?;
    // What is moved to trash frees nothing yet.
    let is_moved = |kind| match kind {
        RemovedKind::EditedTree => true,
        RemovedKind::Object => plan.keep != Keep::InUse,
        RemovedKind::Trash | RemovedKind::Tree | RemovedKind::Litter => false,
    };
    let deleted = removed.iter().filter(|removed| !is_moved(removed.kind));
    Ok(Collected {
        freed_bytes: deleted.map(|removed| removed.size_bytes).sum(),
        removed,
        objects_kept_because: plan.objects_kept_because.clone(),
        dry_run: dry_run == DryRun::Yes,
    })
}

/// Sizes of all files at and below `path`, links not followed.
fn size_bytes(path: &Path) -> Result<u64, fs::Error> {
    let Some(metadata) = fs::lstat(path)? else { return Ok(0) };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut sum = 0;
    for entry in fs::entries(path)?.unwrap_or_default() {
        sum += size_bytes(&path.join(entry))?;
    }
    Ok(sum)
}
