//! A path inside a skill that every system can hold: relative, no `..`, portable characters, bounded.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::fault::{Fault, Kind};
use crate::limits;

/// Why a text is not a path inside a skill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path `{}` {problem}", shown(.text))]
pub struct Error {
    text: String,
    problem: Cow<'static, str>,
}

impl Error {
    /// For paths that are not even text: `lossy` is what can be shown of it.
    pub fn not_utf8(lossy: &str) -> Self {
        Self { text: lossy.to_owned(), problem: Cow::Borrowed("is not valid UTF-8") }
    }
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    if text.chars().count() > 120 { format!("{short}...") } else { short }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "path-invalid"
    }
    fn hint(&self) -> Option<String> {
        Some(format!(
            "rename it so that every system can hold it: at most {} bytes, {} between two slashes, {} levels; no \
             \\ < > : \" | ? * or control character, no dot or space at the end, no name that Windows reserves",
            limits::PATH_BYTES,
            limits::COMPONENT_BYTES,
            limits::PATH_DEPTH,
        ))
    }
}

/// A path of a file inside a skill: `/` between components, valid and portable by construction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SkillPath(String);

impl SkillPath {
    /// Checks `text`. The rules and their reasons are in `docs/formats/content.md`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match problem(text) {
            None => Ok(Self(text.to_owned())),
            Some(problem) => Err(Error { text: text.to_owned(), problem }),
        }
    }

    /// The path as text, with `/` separators.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two paths must differ in to live side by side on a file system that ignores case.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// The folders above this path, outermost first: `a/b/c` gives `a`, `a/b`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

/// Case folding of a component or path: upper then lower covers what one alone misses (`ß`, final sigma).
pub fn fold(text: &str) -> String {
    // Nearly every path: the general way costs some microseconds each, thousands of times a sync.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().collect::<String>().to_uppercase().to_lowercase().nfc().collect()
}

impl fmt::Display for SkillPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for SkillPath {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<SkillPath> for String {
    fn from(path: SkillPath) -> String {
        path.0
    }
}

fn problem(text: &str) -> Option<Cow<'static, str>> {
    if text.is_empty() {
        return Some("is empty".into());
    }
    if text.len() > limits::PATH_BYTES {
        return Some(format!("has {} bytes; {} are allowed", text.len(), limits::PATH_BYTES).into());
    }
    if text.starts_with('/') {
        return Some("is absolute".into());
    }
    let levels = text.split('/').count();
    if levels > limits::PATH_DEPTH {
        return Some(format!("has {levels} levels; {} are allowed", limits::PATH_DEPTH).into());
    }
    if !text.is_ascii() && !text.nfc().eq(text.chars()) {
        return Some("is not in Unicode normal form C".into());
    }
    text.split('/').find_map(component_problem)
}

fn component_problem(part: &str) -> Option<Cow<'static, str>> {
    if part.len() > limits::COMPONENT_BYTES {
        let (length, most) = (part.len(), limits::COMPONENT_BYTES);
        return Some(format!("has a component of {length} bytes; {most} are allowed").into());
    }
    unportable(part).map(Cow::Borrowed)
}

fn unportable(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("has an empty component");
    }
    if part == "." || part == ".." {
        return Some("has a `.` or `..` component");
    }
    if part.ends_with('.') || part.ends_with(' ') {
        return Some("has a component that ends with a dot or space, which Windows drops");
    }
    for c in part.chars() {
        match c {
            '\\' => return Some("has a backslash"),
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => {
                return Some("has one of <>:\"|?*, which Windows refuses");
            }
            c if c.is_control() => return Some("has a control character"),
            // These change how the name reads without being seen: bidi controls and tag characters.
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                return Some("has a bidirectional control character");
            }
            '\u{e0000}'..='\u{e007f}' => return Some("has a Unicode tag character"),
            _ => {}
        }
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    if is_windows_device(stem) {
        return Some("has a component that is a reserved name on Windows");
    }
    None
}

fn is_windows_device(stem: &str) -> bool {
    let upper = stem.to_ascii_uppercase();
    if matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let Some(rest) = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT")) else {
        return false;
    };
    let mut chars = rest.chars();
    matches!((chars.next(), chars.next()), (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_portable_or_refused() {
        for good in
            ["SKILL.md", "scripts/run.sh", ".gitignore", "a b/c", "references/ünï.md", "com/x", "CONSOLE.md"]
        {
            assert!(SkillPath::parse(good).is_ok(), "{good}");
        }
        let long = "x".repeat(101);
        let deep = "d/".repeat(16) + "f";
        let longer = format!("{}/{}/{}", "x".repeat(99), "y".repeat(99), "z");
        for bad in [
            "",
            "/a",
            "a//b",
            "./a",
            "a/../b",
            "a/",
            "..",
            "a\\b",
            "a\0",
            "a\nb",
            "nul",
            "NUL.txt",
            "com1.md",
            "LPT\u{b9}",
            "a.",
            "a ",
            "a:b",
            "what?",
            "e\u{301}.md",
            "a\u{202e}b",
            "a\u{e0041}",
            &long,
            &deep,
            &longer,
        ] {
            assert!(SkillPath::parse(bad).is_err(), "{bad:?}");
        }
        for (bad, size) in [(&long, "101 bytes; 100"), (&deep, "17 levels; 16"), (&longer, "201 bytes; 200")]
        {
            let error = SkillPath::parse(bad).unwrap_err();
            assert!(error.to_string().contains(size), "{error}");
            assert!(!error.hint().unwrap().contains(".md"), "a hint says the rule, not where it stands");
        }
    }

    #[test]
    fn folders_are_the_prefixes() {
        let path = SkillPath::parse("a/b/c.md").unwrap();
        assert_eq!(path.folders().collect::<Vec<_>>(), ["a", "a/b"]);
    }

    #[test]
    fn folding_meets_case_twins() {
        assert_eq!(fold("Straße.MD"), fold("STRASSE.md"));
        assert_eq!(fold("ΣΊΣΥΦΟΣ"), fold("σίσυφος"));
    }
}
