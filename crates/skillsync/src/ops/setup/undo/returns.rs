//! Which originals return to their places, and what keeps one from it.

use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::fault::with_causes;
use skillsync_store::index::Index;
use skillsync_store::store::Store;

use crate::ops::Error;
use crate::ops::setup::moves::{Back, Standing};
use crate::ops::setup::record::Moved;

/// Something that is back.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// Where.
    pub path: String,
    /// `trash`: as it was. `history`: written anew from the store, since trash did not have it any more.
    pub from: &'static str,
}

/// Something that could not return.
#[derive(Debug, Serialize)]
pub struct NotRestored {
    /// Where it stood.
    pub path: String,
    /// Where it is; none where trash does not have it any more.
    pub kept: Option<String>,
    /// Whether the store's history does not have it either: that is told once, and not tried again.
    pub lost: bool,
    /// Why.
    pub reason: String,
    /// Where it was to be in trash, which tells it from others of its place.
    #[serde(skip)]
    of: PathBuf,
}

impl NotRestored {
    pub(super) fn new(store: &Store, moved: &Moved, reason: String) -> Result<Self, Error> {
        let kept = moved.is_kept(store.layout())?.then(|| moved.kept.display().to_string());
        let (path, of) = (moved.place.display().to_string(), moved.kept.clone());
        Ok(Self { path, kept, lost: false, reason, of })
    }

    pub(super) fn in_the_way(store: &Store, moved: &Moved) -> Result<Self, Error> {
        Self::new(store, moved, "something else stands there now".to_owned())
    }

    fn lost(store: &Store, moved: &Moved) -> Result<Self, Error> {
        let reason = "neither trash nor the store has it any more".to_owned();
        Ok(Self { lost: true, ..Self::new(store, moved, reason)? })
    }

    pub(super) fn is_of(&self, moved: &Moved) -> bool {
        self.of == moved.kept
    }
}

/// How `moved` comes back with what stands at its place now, or why it does not: what cannot be looked at there keeps no
/// other from coming back.
pub(super) fn way_back(
    store: &Store,
    index: &Index,
    moved: &Moved,
) -> Result<Result<(Back, Standing), NotRestored>, Error> {
    Ok(match Back::of(store, index, moved) {
        Ok((Back::InTheWay, _)) => Err(NotRestored::in_the_way(store, moved)?),
        Ok((Back::Lost, _)) => Err(NotRestored::lost(store, moved)?),
        Ok(way) => Ok(way),
        Err(e) => Err(NotRestored::new(store, moved, with_causes(&e))?),
    })
}
