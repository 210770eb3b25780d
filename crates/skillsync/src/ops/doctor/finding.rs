//! One thing that is not as it should be: how much it weighs, where it is, what mends it.

use std::path::Path;

use serde::Serialize;
use skillsync_core::fault::{Fault, with_causes};
use skillsync_core::name::SkillName;

use crate::ops::Error;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something does not work or is lost.
    Error,
    /// Something is not as you would expect it.
    Warning,
    /// Worth knowing.
    Info,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// A stable identifier in kebab-case, listed in `docs/commands.md`.
    pub code: &'static str,
    /// The skill it is about.
    pub skill: Option<SkillName>,
    /// The path it is about.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What mends it: a command where there is one.
    pub fix: Option<String>,
    /// Whether `--fix` may mend it.
    pub fixable: bool,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        code: &'static str,
        place: &Path,
        message: impl Into<String>,
    ) -> Self {
        let place = place.display().to_string();
        Self { severity, code, skill: None, place, message: message.into(), fix: None, fixable: false }
    }

    pub(super) fn error(code: &'static str, place: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, place, message)
    }

    pub(super) fn warning(code: &'static str, place: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, place, message)
    }

    pub(super) fn info(code: &'static str, place: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, place, message)
    }

    pub(super) fn of(mut self, skill: &SkillName) -> Self {
        self.skill = Some(skill.clone());
        self
    }

    /// What a person does about it.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// `doctor --fix` mends it.
    pub(super) fn fixable(mut self) -> Self {
        self.fixable = true;
        self.fix.get_or_insert_with(|| "skillsync doctor --fix".to_owned());
        self
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Something that could not be looked at, or is wrong in the words of its own error.
    pub(super) fn failure(&mut self, severity: Severity, place: &Path, error: &Error) {
        let mut finding = Finding::new(severity, error.code(), place, with_causes(error));
        finding.fix = error.hint();
        self.add(finding);
    }

    /// Errors first, then by place.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by(|a, b| (a.severity, &a.place, a.code).cmp(&(b.severity, &b.place, b.code)));
        self.0.dedup();
        self.0
    }
}
