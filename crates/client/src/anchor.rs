//! The first root of a source: fetched or given, shown by its fingerprint, and stored once somebody trusts it. From it on
//! `trust` goes from root to root; what is believed now can be looked at here.

use std::ops::Deref as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::Version;
use skillsync_store::fs;
use skillsync_store::installed::Installed;
use skillsync_store::layout::Layout;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::api::path;
use skillsync_wire::envelope::{self, Signed};
use skillsync_wire::json::Time;
use skillsync_wire::limits;
use skillsync_wire::root::Root;
pub use skillsync_wire::trust::Freshness;
use skillsync_wire::trust::{Refusal, State, Walk};

use crate::api;
use crate::fetch::{self, Fetch, Request};
use crate::source::Source;

mod barring;
mod came;

pub use barring::{Barred, Barring};
pub use came::Came;
pub(crate) use came::{Kept, Revoked};

/// A source cannot be trusted, or what is believed of it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// The root cannot be fetched.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The root does not hold.
    #[error("{origin} is no root to begin with")]
    Root {
        /// Where it came from.
        origin: String,
        /// Why.
        #[source]
        source: Box<Refusal>,
    },
    /// It is another root than the one that was named.
    #[error("the root of {host} has another fingerprint: {found}; {expected} was given")]
    Fingerprint {
        /// The host.
        host: String,
        /// The fingerprint that was given.
        expected: EnvelopeDigest,
        /// That of the root that came.
        found: EnvelopeDigest,
    },
    /// What is stored does not read.
    #[error("what is believed of the source `{name}` cannot be read from `{}`", .path.display())]
    Stored {
        /// The source.
        name: SourceName,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<Refusal>,
    },
    /// Nothing is stored: somebody deleted it, or wrote the source into `config.toml` by hand.
    #[error("there is no root of the source `{name}`, so nothing it says can be believed")]
    Missing {
        /// The source.
        name: SourceName,
    },
}

impl From<fetch::Error> for Error {
    fn from(error: fetch::Error) -> Self {
        Error::Api(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Api(e) => e.kind(),
            Error::Root { source, .. } | Error::Stored { source, .. } => source.kind(),
            Error::Fingerprint { .. } | Error::Missing { .. } => Kind::Untrusted,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Api(e) => e.code(),
            Error::Root { source, .. } | Error::Stored { source, .. } => source.code(),
            Error::Fingerprint { .. } => "root-fingerprint",
            Error::Missing { .. } => "root-missing",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Api(e) => e.hint(),
            Error::Root { source, .. } => source.hint().or_else(|| {
                Some(
                    "nothing was stored; is the address that of a hub, the file one of its roots?".to_owned(),
                )
            }),
            Error::Fingerprint { .. } => {
                Some("nothing was stored; ask who runs the hub, on another way than this one".to_owned())
            }
            Error::Stored { name, .. } | Error::Missing { name } => Some(format!(
                "`skillsync source remove {name}` and `skillsync source add` begin anew; installed skills stay"
            )),
        }
    }
}

/// A root that nobody has said yes to.
#[derive(Debug, Clone)]
pub struct Candidate {
    envelope: Vec<u8>,
    root: Signed<Root>,
}

impl Candidate {
    /// The first root that the hub itself serves.
    pub fn fetched(fetch: &dyn Fetch, source: &Source) -> Result<Self, Error> {
        let address = source.base().at(&path::root(1))?;
        let mut envelope = Vec::new();
        let reply = fetch.fetch(&Request::get(&address, limits::ROOT_BYTES as u64), &mut envelope)?;
        let host = source.base().host();
        if !reply.is_success() {
            return Err(api::Error::refused(host, &reply).into());
        }
        let candidate = Self::new(envelope, format!("what {host} serves as root 1"))?;
        if candidate.root.version != 1 {
            let source = Refusal::RootVersion { trusted: 0, found: candidate.root.version };
            let source = Box::new(source);
            return Err(Error::Root { origin: format!("what {host} serves as root 1"), source });
        }
        Ok(candidate)
    }

    /// The root in a file, of any version.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::new(fs::read(path, limits::ROOT_BYTES as u64)?, format!("`{}`", path.display()))
    }

    /// Its own keys must have signed it; whose keys they are is for a person to say.
    fn new(envelope: Vec<u8>, origin: String) -> Result<Self, Error> {
        let root = skillsync_wire::root::verify_pinned(&envelope, EnvelopeDigest::of(&envelope))
            .map_err(|e| Error::Root { origin, source: Box::new(e.into()) })?;
        Ok(Self { envelope, root })
    }

    /// What names it: whoever runs the hub can say whether this is theirs.
    pub fn fingerprint(&self) -> EnvelopeDigest {
        self.root.digest()
    }

    /// The identity of the hub, as it says itself.
    pub fn hub(&self) -> &str {
        self.root.hub.as_str()
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        self.root.version
    }

    /// Fails unless it is the one with this fingerprint.
    pub fn require(&self, expected: EnvelopeDigest, host: &str) -> Result<(), Error> {
        let found = self.fingerprint();
        if found == expected {
            return Ok(());
        }
        Err(Error::Fingerprint { host: host.to_owned(), expected, found })
    }

    /// Stores it as what `name` is trusted by: the root first, then the state that names it.
    pub fn store(&self, layout: &Layout, name: &SourceName) -> Result<(), Error> {
        let path = layout.source_trust(name);
        let stored =
            |source| Error::Stored { name: name.clone(), path: path.clone(), source: Box::new(source) };
        let walk = Walk::pinned(&self.envelope, self.fingerprint()).map_err(stored)?;
        let state = walk.state().write().map_err(stored)?;
        fs::replace(&layout.source_root(name, self.version()), &self.envelope, fs::Mode::Private)?;
        Ok(fs::replace(&path, &state, fs::Mode::Private)?)
    }
}

