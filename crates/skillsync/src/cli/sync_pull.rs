//! `skillsync sync pull [PROJECT]`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use skillsync_core::merge::ShowBase;
use skillsync_core::name::SkillName;
use skillsync_store::ledger::CopyKey;

use crate::cli::add::warn_of;
use crate::cli::deploy::note_recovered;
use crate::cli::{Cx, complete, sync_preview};
use crate::ops::pull::{
    Action, Choice, Prefer, Preview, Request, RolledBack, Strategy, SyncResult, SyncStatus, plan, preview,
    pull, rollback,
};
use crate::ops::{self, Intent};
use crate::ui::{Answer, Exit, Screen, Show, Stop, Tone};

/// Take what was edited in a project into the store
///
/// Merges line by line, on the version that was really deployed. What both sides changed goes to a working
/// copy with markers, never into the skill; `skillsync commit` makes the version once it is decided.
#[derive(Debug, clap::Args)]
pub(crate) struct SyncPullArgs {
    /// Folder of the project
    #[arg(value_name = "PROJECT", default_value = ".")]
    project: PathBuf,
    /// Only these artifacts
    #[arg(long, value_name = "NAMES", value_delimiter = ',', add = complete::skills())]
    artifacts: Vec<SkillName>,
    /// How: merge both, let one side win, keep both as two, or ask for each
    #[arg(long, value_name = "STRATEGY", value_enum, default_value_t = How::Merge, hide_possible_values = true)]
    #[arg(help = "How: merge, overwrite, fork (keep both as two), prompt (ask for each)")]
    strategy: How,
    /// Which side wins with `--strategy overwrite`: project, collection
    #[arg(long, value_name = "SIDE")]
    prefer: Option<Prefer>,
    /// Show in conflict markers what was deployed
    #[arg(long)]
    show_base: bool,
    /// Why, for the skills' history
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Undo what the last pull from this project changed
    #[arg(long, conflicts_with_all = ["artifacts", "strategy", "prefer", "show_base", "reason"])]
    rollback: bool,
}

/// The strategies, and being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum How {
    Merge,
    Overwrite,
    Fork,
    Prompt,
}

impl SyncPullArgs {
    /// Whether an earlier pull is to be undone.
    pub(crate) fn is_rollback(&self) -> bool {
        self.rollback
    }

    /// What is asked for. Fails where the flags disagree.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        if self.prefer.is_some() && self.strategy != How::Overwrite {
            return Err(Stop::usage(
                "--prefer says which side wins, and only one strategy has a winner",
                "add `--strategy overwrite`",
            ));
        }
        let strategy = match self.strategy {
            How::Merge | How::Prompt => Strategy::Merge,
            How::Overwrite => Strategy::Overwrite,
            How::Fork => Strategy::Fork,
        };
        Ok(Request {
            project: self.project.clone(),
            artifacts: self.artifacts.clone(),
            choice: Choice::Pull(strategy, self.prefer.unwrap_or(Prefer::Project)),
            choices: BTreeMap::new(),
            show_base: if self.show_base { ShowBase::Yes } else { ShowBase::No },
            reason: self.reason.clone(),
        })
    }
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SyncPullArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    if args.rollback {
        let intent = if cx.globals.dry_run { Intent::Plan } else { Intent::Apply };
        if intent == Intent::Apply {
            cx.ui.consent("Undo the last pull from this project?")?;
        }
        let rolled_back = rollback(cx.world, &store, &args.project, intent)?;
        cx.ui.show(&rolled_back)?;
        note_recovered(cx, &rolled_back.recovered);
        for error in rolled_back.artifacts.iter().filter_map(|one| one.error.as_ref()) {
            cx.ui.failed_report(error);
        }
        return Ok(rolled_back.exit());
    }
    let mut request = args.request()?;
    if cx.globals.dry_run {
        return show(cx, plan(cx.world, &store, &request)?);
    }
    let expected = preview(cx.world, &store, &request)?;
    let is_asked = args.strategy == How::Prompt;
    if is_asked {
        request.choices = ask(cx, &expected)?;
    } else if !expected.candidates.is_empty() && !confirmed(cx, &expected)? {
        return show(cx, SyncResult::cancelled(args.project.clone()));
    }
    let progress = cx.ui.progress("pulling", None);
    let result = pull(cx.world, &store, &request)?;
    drop(progress);
    show(cx, result)
}

