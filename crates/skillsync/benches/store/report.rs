//! Prints what was measured, as text or as one JSON document. It decides nothing.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::measure::Pairs;
use crate::rows::{Figure, Goal, Line, Row};

/// The lines of one number of skills.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Number of skills.
    pub(crate) skills: usize,
    /// Bytes of all their files.
    pub(crate) bytes: u64,
    /// What was measured.
    pub(crate) lines: Vec<Line>,
}

/// All of one run of the bench.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Where it ran.
    pub(crate) machine: Machine,
    /// Load averages after the last row.
    pub(crate) load_after: String,
    /// One for each number of skills.
    pub(crate) blocks: Vec<Block>,
}

impl Report {
    /// Number of lines without a figure.
    pub(crate) fn failures(&self) -> usize {
        self.blocks.iter().flat_map(|block| &block.lines).filter(|line| line.figure.is_err()).count()
    }

    /// The tables.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let machine = &self.machine;
        writeln!(
            out,
            "machine: {} cores, {}, {}, kernel {}; load {} before, {} after",
            machine.cores,
            machine.processor,
            machine.file_system,
            machine.kernel,
            machine.load_before,
            self.load_after
        )?;
        writeln!(out, "tools: {}", machine.tools.join("; "))?;
        for block in &self.blocks {
            let megabytes = block.bytes as f64 / 1e6;
            writeln!(out, "\n{} skills of 10 files, {megabytes:.1} MB, 3 targets", block.skills)?;
            for line in &block.lines {
                write_line(out, line)?;
            }
        }
        self.write_growth(out)
    }

    /// How the cost of a skill changes from the smallest to the largest number of skills.
    fn write_growth(&self, out: &mut impl Write) -> io::Result<()> {
        for (what, each) in self.growth() {
            let figures: Vec<String> =
                each.iter().map(|(skills, micros)| format!("{micros:.1} us at {skills}")).collect();
            let (first, last) = (each.first(), each.last());
            let growth = first.zip(last).map_or(f64::NAN, |(first, last)| last.1 / first.1);
            writeln!(out, "cost of a skill, {what}: {} (x{growth:.2}; x1 is linear)", figures.join(", "))?;
        }
        Ok(())
    }

    /// For each timed line of ours, (skills, microseconds a skill) at each number of skills.
    fn growth(&self) -> Vec<(String, Vec<(usize, f64)>)> {
        let [first, .., _] = self.blocks.as_slice() else { return Vec::new() };
        let each = |what: &str| -> Vec<(usize, f64)> {
            let blocks = self.blocks.iter();
            let found = blocks.filter_map(|block| {
                let line = block.lines.iter().find(|line| line.what == what && line.row != Row::Memory)?;
                let Ok(Figure::Pairs(pairs)) = &line.figure else { return None };
                let median_ms = pairs.ours.as_ref().unwrap_or(&pairs.theirs).median();
                Some((block.skills, median_ms * 1_000.0 / block.skills as f64))
            });
            found.collect()
        };
        let lines = first.lines.iter().map(|line| {
            let ran_ours = matches!(&line.figure, Ok(Figure::Pairs(pairs)) if pairs.ours.is_some());
            (if ran_ours { line.what.clone() } else { line.against.to_owned() }, each(&line.what))
        });
        lines.filter(|(_, each)| !each.is_empty()).collect()
    }

    /// The document of `--json`.
    pub(crate) fn to_json(&self) -> Value {
        let machine = &self.machine;
        let blocks = self.blocks.iter().map(|block| {
            let rows: Vec<Value> = block.lines.iter().map(line_json).collect();
            json!({ "skills": block.skills, "bytes": block.bytes, "rows": rows })
        });
        json!({
            "machine": {
                "cores": machine.cores,
                "processor": machine.processor,
                "kernel": machine.kernel,
                "file_system": machine.file_system,
                "tools": machine.tools,
                "load_before": machine.load_before,
                "load_after": self.load_after,
            },
            "blocks": blocks.collect::<Vec<_>>(),
        })
    }
}

fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    write!(out, "{:<10} {:<44}", line.row.slug(), line.what)?;
    match &line.figure {
        Err(why) => writeln!(out, " not measured: {why}"),
        Ok(Figure::FloorMs(ms)) => writeln!(out, " {ms:9.2} ms (least)"),
        Ok(Figure::PeakKib(kib)) => {
            writeln!(out, " {:9.1} MiB  {}", *kib as f64 / 1024.0, verdict(line))
        }
        Ok(Figure::Opened(opened)) => writeln!(
            out,
            " {} payload files, {} .meta.toml, {} other files of the store ({} bytes read)  {}",
            opened.payload,
            opened.meta,
            opened.store,
            opened.store_bytes,
            verdict(line)
        ),
        Ok(Figure::Alone(times)) => writeln!(
            out,
            " {:9.2} ms, least {:.2} ms, {} runs, {}  {}",
            times.median(),
            times.least(),
            times.runs(),
            line.against,
            verdict(line)
        ),
        Ok(Figure::LessStart(pairs, start)) => {
            let (theirs, start_ms) = (pairs.theirs.median(), start.median());
            let left =
                format!("{theirs:.2} ms less {start_ms:.2} ms to start git = {:.2} ms", theirs - start_ms);
            let Some(ours) = pairs.ours.as_ref() else {
                return writeln!(out, " {left}, {}", line.against);
            };
            let ratio = pairs.ratio_less(start).unwrap_or(f64::NAN);
            writeln!(
                out,
                " {:9.2} ms, {} {left}: x{ratio:.2}, least {:.2} / {:.2} less {:.2} ms, {} turns  {}",
                ours.median(),
                line.against,
                ours.least(),
                pairs.theirs.least(),
                start.least(),
                pairs.runs(),
                verdict(line)
            )
        }
        Ok(Figure::Pairs(pairs)) => {
            let theirs = pairs.theirs.median();
            let Some(ours) = pairs.ours.as_ref() else {
                let least = pairs.theirs.least();
                return writeln!(out, " {theirs:9.2} ms, least {least:.2} ms, {}", line.against);
            };
            write!(out, " {:9.2} ms, {} {theirs:.2} ms: ", ours.median(), line.against)?;
            match line.goal {
                Goal::MoreMs(_) => {
                    write_spread(out, "+", pairs.difference_ms(), pairs.difference_spread(), " ms")?
                }
                _ => write_spread(out, "x", pairs.ratio(), pairs.ratio_spread(), "")?,
            }
            let least = (ours.least(), pairs.theirs.least());
            writeln!(
                out,
                ", least {:.2} / {:.2} ms, {} pairs  {}",
                least.0,
                least.1,
                pairs.runs(),
                verdict(line)
            )
        }
    }
}

fn write_spread(
    out: &mut impl Write,
    sign: &str,
    middle: Option<f64>,
    spread: Option<(f64, f64)>,
    unit: &str,
) -> io::Result<()> {
    let (low, high) = spread.unwrap_or((f64::NAN, f64::NAN));
    write!(out, "{sign}{:.2}{unit} (pairs {low:.2} to {high:.2})", middle.unwrap_or(f64::NAN))
}

fn verdict(line: &Line) -> String {
    let goal = goal(line.goal);
    match line.met() {
        Some(true) => format!("[{goal}: met]"),
        Some(false) => format!("[{goal}: missed]"),
        None => String::new(),
    }
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::Ratio(most) => format!("goal <= {most}x"),
        Goal::MoreMs(most) => format!("goal <= {most} ms more"),
        Goal::MostMs(most) => format!("goal <= {most} ms"),
        Goal::PeakMib(most) => format!("goal <= {most} MiB"),
        Goal::NothingOpened => "goal 0 payload files".to_owned(),
        Goal::None => String::new(),
    }
}

fn line_json(line: &Line) -> Value {
    let figure = match &line.figure {
        Err(why) => json!({ "not_measured": why }),
        Ok(Figure::FloorMs(ms)) => json!({ "least_ms": ms }),
        Ok(Figure::PeakKib(kib)) => json!({ "peak_kib": kib }),
        Ok(Figure::Opened(opened)) => json!({
            "payload_files": opened.payload,
            "meta_files": opened.meta,
            "other_store_files": opened.store,
            "store_bytes_read": opened.store_bytes,
        }),
        Ok(Figure::Alone(times)) => json!({
            "ours_median_ms": times.median(),
            "ours_least_ms": times.least(),
            "runs": times.runs(),
        }),
        Ok(Figure::LessStart(pairs, start)) => {
            let mut figure = pairs_json(pairs);
            figure["start_median_ms"] = json!(start.median());
            figure["start_least_ms"] = json!(start.least());
            figure["ratio_less_start"] = json!(pairs.ratio_less(start));
            figure
        }
        Ok(Figure::Pairs(pairs)) => pairs_json(pairs),
    };
    json!({
        "row": line.row.slug(),
        "what": line.what,
        "against": line.against,
        "goal": goal(line.goal),
        "met": line.met(),
        "figure": figure,
    })
}

fn pairs_json(pairs: &Pairs) -> Value {
    json!({
        "ours_median_ms": pairs.ours.as_ref().map(|ours| ours.median()),
        "against_median_ms": pairs.theirs.median(),
        "ours_least_ms": pairs.ours.as_ref().map(|ours| ours.least()),
        "against_least_ms": pairs.theirs.least(),
        "ratio": pairs.ratio(),
        "ratio_p10_p90": pairs.ratio_spread(),
        "difference_ms": pairs.difference_ms(),
        "difference_ms_p10_p90": pairs.difference_spread(),
        "pairs": pairs.runs(),
    })
}
