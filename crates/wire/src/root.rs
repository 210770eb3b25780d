//! The root: which keys may sign what on one hub. How a client comes from one root to the next is left to `trust`. The
//! format is in `docs/formats/root.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use skillsync_core::digest::EnvelopeDigest;

use crate::envelope::{self, Document, Error, Signed, Signers};
use crate::json::Time;
use crate::key::{KeyId, PublicKey};
use crate::limits;
use crate::text::Hub;

/// Who may sign what, until the next version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The hub this is the root of.
    pub hub: Hub,
    /// Counts from 1, without gaps.
    pub version: u64,
    /// Until when it holds.
    pub expires: Time,
    /// Every key that a role names.
    pub keys: BTreeMap<KeyId, Key>,
    /// What each key may sign.
    pub roles: Roles,
}

/// A key and how it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// How it signs.
    pub alg: Algorithm,
    /// The key.
    #[serde(rename = "pub")]
    pub public: PublicKey,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 8032, PureEdDSA over edwards25519.
    Ed25519,
}

/// The three roles. No key is in two of them: each is a separate thing to steal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// Signs roots.
    pub root: RootRole,
    /// Signs release statements and advisories.
    pub release: ReleaseRole,
    /// Signs manifests.
    pub manifest: ManifestRole,
}

/// Who signs roots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRole {
    /// The keys.
    pub keyids: Vec<KeyId>,
    /// How many of them must sign.
    pub threshold: usize,
}

/// Who signs release statements and advisories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRole {
    /// The keys.
    pub keyids: Vec<KeyId>,
    /// How many of them must sign.
    pub threshold: usize,
    /// Grows when a key is replaced: what the old one counted is then forgotten.
    pub epoch: u64,
}

/// Who signs manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRole {
    /// The keys.
    pub keyids: Vec<KeyId>,
    /// How many of them must sign.
    pub threshold: usize,
    /// Grows when a key is replaced: what the old one counted is then forgotten.
    pub epoch: u64,
    /// Longest life of a manifest, in seconds.
    pub max_ttl_s: u64,
}

impl Root {
    /// Who may sign roots.
    pub fn root_signers(&self) -> Result<Signers, Error> {
        self.signers(&self.roles.root.keyids, self.roles.root.threshold)
    }

    /// Who may sign release statements and advisories.
    pub fn release_signers(&self) -> Result<Signers, Error> {
        self.signers(&self.roles.release.keyids, self.roles.release.threshold)
    }

    /// Who may sign manifests.
    pub fn manifest_signers(&self) -> Result<Signers, Error> {
        self.signers(&self.roles.manifest.keyids, self.roles.manifest.threshold)
    }

    fn signers(&self, ids: &[KeyId], threshold: usize) -> Result<Signers, Error> {
        let keys = ids.iter().filter_map(|id| self.keys.get(id)).map(|key| key.public.clone());
        Signers::new(keys, threshold)
    }

    fn ids(&self) -> impl Iterator<Item = &KeyId> {
        let Roles { root, release, manifest } = &self.roles;
        root.keyids.iter().chain(&release.keyids).chain(&manifest.keyids)
    }
}

impl Document for Root {
    const PAYLOAD_TYPE: &'static str = "application/vnd.skillsync.root.v1+json";
    const TYPE: &'static str = "root";
    const LIMIT_BYTES: usize = limits::ROOT_BYTES;

    fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("versions count from 1".to_owned());
        }
        if self.keys.len() > limits::ROOT_KEYS {
            return Err(format!("{} keys; {} are allowed", self.keys.len(), limits::ROOT_KEYS));
        }
        // With a second name for one key, one signer could be counted twice.
        if let Some((id, _)) = self.keys.iter().find(|(id, key)| key.public.id() != **id) {
            return Err(format!("{id} is not the id of its key"));
        }
        let mut seen = BTreeSet::new();
        for id in self.ids() {
            if !self.keys.contains_key(id) {
                return Err(format!("a role names {id}, which is not among the keys"));
            }
            if !seen.insert(id) {
                return Err(format!("key {id} is in two roles, or twice in one"));
            }
        }
        for signers in [self.root_signers(), self.release_signers(), self.manifest_signers()] {
            signers.map_err(|error| error.to_string())?;
        }
        if self.roles.release.epoch == 0 || self.roles.manifest.epoch == 0 {
            return Err("epochs count from 1".to_owned());
        }
        let ttl_s = self.roles.manifest.max_ttl_s;
        if ttl_s == 0 || ttl_s > limits::MANIFEST_TTL_S {
            return Err(format!("manifests of {ttl_s} seconds; 1 to {} are allowed", limits::MANIFEST_TTL_S));
        }
        Ok(())
    }
}

