//! `skillsync target add`

use std::path::PathBuf;

use clap::{ArgGroup, ValueHint};
use skillsync_core::name::TargetId;

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Add an agent's folder as a target
///
/// Give exactly one of `--tool`, `--path`, `--project` and `--detected`;
/// `--tool` with `--project` says which agent's folder in the project is
/// meant. Nothing is linked before the next `skillsync sync`.
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
    #[arg(long, value_name = "NAME", group = "place")]
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

pub(crate) fn run(_cx: &mut Cx<'_>, args: &TargetAddArgs) -> Result<Exit, Stop> {
    unwired((&args.tool, &args.path, &args.project, args.detected, &args.id, &args.mode))
}
