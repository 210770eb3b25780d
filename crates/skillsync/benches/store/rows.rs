//! What is measured, against what, with which goal. How it is timed is left to `measure`, how it is printed to
//! `report`.

use crate::Outcome;
use crate::floors;
use crate::measure::{self, Pairs, Side, Step, Times};
use crate::opens::{self, Opened};
use crate::options::{Options, Sides};
use crate::place::{Place, Store};
use crate::projects;
use crate::workload;

/// A row of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// `sync` with nothing to do.
    Noop,
    /// `verify`: every byte checked.
    Verify,
    /// The first `sync` of all skills into fresh targets, durable.
    FirstSync,
    /// `add` of all skills into an empty store, durable.
    Add,
    /// Commands that agents call often.
    Start,
    /// Peak memory of all of these.
    Memory,
    /// `sync check` of a project in which nothing changed.
    Check,
    /// `deploy` into a fresh project.
    Deploy,
    /// `sync pull` of skills that were edited in a project.
    Pull,
    /// The merge of one long text.
    Merge,
    /// Whole commands against the times that the mission gives (row Q16).
    Seed,
    /// What the machine can do, with no program of ours.
    Floors,
}

impl Row {
    /// Every row, in the order in which they are measured.
    pub(crate) const ALL: [Self; 12] = [
        Self::Noop,
        Self::Verify,
        Self::FirstSync,
        Self::Add,
        Self::Memory,
        Self::Start,
        Self::Check,
        Self::Deploy,
        Self::Pull,
        Self::Merge,
        Self::Seed,
        Self::Floors,
    ];

    /// The rows whose cost depends on the number of skills.
    pub(crate) const SCALE: [Self; 5] = [Self::Noop, Self::Verify, Self::FirstSync, Self::Add, Self::Memory];

    /// Its name on the command line and in JSON.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Verify => "verify",
            Self::FirstSync => "first-sync",
            Self::Add => "add",
            Self::Start => "start",
            Self::Memory => "memory",
            Self::Check => "check",
            Self::Deploy => "deploy",
            Self::Pull => "pull",
            Self::Merge => "merge",
            Self::Seed => "seed",
            Self::Floors => "floors",
        }
    }

    /// The row with this slug.
    pub(crate) fn from_slug(slug: &str) -> Outcome<Self> {
        let found = Self::ALL.into_iter().find(|row| row.slug() == slug);
        found.ok_or_else(|| format!("unknown row {slug}; see --help").into())
    }
}

/// When a figure is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// Median of ours over median of the reference, at most.
    Ratio(f64),
    /// Median of ours less median of the reference, at most, in ms.
    MoreMs(f64),
    /// Median of ours, at most, in ms.
    MostMs(f64),
    /// Peak resident memory, at most, in MiB.
    PeakMib(f64),
    /// No payload file opened.
    NothingOpened,
    /// A floor: nothing is asked of it.
    None,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) enum Figure {
    /// Times of ours and of the reference.
    Pairs(Pairs),
    /// The same, and the times of starting the reference's program, which are taken off.
    LessStart(Pairs, Times),
    /// Times of ours, with no reference that could be run.
    Alone(Times),
    /// Peak resident memory in KiB.
    PeakKib(u64),
    /// Files that were opened.
    Opened(Opened),
    /// The least time of a floor in ms.
    FloorMs(f64),
}

/// One printed line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The row that it belongs to.
    pub(crate) row: Row,
    /// What was run.
    pub(crate) what: String,
    /// What it is compared with.
    pub(crate) against: &'static str,
    /// The goal of the row.
    pub(crate) goal: Goal,
    /// The figure, or why there is none.
    pub(crate) figure: Result<Figure, String>,
}

impl Line {
    /// Whether the goal was met; none when there is no goal, no figure or no side of ours.
    pub(crate) fn met(&self) -> Option<bool> {
        match (self.goal, self.figure.as_ref().ok()?) {
            (Goal::Ratio(most), Figure::Pairs(pairs)) => pairs.ratio().map(|ratio| ratio <= most),
            (Goal::Ratio(most), Figure::LessStart(pairs, start)) => {
                pairs.ratio_less(start).map(|ratio| ratio <= most)
            }
            (Goal::MostMs(most), Figure::Alone(times)) => Some(times.median() <= most),
            (Goal::MoreMs(most), Figure::Pairs(pairs)) => pairs.difference_ms().map(|more| more <= most),
            (Goal::PeakMib(most), Figure::PeakKib(kib)) => Some(*kib as f64 / 1024.0 <= most),
            (Goal::NothingOpened, Figure::Opened(opened)) => Some(opened.payload == 0),
            _ => None,
        }
    }
}

/// Measures one row; a figure that cannot be had is in its line, and the other lines go on.
pub(crate) fn measure(row: Row, place: &Place, options: &Options) -> Vec<Line> {
    let slow = options.runs(options.slow_runs());
    match row {
        Row::Noop => {
            let against = "git status --porcelain";
            let pairs = noop(place, options.runs(31)).map(Figure::Pairs);
            let mut lines = vec![line(row, "sync, nothing to do", against, Goal::Ratio(0.75), pairs)];
            if place.sides == Sides::Both {
                let opened = place.settle().and_then(|()| opens::count(place, Store::Settled, &["sync"]));
                lines.push(line(
                    row,
                    "the same, files opened",
                    "strace",
                    Goal::NothingOpened,
                    opened.map(Figure::Opened),
                ));
            }
            lines
        }
        Row::Verify => {
            let pairs = verify(place, options.runs(11)).map(Figure::Pairs);
            vec![line(row, "verify, every byte", "rsync -a --delete -n -c", Goal::Ratio(0.6), pairs)]
        }
        Row::FirstSync => {
            let pairs = first_sync(place, slow).map(Figure::Pairs);
            vec![line(row, "first sync, durable", "cp -r, then sync", Goal::Ratio(1.5), pairs)]
        }
        Row::Add => {
            let pairs = add(place, slow).map(Figure::Pairs);
            vec![line(row, "add, durable", "cp -r, openssl dgst -sha256, sync", Goal::Ratio(1.5), pairs)]
        }
        Row::Start => start(place, options.runs(101)),
        Row::Memory => memory(place),
        Row::Check | Row::Deploy | Row::Pull | Row::Merge | Row::Seed => {
            projects::measure(row, place, options)
        }
        Row::Floors => floors::measure(place, options.runs(11)),
    }
}

