//! `skillsync add SOURCE...`

use clap::ValueHint;
use skillsync_core::name::SkillName;

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

/// Add skills from a folder or a git repository
///
/// SOURCE is one of:
///   a folder with a SKILL.md, or a folder of such folders
///   a git URL, or owner/repo on GitHub; with /path for a folder in it
///     and @ref for a branch, tag or commit
///   an https address that publishes a well-known index of skills
///
/// A source of several skills needs `--skill` or `--all`; without them you
/// are asked.
///
/// Examples:
///   skillsync add ./my-skill
///   skillsync add owner/repo/skills/pdf@v2
///   skillsync add owner/repo --skill pdf --skill xlsx
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AddArgs {
    /// Where the skills are
    #[arg(required = true, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub(crate) sources: Vec<String>,
    /// Add only the skill of this name; may be repeated
    #[arg(long = "skill", value_name = "NAME", conflicts_with = "all")]
    pub(crate) skills: Vec<SkillName>,
    /// Add every skill of the sources
    #[arg(long)]
    pub(crate) all: bool,
    /// Add the one skill under another name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["all", "skills"])]
    pub(crate) name: Option<SkillName>,
    /// Make it the next version of a skill that is already there
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &AddArgs) -> Result<Exit, Stop> {
    unwired((&args.sources, &args.skills, args.all, &args.name, args.force))
}
