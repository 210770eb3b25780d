//! `skillsync info NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Show what a skill is and its state
///
/// Identity and current state; `skillsync log NAME` shows how its uses went.
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &InfoArgs) -> Result<Exit, Stop> {
    unwired(&args.name)
}
