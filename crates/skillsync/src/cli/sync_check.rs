//! `skillsync sync check [PROJECT]`

use std::io::{self, Write};
use std::path::PathBuf;

use skillsync_core::digest::ContentHash;
use skillsync_core::drift::{Change, DriftType, Recommendation};
use skillsync_core::shell::shell_quoted;

use crate::cli::Cx;
use crate::ops;
use crate::ops::check::{Checked, Drifted, Extent, check, record};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table, Tone};

/// Show how a project's copies stand to the store
///
/// Compares each deployed copy and the store with what was deployed. Ends with 1 when anything drifted.
/// Writes nothing in the project, unless --record is given.
#[derive(Debug, clap::Args)]
pub(crate) struct SyncCheckArgs {
    /// Folder of the project
    #[arg(value_name = "PROJECT", default_value = ".")]
    project: PathBuf,
    /// Also list what is on one side alone and was never deployed
    #[arg(long)]
    all: bool,
    /// Note in the deployment file when each copy was looked at and whether it is edited
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SyncCheckArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let extent = if args.all { Extent::All } else { Extent::Deployed };
    let checked = if args.record && !cx.globals.dry_run {
        record(cx.world, &store, &args.project, extent)?
    } else {
        check(cx.world, &store, &args.project, extent)?
    };
    cx.ui.show(&checked)?;
    for failure in &checked.failed {
        cx.ui.failed_report(&failure.error);
    }
    advise(cx, &checked);
    Ok(checked.exit())
}

/// What to type next, for each type of drift that was found.
fn advise(cx: &mut Cx<'_>, checked: &Checked) {
    let project = shell_quoted(&checked.project.display().to_string());
    let first = |wanted: DriftType| checked.artifacts.iter().find(|one| one.drift_type == wanted);
    if first(DriftType::Modified).is_some() {
        cx.ui.hint(format_args!("`skillsync sync pull {project}` takes the edits into the store"));
    }
    let is_new = |one: &&Drifted| {
        one.drift_type == DriftType::Added && one.recommendation == Recommendation::PullFromProject
    };
    if let Some(one) = checked.artifacts.iter().find(is_new) {
        let pull = format!("skillsync sync pull {project} --artifacts {}", one.artifact_name);
        cx.ui.hint(format_args!("`{pull}` takes it into the store, which does not have it"));
    }
    if let Some(one) = first(DriftType::Outdated) {
        let what = if one.converged {
            "records that both agree"
        } else {
            "brings the store's content to the project"
        };
        cx.ui.hint(format_args!("`skillsync deploy {} {project}` {what}", one.artifact_name));
    }
    if let Some(one) = first(DriftType::Conflict) {
        let pull = format!("skillsync sync pull {project} --artifacts {}", one.artifact_name);
        cx.ui.hint(ways_out(one, &pull));
    }
    if let Some(one) = first(DriftType::Removed) {
        cx.ui.hint(format_args!(
            "`skillsync undeploy {} {project}` takes it out of the project, too",
            one.artifact_name
        ));
    }
}

impl Show for Checked {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.drift_count == 0 {
            let looked_at = self.checked - self.failed.len();
            if self.failed.is_empty() || looked_at > 0 {
                out.tone(Tone::Good, "no drift")?;
                write!(out, ", {looked_at} checked")?;
                out.write_all(if self.failed.is_empty() { b"\n" } else { b"; " })?;
            }
            if !self.failed.is_empty() {
                out.tone(Tone::Bad, format!("{} could not be checked", self.failed.len()))?;
                writeln!(out)?;
            }
        } else {
            table(&self.artifacts, out)?;
        }
        for note in &self.notes {
            let what =
                if note.eol_only { "line ends alone differ" } else { "mode changed, content is the same" };
            writeln!(out, "{}: {what}", note.path)?;
        }
        Ok(())
    }
}

/// The five ways out of a conflict (checklist Q14); where one side deleted the artifact, those that are left.
fn ways_out(one: &Drifted, pull: &str) -> String {
    let name = &one.artifact_name;
    let (in_project, in_store) = (one.project_sha.is_some(), one.collection_sha.is_some());
    let both = in_project && in_store;
    let ways = [
        (both, "merge both:", pull.to_owned()),
        (true, "keep the project's:", format!("{pull} --strategy overwrite")),
        (true, "keep the collection's:", format!("{pull} --strategy overwrite --prefer collection")),
        (in_project, "keep both, as two:", format!("{pull} --strategy fork")),
        (both, "by hand:", format!("edit the copy, or `skillsync edit {name}`")),
    ];
    let count = ["No", "One", "Two", "Three", "Four", "Five"][ways.iter().filter(|way| way.0).count()];
    let what =
        if both { "changed on both sides" } else { "was deleted on one side and changed on the other" };
    let ways = ways.iter().filter(|way| way.0).map(|(_, way, command)| format!("\n{way:<25} {command}"));
    format!("{name} {what}. {count} ways out:{}", ways.collect::<String>())
}

/// The table of drifts.
pub(crate) fn table<'d>(
    drifted: impl IntoIterator<Item = &'d Drifted>,
    out: &mut Screen<'_>,
) -> io::Result<()> {
    let mut table = Table::new([
        Column::id("NAME"),
        Column::id("TYPE"),
        Column::id("DRIFT"),
        Column::id("STORE"),
        Column::id("PROJECT"),
        Column::spare("PATH"),
        Column::text("ADVICE"),
    ]);
    for one in drifted {
        let side = |content: Option<ContentHash>, change: Option<Change>, version: Option<&str>| {
            let did = match change {
                None if content.is_none() => return "-".to_owned(),
                None => "as deployed",
                Some(Change::Add) => "new",
                Some(Change::Edit) => "edited",
                Some(Change::Delete) => "deleted",
            };
            version.map_or_else(|| did.to_owned(), |version| format!("{version}, {did}"))
        };
        let drift =
            if one.converged { format!("{}, converged", one.drift_type) } else { one.drift_type.to_string() };
        table.row([
            one.artifact_name.to_string(),
            one.artifact_type.to_string(),
            drift,
            side(one.collection_sha, one.store_change, one.collection_version.as_deref()),
            side(one.project_sha, one.change, None),
            one.path.clone().unwrap_or_else(|| "-".to_owned()),
            one.recommendation.to_string(),
        ]);
    }
    out.table(&table)
}
