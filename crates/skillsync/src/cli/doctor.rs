//! `skillsync doctor`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Find what is wrong and say what mends it
///
/// Looks at the store, the settings, every target and every link. Each finding has a severity, a place and
/// the command that mends it. Exits with 1 while an error stands.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    pub(crate) fix: bool,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &DoctorArgs) -> Result<Exit, Stop> {
    unwired(args.fix)
}
