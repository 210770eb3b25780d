//! `skillsync hook install|remove|session-start`

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;
use jiff::SignedDuration;

use crate::cli::Cx;
use crate::cli::refresh::network;
use crate::ops;
use crate::ops::hook::session::{Start, start};
use crate::ops::hook::{Act, Hooked, Scope, plan};
use crate::ui::{Exit, Screen, Show, Stop};

/// Begin every session of an agent with its skills up to date
///
/// `install` puts one command into Claude Code's settings, after showing the change; `remove` takes it out. The
/// command is this program: `hook session-start` does what `sync` does, within two seconds, and says nothing
/// when nothing changed.
#[derive(Debug, clap::Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Debug, clap::Subcommand)]
enum HookCommand {
    Install(InstallArgs),
    Remove(RemoveArgs),
    SessionStart(SessionStartArgs),
}

/// Put the session hook into Claude Code's settings
///
/// Everything else in the file stays as it is, byte for byte. The change is shown before it is made.
#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    place: Place,
}

/// Take the session hook out of Claude Code's settings
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// For all of your sessions: ~/.claude/settings.json. This is what happens when nothing is said
    #[arg(long, conflicts_with = "project")]
    global: bool,
    /// For sessions in a project; the current folder when DIR is left out
    #[arg(long, value_name = "DIR", num_args = 0..=1, value_hint = ValueHint::DirPath)]
    project: Option<Option<PathBuf>>,
}

/// Bring skills up to date as a session begins; agents call this
///
/// Prints nothing when nothing changed, else one JSON object in the form of Claude Code's hooks. It always ends
/// with exit code 0: what is installed stays when anything fails.
#[derive(Debug, clap::Args)]
pub(crate) struct SessionStartArgs {
    /// How long it may take
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = budget)]
    budget: Duration,
}

fn budget(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|budget| !budget.is_zero())
        .ok_or_else(|| "is no time such as `2s` or `500ms`".to_owned())
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &HookArgs) -> Result<Exit, Stop> {
    match &args.command {
        HookCommand::Install(args) => change(cx, Act::Install, &args.place),
        HookCommand::Remove(args) => change(cx, Act::Remove, &args.place),
        HookCommand::SessionStart(args) => Ok(session_start(cx, args)),
    }
}

fn change(cx: &mut Cx<'_>, act: Act, place: &Place) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let scope = match &place.project {
        Some(folder) => Scope::Project(folder.clone().unwrap_or_else(|| cx.world.cwd.clone())),
        None => Scope::Global,
    };
    let plan = plan(cx.world, act, &scope)?;
    if cx.globals.dry_run {
        cx.ui.show(&plan.report)?;
        return Ok(Exit::Done);
    }
    if plan.changes() {
        if !cx.globals.json {
            cx.ui.note(format!("this is the change:\n{}", plan.report.diff.trim_end()));
        }
        cx.ui.consent(&format!("Change {}?", plan.report.path))?;
    }
    let mut report = ops::write(&store, |writing, _| plan.apply(writing))?;
    if !cx.globals.json {
        // It was shown already.
        report.diff.clear();
    }
    cx.ui.show(&report)?;
    if report.status == "installed" {
        cx.ui.hint("Claude Code asks once whether to trust a new hook");
    }
    Ok(Exit::Done)
}

fn session_start(cx: &mut Cx<'_>, args: &SessionStartArgs) -> Exit {
    match start(cx.world, network(cx), args.budget) {
        Start::Done(work) => {
            if let Some(greeting) = &work.greeting {
                // An agent that does not read what it asked for has nothing to be told.
                let _ = cx.ui.json(greeting);
            }
            work.failed.iter().for_each(|report| cx.ui.failed_report(report));
        }
        Start::Unfinished => cx.ui.note("not everything was done in time; the next session goes on"),
        Start::Failed(report) => cx.ui.failed_report(&report),
    }
    Exit::Done
}

impl Show for Hooked {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        out.write_all(self.diff.as_bytes())?;
        let path = &self.path;
        match (self.status, self.dry_run) {
            ("present", _) => writeln!(out, "{path}: the hook is there"),
            ("absent", _) => writeln!(out, "{path}: no hook of skillsync is there"),
            (status, true) => writeln!(out, "{path}: would be {status}"),
            (status, false) => writeln!(out, "{path}: {status}"),
        }
    }
}
