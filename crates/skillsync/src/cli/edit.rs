//! `skillsync edit NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;
use skillsync_store::edit::Takeover;
use skillsync_store::{lease, skills};

use crate::cli::planned::Planned;
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::edit_skill::{Begun, begin};
use crate::ui::{Exit, Screen, Show, Stop};

/// Take a working copy of a skill and print its path
///
/// The absolute path is all that is printed. Change the files there, then `skillsync commit NAME --reason
/// TEXT`, or `skillsync abort NAME`. Only one edit of a skill is open at a time; another fails with exit code
/// 4 and the path of the lock.
#[derive(Debug, clap::Args)]
pub(crate) struct EditArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Take over an edit that somebody left open; their working copy goes to trash for 24 hours
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &EditArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let takeover = if args.force { Takeover::Force } else { Takeover::Refuse };
    if cx.globals.dry_run {
        skills::load_active(&store, &args.name)?;
        if takeover == Takeover::Refuse {
            lease::require_free(store.layout(), &args.name)?;
        }
        cx.ui.show(&Planned::new([format!("make a working copy of {} and take its lease", args.name)]))?;
        return Ok(Exit::Done);
    }
    let report = begin(cx.world, &store, &args.name, takeover)?;
    if let Some(replaced) = &report.replaced {
        cx.ui.note(format_args!("the working copy that was there is in {}", replaced.display()));
    }
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Begun {
    // The path alone, so that it can be used as it is (checklist D8).
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}", self.path.display())
    }
}
