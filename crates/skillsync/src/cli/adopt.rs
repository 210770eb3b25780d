//! `skillsync adopt NAME`

use clap::builder::NonEmptyStringValueParser;
use skillsync_core::name::{SkillName, TargetId};

use crate::cli::{Cx, complete, unwired};
use crate::ui::{Exit, Stop};

/// Keep or discard an edit made outside `edit`
///
/// When somebody changed a skill's files in the store, or through an agent's link, nothing overwrites it.
/// `adopt` makes it the skill's next version; with `--discard` the skill is put back and the edit goes to
/// trash for 24 hours.
#[derive(Debug, clap::Args)]
pub(crate) struct AdoptArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// The target that holds the edit, when several do
    #[arg(long, value_name = "TARGET", add = complete::targets())]
    pub(crate) from: Option<TargetId>,
    /// Why the change was made, for the skill's history
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "discard")]
    pub(crate) reason: Option<String>,
    /// Throw the edit away instead
    #[arg(long)]
    pub(crate) discard: bool,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &AdoptArgs) -> Result<Exit, Stop> {
    unwired((&args.name, &args.from, &args.reason, args.discard))
}
