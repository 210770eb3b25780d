//! Finds files that one side moved while the other side edited them in place. What to do with them is left to `trees`.

use std::collections::{BTreeMap, BTreeSet};

use crate::path::SkillPath;
use crate::tree::Tree;

/// Old path to new path, for the files that `mover` has under another path with the same bytes and that `editor` still
/// has under the old one, changed. An empty file is like any other empty file, so it is never taken for moved.
///
/// Of several files with the same bytes, one with the same file name comes first, then the first by path.
pub(super) fn followed(base: &Tree, mover: &Tree, editor: &Tree) -> BTreeMap<SkillPath, SkillPath> {
    let mut taken = BTreeSet::new();
    let mut moves = BTreeMap::new();
    for (old, file) in base.files() {
        let is_edited = editor.get(old).is_some_and(|edited| edited != file);
        if mover.get(old).is_some() || !is_edited || file.size_bytes == 0 {
            continue;
        }
        let target = mover
            .files()
            .filter(|(new, moved)| {
                moved.digest == file.digest
                    && base.get(new).is_none()
                    && editor.get(new).is_none()
                    && !taken.contains(*new)
            })
            .min_by_key(|(new, _)| (file_name(new) != file_name(old), new.as_str()));
        if let Some((new, _)) = target {
            taken.insert(new.clone());
            moves.insert(old.clone(), new.clone());
        }
    }
    moves
}

pub(super) fn file_name(path: &SkillPath) -> &str {
    path.as_str().rsplit('/').next().unwrap_or(path.as_str())
}
