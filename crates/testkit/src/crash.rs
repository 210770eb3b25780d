//! Every crash a command can have, one after the other: killed at, or refused at, each system call that changes the
//! disk, each time from the same prepared home, and then judged. What must hold is the test's to say.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::disk;
use crate::durability::unsynced;
use crate::judge::quietly;
use crate::machine::{Machine, quoted};
use crate::outcome::Output;
use crate::say;
use crate::snapshot::Snapshot;
use crate::strace::{Fault, Kind, Point, Strace};
use violation::{Violation, in_words};
use worker::{Worker, base_folder};

mod violation;
mod worker;

/// Workers, each with a home of its own.
const WORKERS: usize = 2;
/// Of the faults that are only sampled, every so-manieth point is taken.
const SAMPLE_STEP: usize = 5;

/// One case at a time in one process: the workers fill the machine, and strace is easier to believe alone.
static TURN: Mutex<()> = Mutex::new(());

type Look<'a> = Box<dyn Fn(&Machine) + Sync + 'a>;
type Expendable<'a> = Box<dyn Fn(&str) -> bool + Sync + 'a>;
type Judge<'a> = Box<dyn Fn(&Machine, &Hit) + Sync + 'a>;

/// A fault that happened, and how the program ended with it.
#[derive(Debug, Clone)]
pub struct Hit {
    /// What was done to it.
    pub fault: Fault,
    /// Where.
    pub point: Point,
    /// How it ended.
    pub output: Output,
    /// The prepared home, before anything was run.
    pub before: Arc<Snapshot>,
}

impl Hit {
    /// Whether the program had told its user that the work is done: it exited with 0, or was killed after its last
    /// word. What it acknowledged must be there.
    #[must_use]
    pub fn acknowledged(&self) -> bool {
        match self.fault {
            Fault::Kill => self.point.kind == Kind::Ends,
            Fault::Error(_) => self.output.code == Some(0),
        }
    }
}

/// A command to crash: how its home is prepared, what must hold at once, what must hold after recovery.
pub struct Case<'a> {
    name: String,
    binary: PathBuf,
    args: Vec<String>,
    prepare: Look<'a>,
    warm: Look<'a>,
    live: Look<'a>,
    settle: Judge<'a>,
    exits: i32,
    errors: bool,
    twice: usize,
    step: usize,
    error_step: usize,
    /// Which paths (relative to the home) a power cut may take; none when that is not looked at.
    expendable: Option<Expendable<'a>>,
}

/// How many points a case had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Faults that happened, by their word: `kill`, `EIO`, `kill twice`.
    pub done: Vec<(String, usize)>,
    /// Points that the second run did not reach. More than a few mean that the program is not deterministic.
    pub missed: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.done.iter().map(|(word, n)| format!("{word} {n}")).collect();
        f.write_str(&counts.join(", "))?;
        if self.missed > 0 {
            write!(f, ", {} points not reached", self.missed)?;
        }
        Ok(())
    }
}

