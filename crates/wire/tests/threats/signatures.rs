//! Rows 2 to 5 and 14: who signed what, and what a signature is.

use skillsync_core::fault::Fault as _;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{Document, Signers, sign_unchecked, verify};
use skillsync_wire::key::{PublicKey, Signature};
use skillsync_wire::manifest::Manifest;
use skillsync_wire::release::Release;
use skillsync_wire::root::Root;

use super::hub::{House, MANIFEST, RELEASE, STRANGER, code, id, key, public, signed, slug};

#[test]
fn t02_only_the_keys_of_a_role_may_sign_for_it() {
    let house = House::new();
    for by in [&[][..], &[RELEASE], &[1], &[1, 2, 3], &[STRANGER]] {
        let mut served = house.serve();
        served.manifest = signed(&house.manifest(), by);
        assert_eq!(code(served.first_sync()), "trust-sig", "manifest by {by:?}");
    }
    for by in [MANIFEST, 1, STRANGER] {
        let mut lying = house.clone();
        lying.release_by = by;
        assert_eq!(code(lying.serve().first_sync()), "trust-sig", "advisories and releases by {by}");
    }
    let mut served = house.serve();
    let release = signed(&house.releases[&slug("pdf")], &[MANIFEST]);
    served = served.with_manifest(&house, |manifest| {
        let named = &mut manifest.skills.iter_mut().find(|entry| entry.slug == slug("pdf")).unwrap().release;
        named.sha256 = skillsync_core::digest::EnvelopeDigest::of(&release);
        named.size_bytes = release.len() as u64;
    });
    served.releases.insert(slug("pdf"), release);
    assert_eq!(code(served.first_sync()), "trust-sig", "release by the manifest key");
    for by in [&[MANIFEST][..], &[RELEASE], &[1], &[1, STRANGER], &[]] {
        let mut lying = house.clone();
        lying.rotate(by, |_| ());
        assert_eq!(code(lying.serve().first_sync()), "trust-sig", "root by {by:?}");
    }
}

