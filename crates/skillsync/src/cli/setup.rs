//! `skillsync setup`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Set everything up: find agents, adopt their skills, link, sync
///
/// Makes the store if there is none, finds the agents installed on this machine and the skills in their
/// folders, and shows a plan. After your yes it takes those skills into the store, adds the agents as targets
/// and links every skill into every target. What stood in an agent's folder is moved to trash, never deleted.
///
/// Running it again does what is new since the last time. `--dry-run` shows the plan alone.
#[derive(Debug, clap::Args)]
pub(crate) struct SetupArgs {
    /// Put the agents' folders back as they were before setup
    ///
    /// The skills stay in the store, and what setup moved to trash returns to its place.
    #[arg(long)]
    pub(crate) undo: bool,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &SetupArgs) -> Result<Exit, Stop> {
    unwired(args.undo)
}
