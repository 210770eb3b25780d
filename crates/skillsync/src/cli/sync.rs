//! `skillsync sync`, alone or with a command of its own for one project.

use std::io::{self, Write};

use skillsync_client::mirror::Bounds;
use skillsync_client::pull::Status as Asked;
use skillsync_core::name::SkillName;

use crate::cli::refresh::{line as line_of, network, say, watched};
use crate::cli::{Cx, sync_check, sync_preview, sync_pull};
use crate::ops;
use crate::ops::builtin;
use crate::ops::refresh::{KeptUp, keep_up};
use crate::ops::sync::{Status, Synced, TargetOutcome, preview};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Bring every target up to date; check, preview, pull a project
///
/// Asks the sources that are due for news, renders every skill, links it into every target, takes away what was
/// removed, and reports one line a target. One target's failure does not stop the others: the run then ends with exit code 3.
#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    // Without one it is plain `sync`. Keep `sync` itself free of options of its own, or they need
    // `args_conflicts_with_subcommands`, which would refuse `sync --json check` too.
    #[command(subcommand)]
    command: Option<SyncCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum SyncCommand {
    Check(sync_check::SyncCheckArgs),
    Preview(sync_preview::SyncPreviewArgs),
    Pull(sync_pull::SyncPullArgs),
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SyncArgs) -> Result<Exit, Stop> {
    match &args.command {
        Some(SyncCommand::Check(args)) => sync_check::run(cx, args),
        Some(SyncCommand::Preview(args)) => sync_preview::run(cx, args),
        Some(SyncCommand::Pull(args)) => sync_pull::run(cx, args),
        None => all(cx),
    }
}

fn all(cx: &mut Cx<'_>) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = if cx.globals.dry_run {
        KeptUp { synced: preview(cx.world, &store)?, sources: Vec::new() }
    } else {
        let network = network(cx);
        let progress = cx.ui.transfer("downloading", 0);
        let watch = watched(&progress);
        keep_up(cx.world, &store, network, &watch, Bounds::default())?
    };
    cx.ui.show(&report)?;
    if report.synced.targets.is_empty() {
        cx.ui.hint("there are no targets yet: `skillsync target add --detected`");
    }
    // Agents are kept up with what is here, whether a source can be asked or not.
    say(cx, &report.sources, &[Asked::Keyless, Asked::Offline]);
    warn(cx, &report.synced);
    Ok(report.exit())
}

impl Show for KeptUp {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for (_, skill) in self.sources.iter().flat_map(|s| s.skills.iter().map(move |skill| (s, skill))) {
            if skill.has_changed() {
                line_of(skill, false, out)?;
            }
        }
        self.synced.human(out)
    }
}

/// What a person should know beside the result.
pub(super) fn warn(cx: &mut Cx<'_>, report: &Synced) {
    for target in &report.targets {
        for blocked in &target.blocked {
            cx.ui.warn(format_args!(
                "{}: {} is not linked, a {} of yours has its name: {}",
                target.target.id,
                blocked.skill,
                blocked.what,
                blocked.path.display()
            ));
        }
        for held in &target.held {
            match target.additions.iter().find(|added| added.skill == *held) {
                Some(added) => cx.ui.warn(format_args!(
                    "{}: {held} stays as it is, files were added beside it in {}",
                    target.target.id,
                    added.path.display()
                )),
                None => cx
                    .ui
                    .warn(format_args!("{}: {held} stays as it is, it was edited there", target.target.id)),
            }
        }
        if let Some(first) = target.held.first() {
            let from = &target.target.id;
            cx.ui.hint(format_args!(
                "`skillsync adopt {first} --from {from}` keeps what was done there, with `--discard` drops it"
            ));
        }
        for recovered in &target.recovered {
            let (path, id) = (recovered.path.display(), &target.target.id);
            match &recovered.kept {
                Some(kept) => cx.ui.note(format_args!(
                    "{id}: a killed command left {path}; it is in trash: {}",
                    kept.display()
                )),
                None => cx.ui.note(format_args!("{id}: a killed command left {path}; it goes to trash")),
            }
        }
    }
    let mut edited: Vec<&SkillName> = report.hand_edits.iter().map(|edit| &edit.skill).collect();
    edited.dedup();
    for edit in &report.hand_edits {
        cx.ui.warn(format_args!("{} was edited by hand: {}", edit.skill, edit.path.display()));
    }
    if let Some(first) = edited.first() {
        cx.ui.hint(format_args!("`skillsync adopt {first}` keeps the edit, with `--discard` drops it"));
    }
    for failed in &report.failed {
        cx.ui.warn(format_args!("{}: {}", failed.skill, failed.error.message));
        if let Some(hint) = &failed.error.hint {
            cx.ui.hint(hint);
        }
    }
    for warning in &report.warnings {
        let causes: String = warning.causes.iter().map(|cause| format!(": {cause}")).collect();
        cx.ui.warn(format_args!("not cleared away: {}{causes}", warning.message));
    }
    for skill in &report.struggling {
        cx.ui.warn(format_args!(
            "{} has been struggling: {}/{} negative; /skillsync-refine {} when you have a moment",
            skill.skill, skill.negative, skill.total, skill.skill
        ));
    }
}

impl Show for Synced {
    // Checklist D20: one line a target at the end.
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for name in &self.removed {
            writeln!(out, "{name}: {}", if self.dry_run { "would be removed" } else { "removed" })?;
        }
        for change in &self.built_in {
            let what = match (change.status, self.dry_run) {
                (builtin::Status::Added, false) => "added",
                (builtin::Status::Added, true) => "would be added",
                (builtin::Status::Upgraded, false) => "upgraded",
                (builtin::Status::Upgraded, true) => "would be upgraded",
                (builtin::Status::Kept, _) => "kept as it is; this skillsync has a newer one",
            };
            writeln!(out, "{}: {what}", change.skill)?;
        }
        for target in &self.targets {
            line(target, self.dry_run, out)?;
        }
        Ok(())
    }
}

fn line(outcome: &TargetOutcome, dry_run: bool, out: &mut Screen<'_>) -> io::Result<()> {
    write!(out, "{}: ", outcome.target.id)?;
    match (&outcome.error, outcome.status) {
        (Some(error), Status::Failed) => {
            out.tone(Tone::Bad, if dry_run { "would fail" } else { "failed" })?;
            return writeln!(out, ": {}", error.message);
        }
        _ => out.tone(Tone::Good, if dry_run { "would be ok" } else { "ok" })?,
    }
    match &outcome.target.covered_by {
        Some(by) => writeln!(out, " (reads {by}'s folder)"),
        None => writeln!(out, " ({} skills{})", outcome.skills, changes(outcome)),
    }
}

fn changes(outcome: &TargetOutcome) -> String {
    let count = |n: usize, what: &str| if n == 0 { String::new() } else { format!(", {n} {what}") };
    count(outcome.placed.len(), "new or changed")
        + &count(outcome.pruned.len(), "taken away")
        + &count(outcome.blocked.len(), "blocked")
        + &count(outcome.held.len(), "held")
}
