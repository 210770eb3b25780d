//! Rows 17, 19 and 25: from one root to the next.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::fault::Fault as _;
use skillsync_wire::envelope::sign_unchecked;
use skillsync_wire::root::Root;
use skillsync_wire::text::Hub;
use skillsync_wire::trust::{State, Walk};

use super::hub::{House, MANIFEST, RELEASE, caller, code, id, key, now, public, release, signed, slug, time};

/// New keys 11, 12 and 13 in place of the root's.
fn new_root_keys(root: &mut Root) {
    for (old, new) in [(1, 11), (2, 12), (3, 13)] {
        root.keys.remove(&id(old));
        root.keys.insert(id(new), public(new));
    }
    root.roles.root.keyids = [11, 12, 13].map(id).to_vec();
}

/// A new key in place of the manifest's.
fn new_manifest_key(root: &mut Root) {
    root.keys.remove(&id(MANIFEST));
    root.keys.insert(id(15), public(15));
    root.roles.manifest.keyids = vec![id(15)];
    root.roles.manifest.epoch += 1;
}

/// A new key in place of the release's.
fn new_release_key(root: &mut Root) {
    root.keys.remove(&id(RELEASE));
    root.keys.insert(id(14), public(14));
    root.roles.release.keyids = vec![id(14)];
    root.roles.release.epoch += 1;
}

