//! `skillsync sync`, alone or with a command of its own for one project.

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Bring every target up to date
///
/// Renders every skill, links it into every target, takes away what was removed, and reports one line a
/// target. One target's failure does not stop the others: the run then ends with exit code 3.
#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    // `sync check|preview|pull PROJECT` go here; without one it is plain `sync`. Keep `sync` itself free of options
    // of its own, or they need `args_conflicts_with_subcommands`, which would refuse `sync --json check` too.
    #[command(subcommand)]
    command: Option<SyncCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum SyncCommand {}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &SyncArgs) -> Result<Exit, Stop> {
    match &args.command {
        Some(command) => match *command {},
        None => unwired(args),
    }
}