/// What is believed of a source, as it is stored.
#[derive(Debug, Clone)]
pub struct Anchored {
    /// What is remembered.
    pub state: State,
    root: Signed<Root>,
    advisories: Option<Advisories>,
    revoked: OnceLock<Revoked>,
}

/// One role of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name: `root`, `release`, `manifest`.
    pub role: &'static str,
    /// How many of its keys must sign.
    pub threshold: usize,
    /// How often a key of it was replaced in a way that makes old counts forgotten; none for `root`.
    pub epoch: Option<u64>,
    /// The ids of its keys.
    pub key_ids: Vec<String>,
}

impl Anchored {
    /// Reads what is stored of `name`. It is checked: the root against the digest that the state names.
    pub fn load(layout: &Layout, name: &SourceName) -> Result<Self, Error> {
        let path = layout.source_trust(name);
        let Some(bytes) = fs::optional(fs::read(&path, limits::STATE_BYTES as u64))? else {
            return Err(Error::Missing { name: name.clone() });
        };
        let stored =
            |path: PathBuf| |source| Error::Stored { name: name.clone(), path, source: Box::new(source) };
        let state = State::read(&bytes).map_err(stored(path))?;
        let path = layout.source_root(name, state.root_version);
        let Some(envelope) = fs::optional(fs::read(&path, limits::ROOT_BYTES as u64))? else {
            return Err(Error::Missing { name: name.clone() });
        };
        let root = skillsync_wire::root::verify_pinned(&envelope, state.root_sha256)
            .map_err(|e| stored(path)(e.into()))?;
        let advisories =
            fs::optional(fs::read(&layout.source_advisories(name), limits::ADVISORIES_BYTES as u64))?;
        // They are a copy of what was believed: one that does not hold is none. By its digest it holds, though the key that
        // signed it was replaced since.
        let read = |bytes: Vec<u8>| {
            let signed = root.release_signers().ok().and_then(|signers| {
                Some(envelope::verify::<Advisories>(&bytes, &signers).ok()?.deref().clone())
            });
            let named = state.advisories.as_ref().map(|mark| mark.sha256);
            signed.or_else(|| envelope::named(&bytes, named?).ok())
        };
        let advisories = advisories.and_then(read);
        Ok(Self { state, root, advisories, revoked: OnceLock::new() })
    }

    /// The identity of the hub.
    pub fn hub(&self) -> &str {
        self.root.hub.as_str()
    }

    /// Until when the root holds.
    pub fn root_expires(&self) -> Time {
        self.root.expires
    }

    /// Until when the newest advisories hold, if they are here.
    pub fn advisories_expire(&self) -> Option<Time> {
        self.advisories.as_ref().map(|advisories| advisories.expires)
    }

    /// Why the head of `slug` is made of a revoked release of the source `name`, which this is of, if it is.
    pub fn revoked_head(
        &self,
        layout: &Layout,
        name: &SourceName,
        slug: &SkillName,
        installed: Option<&Installed>,
        versions: &[Version],
    ) -> Option<String> {
        let advisories = self.advisories.as_ref()?;
        let from =
            Kept { layout, source: name, revoked: self.revoked.get_or_init(|| Revoked::of(advisories)) };
        let mark = self.state.skills.get(slug).map(|mark| mark.release);
        from.revoked_head(slug, mark, installed, versions).map(|revoked| revoked.reason)
    }

    /// The keys of each role.
    pub fn roles(&self) -> [Role; 3] {
        let roles = &self.root.roles;
        let ids = |ids: &[skillsync_wire::key::KeyId]| ids.iter().map(ToString::to_string).collect();
        [
            Role {
                role: "root",
                threshold: roles.root.threshold,
                epoch: None,
                key_ids: ids(&roles.root.keyids),
            },
            Role {
                role: "release",
                threshold: roles.release.threshold,
                epoch: Some(roles.release.epoch),
                key_ids: ids(&roles.release.keyids),
            },
            Role {
                role: "manifest",
                threshold: roles.manifest.threshold,
                epoch: Some(roles.manifest.epoch),
                key_ids: ids(&roles.manifest.keyids),
            },
        ]
    }

    /// Whether what is known is new enough, at the time of this machine.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        self.state.freshness(Time::of(now))
    }
}
