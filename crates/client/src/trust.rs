//! What is believed of a source now: over newer roots to a manifest and its advisories, by the rules of `wire`, each step
//! stored before the next (`docs/trust.md`). What follows from it is left to `plan` and `delivery`.

use jiff::SignedDuration;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::SourceName;
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_store::store::{self, Store};
use skillsync_wire::api::path;
use skillsync_wire::json::Time;
use skillsync_wire::limits as bounds;
use skillsync_wire::text::Audience;
use skillsync_wire::trust::{Advised, Freshness, Listed, Refusal, State, Walk};

use crate::download::{self, Places};
use crate::fetch::{self, Fetch, Request};
use crate::schedule::Polls;
use crate::source::{self, Source};
use crate::{anchor, api, limits};

/// Nothing can be believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no root to begin with, or what is stored does not read.
    #[error(transparent)]
    Anchor(#[from] anchor::Error),
    /// The source cannot be asked.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The hub does not answer, or refuses.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// A document is not to be had.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// A document does not hold.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(Box::new(refusal))
    }
}

impl From<fetch::Error> for Error {
    fn from(error: fetch::Error) -> Self {
        Error::Api(error.into())
    }
}

impl Error {
    fn fault(&self) -> &dyn Fault {
        match self {
            Error::Anchor(e) => e,
            Error::Source(e) => e,
            Error::Api(e) => e,
            Error::Download(e) => e,
            Error::Refused(e) => &**e,
            Error::Store(e) => e,
            Error::Fs(e) => e,
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        self.fault().kind()
    }
    fn code(&self) -> &'static str {
        self.fault().code()
    }
    fn hint(&self) -> Option<String> {
        self.fault().hint()
    }
}

/// A manifest and its advisories that are believed, with the bytes that they were read from: what is to be written is
/// looked at again once nobody else can write.
#[derive(Debug, Clone)]
pub struct Believed {
    name: SourceName,
    manifest: Vec<u8>,
    advisories: Vec<u8>,
    aud: Audience,
    advised: Advised,
}

impl Believed {
    /// What is believed.
    pub fn advised(&self) -> &Advised {
        &self.advised
    }

    /// The same by what is stored now. Fails when another program went further in between.
    pub fn again(&self, layout: &Layout, clock: Time) -> Result<Advised, Error> {
        let rooted = resume(layout, &self.name)?.end(clock)?;
        Ok(rooted.manifest(&self.manifest, &self.aud, clock)?.advisories(&self.advisories)?)
    }

    /// Stores what was read, and then, last of all, what is believed. The caller holds the store's mutex.
    pub fn store(&self, layout: &Layout, state: &State) -> Result<(), Error> {
        for (path, bytes) in [
            (layout.source_manifest(&self.name), &self.manifest),
            (layout.source_advisories(&self.name), &self.advisories),
        ] {
            let known = fs::optional(fs::read(&path, bytes.len() as u64)).ok().flatten();
            if known.as_ref() != Some(bytes) {
                fs::replace(&path, bytes, fs::Mode::Private)?;
            }
        }
        put_state(layout, &self.name, state)
    }

    /// The digest of the manifest as it came.
    pub fn manifest_digest(&self) -> EnvelopeDigest {
        EnvelopeDigest::of(&self.manifest)
    }
}

/// Stores what is believed, where it is not stored already. The caller holds the store's mutex.
fn put_state(layout: &Layout, name: &SourceName, state: &State) -> Result<(), Error> {
    let path = layout.source_trust(name);
    let text = state.write()?;
    let known = fs::optional(fs::read(&path, bounds::STATE_BYTES as u64))?;
    if known.as_ref() != Some(&text) {
        fs::replace(&path, &text, fs::Mode::Private)?;
    }
    Ok(())
}

