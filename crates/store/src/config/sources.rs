//! The `[[sources]]` of `config.toml`: where skills come from beside this machine, and what may come in by itself.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use skillsync_core::limits;
use skillsync_core::name::{self, SourceName};
use skillsync_core::skill;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::{Config, Error, Reader, blocks};

skill::words!(
    /// What answers at a source's address.
    SourceKind, "kind of a source", "hub, index", {
        /// A hub: signed manifests and releases.
        Hub = "hub",
        /// An open index under `.well-known`: files and hashes, without signatures.
        Index = "index",
    }
);

skill::words!(
    /// Who chooses the version that is wanted (decision 3).
    Policy, "policy of a source", "track, pin", {
        /// The publisher: the newest release.
        Track = "track",
        /// The owner of a bundle: the release that it names.
        Pin = "pin",
    }
);

skill::words!(
    /// What a poll does with an update (decision 3).
    Apply, "way to apply updates", "auto, notify, manual", {
        /// Installs it.
        Auto = "auto",
        /// Says that it is there; `update` installs it.
        Notify = "notify",
        /// Does not look; `outdated` and `update` do.
        Manual = "manual",
    }
);

skill::words!(
    /// Which skills of a source are wanted here.
    Wanted, "choice of skills", "chosen, all", {
        /// Those that `install` named.
        Chosen = "chosen",
        /// All that the source lists: for fleets.
        All = "all",
    }
);

/// The address that a source or a mirror of it is reached at: `https://hub.example/skills`, without a slash at its end.
/// No user, no query and no fragment can be in it, so nothing secret is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Checks `text`; slashes at its end are dropped, scheme and host are folded to lower case. Fails with the rule.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rule = || "is not an address such as `https://hub.example`".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(rule)?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(&*scheme, "https" | "http") || text.len() > limits::URL_BYTES {
            return Err(rule());
        }
        if !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("has a character that no address has".to_owned());
        }
        if rest.contains(['?', '#', '\\', '"', '<', '>', '`', '{', '}', '|', '^']) {
            return Err("has more than a scheme, a host, a port and a path".to_owned());
        }
        let (origin, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if origin.contains('@') {
            return Err("has a user in it; a key is stored by `skillsync login`".to_owned());
        }
        let path = path.trim_end_matches('/');
        if path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
            return Err("has an empty part, `.` or `..` in its path".to_owned());
        }
        let origin = origin.to_ascii_lowercase();
        let host = host_of(&origin).filter(|host| is_host(host)).ok_or_else(rule)?;
        let port = origin[host.len()..].strip_prefix(':');
        let port_is_good = |port: &str| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
        };
        if host.len() != origin.len() && !port.is_some_and(port_is_good) {
            return Err(rule());
        }
        Ok(Self(format!("{scheme}://{origin}{path}")))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is sent to it is sealed.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Its host, without the port.
    pub fn host(&self) -> &str {
        let origin = self.0.split("://").nth(1).unwrap_or_default();
        host_of(origin.split('/').next().unwrap_or_default()).unwrap_or_default()
    }

    /// Whether it is this machine, by its name: `localhost`, `127.0.0.0/8`, `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }
}

/// The host at the beginning of `host:port`.
fn host_of(origin: &str) -> Option<&str> {
    match origin.strip_prefix('[') {
        Some(inner) => inner.find(']').map(|at| &origin[..at + 2]),
        None => origin.split(':').next(),
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        }),
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> String {
        url.0
    }
}

/// Where skills come from, as `config.toml` says it. Its key and what is believed of it are in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its name, unique in the store.
    pub name: SourceName,
    /// Where it is.
    pub url: BaseUrl,
    /// What answers there.
    pub kind: SourceKind,
    /// Who chooses versions.
    pub policy: Policy,
    /// What a poll does with updates.
    pub apply: Apply,
    /// Which of its skills are wanted.
    pub skills: Wanted,
    /// Where else its immutable files are, in the order to try before `url`.
    pub mirrors: Vec<BaseUrl>,
    /// Whether `http://` is allowed to another machine.
    pub insecure: bool,
    /// Whether it is told, after a change, what is installed from it.
    pub report_state: bool,
}

