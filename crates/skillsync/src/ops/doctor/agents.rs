//! What each agent will really list: its own folder and those it reads besides, skills that are there twice or behind
//! another, and how much of its listing they take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::frontmatter;
use skillsync_core::limits;
use skillsync_core::name::TargetId;
use skillsync_core::tree::SKILL_MD;
use skillsync_store::config::Target;
use skillsync_store::fs;
use skillsync_store::listing::{Effective, Entry, Hidden, effective};
use skillsync_store::render::Mark;
use skillsync_store::store::Store;
use skillsync_store::targets::occupant;
use skillsync_store::tools::{Tool, Tools};

use super::Error;
use super::finding::{Finding, Findings};
use crate::ops::target::{covered, scans};
use crate::world::World;

/// What one agent lists.
#[derive(Debug, Serialize)]
pub struct AgentListing {
    /// The target.
    pub target: TargetId,
    /// What the agent is called; the target's id where its tool is not known.
    pub name: String,
    /// The target's folder.
    pub path: String,
    /// The other folders that it reads and that are there.
    pub also_reads: Vec<String>,
    /// The target whose folder it reads anyway, so that it gets no links of its own.
    pub covered_by: Option<TargetId>,
    /// Entries of its own folder that are not ours.
    pub foreign: usize,
    /// The names that do not fit its listing.
    pub overflow: Vec<String>,
    /// What it lists.
    #[serde(flatten)]
    pub effective: Effective,
}

/// Finds out for every target.
pub(super) fn listings(
    world: &World,
    store: &Store,
    tools: &Tools,
    findings: &mut Findings,
) -> Result<Vec<AgentListing>, Error> {
    let mut covered = covered(world, store.config().targets(), tools)?;
    let mut folders: BTreeMap<PathBuf, Folder> = BTreeMap::new();
    let mut agents = Vec::new();
    for target in store.config().targets() {
        let tool = target.tool.as_deref().and_then(|tool| tools.get(tool).ok());
        let dir = target.dir(&world.home);
        let own = real(&dir)?;
        let also: Vec<PathBuf> = tool.map(|tool| scans(world, target, tool)).unwrap_or_default();
        let mut read = Vec::with_capacity(also.len());
        for folder in &also {
            read.push(real(folder)?);
        }
        let mut entries = Vec::new();
        for folder in read.iter().chain([&own]) {
            if !folders.contains_key(folder) {
                folders.insert(folder.clone(), Folder::read(store, folder)?);
            }
            entries.extend(folders.get(folder).into_iter().flat_map(|f| f.entries.iter().cloned()));
        }
        let effective = effective(&own, &read, &entries, tool.and_then(|tool| tool.listing.as_ref()));
        let agent = AgentListing {
            name: tool.map_or_else(|| target.id.to_string(), |tool| tool.name.clone()),
            target: target.id.clone(),
            path: dir.display().to_string(),
            also_reads: present(&also)?,
            covered_by: covered.remove(&target.id).flatten(),
            foreign: folders.get(&own).map_or(0, |folder| folder.foreign),
            overflow: effective.overflow().map(|listed| listed.entry.name.clone()).collect(),
            effective,
        };
        judge(target, tool, &agent, findings);
        agents.push(agent);
    }
    Ok(agents)
}

fn real(path: &Path) -> Result<PathBuf, Error> {
    Ok(fs::real_path(path)?.unwrap_or_else(|| path.to_owned()))
}

fn present(folders: &[PathBuf]) -> Result<Vec<String>, Error> {
    let mut present = Vec::new();
    for folder in folders {
        if fs::stat(folder)?.is_some() {
            present.push(folder.display().to_string());
        }
    }
    Ok(present)
}

/// A folder as agents read it.
#[derive(Debug, Default)]
struct Folder {
    entries: Vec<Entry>,
    foreign: usize,
}

impl Folder {
    fn read(store: &Store, dir: &Path) -> Result<Self, Error> {
        let mut folder = Folder::default();
        for name in fs::optional(fs::entries(dir))?.flatten().unwrap_or_default() {
            let text = name.to_string_lossy().into_owned();
            if text.starts_with('.') {
                continue;
            }
            let place = dir.join(&name);
            // Entries that cannot be looked into are none that an agent could list.
            let is_dir = fs::stat(&place).is_ok_and(|found| found.is_some_and(|m| m.is_dir()));
            let managed =
                occupant(store.layout(), &place)?.is_ours() || (is_dir && Mark::load(&place)?.is_some());
            if !managed {
                folder.foreign += 1;
            }
            if !is_dir {
                continue;
            }
            let Ok(bytes) = fs::read(&place.join(SKILL_MD), limits::SKILL_MD_BYTES) else { continue };
            let Ok(parsed) = frontmatter::parse(&bytes) else { continue };
            let Some(description) = parsed.description() else { continue };
            let name = parsed.name().map_or(text, str::to_owned);
            folder.entries.push(Entry {
                name_chars: name.chars().count(),
                name,
                dir: dir.to_owned(),
                real: real(&place)?,
                description_chars: description.chars().count(),
                managed,
            });
        }
        Ok(folder)
    }
}

fn judge(target: &Target, tool: Option<&Tool>, agent: &AgentListing, findings: &mut Findings) {
    let dir = Path::new(&agent.path);
    let name = &agent.name;
    // Two links of ours to one skill are the price of two folders that a third agent reads both of.
    let (ours, theirs): (Vec<&Hidden>, Vec<&Hidden>) =
        agent.effective.duplicates.iter().partition(|hidden| hidden.entry.managed);
    if !ours.is_empty() {
        let message = format!(
            "{name} reads several folders that others need, and finds {} in two of them: {}",
            skills(ours.len()),
            names(&ours)
        );
        findings.add(Finding::info("found-twice", dir, message));
    }
    if !theirs.is_empty() {
        let message =
            format!("{name} finds {} twice, once of yours: {}", skills(theirs.len()), names(&theirs));
        findings.add(Finding::warning("listed-twice", dir, message).fix("skillsync setup folds them"));
    }
    let shadowed: Vec<&Hidden> = agent.effective.shadowed.iter().collect();
    if !shadowed.is_empty() {
        let message = format!("{name} finds different skills of one name: {}", names(&shadowed));
        let fix = "skillsync setup joins them; or rename one";
        findings.add(Finding::warning("shadowed", dir, message).fix(fix));
    }
    if !agent.overflow.is_empty() {
        let budget = agent.effective.budget_chars.unwrap_or_default();
        let message = format!(
            "{name} shows its model {budget} characters of names and descriptions, and there are {}; {} will not fit",
            agent.effective.used_chars,
            skills(agent.overflow.len())
        );
        let known = tool.map_or_else(|| target.id.to_string(), |tool| tool.id.to_string());
        let fix = format!("shorten descriptions, or skillsync rm what {known} does not need");
        findings.add(Finding::warning("over-budget", dir, message).fix(fix));
    }
}

fn skills(count: usize) -> String {
    if count == 1 { "1 skill".to_owned() } else { format!("{count} skills") }
}

fn names(hidden: &[&Hidden]) -> String {
    let mut names: Vec<&str> = hidden.iter().map(|hidden| hidden.entry.name.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(5);
    names.truncate(5);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}
