//! `skillsync target`: its commands have a file each.

use crate::cli::Cx;
use crate::cli::target_add::{self, TargetAddArgs};
use crate::cli::target_list::{self, TargetListArgs};
use crate::cli::target_remove::{self, TargetRemoveArgs};
use crate::ui::{Exit, Stop};

/// Choose the agent folders that sync links skills into
///
/// A target is one folder where an agent looks for skills: for all projects (`--tool`), in one project
/// (`--project`), or anywhere (`--path`). `skillsync sync` serves all of them.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    #[command(subcommand)]
    command: TargetCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TargetCommand {
    Add(TargetAddArgs),
    #[command(visible_alias = "rm")]
    Remove(TargetRemoveArgs),
    #[command(visible_alias = "ls")]
    List(TargetListArgs),
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &TargetArgs) -> Result<Exit, Stop> {
    match &args.command {
        TargetCommand::Add(args) => target_add::run(cx, args),
        TargetCommand::Remove(args) => target_remove::run(cx, args),
        TargetCommand::List(args) => target_list::run(cx, args),
    }
}