impl SourceConfig {
    /// A hub at `url` with the defaults.
    pub fn new(name: SourceName, url: BaseUrl) -> Self {
        Self {
            name,
            url,
            kind: SourceKind::Hub,
            policy: Policy::Track,
            apply: Apply::Auto,
            skills: Wanted::Chosen,
            mirrors: Vec::new(),
            insecure: false,
            report_state: true,
        }
    }
}

/// The fields of a source that `config get|set|unset` knows, as `sources.NAME.FIELD`. Its name and address are the
/// identity that its folder belongs to: they change by `source remove` and `source add`.
pub const SOURCE_FIELDS: [&str; 6] = ["policy", "apply", "skills", "mirrors", "insecure", "report_state"];

/// `sources.NAME.FIELD` in its parts.
fn setting(key: &str) -> Option<(&str, &str)> {
    let (name, field) = key.strip_prefix("sources.")?.split_once('.')?;
    SOURCE_FIELDS.contains(&field).then_some((name, field))
}

impl Config {
    /// The configured sources, in the order of the file.
    pub fn sources(&self) -> &[SourceConfig] {
        &self.sources
    }

    /// The source with this name.
    pub fn source(&self, name: &SourceName) -> Option<&SourceConfig> {
        self.sources.iter().find(|source| source.name == *name)
    }

    /// The names of the settings of all sources.
    pub fn source_keys(&self) -> impl Iterator<Item = String> {
        let fields =
            |source: &SourceConfig| SOURCE_FIELDS.map(|field| format!("sources.{}.{field}", source.name));
        self.sources.iter().flat_map(fields)
    }

    /// Adds a source at the end. Defaults are not written.
    pub fn add_source(&mut self, source: &SourceConfig) -> Result<(), Error> {
        let default = SourceConfig::new(source.name.clone(), source.url.clone());
        let mut table = Table::new();
        table["name"] = value(source.name.as_str());
        table["url"] = value(source.url.as_str());
        if source.kind != default.kind {
            table["kind"] = value(source.kind.as_str());
        }
        for field in SOURCE_FIELDS {
            if source.field(field) != default.field(field) {
                table[field] = Item::Value(written(field, &source.field(field)));
            }
        }
        self.push_block("sources", table)
    }

    /// Removes the source with this name; says whether it was there.
    pub fn remove_source(&mut self, name: &SourceName) -> Result<bool, Error> {
        let Some(position) = self.sources.iter().position(|source| source.name == *name) else {
            return Ok(false);
        };
        self.remove_block("sources", position)?;
        Ok(true)
    }

    /// The effective value of `sources.NAME.FIELD`; none when there is no such setting.
    pub(super) fn get_source(&self, key: &str) -> Option<String> {
        let (name, field) = setting(key)?;
        let source = self.sources.iter().find(|source| source.name.as_str() == name)?;
        Some(source.field(field))
    }

    /// The block of the source that `key` is of, and the field.
    pub(super) fn source_table<'a>(&mut self, key: &'a str) -> Option<(&mut dyn TableLike, &'a str)> {
        let (name, field) = setting(key)?;
        let position = self.sources.iter().position(|source| source.name.as_str() == name)?;
        let table: &mut dyn TableLike = match self.document.get_mut("sources")? {
            Item::ArrayOfTables(tables) => tables.get_mut(position)?,
            Item::Value(toml_edit::Value::Array(tables)) => {
                tables.get_mut(position)?.as_inline_table_mut()?
            }
            _ => return None,
        };
        Some((table, field))
    }

    /// Whether the file itself sets `sources.NAME.FIELD`.
    pub(super) fn is_source_set(&self, key: &str) -> bool {
        let Some((name, field)) = setting(key) else { return false };
        let Some(position) = self.sources.iter().position(|source| source.name.as_str() == name) else {
            return false;
        };
        let Some(item) = self.document.get("sources") else { return false };
        blocks::tables(item)
            .is_some_and(|tables| tables.get(position).is_some_and(|table| table.contains_key(field)))
    }
}

