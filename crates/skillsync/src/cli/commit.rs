//! `skillsync commit NAME --reason TEXT`

use std::io::{self, Write};

use clap::builder::NonEmptyStringValueParser;
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;

use crate::cli::planned::Planned;
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::edit_skill::{Committed, commit, diff};
use crate::ui::{Exit, Screen, Show, Stop};

/// Make the working copy the skill's next version
///
/// Checks the working copy, swaps it in whole, and ends the edit. If the skill moved on since `edit`, the two
/// are merged, or the conflict is reported with exit code 5 and nothing changes.
#[derive(Debug, clap::Args)]
pub(crate) struct CommitArgs {
    /// Name of the skill
    #[arg(add = complete::edited_skills())]
    pub(crate) name: SkillName,
    /// Why the change was made, for the skill's history
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    /// Commit only if the edit is still the one with this token (`edit --json` prints it)
    #[arg(long, value_name = "N")]
    pub(crate) token: Option<u64>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &CommitArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    if cx.globals.dry_run {
        let changes = diff(&store, &args.name)?.changes;
        let would =
            changes.iter().map(|change| format!("commit {}: {}", change.status.as_str(), change.path));
        cx.ui.show(&Planned::new(would))?;
        return Ok(Exit::Done);
    }
    let report = commit(cx.world, &store, &args.name, &args.reason, args.token)?;
    cx.ui.show(&report)?;
    if report.quarantined {
        quarantined(cx, &report.name);
    } else if report.artifact_type == ArtifactType::Skill {
        cx.ui.hint("`skillsync sync` brings it to every agent");
    }
    Ok(Exit::Done)
}

/// Says of a new version that no agent gets it.
pub(super) fn quarantined(cx: &mut Cx<'_>, name: &SkillName) {
    cx.ui.warn(format_args!("{name} stays in quarantine: what it was made of was revoked"));
    cx.ui.hint(format_args!("`skillsync rollback {name}` goes back to a version before that"));
}

impl Show for Committed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        write!(out, "{}: version {}", self.name, self.version)?;
        if let Some(other) = self.merged_with {
            write!(out, ", merged with version {other}")?;
        }
        writeln!(out)
    }
}
