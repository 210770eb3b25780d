//! The rows about projects: looking at one, deploying into one, pulling from one. Rooms: `merge` (the merge of one
//! long text), `seed` (whole commands against the times that the mission gives).

use std::fs;
use std::ops::Range;
use std::path::Path;

mod merge;
mod seed;

use crate::Outcome;
use crate::measure::{self, Pairs, Side, Step};
use crate::opens;
use crate::options::{Options, Sides};
use crate::place::{Place, Store};
use crate::rows::{Figure, Goal, Line, Row, line, ours};
use crate::workload;

/// The skills of the project that is checked. The rows share a store, so each has skills of its own: what one pulls
/// is no drift for another.
const CHECKED: Range<usize> = 0..100;
/// The skills that are deployed into fresh projects.
const DEPLOYED: Range<usize> = 100..110;
/// The skills that were edited in a project alone.
const EDITED: Range<usize> = 110..120;
/// The skills that were edited in a project and in the store.
const MERGED: Range<usize> = 120..130;

/// The line that is edited in the project.
const OF_PROJECT: usize = 20;
/// The line that is edited elsewhere, and comes to the store from there.
const ELSEWHERE: usize = 40;

/// Below the project: where its skills are.
const SKILLS: &str = ".claude/skills";

/// Measures one row about projects; a figure that cannot be had is in its line.
pub(crate) fn measure(row: Row, place: &Place, options: &Options) -> Vec<Line> {
    let pairs = |what: &str, against, goal, pairs: Outcome<Pairs>| {
        line(row, what, against, Goal::Ratio(goal), pairs.map(Figure::Pairs))
    };
    match row {
        Row::Check => {
            let what = "sync check, 100 skills, nothing changed";
            let mut lines = vec![pairs(what, "git status --porcelain", 1.0, check(place, options.runs(31)))];
            if place.sides == Sides::Both {
                let project = place.project("checked").display().to_string();
                let opened = settle(place)
                    .and_then(|()| opens::count(place, Store::Projects, &["sync", "check", &project]));
                let opened = opened.map(Figure::Opened);
                lines.push(line(row, "the same, files opened", "strace", Goal::NothingOpened, opened));
            }
            lines
        }
        Row::Deploy => {
            let against = "cp -r of the 10, then sync";
            vec![pairs("deploy of 10, durable", against, 20.0, deploy(place, options.runs(11)))]
        }
        Row::Pull => {
            let (against, runs) = ("cp -r of the 10, then sync", options.runs(11));
            vec![
                pairs("pull of 10, overwrite", against, 20.0, pull(place, Pull::Overwrite, runs)),
                pairs("pull of 10, merge of both sides", against, 20.0, pull(place, Pull::Merge, runs)),
            ]
        }
        Row::Merge => {
            let figure = merge::measure(place, options.runs(31));
            let what = "merge of 5,000 lines, 50 edits a side";
            let figure = figure.map(|(pairs, start)| Figure::LessStart(pairs, start));
            vec![line(row, what, "git merge-file -p --diff3", Goal::Ratio(3.0), figure)]
        }
        Row::Seed if place.sides == Sides::Both => seed::measure(place, options),
        _ => Vec::new(),
    }
}

fn check(place: &Place, runs: usize) -> Outcome<Pairs> {
    settle(place)?;
    let project = place.project("checked");
    let theirs =
        Side::settled(Step::new("git", &place.home()).args(["status", "--porcelain"]).inside(&project));
    let ours = ours(place, || {
        let check = place.skillsync(Store::Projects, &["sync", "check"]);
        Ok(Side::settled(check.inside(&project)))
    })?;
    measure::paired(ours.as_ref(), &theirs, runs)
}

/// Makes the project that is checked if it is not there: committed, and what was seen of it old enough to be trusted.
fn settle(place: &Place) -> Outcome<()> {
    place.once("checked", || {
        let project = place.project("checked");
        fill(place, &project, CHECKED)?;
        place.commit(&project)?;
        if place.sides == Sides::Both {
            // The first sync learns what the store's skills are, the first check what the project's are.
            place.skillsync(Store::Projects, &["sync"]).run()?;
            place.skillsync(Store::Projects, &["sync", "check"]).inside(&project).run()?;
        }
        place.flush()
    })
}

fn deploy(place: &Place, runs: usize) -> Outcome<Pairs> {
    let theirs = Side::prepared(|| {
        let to = place.copy()?.join(SKILLS);
        Ok(copied(place, DEPLOYED, &to))
    });
    let ours = ours(place, || deploying(place))?;
    measure::paired(ours.as_ref(), &theirs, runs)
}

/// `deploy` of ten skills into a project that is empty.
fn deploying(place: &Place) -> Outcome<Side<'_>> {
    make_store(place)?;
    Ok(Side::prepared(|| {
        let project = place.project(&format!("fresh-{}", place.number()));
        fs::create_dir_all(&project)?;
        place.flush()?;
        Ok(deployment(place, DEPLOYED.map(workload::name), &project))
    }))
}

