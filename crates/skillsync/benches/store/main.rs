//! `cargo bench -p skillsync --bench store`: times the built program against public tools on made skills, in
//! paired runs, and prints ratios. It judges no time: a missed goal is printed, never an exit code.
//!
//! Rooms: `options` (the command line), `workload` (the skills), `measure` (one timed step, pairs, medians),
//! `place` (folders and states), `rows` (what is measured), `projects` (the rows about projects), `opens` (which
//! files the program opened), `floors` (what the machine can do), `machine` (what the machine is), `report` (text
//! and JSON).

#![expect(clippy::disallowed_methods, reason = "the bench is a program of its own, outside world, ui and fs")]

mod floors;
mod machine;
mod measure;
mod opens;
mod options;
mod place;
mod projects;
mod report;
mod rows;
mod workload;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use options::{Options, Task};
use place::Place;
use report::{Block, Report};
use workload::Shape;

/// The program under test, built by cargo with the bench profile.
const PROGRAM: &str = env!("CARGO_BIN_EXE_skillsync");

/// What anything here returns: a figure, or the reason why there is none.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)).and_then(|task| run(&task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A line that cannot be written has nobody left to read it.
            _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Outcome<()> {
    let mut out = io::stdout();
    match task {
        // `cargo test --all-targets` runs benches too: without cargo's `--bench` there is nothing to do.
        Task::Nothing => Ok(()),
        Task::Help => Ok(out.write_all(options::HELP.as_bytes())?),
        Task::Generate { folder, shape } => {
            let bytes = workload::generate(folder, *shape)?;
            Ok(writeln!(out, "{} skills, {bytes} bytes in {}", shape.skills, folder.display())?)
        }
        Task::Measure(options) => {
            let report = measure(options)?;
            if options.json {
                writeln!(out, "{:#}", report.to_json())?;
            } else {
                report.write_text(&mut out)?;
            }
            match report.failures() {
                0 => Ok(()),
                count => Err(format!("{count} rows could not be measured").into()),
            }
        }
    }
}

fn measure(options: &Options) -> Outcome<Report> {
    let temp = tempfile::Builder::new().prefix("skillsync-bench-").tempdir()?;
    let machine = machine::describe(temp.path());
    let mut blocks = Vec::new();
    for skills in options.sizes() {
        let shape = Shape { skills, files: workload::MOST_FILES };
        progress(options, &format!("{skills} skills: making the workload"));
        let place = Place::make(&temp.path().join(skills.to_string()), shape, options.sides)?;
        let mut block = Block { skills, bytes: place.bytes, lines: Vec::new() };
        for row in options.rows() {
            progress(options, &format!("{skills} skills: {}", row.slug()));
            block.lines.extend(rows::measure(row, &place, options));
        }
        blocks.push(block);
    }
    let load_after = machine::load();
    temp.close()?;
    Ok(Report { machine, load_after, blocks })
}

fn progress(options: &Options, line: &str) {
    if !options.json {
        _ = writeln!(io::stderr(), "{line}");
    }
}
