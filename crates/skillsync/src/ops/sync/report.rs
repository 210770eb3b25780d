//! What a sync reports.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::name::SkillName;

use super::super::builtin::BuiltinChange;
use super::super::target::TargetLine;
use crate::ui::{Exit, Report};

/// What a sync did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct Synced {
    /// Whether nothing was changed because only the plan was asked for.
    pub dry_run: bool,
    /// One for each target, in the order of `config.toml`.
    pub targets: Vec<TargetOutcome>,
    /// Skills that were marked for removal and are in trash now.
    pub removed: Vec<SkillName>,
    /// Built-in skills that were added or brought to this program's version.
    pub built_in: Vec<BuiltinChange>,
    /// Skills whose files somebody changed outside an edit.
    pub hand_edits: Vec<HandEdit>,
    /// Skills that could not be brought to the targets, and why.
    pub failed: Vec<SkillFailure>,
    /// Skills with too many negative signals.
    pub struggling: Vec<Struggling>,
    /// What could not be cleared away: no reason to fail, and tried again later.
    pub warnings: Vec<Report>,
}

/// What became of one target.
#[derive(Debug, Serialize)]
pub struct TargetOutcome {
    /// Which.
    pub target: TargetLine,
    /// `ok` or `failed`.
    pub status: Status,
    /// How many skills it holds now.
    pub skills: u64,
    /// Skills linked or copied anew, or brought to another version.
    pub placed: Vec<SkillName>,
    /// Entries of ours that were taken away.
    pub pruned: Vec<String>,
    /// Skills that something of the user's stands in the way of.
    pub blocked: Vec<Blocked>,
    /// Skills left as they are because somebody edited what the agent loads, or added files to it.
    pub held: Vec<SkillName>,
    /// Those of them to which files were only added, and where.
    pub additions: Vec<HandEdit>,
    /// What killed commands left in the folder and is in trash now.
    pub recovered: Vec<Recovered>,
    /// Why it failed.
    pub error: Option<Report>,
}

/// How a target fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds what it should, but for what is listed as blocked or held.
    Ok,
    /// It could not be worked on.
    Failed,
}

/// Something in an agent's folder that is not ours and has a skill's name.
#[derive(Debug, Serialize)]
pub struct Blocked {
    /// The skill.
    pub skill: SkillName,
    /// Where.
    pub path: PathBuf,
    /// `folder`, `file` or `link`.
    pub what: &'static str,
}

/// Something that a killed command left in an agent's folder.
#[derive(Debug, Serialize)]
pub struct Recovered {
    /// Where it lay.
    pub path: PathBuf,
    /// Where in trash it is; null in a plan.
    pub kept: Option<PathBuf>,
}

/// A change outside an edit.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct HandEdit {
    /// The skill.
    pub skill: SkillName,
    /// What was changed: the canonical folder, or what an agent loads.
    pub path: PathBuf,
}

/// A skill that could not be handled.
#[derive(Debug, Serialize)]
pub struct SkillFailure {
    /// The skill.
    pub skill: SkillName,
    /// Why.
    pub error: Report,
}

/// A skill with a negative rate above the threshold (checklist D13).
#[derive(Debug, Serialize)]
pub struct Struggling {
    /// The skill.
    pub skill: SkillName,
    /// Its negative signals.
    pub negative: u64,
    /// All its signals.
    pub total: u64,
    /// Share of negative ones, 0 to 1.
    pub negative_rate: f64,
}

impl Synced {
    /// The report of a run that synced `before` already: what those syncs did this run did.
    #[must_use]
    pub fn after(mut self, before: Vec<Synced>) -> Self {
        for earlier in before {
            for (outcome, earlier) in self.targets.iter_mut().zip(earlier.targets) {
                // Both are in the order of `config.toml`; another program may have changed that.
                if outcome.target.id == earlier.target.id {
                    outcome.placed = joined(earlier.placed, &outcome.placed);
                    outcome.pruned = joined(earlier.pruned, &outcome.pruned);
                    outcome.recovered.splice(0..0, earlier.recovered);
                }
            }
            self.removed = joined(earlier.removed, &self.removed);
            self.built_in.splice(0..0, earlier.built_in);
            self.warnings.splice(0..0, earlier.warnings);
        }
        self
    }

    /// Done, or partial when a target failed or a skill did not get where it should.
    pub fn exit(&self) -> Exit {
        let whole = |t: &TargetOutcome| t.status == Status::Ok && t.blocked.is_empty() && t.held.is_empty();
        if self.failed.is_empty() && self.targets.iter().all(whole) { Exit::Done } else { Exit::Partial }
    }
}

/// Both, each once, sorted.
fn joined<T: Ord + Clone>(a: Vec<T>, b: &[T]) -> Vec<T> {
    a.into_iter().chain(b.iter().cloned()).collect::<BTreeSet<T>>().into_iter().collect()
}
