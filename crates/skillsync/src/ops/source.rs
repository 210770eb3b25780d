//! `source`: which hubs skills come from. Adding one ends in its entry in `config.toml`, so that a source that is there is
//! whole; removing one begins with its key.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use skillsync_client::anchor::{Anchored, Candidate, Freshness};
use skillsync_client::credentials::{self, ApiKey};
use skillsync_client::discovery;
use skillsync_client::fetch::Fetch;
use skillsync_client::source::{self, Source};
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::Kind;
use skillsync_core::name::{self, SkillName, SourceName};
use skillsync_store::config::{Apply, BaseUrl, Config, Policy, SourceConfig, SourceKind, Wanted};
use skillsync_store::fs;
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::layout::Layout;
use skillsync_store::store::{Store, Writing};

use super::{Error, Refusal, network};
use crate::ui::Report;
use crate::world::World;

pub mod import;
mod view;

pub use view::{Listed, Sources, Trusted, list, trust};

/// By what the first root is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// Nothing but that it is the first one that came.
    FirstUse,
    /// Its fingerprint.
    Fingerprint(EnvelopeDigest),
    /// Its file, already here.
    File(PathBuf),
}

/// What `add` was asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Where the source is.
    pub url: BaseUrl,
    /// Its name; made from the host when left out.
    pub name: Option<SourceName>,
    /// What answers there.
    pub kind: SourceKind,
    /// Who chooses versions.
    pub policy: Policy,
    /// What a poll does with updates.
    pub apply: Apply,
    /// Which skills are wanted.
    pub skills: Wanted,
    /// Where else its files are.
    pub mirrors: Vec<BaseUrl>,
    /// Whether plain http to another machine is allowed.
    pub insecure: bool,
}

/// What is to be done for a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Add it.
    Add(SourceConfig),
    /// It is configured, by hand, and nothing is believed of it yet.
    Anchor(SourceConfig),
    /// It is there.
    Nothing(SourceConfig),
}

impl Task {
    /// The source.
    pub fn config(&self) -> &SourceConfig {
        match self {
            Task::Add(config) | Task::Anchor(config) | Task::Nothing(config) => config,
        }
    }
}

