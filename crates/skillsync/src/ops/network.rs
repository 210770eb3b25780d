//! Whether an op may use a network, and its way there.

use std::time::Instant;

use skillsync_client::fetch::{Fetch, Http, Limits};
use skillsync_client::source::Source;
use skillsync_core::fault::Kind;
use skillsync_core::name::SourceName;
use skillsync_store::config::{SourceConfig, SourceKind};
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
        self.door_until(what, None)
    }

    /// The same, where every answer must have come by `until`, of however many servers.
    pub fn door_until(self, what: &str, until: Option<Instant>) -> Result<Box<dyn Fetch>, Error> {
        match self {
            Network::Allowed => {
                // Nothing of this machine is in it but the version of the program.
                let http = Http::new(concat!("skillsync/", env!("CARGO_PKG_VERSION")), Limits::default());
                Ok(Box::new(match until {
                    Some(until) => http.until(until),
                    None => http,
                }))
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

/// The hub that is meant, by its name or as the only one, with its key.
pub fn meant(world: &World, store: &Store, name: Option<&SourceName>) -> Result<Source, Error> {
    let hubs = store.config().sources().iter().filter(|source| source.kind == SourceKind::Hub);
    let only = match hubs.collect::<Vec<_>>().as_slice() {
        [only] => Some(&only.name),
        _ => None,
    };
    source(world, store, skillsync_client::source::meant(store.config(), name.or(only))?)
}

/// A variable of the environment as text.
pub fn variable(world: &World, name: &str) -> Option<String> {
    world.var(name).map(|value| value.to_string_lossy().into_owned())
}
