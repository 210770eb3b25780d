//! Ed25519 keys and their names. Which key may sign what is left to `root`, what is signed to `envelope`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use skillsync_core::digest::FileDigest;
use skillsync_core::fault::{Fault, Kind};

/// Why something is not a key, a name of a key, or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key id is 64 lower-case hex digits.
    #[error("a key id is 64 lower-case hex digits")]
    Id,
    /// A public key is 32 bytes in base64.
    #[error("a public key is 32 bytes in base64")]
    Length,
    /// The bytes are no point of the curve, or not the one spelling of it (RFC 8032, section 5.1.3).
    #[error("the public key is not the encoding of a point")]
    Point,
    /// The key is of small order, and its signatures are valid for many messages; or it has a part of small order, and one
    /// signer has eight such keys that count as different.
    #[error("the public key is not in the prime-order group")]
    Weak,
    /// A signature is 64 bytes.
    #[error("a signature has {length_bytes} bytes; 64 are expected")]
    Signature {
        /// What it has.
        length_bytes: usize,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Untrusted
    }
    fn code(&self) -> &'static str {
        "key-invalid"
    }
}

/// The name of a public key: `hex(sha256("skillsync-key-v1\0ed25519\0" || pub32))`. A hint, and never proof: what
/// counts is the key (`docs/formats/envelope.md`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 32]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({}..)", &hex::encode(self.0)[..12])
    }
}

impl FromStr for KeyId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(Error::Id);
        }
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Error::Id)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for KeyId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

/// A public key that can be trusted to mean one signer: the one spelling of a point of the prime-order group.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of a key. A second spelling of a point would be a second name of one key, so that one signer
    /// could count twice; it is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::Length)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| Error::Point)?;
        if key.to_edwards().compress().to_bytes() != *bytes {
            return Err(Error::Point);
        }
        if key.is_weak() || !key.to_edwards().is_torsion_free() {
            return Err(Error::Weak);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        let named = [b"skillsync-key-v1\0ed25519\0".as_slice(), self.as_bytes()].concat();
        KeyId(*FileDigest::of(&named).as_bytes())
    }

    /// Whether `signature` is this key's for `message`, by the strict rules: S < L, R canonical and not of small order,
    /// no cofactor (RFC 8032, section 5.1.7).
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.id())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::from_bytes(&STANDARD.decode(text).map_err(|_| Error::Length)?)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        STANDARD.encode(key.as_bytes())
    }
}

/// The 64 bytes of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Reads the 64 bytes of a signature.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let length_bytes = bytes.len();
        bytes.try_into().map(Self).map_err(|_| Error::Signature { length_bytes })
    }

    /// The 64 bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// A key that signs. It has no text form: it leaves this type by nothing but its signatures.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a seed of 32 random bytes (RFC 8032, section 5.1.5). Where they come from is left to the caller.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Its signature of `message`; the same message has the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public().id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let cases = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
        ];
        for (seed, public, message, signature) in cases {
            let key = SecretKey::from_seed(&bytes(seed).try_into().unwrap());
            assert_eq!(key.public().as_bytes().as_slice(), bytes(public));
            assert_eq!(key.sign(&bytes(message)).as_bytes().as_slice(), bytes(signature));
            assert!(key.public().verifies(&bytes(message), &key.sign(&bytes(message))));
            assert!(!key.public().verifies(b"other", &key.sign(&bytes(message))));
        }
    }

    #[test]
    fn a_key_has_one_spelling_and_is_not_weak() {
        let p = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        let cases = [
            // The points of small order, canonical (order 1, 2, 4, 4, 8, 8, 8, 8).
            ("0100000000000000000000000000000000000000000000000000000000000000", Error::Weak),
            ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", Error::Weak),
            ("0000000000000000000000000000000000000000000000000000000000000000", Error::Weak),
            ("0000000000000000000000000000000000000000000000000000000000000080", Error::Weak),
            ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", Error::Weak),
            ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", Error::Weak),
            ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", Error::Weak),
            ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", Error::Weak),
            // The key of seed 42..42 plus a point of order 8: the same signer can sign for both.
            ("5e2a648325bc9a8f481c735248eda873674ff86f0a74835f61c4b8e2eb0a4879", Error::Weak),
            // y >= p: a second spelling of 0, 1 and 3, or of no point at all; and x = 0 with its sign set.
            (p, Error::Point),
            ("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", Error::Point),
            ("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", Error::Point),
            ("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", Error::Point),
            ("0100000000000000000000000000000000000000000000000000000000000080", Error::Point),
            // y = 2 is no point.
            ("0200000000000000000000000000000000000000000000000000000000000000", Error::Point),
            ("", Error::Length),
            (&p[..62], Error::Length),
            (&format!("{p}00"), Error::Length),
        ];
        for (key, error) in cases {
            assert_eq!(PublicKey::from_bytes(&bytes(key)), Err(error), "{key}");
        }
    }

    #[test]
    fn names_and_texts_have_one_form() {
        let key = SecretKey::from_seed(&[1; 32]).public();
        let id = key.id().to_string();
        assert_eq!(id.parse(), Ok(key.id()));
        for bad in ["", &id[1..], &id.to_uppercase(), &format!("{id}00"), &id.replace(&id[..1], "g")] {
            assert_eq!(bad.parse::<KeyId>(), Err(Error::Id), "{bad}");
        }
        let text = String::from(key.clone());
        assert_eq!(PublicKey::try_from(text.clone()), Ok(key));
        for bad in [text.trim_end_matches('=').to_owned(), format!("{text}\n"), format!(" {text}")] {
            assert_eq!(PublicKey::try_from(bad.clone()), Err(Error::Length), "{bad}");
        }
    }

    #[test]
    fn a_secret_key_is_never_shown() {
        let key = SecretKey::from_seed(&[7; 32]);
        let shown = format!("{key:?} {key:#?}");
        assert!(!shown.contains(&hex::encode([7; 32])) && !shown.contains("7, 7"), "{shown}");
        assert!(shown.contains(&key.public().id().to_string()[..12]), "{shown}");
    }
}
