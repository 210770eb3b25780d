//! What is to be done about each copy that is deployed: decided, nothing written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::shell::shell_quoted;
use skillsync_core::skill::{ArtifactType, State};
use skillsync_store::deployment::Record;
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::ledger::CopyKey;
use skillsync_store::payload::Payload;
use skillsync_store::project;
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::super::builtin;
use super::super::project::{Compared, Folder, Opened, open};
use super::super::{Error, Refusal};
use super::folders::chosen_folders;
use super::{IfDrifted, Line, Names, Request, Status, follow};
use crate::ui::Report;
use crate::world::World;

/// One copy, and what is to be done about it.
pub(super) struct Step {
    pub(super) place: project::Place,
    pub(super) line: Line,
    /// What the project has at the place.
    pub(super) replaces: Option<ContentHash>,
    /// The store's content.
    pub(super) wanted: Option<Payload>,
    /// The record so far: of ours, or taken over.
    pub(super) record: Option<Record>,
    /// The copy by whose place this one is reached, too: links make two agents' folders one.
    pub(super) is_also: Option<CopyKey>,
}

pub(super) fn steps(
    world: &World,
    store: &Store,
    index: &Index,
    request: &Request,
) -> Result<(Opened, Vec<Step>), Error> {
    let heads = heads(store, index, &request.names)?;
    let mut opened = open(world, store, &request.project)?;
    let chosen = chosen_folders(store, &mut opened, &request.tools)?;
    let mut wanted = Vec::new();
    for (name, artifact_type) in &heads {
        let key = |folder: &Folder| CopyKey {
            folder: folder.agent.name.clone(),
            artifact_type: *artifact_type,
            artifact_name: name.clone(),
        };
        // Where it is deployed already, it is brought up to date, unless a tool is named.
        let has = |folder: &&Folder| {
            let ours = folder.record(*artifact_type, name).is_some();
            ours || folder.skillmeat_record(*artifact_type, name).is_some()
        };
        let deployed: Vec<CopyKey> = opened.folders.iter().filter(has).map(key).collect();
        if deployed.is_empty() || !request.tools.is_empty() {
            wanted.extend(opened.folders.iter().filter(|f| chosen.contains(&f.agent.name)).map(key));
        } else {
            wanted.extend(deployed);
        }
    }
    let also = places_of_others(&opened, &wanted)?;
    let is_recorded = |key: &CopyKey| {
        let folder = opened.folder(key);
        folder.is_some_and(|folder| {
            let (of, name) = (key.artifact_type, &key.artifact_name);
            folder.record(of, name).is_some() || folder.skillmeat_record(of, name).is_some()
        })
    };
    // Once is enough; what is recorded by both names is recorded by both again.
    wanted.retain(|key| !also.contains_key(key) || is_recorded(key));
    let mut steps = Vec::with_capacity(wanted.len());
    for (outcome, key) in opened.compare(world, store, index, &wanted).into_iter().zip(&wanted) {
        let folder = opened.folders.iter().find(|folder| folder.agent.name == key.folder);
        let Some(folder) = folder else { continue };
        steps.push(match outcome {
            Ok(compared) => step(store, request, compared)?,
            Err(failure) => {
                let place = opened.place(folder, key.artifact_type, &key.artifact_name)?;
                let mut step = blank(place);
                step.line.status = Status::Failed;
                step.line.error = Some(failure.error);
                step
            }
        });
    }
    for step in &mut steps {
        step.is_also = also.get(&step.place.key).cloned();
    }
    follow(&mut steps);
    Ok((opened, steps))
}

/// Of the copies that are one by a link, all but the one that keeps the place, each with that one: the one that no link
/// leads to, else the first.
fn places_of_others(opened: &Opened, wanted: &[CopyKey]) -> Result<BTreeMap<CopyKey, CopyKey>, Error> {
    let mut parents: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut by_place: BTreeMap<PathBuf, Vec<(bool, &CopyKey)>> = BTreeMap::new();
    for key in wanted {
        let Some(folder) = opened.folder(key) else { continue };
        let path = opened.place(folder, key.artifact_type, &key.artifact_name)?.path;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let real = match parents.get(parent) {
            Some(real) => real.clone(),
            None => parents.entry(parent.to_owned()).or_insert(fs::resolved(parent)?).clone(),
        };
        by_place.entry(real.join(name)).or_default().push((real != parent, key));
    }
    let mut also = BTreeMap::new();
    for mut keys in by_place.into_values().filter(|keys| keys.len() > 1) {
        keys.sort_by_key(|(is_by_link, _)| *is_by_link);
        let (_, first) = keys[0];
        also.extend(keys[1..].iter().map(|(_, key)| ((*key).clone(), first.clone())));
    }
    Ok(also)
}

