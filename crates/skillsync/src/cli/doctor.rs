//! `skillsync doctor`

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use skillsync_store::config::path_text;

use crate::cli::Cx;
use crate::ops::doctor::{AgentListing, Diagnosis, Finding, Severity, diagnose, fix};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Find what is wrong and say what mends it
///
/// Looks at the store, the settings, every target and every link. Each finding has a severity, a place and
/// the command that mends it. Exits with 1 while an error stands.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    pub(crate) fix: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &DoctorArgs) -> Result<Exit, Stop> {
    let diagnosis = match (args.fix, cx.globals.dry_run) {
        (true, false) => fix(cx.world),
        (true, true) => {
            let mut diagnosis = diagnose(cx.world);
            diagnosis.dry_run = true;
            diagnosis.fixed = diagnosis.findings.iter().filter(|f| f.fixable).cloned().collect();
            diagnosis
        }
        (false, _) => diagnose(cx.world),
    };
    cx.ui.show(&DiagnosisView { diagnosis: &diagnosis, home: &cx.world.home, all: cx.globals.verbose })?;
    Ok(if diagnosis.count(Severity::Error) > 0 { Exit::Failed } else { Exit::Done })
}

#[derive(Serialize)]
#[serde(transparent)]
struct DiagnosisView<'a> {
    diagnosis: &'a Diagnosis,
    #[serde(skip)]
    home: &'a Path,
    /// Whether the names of what agents list are shown.
    #[serde(skip)]
    all: bool,
}

impl Show for DiagnosisView<'_> {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let d = self.diagnosis;
        // Without a store that reads there is nothing to count.
        if let Some(skills) = d.skills {
            let (skills, targets) = (count(skills, "skill"), count(d.agents.len(), "target"));
            writeln!(out, "{}: {skills}, {targets}", self.path(&d.home))?;
        }
        if !d.agents.is_empty() {
            writeln!(out)?;
            out.tone(Tone::Strong, "What agents list")?;
            writeln!(out)?;
        }
        for agent in &d.agents {
            self.agent(agent, out)?;
        }
        self.fixed(out)?;
        if !d.findings.is_empty() {
            writeln!(out)?;
        }
        for finding in &d.findings {
            self.finding(finding, out)?;
        }
        writeln!(out)?;
        self.verdict(out)
    }
}

impl DiagnosisView<'_> {
    fn path(&self, path: &str) -> String {
        path_text(Path::new(path), self.home)
    }

    fn agent(&self, agent: &AgentListing, out: &mut Screen<'_>) -> io::Result<()> {
        let e = &agent.effective;
        write!(out, "  {}: {}", agent.name, count(e.listed.len(), "skill"))?;
        match (e.budget_chars, e.used_percent) {
            (Some(budget), Some(percent)) => {
                let tone = if percent > 100 { Tone::Warn } else { Tone::Dim };
                out.tone(
                    tone,
                    format_args!(
                        ", {} of {} characters ({percent} %)",
                        grouped(e.used_chars),
                        grouped(budget)
                    ),
                )?;
            }
            _ => out.tone(Tone::Dim, format_args!(", {} characters", grouped(e.used_chars)))?,
        }
        writeln!(out)?;
        let mut folders = vec![self.path(&agent.path)];
        folders.extend(agent.also_reads.iter().map(|folder| self.path(folder)));
        writeln!(out, "      in {}", folders.join(", "))?;
        if let Some(by) = &agent.covered_by {
            writeln!(out, "      no links of its own: it reads those of {by}")?;
        }
        if agent.foreign > 0 {
            let foreign =
                if agent.foreign == 1 { "1 entry is" } else { &format!("{} entries are", agent.foreign) };
            writeln!(out, "      {foreign} not skillsync's")?;
        }
        if self.all {
            for listed in &e.listed {
                let fits = if listed.fits { "" } else { ", does not fit" };
                writeln!(out, "        {}  {} characters{fits}", listed.entry.name, listed.chars)?;
            }
        }
        Ok(())
    }

    fn fixed(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let d = self.diagnosis;
        if d.fixed.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        for finding in &d.fixed {
            out.tone(Tone::Good, if d.dry_run { "would fix" } else { "fixed" })?;
            writeln!(out, ": {}: {}", self.path(&finding.place), finding.message)?;
        }
        Ok(())
    }

    fn finding(&self, finding: &Finding, out: &mut Screen<'_>) -> io::Result<()> {
        match finding.severity {
            Severity::Error => out.tone(Tone::Bad, "error")?,
            Severity::Warning => out.tone(Tone::Warn, "warning")?,
            Severity::Info => out.tone(Tone::Dim, "note")?,
        }
        writeln!(out, ": {}", self.path(&finding.place))?;
        writeln!(out, "  {}", finding.message)?;
        match &finding.fix {
            Some(fix) => {
                out.tone(Tone::Hint, "  fix")?;
                writeln!(out, ": {}", fix.replace('\n', "\n       "))
            }
            None => Ok(()),
        }
    }

    fn verdict(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let d = self.diagnosis;
        let (errors, warnings) = (d.count(Severity::Error), d.count(Severity::Warning));
        if errors + warnings == 0 {
            out.tone(Tone::Good, "All is well.")?;
            return writeln!(out);
        }
        writeln!(out, "{}, {}.", count(errors, "error"), count(warnings, "warning"))?;
        if !d.dry_run && d.findings.iter().any(|finding| finding.fixable) {
            out.tone(Tone::Hint, "skillsync doctor --fix")?;
            writeln!(out, " mends what needs no decision.")?;
        }
        Ok(())
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// A number with a comma between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
