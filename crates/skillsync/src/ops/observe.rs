//! `observe` and `log`: how the uses of a skill went (checklist D5, D7).

use serde::Serialize;
use skillsync_core::fault::Kind;
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::skill::Signal;
use skillsync_store::observe::{self, Observation};
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::{Error, Refusal};

/// One observation that was logged.
#[derive(Debug, Serialize)]
pub struct Observed {
    /// The skill.
    pub name: SkillName,
    /// What was logged.
    #[serde(flatten)]
    pub observation: Use,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// One use of a skill. The log leaves out what is not known; here it is null.
#[derive(Debug, Serialize)]
pub struct Use {
    /// When, RFC 3339 with `Z`.
    pub ts: String,
    /// How it went.
    pub signal: Signal,
    /// What was said of it.
    pub note: Option<String>,
    /// The version that was used, where known.
    pub version: Option<u32>,
}

impl From<Observation> for Use {
    fn from(observation: Observation) -> Self {
        let Observation { at, signal, note, version } = observation;
        Self { ts: at, signal, note, version }
    }
}

/// Logs one use of `name`, durably.
pub fn observe(
    store: &Store,
    name: &SkillName,
    signal: Signal,
    note: Option<&str>,
) -> Result<Observed, Error> {
    let length = note.map_or(0, |n| n.chars().count());
    if length > limits::NOTE_CHARS {
        return Err(Refusal {
            kind: Kind::Limit,
            code: "note-too-long",
            message: format!("the note has {length} characters; at most {} are kept", limits::NOTE_CHARS),
            hint: Some("say in a sentence what went well or wrong".to_owned()),
        }
        .into());
    }
    let version = skills::load(store, name)?.head().number;
    let observation =
        Observation { at: store.now_text(), signal, note: note.map(str::to_owned), version: Some(version) };
    observe::append(store.layout(), name, &observation)?;
    Ok(Observed { name: name.clone(), observation: observation.into(), dry_run: false })
}

/// How the uses of a skill went.
#[derive(Debug, Serialize)]
pub struct Log {
    /// The skill.
    pub name: SkillName,
    /// Observed uses.
    pub total_invocations: u64,
    /// Those that went well.
    pub positive: u64,
    /// Those that did not.
    pub negative: u64,
    /// Share of positive uses, 0 to 1; null before the first.
    pub positive_rate: Option<f64>,
    /// Share of negative uses, 0 to 1; null before the first.
    pub negative_rate: Option<f64>,
    /// Whether it counts as struggling by the settings.
    pub struggling: bool,
    /// Oldest first; none in a summary.
    pub observations: Option<Vec<Use>>,
    /// Lines of the log that do not read and were left out.
    pub bad_lines: usize,
}

/// How much of a log is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The sums.
    Summary,
    /// The newest so many observations, or all.
    Observations(Option<usize>),
}

/// Reads the log of `name`.
pub fn log(store: &Store, name: &SkillName, extent: Extent) -> Result<Log, Error> {
    // A mistyped name must not look like a skill without uses.
    skills::load(store, name)?;
    let log = observe::read(store.layout(), name)?;
    let stats = log.stats();
    let bad_lines = log.bad_lines.len();
    let observations = match extent {
        Extent::Summary => None,
        Extent::Observations(limit) => {
            let mut all = log.observations;
            let skipped = limit.map_or(0, |limit| all.len().saturating_sub(limit));
            all.drain(..skipped);
            Some(all.into_iter().map(Use::from).collect())
        }
    };
    Ok(Log {
        name: name.clone(),
        total_invocations: stats.total(),
        positive: stats.positive,
        negative: stats.negative,
        positive_rate: stats.positive_rate(),
        negative_rate: stats.negative_rate(),
        struggling: stats.is_struggling(store.config().observation()),
        observations,
        bad_lines,
    })
}
