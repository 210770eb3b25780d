//! The command line of the bench: what to measure, on how many skills, how often. It starts nothing.

use std::path::PathBuf;

use crate::Outcome;
use crate::rows::Row;
use crate::workload::{MOST_FILES, Shape};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
usage: cargo bench -p skillsync --bench store -- [OPTIONS]
  --skills N           number of skills (default 1000)
  --runs N             pairs of runs in each row (default: 3 to 101, by the row)
  --only ROW           noop, verify, first-sync, add, start, memory, floors; check, deploy, pull, merge, seed
                       (projects: 130 skills at least); may be given again
  --scale              noop, verify, first-sync, add and memory at 1000, 3000 and 10000 skills
  --reference-only     the public tools and the floors, not skillsync
  --json               one JSON document instead of text
  --generate DIR       only write the skills into DIR; with --skills, --files N (1 to 10)
The workload lies in TMPDIR, which must be on the disk to be measured.
";

/// Whose side of each pair runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sides {
    /// Ours and the reference, alternating.
    Both,
    /// The reference alone.
    Reference,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// Not started by `cargo bench`.
    Nothing,
    /// Print [`HELP`].
    Help,
    /// Write the workload and stop.
    Generate {
        /// Where to; made if it is not there.
        folder: PathBuf,
        /// How much.
        shape: Shape,
    },
    /// Measure rows.
    Measure(Options),
}

/// What to measure.
#[derive(Debug)]
pub(crate) struct Options {
    skills: usize,
    runs: Option<usize>,
    only: Vec<Row>,
    scale: bool,
    /// Whose side runs.
    pub(crate) sides: Sides,
    /// JSON instead of text.
    pub(crate) json: bool,
}

impl Options {
    /// The numbers of skills to measure at, smallest first.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        if self.scale { vec![1_000, 3_000, 10_000] } else { vec![self.skills] }
    }

    /// The rows to measure, in their order; `start` writes observations, so it comes after the settled rows.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let all = if self.scale { Row::SCALE.as_slice() } else { Row::ALL.as_slice() };
        all.iter().copied().filter(|row| self.only.is_empty() || self.only.contains(row)).collect()
    }

    /// Pairs of runs, if nobody says, of a row whose every run leaves a store behind: what 10,000 skills
    /// leave is gigabytes.
    pub(crate) fn slow_runs(&self) -> usize {
        if self.scale { 3 } else { 7 }
    }

    /// Pairs of runs for a row whose own number is `usual`.
    pub(crate) fn runs(&self, usual: usize) -> usize {
        self.runs.unwrap_or(usual).max(1)
    }
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Outcome<Task> {
    let mut options = Options {
        skills: 1_000,
        runs: None,
        only: Vec::new(),
        scale: false,
        sides: Sides::Both,
        json: false,
    };
    let (mut files, mut generate, mut started, mut help) = (MOST_FILES, None, false, false);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
        match argument.as_str() {
            "--bench" => started = true,
            "--help" => help = true,
            "--skills" => options.skills = value()?.parse::<usize>()?.max(1),
            "--runs" => options.runs = Some(value()?.parse()?),
            "--files" => files = value()?.parse::<usize>()?.clamp(1, MOST_FILES),
            "--only" => options.only.push(Row::from_slug(&value()?)?),
            "--generate" => generate = Some(PathBuf::from(value()?)),
            "--scale" => options.scale = true,
            "--reference-only" => options.sides = Sides::Reference,
            "--json" => options.json = true,
            other => return Err(format!("unknown option {other}; see --help").into()),
        }
    }
    Ok(match (started, help, generate) {
        (false, _, _) => Task::Nothing,
        (true, true, _) => Task::Help,
        (true, false, Some(folder)) => {
            Task::Generate { folder, shape: Shape { skills: options.skills, files } }
        }
        (true, false, None) => Task::Measure(options),
    })
}
