//! Reads the YAML frontmatter of a `SKILL.md`, as leniently as agents load it; `check` holds the strict rules and
//! `write` composes and renames. What stands in the rest of the skill is left to others.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::fault::Fault as _;
use crate::limits;
use crate::name::SkillName;

mod check;
mod error;
mod fence;
mod write;
mod yaml;

pub use check::check;
pub use error::{Encoding, Error};
pub use write::{compose, with_name};

/// The byte order mark that some editors put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Breaks a rule of the Agent Skills specification.
    Error,
    /// Works, but something should be better.
    Warning,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Stable identifier in kebab-case.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// Where in the file, from 1.
    pub line: Option<usize>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<&Error> for Finding {
    fn from(error: &Error) -> Self {
        Finding {
            severity: Severity::Error,
            code: error.code(),
            message: error.to_string(),
            line: error.line(),
            hint: error.hint(),
        }
    }
}

/// A `SKILL.md` that could be read: its frontmatter, and where its instructions begin.
#[derive(Debug, Clone, PartialEq)]
pub struct SkillMd {
    /// All fields, known and unknown. Numbers in text fields and in `metadata` are kept as they are written
    /// (`1.10` stays `1.10`).
    pub fields: Map<String, Value>,
    /// Offset of the first byte after the closing `---` line.
    pub body_offset: usize,
    /// What was read more leniently than the specification allows.
    pub warnings: Vec<Finding>,
}

impl SkillMd {
    fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The `name` field, trimmed; `None` when it is missing, blank or not text. It may break the rule for names.
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// The `description` field, trimmed; `None` when it is missing, blank or not text.
    pub fn description(&self) -> Option<&str> {
        self.text("description")
    }

    /// The `license` field, trimmed; `None` when it is missing, blank or not text.
    pub fn license(&self) -> Option<&str> {
        self.text("license")
    }

    /// The `compatibility` field, trimmed; `None` when it is missing, blank or not text.
    pub fn compatibility(&self) -> Option<&str> {
        self.text("compatibility")
    }
}

/// Reads the frontmatter of `bytes`, a whole `SKILL.md`, as agents load it: a byte order mark, CRLF, unknown fields
/// and an unquoted `: ` in a value are accepted, the first and the last with a warning.
///
/// Fails when an agent could not load it either; the error tells the line.
pub fn parse(bytes: &[u8]) -> Result<SkillMd, Error> {
    let size_bytes = bytes.len() as u64;
    if size_bytes > limits::SKILL_MD_BYTES {
        return Err(Error::TooLarge { size_bytes });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    let fence = fence::find(text)?;
    let (fields, unquoted) = yaml::read(&text[fence.yaml.clone()])?;

    let mut warnings = Vec::new();
    if bytes.starts_with(BOM) {
        warnings.push(Finding {
            severity: Severity::Warning,
            code: "byte-order-mark",
            message: "the file begins with a byte order mark".to_owned(),
            line: Some(1),
            hint: Some("save it as UTF-8 without BOM: some agents do not see the frontmatter".to_owned()),
        });
    }
    warnings.extend(unquoted.into_iter().map(|yaml::Unquoted { field, line }| Finding {
        severity: Severity::Warning,
        code: "yaml-unquoted-value",
        message: format!("the value of `{field}` is not valid YAML without quotes; it was read as if quoted"),
        line: Some(line),
        hint: Some("put the value in double quotes".to_owned()),
    }));
    Ok(SkillMd { fields, body_offset: fence.body, warnings })
}

fn not_utf8(bytes: &[u8], offset: usize) -> Error {
    let line = 1 + bytes[..offset].iter().filter(|&&b| b == b'\n').count();
    let guess = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        Encoding::Utf16
    } else if bytes.utf8_chunks().all(|chunk| looks_latin(chunk.invalid())) && !bytes.contains(&0) {
        Encoding::Latin1
    } else {
        Encoding::Unknown
    };
    Error::NotUtf8 { offset, line, guess }
}

