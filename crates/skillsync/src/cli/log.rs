//! `skillsync log NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Show how the uses of a skill went
///
/// One line a use, the oldest first: time, signal, note. `skillsync info NAME` shows what the skill is.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// One line with the totals and the positive rate
    #[arg(long, conflicts_with = "limit")]
    pub(crate) summary: bool,
    /// Only the last N uses
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &LogArgs) -> Result<Exit, Stop> {
    unwired((&args.name, args.summary, args.limit))
}