/// What a pull meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pull {
    /// Edits of the project; the store's content gives way.
    Overwrite,
    /// Edits of the project and, elsewhere in the same files, of the store.
    Merge,
}

fn pull(place: &Place, how: Pull, runs: usize) -> Outcome<Pairs> {
    let numbers = if how == Pull::Merge { MERGED } else { EDITED };
    let theirs = Side::prepared(|| {
        let to = place.copy()?;
        Ok(copied(place, numbers.clone(), &to))
    });
    let ours = ours(place, || pulling(place, how))?;
    let pairs = measure::paired(ours.as_ref(), &theirs, runs)?;
    if ours.is_some() {
        let skills = place.store_home(Store::Projects).join(".skillsync/skills");
        let text = fs::read_to_string(skills.join(workload::name(numbers.start)).join("SKILL.md"))?;
        if !text.lines().any(|line| line.starts_with(&edit_of(OF_PROJECT))) {
            return Err("the edits did not reach the store".into());
        }
    }
    Ok(pairs)
}

/// `sync pull` of ten skills that were edited since the last run: one line of two files each.
fn pulling(place: &Place, how: Pull) -> Outcome<Side<'_>> {
    make_store(place)?;
    let (numbers, name) = if how == Pull::Merge { (MERGED, "merged") } else { (EDITED, "edited") };
    let (project, elsewhere) = (place.project(name), place.project("elsewhere"));
    place.once(name, || {
        fill(place, &project, numbers.clone())?;
        if how == Pull::Merge { fill(place, &elsewhere, numbers.clone()) } else { Ok(()) }
    })?;
    Ok(Side::prepared(move || {
        let mark = place.number().to_string();
        let edit = |project: &Path, at: usize| {
            numbers.clone().map(workload::name).try_for_each(|skill| {
                let folder = project.join(SKILLS).join(skill);
                ["SKILL.md", "references/api.md"]
                    .iter()
                    .try_for_each(|file| rewrite(&folder.join(file), at, 1_000, &mark))
            })
        };
        if how == Pull::Merge {
            edit(&elsewhere, ELSEWHERE)?;
            place.skillsync(Store::Projects, &["sync", "pull", "--yes"]).inside(&elsewhere).run()?;
        }
        edit(&project, OF_PROJECT)?;
        place.flush()?;
        let strategy = if how == Pull::Merge { "merge" } else { "overwrite" };
        let pull = place.skillsync(Store::Projects, &["sync", "pull", "--yes", "--strategy", strategy]);
        Ok(pull.inside(&project))
    }))
}

/// How the line with this number begins once it was edited.
fn edit_of(number: usize) -> String {
    format!("line {number}, as edited before run")
}

/// Puts `mark` into the lines `first`, `first + every` and so on of a file that an earlier run may have marked.
fn rewrite(path: &Path, first: usize, every: usize, mark: &str) -> Outcome<()> {
    let text = fs::read_to_string(path)?;
    let mut marked = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        if number >= first && (number - first).is_multiple_of(every) {
            marked.push_str(&format!("{} {mark}", edit_of(number)));
        } else {
            marked.push_str(line);
        }
        marked.push('\n');
    }
    if marked == text {
        return Err(format!("{} has no line {first}", path.display()).into());
    }
    Ok(fs::write(path, marked)?)
}

/// `cp -r` of the made skills with these numbers into the new folder `to`, then `sync`.
fn copied(place: &Place, numbers: Range<usize>, to: &Path) -> Step {
    let line = "to=$1 && shift && mkdir -p \"$to\" && cp -r \"$@\" \"$to\" && sync";
    let folders = numbers.map(|number| place.source().join(workload::name(number)));
    Step::shell(line, &place.home(), &[to]).args(folders)
}

/// Makes the store that projects are deployed from, if there are skills enough.
fn make_store(place: &Place) -> Outcome<()> {
    if place.skills < MERGED.end {
        return Err(format!("the rows about projects want --skills {}, at least", MERGED.end).into());
    }
    place.projects_store()
}

/// Fills a new project with skills: by `deploy`, or by a plain copy where only the reference runs.
fn fill(place: &Place, project: &Path, numbers: Range<usize>) -> Outcome<()> {
    fs::create_dir_all(project)?;
    match place.sides {
        Sides::Both => {
            make_store(place)?;
            deployment(place, numbers.map(workload::name), project).run()
        }
        Sides::Reference => copied(place, numbers, &project.join(SKILLS)).run(),
    }
}

/// `deploy NAME... PROJECT`
fn deployment(place: &Place, names: impl Iterator<Item = String>, project: &Path) -> Step {
    place.skillsync(Store::Projects, &["deploy"]).args(names).args([project])
}
