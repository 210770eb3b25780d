//! The publish gate: what comes in must be a skill that every agent loads, whole, and without secrets. What passes is
//! packed again by the hub, so that one tree has one archive.

use serde::Serialize;
use serde_json::Value;
use skillsync_core::digest::FileDigest;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::frontmatter::{self, Severity};
use skillsync_core::name::SkillName;
use skillsync_core::secrets;
use skillsync_core::tree::{SKILL_MD, Tree};
use skillsync_wire::api::publish::GateFinding;
use skillsync_wire::archive::{self, Entry, Packed, Reader};

/// Which gate this is: a release says so.
pub const ENGINE: &str = "gate-1";
/// Most findings that an answer tells.
const TOLD: usize = 20;
/// Longest title, in characters.
const TITLE_CHARS: usize = 120;

/// Why an upload is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no archive, or one that is not written in the one way.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// What is in it breaks a rule.
    #[error("the gate refuses `{slug}`: {}", told(.findings))]
    Refused {
        /// The skill.
        slug: SkillName,
        /// What was found, the worst first.
        findings: Vec<GateFinding>,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Archive(e) => e.kind(),
            Error::Refused { .. } => Kind::Untrusted,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Archive(e) => e.code(),
            Error::Refused { .. } => "gate-refused",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Archive(e) => e.hint(),
            Error::Refused { .. } => {
                Some("`skillsync validate` finds most of it before the upload".to_owned())
            }
        }
    }
}

fn told(findings: &[GateFinding]) -> String {
    let mut told: Vec<String> = findings.iter().take(TOLD).map(line).collect();
    if findings.len() > TOLD {
        told.push(format!("and {} more", findings.len() - TOLD));
    }
    told.join("; ")
}

fn line(finding: &GateFinding) -> String {
    match finding.path.as_str() {
        "" => finding.message.clone(),
        path => format!("`{path}`: {}", finding.message),
    }
}

/// What was let in.
#[derive(Debug)]
pub struct Passed {
    /// Its files.
    pub tree: Tree,
    /// As the hub packs it.
    pub packed: Packed,
    /// Its name for people.
    pub title: String,
    /// When to use it.
    pub description: String,
    /// Its instructions, for the search.
    pub body: String,
    /// What was noticed and let pass.
    pub findings: Vec<GateFinding>,
    /// The digest of the report.
    pub report: FileDigest,
}

#[derive(Serialize)]
struct Report<'a> {
    engine: &'static str,
    findings: &'a [GateFinding],
}

/// Looks through the upload in `bytes`, which is to be `slug`.
pub fn pass(slug: &SkillName, bytes: &[u8]) -> Result<Passed, Error> {
    let mut reader = Reader::unknown(bytes);
    let mut entries: Vec<Entry> = Vec::new();
    for entry in &mut reader {
        entries.push(entry?);
    }
    let tree = reader.finish()?.tree;
    let skill_md = content(&entries, SKILL_MD);
    let (mut refused, mut findings) = (Vec::new(), Vec::new());
    for entry in &entries {
        refused.extend(secret(entry));
    }
    let head = match frontmatter::parse(skill_md) {
        Ok(head) => {
            for found in frontmatter::check(&head, skill_md, Some(slug.as_str())) {
                let list = if found.severity == Severity::Error { &mut refused } else { &mut findings };
                list.push(of_main_file(found));
            }
            Some(head)
        }
        Err(error) => {
            refused.push(of_main_file((&error).into()));
            None
        }
    };
    let Some(head) = head.filter(|_| refused.is_empty()) else {
        return Err(Error::Refused { slug: slug.clone(), findings: refused });
    };
    let body = String::from_utf8_lossy(skill_md.get(head.body_offset..).unwrap_or_default()).into_owned();
    let description = head.description().unwrap_or_default().to_owned();
    let title = title(&head.fields.get("metadata").and_then(|m| m.get("title")).cloned(), &body)
        .unwrap_or_else(|| slug.to_string());
    let packed =
        archive::pack(&tree, |path| Ok::<_, std::io::Error>(content(&entries, path.as_str()).to_vec()))?;
    // Two texts and a list of texts always have a JSON form.
    let report = serde_json::to_vec(&Report { engine: ENGINE, findings: &findings }).unwrap_or_default();
    let report = FileDigest::of(&report);
    Ok(Passed { tree, packed, title, description, body, findings, report })
}

