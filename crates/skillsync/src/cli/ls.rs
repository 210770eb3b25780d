//! `skillsync ls`

use std::io;

use crate::cli::Cx;
use crate::ops;
use crate::ops::ls::{Listing, ls};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// List skills
///
/// Name, version, state, how often it was used, and the description, cut to the terminal.
#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {}

pub(crate) fn run(cx: &mut Cx<'_>, _args: &LsArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = ls(&store)?;
    cx.ui.show(&report)?;
    if report.skills.is_empty() && report.failed.is_empty() {
        cx.ui.hint(
            "there are no skills yet: `skillsync setup` finds those of your agents, `skillsync add` adds one",
        );
    }
    for failed in &report.failed {
        cx.ui.warn(format_args!("{}: {}", failed.skill, failed.error.message));
    }
    Ok(if report.failed.is_empty() { Exit::Done } else { Exit::Partial })
}

impl Show for Listing {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.skills.is_empty() {
            return Ok(());
        }
        let mut table = Table::new([
            Column::id("NAME"),
            Column::number("VERSION"),
            Column::id("STATE"),
            Column::number("USES"),
            Column::text("DESCRIPTION"),
        ]);
        for skill in &self.skills {
            table.row([
                skill.name.to_string(),
                skill.version.to_string(),
                skill.state.to_string(),
                skill.total_invocations.to_string(),
                skill.description.clone(),
            ]);
        }
        out.table(&table)
    }
}
