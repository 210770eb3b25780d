//! DSSE envelopes: [`verify`] is the only way from bytes to a [`Signed`] document. Who may sign what is left to `root`,
//! what to believe of a verified document to `trust`. The format is in `docs/formats/envelope.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use skillsync_core::digest::{EnvelopeDigest, PayloadDigest};
use skillsync_core::fault::{Fault, Kind};

use crate::json;
use crate::key::{self, KeyId, PublicKey, SecretKey, Signature};
use crate::limits;
use crate::text::Spec;

/// Why an envelope is not believed, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The envelope or what is in it does not read.
    #[error(transparent)]
    Document(#[from] json::Error),
    /// A document says what one of its type cannot say.
    #[error("the {document} is wrong: {reason}")]
    Rule {
        /// The type of the document.
        document: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A document of another type than was asked for, in the envelope or in the payload.
    #[error("the document is `{found}`; `{expected}` was asked for")]
    Type {
        /// What was asked for.
        expected: &'static str,
        /// What it says it is.
        found: String,
    },
    /// A format of a later major number.
    #[error("the {document} is of format {found}; this program reads {}", Spec::CURRENT)]
    Spec {
        /// The type of the document.
        document: &'static str,
        /// The format it says it has.
        found: Spec,
    },
    /// More signatures than an envelope may have.
    #[error("the envelope has {count} signatures; {} are allowed", limits::SIGNATURES)]
    TooManySignatures {
        /// How many it has.
        count: usize,
    },
    /// One key id twice: signatures are not counted by how often they are there.
    #[error("key {id} signed twice")]
    SignedTwice {
        /// The key.
        id: KeyId,
    },
    /// A signature that is not 64 bytes.
    #[error("a signature is malformed")]
    Signature(#[source] key::Error),
    /// Not enough keys that may sign it did.
    #[error("{valid} of the keys that may sign the {document} did; {threshold} are needed")]
    Threshold {
        /// The type of the document.
        document: &'static str,
        /// How many different keys signed it.
        valid: usize,
        /// How many are needed.
        threshold: usize,
    },
    /// Keys and a threshold that do not make a role.
    #[error("{keys} different keys cannot meet a threshold of {threshold}")]
    Signers {
        /// How many different keys there are.
        keys: usize,
        /// How many would have to sign.
        threshold: usize,
    },
    /// The bytes are not those that were named.
    #[error("the document is {found}; {expected} was named")]
    Digest {
        /// The digest that was named.
        expected: EnvelopeDigest,
        /// The digest of what came.
        found: EnvelopeDigest,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Document(e) => e.kind(),
            _ => Kind::Untrusted,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Document(e) => e.code(),
            Error::Rule { .. } => "document-malformed",
            Error::Type { .. } => "trust-type",
            Error::Spec { .. } => "trust-spec",
            Error::TooManySignatures { .. }
            | Error::SignedTwice { .. }
            | Error::Signature(_)
            | Error::Threshold { .. }
            | Error::Signers { .. } => "trust-sig",
            Error::Digest { .. } => "trust-mismatch",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Spec { .. } => Some("update skillsync".to_owned()),
            _ => None,
        }
    }
}

/// A type of document that is signed.
pub trait Document: Serialize + DeserializeOwned {
    /// Its media type: the `payloadType` of its envelope.
    const PAYLOAD_TYPE: &'static str;
    /// Its `_type`.
    const TYPE: &'static str;
    /// Its largest envelope.
    const LIMIT_BYTES: usize;

    /// What only the whole document can show. Fails with what is wrong with it.
    fn check(&self) -> Result<(), String>;
}

/// The keys that may sign, and how many of them must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    keys: BTreeMap<KeyId, PublicKey>,
    threshold: usize,
}

impl Signers {
    /// Fails unless the threshold is at least 1 and there are as many different keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>, threshold: usize) -> Result<Self, Error> {
        let keys: BTreeMap<KeyId, PublicKey> = keys.into_iter().map(|key| (key.id(), key)).collect();
        if threshold == 0 || threshold > keys.len() {
            return Err(Error::Signers { keys: keys.len(), threshold });
        }
        Ok(Self { keys, threshold })
    }
}

