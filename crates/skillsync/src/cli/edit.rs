//! `skillsync edit NAME`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Take a working copy of a skill and print its path
///
/// The absolute path is all that is printed. Change the files there, then `skillsync commit NAME --reason
/// TEXT`, or `skillsync abort NAME`. Only one edit of a skill is open at a time; another fails with exit code
/// 4 and the path of the lock.
#[derive(Debug, clap::Args)]
pub(crate) struct EditArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Take over an edit that somebody left open; their working copy goes to trash for 24 hours
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &EditArgs) -> Result<Exit, Stop> {
    unwired((&args.name, args.force))
}
