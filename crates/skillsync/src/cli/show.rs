//! `skillsync show NAME [PATH]`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Show what an agent loads of a skill, with token counts
///
/// Level 1 is what every agent always has in mind: name and description. Level 2 is the body of SKILL.md,
/// read when the skill is used. Level 3 is the list of the other files, read one by one when they are needed.
/// With PATH, that file.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// A file of the skill, to print it
    #[arg(value_name = "PATH", conflicts_with = "level")]
    pub(crate) path: Option<String>,
    /// Which level to show; all of them when left out
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) level: Option<u8>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &ShowArgs) -> Result<Exit, Stop> {
    unwired((&args.name, &args.path, args.level))
}
