//! Bytes that never change: what was signed or packed once must be read, and written, alike by every later version and by
//! every other program. The keys are of the seeds 01..01, 02..02 and so on, and sign nothing but these and the attacks
//! (`attacks.rs`).
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::fmt::Debug;

use serde::Deserialize;

use skillsync_core::digest::FileDigest;
use skillsync_core::fault::Fault as _;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_wire::advisories::Advisories;
use skillsync_wire::archive::{Promise, Reader, pack};
use skillsync_wire::envelope::{Document, Signers, pae, sign, verify};
use skillsync_wire::key::{PublicKey, SecretKey};
use skillsync_wire::manifest::Manifest;
use skillsync_wire::release::Release;
use skillsync_wire::root::Root;

macro_rules! vector {
    ($case:literal, $file:literal) => {
        include_bytes!(concat!("../../../testdata/vectors/", $case, "/", $file))
    };
}

/// Who may sign, and what is to come of it.
#[derive(Deserialize)]
struct Case {
    document: String,
    keys: Vec<PublicKey>,
    threshold: usize,
    expect: String,
}

impl Case {
    fn read(text: &[u8]) -> (Self, Signers) {
        let case: Case = serde_json::from_slice(text).unwrap();
        let signers = Signers::new(case.keys.clone(), case.threshold).unwrap();
        (case, signers)
    }

    fn outcome(&self, envelope: &[u8], signers: &Signers) -> &'static str {
        fn code<T: Document>(envelope: &[u8], signers: &Signers) -> &'static str {
            verify::<T>(envelope, signers).map_or_else(|error| error.code(), |_| "ok")
        }
        match self.document.as_str() {
            "root" => code::<Root>(envelope, signers),
            "manifest" => code::<Manifest>(envelope, signers),
            "advisories" => code::<Advisories>(envelope, signers),
            "release" => code::<Release>(envelope, signers),
            other => panic!("no such document: {other}"),
        }
    }
}

/// The envelope is believed, says what the payload says, and would be written again byte for byte.
fn check<T: Document + Debug>(case: &[u8], envelope: &[u8], payload: &[u8], seeds: &[u8], digest: &str) {
    let (case, signers) = Case::read(case);
    assert_eq!((case.document.as_str(), case.expect.as_str()), (T::TYPE, "ok"));
    assert_eq!(case.outcome(envelope, &signers), "ok");
    let signed = verify::<T>(envelope, &signers).unwrap();
    assert_eq!(signed.digest().hex(), digest, "the digest by which others name it");
    assert_eq!(signed.payload_digest().hex(), FileDigest::of(payload).hex());
    let keys: Vec<SecretKey> = seeds.iter().map(|seed| SecretKey::from_seed(&[*seed; 32])).collect();
    let again = sign::<T>(&signed, &keys.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(envelope.to_vec()).unwrap());
    // The plain way of another program: the signature is over these bytes.
    let record: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    let signature = keys[0].sign(&pae(T::PAYLOAD_TYPE, payload));
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(signature.as_bytes());
    assert_eq!(record["signatures"][0]["sig"], text.as_str());
    assert_eq!(record["signatures"][0]["keyid"], keys[0].public().id().to_string().as_str());
}

macro_rules! envelope {
    ($test:ident, $document:ty, $case:literal, $seeds:expr, $digest:literal) => {
        #[test]
        fn $test() {
            let case = vector!($case, "case.json");
            let (envelope, payload) = (vector!($case, "envelope.json"), vector!($case, "payload.json"));
            check::<$document>(case, envelope, payload, &$seeds, $digest);
        }
    };
}

envelope!(
    the_root_is_read,
    Root,
    "envelope-root",
    [1, 2],
    "ed560def8a663141b81c6304553d0d6397dfac6b8eefead8de87e96d28b0312c"
);
envelope!(
    the_manifest_is_read,
    Manifest,
    "envelope-manifest",
    [5],
    "3d78eb72f352160475217bade98e298476014c7a124310b057b703ac04ba9b1e"
);
envelope!(
    the_advisories_are_read,
    Advisories,
    "envelope-advisories",
    [4],
    "db9c90487361fb80020366fdf46bd11d04a044e09ec6536a0b6e4f53af43b87b"
);
envelope!(
    the_release_is_read,
    Release,
    "envelope-release",
    [4],
    "f2bd221fcc8cd8b58bd9c664ebe35e3923baa8d96230c4db2755f2251a3bfc89"
);

#[test]
fn the_archive_is_read_and_written_byte_for_byte() {
    let archive = vector!("archive-hello", "archive.tar.gz");
    let files: [(&str, &[u8], bool); 2] = [
        ("SKILL.md", vector!("archive-hello", "files/SKILL.md"), false),
        ("scripts/run.sh", vector!("archive-hello", "files/scripts/run.sh"), true),
    ];
    let file = |(path, bytes, executable): (&str, &[u8], bool)| {
        let file = File { digest: FileDigest::of(bytes), size_bytes: bytes.len() as u64, executable };
        (SkillPath::parse(path).unwrap(), file)
    };
    let tree = Tree::new(files.map(file)).unwrap();
    let bytes_of = |path: &SkillPath| {
        let found = files.iter().find(|(name, ..)| *name == path.as_str());
        found.map(|(_, bytes, _)| bytes.to_vec()).ok_or("no such file")
    };
    let packed = pack(&tree, bytes_of).unwrap();
    assert_eq!(hex::encode(&packed.bytes), hex::encode(archive), "the same tree has the same archive");
    assert_eq!(
        packed.tarball.sha256.hex(),
        "af09804266e7087a94240e098f33621739bb31f95cc1fecca0175fd8d68ed37c"
    );
    assert_eq!(
        packed.tree.to_string(),
        "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b"
    );
    let promise = Promise::new(packed.tarball, packed.tree);
    let unpacked = Reader::promised(&archive[..], promise).finish().unwrap();
    assert_eq!(unpacked.tree, tree);
}
