//! `skillsync verify [NAME]...`

use std::io::{self, Write};

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::verify::Report;
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Check every stored byte against its digest
///
/// Reads all versions of the named skills, their folders and what agents load of them, or the whole store, and
/// says what is missing, damaged or edited. Changes nothing. Exits with 1 when something is found.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Names of the skills; the whole store when left out
    #[arg(value_name = "NAME", add = complete::skills())]
    pub(crate) names: Vec<SkillName>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &VerifyArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let progress = cx.ui.progress("verifying", None);
    let report = ops::verify::verify(&store, &args.names)?;
    drop(progress);
    cx.ui.show(&report)?;
    Ok(if report.clean { Exit::Done } else { Exit::Failed })
}

impl Show for Report {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let verified = &self.verified;
        for finding in &verified.findings {
            let word = serde_json::to_value(finding.trouble).unwrap_or_default();
            out.tone(Tone::Bad, word.as_str().unwrap_or("damage"))?;
            writeln!(out, ": {}", finding.path.display())?;
            writeln!(out, "  {}", finding.message)?;
            out.tone(Tone::Hint, "  hint: ")?;
            writeln!(out, "{}", finding.hint)?;
        }
        let counts = format!(
            "{}, {}, {} read",
            verified.artifacts,
            counted(verified.trees, "rendered tree"),
            counted(verified.objects, "object"),
        );
        if self.clean {
            out.tone(Tone::Good, "ok")?;
            writeln!(out, ": {counts}")
        } else {
            writeln!(out, "{counts}; {}", counted(verified.findings.len(), "finding"))
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
