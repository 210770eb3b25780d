//! `skillsync validate [NAME|PATH]...`

use crate::cli::subject::Subject;
use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Check skills against the Agent Skills specification
///
/// Takes skills by name and folders by path (`./pdf` is the folder, `pdf` the skill); all skills when none is
/// named. Exits with 1 when an error is found.
#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// Names of skills or paths of folders; all skills when left out
    #[arg(value_name = "NAME|PATH", add = complete::subjects())]
    pub(crate) subjects: Vec<Subject>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &ValidateArgs) -> Result<Exit, Stop> {
    unwired(&args.subjects)
}
