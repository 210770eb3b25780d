//! `skillsync source import`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueHint;
use skillsync_store::config::{BaseUrl, Wanted};

use crate::cli::Cx;
use crate::ops;
use crate::ops::source::import::{Ask, Imported, NewSource, Outcome, found, found_here, plan};
use crate::ui::{Exit, Screen, Show, Stop};

/// Take over the skills that another tool installed
///
/// Reads what the tool noted: `.ic-managed.json`, `skills-lock.json` and `.skill-lock.json` of npm's skills,
/// `.clawhub/lock.json`, `.openskills.json`. The skills come into the store as they lie there, in the versions that
/// you have; those of an open index are followed from then on. Nothing of the other tool's is changed.
///
/// Examples:
///   skillsync source import
///   skillsync source import .claude/skills/.ic-managed.json --dry-run
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SourceImportArgs {
    /// The lists; those in your home and in the current folder when none is named
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Where the skills of `.ic-managed.json` come from, which does not say it
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = site)]
    pub(crate) site: Option<BaseUrl>,
}

fn site(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(text)
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SourceImportArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let is_searched = args.files.is_empty();
    let lists = match is_searched {
        // The user's own count before those of a project, which may be a stranger's.
        true => [found(cx.world), found_here(cx.world)].concat(),
        false => args.files.iter().map(|file| cx.world.resolve(file)).collect(),
    };
    let ask = Ask { lists, site: args.site.clone(), ..Ask::default() };
    let shown = plan(cx.world, Some(&store), &ask)?;
    if cx.globals.dry_run {
        cx.ui.show(&shown.report)?;
        return Ok(exit(&shown.report));
    }
    let sources: Vec<String> = shown.report.sources.iter().map(named).collect();
    if !sources.is_empty() || is_searched && shown.report.coming().next().is_some() {
        if !cx.ui.is_json() {
            cx.ui.show(&shown.report)?;
        }
        cx.ui.consent(&question(&sources))?;
    }
    let report = ops::write(&store, |writing, index| {
        // Planned again under the mutex: another command may have come in between.
        let mut planned = plan(cx.world, Some(writing.store()), &ask)?;
        planned.keep_to(&shown)?;
        planned.apply(writing, index)
    })?;
    cx.ui.show(&report)?;
    if report.lists.is_empty() {
        cx.ui.hint("no list of another tool was found here; name one");
    } else if report.coming().next().is_some() {
        cx.ui.hint("`skillsync sync` brings them to every agent");
    }
    Ok(exit(&report))
}

fn question(sources: &[String]) -> String {
    match sources {
        [] => "Take these skills over?".to_owned(),
        sources => {
            let sources = sources.join(", ");
            format!("Follow {sources} from now on? Nobody signs their skills but the sites themselves")
        }
    }
}

fn exit(report: &Imported) -> Exit {
    let has_failed = report.skills().any(|(_, skill)| skill.outcome == Outcome::Failed);
    if has_failed { Exit::Partial } else { Exit::Done }
}

fn named(source: &NewSource) -> String {
    let all = if source.skills == Wanted::All { " with all its skills" } else { "" };
    format!("{}{all}", source.url)
}

impl Show for Imported {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        for source in &self.sources {
            writeln!(out, "{}: {would}added: {}", source.name, named(source))?;
        }
        for list in &self.lists {
            writeln!(out, "{} ({}):", list.path, list.tool)?;
            for skill in &list.skills {
                let from = skill.from.as_ref().map(|from| format!(" (from {from})")).unwrap_or_default();
                let would = if skill.outcome.comes() { would } else { "" };
                let why = skill.error.as_ref().map(|error| format!(": {}", error.message));
                writeln!(out, "  {}: {would}{}{}", skill.skill, skill.outcome, why.unwrap_or(from))?;
            }
        }
        Ok(())
    }
}
