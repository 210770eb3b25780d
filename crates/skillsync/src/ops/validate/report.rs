//! The report of one skill for a build: what it is made of, what it costs an agent, how it reads. What breaks a rule is
//! told as findings, as `validate` tells it; a report adds its own.

use std::collections::BTreeMap;

use serde::Serialize;
use skillsync_core::frontmatter::{self, Severity};
use skillsync_core::limits;
use skillsync_core::prose::{self, Level, Mixture, Prose};
use skillsync_core::tokens;
use skillsync_core::tree::SKILL_MD;
use skillsync_store::{fs, scan};

use super::{Finding, Subject};
use crate::ops::Error;

/// Above this a file that an agent reads whole takes more of its attention than it gives.
const FILE_TOKENS: usize = 10_000;

/// What a skill is made of.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its files.
    pub structure: Structure,
    /// The findings of each kind.
    pub checks: BTreeMap<&'static str, Count>,
    /// What it costs an agent, estimated.
    pub tokens: Tokens,
    /// How `SKILL.md` reads.
    pub content: Content,
    /// How far languages are mixed in its Markdown files.
    pub contamination: Mixture,
}

/// Files by where they are.
#[derive(Debug, Default, Serialize)]
pub struct Structure {
    /// How many.
    pub files: usize,
    /// All their bytes.
    pub size_bytes: u64,
    /// How many are in each folder at the root; those at the root itself under `.`.
    pub folders: BTreeMap<String, usize>,
}

/// How many findings.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Count {
    /// Broken rules.
    pub errors: usize,
    /// What should be better.
    pub warnings: usize,
}

/// Tokens, estimated within a third.
#[derive(Debug, Default, Serialize)]
pub struct Tokens {
    /// Always: name and description.
    pub description: usize,
    /// When the skill is used: the text of `SKILL.md`.
    pub instructions: usize,
    /// When a file is read: each Markdown file beside it, by its path.
    pub files: BTreeMap<String, usize>,
    /// All of these together.
    pub total: usize,
}

/// How a text reads.
#[derive(Debug, Serialize)]
pub struct Content {
    /// Words outside of code.
    pub words: usize,
    /// Headings.
    pub sections: usize,
    /// Items of lists.
    pub list_items: usize,
    /// Sentences and items.
    pub sentences: usize,
    /// Those that begin with what to do.
    pub instructions: usize,
    /// Words that leave no choice.
    pub firm_words: usize,
    /// Words that leave one.
    pub soft_words: usize,
    /// Blocks of code by the language that they name; empty where they name none.
    pub code_blocks: BTreeMap<String, usize>,
    /// Which share of the lines is code, 0 to 1.
    pub code_share: f32,
}

/// Reports on `subject`, a skill, whose `findings` are known, and adds its own to them. None where `SKILL.md` cannot be read.
pub(super) fn report(subject: &Subject, findings: &mut Vec<Finding>) -> Result<Option<Report>, Error> {
    let dir = &subject.dir;
    let Ok(listing) = scan::list(dir) else { return Ok(None) };
    let mut structure = Structure::default();
    let mut texts = BTreeMap::new();
    for found in &listing.files {
        let path = found.path.as_str();
        let folder = path.split_once('/').map_or(".", |(folder, _)| folder);
        structure.files += 1;
        structure.size_bytes += found.size_bytes;
        *structure.folders.entry(folder.to_owned()).or_default() += 1;
        if path.ends_with(".md") && found.size_bytes <= limits::SKILL_MD_BYTES {
            let bytes = fs::read(&found.at, limits::SKILL_MD_BYTES)?;
            texts.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    let Some(main) = texts.remove(SKILL_MD) else { return Ok(None) };
    let Ok(head) = frontmatter::parse(main.as_bytes()) else { return Ok(None) };
    let (above, body) = main.split_at_checked(head.body_offset).unwrap_or(("", &main));
    let lines_above = above.matches('\n').count();
    let mut tokens = Tokens {
        description: tokens::estimate(above),
        instructions: tokens::estimate(body),
        files: texts.iter().map(|(path, text)| (path.clone(), tokens::estimate(text))).collect(),
        total: 0,
    };
    tokens.total = tokens.description + tokens.instructions + tokens.files.values().sum::<usize>();
    let read = Prose::read(body);
    let others: Vec<(String, Prose)> =
        texts.into_iter().map(|(path, text)| (path, Prose::read(&text))).collect();
    let contamination = prose::mixture(others.iter().map(|(_, prose)| prose).chain([&read]));

    findings.extend(read.unclosed.map(|line| unclosed(SKILL_MD, lines_above + line)));
    findings.extend(others.iter().filter_map(|(path, prose)| Some(unclosed(path, prose.unclosed?))));
    findings.extend(tokens.files.iter().filter(|(_, count)| **count > FILE_TOKENS).map(long));
    if contamination.level == Level::High {
        findings.push(mixed(&contamination));
    }
    let mut checks = BTreeMap::new();
    for kind in ["structure", "frontmatter", "markdown", "tokens", "contamination"] {
        checks.insert(kind, Count::default());
    }
    for finding in findings.iter() {
        let count = checks.entry(kind(finding)).or_default();
        match finding.severity {
            Severity::Error => count.errors += 1,
            Severity::Warning => count.warnings += 1,
        }
    }
    let code_share = if read.lines == 0 { 0.0 } else { read.code_lines as f32 / read.lines as f32 };
    let content = Content {
        words: read.words,
        sections: read.sections,
        list_items: read.list_items,
        sentences: read.sentences,
        instructions: read.instructions,
        firm_words: read.firm,
        soft_words: read.soft,
        code_blocks: read.blocks,
        code_share: (code_share * 100.0).round() / 100.0,
    };
    Ok(Some(Report { structure, checks, tokens, content, contamination }))
}

/// What kind of rule a finding is about.
fn kind(finding: &Finding) -> &'static str {
    match finding.code {
        "body-too-long" | "too-many-lines" | "file-too-long" => "tokens",
        "languages-mixed" => "contamination",
        "link-broken" | "link-leaves-skill" | "fence-unclosed" | "body-empty" => "markdown",
        "secret-suspected" => "structure",
        _ if finding.file.as_deref() == Some(SKILL_MD) => "frontmatter",
        _ => "structure",
    }
}

fn unclosed(file: &str, line: usize) -> Finding {
    Finding {
        severity: Severity::Warning,
        code: "fence-unclosed",
        file: Some(file.to_owned()),
        line: Some(line),
        message: "nothing closes this fence: all that follows is code to who reads it".to_owned(),
        hint: Some("close it with the same sign, at least as often".to_owned()),
    }
}

fn long((file, count): (&String, &usize)) -> Finding {
    Finding {
        severity: Severity::Warning,
        code: "file-too-long",
        file: Some(file.clone()),
        line: None,
        message: format!("it has about {count} tokens; an agent reads it whole"),
        hint: Some(format!("split it below {FILE_TOKENS} and say in `SKILL.md` when to read which part")),
    }
}

fn mixed(mixture: &Mixture) -> Finding {
    Finding {
        severity: Severity::Warning,
        code: "languages-mixed",
        file: None,
        line: None,
        message: format!(
            "{} stand side by side; an agent may take one for another",
            mixture.languages.join(", ")
        ),
        hint: Some("give each language a file of its own below `references/`, or a skill".to_owned()),
    }
}