/// What `text` is in the file as a value of `field`.
pub(super) fn written(field: &str, text: &str) -> toml_edit::Value {
    match field {
        "mirrors" => {
            let urls = text.split(',').map(str::trim).filter(|url| !url.is_empty());
            toml_edit::Value::Array(urls.collect())
        }
        "insecure" | "report_state" => {
            text.parse::<bool>().map(toml_edit::Value::from).unwrap_or_else(|_| text.into())
        }
        _ => text.into(),
    }
}

impl SourceConfig {
    /// The value of one of [`SOURCE_FIELDS`] as text.
    fn field(&self, field: &str) -> String {
        match field {
            "policy" => self.policy.to_string(),
            "apply" => self.apply.to_string(),
            "skills" => self.skills.to_string(),
            "insecure" => self.insecure.to_string(),
            "report_state" => self.report_state.to_string(),
            _ => self.mirrors.iter().map(BaseUrl::as_str).collect::<Vec<_>>().join(","),
        }
    }
}

impl Reader<'_> {
    pub(super) fn sources(&self, document: &DocumentMut) -> Result<Vec<SourceConfig>, Error> {
        let Some(item) = document.get("sources") else { return Ok(Vec::new()) };
        let tables = blocks::tables(item)
            .ok_or_else(|| self.wrong("sources", "is not a list of [[sources]] blocks"))?;
        let mut sources: Vec<SourceConfig> = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let source = self.source(index, table)?;
            if sources.iter().any(|known| known.name == source.name) {
                let key = format!("sources[{index}].name");
                return Err(self.wrong(&key, format!("`{}` is there twice", source.name)));
            }
            // Two sources at one address would be two opinions of what to believe of it.
            if let Some(known) = sources.iter().find(|known| known.url == source.url) {
                let key = format!("sources[{index}].url");
                return Err(self.wrong(&key, format!("is the address of the source `{}`", known.name)));
            }
            sources.push(source);
        }
        Ok(sources)
    }

    fn source(&self, index: usize, table: &dyn TableLike) -> Result<SourceConfig, Error> {
        let key = |field: &str| format!("sources[{index}].{field}");
        let text = |field: &str| match table.get(field) {
            None => Ok(None),
            Some(item) => item.as_str().map(Some).ok_or_else(|| self.wrong(&key(field), "is not a text")),
        };
        let required = |field: &str| text(field)?.ok_or_else(|| self.wrong(&key(field), "is missing"));
        let url =
            |field: &str, text: &str| BaseUrl::parse(text).map_err(|rule| self.wrong(&key(field), rule));
        let name = SourceName::parse(required("name")?)
            .map_err(|e: name::Error| self.wrong(&key("name"), e.to_string()))?;
        let mut source = SourceConfig::new(name, url("url", required("url")?)?);
        if let Some(word) = text("kind")? {
            source.kind = word.parse().map_err(|_| self.wrong(&key("kind"), "is not one of hub, index"))?;
        }
        if let Some(word) = text("policy")? {
            source.policy =
                word.parse().map_err(|_| self.wrong(&key("policy"), "is not one of track, pin"))?;
        }
        if let Some(word) = text("apply")? {
            source.apply =
                word.parse().map_err(|_| self.wrong(&key("apply"), "is not one of auto, notify, manual"))?;
        }
        if let Some(word) = text("skills")? {
            source.skills =
                word.parse().map_err(|_| self.wrong(&key("skills"), "is not one of chosen, all"))?;
        }
        if let Some(item) = table.get("mirrors") {
            let wrong = || self.wrong(&key("mirrors"), "is not a list of addresses");
            let list = item.as_array().ok_or_else(wrong)?;
            for mirror in list {
                source.mirrors.push(url("mirrors", mirror.as_str().ok_or_else(wrong)?)?);
            }
        }
        let truth = |field: &str| match table.get(field) {
            None => Ok(None),
            Some(item) => {
                item.as_bool().map(Some).ok_or_else(|| self.wrong(&key(field), "is not true or false"))
            }
        };
        source.insecure = truth("insecure")?.unwrap_or(source.insecure);
        source.report_state = truth("report_state")?.unwrap_or(source.report_state);
        Ok(source)
    }
}

#[cfg(test)]
mod tests;