#[test]
fn t03_a_document_of_one_type_is_no_other() {
    let house = House::new();
    let honest = house.serve();
    for wrong in [&honest.roots[0], &honest.advisories, &honest.releases[&slug("pdf")]] {
        let served = super::hub::Served { manifest: wrong.clone(), ..honest.clone() };
        assert_eq!(code(served.first_sync()), "trust-type");
    }
    // The right type on the envelope, signed by the right key, around a payload of another.
    let text = String::from_utf8(payload(&honest.manifest)).unwrap();
    for lie in [
        text.replace(r#""_type":"manifest""#, r#""_type":"advisories""#),
        text.replace(r#""_type":"manifest""#, r#""_type":"Manifest""#),
        String::from_utf8(payload(&honest.roots[0])).unwrap(),
    ] {
        let manifest = sign_unchecked(Manifest::PAYLOAD_TYPE, lie.as_bytes(), &[&key(MANIFEST)]).unwrap();
        let served = super::hub::Served { manifest, ..honest.clone() };
        assert_eq!(code(served.first_sync()), "trust-type", "{lie}");
    }
    // The right payload under another type: the type is among the signed bytes.
    for kind in [Advisories::PAYLOAD_TYPE, Root::PAYLOAD_TYPE, "application/json", ""] {
        let manifest = sign_unchecked(kind, text.as_bytes(), &[&key(MANIFEST)]).unwrap();
        let relabelled = String::from_utf8(manifest).unwrap().replacen(
            &format!("\"payloadType\":\"{kind}\""),
            &format!("\"payloadType\":\"{}\"", Manifest::PAYLOAD_TYPE),
            1,
        );
        let served = super::hub::Served { manifest: relabelled.into_bytes(), ..honest.clone() };
        assert_eq!(code(served.first_sync()), "trust-sig", "{kind}");
    }
}

/// The payload of an envelope, read the plain way.
fn payload(envelope: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let envelope: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    base64::engine::general_purpose::STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()
}

#[test]
fn t04_a_threshold_is_not_padded() {
    let house = House::new();
    let cases: [(&str, &[u8], &str); 6] = [
        ("two of three", &[1, 2], "ok"),
        ("all three", &[3, 2, 1], "ok"),
        ("one", &[1], "trust-sig"),
        ("the same twice", &[1, 1], "trust-sig"),
        ("one and a stranger", &[1, STRANGER], "trust-sig"),
        ("one and keys of other roles", &[1, RELEASE, MANIFEST], "trust-sig"),
    ];
    for (name, by, expected) in cases {
        let mut house = house.clone();
        house.rotate(&[1, 2], |_| ());
        let mut served = house.serve();
        served.roots[1] = signed_by(&house.root, by);
        assert_eq!(code(served.first_sync()), expected, "{name}");
    }
    // One more signature than an envelope may have; no more keys than it may have.
    let many: Vec<u8> = (20..37).collect();
    let all = Signers::new(many.iter().map(|seed| key(*seed).public()), 1).unwrap();
    assert!(verify::<Manifest>(&signed_by(&house.manifest(), &many[1..]), &all).is_ok());
    let error = verify::<Manifest>(&signed_by(&house.manifest(), &many), &all).unwrap_err();
    assert_eq!(error.code(), "trust-sig");
}

/// As `signed`, also where the envelope is one that is not to leave.
fn signed_by<T: Document>(document: &T, by: &[u8]) -> Vec<u8> {
    let payload = payload(&signed(document, &[1]));
    let keys: Vec<_> = by.iter().map(|seed| key(*seed)).collect();
    sign_unchecked(T::PAYLOAD_TYPE, &payload, &keys.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn t04_one_key_has_one_name() {
    // A key under a second name, signed under both names: as text, since no type can hold it.
    let house = House::new();
    let text = String::from_utf8(payload(&house.serve().roots[0])).unwrap();
    let (first, second) = (id(1).to_string(), id(STRANGER).to_string());
    let padded = text
        .replace(&id(2).to_string(), &second)
        .replace(&String::from(public(2).public), &String::from(public(1).public));
    assert_ne!(padded, text);
    let envelope = sign_unchecked(Root::PAYLOAD_TYPE, padded.as_bytes(), &[&key(1), &key(STRANGER)]).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&envelope).unwrap();
    let signature = record["signatures"][0]["sig"].clone();
    assert_eq!(record["signatures"][0]["keyid"], first.as_str());
    record["signatures"][1]["sig"] = signature;
    assert_eq!(record["signatures"][1]["keyid"], second.as_str());
    let envelope = serde_json::to_vec(&record).unwrap();
    let digest = skillsync_core::digest::EnvelopeDigest::of(&envelope);
    let error = skillsync_wire::root::verify_pinned(&envelope, digest).unwrap_err();
    assert_eq!(error.code(), "document-malformed", "{error}");
}

#[test]
fn a_bad_signature_beside_enough_good_ones_counts_for_nothing() {
    let house = House::new();
    let mut record: serde_json::Value = serde_json::from_slice(&signed(&house.root, &[1, 2, 3])).unwrap();
    record["signatures"][2]["sig"] = record["signatures"][0]["sig"].clone();
    let spoilt = serde_json::to_vec(&record).unwrap();
    let of =
        |seeds: &[u8], threshold| Signers::new(seeds.iter().map(|s| key(*s).public()), threshold).unwrap();
    assert!(verify::<Root>(&spoilt, &of(&[1, 2, 3], 2)).is_ok());
    assert!(verify::<Root>(&spoilt, &of(&[1, 2, 3], 3)).is_err());
}

/// L, the order of the group, little-endian (RFC 8032, section 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn plus_l(s: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let sum = s.iter().zip(L).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    sum.collect()
}

#[test]
fn t05_signatures_that_other_verifiers_accept() {
    let secret = key(42);
    let public = secret.public();
    let message = b"message";
    let good = secret.sign(message).as_bytes().to_vec();
    let (r, s) = good.split_at(32);
    let identity = [&[1][..], &[0; 31]].concat();
    let order_8 = hex::decode("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a").unwrap();
    // y = p + 1: a second spelling of the identity.
    let not_canonical =
        hex::decode("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").unwrap();
    let no_point = [&[2][..], &[0; 31]].concat();
    let mut flipped_sign = r.to_vec();
    flipped_sign[31] ^= 0x80;
    let mut high_bits = s.to_vec();
    high_bits[31] |= 0xe0;
    let cases: [(&str, Vec<u8>, bool); 18] = [
        ("as signed", good.clone(), true),
        ("S + L (malleated)", [r, &plus_l(s)].concat(), false),
        ("S + 2L", [r, &plus_l(&plus_l(s))].concat(), false),
        ("S = L", [r, &L].concat(), false),
        ("S = 0", [r, &[0; 32]].concat(), false),
        ("S with its high bits set", [r, &high_bits].concat(), false),
        ("S = 2^256 - 1", [r, &[0xff; 32]].concat(), false),
        ("all zeros", vec![0; 64], false),
        ("all ones", vec![0xff; 64], false),
        ("R the identity", [&identity, s].concat(), false),
        ("R the identity, S = 0", [&identity[..], &[0; 32]].concat(), false),
        ("R of order 8", [&order_8, s].concat(), false),
        ("R spelt a second way", [&not_canonical, s].concat(), false),
        ("R no point", [&no_point, s].concat(), false),
        ("R negated", [&flipped_sign, s].concat(), false),
        ("R and S swapped", [s, r].concat(), false),
        ("S big-endian", [r, &s.iter().rev().copied().collect::<Vec<_>>()].concat(), false),
        ("of another message", secret.sign(b"massage").as_bytes().to_vec(), false),
    ];
    for (name, signature, expected) in cases {
        let signature = Signature::from_bytes(&signature).unwrap();
        assert_eq!(public.verifies(message, &signature), expected, "{name}");
    }
    for length in [0, 1, 32, 63, 65, 128] {
        assert!(Signature::from_bytes(&vec![7; length]).is_err(), "{length} bytes");
        let text = String::from_utf8(House::new().serve().manifest).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        use base64::Engine as _;
        record["signatures"][0]["sig"] =
            base64::engine::general_purpose::STANDARD.encode(vec![7; length]).into();
        let envelope = serde_json::to_vec(&record).unwrap();
        let may = Signers::new([key(MANIFEST).public()], 1).unwrap();
        assert_eq!(verify::<Manifest>(&envelope, &may).unwrap_err().code(), "trust-sig", "{length} bytes");
    }
}

#[test]
fn t05_points_with_a_part_of_small_order() {
    let bytes = |text: &str| hex::decode(text).unwrap();
    // R has a part of order 8: verifiers that multiply by the cofactor accept it.
    let honest =
        PublicKey::from_bytes(&bytes("197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61"));
    let signature = Signature::from_bytes(&bytes(
        "82d5c4818e463eb8ea9406efe30447c1a52b5d6467786bad57d7a10c86d8d71c\
         3f7e2d53fb0dbb8b99188e4d0c7ea088a619c5f2dbf055e0771740f6296dea0f",
    ));
    let honest = honest.unwrap();
    assert!(!honest.verifies(b"mixed order", &signature.unwrap()));
    // R is the identity, and the equation holds: verifiers that are not strict accept it.
    let s = bytes("096fee9a8484ace80a9882bca239cb4fce8d227fd8819eb96b622343d33e1b09");
    let signature = Signature::from_bytes(&[&[1][..], &[0; 31], &s].concat()).unwrap();
    assert!(!honest.verifies(b"any", &signature));
    // The key has one: this signature holds by every equation, and its signer has eight such keys.
    assert!(
        PublicKey::from_bytes(&bytes("5e2a648325bc9a8f481c735248eda873674ff86f0a74835f61c4b8e2eb0a4879"))
            .is_err()
    );
}

#[test]
fn t05_every_other_algorithm_is_refused() {
    let text = String::from_utf8(payload(&House::new().serve().roots[0])).unwrap();
    for algorithm in ["rsa", "ecdsa", "Ed25519", "ed25519ph", "none", ""] {
        let lie = text.replace(r#""alg":"ed25519""#, &format!(r#""alg":"{algorithm}""#));
        let envelope = sign_unchecked(Root::PAYLOAD_TYPE, lie.as_bytes(), &[&key(1), &key(2)]).unwrap();
        let digest = skillsync_core::digest::EnvelopeDigest::of(&envelope);
        let error = skillsync_wire::root::verify_pinned(&envelope, digest).unwrap_err();
        assert_eq!(error.code(), "document-malformed", "{algorithm}");
    }
}

#[test]
fn t14_more_than_a_document_may_have_is_not_read() {
    fn check<T: Document + std::fmt::Debug>(envelope: &[u8], by: &[u8]) {
        let signers = Signers::new(by.iter().map(|seed| key(*seed).public()), 1).unwrap();
        let padded = |size| [envelope, " ".repeat(size - envelope.len()).as_bytes()].concat();
        assert!(verify::<T>(&padded(T::LIMIT_BYTES), &signers).is_ok(), "{}", T::TYPE);
        let error = verify::<T>(&padded(T::LIMIT_BYTES + 1), &signers).unwrap_err();
        assert_eq!(error.code(), "document-too-large", "{}", T::TYPE);
    }
    let served = House::new().serve();
    check::<Root>(&served.roots[0], &[1, 2]);
    check::<Manifest>(&served.manifest, &[MANIFEST]);
    check::<Advisories>(&served.advisories, &[RELEASE]);
    check::<Release>(&served.releases[&slug("pdf")], &[RELEASE]);
}
