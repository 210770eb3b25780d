//! Reads any bytes as an envelope of each type. Only what the keys really signed is believed, however it is spelt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skillsync_core::digest::{EnvelopeDigest, PayloadDigest};
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{Document, Signers, verify};
use skillsync_wire::key::SecretKey;
use skillsync_wire::manifest::Manifest;
use skillsync_wire::release::Release;
use skillsync_wire::root::{self, Root};
use skillsync_wire::trust::State;

macro_rules! payload {
    ($case:literal) => {
        include_bytes!(concat!("../../testdata/vectors/", $case, "/payload.json"))
    };
}

fuzz_target!(|bytes: &[u8]| {
    check::<Root>(bytes, &[1, 2, 3], 2, payload!("envelope-root"));
    check::<Manifest>(bytes, &[5], 1, payload!("envelope-manifest"));
    check::<Advisories>(bytes, &[4], 1, payload!("envelope-advisories"));
    check::<Release>(bytes, &[4], 1, payload!("envelope-release"));
    // A root that is trusted by its digest is signed by the keys that it names itself.
    let _ = root::verify_pinned(bytes, EnvelopeDigest::of(bytes));
    if let Ok(state) = State::read(bytes) {
        let written = state.write().expect("what was read can be written");
        assert_eq!(State::read(&written).expect("what was written can be read"), state);
    }
});

/// `genuine` is the one payload that these keys ever signed.
fn check<T: Document>(envelope: &[u8], seeds: &[u8], threshold: usize, genuine: &[u8]) {
    let keys = seeds.iter().map(|seed| SecretKey::from_seed(&[*seed; 32]).public());
    let signers = Signers::new(keys, threshold).expect("there are enough keys");
    match verify::<T>(envelope, &signers) {
        Ok(signed) => {
            assert_eq!(signed.payload_digest(), PayloadDigest::of(genuine));
            assert_eq!(signed.digest(), EnvelopeDigest::of(envelope));
        }
        // Messages are shown on a terminal.
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}
