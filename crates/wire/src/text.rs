//! The small texts of documents, valid by construction: hubs, audiences, bundles, versions of a format, free text.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $rule:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` against the rule. Fails with the rule.
            pub fn parse(text: &str) -> Result<Self, String> {
                match $rule(text) {
                    None => Ok(Self(text.to_owned())),
                    Some(rule) => Err(rule.to_owned()),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }
    };
}

text_type!(
    /// The identity of a hub: an origin, `https://hub.example`, as every document of it says it. It is compared and never
    /// fetched from: where a hub is reached stands in the configuration.
    Hub,
    hub_rule
);
text_type!(
    /// For whom a manifest is: a word, a colon and an id, `key:k_8f3a21`.
    Audience,
    audience_rule
);
text_type!(
    /// The id of a bundle: `b_12`.
    BundleId,
    id_rule
);
text_type!(
    /// Who publishes a skill: `acme`.
    Owner,
    id_rule
);
text_type!(
    /// A text for people, or for a program that knows it: one line, nothing in it that hides what it says.
    Line,
    line_rule
);

fn hub_rule(text: &str) -> Option<&'static str> {
    let rule = Some("a hub is written as `https://hub.example` or `https://hub.example:8443`, in lower case");
    let Some(origin) = text.strip_prefix("https://").filter(|_| text.len() <= limits::TEXT_BYTES) else {
        return rule;
    };
    let (host, port) = match origin.split_once(':') {
        None => (origin, None),
        Some((host, port)) => (host, Some(port)),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let port_is_good = match port {
        None => true,
        // The default is not written, so that there is one spelling.
        Some(port) => port.parse::<u16>().is_ok_and(|n| n != 0 && n != 443 && n.to_string() == port),
    };
    if host.split('.').all(label) && port_is_good { None } else { rule }
}

fn is_id(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.len() <= limits::ID_BYTES && text.bytes().all(inner)
}

fn id_rule(text: &str) -> Option<&'static str> {
    if is_id(text) { None } else { Some("an id is 1 to 128 of `a-z`, `A-Z`, `0-9`, `_` and `-`") }
}

fn audience_rule(text: &str) -> Option<&'static str> {
    let good = text.split_once(':').is_some_and(|(kind, id)| {
        !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase()) && is_id(id)
    });
    if good && text.len() <= limits::ID_BYTES {
        None
    } else {
        Some("an audience is written as `key:k_8f3a21`")
    }
}

fn line_rule(text: &str) -> Option<&'static str> {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}'
                | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    if text.trim().is_empty() || text.len() > limits::TEXT_BYTES || text.chars().any(hides) {
        return Some("a text is one line of 1 to 256 bytes without control or invisible characters");
    }
    None
}

/// The version of a document's format, `1.0`. The minor number may grow; what is new then can be passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Spec {
    major: u32,
    minor: u32,
}

impl Spec {
    /// What this crate writes.
    pub const CURRENT: Spec = Spec { major: 1, minor: 0 };

    /// Whether this crate can read such a document.
    pub fn is_readable(self) -> bool {
        self.major == Self::CURRENT.major
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl TryFrom<String> for Spec {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text
            .split_once('.')
            .and_then(|(major, minor)| Some(Spec { major: major.parse().ok()?, minor: minor.parse().ok()? }));
        parsed.filter(|spec| spec.to_string() == text).ok_or("a `spec` is written as `1.0`".to_owned())
    }
}

impl From<Spec> for String {
    fn from(spec: Spec) -> String {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T, E>(parse: impl Fn(&str) -> Result<T, E>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(parse(text).is_ok(), "refused: {text}");
        }
        for text in bad {
            assert!(parse(text).is_err(), "accepted: {text}");
        }
    }

    #[test]
    fn texts_keep_their_rules() {
        let long = "x".repeat(257);
        check(
            Hub::parse,
            &["https://hub.example", "https://hub.example:8443", "https://localhost", "https://10.0.0.1:80"],
            &[
                "",
                "hub.example",
                "http://hub.example",
                "HTTPS://hub.example",
                "https://Hub.example",
                "https://hub.example/",
                "https://hub.example/a",
                "https://hub.example:443",
                "https://hub.example:0",
                "https://hub.example:08443",
                "https://hub.example:",
                "https://hub..example",
                "https://-hub.example",
                "https://u@hub.example",
                "https://hub.example?",
                "https://",
                &format!("https://{long}"),
            ],
        );
        check(
            Audience::parse,
            &["key:k_8f3a21", "fleet:a-1"],
            &["", "key", ":k", "key:", "Key:k", "key:k:1", "key:k 1", &format!("key:{long}")],
        );
        check(BundleId::parse, &["b_12"], &["", "b 12", "b/12", "é", &long]);
        check(
            Line::parse,
            &["malware", "api.example.com:443", "$WORK", "été"],
            &["", " ", "a\nb", "a\u{7f}", "a\u{202e}b", "a\u{e0041}", "a\u{feff}", &long],
        );
        check(
            |text| Spec::try_from(text.to_owned()),
            &["1.0", "1.12", "2.0"],
            &["", "1", "1.", ".0", "1.0.0", "01.0", "+1.0", "1.00", "v1.0", "4294967296.0"],
        );
        assert!(Spec { major: 1, minor: 7 }.is_readable() && !Spec { major: 2, minor: 0 }.is_readable());
    }
}
