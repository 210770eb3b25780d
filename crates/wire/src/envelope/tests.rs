//! Envelopes that must be refused, and the few that must not.

use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

impl Document for Note {
    const PAYLOAD_TYPE: &'static str = "application/vnd.skillsync.note.v1+json";
    const TYPE: &'static str = "note";
    const LIMIT_BYTES: usize = 5_000;
    fn check(&self) -> Result<(), String> {
        if self.text == "wrong" { Err("its text is wrong".to_owned()) } else { Ok(()) }
    }
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn signers(seeds: &[u8], threshold: usize) -> Result<Signers, Error> {
    Signers::new(seeds.iter().map(|seed| secret(*seed).public()), threshold)
}

fn note() -> Note {
    // Bytes that give `+` and `/` in base64.
    Note { text: "~~~???>>>".to_owned() }
}

fn code(envelope: &[u8], signers: &Signers) -> Result<(), &'static str> {
    verify::<Note>(envelope, signers).map(|_| ()).map_err(|e| e.code())
}

#[test]
fn pae_is_that_of_dsse() {
    // The example of the DSSE specification, protocol.md.
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
}

#[test]
fn both_alphabets_are_read_and_no_mixture() {
    let envelope = sign(&note(), &[&secret(1)]).unwrap();
    let mut record: EnvelopeRecord = json::read(&envelope, 9_999).unwrap();
    let payload = STANDARD.decode(&record.payload).unwrap();
    let sig = STANDARD.decode(&record.signatures[0].sig).unwrap();
    let standard = record.payload.clone();
    assert!(standard.contains(['+', '/']), "the case needs them: {standard}");
    for payload in [
        URL_SAFE.encode(&payload),
        URL_SAFE_NO_PAD.encode(&payload),
        standard.trim_end_matches('=').to_owned(),
    ] {
        record.payload = payload;
        record.signatures[0].sig = URL_SAFE_NO_PAD.encode(&sig);
        assert_eq!(code(&json::write(&record).unwrap(), &signers(&[1], 1).unwrap()), Ok(()));
    }
    let mixed = standard.replacen(['+', '/'], "-", 1);
    for payload in [mixed, format!("{standard}="), format!(" {standard}"), format!("{standard}\n")] {
        record.payload = payload;
        let envelope = json::write(&record).unwrap();
        assert_eq!(code(&envelope, &signers(&[1], 1).unwrap()), Err("document-malformed"));
    }
}

#[test]
fn keys_are_counted_and_nothing_else() {
    type Case<'a> = (&'a [u8], &'a [u8], usize, Result<(), &'a str>);
    let cases: [Case<'_>; 10] = [
        (&[1], &[1], 1, Ok(())),
        (&[1, 2], &[1, 2, 3], 2, Ok(())),
        (&[3, 1], &[1, 2, 3], 2, Ok(())),
        (&[1, 2, 9], &[1, 2, 3], 2, Ok(())),
        (&[], &[1], 1, Err("trust-sig")),
        (&[2], &[1], 1, Err("trust-sig")),
        (&[1], &[1, 2, 3], 2, Err("trust-sig")),
        (&[1, 9], &[1, 2, 3], 2, Err("trust-sig")),
        (&[1, 1], &[1, 2, 3], 2, Err("trust-sig")),
        (&[1, 1], &[1], 1, Err("trust-sig")),
    ];
    for (by, may, threshold, expected) in cases {
        let keys: Vec<SecretKey> = by.iter().map(|seed| secret(*seed)).collect();
        let envelope = sign_note(&keys.iter().collect::<Vec<_>>());
        assert_eq!(code(&envelope, &signers(may, threshold).unwrap()), expected, "{by:?} of {may:?}");
    }
    let many: Vec<SecretKey> = (1..=17).map(secret).collect();
    let many: Vec<&SecretKey> = many.iter().collect();
    assert_eq!(code(&sign_note(&many[..16]), &signers(&[1], 1).unwrap()), Ok(()));
    assert_eq!(code(&sign_note(&many), &signers(&[1], 1).unwrap()), Err("trust-sig"));
}

