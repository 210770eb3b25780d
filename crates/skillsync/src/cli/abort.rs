//! `skillsync abort NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Throw a working copy away and end the edit
///
/// The working copy goes to trash for 24 hours. The skill stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct AbortArgs {
    /// Name of the skill
    #[arg(add = complete::edited_skills())]
    pub(crate) name: SkillName,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &AbortArgs) -> Result<Exit, Stop> {
    unwired(&args.name)
}
