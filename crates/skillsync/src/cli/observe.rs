//! `skillsync observe NAME --signal SIGNAL`

use std::io::{self, Write};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use skillsync_core::name::SkillName;
use skillsync_core::skill::Signal;
use skillsync_store::skills;

use crate::cli::planned::Planned;
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::observe::{Observed, observe};
use crate::ui::{Exit, Screen, Show, Stop};

/// Record how one use of a skill went
///
/// Agents call this after a use. The record stays on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct ObserveArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Whether the user was satisfied
    #[arg(long, value_parser = PossibleValuesParser::new(["positive", "negative"]).try_map(|word| word.parse::<Signal>()))]
    pub(crate) signal: Signal,
    /// What was good or bad, in a few words
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ObserveArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    if cx.globals.dry_run {
        skills::load(&store, &args.name)?;
        cx.ui.show(&Planned::new([format!("log {} for {}", args.signal, args.name)]))?;
        return Ok(Exit::Done);
    }
    cx.ui.show(&observe(&store, &args.name, args.signal, args.note.as_deref())?)?;
    Ok(Exit::Done)
}

impl Show for Observed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}: logged {}", self.name, self.observation.signal)
    }
}
