//! `skillsync sync preview [PROJECT]`

use std::io::{self, Write};

use skillsync_core::digest::ContentHash;

use crate::cli::Cx;
use crate::cli::sync_check::table;
use crate::cli::sync_pull::SyncPullArgs;
use crate::ops;
use crate::ops::pull::{Action, Candidate, Preview, preview};
use crate::ui::{Exit, Screen, Show, Stop};

/// Show what `sync pull` would look at, with hashes and strategy
#[derive(Debug, clap::Args)]
pub(crate) struct SyncPreviewArgs {
    #[command(flatten)]
    pull: SyncPullArgs,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SyncPreviewArgs) -> Result<Exit, Stop> {
    if args.pull.is_rollback() {
        return Err(Stop::usage(
            "a preview is of a pull, not of its rollback",
            "`skillsync sync pull --rollback --dry-run` shows what that would do",
        ));
    }
    let store = ops::open(cx.world)?;
    let report = preview(cx.world, &store, &args.pull.request()?)?;
    cx.ui.show(&report)?;
    for failure in &report.failed {
        cx.ui.failed_report(&failure.error);
    }
    Ok(report.exit())
}

impl Show for Preview {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.candidates.is_empty() {
            return writeln!(out, "nothing to pull");
        }
        table(self.candidates.iter().map(|one| &one.drift), out)?;
        writeln!(out)?;
        for one in &self.candidates {
            writeln!(out, "{}", line(one))?;
        }
        Ok(())
    }
}

/// What would be done about one artifact, and the three contents it is about (checklist Q13).
pub(crate) fn line(one: &Candidate) -> String {
    let short = |hash: &Option<ContentHash>| {
        hash.as_ref().map_or_else(|| "-".to_owned(), |hash| hash.hex()[..12].to_owned())
    };
    let drift = &one.drift;
    let what = match (one.action, drift.baseline_sha, drift.collection_sha) {
        (Action::Merge, None, _) => "merge, with no content known that both had",
        (Action::Push, _, None) => "left as it is, the store never had it",
        (Action::Drop, _, None) => "no longer deployed, the store does not have it",
        _ => said(one.action),
    };
    let (base, store) = (short(&drift.baseline_sha), short(&drift.collection_sha));
    let project = short(&drift.project_sha);
    format!("{}: {what} (deployed {base}, store {store}, project {project})", drift.artifact_name)
}

/// What an action is for a person.
fn said(action: Action) -> &'static str {
    match action {
        Action::Take => "the store takes the project's content",
        Action::Merge => "merge on what was deployed",
        Action::Fork => "the project's content becomes a new artifact",
        Action::Push => "the project takes the store's content",
        Action::Drop => "no longer deployed, the store keeps it",
        Action::Skip => "left as it is",
    }
}
