//! `search`: what hubs have for some words, all sources at once and shown in the order of `config.toml`.

use std::thread;

use serde::Serialize;
use skillsync_client::catalogue::{self, SearchReply, SearchResult};
use skillsync_client::fetch::Fetch;
use skillsync_client::source;
use skillsync_core::name::SourceName;
use skillsync_store::config::{SourceConfig, SourceKind};
use skillsync_store::store::Store;

use super::{Error, network};
use crate::ui::Report;
use crate::world::World;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// How many there are on all pages of all sources.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u32,
    /// Results on a page of one source.
    pub page_size: u32,
    /// Those of the first source first, each source's best first.
    pub results: Vec<Hit>,
    /// The sources that did not answer.
    pub failed: Vec<Failed>,
    /// How many did.
    #[serde(skip)]
    pub answered: usize,
}

/// One result, with where it is.
#[derive(Debug, Serialize)]
pub struct Hit {
    /// The source that has it.
    pub source: SourceName,
    /// What the source says of it.
    #[serde(flatten)]
    pub result: SearchResult,
}

/// A source that did not answer.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// The source.
    pub source: SourceName,
    /// Why.
    pub error: Report,
}

/// Which results are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Results on a page.
    pub size: u32,
}

/// Asks all sources, or the one of this name, at once. One that fails hides no other; a single one that fails is the
/// error.
pub fn search(
    world: &World,
    store: &Store,
    fetch: &dyn Fetch,
    words: &str,
    name: Option<&SourceName>,
    page: Page,
) -> Result<Found, Error> {
    let sources: Vec<&SourceConfig> = match name {
        Some(name) => vec![source::named(store.config(), name)?],
        // Only hubs can be asked for words.
        None => store.config().sources().iter().filter(|s| s.kind == SourceKind::Hub).collect(),
    };
    if sources.is_empty() {
        return Err(source::Error::None.into());
    }
    let ask = |config: &SourceConfig| -> Result<SearchReply, Error> {
        let source = network::source(world, store, config)?;
        source.require_key()?;
        Ok(catalogue::search(source.api(fetch), words, page.number, page.size)?)
    };
    let replies: Vec<Result<SearchReply, Error>> = thread::scope(|scope| {
        let asked: Vec<_> = sources.iter().map(|config| scope.spawn(|| ask(config))).collect();
        asked.into_iter().filter_map(|asking| asking.join().ok()).collect()
    });
    let (page, page_size) = (page.number, page.size);
    let mut found = Found { total: 0, page, page_size, results: Vec::new(), failed: Vec::new(), answered: 0 };
    let is_one = replies.len() == 1;
    for (config, reply) in sources.iter().zip(replies) {
        match reply {
            Ok(reply) => {
                found.answered += 1;
                found.total += reply.total;
                let hit = |result| Hit { source: config.name.clone(), result };
                found.results.extend(reply.results.into_iter().map(hit));
            }
            Err(error) if is_one => return Err(error),
            Err(error) => {
                found.failed.push(Failed { source: config.name.clone(), error: Report::of(&error) })
            }
        }
    }
    Ok(found)
}
