//! How setup's plans and results read: short sections with counts, paths with `~`, within 80 columns.

mod undo;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use skillsync_client::lockfile::Tool;
use skillsync_core::name::SkillName;
use skillsync_store::config::{Wanted, path_text};

use crate::ops::setup::{Adopt, Content, Done, LeftAlone, Plan};
use crate::ops::source::import::{ImportedSkill, Outcome, title};
use crate::ui::{Screen, Show, Tone};
pub(super) use undo::{UndoPlanView, UndoneView};

/// Columns that prose is kept within.
const COLUMNS: usize = 80;
/// Longer lists are cut, unless all was asked for with `--verbose`.
const SHOWN: usize = 12;

/// How things are called on this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    /// The home that `~` stands for.
    pub(super) home: &'a Path,
    /// Whether lists are shown to their end.
    pub(super) all: bool,
}

impl Words<'_> {
    pub(super) fn path(&self, path: &str) -> String {
        path_text(Path::new(path), self.home)
    }

    /// One content of a name, as a choice.
    pub(super) fn content(&self, content: &Content) -> String {
        // Two of one day need their time to be told apart.
        let day = content.modified.get(..16).unwrap_or_default().replace('T', " ");
        let place = match content.from.split_first() {
            None if content.in_store => "in the store now".to_owned(),
            None => "in the store, an earlier version".to_owned(),
            Some((first, [])) => self.path(first),
            Some((first, rest)) => format!("{} and {} more like it", self.path(first), rest.len()),
        };
        let store = if content.in_store && !content.from.is_empty() { " (in the store now)" } else { "" };
        format!("{day}  {place}{store}")
    }

    /// A heading with its count.
    fn head(&self, out: &mut Screen<'_>, title: &str, count: usize) -> io::Result<()> {
        writeln!(out)?;
        out.tone(Tone::Strong, format_args!("{title} ({count})"))?;
        writeln!(out)
    }

    /// Names, as many to a line as fit.
    fn names<'n>(&self, out: &mut Screen<'_>, names: impl Iterator<Item = &'n str>) -> io::Result<()> {
        let names: Vec<&str> = names.collect();
        let mut line = String::from(" ");
        for (number, name) in names.iter().enumerate() {
            let comma = if number + 1 < names.len() { "," } else { "" };
            if line.len() + 1 + name.len() + comma.len() > COLUMNS && line.len() > 1 {
                writeln!(out, "{line}")?;
                line = String::from(" ");
            }
            line.push(' ');
            line.push_str(name);
            line.push_str(comma);
        }
        if line.len() > 1 { writeln!(out, "{line}") } else { Ok(()) }
    }

    /// Lines of two parts: side by side where they fit, else one below the other.
    fn pairs(&self, out: &mut Screen<'_>, pairs: &[(String, String)]) -> io::Result<()> {
        let shown = if self.all { pairs.len() } else { pairs.len().min(SHOWN) };
        let pairs = &pairs[..shown];
        let length = |text: &str| text.chars().count();
        let fits = |(left, right): &&(String, String)| 4 + length(left) + length(right) <= COLUMNS;
        let width = pairs.iter().filter(fits).map(|(left, _)| length(left)).max().unwrap_or(0);
        for (left, right) in pairs {
            let pad = width.max(length(left));
            if 4 + pad + length(right) <= COLUMNS || right.is_empty() {
                writeln!(out, "{}", format!("  {left:pad$}  {right}").trim_end())?;
            } else {
                writeln!(out, "  {left}\n      {right}")?;
            }
        }
        Ok(())
    }

    /// Says that a list was cut.
    fn more(&self, out: &mut Screen<'_>, count: usize) -> io::Result<()> {
        if self.all || count <= SHOWN {
            return Ok(());
        }
        out.tone(Tone::Dim, format_args!("  and {} more; --verbose shows all", count - SHOWN))?;
        writeln!(out)
    }

    fn left_alone(&self, out: &mut Screen<'_>, left: &[LeftAlone]) -> io::Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        self.head(out, "Left alone", left.len())?;
        let home = format!("{}/", self.home.display());
        let pair = |l: &LeftAlone| (self.path(&l.path), l.message.replace(&home, "~/"));
        self.pairs(out, &left.iter().map(pair).collect::<Vec<_>>())?;
        self.more(out, left.len())
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

/// The same where a sentence begins with it.
fn sentence(number: usize, one: &str, many: &str) -> String {
    if number == 0 { format!("No {many}") } else { count(number, one, many) }
}

/// A plan on the screen.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct PlanView<'a> {
    pub(super) plan: &'a Plan,
    #[serde(skip)]
    pub(super) words: Words<'a>,
}

