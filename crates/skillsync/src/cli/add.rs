//! `skillsync add SOURCE...`, `skillsync add FILE... --type command|agent`

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueHint;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;
use skillsync_store::store::Store;

use crate::cli::Cx;
use crate::ops;
use crate::ops::add::{
    AddReport, AddedSkill, Candidate, Existing, Failed, Provenance, Status, apply, locate, markdown, preview,
};
use crate::ops::git::Network;
use crate::ops::validate::Finding;
use crate::ui::{Answer, Exit, Report, Screen, Show, Stop, Tone};

/// Add skills from a folder or a git repository
///
/// SOURCE is one of:
///   a folder with a SKILL.md, or a folder of such folders
///   a git URL, or owner/repo on GitHub; with /path for a folder in it
///     and @ref for a branch, tag or commit
///   with --type, a Markdown file: a slash command or a subagent, called
///     like the file. The store keeps it; sync does not link it
///
/// A source of several skills needs `--skill` or `--all`; without them you
/// are asked.
///
/// Examples:
///   skillsync add ./my-skill
///   skillsync add owner/repo/skills/pdf@v2
///   skillsync add owner/repo --skill pdf --skill xlsx
///   skillsync add .claude/commands/*.md --type command
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AddArgs {
    /// Where the skills are; with --type, the files
    #[arg(required = true, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub(crate) sources: Vec<String>,
    /// Add only the skill of this name; may be repeated
    #[arg(long = "skill", value_name = "NAME", conflicts_with = "all")]
    pub(crate) skills: Vec<SkillName>,
    /// Add every skill of the sources
    #[arg(long)]
    pub(crate) all: bool,
    /// What the files are: slash commands or subagents
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = PossibleValuesParser::new(["command", "agent"]).try_map(|word| word.parse::<ArtifactType>()),
        conflicts_with_all = ["all", "skills"]
    )]
    pub(crate) artifact_type: Option<ArtifactType>,
    /// Add the one skill or file under another name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["all", "skills"])]
    pub(crate) name: Option<SkillName>,
    /// Make it the next version of a skill that is already there
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &AddArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let mut report = AddReport { dry_run: cx.globals.dry_run, ..AddReport::default() };
    if args.name.is_some() && args.sources.len() > 1 {
        return Err(Stop::usage(
            "--name renames one skill; there are several sources",
            "add them one by one",
        ));
    }
    if let Some(artifact_type) = args.artifact_type {
        let name = args.name.as_ref();
        let files = args.sources.iter().map(|file| markdown(cx.world, file, artifact_type, name));
        let report = add(cx, args, &store, &files.collect::<Vec<_>>(), &Provenance::Folder)?;
        return finish(cx, report);
    }
    let mut met = Met::default();
    for source in &args.sources {
        match from(cx, args, &store, source, &mut met) {
            Ok(part) => {
                report.added.extend(part.added);
                report.failed.extend(part.failed);
            }
            // One of several that fails spares the others, and what was added is said.
            Err(Stop::Fault(fault)) if args.sources.len() > 1 => {
                let error = Report::of(&*fault);
                report.failed.push(Failed { path: PathBuf::from(source), skill: None, error });
            }
            Err(stop) => return Err(stop),
        }
    }
    for name in args.skills.iter().filter(|name| args.sources.len() > 1 && !met.asked_for.contains(name)) {
        let error = Report::of(&no_such_skill(name, "any of the sources", None));
        report.failed.push(Failed { path: PathBuf::from(name.as_str()), skill: Some(name.clone()), error });
    }
    finish(cx, report)
}

/// What the sources before this one had.
#[derive(Debug, Default)]
struct Met {
    /// Skills that were taken from one of them.
    taken: BTreeSet<SkillName>,
    /// Those of `--skill` that were found.
    asked_for: BTreeSet<SkillName>,
}

impl Met {
    /// Takes out the candidates whose name an earlier source had: two skills must not become versions of one.
    fn sort(&mut self, candidates: Vec<Candidate>) -> (Vec<Candidate>, Vec<Failed>) {
        let (mut new, mut twice) = (Vec::new(), Vec::new());
        let before = self.taken.clone();
        for candidate in candidates {
            self.taken.extend(candidate.name.as_ref().ok().cloned());
            match &candidate.name {
                Ok(name) if before.contains(name) => {
                    let error = ops::Refusal {
                        kind: Kind::Exists,
                        code: "skill-twice",
                        message: format!("`{name}` is in more than one of the sources"),
                        hint: Some("add them one by one, one of them with --name".to_owned()),
                    };
                    let (path, skill) = (candidate.path.clone(), Some(name.clone()));
                    twice.push(Failed { path, skill, error: Report::of(&error) });
                }
                _ => new.push(candidate),
            }
        }
        (new, twice)
    }
}