/// The artifacts that are asked for, with their types. Fails at the first that is not there.
fn heads(store: &Store, index: &Index, names: &Names) -> Result<BTreeMap<SkillName, ArtifactType>, Error> {
    let mut heads = BTreeMap::new();
    match names {
        Names::Named(names) => {
            for name in names {
                heads.insert(name.clone(), skills::load_active(store, name)?.artifact_type);
            }
        }
        Names::All => {
            let noted = skills::Noted::of(store);
            let is_noted = |name: &SkillName| noted.state(name, State::Active) == State::Quarantined;
            for name in skills::names(store.layout())?.into_iter().filter(|name| !is_noted(name)) {
                // What comes with the program is for its user, not for a project.
                let head = skills::head(store, index, &name)?.filter(|head| head.state == State::Active);
                let is_built_in = || builtin::is_reserved(&name);
                if let Some(head) = head.filter(|_| !is_built_in()) {
                    heads.insert(name, head.artifact_type);
                }
            }
        }
    }
    Ok(heads)
}

fn blank(place: project::Place) -> Step {
    let line = Line {
        artifact_name: place.name.clone(),
        artifact_type: place.artifact_type,
        path: place.shown().to_owned(),
        status: Status::Unchanged,
        version: None,
        content_hash: None,
        trash: None,
        holds_more: false,
        error: None,
    };
    Step { place, line, replaces: None, wanted: None, record: None, is_also: None }
}

fn step(store: &Store, request: &Request, compared: Compared) -> Result<Step, Error> {
    let Compared { place, record, is_adopted, store: in_store, copy, project, baseline, .. } = compared;
    let (eol_only, mode_changed) = (compared.eol_only, compared.mode_changed);
    let mut step = Step { record, ..blank(place) };
    let Some(in_store) = in_store else { return Ok(step) };
    step.line.version = Some(in_store.version);
    step.line.content_hash = Some(in_store.content.content_hash);
    step.replaces = copy.map(|copy| copy.content_hash);
    let has_record_of =
        |hash: ContentHash| step.record.as_ref().is_some_and(|record| record.content_hash == hash);
    let wanted = in_store.content.content_hash;
    // Executable bits that the project changed, and the store has since.
    let is_mode_pulled = mode_changed && copy.is_some_and(|copy| copy.tree == in_store.content.tree);
    // Executable bits that the store changed, and the project did not.
    let is_behind = copy.is_some_and(|copy| copy.tree != in_store.content.tree) && !eol_only && !mode_changed;
    let is_recorded = has_record_of(wanted) && !is_adopted && !is_mode_pulled;
    step.line.status = match project {
        // Line ends that a checkout made are no reason to write.
        Some(there) if there == wanted => match is_recorded {
            true if is_behind => Status::Updated,
            true => Status::Unchanged,
            false => Status::Recorded,
        },
        None if step.record.is_none() => Status::Deployed,
        None if request.names != Names::All => Status::Deployed,
        Some(_) if project == baseline && !mode_changed => Status::Updated,
        _ if request.drifted == IfDrifted::Overwrite => Status::Overwritten,
        _ => Status::Drifted,
    };
    match step.line.status {
        Status::Drifted => {
            step.line.error = Some(Report::of(&drifted(&step, request, baseline, mode_changed)));
        }
        Status::Unchanged | Status::Failed => {}
        _ => step.wanted = Some(Payload::of_version(store.objects(), &in_store.content.tree)?),
    }
    Ok(step)
}

fn drifted(step: &Step, request: &Request, baseline: Option<ContentHash>, mode_changed: bool) -> Refusal {
    let (name, path) = (&step.place.name, &step.line.path);
    let project = shell_quoted(&request.project.display().to_string());
    let (message, hint) = match (&step.record, step.replaces) {
        (Some(_), None) => (
            format!("`{path}` was deleted in the project"),
            format!(
                "`skillsync deploy {name} {project}` brings it back; `skillsync undeploy {name} {project}` \
                     drops it"
            ),
        ),
        (None, _) => (
            format!("`{path}` is there already, and nobody deployed it"),
            format!(
                "`skillsync sync pull {project} --artifacts {name}` takes it into the store; --force replaces \
                     it and keeps it in trash"
            ),
        ),
        (Some(record), Some(_)) if baseline != Some(record.content_hash) => (
            format!(
                "`{path}` holds what this store has not: it was deployed from another one, or pulled, and went on"
            ),
            format!("`skillsync sync pull {project} --artifacts {name}` takes it into the store first"),
        ),
        (Some(_), Some(_)) if mode_changed => (
            format!("`{path}` was changed in the project: its executable bits were changed"),
            format!(
                "to keep them, give its files in the store the same: `skillsync edit {name}`; --force replaces the \
                     copy and keeps it in trash"
            ),
        ),
        (Some(_), Some(_)) => (
            format!("`{path}` was edited in the project"),
            format!(
                "`skillsync sync pull {project} --artifacts {name}` takes the edit into the store; --force \
                     replaces it and keeps it in trash"
            ),
        ),
    };
    Refusal { kind: Kind::Conflict, code: "copy-drifted", message, hint: Some(hint) }
}
