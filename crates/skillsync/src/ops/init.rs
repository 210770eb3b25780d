//! `init`: the store and its `config.toml`; a second run changes nothing (checklist D4, D19).

use std::path::PathBuf;

use serde::Serialize;
use skillsync_store::store::{Init, Store};

use super::builtin::BuiltinChange;
use super::{Error, write};
use crate::world::World;

/// What `init` did.
#[derive(Debug, Serialize)]
pub struct Initialized {
    /// The store.
    pub path: PathBuf,
    /// Whether it was made now.
    pub created: bool,
    /// Built-in skills that were added to it.
    pub built_in: Vec<BuiltinChange>,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// Makes the store of `world`, or completes it.
pub fn init(world: &World) -> Result<Initialized, Error> {
    let (store, known) = Store::init(&world.store, &world.home, world.now)?;
    let built_in = write(&store, super::builtin::ensure)?;
    Ok(Initialized { path: world.store.clone(), created: known == Init::Created, built_in, dry_run: false })
}