/// A line of one row.
pub(crate) fn line(
    row: Row,
    what: impl Into<String>,
    against: &'static str,
    goal: Goal,
    figure: Outcome<Figure>,
) -> Line {
    Line { row, what: what.into(), against, goal, figure: figure.map_err(|error| error.to_string()) }
}

fn noop(place: &Place, runs: usize) -> Outcome<Pairs> {
    let repository = place.repository()?;
    let theirs =
        Side::settled(Step::new("git", &place.home()).args(["status", "--porcelain"]).inside(&repository));
    let ours = ours(place, || {
        place.settle()?;
        Ok(Side::settled(place.skillsync(Store::Settled, &["sync"])))
    })?;
    measure::paired(ours.as_ref(), &theirs, runs)
}

fn verify(place: &Place, runs: usize) -> Outcome<Pairs> {
    let (mut source, mut mirror) = (place.source().into_os_string(), place.mirror()?.into_os_string());
    source.push("/");
    mirror.push("/");
    let rsync = Step::new("rsync", &place.home()).args(["-a", "--delete", "-n", "-c"]).args([source, mirror]);
    let ours = ours(place, || {
        place.settle()?;
        Ok(Side::settled(place.skillsync(Store::Settled, &["verify"])))
    })?;
    measure::paired(ours.as_ref(), &Side::settled(rsync), runs)
}

fn first_sync(place: &Place, runs: usize) -> Outcome<Pairs> {
    let theirs = copied(place, "cp -r \"$1\" \"$2\" && sync");
    let ours =
        ours(place, || Ok(Side::prepared(|| Ok(place.skillsync(place.unsynced_store()?, &["sync"])))))?;
    measure::paired(ours.as_ref(), &theirs, runs)
}

fn add(place: &Place, runs: usize) -> Outcome<Pairs> {
    let line = "cp -r \"$1\" \"$2\" && find \"$1\" -type f -print0 | \
                xargs -0 openssl dgst -sha256 >/dev/null && sync";
    let theirs = copied(place, line);
    let ours = ours(place, || Ok(Side::prepared(|| Ok(place.add(place.empty_store()?)))))?;
    measure::paired(ours.as_ref(), &theirs, runs)
}

/// A shell line that copies the source, `$1`, to a new folder, `$2`.
fn copied<'a>(place: &'a Place, line: &'a str) -> Side<'a> {
    Side::prepared(move || Ok(Step::shell(line, &place.home(), &[&place.source(), &place.copy()?])))
}

fn start(place: &Place, runs: usize) -> Vec<Line> {
    let theirs = Side::settled(Step::new("/bin/true", &place.home()));
    let often = often();
    let commands = often.iter().map(Vec::as_slice);
    commands
        .map(|arguments| {
            let pairs = ours(place, || {
                place.settle()?;
                Ok(Side::settled(place.skillsync(Store::Settled, arguments)))
            });
            let pairs = pairs.and_then(|ours| measure::paired(ours.as_ref(), &theirs, runs));
            line(Row::Start, arguments.join(" "), "/bin/true", Goal::MoreMs(3.0), pairs.map(Figure::Pairs))
        })
        .collect()
}

/// The commands that agents call often.
fn often() -> [Vec<&'static str>; 4] {
    const SKILL: &str = "bench-skill-00000";
    debug_assert_eq!(SKILL, workload::name(0));
    [
        vec!["version"],
        vec!["info", SKILL],
        vec!["observe", SKILL, "--signal", "positive"],
        vec!["log", SKILL, "--summary"],
    ]
}

fn memory(place: &Place) -> Vec<Line> {
    if place.sides == Sides::Reference {
        return Vec::new();
    }
    let peak = |step: Outcome<Step>| Ok(Figure::PeakKib(step?.peak_kib()?));
    let settled =
        |arguments: &[&str]| peak(place.settle().map(|()| place.skillsync(Store::Settled, arguments)));
    let mut figures = vec![
        ("sync, nothing to do".to_owned(), settled(&["sync"])),
        ("verify".to_owned(), settled(&["verify"])),
        (
            "first sync".to_owned(),
            peak(place.unsynced_store().map(|store| place.skillsync(store, &["sync"]))),
        ),
        ("add".to_owned(), peak(place.empty_store().map(|store| place.add(store)))),
    ];
    figures.extend(often().iter().map(|arguments| (arguments.join(" "), settled(arguments))));
    let lines = figures.into_iter();
    lines.map(|(what, figure)| line(Row::Memory, what, "GNU time %M", Goal::PeakMib(64.0), figure)).collect()
}

/// Our side of a pair, unless only the reference runs.
pub(crate) fn ours<'a>(place: &Place, side: impl FnOnce() -> Outcome<Side<'a>>) -> Outcome<Option<Side<'a>>> {
    match place.sides {
        Sides::Both => side().map(Some),
        Sides::Reference => Ok(None),
    }
}