/// Adds from one source.
fn from(
    cx: &mut Cx<'_>,
    args: &AddArgs,
    store: &Store,
    source: &str,
    met: &mut Met,
) -> Result<AddReport, Stop> {
    let network = if cx.globals.offline { Network::Off } else { Network::Allowed };
    let looking = cx.ui.progress("looking for skills", None);
    let mut located = locate(cx.world, network, source, args.name.as_ref(), &looking)?;
    drop(looking);
    let candidates = chosen(cx, args, std::mem::take(&mut located.candidates), source, met)?;
    let (candidates, twice) = met.sort(candidates);
    let mut part = add(cx, args, store, &candidates, &located.provenance)?;
    located.settle(&mut part);
    part.failed.extend(twice);
    Ok(part)
}

/// Adds what was found, or says what would be added.
fn add(
    cx: &mut Cx<'_>,
    args: &AddArgs,
    store: &Store,
    candidates: &[Candidate],
    provenance: &Provenance,
) -> Result<AddReport, Stop> {
    let existing = if args.force { Existing::Update } else { Existing::Refuse };
    if cx.globals.dry_run {
        return Ok(preview(store, candidates, existing)?);
    }
    let progress = cx.ui.progress("adding", Some(candidates.len() as u64));
    Ok(ops::write(store, |writing, index| {
        apply(writing, index, candidates, provenance, existing, &progress)
    })?)
}

/// The candidates that were asked for: all of a single skill's folder, else by `--skill`, `--all` or an answer.
fn chosen(
    cx: &mut Cx<'_>,
    args: &AddArgs,
    mut candidates: Vec<Candidate>,
    source: &str,
    met: &mut Met,
) -> Result<Vec<Candidate>, Stop> {
    for name in &args.skills {
        if candidates.iter().any(|candidate| candidate.is_called(name)) {
            met.asked_for.insert(name.clone());
        } else if args.sources.len() == 1 {
            let there: Vec<String> = candidates.iter().map(Candidate::label).collect();
            let hint = format!("it has: {}", there.join(", "));
            return Err(ops::Error::from(no_such_skill(name, &format!("`{source}`"), Some(hint))).into());
        }
    }
    if !args.skills.is_empty() {
        candidates.retain(|candidate| args.skills.iter().any(|name| candidate.is_called(name)));
    } else if candidates.len() > 1 && args.name.is_some() {
        return Err(Stop::usage(
            "--name renames one skill; this source has several",
            "choose one with its own folder",
        ));
    } else if candidates.len() > 1 && !args.all && !cx.globals.dry_run {
        let names: Vec<String> = candidates.iter().map(Candidate::label).collect();
        let many = names.len();
        let question = format!("{source} has {many} skills: {}. Add them all?", names.join(", "));
        let answer = cx.ui.confirm(&question, Answer::Yes).map_err(|stop| match stop {
            Stop::Usage(usage) => Stop::usage(
                usage.message,
                "choose with `--skill NAME`, which may be repeated, or take all with `--all`",
            ),
            other => other,
        })?;
        if answer == Answer::No {
            return Err(Stop::Declined);
        }
    }
    Ok(candidates)
}

fn no_such_skill(name: &SkillName, place: &str, hint: Option<String>) -> ops::Refusal {
    let message = format!("there is no skill `{name}` in {place}");
    ops::Refusal { kind: Kind::NotFound, code: "skill-not-found", message, hint }
}

/// Says what should not be in an artifact that came into the store.
pub(crate) fn warn_of(cx: &mut Cx<'_>, name: &SkillName, warnings: &[Finding]) {
    for warning in warnings {
        let place = match (&warning.file, warning.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        cx.ui.warn(format_args!("{name}: {place}{}", warning.message));
    }
}

fn finish(cx: &mut Cx<'_>, report: AddReport) -> Result<Exit, Stop> {
    cx.ui.show(&report)?;
    for skill in &report.added {
        warn_of(cx, &skill.skill, &skill.warnings);
    }
    for failed in &report.failed {
        cx.ui.failed_report(&failed.error);
    }
    let is_due =
        |added: &AddedSkill| added.status != Status::Unchanged && added.artifact_type == ArtifactType::Skill;
    if report.added.iter().any(is_due) && !report.dry_run {
        cx.ui.hint("`skillsync sync` brings them to every agent");
    }
    Ok(match (report.failed.as_slice(), report.added.is_empty()) {
        ([], _) => Exit::Done,
        ([only], true) => only.error.exit,
        (_, true) => Exit::Failed,
        (_, false) => Exit::Partial,
    })
}

impl Show for AddReport {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for skill in &self.added {
            let what = match (skill.status, self.dry_run) {
                (Status::Added, false) => "added",
                (Status::Added, true) => "would be added",
                (Status::Updated, false) => "updated",
                (Status::Updated, true) => "would be updated",
                (Status::Unchanged, _) => "unchanged",
            };
            write!(out, "{}: ", skill.skill)?;
            out.tone(if skill.status == Status::Unchanged { Tone::Dim } else { Tone::Good }, what)?;
            match skill.version {
                Some(version) => writeln!(out, ", version {version}")?,
                None => writeln!(out)?,
            }
        }
        for failed in &self.failed {
            write!(out, "{}: ", failed.path.display())?;
            out.tone(Tone::Bad, "not added")?;
            writeln!(out)?;
        }
        Ok(())
    }
}
