//! `skillsync log NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::observe::{Extent, Log, log};
use crate::ui::{Exit, Screen, Show, Stop, text};

/// Show how the uses of a skill went
///
/// One line a use, the oldest first: time, signal, note. `skillsync info NAME` shows what the skill is.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// One line with the totals and the positive rate
    #[arg(long, conflicts_with = "limit")]
    pub(crate) summary: bool,
    /// Only the last N uses
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &LogArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let extent = if args.summary { Extent::Summary } else { Extent::Observations(args.limit) };
    let report = log(&store, &args.name, extent)?;
    if report.bad_lines > 0 {
        let name = &args.name;
        cx.ui.warn(match report.bad_lines {
            1 => format!("{name}: 1 line of its log does not read and was left out"),
            many => format!("{name}: {many} lines of its log do not read and were left out"),
        });
    }
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Log {
    // Checklist D7, character for character.
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Some(observations) = &self.observations else { return self.summary(out) };
        for observation in observations {
            write!(out, "{}  {}", observation.ts, observation.signal)?;
            match &observation.note {
                Some(note) => writeln!(out, "  \"{}\"", text::one_line(note))?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }
}

impl Log {
    fn summary(&self, out: &mut Screen<'_>) -> io::Result<()> {
        write!(out, "{}: {} invocations", self.name, self.total_invocations)?;
        if let Some(rate) = self.positive_rate {
            // Checklist D7: the positive rate is in brackets.
            write!(out, ", {} positive, {} negative ({:.0}%)", self.positive, self.negative, rate * 100.0)?;
        }
        writeln!(out)
    }
}
