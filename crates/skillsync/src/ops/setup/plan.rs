//! What setup would do: which targets are added, which skills are taken and under which contents, what goes to trash
//! and what is left alone. Decided from what was found and what the store holds; changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::name::{SkillName, TargetId};
use skillsync_store::config::Target;
use skillsync_store::layout::Layout;
use skillsync_store::store::Store;
use skillsync_store::tools::Tools;

use super::Error;
use super::held::{Held, held};
use super::import::Import;
use super::record::Record;
use super::seats::{Servers, served, targets};
use super::skill::{At, Skill, Variant};
use super::survey::{Folder, LeftAlone, Original, Survey};
use crate::ops::source::import::Imported;
use crate::ops::target::{TargetLine, covered, with_places};
use crate::world::World;

/// What setup would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Whether nothing is done because only the plan was asked for.
    pub dry_run: bool,
    /// The store.
    pub home: String,
    /// Whether there is none yet.
    pub creates_store: bool,
    /// Whether an earlier setup was cut off; this one goes on with it.
    pub resumes: bool,
    /// The agents found on this machine.
    pub agents: Vec<Agent>,
    /// The targets that will be added.
    pub targets: Vec<TargetLine>,
    /// Skills that other tools installed: taken over from where those have them, before the others are.
    pub imported: Imported,
    /// Lists of the project that the current folder is, which bring skills only if they are asked for.
    pub offered: Vec<String>,
    /// Skills that will be taken into the store.
    pub adopt: Vec<Adopt>,
    /// Names with several contents: one becomes current, the others earlier versions.
    pub conflicts: Vec<Conflict>,
    /// Skills whose content is in the store already: their folders are replaced by links.
    pub folded: Vec<Folded>,
    /// What goes to trash, by its place now.
    pub trash: Vec<String>,
    /// What is not touched.
    pub left_alone: Vec<LeftAlone>,
    #[serde(skip)]
    pub(super) skills: Vec<Skill>,
    #[serde(skip)]
    pub(super) added: Vec<Target>,
    #[serde(skip)]
    pub(super) folders: Vec<Folder>,
    #[serde(skip)]
    pub(super) import: Import,
}

/// An agent found on this machine.
#[derive(Debug, Serialize)]
pub struct Agent {
    /// Its id.
    pub tool: TargetId,
    /// What it is called.
    pub name: String,
    /// Its folder of skills.
    pub path: String,
    /// How many skills of the user's stand there now.
    pub skills: usize,
    /// The agent whose folder it reads anyway, so that it gets no links of its own.
    pub covered_by: Option<TargetId>,
}

/// A skill that will be taken.
#[derive(Debug, Serialize)]
pub struct Adopt {
    /// Its name.
    pub name: SkillName,
    /// Where it stands, once for each equal copy.
    pub from: Vec<String>,
    /// Its content hash.
    pub content_hash: ContentHash,
    /// Set when its folder has another name, which it loses.
    pub folder_name: Option<String>,
}

/// One name with several contents.
#[derive(Debug, Serialize)]
pub struct Conflict {
    /// The name.
    pub name: SkillName,
    /// Its contents; the first is the one that is taken unless another is chosen.
    pub contents: Vec<Content>,
    /// Which of them becomes current, from 0.
    pub current: usize,
}

/// One content of a name.
#[derive(Debug, Serialize)]
pub struct Content {
    /// Its content hash.
    pub content_hash: ContentHash,
    /// Where it stands; empty for what is only in the store.
    pub from: Vec<String>,
    /// When one of its files was last changed, RFC 3339 with `Z`.
    pub modified: String,
    /// Whether it is the store's current version.
    pub in_store: bool,
}

/// A skill that the store holds already.
#[derive(Debug, Serialize)]
pub struct Folded {
    /// Its name.
    pub name: SkillName,
    /// Where copies of it stand.
    pub from: Vec<String>,
}

impl Plan {
    /// Whether everything is as setup would make it.
    pub fn is_done(&self) -> bool {
        !self.resumes
            && !self.creates_store
            && self.added.is_empty()
            && self.skills.is_empty()
            && self.import.is_empty()
    }

    /// Makes another content of the conflict with this number the current one.
    pub fn choose(&mut self, conflict: usize, content: usize) {
        let Some(conflict) = self.conflicts.get_mut(conflict) else { return };
        if let Some(skill) = self.skills.iter_mut().find(|s| s.name == conflict.name) {
            skill.chosen = content.min(skill.variants.len().saturating_sub(1));
            conflict.current = skill.chosen;
        }
    }
}

