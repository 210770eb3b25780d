//! `skillsync ls`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// List skills
///
/// Name, version, state, how often it was used, and the description, cut to the terminal.
#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &LsArgs) -> Result<Exit, Stop> {
    unwired(args)
}