/// The walk from the root that is stored.
pub fn resume(layout: &Layout, name: &SourceName) -> Result<Walk, Error> {
    let missing = || anchor::Error::Missing { name: name.clone() };
    let stored = |path, source| anchor::Error::Stored { name: name.clone(), path, source: Box::new(source) };
    let path = layout.source_trust(name);
    let bytes = fs::optional(fs::read(&path, bounds::STATE_BYTES as u64))?.ok_or_else(missing)?;
    let state = State::read(&bytes).map_err(|e| stored(path, e))?;
    let path = layout.source_root(name, state.root_version);
    let envelope = fs::optional(fs::read(&path, bounds::ROOT_BYTES as u64))?.ok_or_else(missing)?;
    Ok(Walk::resumed(state, &envelope).map_err(|e| stored(path, e))?)
}

/// How new what is known is. That the manifest was seen to expire is remembered; where that cannot be written, it is said all
/// the same.
pub fn seen(store: &Store, name: &SourceName) -> Result<Freshness, Error> {
    let clock = Time::of(store.now());
    let state = resume(store.layout(), name)?.state().clone();
    if state.clone().seen(clock) != state {
        // The next look tries again.
        let _ = remember(store, name, clock);
    }
    Ok(state.freshness(clock))
}

fn remember(store: &Store, name: &SourceName, clock: Time) -> Result<(), Error> {
    let writing = store.write()?;
    let layout = writing.store().layout();
    put_state(layout, name, &resume(layout, name)?.state().clone().seen(clock))
}

/// Asks one source.
pub struct Desk<'a> {
    /// The store.
    pub store: &'a Store,
    /// The way to the network.
    pub fetch: &'a dyn Fetch,
    /// The source.
    pub source: &'a Source,
    /// Its places.
    pub places: &'a Places<'a>,
}

/// A manifest as it came.
enum Manifest {
    /// Other bytes than are stored, with the tag that names them.
    New(Vec<u8>, Option<String>),
    /// The hub says that it is the one that is stored.
    Same(Vec<u8>),
}

impl Manifest {
    fn bytes(&self) -> &[u8] {
        match self {
            Manifest::New(bytes, _) | Manifest::Same(bytes) => bytes,
        }
    }
}

