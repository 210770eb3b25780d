//! Rows 6, 8, 9, 12, 13, 17 and 19: which manifest is believed, until when, and under which root.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::root::Root;
use skillsync_wire::text::{Audience, Hub};

use super::folder::Attack;
use super::hub::{House, MANIFEST, RELEASE, id, public, slug, time};
use super::releases::{genuine, house};

const END: u64 = (1 << 53) - 1;

fn new_root_keys(root: &mut Root) {
    for (old, new) in [(1, 11), (2, 12), (3, 13)] {
        root.keys.remove(&id(old));
        root.keys.insert(id(new), public(new));
    }
    root.roles.root.keyids = [11, 12, 13].map(id).to_vec();
}

/// New keys for manifests and releases.
fn new_role_keys(root: &mut Root) {
    for (old, new) in [(MANIFEST, 15), (RELEASE, 14)] {
        root.keys.remove(&id(old));
        root.keys.insert(id(new), public(new));
    }
    root.roles.manifest.keyids = vec![id(15)];
    root.roles.manifest.epoch += 1;
    root.roles.release.keyids = vec![id(14)];
    root.roles.release.epoch += 1;
}

fn rotated(by: &[u8], change: impl FnOnce(&mut Root)) -> House {
    let mut house = house();
    house.rotate(by, change);
    house
}

/// The hub with its roots expiring then and then.
fn expiring(first: &str, second: &str) -> House {
    let mut house = house();
    house.root.expires = time(first);
    house.rotate(&[1, 2], |root| root.expires = time(second));
    house
}

pub(crate) fn all() -> Vec<Attack> {
    [manifests(), roots()].concat()
}

fn manifests() -> Vec<Attack> {
    let house = house();
    let honest = house.serve();
    let known = honest.first_sync().unwrap();
    let older = honest.clone().with_manifest(&house, |manifest| manifest.version = 1206);
    let same =
        honest.clone().with_manifest(&house, |manifest| manifest.expires = time("2026-11-21T09:29:59Z"));
    let newer = honest.clone().with_manifest(&house, |manifest| manifest.version = 1208);
    let long =
        honest.clone().with_manifest(&house, |manifest| manifest.expires = time("2027-11-20T09:30:00Z"));
    let others = honest.clone().with_manifest(&house, |m| m.aud = Audience::parse("key:k_8f3a22").unwrap());
    let staging = Hub::parse("https://staging.hub.example").unwrap();
    let of_staging = honest.clone().with_manifest(&house, |manifest| manifest.hub = staging.clone());
    let mut release_of_staging = house.clone();
    release_of_staging.releases.values_mut().for_each(|release| release.hub = staging.clone());
    let (last, over) = (time("2026-11-21T09:29:59Z"), time("2026-11-21T09:30:01Z"));
    let ten_days_back = time("2026-11-11T09:30:01Z");
    vec![
        Attack::new("06-older", "The manifest is genuine, and older than the one before.", older)
            .knowing(known.clone())
            .refused("manifest", "trust-rollback"),
        Attack::new(
            "06-same-number",
            "The manifest has the number of the one before and says something else.",
            same,
        )
        .knowing(known.clone())
        .refused("manifest", "trust-fork"),
        Attack::new("06-newer", "The manifest is newer than the one before.", newer).knowing(known.clone()),
        Attack::new(
            "08-last-second",
            "The same manifest is served until the second before it expires.",
            honest.clone(),
        )
        .knowing(known.clone())
        .at(last),
        Attack::new("08-frozen", "The same manifest is served a second after it expired.", honest.clone())
            .knowing(known.clone())
            .at(over)
            .refused("manifest", "trust-stale"),
        Attack::new(
            "08-clock-set-back",
            "The manifest was seen to expire, then the clock was set back.",
            honest.clone(),
        )
        .knowing(known.clone().seen(over))
        .at(ten_days_back)
        .refused("manifest", "trust-stale"),
        Attack::new("08-valid-for-a-year", "The manifest says that it holds for a year.", long)
            .refused("manifest", "trust-ttl"),
        Attack::new(
            "09-not-modified",
            "The hub says that nothing is new, a second before the manifest expires.",
            honest.clone(),
        )
        .knowing(known.clone())
        .at(last)
        .not_modified(),
        Attack::new(
            "09-not-modified-for-ever",
            "The hub still says that nothing is new when the manifest has expired.",
            honest.clone(),
        )
        .knowing(known)
        .at(over)
        .not_modified()
        .refused("manifest", "trust-stale"),
        Attack::new(
            "12-manifest-of-another",
            "The manifest is genuine, and was made for another key.",
            others,
        )
        .refused("manifest", "trust-aud"),
        Attack::new(
            "13-manifest-of-another-hub",
            "The manifest is of another hub that has the same keys.",
            of_staging,
        )
        .refused("manifest", "trust-hub"),
        Attack::new(
            "13-release-of-another-hub",
            "The release is of another hub that has the same keys.",
            release_of_staging.serve(),
        )
        .refused("release-pdf", "trust-hub"),
    ]
}

