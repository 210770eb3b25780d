//! `login` and `logout`: the key for a source, asked of its hub before it is stored.

use serde::Serialize;
use skillsync_client::api;
use skillsync_client::catalogue;
use skillsync_client::credentials::{self, ApiKey, Origin};
use skillsync_client::fetch::Fetch;
use skillsync_client::schedule::Polls;
use skillsync_client::source::{self, Source};
use skillsync_core::fault::Kind;
use skillsync_core::name::SourceName;
use skillsync_store::config::{BaseUrl, Config, SourceConfig};
use skillsync_store::fs;
use skillsync_store::store::{Store, Writing};

use super::source::make_folder;
use super::{Error, Refusal};

/// What `login` did, or would do.
#[derive(Debug, Serialize)]
pub struct LoggedIn {
    /// The source.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// The id of the key. The key itself is never shown.
    pub key: String,
    /// The account that it acts for; none where the hub was not asked, or does not say.
    pub account: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Until when it holds; none for a key without an end.
    pub expires_at: Option<String>,
    /// Whether the hub knows the key; false with `--offline`.
    pub checked: bool,
    /// Whether this is a plan and nothing was stored.
    pub dry_run: bool,
}

/// What `logout` did, or would do.
#[derive(Debug, Serialize)]
pub struct LoggedOut {
    /// The source.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// Whether there was a key to delete.
    pub key_deleted: bool,
    /// Whether this is a plan and nothing was deleted.
    pub dry_run: bool,
}

/// The source that `word` means: its name or its address.
pub fn find<'a>(config: &'a Config, word: &str) -> Result<&'a SourceConfig, Error> {
    if !word.contains("://") {
        return Ok(source::named(config, &SourceName::parse(word)?)?);
    }
    let url = BaseUrl::parse(word).ok();
    let found = config.sources().iter().find(|source| url.as_ref() == Some(&source.url));
    found.ok_or_else(|| {
        Refusal {
            kind: Kind::NotFound,
            code: "source-not-found",
            message: "there is no source at this address".to_owned(),
            hint: Some("`skillsync source add` with the address adds it".to_owned()),
        }
        .into()
    })
}

/// Asks the hub of a source about `key`. Fails when the hub does not know it. Without `fetch` nobody is asked.
pub fn check(config: &SourceConfig, key: &ApiKey, fetch: Option<&dyn Fetch>) -> Result<LoggedIn, Error> {
    let mut report = LoggedIn {
        name: config.name.clone(),
        url: config.url.clone(),
        key: key.id().to_owned(),
        account: None,
        scopes: Vec::new(),
        expires_at: None,
        checked: fetch.is_some(),
        dry_run: true,
    };
    let Some(fetch) = fetch else { return Ok(report) };
    let source = Source::new(config.clone(), Some((key.clone(), Origin::Typed)))?;
    let listed = match catalogue::keys(source.api(fetch)) {
        // The hub knows the key: one that may only read may not see the account's keys.
        Err(api::Error::Refused { status: 403, .. }) => Vec::new(),
        listed => listed?.keys,
    };
    if let Some(info) = listed.into_iter().find(|info| info.id == key.id()) {
        report.account = Some(info.account);
        report.scopes = info.scopes;
        report.expires_at = info.expires_at.map(|at| at.to_string());
    }
    Ok(report)
}

/// Stores `key` for the source that `report` is of.
pub fn store(writing: &Writing<'_>, key: &ApiKey, report: LoggedIn) -> Result<LoggedIn, Error> {
    let store = writing.store();
    // Somebody may have removed the source while the hub was asked.
    source::named(store.config(), &report.name)?;
    make_folder(store.layout(), &report.name)?;
    credentials::save(store.layout(), &report.name, key)?;
    // That it was asked with another key, or could not be, is no reason to wait.
    let mut polls = Polls::load(store.layout(), &report.name);
    if polls.retry() {
        polls.save(store.layout(), &report.name)?;
    }
    Ok(LoggedIn { dry_run: false, ..report })
}

/// What [`logout`] would do. Changes nothing.
pub fn plan_logout(store: &Store, word: &str) -> Result<LoggedOut, Error> {
    let SourceConfig { name, url, .. } = find(store.config(), word)?.clone();
    let key_deleted = fs::lstat(&store.layout().source_key(&name))?.is_some();
    Ok(LoggedOut { name, url, key_deleted, dry_run: true })
}

/// Deletes the key of a source.
pub fn logout(writing: &Writing<'_>, word: &str) -> Result<LoggedOut, Error> {
    let report = plan_logout(writing.store(), word)?;
    credentials::forget(writing.store().layout(), &report.name)?;
    Ok(LoggedOut { dry_run: false, ..report })
}
