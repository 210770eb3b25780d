//! `skillsync new NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;

use crate::cli::Cx;
use crate::cli::planned::Planned;
use crate::ops;
use crate::ops::new::{Created, check, new};
use crate::ui::{Exit, Screen, Show, Stop};

/// Make a new skill
///
/// Writes a SKILL.md with its frontmatter as version 1. Continue with `skillsync edit NAME`.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Name of the skill: 1 to 64 of a-z, 0-9 and single hyphens
    pub(crate) name: SkillName,
    /// What the skill does and when an agent should use it
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &NewArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let description = args.description.as_deref();
    if cx.globals.dry_run {
        check(&store, &args.name, description)?;
        cx.ui.show(&Planned::new([format!("make the skill {}", args.name)]))?;
        return Ok(Exit::Done);
    }
    let report = new(&store, &args.name, description)?;
    cx.ui.show(&report)?;
    cx.ui.hint(format_args!("`skillsync edit {}` to write it", args.name));
    Ok(Exit::Done)
}

impl Show for Created {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "made {}, version {}", self.name, self.version)
    }
}
