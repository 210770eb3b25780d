//! `skillsync ls`

use std::io;

use skillsync_core::skill::ArtifactType;

use crate::cli::Cx;
use crate::ops;
use crate::ops::ls::{Listing, ls};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// List skills
///
/// Name, version, state, how often it was used, and the description, cut to the terminal. Commands and agents
/// are listed, too, and then each line says what it is.
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
        // A column that says the same in every line says nothing.
        let has_types = self.skills.iter().any(|line| line.artifact_type != ArtifactType::Skill);
        let mut columns = vec![
            Column::id("NAME"),
            Column::number("VERSION"),
            Column::id("STATE"),
            Column::number("USES"),
            Column::text("DESCRIPTION"),
        ];
        if has_types {
            columns.insert(1, Column::id("TYPE"));
        }
        let mut table = Table::new(columns);
        for line in &self.skills {
            let mut cells = vec![
                line.name.to_string(),
                line.version.to_string(),
                line.state.to_string(),
                line.total_invocations.to_string(),
                line.description.clone(),
            ];
            if has_types {
                cells.insert(1, line.artifact_type.to_string());
            }
            table.row(cells);
        }
        out.table(&table)
    }
}
