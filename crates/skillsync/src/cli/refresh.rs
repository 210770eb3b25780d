//! What `install`, `update`, `outdated` and `poll` show: a line for each skill, and what a person should know of the sources.

use std::io::{self, Write};

use skillsync_client::delivery::{Done, REVOKED_CONFLICT};
use skillsync_client::download::Progress as Event;
use skillsync_client::mirror::GUARDED;
use skillsync_client::pull::Status;
use skillsync_core::name::SourceName;

use crate::cli::{Cx, sync};
use crate::ops::network::Network;
use crate::ops::refresh::{Refreshed, SkillOutcome, SourceOutcome};
use crate::ui::{Progress, Screen, Show, Stop, Tone};

/// Whether the network may be used.
pub(super) fn network(cx: &Cx<'_>) -> Network {
    if cx.globals.offline { Network::Off } else { Network::Allowed }
}

/// Progress of downloads. It is nothing until it is known how much is to come.
pub(super) fn watched(progress: &Progress) -> impl Fn(Event) + Sync + '_ {
    |event| match event {
        Event::Expected { files: 0, .. } => {}
        Event::Expected { bytes, .. } => progress.expect(bytes),
        Event::Bytes(bytes) => progress.add(bytes),
    }
}

/// Shows the report, and beside it what needs a word.
pub(super) fn show(cx: &mut Cx<'_>, report: &Refreshed) -> Result<(), Stop> {
    cx.ui.show(report)?;
    say(cx, &report.sources, &[]);
    if let Some(synced) = &report.sync {
        sync::warn(cx, synced);
    }
    Ok(())
}

/// What a person should know of the sources. A source of a status among `no_failures` is no failure of the command: what is
/// installed goes on working.
pub(super) fn say(cx: &mut Cx<'_>, sources: &[SourceOutcome], no_failures: &[Status]) {
    for source in sources {
        for warning in &source.warnings {
            let times = if warning.times > 1 { format!(" ({} times)", warning.times) } else { String::new() };
            cx.ui.warn(format_args!("{}: {}: {}{times}", source.source, warning.host, warning.problem));
        }
        if let Some(error) = source.error.as_ref().filter(|_| no_failures.contains(&source.status)) {
            cx.ui.warn(&error.message);
            error.hint.iter().for_each(|hint| cx.ui.hint(hint));
        } else if let Some(error) = &source.error {
            match (source.status, &source.expires) {
                (Status::Stale, _) => cx.ui.warn(format_args!(
                    "{}: STALE: what is known of it holds no longer; what is installed goes on working",
                    source.source
                )),
                (Status::Offline, _) => {
                    cx.ui.warn(format_args!("{}: offline; what is installed goes on working", source.source));
                }
                _ => {}
            }
            cx.ui.failed_report(error);
        }
        for skill in &source.skills {
            say_of(cx, &source.source, skill);
        }
    }
}

fn say_of(cx: &mut Cx<'_>, source: &SourceName, skill: &SkillOutcome) {
    let name = &skill.skill;
    match skill.outcome {
        Done::Quarantined => {
            let why = skill.why.as_deref().unwrap_or("no reason is given");
            if skill.in_use {
                cx.ui.warn(format_args!("{name}: revoked by {source}: {why}; it is still in use"));
                cx.ui.hint(format_args!("`skillsync poll --source {source}` takes it out of use"));
                return failed(cx, skill);
            }
            cx.ui.warn(format_args!(
                "{name}: revoked by {source}: {why}; it is in no agent's folder any more"
            ));
            if skill.working_copy.is_none() {
                cx.ui.hint(format_args!("`skillsync rollback {name}` goes back to a version before it"));
            }
        }
        Done::Conflict => {
            cx.ui
                .warn(format_args!("{name}: the release and your edits both changed: {}", shown(&skill.why)));
        }
        Done::Held if skill.why.as_deref() == Some(REVOKED_CONFLICT) => {
            cx.ui.warn(format_args!("{name}: the release that waits in its working copy was revoked"));
            cx.ui.hint(format_args!(
                "`skillsync abort {name}` puts the working copy into trash, for 24 hours"
            ));
        }
        // It waits to be decided.
        Done::Held if skill.working_copy.is_some() => {}
        Done::Held if matches!(skill.why.as_deref(), Some("rollback" | "version" | "conflict")) => {
            cx.ui.hint(format_args!("`skillsync update {name}` brings {name} up to date again"));
        }
        Done::Unlisted if skill.why.as_deref() == Some(GUARDED) => {
            cx.ui.warn(format_args!("{name}: {source} does not list it any more, nor most others; it stays"));
            cx.ui.hint(format_args!(
                "if that is meant so, `skillsync poll --source {source} --allow-mass-removal` removes them"
            ));
        }
        Done::Unlisted => {
            cx.ui.note(format_args!(
                "{name}: {source} does not list it any more ({}); it stays",
                shown(&skill.why)
            ));
        }
        _ => {}
    }
    if let Some(path) = &skill.working_copy {
        cx.ui.hint(format_args!(
            "a release waits in {} with your edits: decide the marked places, then `skillsync commit {name}`",
            path.display()
        ));
    }
    failed(cx, skill);
}

