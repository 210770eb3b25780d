//! `skillsync target remove ID`

use std::io::{self, Write};

use skillsync_core::name::TargetId;

use crate::cli::planned::Planned;
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::target::{Removed, find, remove};
use crate::ui::{Exit, Screen, Show, Stop};

/// Stop linking skills into a target
///
/// Takes our links out of the folder and the target out of config.toml. Nothing else in the folder is
/// touched.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetRemoveArgs {
    /// Id of the target
    #[arg(value_name = "ID", add = complete::targets())]
    pub(crate) id: TargetId,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &TargetRemoveArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let target = find(&store, &args.id)?;
    if cx.globals.dry_run {
        cx.ui.show(&Planned::new([format!("take our links out of {} and forget it", target.path)]))?;
        return Ok(Exit::Done);
    }
    let report = ops::write(&store, |writing, index| remove(writing, index, &args.id))?;
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Removed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let count = self.pruned.len();
        writeln!(out, "{}: removed, {count} skills taken out of {}", self.removed.id, self.removed.path)
    }
}