/// What `add` did, or would do.
#[derive(Debug, Serialize)]
pub struct Added {
    /// The source.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// `hub` or `index`.
    pub kind: SourceKind,
    /// How many skills an index lists; none of a hub.
    pub listed: Option<usize>,
    /// `added`; `anchored`: it stood in `config.toml` and is trusted now; `present`: nothing was to be done.
    pub status: &'static str,
    /// The identity of the hub, as its root says; none where nothing was to be done.
    pub hub: Option<String>,
    /// The version of the root that is trusted.
    pub root_version: Option<u64>,
    /// The fingerprint of that root.
    pub fingerprint: Option<EnvelopeDigest>,
    /// `fingerprint`, `file` or `first_use`: by what the root is trusted.
    pub trusted_by: Option<&'static str>,
    /// Whether a key was stored.
    pub key_stored: bool,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What `add` has to do for `wish`. Fails when the name or the address belongs to another source.
pub fn task(config: &Config, layout: &Layout, wish: &Wish) -> Result<Task, Error> {
    if let Some(known) = config.sources().iter().find(|source| source.url == wish.url) {
        return match &wish.name {
            Some(name) if *name != known.name => Err(clash(
                format!("{} is the source `{}` already", wish.url, known.name),
                format!("`skillsync source remove {}` first, to give it another name", known.name),
            )),
            _ if known.kind == SourceKind::Hub && fs::lstat(&layout.source_trust(&known.name))?.is_none() => {
                Ok(Task::Anchor(known.clone()))
            }
            _ => Ok(Task::Nothing(known.clone())),
        };
    }
    let name = match &wish.name {
        Some(name) => name.clone(),
        None => name_of(&wish.url)?,
    };
    if let Some(known) = config.source(&name) {
        return Err(clash(
            format!("there is a source `{name}` already: {}", known.url),
            "`--name NAME` gives the new one another name".to_owned(),
        ));
    }
    let Wish { url, kind, policy, apply, skills, mirrors, insecure, .. } = wish.clone();
    let default = SourceConfig::new(name, url);
    Ok(Task::Add(SourceConfig { kind, policy, apply, skills, mirrors, insecure, ..default }))
}

/// `hub.example` makes `hub-example`.
fn name_of(url: &BaseUrl) -> Result<SourceName, Error> {
    let suggested = name::suggestion(url.host()).map(String::from);
    Ok(SourceName::parse(&suggested.unwrap_or_else(|| "hub".to_owned()))?)
}

fn clash(message: String, hint: String) -> Error {
    Refusal { kind: Kind::Exists, code: "source-exists", message, hint: Some(hint) }.into()
}

/// How many skills the open index of `config` lists. Fails where there is none.
pub fn skills_listed(layout: &Layout, config: &SourceConfig, fetch: &dyn Fetch) -> Result<usize, Error> {
    let source = Source::new(config.clone(), None)?;
    let found = discovery::index(layout, fetch, &source).map_err(skillsync_client::delivery::Error::from)?;
    Ok(found.index.entries.len())
}

/// The root that `pin` leads to. `fetch` is used only where it is not in a file.
pub fn candidate(
    config: &SourceConfig,
    pin: &Pin,
    fetch: impl FnOnce() -> Result<Box<dyn Fetch>, Error>,
) -> Result<Candidate, Error> {
    // Without its key: whoever answers is not known yet.
    let source = Source::new(config.clone(), None)?;
    let root = match pin {
        Pin::File(path) => Candidate::read(path)?,
        Pin::FirstUse | Pin::Fingerprint(_) => Candidate::fetched(&*fetch()?, &source)?,
    };
    if let Pin::Fingerprint(expected) = pin {
        root.require(*expected, source.base().host())?;
    }
    Ok(root)
}

/// What adding comes to. Changes nothing.
pub fn plan(task: &Task, root: Option<&Candidate>, pin: &Pin, key: Option<&ApiKey>) -> Added {
    let config = task.config();
    Added {
        name: config.name.clone(),
        url: config.url.clone(),
        kind: config.kind,
        listed: None,
        status: match task {
            Task::Add(_) => "added",
            Task::Anchor(_) => "anchored",
            Task::Nothing(_) => "present",
        },
        hub: root.map(|root| root.hub().to_owned()),
        root_version: root.map(Candidate::version),
        fingerprint: root.map(Candidate::fingerprint),
        trusted_by: root.map(|_| match pin {
            Pin::FirstUse => "first_use",
            Pin::Fingerprint(_) => "fingerprint",
            Pin::File(_) => "file",
        }),
        key_stored: key.is_some(),
        dry_run: true,
    }
}

/// Stores the root, then the key, then the entry in `config.toml`: a source that is there is whole. Decides anew what is
/// to be done, since another command may have come in between.
pub fn apply(
    writing: &Writing<'_>,
    wish: &Wish,
    root: Option<&Candidate>,
    pin: &Pin,
    key: Option<&ApiKey>,
) -> Result<Added, Error> {
    let store = writing.store();
    let layout = store.layout();
    let task = task(store.config(), layout, wish)?;
    let name = &task.config().name;
    let report = Added { dry_run: false, ..plan(&task, root, pin, key) };
    if matches!(task, Task::Nothing(_)) {
        return Ok(report);
    }
    if matches!(task, Task::Add(_)) {
        clear(store, name)?;
    }
    make_folder(layout, name)?;
    if let Some(root) = root {
        root.store(layout, name)?;
    }
    if let Some(key) = key {
        credentials::save(layout, name, key)?;
    }
    if let Task::Add(config) = &task {
        let mut file = Config::load(&layout.config())?;
        file.add_source(config)?;
        file.save()?;
    }
    Ok(report)
}

/// Makes the folder of a source. `sources/` shuts itself out of git: a store that is kept there may be older than its
/// `.gitignore` knows of keys.
pub(super) fn make_folder(layout: &Layout, name: &SourceName) -> Result<(), Error> {
    let ignore = layout.sources().join(".gitignore");
    if fs::lstat(&ignore)?.is_none() {
        fs::make_dir(&layout.sources())?;
        fs::sync_dir(layout.root())?;
        fs::replace(&ignore, b"*\n", fs::Mode::Plain)?;
    }
    let folder = layout.source(name);
    if fs::lstat(&folder)?.is_none() {
        fs::make_private_dir(&folder)?;
        fs::sync_dir(&layout.sources())?;
    }
    Ok(())
}

/// Moves what an `add` or `remove` that was killed has left to trash, its key excepted, which goes.
pub(super) fn clear(store: &Store, name: &SourceName) -> Result<Option<PathBuf>, Error> {
    let layout = store.layout();
    credentials::forget(layout, name)?;
    let folder = layout.source(name);
    if fs::lstat(&folder)?.is_none() {
        return Ok(None);
    }
    let to = store.trash().put(&folder, &format!("source-{name}"))?;
    fs::sync_dir(&layout.sources())?;
    Ok(Some(to))
}

/// What `remove` did, or would do.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// The source.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// Its skills, which stay as skills of this machine alone.
    pub kept: Vec<SkillName>,
    /// Whether a key was deleted.
    pub key_deleted: bool,
    /// Where what was believed of it is for 24 hours; none where nothing was.
    pub trash: Option<String>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What [`remove`] would do. Changes nothing. Fails when there is no such source.
pub fn plan_remove(store: &Store, name: &SourceName) -> Result<Removed, Error> {
    let config = source::named(store.config(), name)?;
    let key_deleted = fs::lstat(&store.layout().source_key(name))?.is_some();
    let kept = view::installed(&InstallState::load(store.layout())?, name);
    Ok(Removed { name: name.clone(), url: config.url.clone(), kept, key_deleted, trash: None, dry_run: true })
}

/// Forgets a source: its key first, then its entry in `config.toml`, then what was believed of it. Its skills stay.
pub fn remove(writing: &Writing<'_>, name: &SourceName) -> Result<Removed, Error> {
    let store = writing.store();
    let mut report = plan_remove(store, name)?;
    credentials::forget(store.layout(), name)?;
    let mut file = Config::load(&store.layout().config())?;
    file.remove_source(name)?;
    file.save()?;
    InstallState::amend(store.layout(), |state| state.forget(name))?;
    report.trash = clear(store, name)?.map(|path| path.display().to_string());
    Ok(Removed { dry_run: false, ..report })
}