fn roots() -> Vec<Attack> {
    // Who had both keys counted as far as can be counted.
    let mut stolen = house();
    stolen.manifest.version = END;
    stolen.advisories.version = END;
    stolen.pins.insert(slug("pdf"), END);
    stolen.put(genuine("pdf", END, Some(EnvelopeDigest::of(b"before"))));
    let counted = stolen.serve().first_sync().unwrap();
    let mut honest = house();
    honest.manifest.version = 1;
    honest.advisories.version = 1;
    let mut recovered = honest.clone();
    recovered.rotate(&[1, 2], new_role_keys);
    recovered.manifest_by = 15;
    recovered.release_by = 14;
    let mut skipped = rotated(&[1, 2], |_| ());
    skipped.rotate(&[1, 2], |_| ());
    let mut skipped = skipped.serve();
    skipped.roots.remove(1);
    let (past, future) = ("2026-11-20T12:00:00Z", "2027-01-01T00:00:00Z");
    vec![
        Attack::new(
            "17-counted-to-the-end",
            "Who stole the keys counted to the end, and nothing genuine can follow.",
            honest.serve(),
        )
        .knowing(counted.clone())
        .refused("manifest", "trust-rollback"),
        Attack::new(
            "17-keys-replaced",
            "The next root replaces the stolen keys, and what they counted is forgotten.",
            recovered.serve(),
        )
        .knowing(counted),
        Attack::new(
            "19-keys-replaced",
            "The next root replaces the root keys, signed by old and new.",
            rotated(&[1, 2, 11, 12], new_root_keys).serve(),
        ),
        Attack::new(
            "19-only-new-keys",
            "The next root is signed only by the keys that it brings.",
            rotated(&[11, 12, 13], new_root_keys).serve(),
        )
        .refused("root-2", "trust-sig"),
        Attack::new(
            "19-only-old-keys",
            "The next root is signed only by the keys that it replaces.",
            rotated(&[1, 2, 3], new_root_keys).serve(),
        )
        .refused("root-2", "trust-sig"),
        Attack::new("19-skipped", "Root 3 is served where root 2 was asked for.", skipped)
            .refused("root-2", "trust-root-version"),
        Attack::new(
            "19-older-keys",
            "The next root brings back the keys of manifests that were replaced.",
            rotated(&[1, 2], |root| root.roles.manifest.epoch -= 1).serve(),
        )
        .refused("root-2", "trust-rollback"),
        Attack::new(
            "19-expired-on-the-way",
            "A root on the way has expired, and the last one has not.",
            expiring(past, future).serve(),
        ),
        Attack::new("19-expired-at-the-end", "The last root has expired.", expiring(future, past).serve())
            .refused("root", "trust-expired"),
    ]
}