impl<'a> Case<'a> {
    /// The command `args` of `binary`, on an empty home, with nothing to hold.
    #[must_use]
    pub fn new(name: &str, binary: impl Into<PathBuf>, args: &[&str]) -> Case<'a> {
        Case {
            name: name.to_owned(),
            binary: binary.into(),
            args: args.iter().map(|&a| a.to_owned()).collect(),
            prepare: Box::new(|_| {}),
            warm: Box::new(|_| {}),
            live: Box::new(|_| {}),
            settle: Box::new(|_, _| {}),
            exits: 0,
            errors: true,
            twice: 0,
            step: 1,
            error_step: 1,
            expendable: None,
        }
    }

    /// Brings a fresh home to the state before the command. Run once a worker, then copied back for each point.
    #[must_use]
    pub fn prepare(mut self, prepare: impl Fn(&Machine) + Sync + 'a) -> Case<'a> {
        self.prepare = Box::new(prepare);
        self
    }

    /// What is done in the copied home before each point: for what a copy cannot carry. A program that trusts inode
    /// numbers and times sees a stranger in a copy, and its fast paths would go untested.
    #[must_use]
    pub fn warm(mut self, warm: impl Fn(&Machine) + Sync + 'a) -> Case<'a> {
        self.warm = Box::new(warm);
        self
    }

    /// What must hold right after the fault, with nothing run since: what an agent sees. Panics when it does not.
    #[must_use]
    pub fn live(mut self, live: impl Fn(&Machine) + Sync + 'a) -> Case<'a> {
        self.live = Box::new(live);
        self
    }

    /// Recovers (by running the command again, as a rule) and panics unless all is as it must be.
    #[must_use]
    pub fn settle(mut self, settle: impl Fn(&Machine, &Hit) + Sync + 'a) -> Case<'a> {
        self.settle = Box::new(settle);
        self
    }

    /// The exit code that the command ends with where nothing is broken: 0 unless another one is said here. Another one
    /// says of a faulted run nothing.
    #[must_use]
    pub fn exits(mut self, code: i32) -> Case<'a> {
        self.exits = code;
        self
    }

    /// Kills only, no refused calls: for a command whose errors another case already covers.
    #[must_use]
    pub fn kills_only(mut self) -> Case<'a> {
        self.errors = false;
        self
    }

    /// Only every so-manieth point, except in a long run: for a command that does again what others do, hundreds of
    /// times.
    #[must_use]
    pub fn thin(mut self, step: usize) -> Case<'a> {
        self.step = if crate::soak() { 1 } else { step.max(1) };
        self
    }

    /// Of the points to refuse, only every so-manieth of those that are left to kill at, except in a long run: for one of
    /// many commands that go through the same calls.
    #[must_use]
    pub fn thin_errors(mut self, step: usize) -> Case<'a> {
        self.error_step = if crate::soak() { 1 } else { step.max(1) };
        self
    }

    /// Also kills the second run of the same command after a kill of the first, at about so many pairs of points;
    /// at all of them in a long run.
    #[must_use]
    pub fn twice(mut self, pairs: usize) -> Case<'a> {
        self.twice = pairs;
        self
    }

    /// Also demands that a power cut after the command's end, or at a rename on its way, takes nothing but what
    /// `expendable` admits (caches, which are made again). Paths are relative to the home.
    #[must_use]
    pub fn durable(mut self, expendable: impl Fn(&str) -> bool + Sync + 'a) -> Case<'a> {
        self.expendable = Some(Box::new(expendable));
        self
    }

    /// Does it all, says how many points there were, and panics with each way to see a violation again.
    #[track_caller]
    pub fn run(self) {
        let begun = Instant::now();
        let seconds = || begun.elapsed().as_secs_f32();
        match self.tally() {
            Ok(tally) => say(&format!("crash {}: {tally} ({:.1} s)", self.name, seconds())),
            Err(Stop::Skipped(why)) => say(&format!("SKIPPED crash {}: {why}", self.name)),
            Err(Stop::Violations(text)) => panic!("{text}"),
        }
    }

    /// Like `run`, as a value, for a test of the harness itself.
    pub fn tally(&self) -> Result<Tally, Stop> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let strace = Strace::find().map_err(Stop::Skipped)?;
        let base = base_folder();
        let workers: Vec<Worker> =
            (0..WORKERS).map(|n| Worker::new(&self.binary, &self.prepare, base.path(), n)).collect();
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let first = &workers[0];
        self.reset(first);
        let (whole, points) = strace.record(&first.machine, &args, &first.logs);
        if whole.code != Some(self.exits) {
            return Err(Stop::Violations(format!(
                "crash {}: fails with no fault at all\n{whole}",
                self.name
            )));
        }
        let jobs = self.jobs(&points);
        let sum = Mutex::new(self.power_cut(&strace, first, &args));
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for worker in &workers {
                scope.spawn(|| {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let part = self.point(&strace, worker, &args, job);
                        sum.lock().unwrap_or_else(PoisonError::into_inner).add(part);
                    }
                });
            }
        });
        let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.verdict(sum, jobs.len())
    }

    /// What a power cut could take, as violations.
    fn power_cut(&self, strace: &Strace, worker: &Worker, args: &[&str]) -> Sum {
        let mut sum = Sum::default();
        let Some(expendable) = &self.expendable else { return sum };
        let home = worker.machine.home();
        self.reset(worker);
        let (_, log) = strace.order(&worker.machine, args, &worker.logs);
        let root = home.to_string_lossy().into_owned();
        let relative =
            |path: &str| path.strip_prefix(&root).unwrap_or(path).trim_start_matches('/').to_owned();
        let existed = |path: &str| worker.saved.join(relative(path)).symlink_metadata().is_ok();
        let there = |path: &str| Path::new(path).symlink_metadata().is_ok();
        for loss in unsynced(&log, &root, existed, there) {
            let path = loss.split(": ").next().unwrap_or(&loss);
            if !expendable(&relative(path)) {
                let why = loss.replace(&root, "~");
                sum.violations.push(Violation { why, place: "power cut".to_owned(), text: String::new() });
            }
        }
        sum.count("power cut");
        sum
    }

    fn verdict(&self, sum: Sum, jobs: usize) -> Result<Tally, Stop> {
        let (name, bad) = (&self.name, sum.violations.len());
        if bad > 0 {
            let text = in_words(sum.violations);
            return Err(Stop::Violations(format!("crash {name}: {bad} violations in {}\n{text}", sum.tally)));
        }
        // A few calls may move (a random name that exists, a clock); a tenth would mean that points go untested.
        if sum.tally.missed * 10 > jobs {
            let n = sum.tally.missed;
            return Err(Stop::Violations(format!("crash {name}: {n} of {jobs} points were not reached")));
        }
        Ok(sum.tally)
    }

    /// The state before the command.
    fn reset(&self, worker: &Worker) {
        disk::restore(&worker.saved, worker.machine.home());
        (self.warm)(&worker.machine);
    }

    fn jobs(&self, points: &[Point]) -> Vec<Job> {
        let mut jobs = Vec::new();
        let at_points = |fault: Fault, step: usize, jobs: &mut Vec<Job>| {
            let fitting = points.iter().filter(|p| fault.fits(p)).step_by(step * self.step);
            jobs.extend(fitting.map(|p| Job { fault, point: p.clone(), pairs: 0 }));
        };
        at_points(Fault::Kill, 1, &mut jobs);
        if self.errors {
            let step = if crate::soak() { 1 } else { SAMPLE_STEP };
            let all = self.error_step;
            at_points(Fault::EIO, all, &mut jobs);
            at_points(Fault::ENOSPC, all, &mut jobs);
            at_points(Fault::EDQUOT, all * step, &mut jobs);
            at_points(Fault::EACCES, all * step, &mut jobs);
        }
        if self.twice > 0 {
            let kills: Vec<Job> = jobs.iter().filter(|j| j.fault == Fault::Kill).cloned().collect();
            // Pairs spread over both runs alike: about the square root of them each.
            let side = self.twice.isqrt().max(1);
            let (step, pairs) =
                if crate::soak() { (1, usize::MAX) } else { (kills.len().div_ceil(side).max(1), side) };
            jobs.extend(kills.into_iter().step_by(step).map(|job| Job { pairs, ..job }));
        }
        jobs
    }

    /// One point, or with `pairs` a point and the points of the run after it.
    fn point(&self, strace: &Strace, worker: &Worker, args: &[&str], job: &Job) -> Sum {
        let mut sum = Sum::default();
        self.reset(worker);
        let (output, hit) = strace.inject(&worker.machine, args, &job.point, job.fault, &worker.logs);
        if !hit {
            sum.tally.missed += 1;
            return sum;
        }
        if job.pairs == 0 {
            sum.count(job.fault.word());
            let before = Arc::clone(&worker.before);
            let hit = Hit { fault: job.fault, point: job.point.clone(), output, before };
            sum.violations.extend(self.judge(worker, &worker.saved, &hit, &[]));
            return sum;
        }
        let half = worker.saved.with_file_name("half");
        disk::restore(worker.machine.home(), &half);
        let (_, points) = strace.record(&worker.machine, args, &worker.logs);
        let kills: Vec<&Point> = points.iter().filter(|p| Fault::Kill.fits(p)).collect();
        let step = kills.len().div_ceil(job.pairs).max(1);
        for point in kills.into_iter().step_by(step) {
            disk::restore(&half, worker.machine.home());
            let (output, hit) = strace.inject(&worker.machine, args, point, Fault::Kill, &worker.logs);
            if !hit {
                sum.tally.missed += 1;
                continue;
            }
            sum.count("kill twice");
            let before = Arc::clone(&worker.before);
            let hit = Hit { fault: Fault::Kill, point: point.clone(), output, before };
            sum.violations.extend(self.judge(worker, &half, &hit, std::slice::from_ref(&job.point)));
        }
        sum
    }

    /// The violation that this state is, if it is one.
    fn judge(&self, worker: &Worker, before: &Path, hit: &Hit, earlier: &[Point]) -> Option<Violation> {
        let after = worker.machine.snapshot();
        let judged = quietly(|| {
            if hit.fault != Fault::Kill {
                assert!(hit.output.is_clean(), "not a clean error");
            }
            (self.live)(&worker.machine);
            (self.settle)(&worker.machine, hit);
        });
        let why = judged.err()?;
        let steps: Vec<String> = earlier
            .iter()
            .map(|p| (p, Fault::Kill))
            .chain([(&hit.point, hit.fault)])
            .map(|(p, fault)| {
                format!("  {} {}\n    at {}", fault.reproduction(p), self.command_line(), p.call)
            })
            .collect();
        let diff = Snapshot::of(before).diff(&after);
        worker.keep(before);
        let place = format!("{} at {} {}", hit.fault.word(), hit.point.syscall, hit.point.nth);
        let text = format!(
            "{place}\n{why}\nto see it again:\n{}\nhow it ended:\n{}what it had changed:\n{diff}",
            steps.join("\n"),
            hit.output,
        );
        let why = why.replace(&*worker.machine.home().to_string_lossy(), "~");
        Some(Violation { why, place, text })
    }

    fn command_line(&self) -> String {
        let program = self.binary.file_name().unwrap_or_default().to_string_lossy();
        let words: Vec<String> = self.args.iter().map(|a| quoted(a)).collect();
        format!("{program} {}", words.join(" "))
    }
}

/// Why a case has no tally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// This machine cannot do it, and why.
    Skipped(String),
    /// It was done, and something does not hold.
    Violations(String),
}

#[derive(Debug, Clone)]
struct Job {
    fault: Fault,
    point: Point,
    /// 0 for a point of the command itself; else how many points of the run after it to take.
    pairs: usize,
}

#[derive(Debug, Default)]
struct Sum {
    tally: Tally,
    violations: Vec<Violation>,
}

impl Sum {
    fn count(&mut self, word: &str) {
        match self.tally.done.iter_mut().find(|(known, _)| known == word) {
            Some((_, n)) => *n += 1,
            None => self.tally.done.push((word.to_owned(), 1)),
        }
    }

    fn add(&mut self, part: Sum) {
        for (word, n) in part.tally.done {
            for _ in 0..n {
                self.count(&word);
            }
        }
        self.tally.missed += part.tally.missed;
        self.violations.extend(part.violations);
    }
}
