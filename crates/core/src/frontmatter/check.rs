//! The strict rules of the Agent Skills specification for one `SKILL.md`. Links and other files are checked elsewhere.

use serde_json::Value;

use super::{Finding, Severity, SkillMd};
use crate::fault::Fault as _;
use crate::limits;
use crate::name::SkillName;
use crate::tokens;

/// The fields of the specification.
const FIELDS: [&str; 6] = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];
/// Fields that some agents understand beyond the specification.
const VENDOR_FIELDS: [&str; 14] = [
    "when_to_use",
    "argument-hint",
    "disable-model-invocation",
    "user-invocable",
    "model",
    "effort",
    "context",
    "agent",
    "hooks",
    "paths",
    "shell",
    "disallowed-tools",
    "background",
    "targets",
];
/// Keys in `metadata` that belong to the Model Context Protocol.
const RESERVED_METADATA: &str = "io.modelcontextprotocol/";

/// Checks `skill_md`, which was read from `bytes`, against the rules, and its name against its `folder` if given. The
/// findings of the lenient reading are among the results, as errors: strict readers refuse such a file.
///
/// Errors come first, each kind in the order of the file.
pub fn check(skill_md: &SkillMd, bytes: &[u8], folder: Option<&str>) -> Vec<Finding> {
    let frontmatter = bytes.get(..skill_md.body_offset).unwrap_or(bytes);
    let body = bytes.get(skill_md.body_offset..).unwrap_or_default();
    let mut found =
        Found { frontmatter: String::from_utf8_lossy(frontmatter).into_owned(), findings: Vec::new() };
    let lenient = skill_md.warnings.iter().cloned();
    found.findings.extend(lenient.map(|warning| Finding { severity: Severity::Error, ..warning }));
    name(skill_md, folder, &mut found);
    description(skill_md, &mut found);
    optional_texts(skill_md, &mut found);
    metadata(skill_md, &mut found);
    unknown_fields(skill_md, &mut found);
    instructions(bytes, body, &mut found);
    let mut findings = found.findings;
    findings.sort_by_key(|finding| (finding.severity, finding.line.unwrap_or(usize::MAX)));
    findings
}

/// Collects findings and knows where a field stands.
struct Found {
    frontmatter: String,
    findings: Vec<Finding>,
}

