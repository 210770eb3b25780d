//! `skillsync gc`

use std::io::{self, Write};

use indicatif::HumanBytes;
use skillsync_store::fs;

use crate::cli::Cx;
use crate::ops;
use crate::ops::gc::{Collected, Reach, RemovedKind};
use crate::ui::{Answer, Column, Exit, Screen, Show, Stop, Table};

/// Free the space of what nothing needs any more
///
/// Removes from trash what is older than 24 hours, and what no version, target or deployment names. Every
/// version of every skill stays. Exits with 3 when a record does not read, and so no version's files are removed.
#[derive(Debug, clap::Args)]
pub(crate) struct GcArgs {
    /// Empty the trash too, however young
    #[arg(long)]
    pub(crate) all: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &GcArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let reach = if args.all { Reach::All } else { Reach::Expired };
    if args.all && !cx.globals.dry_run {
        let plan = ops::gc::plan(&store, reach)?;
        let (count, bytes) = plan.of(RemovedKind::Trash);
        if count > 0 {
            let things = if count == 1 { "thing" } else { "things" };
            let size = HumanBytes(bytes);
            // What setup replaced waits there: without it, its undo has only what the store knows.
            let undo = match fs::lstat(&store.layout().setup_record())? {
                Some(_) => {
                    " `skillsync setup --undo` will have to rebuild what it moved there from the store."
                }
                None => "",
            };
            let question = format!("Delete {count} {things} in trash ({size}) for good?{undo}");
            if cx.ui.confirm(&question, Answer::No)? == Answer::No {
                return Err(Stop::Declined);
            }
        }
    }
    let report = if cx.globals.dry_run {
        ops::gc::plan(&store, reach)?
    } else {
        let progress = cx.ui.progress("removing what nothing needs", None);
        let report = ops::gc::apply(&store, reach)?;
        drop(progress);
        report
    };
    for removed in &report.removed {
        cx.ui.detail(format!("{} ({})", removed.path, HumanBytes(removed.size_bytes)));
    }
    cx.ui.show(&report)?;
    if let Some(why) = &report.objects_kept_because {
        cx.ui.warn(format!("stored objects were left alone: {why}"));
        cx.ui.hint("`skillsync doctor` says what can be mended");
        return Ok(Exit::Partial);
    }
    Ok(Exit::Done)
}

const fn word(kind: RemovedKind) -> &'static str {
    match kind {
        RemovedKind::Trash => "trash",
        RemovedKind::Tree => "rendered trees",
        RemovedKind::EditedTree => "edited trees, moved to trash",
        RemovedKind::Object => "objects",
        RemovedKind::Litter => "temporary files",
    }
}

impl Show for Collected {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.removed.is_empty() {
            return writeln!(out, "nothing to remove");
        }
        let mut table = Table::new([Column::id("WHAT"), Column::number("COUNT"), Column::number("SIZE")]);
        for kind in RemovedKind::ALL {
            let (count, bytes) = self.of(kind);
            if count > 0 {
                table.row([word(kind).to_owned(), count.to_string(), HumanBytes(bytes).to_string()]);
            }
        }
        out.table(&table)?;
        let would = if self.dry_run { "would be " } else { "" };
        writeln!(out, "{} {would}freed", HumanBytes(self.freed_bytes))
    }
}