impl Show for PlanView<'_> {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { plan, words } = self;
        if plan.resumes {
            out.tone(Tone::Warn, "An earlier setup or its undo was cut off. This one goes on from there.")?;
            writeln!(out, "\n")?;
        }
        out.tone(Tone::Strong, format_args!("Agents found ({})", plan.agents.len()))?;
        writeln!(out)?;
        let agents: Vec<(String, String)> = plan
            .agents
            .iter()
            .map(|agent| {
                let reads =
                    agent.covered_by.as_ref().map_or_else(String::new, |by| format!(", reads {by}'s too"));
                let skills = count(agent.skills, "skill", "skills");
                (agent.name.clone(), format!("{}: {skills}{reads}", words.path(&agent.path)))
            })
            .collect();
        Words { all: true, ..*words }.pairs(out, &agents)?;
        self.imported(out)?;
        self.skills(out)?;
        words.left_alone(out, &plan.left_alone)?;
        self.summary(out)
    }
}

impl PlanView<'_> {
    fn imported(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { plan, words } = self;
        let row = |(tool, skill): (Tool, &ImportedSkill)| {
            let followed = match (skill.outcome, skill.edited) {
                (Outcome::Followed, Some(_)) => ", followed from now on",
                (Outcome::Followed, None) => ", followed from now on; an update replaces an edit",
                (_, Some(true)) => ", edited since and so your own",
                _ => "",
            };
            let from = skill.from.as_ref().map(|from| format!(": {from}")).unwrap_or_default();
            (skill.skill.clone(), format!("{}{from}{followed}", title(tool)))
        };
        let (followed, taken): (Vec<_>, Vec<_>) =
            plan.imported.coming().partition(|(_, skill)| skill.outcome == Outcome::Followed);
        if followed.is_empty() && taken.is_empty() {
            return Ok(());
        }
        words.head(out, "Skills that other tools installed", followed.len() + taken.len())?;
        // What a site may change later is shown to its end.
        let all = Words { all: true, ..*words };
        all.pairs(out, &followed.into_iter().map(row).collect::<Vec<_>>())?;
        words.pairs(out, &taken.iter().copied().map(row).collect::<Vec<_>>())?;
        words.more(out, taken.len())
    }

    fn skills(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { plan, words } = self;
        // What other tools installed has been named.
        let is_coming =
            |name: &SkillName| plan.imported.coming().any(|(_, skill)| skill.skill == name.as_str());
        let adopt: Vec<&Adopt> = plan.adopt.iter().filter(|skill| !is_coming(&skill.name)).collect();
        if !adopt.is_empty() {
            words.head(out, "Skills to take into the store", adopt.len())?;
            words.names(out, adopt.iter().map(|skill| skill.name.as_str()))?;
            let several: Vec<&str> =
                adopt.iter().filter(|s| s.from.len() > 1).map(|s| s.name.as_str()).collect();
            if !several.is_empty() {
                let copies: usize = adopt.iter().map(|s| s.from.len()).sum();
                writeln!(
                    out,
                    "  {copies} folders in all: equal ones become one skill. There are several of"
                )?;
                words.names(out, several.into_iter())?;
            }
        }
        if !plan.conflicts.is_empty() {
            words.head(out, "Same name, different content", plan.conflicts.len())?;
            for conflict in &plan.conflicts {
                writeln!(out, "  {}", conflict.name)?;
                for (number, content) in conflict.contents.iter().enumerate() {
                    let becomes = if number == conflict.current { "current" } else { "an earlier version" };
                    writeln!(out, "    {}: {becomes}", words.content(content))?;
                }
            }
        }
        let folded: Vec<&SkillName> =
            plan.folded.iter().map(|skill| &skill.name).filter(|name| !is_coming(name)).collect();
        if !folded.is_empty() {
            words.head(out, "In the store already, only linked", folded.len())?;
            words.names(out, folded.iter().map(|name| name.as_str()))?;
        }
        let renamed: Vec<(String, String)> = plan
            .adopt
            .iter()
            .filter_map(|s| {
                Some((s.folder_name.clone()?, format!("says in its SKILL.md that it is {}", s.name)))
            })
            .collect();
        if !renamed.is_empty() {
            words.head(out, "Folders of another name", renamed.len())?;
            words.pairs(out, &renamed)?;
            words.more(out, renamed.len())?;
        }
        Ok(())
    }

    fn summary(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { plan, words } = self;
        writeln!(out)?;
        if plan.is_done() {
            return writeln!(out, "Everything is set up already.");
        }
        let home = words.path(&plan.home);
        if plan.creates_store {
            writeln!(out, "The store is made at {home}, with the skills that teach agents to use it:")?;
            words.names(out, crate::ops::builtin::names())?;
        }
        for source in &plan.imported.sources {
            let all = if source.skills == Wanted::All { ", with all its skills" } else { "" };
            writeln!(out, "{} is followed{all}. It signs nothing: what comes is what it sends.", source.url)?;
        }
        if !plan.targets.is_empty() {
            let ids: Vec<&str> = plan.targets.iter().map(|target| target.id.as_str()).collect();
            writeln!(out, "Every skill is linked for {}:", count(ids.len(), "new target", "new targets"))?;
            words.names(out, ids.into_iter())?;
        }
        if !plan.trash.is_empty() {
            let folders = count(plan.trash.len(), "folder makes", "folders make");
            writeln!(
                out,
                "{folders} way for links and {} to trash; nothing is deleted.",
                if plan.trash.len() == 1 { "goes" } else { "go" }
            )?;
            writeln!(out, "`skillsync setup --undo` puts everything back.")?;
        }
        Ok(())
    }
}