impl Found {
    fn line_of(&self, field: &str) -> Option<usize> {
        let begins = |line: &str| {
            let line = line.trim_start_matches(['"', '\'']);
            let rest = line.strip_prefix(field).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        self.frontmatter.lines().position(begins).map(|index| index + 1)
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        field: Option<&str>,
        message: String,
        hint: &str,
    ) {
        let line = field.and_then(|field| self.line_of(field));
        self.findings.push(Finding { severity, code, message, line, hint: Some(hint.to_owned()) });
    }

    fn error(&mut self, code: &'static str, field: &str, message: impl Into<String>, hint: &str) {
        self.add(Severity::Error, code, Some(field), message.into(), hint);
    }

    fn warn(&mut self, code: &'static str, field: Option<&str>, message: impl Into<String>, hint: &str) {
        self.add(Severity::Warning, code, field, message.into(), hint);
    }
}

fn name(skill_md: &SkillMd, folder: Option<&str>, found: &mut Found) {
    let example = folder.filter(|folder| SkillName::parse(folder).is_ok()).unwrap_or("pdf-tools");
    match skill_md.fields.get("name") {
        None | Some(Value::Null) => {
            found.error(
                "name-missing",
                "name",
                "the field `name` is missing",
                &format!("add `name: {example}`"),
            );
        }
        Some(Value::String(text)) => match SkillName::parse(text) {
            Err(error) => {
                let hint = error.hint().unwrap_or_default();
                found.error(error.code(), "name", error.to_string(), &hint);
            }
            Ok(name) => {
                if let Some(folder) = folder.filter(|folder| *folder != name.as_str()) {
                    let folder: String = folder.chars().take(80).flat_map(char::escape_debug).collect();
                    let message = format!("the name `{name}` differs from the folder's name `{folder}`");
                    found.error("name-not-folder", "name", message, "rename the folder or change `name`");
                }
            }
        },
        Some(_) => {
            found.error(
                "name-not-text",
                "name",
                "`name` is not one text",
                &format!("write `name: {example}`"),
            );
        }
    }
}

fn description(skill_md: &SkillMd, found: &mut Found) {
    const HINT: &str = "say in one or two sentences what the skill does and when to use it";
    match skill_md.fields.get("description") {
        None | Some(Value::Null) => {
            found.error("description-missing", "description", "the field `description` is missing", HINT);
        }
        Some(Value::String(text)) if text.trim().is_empty() => {
            found.error("description-blank", "description", "the description is blank", HINT);
        }
        Some(Value::String(text)) => {
            let length = text.trim().chars().count();
            if length > limits::DESCRIPTION_CHARS {
                let message = format!(
                    "the description has {length} characters; {} are allowed",
                    limits::DESCRIPTION_CHARS
                );
                found.error("description-too-long", "description", message, HINT);
            }
        }
        Some(_) => found.error("description-not-text", "description", "`description` is not one text", HINT),
    }
}

fn optional_texts(skill_md: &SkillMd, found: &mut Found) {
    match skill_md.fields.get("license") {
        None | Some(Value::String(_)) => {}
        Some(_) => {
            let hint = "name the licence or the file with its text, for example `license: MIT`";
            found.error("license-not-text", "license", "`license` is not one text", hint);
        }
    }

    let hint = "say in 1 to 500 characters what the skill needs: products, packages, network";
    match skill_md.fields.get("compatibility") {
        None => {}
        Some(Value::String(text)) => {
            let length = text.trim().chars().count();
            if length == 0 {
                found.error("compatibility-blank", "compatibility", "`compatibility` is blank", hint);
            } else if length > limits::COMPATIBILITY_CHARS {
                let message = format!(
                    "`compatibility` has {length} characters; {} are allowed",
                    limits::COMPATIBILITY_CHARS
                );
                found.error("compatibility-too-long", "compatibility", message, hint);
            }
        }
        Some(_) => {
            found.error("compatibility-not-text", "compatibility", "`compatibility` is not one text", hint);
        }
    }

    match skill_md.fields.get("allowed-tools") {
        None | Some(Value::String(_)) => {}
        Some(_) => {
            let hint = "write one text with spaces between, for example `allowed-tools: Read Bash(git:*)`";
            found.error("allowed-tools-not-text", "allowed-tools", "`allowed-tools` is not one text", hint);
        }
    }
}

fn metadata(skill_md: &SkillMd, found: &mut Found) {
    match skill_md.fields.get("metadata") {
        None => {}
        Some(Value::Object(entries)) => {
            for (key, value) in entries {
                let key: String = key.chars().take(80).flat_map(char::escape_debug).collect();
                if !value.is_string() {
                    let message = format!("`metadata.{key}` is not a text");
                    found.error("metadata-not-text", "metadata", message, "put its value in double quotes");
                }
                if key.starts_with(RESERVED_METADATA) {
                    let message = format!("`metadata.{key}` is reserved for the Model Context Protocol");
                    found.warn("metadata-reserved", Some("metadata"), message, "choose another prefix");
                }
            }
        }
        Some(_) => {
            let hint = "write one indented `key: \"value\"` a line below `metadata:`";
            found.error("metadata-not-mapping", "metadata", "`metadata` is not a mapping", hint);
        }
    }
}

fn unknown_fields(skill_md: &SkillMd, found: &mut Found) {
    for field in skill_md.fields.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        let shown: String = field.chars().take(80).flat_map(char::escape_debug).collect();
        let message = format!("the field `{shown}` is not in the Agent Skills specification");
        let hint = if VENDOR_FIELDS.contains(&field.as_str()) {
            "only some agents read it; keep it if you mean those".to_owned()
        } else {
            format!("move it below `metadata:`, for example `{shown}: \"...\"`")
        };
        found.warn("field-unknown", Some(field), message, &hint);
    }
}

