//! `skillsync verify [NAME]...`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Check every stored byte against its digest
///
/// Reads all versions of the named skills, or the whole store, and says what is missing or damaged. Changes
/// nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Names of the skills; the whole store when left out
    #[arg(value_name = "NAME", add = complete::skills())]
    pub(crate) names: Vec<SkillName>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &VerifyArgs) -> Result<Exit, Stop> {
    unwired(&args.names)
}