fn failed(cx: &mut Cx<'_>, skill: &SkillOutcome) {
    if let Some(error) = &skill.error {
        cx.ui.failed_report(error);
    }
}

fn shown(why: &Option<String>) -> &str {
    why.as_deref().unwrap_or("no reason is given")
}

impl Show for Refreshed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for source in &self.sources {
            for skill in source.skills.iter().filter(|skill| skill.outcome != Done::Current) {
                line(skill, self.dry_run, out)?;
            }
            of_source(source, out)?;
        }
        Ok(())
    }
}

pub(super) fn line(skill: &SkillOutcome, is_planned: bool, out: &mut Screen<'_>) -> io::Result<()> {
    write!(out, "{}: ", skill.skill)?;
    let version =
        |version: &Option<semver::Version>| version.as_ref().map(ToString::to_string).unwrap_or_default();
    let (from, to) = (version(&skill.from), version(&skill.to));
    let would = if is_planned && skill.has_changed() { "would be " } else { "" };
    match skill.outcome {
        Done::Added => writeln!(out, "{would}added {to}"),
        Done::Updated if from.is_empty() => writeln!(out, "{would}updated to {to}"),
        Done::Updated => writeln!(out, "{would}updated from {from} to {to}"),
        Done::Merged => writeln!(out, "{would}updated from {from} to {to}, merged with what was edited here"),
        Done::Current => writeln!(out, "{from}"),
        Done::Available if from.is_empty() => writeln!(out, "{to} is there"),
        Done::Available => writeln!(out, "{from}, {to} is there"),
        Done::Held if to.is_empty() => writeln!(out, "stays at {from}"),
        Done::Held => {
            let why = skill.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            writeln!(out, "stays at {from}{why}, {to} is there")
        }
        Done::Conflict => writeln!(out, "stays at {from}, {to} has conflicts with what was edited here"),
        Done::Unlisted => writeln!(out, "stays at {from}, not listed any more"),
        Done::Removed => writeln!(out, "{would}noted as removed"),
        Done::Refused | Done::Failed | Done::Quarantined => {
            let word =
                if skill.outcome == Done::Quarantined { "in quarantine" } else { skill.outcome.as_str() };
            let would = if skill.in_use { "would be " } else { "" };
            out.tone(Tone::Bad, format!("{would}{word}"))?;
            match &skill.error {
                Some(error) => writeln!(out, ": {}", error.message),
                None => writeln!(out),
            }
        }
    }
}

fn of_source(source: &SourceOutcome, out: &mut Screen<'_>) -> io::Result<()> {
    write!(out, "{}: ", source.source)?;
    let (tone, word) = match source.status {
        Status::Fresh => (Tone::Good, "ok"),
        Status::Stale => (Tone::Bad, "STALE"),
        Status::Offline => (Tone::Warn, "offline"),
        Status::Keyless => (Tone::Warn, "no key"),
        Status::Refused => (Tone::Bad, "refused"),
        Status::Failed => (Tone::Bad, "failed"),
    };
    out.tone(tone, word)?;
    let current = source.skills.iter().filter(|skill| skill.outcome == Done::Current).count();
    match (source.status, current) {
        (Status::Fresh, 0) => writeln!(out),
        (Status::Fresh, count) => writeln!(out, " ({count} up to date)"),
        _ => match &source.error {
            Some(error) => writeln!(out, ": {}", error.message),
            None => writeln!(out),
        },
    }
}
