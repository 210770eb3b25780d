//! `skillsync rm NAME...`

use std::io::{self, Write};

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::rm::{Marked, plan, rm};
use crate::ui::{Exit, Screen, Show, Stop};

/// Remove skills at the next sync
///
/// Marks the skills; the next `skillsync sync` takes their links away and moves them to trash, where they
/// stay for 24 hours. Their versions stay until `skillsync gc`.
#[derive(Debug, clap::Args)]
pub(crate) struct RmArgs {
    /// Names of the skills
    #[arg(required = true, value_name = "NAME", add = complete::skills())]
    pub(crate) names: Vec<SkillName>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &RmArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    if cx.globals.dry_run {
        cx.ui.show(&plan(&store, &args.names)?)?;
        return Ok(Exit::Done);
    }
    cx.ui.show(&rm(&store, &args.names)?)?;
    cx.ui.hint("`skillsync sync` takes it out of every agent and moves it to trash");
    Ok(Exit::Done)
}

impl Show for Marked {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        for name in &self.marked {
            writeln!(out, "{name}: {would}marked for removal at the next sync")?;
        }
        for name in &self.already_marked {
            writeln!(out, "{name}: marked for removal already")?;
        }
        Ok(())
    }
}
