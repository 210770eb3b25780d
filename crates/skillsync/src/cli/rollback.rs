//! `skillsync rollback NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, State};

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::rollback::RolledBack;
use crate::ui::{Exit, Screen, Show, Stop};

/// Go back to an earlier version of a skill
///
/// The content of that version becomes a new version, so that nothing is lost and the rollback can be rolled
/// back. Of a skill that `rm` has marked, only the mark is taken back unless a version is named. What was revoked is
/// not gone back to.
#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Number of the version to go back to; the one before the current when left out
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..), add = complete::versions())]
    pub(crate) to: Option<u32>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &RollbackArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = if cx.globals.dry_run {
        ops::rollback::plan(&store, &args.name, args.to)?
    } else {
        ops::rollback::apply(&store, &args.name, args.to)?
    };
    cx.ui.show(&report)?;
    if !report.dry_run && report.artifact_type == ArtifactType::Skill {
        cx.ui.hint("`skillsync sync` brings it to your agents");
    }
    if report.unknown_release {
        cx.ui.warn(format_args!(
            "nothing tells which release that version of {} is made of: it may have been revoked",
            report.name
        ));
    }
    if report.held {
        let name = &report.name;
        cx.ui.note(format_args!(
            "polls leave {name} there; `skillsync update {name}` brings it up to date again"
        ));
    }
    Ok(Exit::Done)
}

impl Show for RolledBack {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        write!(out, "{}: {would}", self.name)?;
        let again = match self.was {
            State::Quarantined => "not in quarantine any more",
            _ => "not marked for removal any more",
        };
        match (self.version == self.previous_version, self.revived) {
            (true, _) => writeln!(out, "kept at version {}, {again}", self.version),
            (false, true) => {
                writeln!(out, "version {}, back to version {}, {again}", self.version, self.back_to)
            }
            (false, false) => writeln!(out, "version {}, back to version {}", self.version, self.back_to),
        }
    }
}
