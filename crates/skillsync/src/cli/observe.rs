//! `skillsync observe NAME --signal SIGNAL`

use clap::builder::{PossibleValuesParser, TypedValueParser};
use skillsync_core::name::SkillName;
use skillsync_core::skill::Signal;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

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

pub(crate) fn run(_cx: &mut Cx<'_>, args: &ObserveArgs) -> Result<Exit, Stop> {
    unwired((&args.name, args.signal, &args.note))
}
