//! What each type of document cannot say: the rules of its own room, and that it reads as it is written.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::advisories::{Advisories, Revocation};
use skillsync_wire::envelope::{Document, Signers, sign, verify};
use skillsync_wire::manifest::{Entry, Manifest, Removed};
use skillsync_wire::release::Release;

use super::hub::{House, key, line, release, signed, slug};

type Cases<'a, T> = &'a [(&'a str, fn(&mut T))];

/// `good` is signed and read again; each spoilt one is refused for its reason, and not signed.
fn check<T: Document + Clone + PartialEq + std::fmt::Debug>(good: &T, cases: Cases<'_, T>) {
    let signers = Signers::new([key(7).public()], 1).unwrap();
    assert_eq!(*verify::<T>(&signed(good, &[7]), &signers).unwrap(), *good);
    for (reason, spoil) in cases {
        let mut bad = good.clone();
        spoil(&mut bad);
        let said = bad.check().unwrap_err();
        assert!(said.contains(reason), "{said}");
        assert!(sign(&bad, &[&key(7)]).is_err(), "signed: {reason}");
    }
}

#[test]
fn a_release_keeps_its_rules() {
    let good = release("pdf", 17, Some(EnvelopeDigest::of(b"16")));
    let cases: Cases<'_, Release> = &[
        ("`seq` counts", |r| r.seq = 0),
        ("`prev`", |r| r.prev = None),
        ("`prev`", |r| r.seq = 1),
        ("`tarball.size` is 0", |r| r.tarball.size_bytes = 0),
        ("`tarball.size` is 20971521", |r| r.tarball.size_bytes = (20 << 20) + 1),
        ("`tarball.files` is 0", |r| r.tarball.files = 0),
        ("`tarball.files` is 2001", |r| r.tarball.files = 2_001),
        ("`tarball.unpacked_size`", |r| r.tarball.unpacked_bytes = (100 << 20) + 1),
        ("a list of 101", |r| r.requires.arch = vec![line("x"); 101]),
        ("a list of 101", |r| r.sandbox.as_mut().unwrap().network = vec![line("x"); 101]),
    ];
    check(&good, cases);
    let first = Release { prev: None, sandbox: None, ..release("pdf", 1, None) };
    check(&first, &[]);
}

#[test]
fn advisories_keep_their_rules() {
    let revoked = |name: &str| Revocation {
        slug: slug(name),
        release: EnvelopeDigest::of(b"x"),
        reason: line("malware"),
    };
    let mut good = House::new().advisories;
    good.revoked.push(revoked("a"));
    let cases: Cases<'_, Advisories> = &[
        ("count from 1", |a| a.version = 0),
        ("a floor", |a| *a.floors.get_mut(&slug("pdf")).unwrap() = 0),
        ("revoked twice", |a| a.revoked.push(a.revoked[0].clone())),
        ("more than 10000", |a| {
            a.floors = (0..=10_000).map(|n| (slug(&format!("s{n}")), 1)).collect();
        }),
    ];
    check(&good, cases);
}

#[test]
fn a_manifest_keeps_its_rules() {
    let mut house = House::new();
    house.pins.insert(slug("pdf"), 4);
    let mut good = house.manifest();
    good.removed.push(Removed { slug: slug("old-skill"), reason: line("revoked") });
    let cases: Cases<'_, Manifest> = &[
        ("`version` is 0", |m| m.version = 0),
        ("`epoch` is 0", |m| m.epoch = 0),
        ("`root_version` is 0", |m| m.root_version = 0),
        ("`version` is 9007199254740992", |m| m.version = 1 << 53),
        ("`advisories.version` is 0", |m| m.advisories.version = 0),
        ("`advisories.size` is 0", |m| m.advisories.size_bytes = 0),
        ("`advisories.size`", |m| m.advisories.size_bytes = (4 << 20) + 1),
        ("expires before", |m| m.expires = m.issued_at),
        ("not in its order", |m| m.skills.reverse()),
        ("there twice", |m| m.skills[1] = m.skills[0].clone()),
        ("there twice", |m| m.removed.push(m.removed[0].clone())),
        ("there and removed", |m| m.removed[0].slug = slug("pdf")),
        ("`seq` is 0", |m| m.skills[0].seq = 0),
        ("`release.size` is 65537", |m| m.skills[0].release.size_bytes = (64 << 10) + 1),
        ("`tarball.size` is 0", |m| m.skills[0].tarball.size_bytes = 0),
        ("`pin.seq` is 0", |m| m.skills[1].pin.as_mut().unwrap().seq = 0),
        ("more than 5000", |m| {
            let entry = |n| Entry { slug: slug(&format!("s{n:05}")), ..m.skills[0].clone() };
            m.skills = (0..=5_000).map(entry).collect();
        }),
    ];
    check(&good, cases);
    // The largest manifest fits into its bound.
    let first = good.skills[1].clone();
    let long = "x".repeat(58);
    good.skills =
        (0..5_000).map(|n| Entry { slug: slug(&format!("{long}{n:05}")), ..first.clone() }).collect();
    check(&good, &[]);
}
