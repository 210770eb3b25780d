//! The strict JSON of signed documents: what two readers could read differently is refused. Which fields a document has
//! is left to its room.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use skillsync_core::fault::{Fault, Kind};

use crate::limits;

/// Why bytes are not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bytes than such a document may have.
    #[error("the document has {size_bytes} bytes; {limit_bytes} are allowed")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// It is not JSON, or JSON that readers disagree on, or a field is missing or wrong.
    #[error("the document does not read: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::TooLarge { .. } => Kind::Limit,
            Error::Malformed { .. } => Kind::Untrusted,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::TooLarge { .. } => "document-too-large",
            Error::Malformed { .. } => "document-malformed",
        }
    }
}

/// Reads a document of at most `limit_bytes`. Fields that `T` does not know are passed over, so that a later hub can say
/// more; but nowhere, in them neither, is a key there twice, a number anything but an integer of 0 to 2^53-1, or the
/// nesting deeper than [`limits::JSON_DEPTH`]. What `T` knows must be spelt as `T` writes it.
pub fn read<T: DeserializeOwned + Serialize>(bytes: &[u8], limit_bytes: usize) -> Result<T, Error> {
    if bytes.len() > limit_bytes {
        return Err(Error::TooLarge { size_bytes: bytes.len(), limit_bytes });
    }
    let malformed = |error: serde_json::Error| {
        // What is quoted of a hostile document is cut and escaped.
        let reason = error.to_string().chars().take(200).flat_map(char::escape_debug).collect();
        Error::Malformed { reason }
    };
    let mut whole = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut whole).map_err(malformed)?;
    whole.end().map_err(malformed)?;
    let document = T::deserialize(&value).map_err(malformed)?;
    let written = serde_json::to_value(&document).map_err(malformed)?;
    if !says(&value, &written) {
        return Err(Error::Malformed { reason: "a field has another form than it is written in".to_owned() });
    }
    Ok(document)
}

/// Whether `value` says what `written` says, apart from fields that `written` does not have, and from its own that were
/// left out. Serde, for one, reads a list where an object belongs.
fn says(value: &Value, written: &Value) -> bool {
    match (value, written) {
        (Value::Object(value), Value::Object(written)) => {
            written.iter().all(|(key, inner)| value.get(key).is_none_or(|said| says(said, inner)))
        }
        (Value::Array(value), Value::Array(written)) => {
            value.len() == written.len() && value.iter().zip(written).all(|(said, inner)| says(said, inner))
        }
        (value, written) => value == written,
    }
}

/// The text of a document: one line, keys in the order of the type's fields.
pub fn write<T: Serialize>(document: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(document).map_err(|error| Error::Malformed { reason: error.to_string() })
}

/// Reads a value, and refuses what readers disagree on.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Strict, E> {
        if self.depth == limits::JSON_DEPTH {
            return Err(E::custom(format!("nested deeper than {} levels", limits::JSON_DEPTH)));
        }
        Ok(Strict { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list, an object, true, false, null or an integer of 0 to 2^53-1")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        if number > limits::JSON_INTEGER {
            return Err(E::custom("an integer is larger than 2^53-1"));
        }
        Ok(number.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.deeper()?)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let value = object.next_value_seed(self.deeper()?)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!("the key `{key}` is there twice")));
            }
        }
        Ok(values.into())
    }
}

/// A moment in a document: RFC 3339 in UTC with `Z` and whole seconds, `2026-11-20T09:30:00Z`, and no other spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(Timestamp);

impl Time {
    /// The moment, its fraction of a second cut off.
    pub fn of(at: Timestamp) -> Self {
        Self(Timestamp::from_second(at.as_second()).unwrap_or(at))
    }

    /// The moment.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// How many seconds it is after `earlier`; 0 when it is not.
    pub fn seconds_since(self, earlier: Time) -> u64 {
        u64::try_from(self.0.as_second().saturating_sub(earlier.0.as_second())).unwrap_or(0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Time {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "a time is written as `2026-11-20T09:30:00Z`".to_owned();
        let at: Timestamp = text.parse().map_err(|_| error())?;
        let time = Time::of(at);
        // One spelling: no offset, no fraction, no lower case, no leap second.
        if time.to_string() == text && text.len() == 20 { Ok(time) } else { Err(error()) }
    }
}

impl TryFrom<String> for Time {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> String {
        time.to_string()
    }
}

/// Digests of fields called `sha256`: 64 lower-case hex digits without the prefix that digests have elsewhere.
pub mod bare {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, Error, FileDigest, PayloadDigest};

    /// A digest that can stand as bare hex.
    pub trait Bare: Sized {
        /// 64 lower-case hex digits.
        fn to_hex(&self) -> String;
        /// Reads 64 lower-case hex digits.
        fn of_hex(text: &str) -> Result<Self, Error>;
    }

    macro_rules! bare {
        ($($digest:ident),*) => {$(
            impl Bare for $digest {
                fn to_hex(&self) -> String {
                    self.hex()
                }
                fn of_hex(text: &str) -> Result<Self, Error> {
                    Self::from_hex(text)
                }
            }
        )*};
    }
    bare!(ArchiveDigest, EnvelopeDigest, FileDigest, PayloadDigest);

    /// Writes bare hex.
    pub fn serialize<T: Bare, S: Serializer>(digest: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.to_hex())
    }

