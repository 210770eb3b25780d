//! The envelope of a manifest cut in three: what is its own before and after, and between them the list of skills, which
//! callers who see the same have in common. The hub keeps a list once, in its database and in memory, whatever the number
//! of its callers; put together the pieces are the envelope, byte for byte.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::limits;

/// What stands before the list in the payload of a manifest, and what after it. Neither can stand within a text of JSON,
/// whose quotes are escaped, and no object within a manifest has these fields.
const LIST_FROM: &[u8] = b"\"skills\":[";
const LIST_TO: &[u8] = b"],\"removed\":[";
/// What stands before the payload in an envelope.
const PAYLOAD_FROM: &[u8] = b"\"payload\":\"";

/// Names a list by the SHA-256 of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListDigest([u8; 32]);

impl ListDigest {
    /// The digest of a list.
    pub fn of(list: &[u8]) -> Self {
        Self(Sha256::digest(list).into())
    }

    /// The digest that these bytes are.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// An envelope without its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// What comes before the list.
    pub head: Bytes,
    /// Which list comes between; none where the list is too short to be worth it, and is part of the head.
    pub list: Option<ListDigest>,
    /// What comes after it.
    pub tail: Bytes,
}

impl Pieces {
    /// An envelope that has no list to share.
    pub fn whole(envelope: impl Into<Bytes>) -> Self {
        Self { head: envelope.into(), list: None, tail: Bytes::new() }
    }

    /// The envelope of a manifest with this payload, and its list apart.
    pub(super) fn cut(envelope: Vec<u8>, payload: &[u8]) -> (Self, Option<Bytes>) {
        let Some((from, to)) = list_in(&envelope, payload) else { return (Self::whole(envelope), None) };
        let envelope = Bytes::from(envelope);
        // A copy of each: a slice would keep the whole envelope for as long as a piece of it.
        let copy = |piece: &[u8]| Bytes::copy_from_slice(piece);
        let list = copy(&envelope[from..to]);
        let pieces = Self {
            head: copy(&envelope[..from]),
            list: Some(ListDigest::of(&list)),
            tail: copy(&envelope[to..]),
        };
        (pieces, Some(list))
    }
}

/// From where to where the list stands in the envelope: the whole groups of base64, three bytes in four letters, that hold
/// nothing but it.
fn list_in(envelope: &[u8], payload: &[u8]) -> Option<(usize, usize)> {
    let from = position(payload, LIST_FROM)? + LIST_FROM.len();
    let to = payload.len() - position_from_end(payload, LIST_TO)?;
    let (from, to) = (from.div_ceil(3), to / 3);
    let start = position(envelope, PAYLOAD_FROM)? + PAYLOAD_FROM.len();
    let is_long = to.checked_sub(from)? * 4 >= limits::SHARED_LIST_BYTES;
    is_long.then_some((start + from * 4, start + to * 4))
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|found| found == wanted)
}

/// How far from the end of `text` its last `wanted` begins.
fn position_from_end(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).rev().position(|found| found == wanted).map(|behind| behind + wanted.len())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn envelope(before: &str, list: &str, after: &str) -> (Vec<u8>, Vec<u8>) {
        let payload =
            format!("{{\"aud\":\"{before}\",\"skills\":[{list}],\"removed\":[{after}]}}").into_bytes();
        let text = format!(
            "{{\"payloadType\":\"t\",\"payload\":\"{}\",\"signatures\":[]}}",
            STANDARD.encode(&payload)
        );
        (text.into_bytes(), payload)
    }

    #[test]
    fn pieces_are_the_envelope_and_callers_who_see_the_same_share_a_list() {
        let long = "{\"slug\":\"pdf\"},".repeat(500);
        let mut lists = std::collections::HashSet::new();
        for before in ["a", "ab", "abc", "abcd", "abcde", "abcdef"] {
            for after in ["", "{\"slug\":\"csv\"}", "x", "],\\\"removed\\\":["] {
                let (text, payload) = envelope(before, &long, after);
                let (pieces, list) = Pieces::cut(text.clone(), &payload);
                let list = list.expect("a long list is shared");
                assert_eq!(pieces.list, Some(ListDigest::of(&list)));
                assert_eq!([&pieces.head[..], &list, &pieces.tail].concat(), text, "{before} {after}");
                assert!(pieces.head.len() + pieces.tail.len() < 300, "{before} {after}");
                lists.insert(pieces.list);
            }
        }
        assert_eq!(lists.len(), 3, "one for each way in which three bytes can begin");
    }

    #[test]
    fn what_has_no_long_list_stays_whole() {
        let (text, payload) = envelope("a", "{\"slug\":\"pdf\"}", "");
        assert_eq!(Pieces::cut(text.clone(), &payload), (Pieces::whole(text), None));
        for (text, payload) in [("", ""), ("{\"payload\":\"\"}", "{}"), ("x", "\"skills\":[],\"removed\":[")]
        {
            let (pieces, list) = Pieces::cut(text.as_bytes().to_vec(), payload.as_bytes());
            assert_eq!((pieces, list), (Pieces::whole(text.as_bytes().to_vec()), None));
        }
    }
}
