//! Dropping what has waited its day: a duty of `sync` that never keeps it from its own.

use std::path::PathBuf;

use skillsync_store::fs;
use skillsync_store::index::{Index, Key};
use skillsync_store::snapshot::{self, Keep};
use skillsync_store::store::Writing;

use crate::ui::Report;

/// Drops what has waited its day, when there is reason to think that something has. What cannot be dropped is said
/// and tried again in an hour.
pub(super) fn housekeeping(writing: &Writing<'_>, index: &mut Index, warnings: &mut Vec<Report>) {
    let hour = writing.store().now().as_second() / 3600;
    let last: Option<i64> = index.get(Key::Housekeeping);
    if last == Some(hour) {
        return;
    }
    index.set(Key::Housekeeping, &hour);
    match snapshot::plan(writing, index, Keep::Day) {
        Ok(plan) if plan.is_empty() => {}
        Ok(plan) => drop_old(writing, index, plan, warnings),
        Err(e) => warnings.push(Report::of(&e)),
    }
}

fn drop_old(writing: &Writing<'_>, index: &mut Index, plan: snapshot::Plan, warnings: &mut Vec<Report>) {
    if snapshot::apply(writing, index, &plan).is_ok() {
        return;
    }
    // One thing stands in the way of the rest: each by itself, those that are gone already left out.
    let only = |of: fn(&mut snapshot::Plan) -> &mut Vec<PathBuf>, path: &PathBuf| {
        let mut one = snapshot::Plan::default();
        of(&mut one).push(path.clone());
        one
    };
    let trees = plan.trees.iter().map(|path| only(|one| &mut one.trees, path));
    let edited = plan.edited_trees.iter().map(|path| only(|one| &mut one.edited_trees, path));
    let trash = plan.trash.iter().map(|path| only(|one| &mut one.trash, path));
    for one in trees.chain(edited).chain(trash) {
        let mut paths = one.trees.iter().chain(&one.edited_trees).chain(&one.trash);
        let is_there = paths.any(|path| matches!(fs::lstat(path), Ok(Some(_))));
        if let (true, Err(e)) = (is_there, snapshot::apply(writing, index, &one)) {
            warnings.push(Report::of(&e));
        }
    }
}