    /// Reads bare hex.
    pub fn deserialize<'de, T: Bare, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::of_hex(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: u64,
        at: Option<Time>,
    }

    fn nested(depth: usize) -> String {
        format!(r#"{{"x":1,"y":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
    }

    #[test]
    fn only_what_every_reader_reads_alike_is_read() {
        for good in [
            r#"{"x":1}"#,
            " {\n\"x\" : 1 }\t\r\n",
            r#"{"x":1,"unknown":{"deep":[true,false,null,"\u00e9\ud83d\ude00",9007199254740991]}}"#,
            r#"{"x":1,"a":{"k":1},"b":{"k":1}}"#,
            &nested(16),
        ] {
            assert_eq!(read::<Point>(good.as_bytes(), 200), Ok(Point { x: 1, at: None }), "{good}");
        }
        for bad in [
            "",
            "1",
            "[]",
            "{}",
            "[1,null]",
            r#"{"x":1"#,
            r#"{"x":1}{"x":1}"#,
            r#"{"x":1} x"#,
            r#"{"x":1,}"#,
            r#"{'x':1}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"x":1,"\u0078":1}"#,
            r#"{"x":1,"y":{"k":1,"k":1}}"#,
            r#"{"x":1,"y":[[{"k":1,"j":2,"k":1}]]}"#,
            r#"{"x":1,"y":1.0}"#,
            r#"{"x":1,"y":1e3}"#,
            r#"{"x":1,"y":-1}"#,
            r#"{"x":1,"y":-0}"#,
            r#"{"x":1,"y":01}"#,
            r#"{"x":1,"y":+1}"#,
            r#"{"x":1,"y":9007199254740992}"#,
            r#"{"x":1,"y":18446744073709551616}"#,
            r#"{"x":1,"y":1e400}"#,
            r#"{"x":1,"y":NaN}"#,
            r#"{"x":9007199254740992}"#,
            r#"{"x":1.0}"#,
            r#"{"x":"1"}"#,
            r#"{"x":null}"#,
            r#"{"x":1,"y":"\ud800"}"#,
            r#"{"x":1,"y":"\q"}"#,
            "{\"x\":1,\"y\":\"a\nb\"}",
            "\u{feff}{\"x\":1}",
            "{\"x\":1}\0",
            "/* */{\"x\":1}",
            &nested(17),
        ] {
            let error = read::<Point>(bad.as_bytes(), 200).unwrap_err();
            assert_eq!(error.code(), "document-malformed", "{bad}");
        }
        assert!(read::<Point>(b"{\"x\":1,\"y\":\"\xff\"}", 200).is_err(), "bytes that are no UTF-8");
        assert_eq!(read::<Point>(br#"{"x":1}"#, 6), Err(Error::TooLarge { size_bytes: 7, limit_bytes: 6 }));
        let endless = "[".repeat(100_000);
        assert!(read::<Point>(endless.as_bytes(), 200_000).is_err());
    }

    #[test]
    fn a_time_has_one_spelling() {
        for good in ["2026-11-20T09:30:00Z", "1970-01-01T00:00:00Z", "2028-02-29T23:59:59Z"] {
            assert_eq!(good.parse::<Time>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "2026-11-20",
            "2026-11-20T09:30Z",
            "2026-11-20T09:30:00",
            "2026-11-20T09:30:00z",
            "2026-11-20t09:30:00Z",
            "2026-11-20 09:30:00Z",
            "2026-11-20T09:30:00.0Z",
            "2026-11-20T09:30:00.5Z",
            "2026-11-20T09:30:00+00:00",
            "2026-11-20T09:30:00+01:00",
            "2026-11-20T09:30:00Z[UTC]",
            "2026-11-20T09:30:60Z",
            "2026-11-20T24:00:00Z",
            "2027-02-29T00:00:00Z",
            "20261120T093000Z",
            "-000001-11-20T09:30:00Z",
            "+2026-11-20T09:30:00Z",
            " 2026-11-20T09:30:00Z",
            "1795167000",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
        let (early, late): (Time, Time) =
            ("2026-11-20T09:30:00Z".parse().unwrap(), "2026-11-21T09:30:01Z".parse().unwrap());
        assert_eq!((late.seconds_since(early), early.seconds_since(late)), (86_401, 0));
    }
}