/// Shows what would be pulled and asks whether to go on (checklist Q13).
fn confirmed(cx: &mut Cx<'_>, expected: &Preview) -> Result<bool, Stop> {
    if cx.ui.is_asking() {
        for one in &expected.candidates {
            cx.ui.note(sync_preview::line(one));
        }
    }
    let names: Vec<&str> = expected.candidates.iter().map(|one| one.drift.artifact_name.as_str()).collect();
    let question = format!("Proceed with sync? {}: {}", plural(names.len(), "artifact"), names.join(", "));
    Ok(cx.ui.confirm(&question, Answer::Yes)? == Answer::Yes)
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Asks for each artifact what is to be done (checklist Q10).
fn ask(cx: &mut Cx<'_>, expected: &Preview) -> Result<BTreeMap<CopyKey, Choice>, Stop> {
    const WAYS: [(&str, Choice); 5] = [
        ("merge both", Choice::Pull(Strategy::Merge, Prefer::Project)),
        ("keep the project's content", Choice::Pull(Strategy::Overwrite, Prefer::Project)),
        ("keep the collection's content", Choice::Pull(Strategy::Overwrite, Prefer::Collection)),
        ("keep both, as two", Choice::Pull(Strategy::Fork, Prefer::Project)),
        ("leave it as it is", Choice::Skip),
    ];
    let mut choices = BTreeMap::new();
    for one in &expected.candidates {
        let drift = &one.drift;
        let path = drift.path.clone().unwrap_or_default();
        let question = format!("{} ({}, {path})", drift.artifact_name, drift.drift_type);
        let at = cx.ui.choose(&question, &WAYS.map(|(way, _)| way))?;
        let key = CopyKey {
            folder: drift.folder.clone().unwrap_or_default(),
            artifact_type: drift.artifact_type,
            artifact_name: drift.artifact_name.clone(),
        };
        choices.insert(key, WAYS.get(at).map_or(Choice::Skip, |(_, choice)| *choice));
    }
    Ok(choices)
}

fn show(cx: &mut Cx<'_>, result: SyncResult) -> Result<Exit, Stop> {
    cx.ui.show(&result)?;
    for one in &result.artifacts {
        warn_of(cx, one.stored_as.as_ref().unwrap_or(&one.artifact_name), &one.warnings);
        if let Some(kept) = &one.trash {
            cx.ui.note(format_args!("what stood at {} is kept for 24 hours: {}", one.path, kept.display()));
        }
    }
    note_recovered(cx, &result.recovered);
    for unsettled in &result.conflicts {
        let name = &unsettled.artifact_name;
        warn_of(cx, name, &unsettled.warnings);
        if let Some(error) = &unsettled.error {
            cx.ui.failed_report(error);
        }
        if let Some(path) = &unsettled.working_copy {
            cx.ui.hint(format_args!(
                "decide the marked places in {}, then `skillsync commit {name} --reason TEXT`; `skillsync abort \
                 {name}` leaves both sides as they are",
                path.display()
            ));
        }
    }
    if let Some(error) = &result.unrecorded {
        cx.ui.failed_report(error);
    }
    if result.artifacts.iter().any(|one| one.version.is_some()) && !result.dry_run {
        cx.ui.hint("`skillsync sync` brings it to your agents; `skillsync sync pull --rollback` undoes it");
    }
    Ok(result.exit())
}

impl Show for SyncResult {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        for one in &self.artifacts {
            write!(out, "{}: ", one.path)?;
            let version = match (&one.stored_as, one.version) {
                (Some(name), Some(version)) => Some(format!("{name} version {version}")),
                _ => None,
            };
            let Some(action) = one.action else {
                let after = one.after.as_deref().unwrap_or_default();
                writeln!(out, "would be pulled after {after}, with what the store has then")?;
                continue;
            };
            let (tone, said) = match (action, version) {
                (Action::Skip, _) => (Tone::Dim, "left as it is".to_owned()),
                (Action::Push, _) => (Tone::Good, format!("{would}replaced by the store's content")),
                (Action::Drop, _) => {
                    let (name, keeps) =
                        (&one.artifact_name, if one.in_store { "keeps" } else { "does not have" });
                    (Tone::Good, format!("{would}no longer deployed; the store {keeps} {name}"))
                }
                (Action::Merge, Some(version)) => (Tone::Good, format!("{would}merged: {version}")),
                (Action::Fork, Some(version)) => (Tone::Good, format!("{would}forked: {version}")),
                (_, Some(version)) => (Tone::Good, format!("{would}taken: {version}")),
                (_, None) => (Tone::Dim, "the store has it already".to_owned()),
            };
            out.tone(tone, said)?;
            writeln!(out)?;
        }
        for unsettled in self.conflicts.iter().filter(|unsettled| !unsettled.files.is_empty()) {
            write!(out, "{}: ", unsettled.artifact_name)?;
            out.tone(Tone::Bad, "conflict")?;
            let files: Vec<&str> = unsettled.conflict_files.iter().map(|path| path.as_str()).collect();
            writeln!(out, " in {}", files.join(", "))?;
        }
        match self.status {
            SyncStatus::Success | SyncStatus::Partial | SyncStatus::DryRun if self.artifacts.is_empty() => {
                writeln!(out, "{}", self.message)
            }
            SyncStatus::NoChanges | SyncStatus::Cancelled => writeln!(out, "{}", self.message),
            _ => Ok(()),
        }
    }
}

impl Show for RolledBack {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        use crate::ops::pull::Outcome;
        let would = if self.dry_run { "would be " } else { "" };
        for one in &self.artifacts {
            write!(out, "{}: ", one.artifact_name)?;
            let version = one.version.map_or_else(String::new, |version| format!(" as version {version}"));
            let (tone, said) = match one.outcome {
                Outcome::Restored => (Tone::Good, format!("{would}as before the pull{version}")),
                Outcome::Removed => (Tone::Good, format!("{would}marked for removal at the next sync")),
                Outcome::Aborted => {
                    (Tone::Good, format!("{would}no longer edited, the working copy in trash"))
                }
                Outcome::PutBack => (Tone::Good, format!("{would}as before in the project")),
                Outcome::Forgotten => (Tone::Good, format!("{would}as before")),
                Outcome::Kept => (Tone::Bad, "left as it is".to_owned()),
            };
            out.tone(tone, said)?;
            writeln!(out)?;
        }
        Ok(())
    }
}
