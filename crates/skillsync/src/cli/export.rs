//! `skillsync export NAME PATH`

use std::path::PathBuf;

use clap::ValueHint;
use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Copy a skill to a folder
///
/// Writes the skill's files alone, without anything of skillsync in them.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Where to write it: a folder that does not exist yet, or is empty
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &ExportArgs) -> Result<Exit, Stop> {
    unwired((&args.name, &args.path))
}
