//! `validate`: checks folders against the Agent Skills specification, strictly, and commands and agents for what they
//! are made of. The rules for the main file itself are core's; here are those for the folder around it. It only reads.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::artifact;
use skillsync_core::digest::FileDigest;
use skillsync_core::fault::Fault;
use skillsync_core::frontmatter::{self, Severity};
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::secrets;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::{File, SKILL_MD, Tree};
use skillsync_store::payload::Payload;
use skillsync_store::scan::{self, Listing};
use skillsync_store::store::Store;
use skillsync_store::{fs, parallel, skills};

use super::Error;

pub mod links;
pub mod report;

use report::Report;

/// What is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The name in the store or the folder, as it was typed.
    pub called: String,
    /// What it should be.
    pub rules: Rules,
    /// The folder.
    pub dir: PathBuf,
}

/// What something should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rules {
    /// A skill, as the specification has it.
    Skill,
    /// A command or an agent of this name: one Markdown file.
    Markdown(ArtifactType, SkillName),
}

impl Rules {
    fn artifact_type(&self) -> ArtifactType {
        match self {
            Rules::Skill => ArtifactType::Skill,
            Rules::Markdown(artifact_type, _) => *artifact_type,
        }
    }
}

/// What was found in all subjects.
#[derive(Debug, Serialize)]
pub struct Validated {
    /// Whether there is no error. Warnings do not count.
    pub valid: bool,
    /// How many errors.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
    /// What was checked, in the order of the names given.
    pub subjects: Vec<Checked>,
}

/// What was found in one subject.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The name in the store or the folder, as it was typed.
    pub subject: String,
    /// What it should be.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// The folder, absolute.
    pub path: String,
    /// What is wrong with it, errors first.
    pub findings: Vec<Finding>,
    /// What it is made of, where that was asked for and it is a skill that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What breaks a rule.
    Findings,
    /// That, and what each skill is made of.
    Report,
}

impl Finding {
    /// What core found in the main file, which is called `file`.
    pub fn in_file(file: &str, finding: frontmatter::Finding) -> Self {
        let frontmatter::Finding { severity, code, message, line, hint } = finding;
        Self { severity, code, file: Some(file.to_owned()), line, message, hint }
    }
}

