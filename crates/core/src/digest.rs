//! SHA-256 digests, one type for each thing that is hashed, so that none is compared with another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fault::{Fault, Kind};

/// A text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest: `sha256:` and 64 lower-case hex digits are expected")]
pub struct Error {
    text: String,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "digest-invalid"
    }
}

/// SHA-256 fed piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Feeds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// The digest of `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                let mut hasher = Hasher::default();
                hasher.update(bytes);
                Self::from_hasher(hasher)
            }

            /// The digest of what was fed to `hasher`.
            pub fn from_hasher(hasher: Hasher) -> Self {
                Self(hasher.finish())
            }

            /// The raw bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// A digest from its raw bytes, as an own cache keeps it.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// 64 lower-case hex digits, without the `sha256:` prefix.
            pub fn hex(&self) -> String {
                hex::encode(self.0)
            }

            /// Reads 64 lower-case hex digits.
            pub fn from_hex(text: &str) -> Result<Self, Error> {
                let error = || Error { text: text.chars().take(100).collect() };
                if text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(error());
                }
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| error())?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", self.hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}..)", stringify!($name), &self.hex()[..12])
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                let hex = text
                    .strip_prefix("sha256:")
                    .ok_or_else(|| Error { text: text.chars().take(100).collect() })?;
                Self::from_hex(hex)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                digest.to_string()
            }
        }
    };
}

digest_type!(
    /// The digest of one file's bytes.
    FileDigest
);
digest_type!(
    /// The content hash of a skill: paths and bytes of its payload (`docs/formats/content.md`). Permissions are
    /// left out, so that a copy without them still counts as the same content.
    ContentHash
);
digest_type!(
    /// The content hash with the line ends of texts folded: what drift compares (decision 7). Where no text has CRLF
    /// the two are the same bytes.
    DriftHash
);

impl From<ContentHash> for DriftHash {
    /// The drift hash of a content whose texts have no CRLF.
    fn from(hash: ContentHash) -> Self {
        Self(hash.0)
    }
}

digest_type!(
    /// Names a tree exactly, executable bits included: the key of a version in the object store and of a rendered
    /// tree. Never shown to users, never compared with a content hash.
    TreeId
);

digest_type!(
    /// The digest of a tarball as it travels (`docs/formats/archive.md`). Never compared with a content hash.
    ArchiveDigest
);
digest_type!(
    /// The digest of a signed document as it travels, signatures included (`docs/formats/envelope.md`).
    EnvelopeDigest
);
digest_type!(
    /// The digest of the bytes that were signed, without the envelope around them.
    PayloadDigest
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_text_form() {
        let digest = FileDigest::of(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<FileDigest>().unwrap(), digest);
        for bad in ["", "sha256:", &text[7..], &text.to_uppercase(), &text[..70], &format!("{text}0")] {
            assert!(bad.parse::<FileDigest>().is_err(), "{bad}");
        }
    }
}