/// The root in `envelope`, if it has the digest by which it is trusted and its own keys signed it.
pub fn verify_pinned(envelope: &[u8], digest: EnvelopeDigest) -> Result<Signed<Root>, Error> {
    envelope::verify_pinned(envelope, digest, Root::root_signers)
}

/// The root in `envelope`, if enough of the keys of `before` signed it, and enough of its own. Whether it is the next
/// one is left to `trust`.
pub fn verify_successor(envelope: &[u8], before: &Signed<Root>) -> Result<Signed<Root>, Error> {
    envelope::verify_successor(envelope, &before.root_signers()?, Root::root_signers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;
    use skillsync_core::fault::Fault as _;

    fn public(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public()
    }

    fn root() -> Root {
        let ids = |seeds: &[u8]| seeds.iter().map(|seed| public(*seed).id()).collect();
        let key = |seed| (public(seed).id(), Key { alg: Algorithm::Ed25519, public: public(seed) });
        Root {
            hub: Hub::parse("https://hub.example").unwrap(),
            version: 1,
            expires: "2027-11-20T00:00:00Z".parse().unwrap(),
            keys: [1, 2, 3, 4, 5].map(key).into(),
            roles: Roles {
                root: RootRole { keyids: ids(&[1, 2, 3]), threshold: 2 },
                release: ReleaseRole { keyids: ids(&[4]), threshold: 1, epoch: 1 },
                manifest: ManifestRole { keyids: ids(&[5]), threshold: 1, epoch: 1, max_ttl_s: 86_400 },
            },
        }
    }

    #[test]
    fn a_root_that_could_not_be_met_or_could_be_padded_is_refused() {
        assert_eq!(root().check(), Ok(()));
        type Case = (&'static str, fn(&mut Root));
        let cases: [Case; 17] = [
            ("count from 1", |r| r.version = 0),
            ("not the id", |r| {
                let key = r.keys[&public(1).id()].clone();
                r.keys.insert(public(9).id(), key);
            }),
            ("not among", |r| r.roles.root.keyids.push(public(9).id())),
            ("not among", |r| r.keys.clear()),
            ("twice in one", |r| r.roles.root.keyids.push(public(1).id())),
            ("two roles", |r| r.roles.release.keyids.push(public(1).id())),
            ("two roles", |r| r.roles.manifest.keyids = r.roles.release.keyids.clone()),
            ("threshold of 0", |r| r.roles.root.threshold = 0),
            ("threshold of 4", |r| r.roles.root.threshold = 4),
            ("threshold of 0", |r| r.roles.release.threshold = 0),
            ("threshold of 2", |r| r.roles.manifest.threshold = 2),
            ("threshold of 1", |r| r.roles.manifest.keyids.clear()),
            ("epochs", |r| r.roles.release.epoch = 0),
            ("epochs", |r| r.roles.manifest.epoch = 0),
            ("0 seconds", |r| r.roles.manifest.max_ttl_s = 0),
            ("86401 seconds", |r| r.roles.manifest.max_ttl_s = 86_401),
            ("70 keys", |r| {
                let key = |seed| (public(seed).id(), Key { alg: Algorithm::Ed25519, public: public(seed) });
                r.keys.extend((6..=70).map(key));
            }),
        ];
        for (reason, spoil) in cases {
            let mut bad = root();
            spoil(&mut bad);
            let said = bad.check().unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn a_root_reads_as_it_is_written() {
        let keys = [1, 2].map(|seed| SecretKey::from_seed(&[seed; 32]));
        let envelope = envelope::sign(&root(), &[&keys[0], &keys[1]]).unwrap();
        let read = verify_pinned(&envelope, EnvelopeDigest::of(&envelope)).unwrap();
        assert_eq!(*read, root());
        let lone = envelope::sign(&root(), &[&keys[0]]).unwrap();
        assert_eq!(verify_successor(&lone, &read).unwrap_err().code(), "trust-sig");
    }
}