/// A result on the screen.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct DoneView<'a> {
    pub(super) done: &'a Done,
    #[serde(skip)]
    pub(super) words: Words<'a>,
}

impl Show for DoneView<'_> {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { done, words } = self;
        let Some(sync) = &done.sync else {
            let agents = count(done.agents.len(), "agent", "agents");
            writeln!(
                out,
                "Everything is set up already: {agents}, the store is {}.",
                words.path(&done.home)
            )?;
            return words.left_alone(out, &done.left_alone);
        };
        writeln!(out)?;
        let adopted = |name: &str| done.adopted.iter().any(|skill| skill.name.as_str() == name);
        let came = |skill: &ImportedSkill| skill.outcome != Outcome::Adopted || adopted(&skill.skill);
        let imported = done.imported.coming().filter(|(_, skill)| came(skill));
        let imported: BTreeSet<&str> = imported.map(|(_, skill)| skill.skill.as_str()).collect();
        let adopted = done.adopted.iter().map(|skill| skill.name.as_str());
        let taken = adopted.filter(|name| !imported.contains(name)).count() + imported.len();
        write!(out, "{} taken into {}", sentence(taken, "skill was", "skills were"), words.path(&done.home))?;
        match imported.len() {
            0 => writeln!(out, ".")?,
            number => writeln!(out, ", {number} of them from other tools.")?,
        }
        sync.human(out)?;
        for failure in &done.failed {
            out.tone(Tone::Bad, "failed")?;
            writeln!(out, ": {}: {}", failure.skill, failure.error.message)?;
            for cause in &failure.error.causes {
                writeln!(out, "  caused by: {cause}")?;
            }
        }
        if !done.trashed.is_empty() {
            let moved = count(done.trashed.len(), "folder is", "folders are");
            write!(out, "{moved} in trash. To put everything back: ")?;
            out.tone(Tone::Hint, "skillsync setup --undo")?;
            writeln!(out)?;
        }
        Ok(())
    }
}
