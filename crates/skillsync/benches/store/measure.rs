//! One timed step, pairs of steps, and what is said of them: medians, ratios, spread, peak memory. What the
//! steps are is left to the rows.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A program with its arguments, run in a hermetic environment: no variable but `PATH` is passed on.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    program: OsString,
    arguments: Vec<OsString>,
    home: PathBuf,
    folder: PathBuf,
}

impl Step {
    /// `program` with `HOME` at `home`, run in `home` until [`Step::inside`] says otherwise.
    pub(crate) fn new(program: impl AsRef<OsStr>, home: &Path) -> Self {
        let program = program.as_ref().to_owned();
        Self { program, arguments: Vec::new(), home: home.to_owned(), folder: home.to_owned() }
    }

    /// A shell line; the words after it are its `$1`, `$2` and so on.
    pub(crate) fn shell(line: &str, home: &Path, words: &[&Path]) -> Self {
        Self::new("sh", home).args(["-c", line, "sh"]).args(words)
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|one| one.as_ref().to_owned()));
        self
    }

    /// Runs in `folder`.
    pub(crate) fn inside(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Runs it once, from spawn to exit; any exit status but 0 is an error with the last line of stderr.
    pub(crate) fn time(&self) -> Outcome<Duration> {
        let said = self.home.join(".stderr");
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
            .envs([("LC_ALL", "C"), ("NO_COLOR", "1"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .env("HOME", &self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said)?);
        let start = Instant::now();
        let status = command.status().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let took = start.elapsed();
        if status.success() {
            return Ok(took);
        }
        let said = fs::read_to_string(&said).unwrap_or_default();
        let first = self.arguments.first().map(|one| one.display().to_string()).unwrap_or_default();
        let line = said.lines().find(|line| !line.is_empty()).unwrap_or("no message");
        Err(format!("{} {first}: {status}: {line}", self.program.display()).into())
    }

    /// Runs it once for its effect.
    pub(crate) fn run(&self) -> Outcome<()> {
        self.time().map(|_| ())
    }

    /// Peak resident memory of one run in KiB (largest of the process and its children), by GNU time, since
    /// the rusage of a child cannot be had without unsafe code.
    pub(crate) fn peak_kib(&self) -> Outcome<u64> {
        let file = self.home.join(".peak");
        let mut measured = Self::new("/usr/bin/time", &self.home).inside(&self.folder);
        measured =
            measured.args(["-f", "%M", "-o"]).args([&file]).args([&self.program]).args(&self.arguments);
        measured.run()?;
        Ok(fs::read_to_string(&file)?.trim().parse()?)
    }
}

/// One side of a pair: makes the state of a run without being timed, and says which step is timed.
pub(crate) struct Side<'a>(Box<dyn Fn() -> Outcome<Duration> + 'a>);

impl<'a> Side<'a> {
    /// A step that leaves the state as it found it.
    pub(crate) fn settled(step: Step) -> Self {
        Self(Box::new(move || step.time()))
    }

    /// A step that starts from a state made anew by `prepare` before each run.
    pub(crate) fn prepared(prepare: impl Fn() -> Outcome<Step> + 'a) -> Self {
        Self(Box::new(move || prepare()?.time()))
    }

    /// Something done inside this process, all of it timed.
    pub(crate) fn inside(action: impl Fn() -> Outcome<()> + 'a) -> Self {
        Self(Box::new(move || {
            let start = Instant::now();
            action()?;
            Ok(start.elapsed())
        }))
    }

    fn once(&self) -> Outcome<f64> {
        Ok((self.0)()?.as_secs_f64() * 1_000.0)
    }
}

/// Times of one side in ms, in the order in which they were taken; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// The middle time in ms.
    pub(crate) fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    /// The least time in ms: what is left when the machine is busy with other things at times.
    pub(crate) fn least(&self) -> f64 {
        quantile(&self.0, 0.0)
    }

    /// How many there are.
    pub(crate) fn runs(&self) -> usize {
        self.0.len()
    }

    /// Takes `runs` times of something inside this process; the action is told the number of its run.
    pub(crate) fn of(runs: usize, mut action: impl FnMut(usize) -> Outcome<()>) -> Outcome<Self> {
        let mut times = Vec::new();
        for run in 0..runs.max(1) {
            let start = Instant::now();
            action(run)?;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(Self(times))
    }
}

/// The times of both sides; ours is absent when only the reference ran.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    /// Ours, one time for each of `theirs`.
    pub(crate) ours: Option<Times>,
    /// The reference.
    pub(crate) theirs: Times,
}

impl Pairs {
    /// Median of ours over median of theirs.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.ours.as_ref().map(|ours| ours.median() / self.theirs.median())
    }

    /// Median of ours over what is left of the median of theirs without that of `start`; infinite where nothing is.
    pub(crate) fn ratio_less(&self, start: &Times) -> Option<f64> {
        let left = self.theirs.median() - start.median();
        self.ours.as_ref().map(|ours| if left > 0.0 { ours.median() / left } else { f64::INFINITY })
    }

    /// Median of ours less median of theirs, in ms.
    pub(crate) fn difference_ms(&self) -> Option<f64> {
        self.ours.as_ref().map(|ours| ours.median() - self.theirs.median())
    }

    /// First and ninth decile of (ours / theirs) taken pair by pair.
    pub(crate) fn ratio_spread(&self) -> Option<(f64, f64)> {
        self.spread(|ours, theirs| ours / theirs)
    }

    /// First and ninth decile of (ours - theirs) taken pair by pair, in ms.
    pub(crate) fn difference_spread(&self) -> Option<(f64, f64)> {
        self.spread(|ours, theirs| ours - theirs)
    }

    fn spread(&self, of: impl Fn(f64, f64) -> f64) -> Option<(f64, f64)> {
        let ours = self.ours.as_ref()?;
        let each: Vec<f64> = ours.0.iter().zip(&self.theirs.0).map(|(a, b)| of(*a, *b)).collect();
        Some((quantile(&each, 0.1), quantile(&each, 0.9)))
    }

    /// Number of pairs.
    pub(crate) fn runs(&self) -> usize {
        self.theirs.runs()
    }
}

/// Runs both sides by turns: one unmeasured pair to warm up, then `runs` measured ones.
pub(crate) fn paired(ours: Option<&Side<'_>>, theirs: &Side<'_>, runs: usize) -> Outcome<Pairs> {
    match ours {
        Some(ours) => by_turns([ours, theirs], runs).map(|[ours, theirs]| Pairs { ours: Some(ours), theirs }),
        None => by_turns([theirs], runs).map(|[theirs]| Pairs { ours: None, theirs }),
    }
}

/// Runs all sides by turns: one unmeasured turn to warm up, then `runs` measured ones.
pub(crate) fn by_turns<const SIDES: usize>(
    sides: [&Side<'_>; SIDES],
    runs: usize,
) -> Outcome<[Times; SIDES]> {
    let mut times = [const { Vec::new() }; SIDES];
    for turn in 0..=runs {
        for (side, times) in sides.iter().zip(&mut times) {
            let took = side.once()?;
            if turn > 0 {
                times.push(took);
            }
        }
    }
    Ok(times.map(Times))
}

/// The value at `part` (0 to 1) of the sorted `values`, between neighbours in proportion.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = part * (sorted.len().saturating_sub(1)) as f64;
    let below = sorted.get(at.floor() as usize).copied().unwrap_or(f64::NAN);
    let above = sorted.get(at.ceil() as usize).copied().unwrap_or(f64::NAN);
    below + (above - below) * at.fract()
}
