//! Putting the recorded version back where a canonical folder was edited by hand, when that was asked for by name.

use std::path::PathBuf;

use skillsync_core::name::SkillName;

use super::advance::{Prepared, swap};
use super::{Error, Staged, load, stage_tree, stamp};
use crate::fs;
use crate::index::Index;
use crate::layout::META;
use crate::scan;
use crate::store::{Transaction, Writing};

/// Restores the canonical folder of `name` to its newest version, and says where the edited one is now: in trash.
/// No version is made.
pub fn restore(
    writing: &Writing<'_>,
    transaction: &Transaction,
    index: &mut Index,
    name: &SkillName,
) -> Result<Option<PathBuf>, Error> {
    let store = writing.store();
    let meta = load(store, name)?;
    let tree = store.objects().tree(&meta.head().tree)?;
    let Staged { name, tree, dir } = stage_tree(transaction, store.objects(), name, &tree)?;
    let meta_path = dir.join(META);
    fs::create(&meta_path, meta.text(&meta_path)?.as_bytes(), fs::Mode::Plain)?;
    let meta_stamp = stamp(&meta_path)?;
    let listing = scan::written(&dir, &tree)?;
    fs::sync_trees(&[&dir])?;
    let prepared = Prepared { name, dir, meta, listing, meta_stamp, replaces: None };
    let restored = swap(store, transaction, index, prepared)?;
    fs::sync_dir(&store.layout().skills())?;
    Ok(restored.replaced)
}
