//! `skillsync gc`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Free the space of what nothing needs any more
///
/// Removes from trash what is older than 24 hours, and what no version, target or deployment names. Every
/// version of every skill stays.
#[derive(Debug, clap::Args)]
pub(crate) struct GcArgs {
    /// Empty the trash too, however young
    #[arg(long)]
    pub(crate) all: bool,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &GcArgs) -> Result<Exit, Stop> {
    unwired(args.all)
}
