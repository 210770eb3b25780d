//! Sources: whether each can be asked and believed, and what removed ones left.

use std::path::PathBuf;

use skillsync_client::anchor::{Anchored, Freshness};
use skillsync_client::credentials;
use skillsync_core::name::SourceName;
use skillsync_store::config::SourceKind;
use skillsync_store::fs;
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::store::Store;

use super::Error;
use super::finding::{Finding, Findings, Severity};
use crate::ops::network;
use crate::world::World;

/// Looks at what is known of every source. Asks nobody.
pub(super) fn check(world: &World, store: &Store, findings: &mut Findings) -> Result<(), Error> {
    let layout = store.layout();
    // Of an index nothing is believed beyond what it says when it is asked.
    let hubs = store.config().sources().iter().filter(|source| source.kind == SourceKind::Hub);
    for config in hubs {
        let (name, folder) = (&config.name, layout.source(&config.name));
        match Anchored::load(layout, name) {
            Err(e) => findings.failure(Severity::Error, &folder, &e.into()),
            Ok(anchored) => {
                if let Freshness::Stale { since } = anchored.freshness(world.now) {
                    let message = format!(
                        "what the source `{name}` said holds no longer, since {since}; what is installed goes on working"
                    );
                    findings.add(
                        Finding::warning("source-stale", &folder, message)
                            .fix("skillsync poll asks it again"),
                    );
                }
            }
        }
        let key =
            credentials::find(layout, store.config(), name, &|variable| network::variable(world, variable));
        if let Err(e) = key {
            findings.failure(Severity::Error, &layout.source_key(name), &e.into());
        }
    }
    installed(store, findings)?;
    for (_, folder) in leftovers(store)? {
        let message = "what was known of a source that `config.toml` does not name";
        findings.add(Finding::warning("source-leftover", &folder, message).fixable());
    }
    Ok(())
}

/// What is known to be installed, and what of it is in quarantine.
fn installed(store: &Store, findings: &mut Findings) -> Result<(), Error> {
    let layout = store.layout();
    let state = match InstallState::load(layout) {
        Ok(state) => state,
        Err(e) => {
            findings.failure(Severity::Error, &layout.install_state(), &e.into());
            return Ok(());
        }
    };
    for (slug, installed) in state.iter().filter(|(_, i)| i.state == Standing::Quarantined) {
        let why = installed.reason.as_deref().unwrap_or("no reason is given");
        let message = format!("`{slug}` was revoked by `{}`: {why}; no agent loads it", installed.source);
        findings.add(
            Finding::warning("quarantined", &layout.skill(slug), message)
                .fix(format!("skillsync rollback {slug}, or skillsync rm {slug}")),
        );
    }
    Ok(())
}

/// The folders of sources that are not configured any more: a command was killed, or somebody edited `config.toml`.
pub(super) fn leftovers(store: &Store) -> Result<Vec<(SourceName, PathBuf)>, Error> {
    let layout = store.layout();
    let entries = fs::entries(&layout.sources())?.unwrap_or_default();
    let names = entries.iter().filter_map(|entry| SourceName::parse(entry.to_str()?).ok());
    let left = names.filter(|name| store.config().source(name).is_none());
    Ok(left.map(|name| (name.clone(), layout.source(&name))).collect())
}
