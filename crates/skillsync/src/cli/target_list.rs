//! `skillsync target list`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// List the targets
#[derive(Debug, clap::Args)]
pub(crate) struct TargetListArgs {}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &TargetListArgs) -> Result<Exit, Stop> {
    unwired(args)
}