fn sign_note(keys: &[&SecretKey]) -> Vec<u8> {
    let whole = Whole { document_type: Note::TYPE, spec: Spec::CURRENT, document: &note() };
    sign_unchecked(Note::PAYLOAD_TYPE, &json::write(&whole).unwrap(), keys).unwrap()
}

#[test]
fn a_role_can_be_met() {
    assert!(signers(&[1, 2], 2).is_ok());
    for (seeds, threshold) in [(&[1, 2][..], 0), (&[1, 2], 3), (&[], 0), (&[], 1), (&[1, 1], 2)] {
        assert!(matches!(signers(seeds, threshold), Err(Error::Signers { .. })), "{seeds:?} {threshold}");
    }
}

#[test]
fn a_key_id_is_no_proof() {
    // The id of a trusted key over the signature of another, and the other way round.
    let mut record: EnvelopeRecord = json::read(&sign_note(&[&secret(9)]), 9_999).unwrap();
    record.signatures[0].keyid = secret(1).public().id();
    assert_eq!(code(&json::write(&record).unwrap(), &signers(&[1], 1).unwrap()), Err("trust-sig"));
    let mut record: EnvelopeRecord = json::read(&sign_note(&[&secret(1)]), 9_999).unwrap();
    record.signatures[0].keyid = secret(9).public().id();
    assert_eq!(code(&json::write(&record).unwrap(), &signers(&[1], 1).unwrap()), Err("trust-sig"));
}

#[test]
fn a_document_says_its_type_twice_and_its_format() {
    let by = &[&secret(1)];
    let envelope = |kind: &str, payload: &str| sign_unchecked(kind, payload.as_bytes(), by).unwrap();
    let note = r#"{"_type":"note","spec":"1.0","text":"x","later":[1]}"#;
    let cases = [
        (Note::PAYLOAD_TYPE, note.to_owned(), Ok(())),
        (Note::PAYLOAD_TYPE, note.replace("1.0", "1.9"), Ok(())),
        (Note::PAYLOAD_TYPE, note.replace("1.0", "2.0"), Err("trust-spec")),
        (Note::PAYLOAD_TYPE, note.replace("note", "memo"), Err("trust-type")),
        ("application/vnd.skillsync.memo.v1+json", note.to_owned(), Err("trust-type")),
        (&Note::PAYLOAD_TYPE.to_uppercase(), note.to_owned(), Err("trust-type")),
        (Note::PAYLOAD_TYPE, note.replace("_type", "type"), Err("document-malformed")),
        (Note::PAYLOAD_TYPE, note.replace(r#""spec":"1.0","#, ""), Err("document-malformed")),
        (Note::PAYLOAD_TYPE, note.replace(r#""text":"x","#, ""), Err("document-malformed")),
        (Note::PAYLOAD_TYPE, note.replace(r#""x""#, r#""wrong""#), Err("document-malformed")),
        (Note::PAYLOAD_TYPE, note.replace("later", "text"), Err("document-malformed")),
        (
            Note::PAYLOAD_TYPE,
            note.replace(r#""x""#, &format!("{:?}", "x".repeat(5_000))),
            Err("document-too-large"),
        ),
    ];
    for (kind, payload, expected) in cases {
        assert_eq!(code(&envelope(kind, &payload), &signers(&[1], 1).unwrap()), expected, "{payload}");
    }
}

#[test]
fn what_would_not_be_read_is_not_signed() {
    assert!(matches!(sign(&Note { text: "wrong".to_owned() }, &[&secret(1)]), Err(Error::Rule { .. })));
    let long = Note { text: "x".repeat(5_000) };
    assert_eq!(sign(&long, &[&secret(1)]).unwrap_err().code(), "document-too-large");
}

#[test]
fn a_pinned_document_is_known_by_its_digest_and_signed_by_its_own() {
    let envelope = sign(&note(), &[&secret(1)]).unwrap();
    let digest = EnvelopeDigest::of(&envelope);
    let by = |seed| move |_: &Note| signers(&[seed], 1);
    assert!(verify_pinned(&envelope, digest, by(1)).is_ok());
    assert_eq!(verify_pinned(&envelope, digest, by(2)).unwrap_err().code(), "trust-sig");
    let other = verify_pinned(&envelope, EnvelopeDigest::of(b""), by(1));
    assert_eq!(other.unwrap_err().code(), "trust-mismatch");
}
