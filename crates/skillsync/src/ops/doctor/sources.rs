//! Sources: whether each can be asked and believed, and what removed ones left.

use std::collections::BTreeMap;
use std::path::PathBuf;

use skillsync_client::anchor::{Anchored, Freshness};
use skillsync_client::credentials;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::State;
use skillsync_store::config::SourceKind;
use skillsync_store::fs;
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::Error;
use super::finding::{Finding, Findings, Severity};
use crate::ops::network;
use crate::world::World;

/// Looks at what is known of every source. Asks nobody.
pub(super) fn check(
    world: &World,
    store: &Store,
    names: &[SkillName],
    findings: &mut Findings,
) -> Result<(), Error> {
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
    installed(store, names, findings)?;
    for (_, folder) in leftovers(store)? {
        let message = "what was known of a source that `config.toml` does not name";
        findings.add(Finding::warning("source-leftover", &folder, message).fixable());
    }
    Ok(())
}

/// What is known to be installed, and what of it is in quarantine, or should be.
fn installed(store: &Store, names: &[SkillName], findings: &mut Findings) -> Result<(), Error> {
    let layout = store.layout();
    let state = match InstallState::load(layout) {
        Ok(state) => state,
        Err(e) => {
            findings.failure(Severity::Error, &layout.install_state(), &e.into());
            return Ok(());
        }
    };
    let mut anchored: BTreeMap<&SourceName, Option<Anchored>> = BTreeMap::new();
    for (slug, installed) in state.iter() {
        let source = &installed.source;
        // One whose record does not read is named as such elsewhere, and stays in no agent's folder by `_meta.json` alone.
        let is_active = skills::find(store, slug).ok().flatten().is_some_and(|m| m.state == State::Active);
        if installed.state == Standing::Quarantined && !is_active {
            let why = installed.reason.as_deref().unwrap_or("no reason is given");
            quarantined(store, slug, &format!("was revoked by `{source}`: {why}"), findings);
            continue;
        }
        let anchored = anchored.entry(source).or_insert_with(|| Anchored::load(layout, source).ok());
        if let (true, Some(why)) = (is_active, anchored.as_ref().and_then(|a| a.revoked(&installed.current)))
        {
            let message = format!("`{slug}` was revoked by `{source}`: {why}; agents may still load it");
            findings.add(
                Finding::new(Severity::Error, "revoked", &layout.skill(slug), message).fix("skillsync poll"),
            );
        }
    }
    for slug in names.iter().filter(|slug| state.get(slug).is_none()) {
        let meta = skills::find(store, slug).ok().flatten();
        if meta.is_some_and(|meta| meta.state == State::Quarantined) {
            quarantined(store, slug, "was revoked, and `_meta.json` says nothing of it", findings);
        }
    }
    Ok(())
}

fn quarantined(store: &Store, slug: &SkillName, what: &str, findings: &mut Findings) {
    let message = format!("`{slug}` {what}; no agent loads it");
    findings.add(
        Finding::warning("quarantined", &store.layout().skill(slug), message)
            .fix(format!("skillsync rollback {slug}, or skillsync rm {slug}")),
    );
}

/// The folders of sources that are not configured any more: a command was killed, or somebody edited `config.toml`.
pub(super) fn leftovers(store: &Store) -> Result<Vec<(SourceName, PathBuf)>, Error> {
    let layout = store.layout();
    let entries = fs::entries(&layout.sources())?.unwrap_or_default();
    let names = entries.iter().filter_map(|entry| SourceName::parse(entry.to_str()?).ok());
    let left = names.filter(|name| store.config().source(name).is_none());
    Ok(left.map(|name| (name.clone(), layout.source(&name))).collect())
}