impl Checked {
    /// How many findings have this weight.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// One thing that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `error`: breaks a rule; `warning`: works, but should be better.
    pub severity: Severity,
    /// Stable identifier in kebab-case.
    pub code: &'static str,
    /// The file, relative to the folder; none when it is about the folder.
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What the store has under `names`, or all of it. Fails when one is not there.
pub fn stored(store: &Store, names: &[SkillName]) -> Result<Vec<Subject>, Error> {
    let subject = |name: &SkillName, artifact_type| Subject {
        called: name.to_string(),
        rules: match artifact_type {
            ArtifactType::Skill => Rules::Skill,
            ArtifactType::Command | ArtifactType::Agent => Rules::Markdown(artifact_type, name.clone()),
        },
        dir: store.layout().skill(name),
    };
    let type_of = |name: &SkillName| skills::load(store, name).map(|meta| meta.artifact_type);
    if names.is_empty() {
        let all = skills::names(store.layout())?;
        // A record that does not read is told by `doctor`; what it is of may be a skill all the same.
        let subject = |name| subject(name, type_of(name).unwrap_or(ArtifactType::Skill));
        return Ok(all.iter().map(subject).collect());
    }
    names.iter().map(|name| Ok(subject(name, type_of(name)?))).collect()
}

/// The folder `dir`, called `called` by whoever named it. Fails when it is no folder.
pub fn folder(dir: &Path, called: &str) -> Result<Subject, Error> {
    match fs::real_path(dir)?.filter(|real| real.is_dir()) {
        // Resolved, since `.` has no name that the skill's could be compared with.
        Some(dir) => Ok(Subject { called: called.to_owned(), rules: Rules::Skill, dir }),
        None => Err(scan::no_folder(dir).into()),
    }
}

/// Checks every subject. Fails only when the disk refuses; what is wrong with a skill is a finding.
pub fn validate(subjects: &[Subject], detail: Detail) -> Result<Validated, Error> {
    let checked = parallel::try_map(subjects, |subject| check(subject, detail))?;
    let count = |severity| checked.iter().map(|checked| checked.count(severity)).sum::<usize>();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    Ok(Validated { valid: errors == 0, errors, warnings, subjects: checked })
}

fn check(subject: &Subject, detail: Detail) -> Result<Checked, Error> {
    let dir = &subject.dir;
    let mut findings = Vec::new();
    let listing = match scan::list(dir) {
        Ok(listing) => Some(listing),
        Err(scan::Error::Fs(e)) => return Err(e.into()),
        Err(e) => {
            findings.push(of_fault(&e, dir));
            None
        }
    };
    if subject.rules == Rules::Skill {
        skill_md(dir, &mut findings)?;
    }
    let tree = listing.map(|listing| files(dir, &listing, &mut findings)).transpose()?.flatten();
    if let (Rules::Markdown(artifact_type, name), Some(tree)) = (&subject.rules, &tree) {
        findings.extend(markdown(*artifact_type, name, dir, tree));
    }
    let report = match (detail, &subject.rules) {
        (Detail::Report, Rules::Skill) => report::report(subject, &mut findings)?,
        _ => None,
    };
    findings.sort_by_key(|finding| finding.severity);
    let (artifact_type, path) = (subject.rules.artifact_type(), dir.display().to_string());
    Ok(Checked { subject: subject.called.clone(), artifact_type, path, findings, report })
}

/// Checks the one file of a command or an agent.
fn markdown(artifact_type: ArtifactType, name: &SkillName, dir: &Path, tree: &Tree) -> Vec<Finding> {
    if let Err(e) = artifact::main_file(artifact_type, name, tree) {
        return vec![of_fault(&e, dir)];
    }
    let file = artifact_type.main_file(name);
    let in_file = |finding| Finding { file: Some(file.clone()), ..finding };
    let bytes = match fs::read(&dir.join(&file), limits::SKILL_MD_BYTES) {
        Ok(bytes) => bytes,
        Err(e) => return vec![in_file(of_fault(&e, dir))],
    };
    match artifact::check_markdown(&file, &bytes) {
        Err(e) => vec![in_file(of_fault(&e, dir))],
        Ok(()) => {
            let warnings = artifact::markdown_warnings(&bytes);
            warnings.into_iter().map(|finding| Finding::in_file(&file, finding)).collect()
        }
    }
}

/// Checks `SKILL.md`, which need not be part of a listing: a bad file beside it spoils nothing here.
fn skill_md(dir: &Path, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let is_there = fs::entries(dir)?.unwrap_or_default().iter().any(|entry| entry == SKILL_MD);
    if !is_there {
        findings.push(of_fault(&skillsync_core::tree::Error::NoSkillMd, dir));
        return Ok(());
    }
    // One byte more than allowed is enough for the rule to see that it is too large.
    let bytes = match fs::read(&dir.join(SKILL_MD), limits::SKILL_MD_BYTES) {
        Ok(bytes) => bytes,
        Err(e) => {
            findings.push(Finding { file: Some(SKILL_MD.to_owned()), ..of_fault(&e, dir) });
            return Ok(());
        }
    };
    match frontmatter::parse(&bytes) {
        Err(e) => findings.push(Finding::in_file(SKILL_MD, frontmatter::Finding::from(&e))),
        Ok(head) => {
            let folder = dir.file_name().map(|name| name.to_string_lossy());
            let rules = frontmatter::check(&head, &bytes, folder.as_deref());
            findings.extend(rules.into_iter().map(|finding| Finding::in_file(SKILL_MD, finding)));
            let text = String::from_utf8_lossy(&bytes);
            findings.extend(broken_links(dir, &text, head.body_offset));
        }
    }
    Ok(())
}

/// Relative links that lead nowhere: an agent that follows one gets nothing.
fn broken_links(dir: &Path, text: &str, body_offset: usize) -> Vec<Finding> {
    let finding = |severity, code, link: &links::Link, problem: &str, hint: &str| Finding {
        severity,
        code,
        file: Some(SKILL_MD.to_owned()),
        line: Some(link.line),
        message: format!("the link to `{}` {problem}", link.shown()),
        hint: Some(hint.to_owned()),
    };
    let mut findings = Vec::new();
    for link in links::relative(text, body_offset) {
        match link.inside() {
            None => findings.push(finding(
                Severity::Warning,
                "link-leaves-skill",
                &link,
                "leads out of the skill",
                "put the file into the skill, or name the other skill in words",
            )),
            Some(path) if fs::stat(&dir.join(&path)).ok().flatten().is_none() => findings.push(finding(
                Severity::Error,
                "link-broken",
                &link,
                "leads nowhere",
                "add the file or correct the link; links count from the skill's folder",
            )),
            Some(_) => {}
        }
    }
    findings
}

/// The rules for all files together, and what looks like a secret in one of them. Gives the files where they make a
/// tree; their digests are not taken.
fn files(dir: &Path, listing: &Listing, findings: &mut Vec<Finding>) -> Result<Option<Tree>, Error> {
    let about =
        |found: &scan::Found, finding: Finding| Finding { file: Some(found.path.to_string()), ..finding };
    for found in &listing.files {
        if let Err(e) = scan::check_size(dir, found) {
            findings.push(about(found, of_fault(&e, dir)));
            continue;
        }
        findings.extend(suspected(found)?);
    }
    // Paths and sizes are all that the rules for a tree ask for.
    let file = |found: &scan::Found| {
        let digest = FileDigest::of(b"");
        (found.path.clone(), File { digest, size_bytes: found.size_bytes, executable: found.executable })
    };
    let in_bounds = |found: &&scan::Found| scan::check_size(dir, found).is_ok();
    match scan::tree_of(dir, listing.files.iter().filter(in_bounds).map(file).collect()) {
        Ok(tree) => Ok(Some(tree)),
        Err(e) => {
            findings.push(of_fault(&e, dir));
            Ok(None)
        }
    }
}

/// What looks like a secret in one file.
fn suspected(found: &scan::Found) -> Result<Option<Finding>, fs::Error> {
    // What it is worth is not read into memory whole: a key stands in a small file.
    let bytes = match found.size_bytes <= secrets::LOOKED_AT_BYTES {
        true => fs::read(&found.at, secrets::LOOKED_AT_BYTES)?,
        false => Vec::new(),
    };
    Ok(secret_in(found.path.as_str(), &bytes))
}

/// What looks like a secret in the bytes of the file `path`.
pub fn secret_in(path: &str, bytes: &[u8]) -> Option<Finding> {
    secrets::find(path, bytes).map(|secret| Finding {
        severity: Severity::Warning,
        code: "secret-suspected",
        file: Some(path.to_owned()),
        line: secret.line,
        message: format!("this looks like {}", secret.what),
        hint: Some("take it out, and replace it where it is valid: a skill is read by many".to_owned()),
    })
}

/// What looks like a secret in an artifact's files.
pub fn secrets_of(payload: &Payload) -> Vec<Finding> {
    let found = payload.files().map(|(path, file)| {
        let is_small = file.bytes.len() as u64 <= secrets::LOOKED_AT_BYTES;
        let bytes: &[u8] = if is_small { &file.bytes } else { &[] };
        secret_in(path.as_str(), bytes)
    });
    found.flatten().collect()
}

/// What looks like a secret in the files of the folder `dir`. What cannot be read is passed over: whoever takes the
/// folder in reports it.
pub fn secrets_in(dir: &Path) -> Vec<Finding> {
    let Ok(listing) = scan::list(dir) else { return Vec::new() };
    let mut files = listing.files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.iter().filter_map(|found| suspected(found).ok().flatten()).collect()
}

/// An error of a room below as a finding. Its causes hold what matters: which file, and why.
fn of_fault(fault: &dyn Fault, dir: &Path) -> Finding {
    let mut message = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(fault);
    while let Some(error) = next {
        next = error.source();
        // The outermost sentence only names the folder, which stands above the finding anyway.
        if next.is_some() && message.is_empty() && error.to_string().contains(&dir.display().to_string()) {
            continue;
        }
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&error.to_string());
    }
    let message = message.replace(&format!("{}/", dir.display()), "");
    Finding {
        severity: Severity::Error,
        code: fault.code(),
        file: None,
        line: None,
        message,
        hint: fault.hint(),
    }
}
