//! Which targets there will be, and which of their links serve the agents that read a folder: an original may leave
//! its folder only when every agent that reads it there finds its skill again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use skillsync_core::name::{self, TargetId};
use skillsync_store::config::{Target, TargetSource, path_text};
use skillsync_store::fs;
use skillsync_store::layout::Layout;
use skillsync_store::render::Mark;
use skillsync_store::store::Store;
use skillsync_store::targets::{Occupant, occupant};
use skillsync_store::tools::Tool;

use super::Error;
use super::survey::{Folder, LeftAlone, Original};
use crate::ops::builtin;
use crate::ops::target::with_places;
use crate::world::World;

/// The targets to add: one for each agent found here that has none yet; and all that there will be then.
pub(super) fn targets(
    world: &World,
    layout: &Layout,
    store: Option<&Store>,
    folders: &[Folder],
    left_alone: &mut Vec<LeftAlone>,
) -> Result<(Vec<Target>, Vec<Target>), Error> {
    let mut all: Vec<Target> = store.map(|s| s.config().targets().to_vec()).unwrap_or_default();
    let mut added = Vec::new();
    for tool in folders.iter().flat_map(|folder| &folder.owners) {
        let Some(dir) = with_places(world, |places| tool.global_dir(places)) else { continue };
        let is_known = |t: &Target| t.tool.as_deref() == Some(tool.id.as_str()) && t.dir(&world.home) == dir;
        if all.iter().any(is_known) {
            continue;
        }
        let path = path_text(&dir, &world.home);
        let problem = match unusable(layout, &dir)? {
            // A text that says another folder: `config.toml` cannot name this one.
            None if path.contains(char::REPLACEMENT_CHARACTER) => Some("its path is not UTF-8"),
            problem => problem,
        };
        if let Some(problem) = problem {
            left_alone.push(LeftAlone::new(&dir, "not-a-folder", problem, None));
            continue;
        }
        let target = Target {
            id: free_id(&tool.id, &all)?,
            path,
            source: TargetSource::Tool,
            tool: Some(tool.id.to_string()),
            mode: tool.mode,
        };
        all.push(target.clone());
        added.push(target);
    }
    Ok((added, all))
}

fn unusable(layout: &Layout, dir: &Path) -> Result<Option<&'static str>, Error> {
    if fs::resolved(dir)?.starts_with(fs::resolved(layout.root())?) {
        return Ok(Some("inside the store"));
    }
    Ok(match fs::stat(dir)? {
        Some(metadata) if !metadata.is_dir() => Some("a file where the agent has its folder of skills"),
        None if fs::lstat(dir)?.is_some() => {
            Some("a link that leads nowhere where the agent has its folder of skills")
        }
        _ => None,
    })
}

fn free_id(wanted: &TargetId, taken: &[Target]) -> Result<TargetId, Error> {
    let mut id = wanted.clone();
    let mut number = 2;
    while taken.iter().any(|target| target.id == id) {
        id = TargetId::parse(&name::numbered(wanted.as_str(), number))?;
        number += 1;
    }
    Ok(id)
}

/// Which folder's link serves the agents that read a folder.
pub(super) struct Servers<'a> {
    pub(super) world: &'a World,
    pub(super) seats: &'a [Target],
    pub(super) covered: &'a BTreeMap<TargetId, Option<TargetId>>,
}

impl Servers<'_> {
    /// The folders that must hold a skill's link before the skill may leave `folder`: every agent that finds it
    /// there finds it again.
    pub(super) fn of(&self, folder: &Folder) -> BTreeSet<PathBuf> {
        let tools: &[Tool] = if folder.owners.is_empty() { &folder.readers } else { &folder.owners };
        let is_of = |t: &&Target| tools.iter().any(|tool| t.tool.as_deref() == Some(tool.id.as_str()));
        let seats = self.seats.iter().filter(is_of).filter(|t| t.source == TargetSource::Tool);
        let by = |seat: &Target| {
            let coverer = self.covered.get(&seat.id).cloned().flatten();
            let server = self.seats.iter().find(|t| Some(&t.id) == coverer.as_ref());
            server.map_or_else(|| seat.dir(&self.world.home), |t| t.dir(&self.world.home))
        };
        seats.map(by).collect()
    }
}

/// The originals whose place can be taken by a link; the others are left alone.
pub(super) fn served(
    layout: &Layout,
    servers: &Servers<'_>,
    folders: &[Folder],
    originals: Vec<Original>,
    left_alone: &mut Vec<LeftAlone>,
) -> Result<Vec<Original>, Error> {
    // Places whose present occupant goes to trash.
    let freed: BTreeSet<PathBuf> = originals
        .iter()
        .map(|o| folders[o.folder].real.join(o.place.file_name().unwrap_or_default()))
        .collect();
    let mut kept = Vec::with_capacity(originals.len());
    let by_folder: Vec<BTreeSet<PathBuf>> = folders.iter().map(|folder| servers.of(folder)).collect();
    for original in originals {
        if builtin::is_reserved(&original.name) {
            let message = format!("`{}` is the name of a skill that comes with skillsync", original.name);
            left_alone.push(LeftAlone::new(&original.place, "built-in-name", message, None));
            continue;
        }
        let mut in_the_way = None;
        for dir in &by_folder[original.folder] {
            let place = dir.join(original.name.as_str());
            let real = fs::real_path(dir)?.unwrap_or_else(|| dir.clone()).join(original.name.as_str());
            let free = matches!(occupant(layout, &place)?, Occupant::Nothing | Occupant::Ours(_));
            if !free && !freed.contains(&real) && !is_our_copy(&place)? {
                in_the_way = Some(place);
            }
        }
        match in_the_way {
            None => kept.push(original),
            Some(place) => {
                let message = format!("{} is in the way of its link", place.display());
                let hint = Some("move that away and run skillsync setup again".to_owned());
                left_alone.push(LeftAlone::new(&original.place, "in-the-way", message, hint));
            }
        }
    }
    Ok(kept)
}

/// Whether a copy that a target in copy mode got stands here.
pub(super) fn is_our_copy(place: &Path) -> Result<bool, Error> {
    Ok(Mark::load(place)?.is_some())
}
