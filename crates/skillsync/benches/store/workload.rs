//! Makes the skills that are measured: the same bytes for the same numbers, every file different. What is
//! done with them is left to the rows.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The files of one skill, in the order in which a smaller skill takes them, with their mean size in bytes.
/// All ten make 58.2 KB a skill.
const FILES: [(&str, u64); 10] = [
    ("SKILL.md", 5_000),
    ("scripts/run.py", 3_500),
    ("references/formats.md", 6_000),
    ("references/guide.md", 10_000),
    ("references/api.md", 9_000),
    ("references/examples.md", 8_000),
    ("assets/template.html", 5_000),
    ("assets/data.json", 7_000),
    ("LICENSE.txt", 3_000),
    ("scripts/check.sh", 1_700),
];

/// Most files that a made skill can have.
pub(crate) const MOST_FILES: usize = FILES.len();

const WORDS: [&str; 32] = [
    "the", "a", "file", "report", "when", "table", "each", "column", "check", "that", "value", "is", "read",
    "before", "write", "page", "of", "and", "to", "in", "result", "format", "step", "order", "with", "for",
    "input", "output", "never", "keep", "short", "exact",
];

/// What one workload holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Number of skills.
    pub(crate) skills: usize,
    /// Files in each skill, 1 to [`MOST_FILES`].
    pub(crate) files: usize,
}

/// The name of the skill with this number; also the name of its folder.
pub(crate) fn name(number: usize) -> String {
    format!("bench-skill-{number:05}")
}

/// Writes the skills of `shape` as folders into `folder`, which is made; says how many bytes they hold.
pub(crate) fn generate(folder: &Path, shape: Shape) -> io::Result<u64> {
    let mut bytes = 0;
    for number in 0..shape.skills {
        let skill = folder.join(name(number));
        for (index, (path, mean)) in FILES.iter().take(shape.files).enumerate() {
            let at = skill.join(path);
            if let Some(parent) = at.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut random = Random::new(number, index);
            // Three quarters to five quarters of the mean: real skills are not all of one size.
            let size = mean * 3 / 4 + random.below(mean / 2);
            let text = content(path, number, size, &mut random);
            bytes += text.len() as u64;
            fs::write(&at, text)?;
            if path.starts_with("scripts/") {
                fs::set_permissions(&at, fs::Permissions::from_mode(0o755))?;
            }
        }
    }
    Ok(bytes)
}

/// A `SKILL.md` of `lines` lines below its frontmatter, no two alike, for the skill with this number.
pub(crate) fn long_text(number: usize, lines: usize) -> String {
    let (mut text, mut random) = (frontmatter(number), Random::new(number, 0));
    for line in 0..lines {
        text.push_str(&format!("{line}:"));
        for _ in 0..12 {
            text.push(' ');
            text.push_str(random.word());
        }
        text.push('\n');
    }
    text
}

/// `size` bytes that no two numbers share.
pub(crate) fn noise(number: usize, size: usize) -> Vec<u8> {
    let mut random = Random::new(number, 1);
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(size);
    bytes
}

fn content(path: &str, number: usize, size: u64, random: &mut Random) -> String {
    let (mut text, before, after) = match path {
        "SKILL.md" => (frontmatter(number), "", ""),
        "scripts/run.py" => ("#!/usr/bin/env python3\n".to_owned(), "# ", ""),
        "scripts/check.sh" => ("#!/bin/sh\nset -eu\n".to_owned(), "# ", ""),
        "assets/template.html" => ("<!doctype html>\n".to_owned(), "<p>", "</p>"),
        "assets/data.json" => ("[\n".to_owned(), "  \"", "\","),
        _ => (format!("# {path} of skill {number}\n\n"), "", ""),
    };
    while (text.len() as u64) < size {
        text.push_str(before);
        for _ in 0..12 {
            text.push_str(random.word());
            text.push(' ');
        }
        text.push_str(random.word());
        text.push_str(after);
        text.push('\n');
    }
    if path == "assets/data.json" {
        text.push_str("  \"end\"\n]\n");
    }
    text
}

fn frontmatter(number: usize) -> String {
    let name = name(number);
    format!(
        "---\nname: {name}\ndescription: Reads table number {number}, checks each column and writes a short \
         report. Use when a person asks for report {number}.\nlicense: MIT\nmetadata:\n  author: bench\n---\n\n\
         # Report {number}\n\n"
    )
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(number: usize, index: usize) -> Self {
        Self(((number as u64) << 8) | index as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn word(&mut self) -> &'static str {
        WORDS[(self.next() % WORDS.len() as u64) as usize]
    }
}
