//! Keys of the interface: how one is spelt, and making, listing and revoking them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::Time;
use crate::text::Audience;

/// The alphabet of ids and secrets.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "rec_live_";
const ID_CHARS: usize = 12;
const SECRET_CHARS: usize = 43;
const SUM_CHARS: usize = 6;

/// A text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not of the form.
    #[error("that is not a key of a hub: a key is written as `rec_live_ID_SECRET_SUM`")]
    Form,
    /// It is of the form, and its check sum is not that of the rest: a character was lost or changed.
    #[error("the key was copied wrongly: its last six characters do not belong to the rest")]
    Sum,
}

/// A key that a caller shows: `rec_live_<12 id>_<43 secret>_<6 check sum>`. Its `Debug` shows the id alone, and it has no
/// `Display`: see [`ApiKey::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: String,
}

impl ApiKey {
    /// The key with this id and secret, 12 and 43 characters drawn with [`ApiKey::character`]. Fails when they are not of
    /// the form.
    pub fn of(id: &str, secret: &str) -> Result<Self, Error> {
        let body = format!("{PREFIX}{id}_{secret}");
        Self::parse(&format!("{body}_{}", sum(&body)))
    }

    /// The character for one random byte; none for the bytes that would make some characters likelier than others.
    pub fn character(byte: u8) -> Option<char> {
        (byte < 248).then(|| char::from(BASE62[usize::from(byte % 62)]))
    }

    /// Reads a key. Fails when it is not of the form, or was not copied whole.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(Error::Form)?.split('_');
        for chars in [ID_CHARS, SECRET_CHARS, SUM_CHARS] {
            let part = parts.next().ok_or(Error::Form)?;
            if part.len() != chars || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(Error::Form);
            }
        }
        if parts.next().is_some() {
            return Err(Error::Form);
        }
        let (body, found) = text.rsplit_once('_').ok_or(Error::Form)?;
        if sum(body) == found { Ok(Self { text: text.to_owned() }) } else { Err(Error::Sum) }
    }

    /// What may be said of it: names it in lists and logs, opens nothing.
    pub fn id(&self) -> &str {
        &self.text[PREFIX.len()..PREFIX.len() + ID_CHARS]
    }

    /// For whom a manifest is that is asked for with this key.
    pub fn audience(&self) -> Audience {
        match Audience::parse(&format!("key:{}", self.id())) {
            Ok(audience) => audience,
            Err(rule) => unreachable!("the id of a key is alphanumeric: {rule}"),
        }
    }

    /// The key itself, for the one header it belongs into and the one file it is stored in.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id())
    }
}

/// The check sum of a key: CRC-32 in six characters. It guards against slips, not against anybody.
fn sum(body: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(body.as_bytes());
    let mut rest = crc.sum() as usize;
    let mut chars = [0_u8; SUM_CHARS];
    for char in chars.iter_mut().rev() {
        *char = BASE62[rest % 62];
        rest /= 62;
    }
    chars.into_iter().map(char::from).collect()
}

/// Asks for a new key: the body of `POST /api/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewKey {
    /// What it is for, in its owner's words.
    #[serde(default)]
    pub label: String,
    /// What it may do: `read`, `publish`, `publish:SLUG`, `admin`. None is `read`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Until when; none is the hub's choice: no end for `read`, 90 days for what may publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub expires_at: Option<Time>,
    /// The account it acts for; none is the caller's own. Another one only for `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The account's tier, for `admin` to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub tier: Option<super::skill::Tier>,
}

/// A key as it is made: the only time that it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyCreated {
    /// The key.
    pub key: String,
    /// What is known of it.
    #[serde(flatten)]
    pub info: KeyInfo,
}

/// What is known of a key. The hub does not know the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyInfo {
    /// Its id, which names it.
    pub id: String,
    /// The account it acts for.
    pub account: String,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub created_at: Time,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub expires_at: Option<Time>,
    /// When it was last used, to within a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub last_used_at: Option<Time>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub revoked_at: Option<Time>,
}

/// The answer of `GET /api/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyList {
    /// The keys of the caller's account, newest first.
    pub keys: Vec<KeyInfo>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "k8Fa21bcDEF0";
    const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789xyz";

    #[test]
    fn a_key_reads_back_and_shows_its_id_alone() {
        let key = ApiKey::of(ID, SECRET).unwrap();
        assert_eq!(ApiKey::parse(key.expose()), Ok(key.clone()));
        assert_eq!(key.audience().as_str(), "key:k8Fa21bcDEF0");
        assert_eq!(format!("{key:?}"), "ApiKey(k8Fa21bcDEF0)");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = ApiKey::of(ID, SECRET).unwrap();
        let text = key.expose();
        assert_eq!(ApiKey::parse(&text.replace("xyz", "xyZ")), Err(Error::Sum));
        for wrong in [
            "",
            "rec_live_",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}_"),
            &text.replace('k', "ü"),
        ] {
            assert_eq!(ApiKey::parse(wrong), Err(Error::Form), "{wrong}");
        }
    }

    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        (0..=255).filter_map(ApiKey::character).for_each(|c| *counts.entry(c).or_insert(0) += 1);
        assert!(counts.len() == 62 && counts.values().all(|count| *count == 4));
    }
}
