//! Every byte that the store answers for, as `verify` reads it, in the words of a finding.

use skillsync_core::artifact::Count;
use skillsync_core::name::SkillName;
use skillsync_store::fs;
use skillsync_store::store::Store;
use skillsync_store::verify::{Trouble, verify};

use super::Error;
use super::finding::{Finding, Findings, Severity};

/// Reads the artifacts, what is rendered of them, and their history, and counts them.
pub(super) fn check(store: &Store, names: &[SkillName], findings: &mut Findings) -> Result<Count, Error> {
    // What is no folder is a stray entry and named as such.
    let mut folders = Vec::with_capacity(names.len());
    for name in names {
        if fs::stat(&store.layout().skill(name))?.is_some_and(|m| m.is_dir()) {
            folders.push(name.clone());
        }
    }
    let verified = verify(store, &folders)?;
    for found in verified.findings {
        let (severity, code, fixable) = match found.trouble {
            Trouble::Record => (Severity::Error, "record-damaged", false),
            Trouble::HandEdited => (Severity::Warning, "hand-edited", false),
            Trouble::RenderedEdited => (Severity::Warning, "rendered-edited", false),
            Trouble::Unreadable => (Severity::Error, "unreadable", false),
            Trouble::RenderedMissing => (Severity::Error, "rendered-missing", true),
            Trouble::ObjectMissing => (Severity::Error, "object-missing", true),
            Trouble::ObjectDamaged => (Severity::Error, "object-damaged", true),
        };
        let mut finding = Finding::new(severity, code, &found.path, found.message);
        finding.skill = found.skill;
        finding.fixable = fixable;
        finding.fix = Some(match (found.trouble, &finding.skill) {
            (Trouble::Record, Some(name)) => record_hint(store, name),
            _ => found.hint,
        });
        findings.add(finding);
    }
    Ok(verified.artifacts)
}

/// Without its record a skill has no history here; its files are all there.
fn record_hint(store: &Store, name: &SkillName) -> String {
    let place = store.layout().skill(name);
    format!(
        "put its .meta.toml back from a backup; or move the folder out of the store and `skillsync add` it from \
         there: {}",
        place.display()
    )
}
