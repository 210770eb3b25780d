//! `config`: reads and changes the settings in `config.toml`; what a value may be, the store's `config` decides.

use serde::Serialize;
use skillsync_core::fault::Kind;
use skillsync_store::config::{self, Config, KEYS};
use skillsync_store::store::Store;

use super::{Error, Refusal, builtin};

/// All settings.
#[derive(Debug, Serialize)]
pub struct Settings {
    /// `config.toml`, absolute.
    pub path: String,
    /// Each setting with its effective value.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// Its effective value.
    pub value: String,
    /// Whether `config.toml` sets it; else the default holds.
    pub is_set: bool,
}

/// What a change did, or would do.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// The setting as it is now.
    #[serde(flatten)]
    pub setting: Setting,
    /// Its effective value before.
    pub previous: String,
    /// Whether the file is another one now.
    pub changed: bool,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// A change of one setting.
#[derive(Debug, Clone, Copy)]
pub enum Edit<'a> {
    /// To what this text means.
    Set(&'a str),
    /// Back to the default.
    Unset,
}

/// Every setting with its effective value.
pub fn list(store: &Store) -> Result<Settings, Error> {
    let keys = KEYS.iter().map(|key| (*key).to_owned()).chain(store.config().source_keys());
    let settings: Result<Vec<Setting>, Error> = keys.map(|key| get(store, &key)).collect();
    Ok(Settings { path: store.layout().config().display().to_string(), settings: settings? })
}

/// One setting. Fails when there is none of that name.
pub fn get(store: &Store, key: &str) -> Result<Setting, Error> {
    setting(store.config(), key)
}

fn setting(config: &Config, key: &str) -> Result<Setting, Error> {
    Ok(Setting { key: key.to_owned(), value: config.get(key)?, is_set: config.is_set(key) })
}

/// What [`apply`] would do. Changes nothing.
pub fn plan(store: &Store, key: &str, edit: Edit<'_>) -> Result<Changed, Error> {
    let (_, changed) = changed(store.config().clone(), key, edit)?;
    Ok(Changed { dry_run: true, ..changed })
}

/// Changes a setting and keeps everything else in the file. Fails when there is no such setting or it cannot have
/// the value; the file is untouched then.
pub fn apply(store: &Store, key: &str, edit: Edit<'_>) -> Result<Changed, Error> {
    let _writing = store.write()?;
    // Read again under the mutex: another command may have changed the file since it was opened.
    let (config, changed) = changed(Config::load(&store.layout().config())?, key, edit)?;
    if changed.changed {
        config.save()?;
    }
    Ok(changed)
}

fn changed(mut config: Config, key: &str, edit: Edit<'_>) -> Result<(Config, Changed), Error> {
    let before = config.text();
    let previous = config.get(key)?;
    match edit {
        Edit::Set(value) => {
            config.set(key, value).map_err(|e| unfit(e, key, value))?;
            only_built_in(&config, key)?;
        }
        Edit::Unset => drop(config.unset(key)?),
    }
    let setting = setting(&config, key)?;
    let changed = config.text() != before;
    Ok((config, Changed { setting, previous, changed, dry_run: false }))
}

/// Leaving out what is not built in would do nothing: a name that is none is a mistake.
fn only_built_in(config: &Config, key: &str) -> Result<(), Error> {
    let unknown = config.without().iter().find(|name| !builtin::is_reserved(name));
    let Some(name) = unknown.filter(|_| key == "skillsync.without") else { return Ok(()) };
    Err(Refusal {
        kind: Kind::Invalid,
        code: "config-value",
        message: format!("`{key}`: `{name}` is not a built-in skill"),
        hint: Some(format!(
            "one or more of {}, with commas between",
            builtin::names().collect::<Vec<_>>().join(", ")
        )),
    }
    .into())
}

/// The file is fine, what was typed is not: so the message is about that.
fn unfit(error: config::Error, key: &str, value: &str) -> Error {
    match error {
        config::Error::Value { key: wrong, problem, .. } if wrong == key => Refusal {
            kind: Kind::Invalid,
            code: "config-value",
            message: format!("`{key}`: `{}` {problem}", value.escape_debug()),
            hint: Some("`skillsync config` shows the settings and their values".to_owned()),
        }
        .into(),
        other => other.into(),
    }
}
