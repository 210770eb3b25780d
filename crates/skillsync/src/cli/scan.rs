//! `skillsync scan [NAME|PATH]...`

use crate::cli::subject::Subject;
use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Look for dangerous content in skills
///
/// Finds hidden text, instructions that reach for secrets, downloads that are run, and the like. Takes skills
/// by name and folders by path; all skills when none is named. Exits with 1 when something dangerous is
/// found.
#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// Names of skills or paths of folders; all skills when left out
    #[arg(value_name = "NAME|PATH", add = complete::subjects())]
    pub(crate) subjects: Vec<Subject>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &ScanArgs) -> Result<Exit, Stop> {
    unwired(&args.subjects)
}
