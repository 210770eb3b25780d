//! `skillsync undeploy NAME... PROJECT`

use std::ffi::OsString;
use std::io::{self, Write};

use crate::cli::deploy::{names_and_project, note_recovered};
use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::undeploy::{Request, Undeployed, plan, undeploy};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Take copies out of a project and drop their records
///
/// The copies go to trash, where they wait 24 hours, edited or not. The store keeps what it has.
#[derive(Debug, clap::Args)]
#[command(override_usage = "skillsync undeploy [OPTIONS] NAME... PROJECT")]
pub(crate) struct UndeployArgs {
    /// Names of what is deployed, and last the folder of the project
    #[arg(required = true, value_name = "NAME... PROJECT", add = complete::skills())]
    words: Vec<OsString>,
    /// Only out of this tool's folder
    #[arg(long, value_name = "TOOL", add = complete::tools())]
    tool: Vec<String>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &UndeployArgs) -> Result<Exit, Stop> {
    let (names, project) = names_and_project("undeploy", &args.words, false)?;
    let request = Request { project, names, tools: args.tool.clone() };
    let store = ops::open(cx.world)?;
    let undeployed = if cx.globals.dry_run {
        plan(cx.world, &store, &request)?
    } else {
        undeploy(cx.world, &store, &request)?
    };
    cx.ui.show(&undeployed)?;
    for error in undeployed.errors() {
        cx.ui.failed_report(error);
    }
    for line in &undeployed.artifacts {
        let why = match (line.edited, line.has_repository) {
            (true, true) => "was edited and has version control in it",
            (true, false) => "was edited",
            (false, true) => "has version control in it",
            (false, false) => continue,
        };
        if let Some(kept) = &line.trash {
            cx.ui.note(format_args!("{} {why}; it is kept for 24 hours: {}", line.path, kept.display()));
        }
    }
    note_recovered(cx, &undeployed.recovered);
    Ok(undeployed.exit())
}

impl Show for Undeployed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for line in &self.artifacts {
            write!(out, "{}: ", line.path)?;
            match (&line.error, self.dry_run) {
                (Some(_), _) => out.tone(Tone::Bad, "still there")?,
                (None, true) => out.tone(Tone::Good, "would be taken out")?,
                (None, false) => out.tone(Tone::Good, "taken out")?,
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
