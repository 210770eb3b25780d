//! `hook session-start`: what a session of an agent begins with. Skills are brought up to date as `sync` does it, within a
//! budget of time; the agent is told only when something changed for it (checklist P8, decision 23).

use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use skillsync_client::mirror::Bounds;

use crate::ops::network::Network;
use crate::ops::refresh::{KeptUp, keep_up, unwatched};
use crate::ops::sync::Synced;
use crate::ops::{self, Error};
use crate::ui::Report;
use crate::world::World;

/// How much of its time a session may spend on the network.
const NETWORK_SHARE: f32 = 0.75;
/// Most skills that are named; of the others it says how many.
const NAMED: usize = 12;

/// What an agent is told. The shape is the agent's: Claude Code reads `reloadSkills` inside, others outside.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Greeting {
    /// For the person.
    #[serde(rename = "systemMessage")]
    pub system_message: String,
    /// That the skills are to be looked at again, so that those that came are there in this session.
    #[serde(rename = "reloadSkills")]
    pub reload_skills: bool,
    /// For the agent.
    #[serde(rename = "hookSpecificOutput")]
    pub output: HookOutput,
}

/// What the agent itself reads.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct HookOutput {
    /// `SessionStart`.
    #[serde(rename = "hookEventName")]
    pub event: &'static str,
    /// What it should know.
    #[serde(rename = "additionalContext")]
    pub context: String,
    /// As above.
    #[serde(rename = "reloadSkills")]
    pub reload_skills: bool,
}

impl Greeting {
    fn new(message: String) -> Self {
        let output = HookOutput { event: "SessionStart", context: message.clone(), reload_skills: true };
        Self { system_message: message, reload_skills: true, output }
    }
}

/// What was done.
#[derive(Debug)]
pub struct Work {
    /// What the agent is told, where something changed for it.
    pub greeting: Option<Greeting>,
    /// What did not come from a source, and why.
    pub failed: Vec<Report>,
}

/// What became of the beginning of a session.
#[derive(Debug)]
pub enum Start {
    /// It was done.
    Done(Work),
    /// The time was over. What is done is done, whole skills each; the next run goes on.
    Unfinished,
    /// It could not be done; everything is as it was.
    Failed(Report),
}

/// Brings everything up to date, for `budget` at most.
pub fn start(world: &World, network: Network, budget: Duration) -> Start {
    let (sender, receiver) = mpsc::channel();
    let world = world.clone();
    // It is left behind when the time is over, and ends with the process: that is what a kill is, and every step stands it.
    // What comes over the network must leave time for what is here.
    let until = Instant::now() + budget.mul_f32(NETWORK_SHARE);
    thread::spawn(move || sender.send(work(&world, network, until)).ok());
    match receiver.recv_timeout(budget) {
        Ok(Ok(work)) => Start::Done(work),
        Ok(Err(report)) => Start::Failed(report),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Start::Unfinished,
    }
}

fn work(world: &World, network: Network, until: Instant) -> Result<Work, Report> {
    let bounds = Bounds { until: Some(until), ..Bounds::default() };
    let kept_up = ops::open(world).and_then(|store| keep_up(world, &store, network, &unwatched, bounds));
    let KeptUp { synced, sources } = kept_up.map_err(|e: Error| Report::of(&e))?;
    let of_source = sources.iter().flat_map(|source| {
        source.error.iter().cloned().chain(source.skills.iter().filter_map(|skill| skill.error.clone()))
    });
    Ok(Work { greeting: message(&synced).map(Greeting::new), failed: of_source.collect() })
}

/// One line about what changed for agents; `None` when nothing did. Only names are in it: nothing that a skill says of itself
/// reaches an agent this way.
fn message(synced: &Synced) -> Option<String> {
    let placed: BTreeSet<String> =
        synced.targets.iter().flat_map(|target| &target.placed).map(ToString::to_string).collect();
    let pruned: BTreeSet<String> =
        synced.targets.iter().flat_map(|target| target.pruned.iter().cloned()).collect();
    // What was replaced by another form of itself was not taken away.
    let gone: BTreeSet<String> = pruned.difference(&placed).cloned().collect();
    let parts: Vec<String> = [(placed, "new or changed"), (gone, "removed")]
        .into_iter()
        .filter_map(|(names, what)| part(&names, what))
        .collect();
    if parts.is_empty() { None } else { Some(format!("skillsync: {}", parts.join("; "))) }
}

fn part(names: &BTreeSet<String>, what: &str) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let skills = if names.len() == 1 { "skill" } else { "skills" };
    let mut named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = format!("{} more", names.len().saturating_sub(NAMED));
    if names.len() > NAMED {
        named.push(&more);
    }
    Some(format!("{} {skills} {what} ({})", names.len(), named.join(", ")))
}
