//! `skillsync search WORDS...`

use std::io;

use clap::builder::RangedU64ValueParser;
use skillsync_client::catalogue::{PAGE_SIZE, PAGE_SIZE_MOST};
use skillsync_core::name::SourceName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::network::Network;
use crate::ops::search::{Found, Page, search};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// Search the hubs for skills
///
/// Asks every source, or one. The results are in the order of the sources, each source's best first.
///
/// Examples:
///   skillsync search seo audit
///   skillsync search pdf --source team --page 2
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SearchArgs {
    /// What the skill should be about
    #[arg(required = true, value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Ask this source only
    #[arg(long, value_name = "NAME", add = complete::sources())]
    pub(crate) source: Option<SourceName>,
    /// Results of each source, at most 100
    #[arg(long, value_name = "COUNT", default_value_t = PAGE_SIZE)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=u64::from(PAGE_SIZE_MOST)))]
    pub(crate) page_size: u32,
    /// Which page, from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1, hide_default_value = true)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    pub(crate) page: u32,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SearchArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let network = if cx.globals.offline { Network::Off } else { Network::Allowed };
    let door = network.door("a search")?;
    let progress = cx.ui.progress("searching", None);
    let page = Page { number: args.page, size: args.page_size };
    let found = search(cx.world, &store, &*door, &args.words.join(" "), args.source.as_ref(), page)?;
    drop(progress);
    cx.ui.show(&found)?;
    for failed in &found.failed {
        cx.ui.failed_report(&failed.error);
    }
    if found.results.is_empty() && found.failed.is_empty() {
        cx.ui.hint(match (found.total, args.page) {
            (0, _) => "no source has such a skill: try fewer words, or others",
            (_, _) => "there are no more: `--page` counts from 1",
        });
    }
    Ok(match (found.failed.is_empty(), found.answered) {
        (true, _) => Exit::Done,
        (false, 0) => Exit::Offline,
        (false, _) => Exit::Partial,
    })
}

impl Show for Found {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.results.is_empty() {
            return Ok(());
        }
        let has_several = self.answered + self.failed.len() > 1;
        let mut columns = vec![
            Column::id("SLUG"),
            Column::id("VERSION"),
            Column::spare("TIER"),
            Column::number("INSTALLS"),
            Column::text("DESCRIPTION"),
        ];
        if has_several {
            columns.insert(0, Column::id("SOURCE"));
        }
        let mut table = Table::new(columns);
        for hit in &self.results {
            let mut cells = vec![
                hit.result.slug.to_string(),
                hit.result.version.to_string(),
                hit.result.tier.to_string(),
                hit.result.install_count_total.to_string(),
                hit.result.description.clone(),
            ];
            if has_several {
                cells.insert(0, hit.source.to_string());
            }
            table.row(cells);
        }
        out.table(&table)
    }
}
