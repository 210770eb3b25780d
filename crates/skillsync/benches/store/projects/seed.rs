//! Whole commands against the times that the mission gives for their work (row Q16). The goal of each is the lower
//! end of its range divided by ten.

use std::fs;
use std::path::{Path, PathBuf};

use super::merge::{EVERY, LINES, OURS_FIRST, THEIRS_FIRST};
use super::{Pull, SKILLS, deploying, deployment, make_store, pulling, rewrite};
use crate::Outcome;
use crate::measure::{self, Side};
use crate::options::Options;
use crate::place::{Place, Store};
use crate::rows::{Figure, Goal, Line, Row, line};
use crate::workload;

/// A skill of somewhat less than 1 MB. The numbers are none of the workload's.
const SMALL: usize = 99_997;
/// A skill of 100 MB.
const LARGE: usize = 99_998;
/// A skill with one long text.
const LONG: usize = 99_999;

/// Measures the row.
pub(super) fn measure(place: &Place, options: &Options) -> Vec<Line> {
    let runs = options.runs(11);
    let of = |what: &str, range, goal_ms, side: Outcome<Side<'_>>| {
        let times = side.and_then(|side| measure::by_turns([&side], runs));
        line(Row::Seed, what, range, Goal::MostMs(goal_ms), times.map(|[times]| Figure::Alone(times)))
    };
    vec![
        of("hash 0.95 MB: sync check, cold", "mission: < 50 ms", 5.0, hashing(place, SMALL)),
        of("hash 100 MB: sync check, cold", "mission: 1 to 5 s", 100.0, hashing(place, LARGE)),
        of("drift of 10 skills: sync check, cold", "mission: 100 to 500 ms", 10.0, drift(place)),
        of("pull of 10, overwrite", "mission: 1 to 10 s", 100.0, pulling(place, Pull::Overwrite)),
        of("deploy of 10", "mission: 1 to 10 s", 100.0, deploying(place)),
        of("merge of 5,000 lines: sync pull -n of one", "mission: 100 to 2,000 ms", 10.0, merging(place)),
    ]
}

fn hashing(place: &Place, number: usize) -> Outcome<Side<'_>> {
    let project = project_of_one(place, number, "one")?;
    Ok(checking(place, project))
}

fn drift(place: &Place) -> Outcome<Side<'_>> {
    make_store(place)?;
    let project = place.project("ten");
    place.once("ten", || {
        fs::create_dir_all(&project)?;
        deployment(place, (0..10).map(workload::name), &project).run()?;
        place.flush()
    })?;
    Ok(checking(place, project))
}

/// `sync check` that knows nothing of the project, so that it reads and hashes every file.
fn checking(place: &Place, project: PathBuf) -> Side<'_> {
    Side::prepared(move || {
        forget(place)?;
        Ok(place.skillsync(Store::Projects, &["sync", "check"]).inside(&project))
    })
}

/// Removes what the store remembers of the files of every project.
fn forget(place: &Place) -> Outcome<()> {
    for entry in fs::read_dir(place.store_home(Store::Projects).join(".skillsync/state/projects"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "index") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// `sync pull` of one skill whose long text was edited in the project and in the store, at 50 places each: planned, so
/// that what is timed is the merge and not the disk's syncs.
fn merging(place: &Place) -> Outcome<Side<'_>> {
    let project = project_of_one(place, LONG, "one")?;
    let elsewhere = project_of_one(place, LONG, "elsewhere")?;
    let text = |project: &Path| project.join(SKILLS).join(workload::name(LONG)).join("SKILL.md");
    Ok(Side::prepared(move || {
        let mark = place.number().to_string();
        let pull = place.skillsync(Store::Projects, &["sync", "pull", "--yes"]);
        rewrite(&text(&elsewhere), THEIRS_FIRST, EVERY, &mark)?;
        pull.clone().inside(&elsewhere).run()?;
        rewrite(&text(&project), OURS_FIRST, EVERY, &mark)?;
        place.flush()?;
        Ok(pull.args(["--dry-run"]).inside(&project))
    }))
}

/// A project that holds this skill alone.
fn project_of_one(place: &Place, number: usize, name: &str) -> Outcome<PathBuf> {
    make_store(place)?;
    place.once("seed", || make_skills(place))?;
    let name = format!("{name}-{number}");
    let project = place.project(&name);
    place.once(&name, || {
        fs::create_dir_all(&project)?;
        deployment(place, [workload::name(number)].into_iter(), &project).run()?;
        place.flush()
    })?;
    Ok(project)
}

/// Adds the skills of this row to the store.
fn make_skills(place: &Place) -> Outcome<()> {
    let source = place.root.join("seed");
    for (number, lines, files, size) in
        [(SMALL, 50, 9, 105_000), (LARGE, 50, 5, 20_000_000), (LONG, LINES, 0, 0)]
    {
        let skill = source.join(workload::name(number));
        fs::create_dir_all(skill.join("assets"))?;
        fs::write(skill.join("SKILL.md"), workload::long_text(number, lines))?;
        for file in 0..files {
            let bytes = workload::noise(number * 10 + file, size);
            fs::write(skill.join("assets").join(format!("{file}.bin")), bytes)?;
        }
    }
    place.add_from(Store::Projects, &source).run()
}
