//! `skillsync deploy NAME... PROJECT`

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::deploy::{Deployed, IfDrifted, Line, Names, Request, Status, deploy, plan};
use crate::ops::project::Recovered;
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Copy skills into a project and record what was copied
///
/// For repositories that a team shares: real copies, no links. What was deployed is recorded in
/// `.skillsync-deployed.toml` beside them, so that edits made there can be seen (`sync check`) and merged back
/// (`sync pull`). A copy that was edited is never overwritten, unless you say so with --force.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "skillsync deploy [OPTIONS] NAME... PROJECT\n       skillsync deploy [OPTIONS] --all PROJECT"
)]
pub(crate) struct DeployArgs {
    /// Names of skills, commands and agents, and last the folder of the project
    #[arg(required = true, value_name = "NAME... PROJECT", add = complete::skills())]
    words: Vec<OsString>,
    /// Deploy everything in the store
    #[arg(long)]
    all: bool,
    /// Deploy for this tool: into its folder of the project
    #[arg(long, value_name = "TOOL", add = complete::tools())]
    tool: Vec<String>,
    /// Overwrite copies that were edited in the project; they are kept in trash
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &DeployArgs) -> Result<Exit, Stop> {
    let (names, project) = names_and_project("deploy", &args.words, args.all)?;
    let request = Request {
        project,
        names: if args.all { Names::All } else { Names::Named(names) },
        tools: args.tool.clone(),
        drifted: if args.force { IfDrifted::Overwrite } else { IfDrifted::Refuse },
    };
    let store = ops::open(cx.world)?;
    let deployed = if cx.globals.dry_run {
        plan(cx.world, &store, &request)?
    } else {
        let progress = cx.ui.progress("deploying", None);
        let deployed = deploy(cx.world, &store, &request)?;
        drop(progress);
        deployed
    };
    cx.ui.show(&deployed)?;
    for line in &deployed.artifacts {
        if let Some(error) = &line.error {
            cx.ui.failed_report(error);
        }
        if let Some(kept) = &line.trash {
            let path = &line.path;
            if line.status == Status::Overwritten || line.holds_more {
                cx.ui.note(format_args!("what stood at {path} is kept for 24 hours: {}", kept.display()));
            }
        }
    }
    if let Some(error) = &deployed.unrecorded {
        cx.ui.failed_report(error);
    }
    note_recovered(cx, &deployed.recovered);
    Ok(deployed.exit())
}

/// Says what killed commands left in the project.
pub(crate) fn note_recovered(cx: &mut Cx<'_>, recovered: &[Recovered]) {
    for Recovered { path, kept } in recovered {
        let (path, kept) = (path.display(), kept.display());
        cx.ui.note(format_args!("a killed command left {path}; it is in trash: {kept}"));
    }
}

/// Splits what was typed into names and, last, the project. With `all` there are no names.
pub(crate) fn names_and_project(
    command: &str,
    words: &[OsString],
    all: bool,
) -> Result<(Vec<SkillName>, PathBuf), Stop> {
    let usage = if all {
        format!("`skillsync {command} --all PROJECT`")
    } else {
        format!("`skillsync {command} NAME... PROJECT`; `.` is the current folder")
    };
    let Some((project, names)) = words.split_last() else {
        return Err(Stop::usage("no project was given", usage));
    };
    if all && !names.is_empty() {
        return Err(Stop::usage("--all takes no names", usage));
    }
    if !all && names.is_empty() {
        let only = project.to_string_lossy();
        return Err(Stop::usage(format!("`{only}` is a name or a project, and both are needed"), usage));
    }
    let parse =
        |word: &OsString| SkillName::parse(&word.to_string_lossy()).map_err(|e| Stop::Argument(Box::new(e)));
    Ok((names.iter().map(parse).collect::<Result<_, _>>()?, PathBuf::from(project)))
}

impl Show for Deployed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.artifacts.is_empty() {
            return writeln!(out, "the store has nothing to deploy");
        }
        for line in &self.artifacts {
            write!(out, "{}: ", line.path)?;
            let (tone, said) = said(line, self.dry_run);
            out.tone(tone, said)?;
            writeln!(out)?;
        }
        Ok(())
    }
}

fn said(line: &Line, dry_run: bool) -> (Tone, String) {
    let would = if dry_run { "would be " } else { "" };
    let version = line.version.map_or_else(String::new, |version| format!(" (version {version})"));
    match line.status {
        Status::Deployed => (Tone::Good, format!("{would}deployed{version}")),
        Status::Updated => (Tone::Good, format!("{would}updated{version}")),
        Status::Overwritten => (Tone::Good, format!("{would}overwritten{version}")),
        Status::Recorded => (Tone::Good, format!("{would}recorded, it has the store's content{version}")),
        Status::Unchanged => (Tone::Dim, format!("up to date{version}")),
        Status::Drifted => (Tone::Bad, "left as it is, it drifted".to_owned()),
        Status::Failed => (Tone::Bad, format!("{}failed", if dry_run { "would have " } else { "" })),
    }
}
