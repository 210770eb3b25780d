//! `skillsync rm NAME...`

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Remove skills at the next sync
///
/// Marks the skills; the next `skillsync sync` takes their links away and moves them to trash, where they
/// stay for 24 hours. Their versions stay until `skillsync gc`.
#[derive(Debug, clap::Args)]
pub(crate) struct RmArgs {
    /// Names of the skills
    #[arg(required = true, value_name = "NAME", add = complete::skills())]
    pub(crate) names: Vec<SkillName>,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &RmArgs) -> Result<Exit, Stop> {
    unwired(&args.names)
}
