//! Sources: whether each can be asked and believed, and what removed ones left.

use std::collections::BTreeMap;
use std::path::PathBuf;

use skillsync_client::anchor::{Anchored, Freshness};
use skillsync_client::credentials;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::{Source as From, State};
use skillsync_store::config::{SourceKind, Target};
use skillsync_store::fs;
use skillsync_store::installed::{InstallState, Installed, Standing};
use skillsync_store::meta::Meta;
use skillsync_store::render::Mark;
use skillsync_store::skills;
use skillsync_store::store::Store;
use skillsync_store::targets::{Occupant, occupant};

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
    installed(world, store, names, findings)?;
    for (_, folder) in leftovers(store)? {
        let message = "what was known of a source that `config.toml` does not name";
        findings.add(Finding::warning("source-leftover", &folder, message).fixable());
    }
    Ok(())
}

/// What is known to be installed, and what of it is in quarantine, or should be.
fn installed(
    world: &World,
    store: &Store,
    names: &[SkillName],
    findings: &mut Findings,
) -> Result<(), Error> {
    let layout = store.layout();
    let state = match InstallState::load(layout) {
        Ok(state) => state,
        Err(e) => {
            findings.failure(Severity::Error, &layout.install_state(), &e.into());
            return Ok(());
        }
    };
    let look = Look::new(world, store);
    for (slug, installed) in state.iter() {
        let source = &installed.source;
        // One whose record does not read is named as such elsewhere, and stays in no agent's folder by `_meta.json` alone.
        let meta = skills::find(store, slug).ok().flatten();
        let active = meta.filter(|meta| meta.state == State::Active);
        let is_noted = installed.state == Standing::Quarantined;
        let why = match &active {
            _ if is_noted => installed.reason.clone().or_else(|| Some("no reason is given".to_owned())),
            Some(active) => look.revoked(source, slug, Some(installed), active),
            None => None,
        };
        let Some(why) = why else { continue };
        let what = format!("was revoked by `{source}`: {why}");
        if active.is_some() {
            in_use(store, slug, &what, findings);
        } else {
            look.quarantined(slug, &what, findings);
        }
    }
    for slug in names.iter().filter(|slug| state.get(slug).is_none()) {
        let Some(meta) = skills::find(store, slug).ok().flatten() else { continue };
        match meta.state {
            State::Quarantined => {
                look.quarantined(slug, "was revoked, and `_meta.json` says nothing of it", findings);
            }
            State::Active if meta.source == From::Hub => look.unrecorded(slug, &meta, findings),
            _ => {}
        }
    }
    Ok(())
}

/// What the hubs say, and what stands in the targets.
struct Look<'a> {
    world: &'a World,
    store: &'a Store,
    hubs: BTreeMap<&'a SourceName, Option<Anchored>>,
}

impl<'a> Look<'a> {
    fn new(world: &'a World, store: &'a Store) -> Self {
        let hubs = store.config().sources().iter().filter(|source| source.kind == SourceKind::Hub);
        let known = |name: &SourceName| Anchored::load(store.layout(), name).ok();
        Self { world, store, hubs: hubs.map(|hub| (&hub.name, known(&hub.name))).collect() }
    }

    fn revoked(
        &self,
        source: &SourceName,
        slug: &SkillName,
        installed: Option<&Installed>,
        meta: &Meta,
    ) -> Option<String> {
        let anchored = self.hubs.get(source)?.as_ref()?;
        anchored.revoked_head(self.store.layout(), source, slug, installed, meta.versions())
    }

    /// A skill in use that came from a hub, and of which `_meta.json` says nothing. Where no hub is configured it is the
    /// user's own.
    fn unrecorded(&self, slug: &SkillName, meta: &Meta, findings: &mut Findings) {
        let revoked = |source: &'a SourceName| Some((source, self.revoked(source, slug, None, meta)?));
        if let Some((source, why)) = self.hubs.keys().find_map(|source| revoked(source)) {
            in_use(self.store, slug, &format!("was revoked by `{source}`: {why}"), findings);
        } else if !self.hubs.is_empty() {
            let message = format!(
                "`{slug}` came from a hub, and `_meta.json` does not say which release it is: it is not kept up, and a \
                 revocation may not reach it"
            );
            findings.add(
                Finding::warning("install-unrecorded", &self.store.layout().skill(slug), message)
                    .fix(format!("skillsync install {slug}")),
            );
        }
    }

    /// A skill that is in quarantine by its record.
    fn quarantined(&self, slug: &SkillName, what: &str, findings: &mut Findings) {
        let place = self.store.layout().skill(slug);
        let holding: Vec<String> = self.holding(slug).map(|target| format!("`{}`", target.id)).collect();
        if !holding.is_empty() {
            let message =
                format!("`{slug}` {what}; it is in quarantine, and still in {}", holding.join(", "));
            findings.add(Finding::error("revoked", &place, message).fix("skillsync sync"));
            return;
        }
        let message = format!("`{slug}` {what}; it is in quarantine, and no target has it");
        findings.add(
            Finding::warning("quarantined", &place, message)
                .fix(format!("skillsync rollback {slug}, or skillsync rm {slug}")),
        );
    }

    /// The targets that have a link or a copy of ours.
    fn holding(&self, slug: &SkillName) -> impl Iterator<Item = &Target> {
        self.store.config().targets().iter().filter(move |target| {
            let at = target.dir(&self.world.home).join(slug.as_str());
            match occupant(self.store.layout(), &at) {
                Ok(Occupant::Ours(_)) => true,
                Ok(Occupant::Folder) => Mark::load(&at).ok().flatten().is_some_and(|mark| mark.name == *slug),
                _ => false,
            }
        })
    }
}

/// A skill that was revoked and is in use by its record.
fn in_use(store: &Store, slug: &SkillName, what: &str, findings: &mut Findings) {
    let message = format!("`{slug}` {what}; agents may still load it");
    findings.add(Finding::error("revoked", &store.layout().skill(slug), message).fix("skillsync poll"));
}

/// The folders of sources that are not configured any more: a command was killed, or somebody edited `config.toml`.
pub(super) fn leftovers(store: &Store) -> Result<Vec<(SourceName, PathBuf)>, Error> {
    let layout = store.layout();
    let entries = fs::entries(&layout.sources())?.unwrap_or_default();
    let names = entries.iter().filter_map(|entry| SourceName::parse(entry.to_str()?).ok());
    let left = names.filter(|name| store.config().source(name).is_none());
    Ok(left.map(|name| (name.clone(), layout.source(&name))).collect())
}
