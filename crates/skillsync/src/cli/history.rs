//! `skillsync history NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// List the versions of a skill
///
/// Each with its number, time, origin, content hash and reason, the newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &HistoryArgs) -> Result<Exit, Stop> {
    unwired(&args.name)
}