/// A document whose signatures hold. Nothing but the functions of this room makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    document: T,
    digest: EnvelopeDigest,
    payload: PayloadDigest,
}

impl<T> Signed<T> {
    /// The digest of the envelope, by which other documents name this one.
    pub fn digest(&self) -> EnvelopeDigest {
        self.digest
    }

    /// The digest of the bytes that were signed. An envelope can be spelt in many ways, these bytes in one.
    pub fn payload_digest(&self) -> PayloadDigest {
        self.payload
    }
}

impl<T> Deref for Signed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.document
    }
}

/// The document in `envelope`, if enough of `signers` signed it.
pub fn verify<T: Document>(envelope: &[u8], signers: &Signers) -> Result<Signed<T>, Error> {
    let opened = Opened::of::<T>(envelope)?;
    opened.require::<T>(signers)?;
    opened.read()
}

/// The document in `envelope`, if that is the one with this digest: who believes the digest believes the document, whoever
/// may sign one today. It is not [`Signed`], since nobody looked at its signatures.
pub fn named<T: Document>(envelope: &[u8], digest: EnvelopeDigest) -> Result<T, Error> {
    let opened = Opened::of::<T>(envelope)?;
    if opened.digest != digest {
        return Err(Error::Digest { expected: digest, found: opened.digest });
    }
    Ok(opened.read::<T>()?.document)
}

/// The document in `envelope`, if enough of `signers` signed it and enough of those that it names itself.
pub(crate) fn verify_successor<T: Document>(
    envelope: &[u8],
    signers: &Signers,
    own: impl FnOnce(&T) -> Result<Signers, Error>,
) -> Result<Signed<T>, Error> {
    let opened = Opened::of::<T>(envelope)?;
    opened.require::<T>(signers)?;
    let signed = opened.read::<T>()?;
    opened.require::<T>(&own(&signed)?)?;
    Ok(signed)
}

/// The document in `envelope`, if that is the one which is trusted by its digest, and signed by enough of those that it
/// names itself.
pub(crate) fn verify_pinned<T: Document>(
    envelope: &[u8],
    digest: EnvelopeDigest,
    own: impl FnOnce(&T) -> Result<Signers, Error>,
) -> Result<Signed<T>, Error> {
    let found = EnvelopeDigest::of(envelope);
    if found != digest {
        return Err(Error::Digest { expected: digest, found });
    }
    let opened = Opened::of::<T>(envelope)?;
    let signed = opened.read::<T>()?;
    opened.require::<T>(&own(&signed)?)?;
    Ok(signed)
}

/// An envelope as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeRecord {
    payload_type: String,
    payload: String,
    signatures: Vec<SignatureRecord>,
}

#[derive(Serialize, Deserialize)]
struct SignatureRecord {
    keyid: KeyId,
    sig: String,
}

/// The first fields of every payload.
#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(rename = "_type")]
    document_type: String,
    spec: Spec,
}

/// A payload with its head.
#[derive(Serialize)]
struct Whole<'a, T> {
    #[serde(rename = "_type")]
    document_type: &'static str,
    spec: Spec,
    #[serde(flatten)]
    document: &'a T,
}

/// An envelope taken apart once. What was signed and what is read later are the same bytes.
struct Opened {
    digest: EnvelopeDigest,
    payload: Vec<u8>,
    signed: Vec<u8>,
    signatures: BTreeMap<KeyId, Signature>,
}

impl Opened {
    fn of<T: Document>(envelope: &[u8]) -> Result<Self, Error> {
        let record: EnvelopeRecord = json::read(envelope, T::LIMIT_BYTES)?;
        if record.payload_type != T::PAYLOAD_TYPE {
            let found = record.payload_type.chars().take(limits::PAYLOAD_TYPE_BYTES);
            let found = found.flat_map(char::escape_debug).collect();
            return Err(Error::Type { expected: T::PAYLOAD_TYPE, found });
        }
        if record.signatures.len() > limits::SIGNATURES {
            return Err(Error::TooManySignatures { count: record.signatures.len() });
        }
        let mut signatures = BTreeMap::new();
        for SignatureRecord { keyid, sig } in record.signatures {
            let signature = Signature::from_bytes(&unbase64(&sig)?).map_err(Error::Signature)?;
            if signatures.insert(keyid, signature).is_some() {
                return Err(Error::SignedTwice { id: keyid });
            }
        }
        let payload = unbase64(&record.payload)?;
        let signed = pae(&record.payload_type, &payload);
        Ok(Self { digest: EnvelopeDigest::of(envelope), payload, signed, signatures })
    }

