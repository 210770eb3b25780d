//! Names that are valid by construction: of skills, of targets and of sources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind};
use crate::limits;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{}` {problem}", shown(.text))]
pub struct Error {
    what: &'static str,
    text: String,
    problem: &'static str,
}

/// A hostile name must not flood or garble the terminal.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().count() > 80 { format!("{short}...") } else { short }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "name-invalid"
    }
    fn hint(&self) -> Option<String> {
        Some(match suggestion(&self.text) {
            Some(name) => format!("1 to 64 of `a-z`, `0-9` and single hyphens, for example `{name}`"),
            None => "1 to 64 of `a-z`, `0-9` and single hyphens, for example `pdf-tools`".to_owned(),
        })
    }
}

/// The rule of the Agent Skills specification for `name`: 1-64 of `a-z0-9-`, no leading, trailing or double hyphen.
fn problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > limits::NAME_BYTES {
        Some("is longer than 64 characters")
    } else if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        Some("has a character other than a-z, 0-9 and hyphen")
    } else if text.starts_with('-') || text.ends_with('-') {
        Some("begins or ends with a hyphen")
    } else if text.contains("--") {
        Some("has two hyphens in a row")
    } else {
        None
    }
}

/// The nearest valid name to `text`, if anything of it can be kept.
pub fn suggestion(text: &str) -> Option<SkillName> {
    let mut name = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(limits::NAME_BYTES);
    SkillName::parse(name.trim_end_matches('-')).ok()
}

/// `NAME-2` for a name that is taken, cut where it would be too long.
pub fn numbered(name: &str, number: u32) -> String {
    let number = format!("-{number}");
    let room = name.len().min(limits::NAME_BYTES.saturating_sub(number.len()));
    format!("{}{number}", name[..room].trim_end_matches('-'))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` against the rule. Fails with what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, Error> {
                match problem(text) {
                    None => Ok(Self(text.to_owned())),
                    Some(problem) => Err(Error { what: $what, text: text.to_owned(), problem }),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name_type!(
    /// The name of a skill: its folder's name everywhere, and `name` in its frontmatter (Agent Skills specification).
    SkillName,
    "skill name"
);
name_type!(
    /// The id of a target in `config.toml`: a tool's id, `path-1`, `claude-code-project`.
    TargetId,
    "target id"
);
name_type!(
    /// The name of a source in `config.toml`, and of its folder: `hub`, `team-skills`.
    SourceName,
    "source name"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_specification() {
        for good in ["a", "pdf", "a-b-c", "0", "x9-9", &"a".repeat(64)] {
            assert!(SkillName::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "-a", "a-", "a--b", "A", "a_b", "../a", "a/b", "é", "a b", ".", "..", "a\n", &"a".repeat(65)]
        {
            assert!(SkillName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_numbered_name_is_a_name() {
        assert_eq!(numbered("hub", 2), "hub-2");
        for name in ["a".repeat(64), format!("{}-b", "a".repeat(61))] {
            assert!(SkillName::parse(&numbered(&name, 10)).is_ok(), "{}", numbered(&name, 10));
        }
    }

    #[test]
    fn a_bad_name_is_shown_escaped_and_short() {
        let error = SkillName::parse(&format!("\u{1b}[31m{}", "x".repeat(500))).unwrap_err();
        let text = error.to_string();
        assert!(!text.contains('\u{1b}') && text.len() < 200, "{text}");
    }

    #[test]
    fn a_near_name_is_suggested() {
        assert_eq!(suggestion("My PDF_Tools!").unwrap().as_str(), "my-pdf-tools");
        assert_eq!(suggestion("///"), None);
    }
}