/// Letters with marks and typographic quotes stand alone in Latin-1 text, so each bad chunk is one such byte.
fn looks_latin(invalid: &[u8]) -> bool {
    matches!(invalid, [] | [0x91..=0x97 | 0xa0..=0xff])
}

/// Whether an agent can load the skill: it has a description, and a usable name or none (then the folder's counts).
pub fn loadable(skill_md: &SkillMd) -> bool {
    let name_is_usable = match skill_md.fields.get("name") {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty() || SkillName::parse(text.trim()).is_ok(),
        Some(_) => false,
    };
    skill_md.description().is_some() && name_is_usable
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(yaml: &str) -> Value {
        Value::Object(parse(format!("---\n{yaml}\n---\n").as_bytes()).unwrap().fields)
    }

    #[test]
    fn the_frontmatter_ends_at_a_whole_line() {
        let text = "---\nname: a\ndescription: |\n  one --- two\n  ---\n  three\n--- \t\nbody\n---\n";
        let skill = parse(text.as_bytes()).unwrap();
        assert_eq!(skill.description(), Some("one --- two\n---\nthree"));
        assert_eq!(&text[skill.body_offset..], "body\n---\n");
        for (text, body) in [
            ("---\r\nname: a\r\n---\r\nbody", "body"),
            ("\u{feff}---\nname: a\n---", ""),
            ("---\n---\nx", "x"),
            ("---\n# only a comment\n---\n", ""),
        ] {
            let skill = parse(text.as_bytes()).unwrap();
            assert_eq!(&text[skill.body_offset..], body, "{text:?}");
            assert_eq!(skill.name().is_some(), text.contains("name"));
            assert_eq!(skill.warnings.len(), usize::from(text.starts_with('\u{feff}')));
        }
    }

    #[test]
    fn what_cannot_be_loaded_is_named_with_its_line() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &('b'..='z')
                .map(|c| {
                    let p = (c as u8 - 1) as char;
                    format!("{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n")
                })
                .collect::<String>();
        let cases: Vec<(Vec<u8>, &str, Option<usize>)> = vec![
            (b"# Title\n---\nname: a\n---\n".to_vec(), "frontmatter-missing", Some(1)),
            (b"".to_vec(), "frontmatter-missing", Some(1)),
            (b"\n---\nname: a\n---\n".to_vec(), "frontmatter-missing", Some(1)),
            (b"----\nname: a\n---\n".to_vec(), "frontmatter-missing", Some(1)),
            (b"---\nname: a --- b\n --- \nx---\n".to_vec(), "frontmatter-not-closed", Some(1)),
            (b"---\nname: a\ndescription: \"x\n---\n".to_vec(), "frontmatter-not-yaml", Some(3)),
            (b"---\nname: a\nb: [1, 2\n---\n".to_vec(), "frontmatter-not-yaml", Some(3)),
            (b"---\n- a\n- b\n---\n".to_vec(), "frontmatter-not-mapping", Some(2)),
            (b"---\njust text\n---\n".to_vec(), "frontmatter-not-mapping", Some(2)),
            (b"---\nname: a\nx: 1\nname: b\n---\n".to_vec(), "frontmatter-duplicate-field", Some(4)),
            (format!("---\n{bomb}---\n").into_bytes(), "frontmatter-too-complex", Some(2)),
            (
                format!("---\na: {}{}\n---\n", "[".repeat(40), "]".repeat(40)).into_bytes(),
                "frontmatter-too-complex",
                Some(2),
            ),
            (format!("---\na: {}\n---\n", "x".repeat(70_000)).into_bytes(), "frontmatter-too-large", None),
            (format!("---\na: {}", "x".repeat(70_000)).into_bytes(), "frontmatter-too-large", None),
            (vec![b'x'; 2 << 20], "skill-md-too-large", None),
            (b"---\nname: caf\xe9\n---\n".to_vec(), "skill-md-not-utf8", Some(2)),
        ];
        for (bytes, code, line) in cases {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
            let error = parse(&bytes).expect_err(&shown);
            assert_eq!((error.code(), error.line()), (code, line), "{shown:?}: {error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn another_encoding_is_guessed() {
        for (bytes, expected) in [
            (&b"---\nname: a\ndescription: na\xefve caf\xe9 \x93quoted\x94\n---\n"[..], Encoding::Latin1),
            (b"\xff\xfe-\0-\0", Encoding::Utf16),
            (b"---\n\xc3\x28\x81\n", Encoding::Unknown),
        ] {
            let Err(Error::NotUtf8 { guess, .. }) = parse(bytes) else { panic!("{bytes:?}") };
            assert_eq!(guess, expected, "{bytes:?}");
        }
    }

    #[test]
    fn values_are_kept_as_they_are_written() {
        assert_eq!(
            fields(
                "name: 123\ndescription: no\nversion: 1.10\nmetadata:\n  version: 1.10\n  n: 0x1F\n  deep:\n    v: 2.0\n  \
                 list: [1.0, yes]\n  on: true\nmax-turns: 5\nflag: yes\nnan: .nan\nnull-value:\npaths: [a, b]"
            ),
            json!({
                "name": "123", "description": "no", "version": "1.10",
                "metadata": {"version": "1.10", "n": "0x1F", "deep": {"v": "2.0"}, "list": ["1.0", "yes"], "on": true},
                "max-turns": 5, "flag": "yes", "nan": ".nan", "null-value": null, "paths": ["a", "b"],
            })
        );
    }

    #[test]
    fn a_colon_in_a_value_is_read_as_text() {
        for (yaml, description) in [
            ("description: Use when: the user asks", "Use when: the user asks"),
            ("description: it's so: \"yes\"\nmetadata:\n  a: b", "it's so: \"yes\""),
            (
                "description: Use when: one\n  and: two\n  three\nuser-invocable: true",
                "Use when: one and: two three",
            ),
            ("description: @here does `x`", "@here does `x`"),
            ("description: [beta] Makes things", "[beta] Makes things"),
            ("description: \"PDF\" tools: all", "\"PDF\" tools: all"),
            ("description: ends with:", "ends with:"),
            ("description: a: b\npaths: [x, y]", "a: b"),
            ("description: a: b\nlicense: MIT # note: short", "a: b"),
        ] {
            let text = format!("---\nname: a\n{yaml}\n---\n");
            let skill = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{yaml}: {e}"));
            assert_eq!(skill.description(), Some(description), "{yaml}");
            let told: Vec<_> = skill.warnings.iter().map(|w| (w.code, w.line)).collect();
            assert_eq!(told, [("yaml-unquoted-value", Some(3))], "{yaml}");
            assert!(skill.warnings[0].message.contains("`description`"), "{yaml}");
        }
        let skill = parse(b"---\ndescription: a: b\npaths: [x, y]\nok: true # or: not\n---\n").unwrap();
        assert_eq!(skill.fields["paths"], json!(["x", "y"]));
        assert_eq!(skill.fields["ok"], json!(true));
    }

    #[test]
    fn loading_asks_for_a_description_and_a_usable_name() {
        for (yaml, expected) in [
            ("name: a\ndescription: b", true),
            ("description: b", true),
            ("name:\ndescription: b", true),
            ("name: A B\ndescription: b", false),
            ("name: [a]\ndescription: b", false),
            ("name: a", false),
            ("name: a\ndescription: ' '", false),
            ("name: a\ndescription: [b]", false),
        ] {
            let skill = parse(format!("---\n{yaml}\n---\n").as_bytes()).unwrap();
            assert_eq!(loadable(&skill), expected, "{yaml}");
        }
    }
}
