//! Reads any bytes as each of the four documents, truly signed. What is believed is written again and says the same.
#![no_main]

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{Document, Signers, pae, sign, verify};
use skillsync_wire::key::SecretKey;
use skillsync_wire::manifest::Manifest;
use skillsync_wire::release::Release;
use skillsync_wire::root::Root;

fuzz_target!(|payload: &[u8]| {
    let read = [
        check::<Root>(payload),
        check::<Manifest>(payload),
        check::<Advisories>(payload),
        check::<Release>(payload),
    ];
    assert!(read.iter().filter(|read| **read).count() <= 1, "a document has one type");
});

fn check<T: Document + Debug + PartialEq>(payload: &[u8]) -> bool {
    let key = SecretKey::from_seed(&[1; 32]);
    let signers = Signers::new([key.public()], 1).expect("one key can meet one");
    let signature = STANDARD.encode(key.sign(&pae(T::PAYLOAD_TYPE, payload)).as_bytes());
    let envelope = format!(
        r#"{{"payloadType":"{}","payload":"{}","signatures":[{{"keyid":"{}","sig":"{signature}"}}]}}"#,
        T::PAYLOAD_TYPE,
        STANDARD.encode(payload),
        key.public().id(),
    );
    let document = match verify::<T>(envelope.as_bytes(), &signers) {
        Ok(document) => document,
        Err(error) => {
            // Messages are shown on a terminal.
            assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
            return false;
        }
    };
    let written = sign(&*document, &[&key]).expect("what was believed can be signed");
    let again = verify::<T>(&written, &signers).expect("what was signed is believed");
    assert_eq!(*again, *document);
    assert_eq!(sign(&*again, &[&key]).expect("it was signed before"), written);
    true
}
