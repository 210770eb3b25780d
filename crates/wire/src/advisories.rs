//! Advisories: releases that must not be used any more, and releases below which nobody may go. They beat everything else
//! a hub says. The format is in `docs/formats/advisories.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::SkillName;

use crate::envelope::Document;
use crate::json::Time;
use crate::limits;
use crate::text::Line;

/// What must not be used any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisories {
    /// Counts from 1 and only grows.
    pub version: u64,
    /// Until when they hold.
    pub expires: Time,
    /// Releases that must not be installed, and are taken out of use where they are.
    pub revoked: Vec<Revocation>,
    /// For a skill the lowest `seq` that may be installed.
    pub floors: BTreeMap<SkillName, u64>,
}

/// One release that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The skill.
    pub slug: SkillName,
    /// The release.
    pub release: EnvelopeDigest,
    /// Why, in a word: `malware`.
    pub reason: Line,
}

impl Advisories {
    /// Why `release` must not be used, if it must not.
    pub fn revocation(&self, release: EnvelopeDigest) -> Option<&Revocation> {
        self.revoked.iter().find(|revoked| revoked.release == release)
    }

    /// The lowest `seq` of `slug` that may be installed.
    pub fn floor(&self, slug: &SkillName) -> u64 {
        self.floors.get(slug).copied().unwrap_or(1)
    }
}

impl Document for Advisories {
    const PAYLOAD_TYPE: &'static str = "application/vnd.skillsync.advisories.v1+json";
    const TYPE: &'static str = "advisories";
    const LIMIT_BYTES: usize = limits::ADVISORIES_BYTES;

    fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("versions count from 1".to_owned());
        }
        if self.floors.values().any(|seq| *seq == 0) {
            return Err("a floor is 1 or more".to_owned());
        }
        let most = limits::ADVISORIES_ENTRIES;
        if self.revoked.len() > most || self.floors.len() > most {
            return Err(format!("more than {most} entries"));
        }
        let mut seen = BTreeSet::new();
        match self.revoked.iter().find(|revoked| !seen.insert(revoked.release)) {
            Some(twice) => Err(format!("{} is revoked twice", twice.release)),
            None => Ok(()),
        }
    }
}
