//! `skillsync export NAME PATH`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueHint;
use skillsync_core::name::SkillName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::export::Exported;
use crate::ui::{Exit, Screen, Show, Stop};

/// Copy a skill to a folder
///
/// Writes the skill's files alone, without anything of skillsync in them.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Where to write it: a folder that does not exist yet, outside the store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ExportArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let path = cx.world.resolve(&args.path);
    let report = if cx.globals.dry_run {
        ops::export::plan(&store, &args.name, &path)?
    } else {
        ops::export::apply(&store, &args.name, &path)?
    };
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Exported {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be written" } else { "written" };
        let files = if self.files == 1 { "file" } else { "files" };
        writeln!(
            out,
            "{} version {}: {} {files} {would} to {}",
            self.name, self.version, self.files, self.path
        )
    }
}
