//! Whether an op may use a network, and its way there.

use skillsync_client::fetch::{Fetch, Http, Limits};
use skillsync_client::source::Source;
use skillsync_core::fault::Kind;
use skillsync_core::name::SourceName;
use skillsync_store::config::SourceConfig;
use skillsync_store::store::Store;

use super::{Error, Refusal};
use crate::world::World;

/// Whether a network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It may.
    Allowed,
    /// `--offline`.
    Off,
}

impl Network {
    /// The way to hubs. `what` is what cannot be done without it: `a search`. Fails with `--offline`.
    pub fn door(self, what: &str) -> Result<Box<dyn Fetch>, Error> {
        match self {
            // Nothing of this machine is in it but the version of the program.
            Network::Allowed => {
                Ok(Box::new(Http::new(concat!("skillsync/", env!("CARGO_PKG_VERSION")), Limits::default())))
            }
            Network::Off => Err(Refusal {
                kind: Kind::Offline,
                code: "network-off",
                message: format!("{what} needs the network, and --offline forbids it"),
                hint: Some("leave out --offline".to_owned()),
            }
            .into()),
        }
    }
}

/// A configured source with its key.
pub fn source(world: &World, store: &Store, config: &SourceConfig) -> Result<Source, Error> {
    Ok(Source::open(store.layout(), store.config(), config, &|name| variable(world, name))?)
}

/// The source that is meant, by its name or as the only one, with its key.
pub fn meant(world: &World, store: &Store, name: Option<&SourceName>) -> Result<Source, Error> {
    source(world, store, skillsync_client::source::meant(store.config(), name)?)
}

/// A variable of the environment as text.
pub fn variable(world: &World, name: &str) -> Option<String> {
    world.var(name).map(|value| value.to_string_lossy().into_owned())
}
