//! Row 1: not one bit of a signed document can be changed.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{Document, Signers, verify};
use skillsync_wire::manifest::Manifest;
use skillsync_wire::release::Release;
use skillsync_wire::root::{Root, verify_pinned};

use super::hub::{House, key, slug};

/// Every bit of `envelope`, one at a time.
fn check<T: Document>(envelope: &[u8], signers: &Signers) {
    assert!(verify::<T>(envelope, signers).is_ok());
    let mut flipped = envelope.to_vec();
    for at in 0..envelope.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            assert!(verify::<T>(&flipped, signers).is_err(), "{}: byte {at}, bit {bit}", T::TYPE);
            flipped[at] ^= 1 << bit;
        }
    }
}

fn signers(seeds: &[u8]) -> Signers {
    Signers::new(seeds.iter().map(|seed| key(*seed).public()), seeds.len()).unwrap()
}

#[test]
fn t01_flipped_root() {
    let root = House::new().serve().roots[0].clone();
    check::<Root>(&root, &signers(&[1, 2]));
    assert!(verify_pinned(&root, EnvelopeDigest::of(b"another")).is_err());
}

#[test]
fn t01_flipped_manifest() {
    check::<Manifest>(&House::new().serve().manifest, &signers(&[5]));
}

#[test]
fn t01_flipped_advisories() {
    check::<Advisories>(&House::new().serve().advisories, &signers(&[4]));
}

#[test]
fn t01_flipped_release() {
    check::<Release>(&House::new().serve().releases[&slug("pdf")], &signers(&[4]));
}

#[test]
fn t01_cut_or_longer() {
    let manifest = House::new().serve().manifest;
    let signers = signers(&[5]);
    for end in 0..manifest.len() {
        assert!(verify::<Manifest>(&manifest[..end], &signers).is_err(), "cut at {end}");
    }
    for more in [&b"x"[..], b"{}", b"\0", &manifest] {
        assert!(verify::<Manifest>(&[&manifest, more].concat(), &signers).is_err());
    }
}
