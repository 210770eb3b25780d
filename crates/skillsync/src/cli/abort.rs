//! `skillsync abort NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;
use skillsync_store::lease;

use crate::cli::planned::Planned;
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::edit_skill::{Aborted, abort};
use crate::ui::{Exit, Screen, Show, Stop};

/// Throw a working copy away and end the edit
///
/// The working copy goes to trash for 24 hours. The skill stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct AbortArgs {
    /// Name of the skill
    #[arg(add = complete::edited_skills())]
    pub(crate) name: SkillName,
    /// The lease's token, as `edit --json` gives it: another's edit is then not ended
    #[arg(long, value_name = "N")]
    pub(crate) token: Option<u64>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &AbortArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    if cx.globals.dry_run {
        lease::held(store.layout(), &args.name)?;
        cx.ui.show(&Planned::new([format!("move the working copy of {} to trash", args.name)]))?;
        return Ok(Exit::Done);
    }
    cx.ui.show(&abort(cx.world, &store, &args.name, args.token)?)?;
    Ok(Exit::Done)
}

impl Show for Aborted {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}: edit ended, nothing committed", self.name)?;
        match &self.trash {
            Some(trash) => writeln!(out, "the working copy is kept for a day in {}", trash.display()),
            None => Ok(()),
        }
    }
}
