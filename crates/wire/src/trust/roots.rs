//! From the root that is trusted to the newest one, one version at a time (TUF 5.3).

use skillsync_core::digest::EnvelopeDigest;

use super::refusal::Refusal;
use super::state::State;
use crate::envelope::{self, Document as _, Signed};
use crate::json::Time;
use crate::limits;
use crate::release::Release;
use crate::root::{self, Root};

/// The way from root to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    state: State,
    root: Signed<Root>,
    hops: usize,
}

/// The newest root, and what is known under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rooted {
    pub(super) state: State,
    pub(super) root: Signed<Root>,
}

impl Walk {
    /// Begins with a root that is trusted by its digest: the one in the program, or the one that a user named.
    pub fn pinned(envelope: &[u8], digest: EnvelopeDigest) -> Result<Self, Refusal> {
        let root = root::verify_pinned(envelope, digest)?;
        Ok(Self { state: State::of(root.version, root.digest()), root, hops: 0 })
    }

    /// Goes on with the root that the stored state names.
    pub fn resumed(state: State, envelope: &[u8]) -> Result<Self, Refusal> {
        let root = root::verify_pinned(envelope, state.root_sha256)?;
        if root.version != state.root_version {
            return Err(Refusal::Mismatch { what: "the stored root".to_owned(), field: "version" });
        }
        Ok(Self { state, root, hops: 0 })
    }

    /// The version to ask for next.
    pub fn next_version(&self) -> u64 {
        self.root.version.saturating_add(1)
    }

    /// What to store now, together with the root's envelope, before anything else is done.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes one step. `envelope` must be the root of exactly the next version, signed as the root before it demands and
    /// as it demands itself. It may have expired: only the last one must not have. After a refusal the walk stands where
    /// it stood.
    pub fn step(&mut self, envelope: &[u8]) -> Result<(), Refusal> {
        if self.hops == limits::ROOT_HOPS {
            return Err(Refusal::RootHops);
        }
        let next = root::verify_successor(envelope, &self.root)?;
        let trusted = self.root.version;
        if next.version <= trusted {
            return Err(Refusal::Rollback { what: "root".to_owned(), stored: trusted, found: next.version });
        }
        if next.version != self.next_version() {
            return Err(Refusal::RootVersion { trusted, found: next.version });
        }
        if next.hub != self.root.hub {
            let (expected, found) = (self.root.hub.clone(), next.hub.clone());
            return Err(Refusal::Hub { document: Root::TYPE, expected, found });
        }
        for (role, stored, found) in [
            ("epoch of manifests", self.root.roles.manifest.epoch, next.roles.manifest.epoch),
            ("epoch of releases", self.root.roles.release.epoch, next.roles.release.epoch),
        ] {
            if found < stored {
                return Err(Refusal::Rollback { what: role.to_owned(), stored, found });
            }
        }
        self.state.move_to(&self.root, &next, next.digest());
        self.root = next;
        self.hops += 1;
        Ok(())
    }

    /// Ends the walk at the newest root, which must not have expired.
    pub fn end(self, clock: Time) -> Result<Rooted, Refusal> {
        let expires = self.root.expires;
        if expires <= self.state.now(clock) {
            return Err(Refusal::Expired { document: Root::TYPE, expires });
        }
        Ok(Rooted { state: self.state, root: self.root })
    }
}

impl Rooted {
    /// The root.
    pub fn root(&self) -> &Signed<Root> {
        &self.root
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The release statement in `envelope`, if the release role of this root signed it and it is of this hub. Whether it
    /// may be installed is another question: this is for reading what is already there.
    pub fn statement(&self, envelope: &[u8]) -> Result<Signed<Release>, Refusal> {
        let release: Signed<Release> = envelope::verify(envelope, &self.root.release_signers()?)?;
        if release.hub != self.root.hub {
            let (expected, found) = (self.root.hub.clone(), release.hub.clone());
            return Err(Refusal::Hub { document: Release::TYPE, expected, found });
        }
        Ok(release)
    }
}
