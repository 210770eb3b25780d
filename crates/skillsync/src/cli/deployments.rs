//! `skillsync deployments [PROJECT]`

use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::Cx;
use crate::ops::deployments::{Deployments, WrittenBack, deployments, write_back};
use crate::ops::{self, Intent};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// List what is deployed in a project
#[derive(Debug, clap::Args)]
pub(crate) struct DeploymentsArgs {
    /// Folder of the project
    #[arg(value_name = "PROJECT", default_value = ".")]
    project: PathBuf,
    /// Also write SkillMeat's `.skillmeat-deployed.toml`, for those who still work with it
    #[arg(long)]
    write_skillmeat: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &DeploymentsArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    if args.write_skillmeat {
        let intent = if cx.globals.dry_run { Intent::Plan } else { Intent::Apply };
        let written = write_back(cx.world, &store, &args.project, intent)?;
        cx.ui.show(&written)?;
        for failure in &written.failed {
            cx.ui.failed_report(&failure.error);
        }
        return Ok(written.exit());
    }
    let report = deployments(cx.world, &store, &args.project)?;
    cx.ui.show(&report)?;
    for failure in &report.failed {
        cx.ui.failed_report(&failure.error);
    }
    Ok(report.exit())
}

impl Show for Deployments {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let mut table = Table::new([
            Column::id("NAME"),
            Column::id("TYPE"),
            Column::id("STATUS"),
            Column::number("VERSION"),
            Column::spare("DEPLOYED"),
            Column::text("PATH"),
        ]);
        for line in &self.deployments {
            table.row([
                line.artifact_name.to_string(),
                line.artifact_type.to_string(),
                line.status.to_owned(),
                line.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
                line.deployed_at.clone().unwrap_or_else(|| "-".to_owned()),
                line.path.clone(),
            ]);
        }
        out.table(&table)
    }
}

impl Show for WrittenBack {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.files.is_empty() && self.failed.is_empty() {
            writeln!(out, "nothing to write: SkillMeat's file is all that is recorded")?;
        }
        for file in &self.files {
            writeln!(
                out,
                "{}: {}",
                file.display(),
                if self.dry_run { "would be written" } else { "written" }
            )?;
        }
        Ok(())
    }
}