    /// Fails unless enough of `signers` signed. What counts is the keys that verify: an id only says which to try, and
    /// signatures of strangers count for nothing.
    fn require<T: Document>(&self, signers: &Signers) -> Result<(), Error> {
        let mut valid = BTreeSet::new();
        for (id, signature) in &self.signatures {
            if let Some(key) = signers.keys.get(id)
                && key.verifies(&self.signed, signature)
            {
                valid.insert(key.as_bytes());
            }
        }
        if valid.len() < signers.threshold {
            let (valid, threshold) = (valid.len(), signers.threshold);
            return Err(Error::Threshold { document: T::TYPE, valid, threshold });
        }
        Ok(())
    }

    /// Reads the payload. Callers ask [`Opened::require`] first, or know the bytes by their digest.
    fn read<T: Document>(&self) -> Result<Signed<T>, Error> {
        let head: Head = json::read(&self.payload, T::LIMIT_BYTES)?;
        if head.document_type != T::TYPE {
            let found = head.document_type.chars().take(limits::PAYLOAD_TYPE_BYTES);
            let found = found.flat_map(char::escape_debug).collect();
            return Err(Error::Type { expected: T::TYPE, found });
        }
        if !head.spec.is_readable() {
            return Err(Error::Spec { document: T::TYPE, found: head.spec });
        }
        let document: T = json::read(&self.payload, T::LIMIT_BYTES)?;
        document.check().map_err(|reason| Error::Rule { document: T::TYPE, reason })?;
        Ok(Signed { document, digest: self.digest, payload: PayloadDigest::of(&self.payload) })
    }
}

/// The bytes that are signed: the pre-authentication encoding of DSSE 1.0, which binds the type to the payload.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Reads base64 of the standard or the URL-safe alphabet, as DSSE demands, with or without padding. A text that mixes
/// the two, or has bits to spare, is refused.
fn unbase64(text: &str) -> Result<Vec<u8>, Error> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let decoded = GeneralPurpose::new(alphabet, CONFIG).decode(text);
    decoded.map_err(|error| json::Error::Malformed { reason: format!("base64: {error}") }.into())
}

/// The envelope of `document`, signed by `keys`. Fails when the document is not one that [`verify`] would read.
pub fn sign<T: Document>(document: &T, keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
    let envelope = sign_unchecked(T::PAYLOAD_TYPE, &payload(document)?, keys)?;
    // What is too large or nested too deep must not leave.
    Opened::of::<T>(&envelope)?.read::<T>()?;
    Ok(envelope)
}

/// What is signed of `document`: one document has one payload. Fails when it says what none of its type can say.
pub fn payload<T: Document>(document: &T) -> Result<Vec<u8>, Error> {
    document.check().map_err(|reason| Error::Rule { document: T::TYPE, reason })?;
    Ok(json::write(&Whole { document_type: T::TYPE, spec: Spec::CURRENT, document })?)
}

/// The envelope of any bytes, signed by `keys`: for tests that lie, and for documents of other programs.
pub fn sign_unchecked(payload_type: &str, payload: &[u8], keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
    let signed = pae(payload_type, payload);
    let signature = |key: &&SecretKey| SignatureRecord {
        keyid: key.public().id(),
        sig: STANDARD.encode(key.sign(&signed).as_bytes()),
    };
    Ok(json::write(&EnvelopeRecord {
        payload_type: payload_type.to_owned(),
        payload: STANDARD.encode(payload),
        signatures: keys.iter().map(signature).collect(),
    })?)
}

#[cfg(test)]
mod tests;
