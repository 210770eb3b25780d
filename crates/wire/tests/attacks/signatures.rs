//! Rows 1 to 5: bytes that are changed, and signatures that are none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use skillsync_core::digest::FileDigest;
use skillsync_wire::advisories::Advisories;
use skillsync_wire::envelope::{Document, sign_unchecked};
use skillsync_wire::manifest::Manifest;
use skillsync_wire::root::Root;

use super::folder::Attack;
use super::hub::{House, MANIFEST, RELEASE, STRANGER, Served, id, key, public, signed, slug};
use super::releases::{archive, house, with_release};

/// The payload of an envelope, read the plain way.
pub(crate) fn payload(envelope: &[u8]) -> String {
    let envelope: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    String::from_utf8(STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

/// As `signed`, also where the envelope is one that is not to leave.
pub(crate) fn forged<T: Document>(payload: &str, by: &[u8]) -> Vec<u8> {
    let keys: Vec<_> = by.iter().map(|seed| key(*seed)).collect();
    sign_unchecked(T::PAYLOAD_TYPE, payload.as_bytes(), &keys.iter().collect::<Vec<_>>()).unwrap()
}

/// `from` is there, and becomes `to`.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} in {text}");
    text.replace(from, to)
}

/// The last bit of the byte at `at` is flipped.
pub(crate) fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

/// The first signature of an envelope, changed.
fn resigned(envelope: &[u8], change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut record: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    let old = STANDARD.decode(record["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    record["signatures"][0]["sig"] = STANDARD.encode(change(old)).into();
    serde_json::to_vec(&record).unwrap()
}

/// A signature with the order of the group added to its S.
fn malleated(signature: Vec<u8>) -> Vec<u8> {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let (r, s) = signature.split_at(32);
    let mut carry = 0;
    let sum = s.iter().zip(order).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    [r, &sum.collect::<Vec<_>>()].concat()
}

/// The hub, with a second root of this payload.
fn second_root(lie: impl FnOnce(&str) -> String, by: &[u8]) -> Served {
    let mut house = house();
    house.rotate(&[1, 2], |_| ());
    let mut served = house.serve();
    served.roots[1] = forged::<Root>(&lie(&payload(&served.roots[1])), by);
    served
}

fn rotated(house: &House, by: &[u8]) -> Served {
    let mut house = house.clone();
    house.rotate(by, |_| ());
    house.serve()
}

pub(crate) fn all() -> Vec<Attack> {
    let house = house();
    let honest = house.serve();
    let manifest = |manifest| Served { manifest, ..honest.clone() };
    let text = payload(&honest.manifest);
    let statement = &honest.releases[&slug("pdf")];
    let mut flipped_release = honest.clone();
    flipped_release.releases.insert(slug("pdf"), flipped(statement, 200));
    let pdf = archive("pdf");

    let many: Vec<u8> = (20..36).chain([MANIFEST]).collect();
    let small = [&[1][..], &[0; 31]].concat();
    let small_id = FileDigest::of(&[&b"skillsync-key-v1\0ed25519\0"[..], &small].concat()).hex();
    let small_order = |text: &str| {
        let text = replaced(text, &id(3).to_string(), &small_id);
        replaced(&text, &String::from(public(3).public), &STANDARD.encode(&small))
    };
    let two_names = |text: &str| {
        let text = replaced(text, &id(3).to_string(), &id(STRANGER).to_string());
        replaced(&text, &String::from(public(3).public), &String::from(public(1).public))
    };
    let relabelled = sign_unchecked(Advisories::PAYLOAD_TYPE, text.as_bytes(), &[&key(MANIFEST)]).unwrap();
    let relabelled =
        replaced(&String::from_utf8(relabelled).unwrap(), Advisories::PAYLOAD_TYPE, Manifest::PAYLOAD_TYPE);
    let other_type = replaced(&text, r#""_type":"manifest""#, r#""_type":"advisories""#);
    let key_twice = replaced(&text, r#""version":1207,"#, r#""version":1207,"version":1208,"#);
    let by_manifest_key = signed(&house.releases[&slug("pdf")], &[MANIFEST]);

    vec![
        Attack::new("01-honest", "All is genuine, and installed.", honest.clone())
            .archive("pdf", pdf.clone()),
        Attack::new(
            "01-manifest-flipped",
            "One bit of the manifest's payload was flipped on the way.",
            manifest(flipped(&honest.manifest, 200)),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "01-release-flipped",
            "One bit of the release statement was flipped on the way.",
            flipped_release,
        )
        .refused("release-pdf", "trust-mismatch"),
        Attack::new("01-archive-flipped", "One bit of the archive was flipped on the way.", honest.clone())
            .archive("pdf", flipped(&pdf, pdf.len() - 5))
            .refused("archive-pdf", "trust-mismatch"),
        Attack::new(
            "02-manifest-unsigned",
            "Nobody signed the manifest.",
            manifest(forged::<Manifest>(&text, &[])),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "02-manifest-by-the-release-key",
            "The manifest is signed by the key that is for releases.",
            manifest(forged::<Manifest>(&text, &[RELEASE])),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "02-release-by-the-manifest-key",
            "The release statement is signed by the key that is for manifests, which lists it.",
            with_release(&house, by_manifest_key),
        )
        .refused("release-pdf", "trust-sig"),
        Attack::new(
            "02-root-by-the-manifest-key",
            "The next root is signed by the key that is for manifests.",
            rotated(&house, &[MANIFEST]),
        )
        .refused("root-2", "trust-sig"),
        Attack::new(
            "03-release-as-manifest",
            "A genuine release statement is served as the manifest.",
            manifest(statement.clone()),
        )
        .refused("manifest", "trust-type"),
        Attack::new(
            "03-type-within",
            "The envelope says that it is a manifest, and its signed payload that it is advisories.",
            manifest(forged::<Manifest>(&other_type, &[MANIFEST])),
        )
        .refused("manifest", "trust-type"),
        Attack::new(
            "03-relabelled",
            "A payload that was signed as advisories is served in an envelope that says manifest.",
            manifest(relabelled.into_bytes()),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "03-key-twice",
            "The signed payload says its version twice, so that two readers could read two manifests.",
            manifest(forged::<Manifest>(&key_twice, &[MANIFEST])),
        )
        .refused("manifest", "document-malformed"),
        Attack::new(
            "04-signed-twice",
            "The next root needs two keys, and one signed it twice.",
            second_root(str::to_owned, &[1, 1]),
        )
        .refused("root-2", "trust-sig"),
        Attack::new(
            "04-one-key-of-two-names",
            "The next root has one key under two names, which would count for two from then on.",
            second_root(two_names, &[1, 2]),
        )
        .refused("root-2", "document-malformed"),
        Attack::new(
            "04-threshold-zero",
            "The next root says that nobody need sign the one after it.",
            second_root(|text| replaced(text, r#""threshold":2"#, r#""threshold":0"#), &[1, 2]),
        )
        .refused("root-2", "document-malformed"),
        Attack::new(
            "04-seventeen-signatures",
            "The manifest has one signature more than an envelope may have, the right one among them.",
            manifest(forged::<Manifest>(&text, &many)),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "04-two-of-three",
            "The next root needs two of three keys, and another two than before signed it.",
            second_root(str::to_owned, &[3, 1]),
        ),
        Attack::new(
            "05-malleated",
            "The order of the group was added to the manifest's signature, which some verifiers accept.",
            manifest(resigned(&honest.manifest, malleated)),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "05-short-signature",
            "The manifest's signature lacks its last byte.",
            manifest(resigned(&honest.manifest, |signature| signature[..63].to_vec())),
        )
        .refused("manifest", "trust-sig"),
        Attack::new(
            "05-key-of-small-order",
            "The next root has a key of small order, for which anybody can sign.",
            second_root(small_order, &[1, 2]),
        )
        .refused("root-2", "document-malformed"),
    ]
}
