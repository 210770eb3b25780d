//! `skillsync source`: its commands have a file each.

use crate::cli::Cx;
use crate::cli::source_add::{self, SourceAddArgs};
use crate::cli::source_import::{self, SourceImportArgs};
use crate::cli::source_list::{self, SourceListArgs};
use crate::cli::source_remove::{self, SourceRemoveArgs};
use crate::cli::source_trust::{self, SourceTrustArgs};
use crate::ui::{Exit, Stop};

/// Choose the hubs that skills come from
///
/// A source is a hub by its address. Nothing it says is believed unless keys that its first root names have
/// signed it; `source add` shows that root's fingerprint and asks.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    #[command(subcommand)]
    command: SourceCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SourceCommand {
    Add(SourceAddArgs),
    #[command(visible_alias = "rm")]
    Remove(SourceRemoveArgs),
    #[command(visible_alias = "ls")]
    List(SourceListArgs),
    Trust(SourceTrustArgs),
    Import(SourceImportArgs),
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SourceArgs) -> Result<Exit, Stop> {
    match &args.command {
        SourceCommand::Add(args) => source_add::run(cx, args),
        SourceCommand::Remove(args) => source_remove::run(cx, args),
        SourceCommand::List(args) => source_list::run(cx, args),
        SourceCommand::Trust(args) => source_trust::run(cx, args),
        SourceCommand::Import(args) => source_import::run(cx, args),
    }
}
