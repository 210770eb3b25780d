//! `skillsync validate [NAME|PATH]...`

use std::collections::BTreeMap;
use std::io::{self, Write};

use skillsync_core::artifact::Count;
use skillsync_core::frontmatter::Severity;

use crate::cli::subject::Subject;
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::validate::report::Report;
use crate::ops::validate::{Checked, Detail, Finding, Validated};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Check skills against the Agent Skills specification
///
/// Takes skills by name and folders by path (`./pdf` is the folder, `pdf` the skill); all skills when none is
/// named. A command or an agent, which no specification covers, must be one Markdown file. Exits with 1 when an
/// error is found; with --strict also when a warning is.
#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// Names of skills or paths of folders; all skills when left out
    #[arg(value_name = "NAME|PATH", add = complete::subjects())]
    pub(crate) subjects: Vec<Subject>,
    /// Also tell what each skill is made of: structure, tokens, content, mixed languages
    #[arg(long)]
    pub(crate) report: bool,
    /// Warnings fail, too
    #[arg(long)]
    pub(crate) strict: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ValidateArgs) -> Result<Exit, Stop> {
    let mut subjects = Vec::new();
    if args.subjects.is_empty() {
        subjects = ops::validate::stored(&ops::open(cx.world)?, &[])?;
    }
    for subject in &args.subjects {
        match subject {
            // The store is opened only when a skill of it is named: folders can be checked without one.
            Subject::Skill(name) => {
                let store = ops::open(cx.world)?;
                subjects.extend(ops::validate::stored(&store, std::slice::from_ref(name))?);
            }
            Subject::Folder(path) => {
                let called = path.display().to_string();
                subjects.push(ops::validate::folder(&cx.world.resolve(path), &called)?);
            }
        }
    }
    let detail = if args.report { Detail::Report } else { Detail::Findings };
    let report = ops::validate::validate(&subjects, detail)?;
    cx.ui.show(&report)?;
    let fails = !report.valid || (args.strict && report.warnings > 0);
    Ok(if fails { Exit::Failed } else { Exit::Done })
}

impl Show for Validated {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for subject in &self.subjects {
            show_subject(subject, out)?;
        }
        if self.subjects.len() != 1 {
            let checked: Count = self.subjects.iter().map(|subject| subject.artifact_type).collect();
            writeln!(out, "{checked} checked: {}", sum(self.errors, self.warnings))?;
        }
        Ok(())
    }
}

fn show_subject(subject: &Checked, out: &mut Screen<'_>) -> io::Result<()> {
    let (errors, warnings) = (subject.count(Severity::Error), subject.count(Severity::Warning));
    let tone = match (errors, warnings) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Warn,
        _ => Tone::Bad,
    };
    write!(out, "{}: ", subject.subject)?;
    out.tone(tone, sum(errors, warnings))?;
    writeln!(out)?;
    subject.findings.iter().try_for_each(|finding| show_finding(finding, out))?;
    subject.report.iter().try_for_each(|report| show_report(report, out))
}

fn show_report(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    let Report { structure, checks, tokens, content, contamination } = report;
    let listed = |counts: &BTreeMap<String, usize>, none: &str| {
        let one = |(name, count): (&String, &usize)| {
            format!("{} {count}", if name.is_empty() { none } else { name })
        };
        counts.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let found =
        |kind: &str| checks.get(kind).map_or_else(String::new, |count| sum(count.errors, count.warnings));
    let (files, bytes) = (counted(structure.files, "file"), structure.size_bytes);
    let folders = listed(&structure.folders, ".");
    writeln!(out, "  structure: {}; {files}, {bytes} bytes: {folders}", found("structure"))?;
    writeln!(out, "  frontmatter: {}", found("frontmatter"))?;
    writeln!(out, "  markdown: {}", found("markdown"))?;
    writeln!(
        out,
        "  tokens: {}; about {} always, {} when used, {} in {} to read",
        found("tokens"),
        tokens.description,
        tokens.instructions,
        tokens.files.values().sum::<usize>(),
        counted(tokens.files.len(), "file"),
    )?;
    writeln!(
        out,
        "  content: {} in {}; {} of {} say what to do; {} firm, {} soft; {:.0} % code{}",
        counted(content.words, "word"),
        counted(content.sections, "section"),
        content.instructions,
        counted(content.sentences, "sentence"),
        content.firm_words,
        content.soft_words,
        content.code_share * 100.0,
        match listed(&content.code_blocks, "unnamed") {
            blocks if blocks.is_empty() => blocks,
            blocks => format!(" ({blocks})"),
        },
    )?;
    let languages = match contamination.languages.join(", ") {
        none if none.is_empty() => "no language".to_owned(),
        languages => languages,
    };
    writeln!(
        out,
        "  contamination: {} ({:.2}): {languages}",
        contamination.level.as_str(),
        contamination.score
    )
}

/// `  error: SKILL.md:3: message [code]`, as compilers say it.
fn show_finding(finding: &Finding, out: &mut Screen<'_>) -> io::Result<()> {
    write!(out, "  ")?;
    match finding.severity {
        Severity::Error => out.tone(Tone::Bad, "error:")?,
        Severity::Warning => out.tone(Tone::Warn, "warning:")?,
    }
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => write!(out, " {file}:{line}:")?,
        (Some(file), None) => write!(out, " {file}:")?,
        (None, _) => {}
    }
    write!(out, " {} ", finding.message)?;
    out.tone(Tone::Dim, format!("[{}]", finding.code))?;
    writeln!(out)?;
    if let Some(hint) = &finding.hint {
        out.tone(Tone::Hint, "    hint:")?;
        writeln!(out, " {hint}")?;
    }
    Ok(())
}

fn sum(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (0, 0) => "ok".to_owned(),
        (0, warnings) => format!("ok, {}", counted(warnings, "warning")),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
