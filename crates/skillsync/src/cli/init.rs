//! `skillsync init`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Make the store and its config.toml
///
/// The store is ~/.skillsync, or the folder that SKILLSYNC_HOME names. A second run changes nothing.
/// `skillsync setup` does this and the rest.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &InitArgs) -> Result<Exit, Stop> {
    unwired(args)
}
