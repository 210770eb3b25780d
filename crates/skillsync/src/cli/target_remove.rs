//! `skillsync target remove ID`

use skillsync_core::name::TargetId;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Stop linking skills into a target
///
/// Takes our links out of the folder and the target out of config.toml. Nothing else in the folder is
/// touched.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetRemoveArgs {
    /// Id of the target
    #[arg(value_name = "ID", add = complete::targets())]
    pub(crate) id: TargetId,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &TargetRemoveArgs) -> Result<Exit, Stop> {
    unwired(&args.id)
}
