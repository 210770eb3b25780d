//! `verify`: reads every byte the store answers for; what counts as damage, the store decides.

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_store::store::Store;
use skillsync_store::verify::Verified;
use skillsync_store::{skills, verify};

use super::Error;

/// What was read, and what was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing was found.
    pub clean: bool,
    /// Counts and findings.
    #[serde(flatten)]
    pub verified: Verified,
}

/// Checks the skills `names`, or all when none is named. Changes nothing. Fails when a named skill is not there.
pub fn verify(store: &Store, names: &[SkillName]) -> Result<Report, Error> {
    let mut wanted = if names.is_empty() { skills::names(store.layout())? } else { names.to_vec() };
    wanted.sort();
    wanted.dedup();
    let verified = verify::verify(store, &wanted)?;
    Ok(Report { clean: verified.findings.is_empty(), verified })
}