/// The bytes of a file. The entries of an accepted archive are sorted by path.
fn content<'a>(entries: &'a [Entry], path: &str) -> &'a [u8] {
    let found = entries.binary_search_by(|entry| entry.path.as_str().as_bytes().cmp(path.as_bytes()));
    found.map_or(&[], |at| &entries[at].bytes)
}

fn secret(entry: &Entry) -> Option<GateFinding> {
    let path = entry.path.as_str();
    let looked_at = usize::try_from(secrets::LOOKED_AT_BYTES).unwrap_or(usize::MAX);
    let bytes = if entry.bytes.len() > looked_at { &[] } else { entry.bytes.as_slice() };
    let found = secrets::find(path, bytes)?;
    let place = found.line.map_or(String::new(), |line| format!(" in line {line}"));
    Some(GateFinding {
        code: "secret".to_owned(),
        path: path.to_owned(),
        message: format!("looks like {}{place}", found.what),
    })
}

fn of_main_file(found: frontmatter::Finding) -> GateFinding {
    let place = found.line.map_or(String::new(), |line| format!(" (line {line})"));
    GateFinding {
        code: found.code.to_owned(),
        path: SKILL_MD.to_owned(),
        message: format!("{}{place}", found.message),
    }
}

/// What a skill is called for people: `metadata.title`, or its first heading.
fn title(declared: &Option<Value>, body: &str) -> Option<String> {
    let declared = declared.as_ref().and_then(Value::as_str).map(str::to_owned);
    let heading = || body.lines().find_map(|line| line.strip_prefix("# ")).map(str::to_owned);
    let text: String = declared.or_else(heading)?.trim().chars().take(TITLE_CHARS).collect();
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use skillsync_core::path::SkillPath;
    use skillsync_core::tree::File;

    use super::*;

    fn upload(files: &[(&str, &str)]) -> Vec<u8> {
        let file = |text: &str| File {
            digest: FileDigest::of(text.as_bytes()),
            size_bytes: text.len() as u64,
            executable: false,
        };
        let tree = Tree::new(files.iter().map(|(path, text)| (SkillPath::parse(path).unwrap(), file(text))))
            .unwrap();
        let bytes_of = |path: &SkillPath| {
            let text = files.iter().find(|(p, _)| *p == path.as_str()).unwrap().1;
            Ok::<_, std::io::Error>(text.as_bytes().to_vec())
        };
        archive::pack(&tree, bytes_of).unwrap().bytes
    }

    const HEAD: &str = "---\nname: pdf\ndescription: Reads PDF files. Use it when there is one.\n---\n";

    #[test]
    fn what_passes_is_described_and_packed_the_same_again() {
        let text = format!("{HEAD}# PDF tools\n\nDo it.\n");
        let bytes = upload(&[("SKILL.md", &text), ("run.sh", "echo\n")]);
        let passed = pass(&SkillName::parse("pdf").unwrap(), &bytes).unwrap();
        assert_eq!((passed.title.as_str(), passed.tree.len()), ("PDF tools", 2));
        assert_eq!(passed.packed.bytes, bytes);
        assert!(passed.body.contains("Do it.") && passed.description.starts_with("Reads"));
    }

    #[test]
    fn what_breaks_a_rule_is_refused_and_named() {
        let key = format!("x\ntoken: ghp_{}\n", "k3J9".repeat(9));
        let good = format!("{HEAD}# PDF\n");
        let cases = [
            (vec![("SKILL.md", good.as_str()), ("a.txt", &key)], "looks like a GitHub token in line 2"),
            (vec![("SKILL.md", "no head\n")], "frontmatter"),
            (vec![("SKILL.md", "---\nname: other\ndescription: d\n---\n")], "differs"),
        ];
        for (files, said) in cases {
            let error = pass(&SkillName::parse("pdf").unwrap(), &upload(&files)).unwrap_err();
            assert_eq!(error.code(), "gate-refused");
            assert!(error.to_string().contains(said), "{error}");
            assert!(!error.to_string().contains("ghp_"), "{error}");
        }
        let error = pass(&SkillName::parse("pdf").unwrap(), b"not an archive").unwrap_err();
        assert_eq!(error.code(), "archive-damaged");
    }
}
