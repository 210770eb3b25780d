//! `skillsync init`

use std::io::{self, Write};

use skillsync_store::store::Error::Missing;

use crate::cli::Cx;
use crate::cli::planned::Planned;
use crate::ops;
use crate::ops::init::{Initialized, init};
use crate::ui::{Exit, Screen, Show, Stop};

/// Make the store and its config.toml
///
/// The store is ~/.skillsync, or the folder that SKILLSYNC_HOME names. A second run changes nothing.
/// `skillsync setup` does this and the rest.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {}

pub(crate) fn run(cx: &mut Cx<'_>, _args: &InitArgs) -> Result<Exit, Stop> {
    if cx.globals.dry_run {
        let would = match ops::open(cx.world) {
            Ok(_) => None,
            Err(ops::Error::Store(Missing { .. })) => {
                Some(format!("make a store at {}", cx.world.store.display()))
            }
            Err(e) => return Err(e.into()),
        };
        cx.ui.show(&Planned::new(would))?;
        return Ok(Exit::Done);
    }
    let report = init(cx.world)?;
    cx.ui.show(&report)?;
    if report.created {
        cx.ui.hint("`skillsync target add --detected` adds the agents found here, `skillsync add` skills");
    }
    Ok(Exit::Done)
}

impl Show for Initialized {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.created {
            writeln!(out, "made a store at {}", self.path.display())
        } else {
            writeln!(out, "there is a store at {} already", self.path.display())
        }
    }
}
