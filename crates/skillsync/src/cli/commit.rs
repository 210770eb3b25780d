//! `skillsync commit NAME --reason TEXT`

use clap::builder::NonEmptyStringValueParser;
use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Make the working copy the skill's next version
///
/// Checks the working copy, swaps it in whole, and ends the edit. If the skill moved on since `edit`, the two
/// are merged, or the conflict is reported with exit code 5 and nothing changes.
#[derive(Debug, clap::Args)]
pub(crate) struct CommitArgs {
    /// Name of the skill
    #[arg(add = complete::edited_skills())]
    pub(crate) name: SkillName,
    /// Why the change was made, for the skill's history
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    /// Commit only if the edit is still the one with this token (`edit --json` prints it)
    #[arg(long, value_name = "N")]
    pub(crate) token: Option<u64>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &CommitArgs) -> Result<Exit, Stop> {
    unwired((&args.name, &args.reason, args.token))
}
