//! `skillsync info NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::info::{Info, info};
use crate::ui::{Exit, Screen, Show, Stop};

/// Show what a skill is and its state
///
/// Identity and current state; `skillsync log NAME` shows how its uses went.
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &InfoArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    cx.ui.show(&info(&store, &args.name)?)?;
    Ok(Exit::Done)
}

impl Show for Info {
    // Checklist D6, character for character; only what is no skill has a line more.
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}", self.name)?;
        if self.artifact_type != ArtifactType::Skill {
            writeln!(out, "  type: {}", self.artifact_type)?;
        }
        writeln!(out, "  version: {}", self.version)?;
        writeln!(out, "  state: {}", self.state)?;
        writeln!(out, "  content-hash: {}", self.content_hash)?;
        writeln!(out, "  created: {}", self.created)?;
        writeln!(out, "  source: {}", self.source)?;
        writeln!(
            out,
            "  invocations: {} (positive: {}, negative: {})",
            self.total_invocations, self.positive, self.negative
        )
    }
}
