//! `doctor`: everything that is not as it should be, where, and what mends it; and what each agent really lists.
//! It only reads, unless it was asked to mend what can be mended without a decision.

mod agents;
mod contents;
mod finding;
mod house;
mod mend;
mod places;
mod sources;

use serde::Serialize;
use skillsync_core::fault::Fault;
use skillsync_store::layout::Layout;
use skillsync_store::skills;
use skillsync_store::store::Store;

pub use agents::AgentListing;
pub use finding::{Finding, Severity};
pub use mend::fix;

use super::{Error, open};
use crate::world::World;
use finding::Findings;

/// How this store and its agents are.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// Whether `--fix` was only planned.
    pub dry_run: bool,
    /// The store.
    pub home: String,
    /// How many skills it holds; null when that cannot be told.
    pub skills: Option<usize>,
    /// What each agent really lists.
    pub agents: Vec<AgentListing>,
    /// What is not as it should be: errors first.
    pub findings: Vec<Finding>,
    /// What `--fix` mended (or would mend).
    pub fixed: Vec<Finding>,
}

impl Diagnosis {
    /// How many findings have this weight.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Adds what kept `--fix` from mending, unless it is told already.
    fn cannot_mend(&mut self, world: &World, error: &Error) {
        if !self.findings.iter().any(|finding| finding.code == error.code()) {
            let mut findings = Findings::default();
            findings.failure(Severity::Error, &world.store, error);
            self.findings.splice(0..0, findings.sorted());
        }
    }
}

/// Looks at everything. Changes nothing, not even a cache.
pub fn diagnose(world: &World) -> Diagnosis {
    let mut findings = Findings::default();
    let mut diagnosis = Diagnosis {
        dry_run: false,
        home: world.store.display().to_string(),
        skills: None,
        agents: Vec::new(),
        findings: Vec::new(),
        fixed: Vec::new(),
    };
    match open(world) {
        Ok(store) => look(world, &store, &mut diagnosis, &mut findings),
        Err(e) => {
            let place = if e.code() == "store-missing" {
                world.store.clone()
            } else {
                Layout::new(world.store.clone()).config()
            };
            findings.failure(Severity::Error, &place, &e);
        }
    }
    diagnosis.findings = findings.sorted();
    diagnosis
}

fn look(world: &World, store: &Store, diagnosis: &mut Diagnosis, findings: &mut Findings) {
    let layout = store.layout();
    let names = match skills::names(layout) {
        Ok(names) => names,
        // Nothing that is said below would be true of a store whose skills are out of sight.
        Err(e) => return findings.failure(Severity::Error, &layout.skills(), &Error::from(e)),
    };
    let run = |findings: &mut Findings, checked: Result<(), Error>| {
        if let Err(e) = checked {
            findings.failure(Severity::Error, layout.root(), &e);
        }
    };
    let checked = house::check(store, &names, findings);
    run(findings, checked);
    let checked = sources::check(world, store, &names, findings);
    run(findings, checked);
    match contents::check(store, &names, findings) {
        Ok(count) => diagnosis.skills = Some(count.skills),
        Err(e) => run(findings, Err(e)),
    }
    let tools = match super::target::tools(layout.root()) {
        Ok(tools) => tools,
        // Without its tools nothing can be said about a target.
        Err(e) => return findings.failure(Severity::Error, &layout.tools(), &e),
    };
    let checked = places::check(world, store, &tools, findings);
    run(findings, checked);
    match agents::listings(world, store, &tools, findings) {
        Ok(agents) => diagnosis.agents = agents,
        Err(e) => run(findings, Err(e)),
    }
}