/// Decides. `store` is none when there is no store yet.
pub(super) fn decide(
    world: &World,
    tools: &Tools,
    store: Option<&Store>,
    record: Option<&Record>,
    mut import: Import,
    survey: Survey,
) -> Result<Plan, Error> {
    let Survey { folders, originals, mut left_alone } = survey;
    let layout = Layout::new(world.store.clone());
    let (added, seats) = targets(world, &layout, store, &folders, &mut left_alone)?;
    let covered = covered(world, &seats, tools)?;
    let servers = Servers { world, seats: &seats, covered: &covered };
    let originals = served(&layout, &servers, &folders, originals, &mut left_alone)?;
    left_alone.extend(import.hand_over(&originals)?);
    let agents = agents(&servers, &folders, &originals);
    let mut groups: BTreeMap<SkillName, Vec<Original>> = BTreeMap::new();
    for original in originals {
        groups.entry(original.name.clone()).or_default().push(original);
    }
    let mut work = Vec::with_capacity(groups.len());
    let brought = import.brings();
    for (name, group) in groups {
        let known = match brought.get(&name).filter(|brought| !brought.is_here) {
            Some(brought) => Ok(Held::Brought { content: brought.content, from: brought.root.to_owned() }),
            None => store.map_or(Ok(Ok(Held::Nothing)), |store| held(store, &name))?,
        };
        match known {
            Ok(held) => work.push(Skill::decide(held, record, name, group)?),
            Err(why) => {
                let left = |o: &Original| LeftAlone::new(&o.place, "store-skill", why.clone(), None);
                left_alone.extend(group.iter().map(left));
            }
        }
    }
    left_alone.sort_by(|a, b| a.path.cmp(&b.path));
    let mut plan = Plan {
        dry_run: false,
        home: world.store.display().to_string(),
        creates_store: store.is_none(),
        resumes: record.is_some_and(Record::is_cut_off),
        agents,
        targets: lines(&added, &covered),
        imported: import.report().clone(),
        offered: import.offered().to_vec(),
        adopt: Vec::new(),
        conflicts: Vec::new(),
        folded: Vec::new(),
        trash: work.iter().flat_map(|s| s.originals.iter().map(|o| shown(&o.place))).collect(),
        left_alone,
        skills: work,
        added,
        folders,
        import,
    };
    plan.describe();
    Ok(plan)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn lines(targets: &[Target], covered: &BTreeMap<TargetId, Option<TargetId>>) -> Vec<TargetLine> {
    let line = |target: &Target| TargetLine {
        covered_by: covered.get(&target.id).cloned().flatten(),
        ..TargetLine::from(target)
    };
    targets.iter().map(line).collect()
}

fn agents(servers: &Servers<'_>, folders: &[Folder], originals: &[Original]) -> Vec<Agent> {
    let mut agents = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        for tool in &folder.owners {
            let dir = with_places(servers.world, |places| tool.global_dir(places));
            let seat = servers.seats.iter().find(|t| t.tool.as_deref() == Some(tool.id.as_str()));
            agents.push(Agent {
                tool: tool.id.clone(),
                name: tool.name.clone(),
                path: shown(dir.as_deref().unwrap_or(&folder.dir)),
                skills: originals.iter().filter(|o| o.folder == number).count(),
                covered_by: seat.and_then(|seat| servers.covered.get(&seat.id).cloned().flatten()),
            });
        }
    }
    agents
}

impl Plan {
    /// Fills in what is shown of the work.
    fn describe(&mut self) {
        for skill in &self.skills {
            let from = |hash: Option<ContentHash>| -> Vec<String> {
                let is_it = |o: &&Original| hash.is_none_or(|hash| o.content == hash);
                skill.originals.iter().filter(is_it).map(|o| shown(&o.place)).collect()
            };
            let name = skill.name.clone();
            match skill.variants.as_slice() {
                [] | [Variant { at: At::Store, .. }] => self.folded.push(Folded { name, from: from(None) }),
                [only] => {
                    let is_other = |o: &&Original| o.place.file_name() != Some(skill.name.as_str().as_ref());
                    let other = skill.originals.iter().find(is_other).and_then(|o| o.place.file_name());
                    let folder_name = other.map(|n| n.to_string_lossy().into_owned());
                    let (from, content_hash) = (from(Some(only.hash)), only.hash);
                    self.adopt.push(Adopt { name, from, content_hash, folder_name });
                }
                several => {
                    let places = |v: &Variant| {
                        let mut places = from(Some(v.hash));
                        if let At::Import(root) = &v.at
                            && !places.contains(&shown(root))
                        {
                            places.push(shown(root));
                        }
                        places
                    };
                    let content = |v: &Variant| Content {
                        content_hash: v.hash,
                        from: places(v),
                        modified: jiff::Timestamp::from_second(v.modified_s)
                            .map(|t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                            .unwrap_or_default(),
                        in_store: v.at == At::Store && skill.here.last() == Some(&v.hash),
                    };
                    let contents = several.iter().map(content).collect();
                    self.conflicts.push(Conflict { name, contents, current: skill.chosen });
                }
            }
        }
    }
}
