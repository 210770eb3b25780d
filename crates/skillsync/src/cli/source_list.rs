//! `skillsync source list`

use std::io;

use crate::cli::Cx;
use crate::ops;
use crate::ops::source::{Listed, Sources, list};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// List the sources
///
/// Whether what is known of each is new enough, when it was last asked, and how many of its skills are installed.
/// Asks nobody.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceListArgs {}

pub(crate) fn run(cx: &mut Cx<'_>, _args: &SourceListArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = list(cx.world, &store)?;
    cx.ui.show(&report)?;
    if report.sources.is_empty() {
        cx.ui.hint("there are no sources yet: `skillsync source add https://hub.example`");
    }
    let mut exit = Exit::Done;
    for error in report.sources.iter().filter_map(|source| source.error.as_ref()) {
        cx.ui.failed_report(error);
        exit = Exit::Partial;
    }
    Ok(exit)
}

fn freshness(source: &Listed) -> String {
    match (source.freshness, &source.manifest_expires) {
        ("stale", Some(since)) => format!("STALE since {since}"),
        (word, _) => word.to_owned(),
    }
}

impl Show for Sources {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let mut table = Table::new([
            Column::id("NAME"),
            Column::id("URL"),
            Column::id("POLICY"),
            Column::id("APPLY"),
            Column::id("FRESHNESS"),
            Column::number("INSTALLED"),
            Column::spare("CHECKED"),
            Column::spare("KEY"),
        ]);
        for source in &self.sources {
            table.row([
                source.name.to_string(),
                source.url.to_string(),
                source.policy.to_string(),
                source.apply.to_string(),
                freshness(source),
                source.installed.to_string(),
                source.last_checked.clone().unwrap_or_else(|| "never".to_owned()),
                source.key.clone().unwrap_or_else(|| "none".to_owned()),
            ]);
        }
        out.table(&table)
    }
}
