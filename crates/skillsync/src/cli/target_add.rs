//! `skillsync target add`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgGroup, ValueHint};
use skillsync_core::name::TargetId;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::target::{Added, Adjust, Choice, apply_add, plan_add};
use crate::ui::{Exit, Screen, Show, Stop};

/// Add an agent's folder as a target
///
/// Give exactly one of `--tool`, `--path`, `--project` and `--detected`;
/// `--tool` with `--project` says which agent's folder in the project is
/// meant. The folder is made where it is missing; nothing is linked before
/// the next `skillsync sync`.
///
/// Examples:
///   skillsync target add --tool codex
///   skillsync target add --detected
///   skillsync target add --project ~/work/app --tool claude-code
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(group(ArgGroup::new("place").required(true).multiple(true)))]
pub(crate) struct TargetAddArgs {
    /// The folder of this agent for all projects, by the agent's id
    #[arg(long, value_name = "NAME", group = "place", add = complete::tools())]
    pub(crate) tool: Option<String>,
    /// Any folder
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath, group = "place", conflicts_with_all = ["tool", "project"])]
    pub(crate) path: Option<PathBuf>,
    /// The agent's folder in a project; the current folder when DIR is left out
    #[arg(long, value_name = "DIR", num_args = 0..=1, value_hint = ValueHint::DirPath, group = "place")]
    pub(crate) project: Option<Option<PathBuf>>,
    /// Every agent found on this machine
    #[arg(long, group = "place", conflicts_with_all = ["tool", "path", "project"])]
    pub(crate) detected: bool,
    /// The id of the target; made from the agent or path when left out
    #[arg(long, value_name = "ID", conflicts_with = "detected")]
    pub(crate) id: Option<TargetId>,
    /// How skills are put there
    #[arg(long, value_name = "MODE", value_parser = ["symlink", "copy"])]
    pub(crate) mode: Option<String>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &TargetAddArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let choice = match (&args.tool, &args.path, &args.project) {
        (tool, _, Some(project)) => {
            Choice::Project(project.clone().unwrap_or_else(|| cx.world.cwd.clone()), tool.clone())
        }
        (Some(tool), ..) => Choice::Tool(tool.clone()),
        (_, Some(path), _) => Choice::Path(path.clone()),
        _ => Choice::Detected,
    };
    let mode = args.mode.as_deref().map(str::parse).transpose()?;
    let adjust = Adjust { id: args.id.clone(), mode };
    let mut plan = plan_add(cx.world, &store, &choice, &adjust)?;
    plan.dry_run = cx.globals.dry_run;
    if !cx.globals.dry_run && !plan.added.is_empty() {
        ops::write(&store, |writing, _| {
            // Planned again under the mutex: another command may have come in between.
            let plan = plan_add(cx.world, writing.store(), &choice, &adjust)?;
            apply_add(writing, &plan)
        })?;
    }
    cx.ui.show(&plan)?;
    if plan.added.is_empty() && plan.present.is_empty() {
        cx.ui.hint("no agent was found here; `--tool NAME` or `--path FOLDER` adds one by name");
        return Ok(Exit::Failed);
    }
    if !plan.added.is_empty() && !cx.globals.dry_run {
        cx.ui.hint("`skillsync sync` links the skills into it");
    }
    Ok(Exit::Done)
}

impl Show for Added {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for target in &self.added {
            let would = if self.dry_run { "would be added: " } else { "" };
            writeln!(out, "{}: {would}{}", target.id, target.path)?;
        }
        for target in &self.present {
            writeln!(out, "{}: {} (was there already)", target.id, target.path)?;
        }
        Ok(())
    }
}