#[test]
fn the_first_root_is_whole_signed_and_the_one_that_was_named() {
    let house = House::new();
    let root = signed(&house.root, &[1, 2]);
    assert!(Walk::pinned(&root, EnvelopeDigest::of(&root)).is_ok());
    assert_eq!(code(Walk::pinned(&root, EnvelopeDigest::of(b""))), "trust-mismatch");
    let lone = signed(&house.root, &[1]);
    assert_eq!(code(Walk::pinned(&lone, EnvelopeDigest::of(&lone))), "trust-sig");
    let text = String::from_utf8(serde_json::to_vec(&house.root).unwrap()).unwrap();
    let text = text.replacen('{', r#"{"_type":"root","spec":"1.0","#, 1);
    for (from, to) in [
        (r#""version":1,"#, ""),
        (r#""version":1,"#, r#""version":"1","#),
        (r#""threshold":2"#, r#""threshold":0"#),
    ] {
        let bad = sign_unchecked(
            "application/vnd.skillsync.root.v1+json",
            text.replacen(from, to, 1).as_bytes(),
            &[&key(1), &key(2)],
        );
        let bad = bad.unwrap();
        assert_eq!(code(Walk::pinned(&bad, EnvelopeDigest::of(&bad))), "document-malformed", "{to}");
    }
}

#[test]
fn t19_the_next_root_is_signed_by_the_keys_before_and_its_own() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("both", &[1, 2, 11, 12], "ok"),
        ("both, in another order", &[13, 3, 11, 1], "ok"),
        ("only the new ones", &[11, 12, 13], "trust-sig"),
        ("only the old ones", &[1, 2, 3], "trust-sig"),
        ("too few of the old ones", &[1, 11, 12], "trust-sig"),
        ("too few of the new ones", &[1, 2, 11], "trust-sig"),
        ("nobody", &[], "trust-sig"),
    ];
    for (name, by, expected) in cases {
        let mut house = House::new();
        house.rotate(by, new_root_keys);
        assert_eq!(code(house.serve().first_sync()), expected, "{name}");
    }
}

#[test]
fn t19_roots_come_one_by_one() {
    let mut house = House::new();
    for _ in 0..3 {
        house.rotate(&[1, 2], |_| ());
    }
    let served = house.serve();
    assert_eq!(served.first_sync().unwrap().root_version, 4);
    let mut walk = Walk::pinned(&served.roots[0], EnvelopeDigest::of(&served.roots[0])).unwrap();
    assert_eq!(code(walk.step(&served.roots[2])), "trust-root-version");
    assert_eq!(code(walk.step(&served.roots[0])), "trust-rollback");
    assert_eq!((walk.next_version(), walk.state().root_version), (2, 1), "a refusal moves nothing");
    for version in 1..4 {
        walk.step(&served.roots[version]).unwrap();
        for older in &served.roots[..=version] {
            assert_eq!(code(walk.step(older)), "trust-rollback");
        }
    }
    assert_eq!(walk.state().root_version, 4);
}

#[test]
fn t19_a_root_is_of_one_hub_and_its_epochs_never_fall() {
    type Case<'a> = (&'a str, fn(&mut Root), &'a str);
    let cases: [Case<'_>; 4] = [
        ("another hub", |root| root.hub = Hub::parse("https://evil.example").unwrap(), "trust-hub"),
        ("older manifest keys", |root| root.roles.manifest.epoch -= 1, "trust-rollback"),
        ("older release keys", |root| root.roles.release.epoch -= 1, "trust-rollback"),
        ("a version too far", |root| root.version = (1 << 53) - 1, "trust-root-version"),
    ];
    for (name, change, expected) in cases {
        let mut house = House::new();
        house.rotate(&[1, 2], change);
        let roots = house.serve().roots;
        let mut walk = Walk::pinned(&roots[0], EnvelopeDigest::of(&roots[0])).unwrap();
        assert_eq!(code(walk.step(&roots[1])), expected, "{name}");
    }
}

#[test]
fn t19_sixty_four_steps_a_run_and_then_another_run() {
    let mut house = House::new();
    for _ in 0..65 {
        house.rotate(&[1, 2], |_| ());
    }
    let served = house.serve();
    let mut walk = Walk::pinned(&served.roots[0], EnvelopeDigest::of(&served.roots[0])).unwrap();
    for root in &served.roots[1..65] {
        walk.step(root).unwrap();
    }
    assert_eq!(code(walk.step(&served.roots[65])), "trust-root-hops");
    let state = walk.state().clone();
    assert_eq!(state.root_version, 65);
    assert_eq!(served.sync(&state, now()).unwrap().root_version, 66);
}

#[test]
fn t19_only_the_last_root_must_not_have_expired() {
    let past = "2026-11-20T12:00:00Z";
    for (expires, expected) in [
        (["2027-01-01T00:00:00Z"; 2], "ok"),
        ([past, "2027-01-01T00:00:00Z"], "ok"),
        (["2027-01-01T00:00:00Z", past], "trust-expired"),
    ] {
        let mut house = House::new();
        house.root.expires = time(expires[0]);
        house.rotate(&[1, 2], |root| root.expires = time(expires[1]));
        assert_eq!(code(house.serve().first_sync()), expected, "{expires:?}");
    }
    // A clock that is set back makes no root hold again.
    let mut house = House::new();
    house.root.expires = time("2026-11-20T09:00:00Z");
    let mut state = House::new().serve().first_sync().unwrap();
    let root = signed(&house.root, &[1, 2]);
    state.root_sha256 = EnvelopeDigest::of(&root);
    let ended = Walk::resumed(state, &root).unwrap().end(time("2020-01-01T00:00:00Z"));
    assert_eq!(code(ended), "trust-expired");
}

#[test]
fn keys_of_roles_are_replaced() {
    let mut house = House::new();
    let state = house.serve().first_sync().unwrap();
    house.rotate(&[1, 2], |root| {
        new_manifest_key(root);
        new_release_key(root);
    });
    house.manifest.version += 1;
    assert_eq!(code(house.serve().sync(&state, now())), "trust-sig", "the old keys");
    house.manifest_by = 15;
    house.release_by = 14;
    assert_eq!(house.serve().sync(&state, now()).unwrap().root_version, 2);
    // A manifest that was made under the old epoch, even by the new key.
    house.manifest.epoch -= 1;
    assert_eq!(code(house.serve().sync(&state, now())), "trust-epoch");
}

#[test]
fn t17_whoever_counts_to_the_end_is_forgotten() {
    let end = (1 << 53) - 1;
    let mut house = House::new();
    house.manifest.version = end;
    house.advisories.version = end;
    house.pins.insert(slug("pdf"), end);
    house.put(release("docx", end, Some(EnvelopeDigest::of(b"before"))));
    let state = house.serve().first_sync().unwrap();
    let mut honest = House::new();
    honest.manifest.version = 1;
    honest.advisories.version = 1;
    honest.pins.insert(slug("pdf"), 1);
    assert_eq!(code(honest.serve().sync(&state, now())), "trust-rollback", "before the keys are replaced");
    // Each role forgets its own, and no more.
    let mut manifests = honest.clone();
    manifests.rotate(&[1, 2], new_manifest_key);
    manifests.manifest_by = 15;
    let refused = manifests.serve().sync(&state, now()).unwrap_err();
    assert!(refused.code() == "trust-rollback" && refused.to_string().starts_with("advisories"), "{refused}");
    honest.rotate(&[1, 2], |root| {
        new_manifest_key(root);
        new_release_key(root);
    });
    honest.manifest_by = 15;
    honest.release_by = 14;
    let recovered = honest.serve().sync(&state, now()).unwrap();
    let mark = recovered.manifest.unwrap();
    assert_eq!((mark.epoch, mark.version, recovered.advisories.unwrap().version), (4, 1, 1));
    assert_eq!((recovered.skills[&slug("docx")].seq, recovered.skills[&slug("pdf")].pin_seq), (17, 1));
}

#[test]
fn t25_a_walk_goes_on_from_every_step_and_never_back() {
    let mut house = House::new();
    house.rotate(&[1, 2, 11, 12], new_root_keys);
    house.rotate(&[11, 12], new_manifest_key);
    house.manifest_by = 15;
    house.rotate(&[11, 12], |_| ());
    let served = house.serve();
    let mut walk = Walk::pinned(&served.roots[0], EnvelopeDigest::of(&served.roots[0])).unwrap();
    for next in 1..=served.roots.len() {
        // What a kill here leaves is what was stored.
        let stored = State::read(&walk.state().write().unwrap()).unwrap();
        assert_eq!(&stored, walk.state());
        assert_eq!(served.sync(&stored, now()).unwrap().root_version, 4);
        for (at, older) in served.roots[..next].iter().enumerate().filter(|(at, _)| at + 1 < next) {
            assert_eq!(code(Walk::resumed(stored.clone(), older)), "trust-mismatch", "root {}", at + 1);
        }
        if let Some(root) = served.roots.get(next) {
            walk.step(root).unwrap();
        }
    }
    // The right digest over another version is damage, not trust.
    let mut lying = walk.state().clone();
    lying.root_version = 3;
    assert_eq!(code(Walk::resumed(lying, &served.roots[3])), "trust-mismatch");
    let rooted = walk.end(now()).unwrap();
    assert!(rooted.manifest(&served.manifest, &caller(), now()).is_ok());
}
