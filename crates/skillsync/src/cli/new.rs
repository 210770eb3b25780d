//! `skillsync new NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Make a new skill
///
/// Writes a SKILL.md with its frontmatter as version 1. Continue with `skillsync edit NAME`.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Name of the skill: 1 to 64 of a-z, 0-9 and single hyphens
    pub(crate) name: SkillName,
    /// What the skill does and when an agent should use it
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &NewArgs) -> Result<Exit, Stop> {
    unwired((&args.name, &args.description))
}
