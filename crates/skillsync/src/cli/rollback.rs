//! `skillsync rollback NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Go back to an earlier version of a skill
///
/// The content of that version becomes a new version, so that nothing is lost and the rollback can be rolled
/// back.
#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Number of the version to go back to; the one before the current when left out
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &RollbackArgs) -> Result<Exit, Stop> {
    unwired((&args.name, args.to))
}
