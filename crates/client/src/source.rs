//! What a source is to those who ask it: its addresses, the key to show there, its identity. What it says is left to
//! `api`, what may be believed of it to `trust`.

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SourceName;
use skillsync_core::nearest::nearest;
use skillsync_store::config::{BaseUrl, Config, SourceConfig};
use skillsync_store::layout::Layout;

use crate::api::Api;
use crate::credentials::{self, ApiKey, Origin};
use crate::fetch::{self, Base, Fetch, Plain};

/// A source cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] credentials::Error),
    /// Its address cannot be used.
    #[error("the source `{name}` cannot be asked")]
    Address {
        /// The source.
        name: SourceName,
        /// Why.
        #[source]
        source: fetch::Error,
    },
    /// There is none of this name.
    #[error("there is no source `{name}`")]
    Unknown {
        /// The name.
        name: SourceName,
        /// The configured name that is most like it.
        nearest: Option<SourceName>,
    },
    /// There is none at all.
    #[error("there is no source yet")]
    None,
    /// There are several, and one is needed.
    #[error("there are several sources: {}", .names.join(", "))]
    Several {
        /// Their names.
        names: Vec<String>,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Key(e) => e.kind(),
            Error::Address { source, .. } => source.kind(),
            Error::Unknown { .. } | Error::None => Kind::NotFound,
            Error::Several { .. } => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Key(e) => e.code(),
            Error::Address { source, .. } => source.code(),
            Error::Unknown { .. } => "source-not-found",
            Error::None => "source-none",
            Error::Several { .. } => "source-several",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Key(e) => e.hint(),
            Error::Address { source, .. } => source.hint(),
            Error::Unknown { nearest: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            Error::Unknown { .. } => Some("`skillsync source list` shows the sources".to_owned()),
            Error::None => Some("`skillsync source add https://hub.example` adds a hub".to_owned()),
            Error::Several { .. } => Some("`--source NAME` says which".to_owned()),
        }
    }
}

/// A source that can be asked.
#[derive(Debug, Clone)]
pub struct Source {
    config: SourceConfig,
    base: Base,
    mirrors: Vec<Base>,
    key: Option<(ApiKey, Origin)>,
}

impl Source {
    /// The configured source `config`, with the key that is stored for it or that a variable holds. `var` reads the
    /// environment.
    pub fn open(
        layout: &Layout,
        all: &Config,
        config: &SourceConfig,
        var: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let key = credentials::find(layout, all, &config.name, var)?;
        Self::new(config.clone(), key)
    }

    /// A source that need not be configured yet, with this key.
    pub fn new(config: SourceConfig, key: Option<(ApiKey, Origin)>) -> Result<Self, Error> {
        let plain = if config.insecure { Plain::Allowed } else { Plain::Loopback };
        let base = |url: &BaseUrl| {
            Base::parse(url.as_str(), plain)
                .map_err(|source| Error::Address { name: config.name.clone(), source })
        };
        let mirrors = config.mirrors.iter().map(base).collect::<Result<_, _>>()?;
        Ok(Self { base: base(&config.url)?, mirrors, key, config })
    }

    /// What `config.toml` says of it.
    pub fn config(&self) -> &SourceConfig {
        &self.config
    }

    /// Its name.
    pub fn name(&self) -> &SourceName {
        &self.config.name
    }

    /// Where its interface is.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Where its immutable files are, in the order to try: its mirrors, then itself.
    pub fn places(&self) -> impl Iterator<Item = &Base> {
        self.mirrors.iter().chain([&self.base])
    }

    /// The key to show, if there is one.
    pub fn key(&self) -> Option<&ApiKey> {
        self.key.as_ref().map(|(key, _)| key)
    }

    /// Where the key came from.
    pub fn key_origin(&self) -> Option<&Origin> {
        self.key.as_ref().map(|(_, origin)| origin)
    }

    /// Its interface, asked through `fetch` with its key if it has one.
    pub fn api<'a>(&'a self, fetch: &'a dyn Fetch) -> Api<'a> {
        Api::new(fetch, &self.base, self.key())
    }

    /// The key to show. Fails where there is none.
    pub fn require_key(&self) -> Result<&ApiKey, Error> {
        let missing = || credentials::Error::Missing { name: self.config.name.clone() };
        Ok(self.key().ok_or_else(missing)?)
    }
}

/// The configured source of this name. Fails with the nearest name where there is none.
pub fn named<'a>(config: &'a Config, name: &SourceName) -> Result<&'a SourceConfig, Error> {
    config.source(name).ok_or_else(|| {
        let sources = config.sources();
        let found = nearest(name.as_str(), sources.iter().map(|source| source.name.as_str()));
        let nearest = found.first().and_then(|at| sources.get(*at)).map(|source| source.name.clone());
        Error::Unknown { name: name.clone(), nearest }
    })
}

/// The source that is meant: the one of this name, or the only one.
pub fn meant<'a>(config: &'a Config, name: Option<&SourceName>) -> Result<&'a SourceConfig, Error> {
    match (name, config.sources()) {
        (Some(name), _) => named(config, name),
        (None, [only]) => Ok(only),
        (None, []) => Err(Error::None),
        (None, several) => {
            Err(Error::Several { names: several.iter().map(|source| source.name.to_string()).collect() })
        }
    }
}
