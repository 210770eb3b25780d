//! `skillsync target list`

use std::io;

use crate::cli::Cx;
use crate::ops;
use crate::ops::target::{Listed, list};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// List the targets
#[derive(Debug, clap::Args)]
pub(crate) struct TargetListArgs {}

pub(crate) fn run(cx: &mut Cx<'_>, _args: &TargetListArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = list(cx.world, &store)?;
    cx.ui.show(&report)?;
    if report.targets.is_empty() {
        cx.ui.hint("there are no targets yet: `skillsync target add --detected`");
    }
    Ok(Exit::Done)
}

impl Show for Listed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.targets.is_empty() {
            return Ok(());
        }
        let mut table = Table::new([
            Column::id("ID"),
            Column::id("SOURCE"),
            Column::id("MODE"),
            Column::id("PATH"),
            Column::text("NOTE"),
        ]);
        for target in &self.targets {
            let note =
                target.covered_by.as_ref().map_or_else(String::new, |by| format!("reads {by}'s folder"));
            table.row([
                target.id.to_string(),
                target.source.to_string(),
                target.mode.to_string(),
                target.path.clone(),
                note,
            ]);
        }
        out.table(&table)
    }
}
