//! Roots: the first, and each one after it. Making one needs the root keys, which the running hub does not have.

use std::collections::BTreeMap;

use skillsync_wire::envelope;
use skillsync_wire::json::Time;
use skillsync_wire::key::{KeyId, SecretKey};
use skillsync_wire::limits::MANIFEST_TTL_S;
use skillsync_wire::root::{Algorithm, Key, ManifestRole, ReleaseRole, Roles, Root, RootRole};
use skillsync_wire::text::Hub;

use super::{Error, Issued};
use crate::clock::after;
use crate::limits::ROOT_TTL_S;

/// How many root keys there are.
pub const ROOT_KEYS: usize = 3;
/// How many of them must sign a root.
pub const ROOT_THRESHOLD: usize = 2;

/// What the next root changes.
#[derive(Debug)]
pub enum Change<'a> {
    /// The root keys.
    Root(&'a [SecretKey]),
    /// The release key.
    Release(&'a SecretKey),
    /// The manifest key.
    Manifest(&'a SecretKey),
}

/// The first root of a hub, signed by as many of its root keys as must.
pub fn first(
    hub: Hub,
    now: Time,
    root: &[SecretKey],
    release: &SecretKey,
    manifest: &SecretKey,
) -> Result<(Root, Issued), Error> {
    let mut next = Root {
        hub,
        version: 1,
        expires: after(now, ROOT_TTL_S),
        keys: BTreeMap::new(),
        roles: Roles {
            root: RootRole { keyids: ids(root), threshold: ROOT_THRESHOLD },
            release: ReleaseRole { keyids: vec![release.public().id()], threshold: 1, epoch: 1 },
            manifest: ManifestRole {
                keyids: vec![manifest.public().id()],
                threshold: 1,
                epoch: 1,
                max_ttl_s: MANIFEST_TTL_S,
            },
        },
    };
    enter(&mut next, root.iter().chain([release, manifest]));
    let signers: Vec<&SecretKey> = root.iter().take(ROOT_THRESHOLD).collect();
    let issued = Issued::of(envelope::sign(&next, &signers)?);
    Ok((next, issued))
}

/// The root after `before`: signed by `old`, which are as many of the keys of `before` as must, and by its own root keys
/// where those change. The epoch of a role grows when its key does, so that clients forget what the old key counted.
pub fn successor(
    before: &Root,
    now: Time,
    change: &Change<'_>,
    old: &[SecretKey],
) -> Result<(Root, Issued), Error> {
    let mut next = Root { version: before.version + 1, expires: after(now, ROOT_TTL_S), ..before.clone() };
    let mut signers: Vec<&SecretKey> = old.iter().collect();
    match change {
        Change::Root(keys) => {
            next.roles.root.keyids = ids(keys);
            enter(&mut next, keys.iter());
            signers.extend(keys.iter().take(next.roles.root.threshold));
        }
        Change::Release(key) => {
            next.roles.release.keyids = vec![key.public().id()];
            next.roles.release.epoch += 1;
            enter(&mut next, [*key]);
        }
        Change::Manifest(key) => {
            next.roles.manifest.keyids = vec![key.public().id()];
            next.roles.manifest.epoch += 1;
            enter(&mut next, [*key]);
        }
    }
    let Roles { root, release, manifest } = next.roles.clone();
    let named: Vec<KeyId> = [root.keyids, release.keyids, manifest.keyids].into_iter().flatten().collect();
    next.keys.retain(|id, _| named.contains(id));
    let issued = Issued::of(envelope::sign(&next, &signers)?);
    Ok((next, issued))
}

fn ids(keys: &[SecretKey]) -> Vec<KeyId> {
    keys.iter().map(|key| key.public().id()).collect()
}

fn enter<'a>(root: &mut Root, keys: impl IntoIterator<Item = &'a SecretKey>) {
    for key in keys {
        let public = key.public();
        root.keys.insert(public.id(), Key { alg: Algorithm::Ed25519, public });
    }
}