impl Desk<'_> {
    /// What is to be believed now. One request where nothing is new; a manifest with anything new in it is looked at only
    /// when there is no newer root.
    pub fn believe(&self, polls: &mut Polls) -> Result<Believed, Error> {
        let (layout, name) = (self.store.layout(), self.source.name());
        let key = self.source.require_key()?;
        let (aud, clock) = (key.audience(), Time::of(self.store.now()));
        // Before anything is asked: without a root there is nothing to check an answer with.
        resume(layout, name)?;
        let mut manifest = self.manifest(polls, self.stored(polls))?;
        let day = SignedDuration::try_from(limits::ROOTS_EVERY).unwrap_or(SignedDuration::MAX);
        let now = self.store.now();
        // A clock that was set back asks once more.
        let is_due = polls.roots_at.is_none_or(|at| now < at || now.duration_since(at) >= day);
        let mut has_moved = false;
        if is_due || matches!(manifest, Manifest::New(..)) {
            has_moved = self.walk()?;
            polls.roots_at = Some(now);
        }
        let rooted = resume(layout, name)?.end(clock)?;
        let listed = match rooted.manifest(manifest.bytes(), &aud, clock) {
            // It was made before the root that came after it.
            Err(_) if has_moved => {
                manifest = self.manifest(polls, None)?;
                rooted.manifest(manifest.bytes(), &aud, clock)?
            }
            listed => listed?,
        };
        let advisories = self.advisories(&listed)?;
        let advised = listed.advisories(&advisories)?;
        let (manifest, name) = (manifest, name.clone());
        if let Manifest::New(bytes, etag) = &manifest {
            (polls.etag, polls.manifest) = (etag.clone(), Some(EnvelopeDigest::of(bytes)));
        }
        let manifest = manifest.bytes().to_vec();
        Ok(Believed { name, manifest, advisories, aud, advised })
    }

    /// The stored manifest, if it is the one that the tag is of.
    fn stored(&self, polls: &Polls) -> Option<Vec<u8>> {
        let path = self.store.layout().source_manifest(self.source.name());
        let bytes = fs::read(&path, bounds::MANIFEST_BYTES as u64).ok()?;
        (polls.manifest == Some(EnvelopeDigest::of(&bytes))).then_some(bytes)
    }

    fn manifest(&self, polls: &Polls, stored: Option<Vec<u8>>) -> Result<Manifest, Error> {
        let address = self.source.base().at(path::MANIFEST)?;
        let mut bytes = Vec::new();
        let if_none_match = polls.etag.as_deref().filter(|_| stored.is_some());
        let limit_bytes = bounds::MANIFEST_BYTES as u64;
        let request =
            Request { key: self.source.key(), if_none_match, ..Request::get(&address, limit_bytes) };
        let reply = self.fetch.fetch(&request, &mut bytes)?;
        match (reply.status, stored) {
            (304, Some(stored)) => Ok(Manifest::Same(stored)),
            _ if reply.is_success() => Ok(Manifest::New(bytes, reply.etag)),
            _ => Err(api::Error::refused(self.source.base().host(), &reply).into()),
        }
    }

    /// Goes from root to root until there is no next one, each stored before the next is asked for. Says whether there was
    /// a newer one.
    fn walk(&self) -> Result<bool, Error> {
        let (layout, name) = (self.store.layout(), self.source.name());
        for hops in 0.. {
            let mut walk = resume(layout, name)?;
            let version = walk.next_version();
            let Some(envelope) = self.root(version)? else { return Ok(hops > 0) };
            if hops == bounds::ROOT_HOPS {
                return Err(Refusal::RootHops.into());
            }
            walk.step(&envelope)?;
            let writing = self.store.write()?;
            let layout = writing.store().layout();
            // Another program may have come first.
            let mut walk = resume(layout, name)?;
            if walk.next_version() == version {
                walk.step(&envelope)?;
                fs::replace(&layout.source_root(name, version), &envelope, fs::Mode::Private)?;
                put_state(layout, name, walk.state())?;
            }
        }
        Ok(false)
    }

    /// The root of this version: the hub is asked, since a mirror may be behind; mirrors where the hub does not answer. That
    /// there is none is for the hub alone to say.
    fn root(&self, version: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut failed = None;
        let base = self.source.base();
        for place in [base].into_iter().chain(self.source.places().filter(|place| *place != base)) {
            let address = place.at(&path::root(version))?;
            let mut bytes = Vec::new();
            let request = Request::get(&address, bounds::ROOT_BYTES as u64);
            let error = match self.fetch.fetch(&request, &mut bytes) {
                Ok(reply) if reply.is_success() => return Ok(Some(bytes)),
                Ok(reply) if reply.status == 404 && place == base => return Ok(None),
                Ok(reply) if reply.status == 404 => continue,
                Ok(reply) => api::Error::refused(place.host(), &reply),
                Err(error) => error.into(),
            };
            if error.kind() != Kind::Offline {
                return Err(error.into());
            }
            failed.get_or_insert(error);
        }
        failed.map_or(Ok(None), |error| Err(error.into()))
    }

    /// The advisories that a manifest names: those that are stored, or fetched.
    fn advisories(&self, listed: &Listed) -> Result<Vec<u8>, Error> {
        let named = &listed.manifest().advisories;
        let path = self.store.layout().source_advisories(self.source.name());
        if let Ok(bytes) = fs::read(&path, bounds::ADVISORIES_BYTES as u64)
            && EnvelopeDigest::of(&bytes) == named.sha256
        {
            return Ok(bytes);
        }
        let (digest, size_bytes) = (named.sha256, Some(named.size_bytes));
        let most_bytes = bounds::ADVISORIES_BYTES as u64;
        let at = path::advisories(named.version);
        Ok(self.places.document("advisories", &at, digest, size_bytes, most_bytes)?)
    }
}
