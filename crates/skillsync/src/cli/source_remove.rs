//! `skillsync source remove NAME`

use std::io::{self, Write};

use skillsync_core::name::SourceName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::source::{Removed, plan_remove, remove};
use crate::ui::{Exit, Screen, Show, Stop};

/// Forget a source
///
/// Deletes its key, takes it out of config.toml, and moves what was believed of it to trash. Its skills stay, as
/// skills of this machine that nothing updates.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceRemoveArgs {
    /// Name of the source
    #[arg(value_name = "NAME", add = complete::sources())]
    pub(crate) name: SourceName,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SourceRemoveArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let plan = plan_remove(&store, &args.name)?;
    if cx.globals.dry_run {
        cx.ui.show(&plan)?;
        return Ok(Exit::Done);
    }
    cx.ui.consent(&format!(
        "Forget the source {} ({}), its key and what was believed of it?",
        plan.name, plan.url
    ))?;
    let report = ops::write(&store, |writing, _| remove(writing, &args.name))?;
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Removed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let removed = if self.dry_run { "would be removed" } else { "removed" };
        let key = if self.key_deleted { ", its key deleted" } else { "" };
        writeln!(out, "{}: {removed}{key}", self.name)?;
        if !self.kept.is_empty() {
            let names: Vec<&str> = self.kept.iter().map(|name| name.as_str()).collect();
            let stay = if self.dry_run { "would stay" } else { "stay" };
            writeln!(out, "  {stay} as skills of this machine: {}", names.join(", "))?;
        }
        Ok(())
    }
}
