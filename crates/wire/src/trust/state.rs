//! What a client remembers of a hub between two runs, so that it can never be led back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use skillsync_core::digest::{EnvelopeDigest, PayloadDigest};
use skillsync_core::name::SkillName;

use super::refusal::Refusal;
use crate::json::{self, Time, bare};
use crate::limits;
use crate::root::Root;

/// The format of the stored state that this program reads and writes.
pub(super) const FORMAT: u64 = 1;

/// What is remembered of one hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The root that is trusted.
    pub root_version: u64,
    /// The digest of its envelope.
    #[serde(with = "bare")]
    pub root_sha256: EnvelopeDigest,
    /// The newest manifest, if there was one since its keys were last replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestMark>,
    /// The newest advisories, if there were any since their keys were last replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<AdvisoriesMark>,
    /// What was installed of each skill, kept when it is removed: going back is going back then, too.
    #[serde(default)]
    pub skills: BTreeMap<SkillName, SkillMark>,
    /// The latest time that is proved: a clock before it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_time: Option<Time>,
}

/// The newest manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestMark {
    /// Its epoch.
    pub epoch: u64,
    /// Its version.
    pub version: u64,
    /// The digest of its signed bytes. Not of its envelope: that can be spelt in several ways by anybody on the way.
    #[serde(with = "bare")]
    pub sha256: PayloadDigest,
    /// Until when it holds.
    pub expires: Time,
}

/// The newest advisories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisoriesMark {
    /// Their version.
    pub version: u64,
    /// The digest of their envelope.
    #[serde(with = "bare")]
    pub sha256: EnvelopeDigest,
}

/// What was installed of a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillMark {
    /// The number of its release; 0 when it was forgotten, as the release key was replaced.
    pub seq: u64,
    /// The newest pin that was followed; 0 for none, or when it was forgotten, as the manifest key was replaced.
    pub pin_seq: u64,
    /// The release, by the digest of its envelope.
    #[serde(with = "bare")]
    pub release: EnvelopeDigest,
}

/// Whether what is known of a hub is new enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// There was no manifest yet.
    Never,
    /// The manifest holds.
    Fresh,
    /// The manifest holds no longer. Nothing on disk changes for that.
    Stale {
        /// Until when it held.
        since: Time,
    },
}

#[derive(Serialize, Deserialize)]
struct Record<T> {
    format: u64,
    #[serde(flatten)]
    state: T,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u64,
}

impl State {
    /// The state in which nothing is known but `root`.
    pub(super) fn of(root_version: u64, root_sha256: EnvelopeDigest) -> Self {
        let skills = BTreeMap::new();
        Self { root_version, root_sha256, manifest: None, advisories: None, skills, max_time: None }
    }

    /// Reads what [`State::write`] wrote.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let Format { format } = json::read(bytes, limits::STATE_BYTES).map_err(Refusal::State)?;
        if format > FORMAT {
            return Err(Refusal::StateNewer { found: format });
        }
        json::read(bytes, limits::STATE_BYTES)
            .map(|record: Record<State>| record.state)
            .map_err(Refusal::State)
    }

    /// The state as text.
    pub fn write(&self) -> Result<Vec<u8>, Refusal> {
        json::write(&Record { format: FORMAT, state: self }).map_err(Refusal::State)
    }

    /// The time that rules go by: `clock`, unless it is before what is proved. So a clock that is set back makes nothing
    /// hold again.
    pub fn now(&self, clock: Time) -> Time {
        self.max_time.map_or(clock, |proved| proved.max(clock))
    }

    /// Whether the manifest still holds. Neither silence nor `304 Not Modified` makes it hold longer.
    pub fn freshness(&self, clock: Time) -> Freshness {
        match &self.manifest {
            None => Freshness::Never,
            Some(mark) if mark.expires <= self.now(clock) => Freshness::Stale { since: mark.expires },
            Some(_) => Freshness::Fresh,
        }
    }

    /// Remembers that the manifest was seen to expire, so that it stays expired when the clock is set back. What is
    /// remembered is its expiry and never the clock: a clock that is far ahead cannot be taken for proof.
    #[must_use]
    pub fn seen(mut self, clock: Time) -> Self {
        if let Freshness::Stale { since } = self.freshness(clock) {
            self.max_time = Some(self.now(since));
        }
        self
    }

    /// Moves to the next root. Where the epoch of a role grew, what its old keys counted is forgotten: whoever stole one
    /// could have counted so far that no genuine document could follow (TUF 5.3.11).
    pub(super) fn move_to(&mut self, before: &Root, after: &Root, digest: EnvelopeDigest) {
        self.root_version = after.version;
        self.root_sha256 = digest;
        if after.roles.manifest.epoch > before.roles.manifest.epoch {
            self.manifest = None;
            self.skills.values_mut().for_each(|mark| mark.pin_seq = 0);
        }
        if after.roles.release.epoch > before.roles.release.epoch {
            self.advisories = None;
            self.skills.values_mut().for_each(|mark| mark.seq = 0);
        }
    }
}
