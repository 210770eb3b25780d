//! `skillsync diff NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::edit_skill::diff;
use crate::ui::{Exit, Stop};

/// Compare a working copy with its skill, as JSON
///
/// Prints JSON with and without `--json`: each changed file with its old and new text, and a summary.
#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// Name of the skill
    #[arg(add = complete::edited_skills())]
    pub(crate) name: SkillName,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &DiffArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    cx.ui.json(&diff(&store, &args.name)?)?;
    Ok(Exit::Done)
}
