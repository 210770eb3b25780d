//! One original after the other leaves its place, and its link takes it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_store::config::Target;
use skillsync_store::index::Index;
use skillsync_store::layout::Layout;
use skillsync_store::store::Writing;
use skillsync_store::targets::occupant;
use skillsync_store::tools::Mode;
use skillsync_store::{fs, render, scan, skills};

use super::moves::{Touched, take};
use super::plan::Plan;
use super::record::Moved;
use super::seats::{Servers, is_our_copy};
use super::survey::Original;
use super::{Error, refuse};
use crate::ops::source::import::content_of;

/// Something that was moved to trash.
#[derive(Debug, Serialize)]
pub struct Trashed {
    /// Where it stood.
    pub path: String,
    /// Where it is now.
    pub kept: String,
}

/// Moves originals to trash and brings their links.
pub(super) struct Swapper<'a, 'w> {
    writing: &'a Writing<'w>,
    servers: Servers<'a>,
    plan: &'a Plan,
    touched: Touched,
    trashed: Vec<Trashed>,
}

impl<'a, 'w> Swapper<'a, 'w> {
    pub(super) fn new(writing: &'a Writing<'w>, servers: Servers<'a>, plan: &'a Plan) -> Self {
        Self { writing, servers, plan, touched: Touched::default(), trashed: Vec::new() }
    }

    /// Makes the moves durable and tells them.
    pub(super) fn finish(self) -> Result<Vec<Trashed>, Error> {
        self.touched.sync()?;
        Ok(self.trashed)
    }

    /// The target whose link to this skill belongs exactly where the original stands.
    pub(super) fn seat(&self, original: &Original) -> Option<&'a Target> {
        let folder = &self.plan.folders[original.folder];
        if original.place.file_name() != Some(original.name.as_str().as_ref()) {
            return None;
        }
        let real = |dir: &Path| fs::real_path(dir).ok().flatten().unwrap_or_else(|| dir.to_owned());
        let is_here = |t: &&'a Target| real(&t.dir(&self.servers.world.home)) == folder.real;
        let is_linked = |t: &&'a Target| self.servers.covered.get(&t.id).is_none_or(Option::is_none);
        self.servers.seats.iter().filter(is_here).find(is_linked)
    }

    /// Moves one original, if the store holds its content and every agent that reads it there finds it again.
    pub(super) fn swap(&mut self, index: &Index, original: &Original, moved: &Moved) -> Result<(), Error> {
        self.check_is_stored(original)?;
        let layout = self.writing.store().layout();
        let link = match self.seat(original) {
            Some(target) if target.mode == Mode::Symlink => {
                Some(self.rendered(index, target, &original.name)?)
            }
            // A copy follows at the next sync, in a moment.
            Some(_) => None,
            None => {
                self.check_is_served(original)?;
                None
            }
        };
        take(layout, moved, link.as_deref(), &mut self.touched)?;
        let shown = |path: &Path| path.display().to_string();
        self.trashed.push(Trashed { path: shown(&moved.place), kept: shown(&moved.kept) });
        Ok(())
    }

    /// What leaves its place is in the store, byte for byte: looked at now, whatever the plan says.
    fn check_is_stored(&self, original: &Original) -> Result<(), Error> {
        let changed = || {
            let message = format!("`{}` has changed since the plan was made", original.place.display());
            refuse(Kind::Conflict, "plan-outdated", message, "run skillsync setup again")
        };
        if let Some(text) = &original.link {
            return if fs::read_link(&original.place)?.as_ref() == Some(text) {
                Ok(())
            } else {
                Err(changed())
            };
        }
        if !fs::lstat(&original.place)?.is_some_and(|m| m.is_dir()) {
            return Err(changed());
        }
        let (tree, _) = scan::read(&original.place)?;
        let meta = skills::load_active(self.writing.store(), &original.name)?;
        let hashes = [content_of(&tree), tree.content_hash()];
        let is_stored = meta.versions().iter().any(|version| hashes.contains(&version.content_hash));
        if is_stored { Ok(()) } else { Err(changed()) }
    }

    /// The link in `rendered/`, pointing at the skill as it is rendered now.
    fn rendered(&mut self, index: &Index, target: &Target, name: &SkillName) -> Result<PathBuf, Error> {
        let store = self.writing.store();
        let layout = store.layout();
        let link = layout.rendered_skill(&target.id, name.as_str());
        if fs::read_link(&link)?.is_none() {
            let meta = skills::load_active(store, name)?;
            let head = meta.head();
            let (rendering, _) = render::plan(store, index, name, head.number, head.tree)?;
            if fs::lstat(&layout.tree(&rendering.id))?.is_none() {
                let message = format!("`{name}` could not be rendered");
                return Err(refuse(Kind::Io, "not-rendered", message, "run skillsync setup again"));
            }
            fs::symlink_replace(&Layout::tree_from_rendered(&rendering.id), &link)?;
            self.touched.add(&link);
        }
        Ok(link)
    }

    /// Every agent that finds the skill here finds it again elsewhere.
    fn check_is_served(&self, original: &Original) -> Result<(), Error> {
        let layout = self.writing.store().layout();
        let dirs = self.servers.of(&self.plan.folders[original.folder]);
        for dir in &dirs {
            let place = dir.join(original.name.as_str());
            if !occupant(layout, &place)?.is_ours() && !is_our_copy(&place)? {
                let message = format!("`{}` has no link to take over", place.display());
                return Err(refuse(
                    Kind::Conflict,
                    "not-linked",
                    message,
                    "skillsync doctor says what is in its way",
                ));
            }
        }
        Ok(())
    }
}