fn instructions(bytes: &[u8], body: &[u8], found: &mut Found) {
    if body.trim_ascii().is_empty() {
        let hint = "write below the closing `---` what the agent should do";
        found.warn("body-empty", None, "there are no instructions", hint);
        return;
    }
    let hint = "move details into files below `references/` and name them where they are needed";
    let tokens = tokens::estimate(&String::from_utf8_lossy(body));
    if tokens > limits::BODY_TOKENS {
        let message =
            format!("the instructions have about {tokens} tokens; {} are recommended", limits::BODY_TOKENS);
        found.warn("body-too-long", None, message, hint);
    }
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').count();
    if lines > limits::BODY_LINES {
        let message = format!("SKILL.md has {lines} lines; {} are recommended", limits::BODY_LINES);
        found.warn("too-many-lines", None, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    type Told = (&'static str, Severity, Option<usize>);

    fn codes(text: &str, folder: Option<&str>) -> Vec<Told> {
        let skill = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let findings = check(&skill, text.as_bytes(), folder);
        findings.iter().map(|f| (f.code, f.severity, f.line)).collect()
    }

    #[test]
    fn each_rule_is_told_with_its_line() {
        use Severity::{Error, Warning};
        let long = "x".repeat(1025);
        let exact = "ü".repeat(1024);
        let cases: Vec<(String, Vec<Told>)> = vec![
            ("name: a\ndescription: b".into(), vec![]),
            (format!("name: a\ndescription: {exact}\ncompatibility: c\nlicense: MIT"), vec![]),
            (
                "name: a\ndescription: b\nmetadata:\n  version: 1.10\nallowed-tools: Read Bash(git:*)".into(),
                vec![],
            ),
            ("description: b".into(), vec![("name-missing", Error, None)]),
            ("name: A\ndescription: b".into(), vec![("name-invalid", Error, Some(2))]),
            ("name: b\ndescription: b".into(), vec![("name-not-folder", Error, Some(2))]),
            ("name: [a]\ndescription: b".into(), vec![("name-not-text", Error, Some(2))]),
            ("name: a".into(), vec![("description-missing", Error, None)]),
            ("name: a\ndescription:".into(), vec![("description-missing", Error, Some(3))]),
            ("name: a\ndescription: '  '".into(), vec![("description-blank", Error, Some(3))]),
            (format!("name: a\ndescription: {long}"), vec![("description-too-long", Error, Some(3))]),
            ("name: a\ndescription: [b]".into(), vec![("description-not-text", Error, Some(3))]),
            ("name: a\ndescription: b\nlicense: [MIT]".into(), vec![("license-not-text", Error, Some(4))]),
            (
                "name: a\ndescription: b\ncompatibility: ''".into(),
                vec![("compatibility-blank", Error, Some(4))],
            ),
            (
                format!("name: a\ndescription: b\ncompatibility: {}", &long[..501]),
                vec![("compatibility-too-long", Error, Some(4))],
            ),
            (
                "name: a\ndescription: b\ncompatibility: {a: b}".into(),
                vec![("compatibility-not-text", Error, Some(4))],
            ),
            (
                "name: a\ndescription: b\nallowed-tools: [Read, Bash]".into(),
                vec![("allowed-tools-not-text", Error, Some(4))],
            ),
            ("name: a\ndescription: b\nmetadata: x".into(), vec![("metadata-not-mapping", Error, Some(4))]),
            (
                "name: a\ndescription: b\nmetadata:\n  a: [1]\n  b: true\n  io.modelcontextprotocol/x: y"
                    .into(),
                vec![
                    ("metadata-not-text", Error, Some(4)),
                    ("metadata-not-text", Error, Some(4)),
                    ("metadata-reserved", Warning, Some(4)),
                ],
            ),
            (
                "model: x\nname: a\ndescription: b: c\nauthor: me".into(),
                vec![
                    ("yaml-unquoted-value", Error, Some(4)),
                    ("field-unknown", Warning, Some(2)),
                    ("field-unknown", Warning, Some(5)),
                ],
            ),
        ];
        for (yaml, expected) in cases {
            assert_eq!(codes(&format!("---\n{yaml}\n---\nbody\n"), Some("a")), expected, "{yaml}");
        }
        let marked = "\u{feff}---\nname: a\ndescription: b\n---\nbody\n";
        assert_eq!(codes(marked, None), [("byte-order-mark", Error, Some(1))]);
    }

    #[test]
    fn instructions_should_be_there_and_short() {
        let head = "---\nname: a\ndescription: b\n---\n";
        assert_eq!(codes(&format!("{head} \n"), None), [("body-empty", Severity::Warning, None)]);
        assert_eq!(codes(&format!("{head}{}", "x\n".repeat(496)), None), []);
        assert_eq!(
            codes(&format!("{head}{}", "x\n".repeat(497)), None),
            [("too-many-lines", Severity::Warning, None)]
        );
        let words = "word ".repeat(5_001);
        assert_eq!(codes(&format!("{head}{words}"), None), [("body-too-long", Severity::Warning, None)]);
    }
}
