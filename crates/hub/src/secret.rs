//! What must not be shown, and where it comes from: hidden texts, random bytes, new keys of the interface.

use std::fmt;

use sha2::{Digest as _, Sha256};
use skillsync_wire::api::key::ApiKey;
use subtle::ConstantTimeEq as _;

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct Error(#[source] getrandom::Error);

impl skillsync_core::fault::Fault for Error {
    fn kind(&self) -> skillsync_core::fault::Kind {
        skillsync_core::fault::Kind::Io
    }
    fn code(&self) -> &'static str {
        "io-error"
    }
}

/// A value that is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl std::str::FromStr for Secret<String> {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Random bytes, of which keys are made.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error)?;
    Ok(bytes)
}

/// A new key of the interface.
pub fn api_key() -> Result<ApiKey, Error> {
    loop {
        // Of 64 bytes three are passed over on average; a text that is too short is drawn again.
        let drawn: String = random::<64>()?.into_iter().filter_map(ApiKey::character).take(55).collect();
        if drawn.len() == 55
            && let Ok(key) = ApiKey::of(&drawn[..12], &drawn[12..])
        {
            return Ok(key);
        }
    }
}

/// What the hub keeps of a key: the SHA-256 of its text. A secret of 256 random bits needs no slower hash.
pub fn key_hash(key: &ApiKey) -> [u8; 32] {
    Sha256::digest(key.expose().as_bytes()).into()
}

/// Whether two hashes are one, in a time that does not tell how much of them agrees.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_show_only_their_id() {
        let (one, other) = (api_key().unwrap(), api_key().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(ApiKey::parse(one.expose()).unwrap().id(), one.id());
        assert!(same(&key_hash(&one), &key_hash(&one)) && !same(&key_hash(&one), &key_hash(&other)));
        assert!(!same(b"", &key_hash(&one)));
        assert_eq!(format!("{:?}", Secret::new("hidden")), "(secret)");
    }
}
