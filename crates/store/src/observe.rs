//! Logs of observations: one JSON line a use, appended; read with bad lines skipped and counted
//! (`docs/formats/log.md`, checklist D5, decision 15).

use std::path::Path;

use serde::{Deserialize, Serialize};
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Signal, Stats};

use crate::fs::{self, FileStamp};
use crate::index::{Index, Key, LogSeen};
use crate::layout::Layout;

/// One observed use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When, RFC 3339 with `Z`.
    #[serde(rename = "ts")]
    pub at: String,
    /// How it went.
    pub signal: Signal,
    /// What was said of it.
    #[serde(default)]
    pub note: Option<String>,
    /// The version that was used, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A log as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The observations, oldest first.
    pub observations: Vec<Observation>,
    /// The numbers of lines that do not read, from 1.
    pub bad_lines: Vec<usize>,
}

impl Log {
    /// What it adds up to.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for observation in &self.observations {
            stats.count(observation.signal);
        }
        stats
    }
}

/// Appends one observation, durably. Needs no mutex: lines of several processes do not mix.
pub fn append(layout: &Layout, name: &SkillName, observation: &Observation) -> Result<(), fs::Error> {
    // The record has no type that JSON cannot hold.
    let line = serde_json::to_string(observation).unwrap_or_default();
    fs::append_line(&layout.log(name), line.as_bytes())
}

/// Reads the log of `name`; an empty one when there is none.
pub fn read(layout: &Layout, name: &SkillName) -> Result<Log, fs::Error> {
    read_at(&layout.log(name))
}

fn read_at(path: &Path) -> Result<Log, fs::Error> {
    let bytes = fs::optional(fs::read(path, limits::LOG_BYTES))?.unwrap_or_default();
    let mut log = Log::default();
    for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(observation) => log.observations.push(observation),
            Err(_) => log.bad_lines.push(index + 1),
        }
    }
    Ok(log)
}

/// What the log of `name` adds up to; read only when the index does not know.
pub fn stats(layout: &Layout, index: &mut Index, name: &SkillName) -> Result<Stats, fs::Error> {
    let path = layout.log(name);
    let Some(metadata) = fs::lstat(&path)? else { return Ok(Stats::default()) };
    let settled_ns = fs::clock_ns();
    let stamp = FileStamp::of(&metadata);
    let key = Key::Log(name.as_str());
    if let Some(seen) = index.get::<LogSeen>(key)
        && seen.stamp == stamp
        && stamp.is_settled(seen.settled_ns)
    {
        return Ok(seen.stats);
    }
    let stats = read_at(&path)?.stats();
    index.set(key, &LogSeen { stamp, settled_ns, stats });
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_spoil_nothing_but_themselves() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().to_owned());
        fs::make_dirs(&layout.logs()).unwrap();
        let name = SkillName::parse("pdf").unwrap();
        let seen = |signal, note: Option<&str>| Observation {
            at: "2026-02-07T10:15:00Z".to_owned(),
            signal,
            note: note.map(str::to_owned),
            version: Some(3),
        };
        append(&layout, &name, &seen(Signal::Positive, Some("a \"b\"\nc"))).unwrap();
        let text = String::from_utf8(fs::read(&layout.log(&name), 1000).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"ts\":\"2026-02-07T10:15:00Z\",\"signal\":\"positive\",\"note\":\"a \\\"b\\\"\\nc\",\"version\":3}\n"
        );
        let torn = format!("{text}not json\n{{\"ts\":\"x\"}}\n\n\u{feff}\n{{\"ts\":");
        fs::replace(&layout.log(&name), torn.as_bytes(), fs::Mode::Private).unwrap();
        append(&layout, &name, &seen(Signal::Negative, None)).unwrap();
        let log = read(&layout, &name).unwrap();
        assert_eq!(log.bad_lines, [2, 3, 5, 6]);
        assert_eq!(log.stats(), Stats { positive: 1, negative: 1 });
        assert_eq!(stats(&layout, &mut Index::default(), &name).unwrap(), log.stats());
    }
}
