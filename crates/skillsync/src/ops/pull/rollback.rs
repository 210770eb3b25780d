//! `sync pull --rollback`: puts back what the last pull from a project changed, in the store and in the project. What
//! has gone on since is left alone and named. What another rollback did and was killed before noting it is only noted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin};
use skillsync_store::deployment::{self, Record};
use skillsync_store::index::Index;
use skillsync_store::lease::Claim;
use skillsync_store::ledger::{Act, CopyKey, Kept, LastPull, Undo};
use skillsync_store::project::{self, Entering, Place};
use skillsync_store::skills::{self, Quarantine};
use skillsync_store::store::{Store, Writing};
use skillsync_store::{edit, lease};

use super::super::bars::Bars;
use super::super::edit_skill::holder;
use super::super::project::{Opened, Recovered, open};
use super::super::rollback::Back;
use super::super::{Error, Intent, Refusal, write};
use crate::ui::{Exit, Report};
use crate::world::World;

/// What was put back.
#[derive(Debug, Serialize)]
pub struct RolledBack {
    /// The project, as it was given.
    pub project: PathBuf,
    /// When the pull was that is undone, RFC 3339 with `Z`.
    pub pulled_at: String,
    /// What was done about each copy, the last one pulled first.
    pub artifacts: Vec<Undone>,
    /// What killed commands left in the project and is in trash now.
    pub recovered: Vec<Recovered>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What was put back of one copy.
#[derive(Debug, Serialize)]
pub struct Undone {
    /// The artifact; of a fork the fork.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// What was done.
    pub outcome: Outcome,
    /// The version that the store has now, where one was made.
    pub version: Option<u32>,
    /// Why it was left as it is.
    pub error: Option<Report>,
}

/// What a rollback did about one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The store has the version before, as a new one.
    Restored,
    /// The pull brought it into the store: it is marked for removal.
    Removed,
    /// The working copy with conflicts is in trash, its lease ended.
    Aborted,
    /// The project has what it had.
    PutBack,
    /// Only what the store knew of the copy had changed.
    Forgotten,
    /// It has gone on since, and stays as it is.
    Kept,
}

impl RolledBack {
    /// Done; a conflict where something has gone on since; partial where something failed.
    pub fn exit(&self) -> Exit {
        let mut errors = self.artifacts.iter().filter_map(|one| one.error.as_ref()).peekable();
        match (errors.peek().is_some(), errors.any(|error| error.exit == Exit::Conflict)) {
            (_, true) => Exit::Conflict,
            (true, false) => Exit::Partial,
            (false, _) => Exit::Done,
        }
    }
}

/// Puts back what the last pull from the project at `path` changed, or says what that would be.
pub fn rollback(world: &World, store: &Store, path: &Path, intent: Intent) -> Result<RolledBack, Error> {
    let (opened, pull) = last_pull(world, store, path)?;
    if intent == Intent::Plan {
        let mut restored = Restored::new();
        let mut artifacts = Vec::new();
        for undo in pull.undo.iter().rev() {
            artifacts.push(match possible(store, &opened, undo, &restored) {
                Ok(standing) => {
                    restored.extend(restores(store, undo)?);
                    said(undo, standing.outcome(), None, None)
                }
                Err(e) => said(undo, Outcome::Kept, None, Some(Report::of(&e))),
            });
        }
        return Ok(RolledBack {
            project: opened.project.path().to_owned(),
            pulled_at: pull.at,
            artifacts,
            recovered: Vec::new(),
            dry_run: true,
        });
    }
    write(store, |writing, index| {
        let store = writing.store();
        let (mut opened, pull) = last_pull(world, store, path)?;
        let recovered = opened.recover(store, [])?;
        let mut artifacts = Vec::new();
        let mut left = pull.undo.clone();
        for undo in pull.undo.iter().rev() {
            let undone = possible(store, &opened, undo, &Restored::new()).and_then(|standing| {
                let version = put_back(world, writing, index, &mut opened, undo, standing)?;
                if undo.is_recorded {
                    restore_record(&mut opened, &undo.key, None)?;
                }
                Ok((standing.outcome(), version))
            });
            match undone {
                Ok((outcome, version)) => {
                    opened.ledger.set(&undo.key, undo.before.clone());
                    left.retain(|other| other != undo);
                    let rest = LastPull { at: pull.at.clone(), undo: left.clone() };
                    opened.ledger.last_pull = Some(rest).filter(|rest| !rest.undo.is_empty());
                    // Each for itself: after a kill only the one that was on its way is looked at again.
                    opened.ledger.save(store.layout(), opened.project.root())?;
                    artifacts.push(said(undo, outcome, version, None));
                }
                Err(e) => artifacts.push(said(undo, Outcome::Kept, None, Some(Report::of(&e)))),
            }
        }
        Ok(RolledBack {
            project: opened.project.path().to_owned(),
            pulled_at: pull.at,
            artifacts,
            recovered,
            dry_run: false,
        })
    })
}

fn last_pull(world: &World, store: &Store, path: &Path) -> Result<(Opened, LastPull), Error> {
    let mut opened = open(world, store, path)?;
    let Some(pull) = opened.ledger.last_pull.clone() else {
        return Err(Refusal {
            kind: Kind::NotFound,
            code: "nothing-to-undo",
            message: format!(
                "nothing was pulled from `{}` that could be undone",
                opened.project.path().display()
            ),
            hint: Some(
                "`skillsync rollback NAME` goes back to an earlier version of one artifact".to_owned(),
            ),
        }
        .into());
    };
    // A folder whose last record was dropped has no deployment file any more.
    for undo in &pull.undo {
        opened.add_folder(opened.project.folder_named(&undo.key.folder))?;
    }
    Ok((opened, pull))
}

fn said(undo: &Undo, outcome: Outcome, version: Option<u32>, error: Option<Report>) -> Undone {
    let name = match &undo.act {
        Act::Version { name, .. } => name,
        _ => &undo.key.artifact_name,
    };
    let (artifact_name, artifact_type) = (name.clone(), undo.key.artifact_type);
    Undone { artifact_name, artifact_type, outcome, version, error }
}

fn gone_on(message: String) -> Error {
    let hint = "`skillsync history NAME` and `skillsync rollback NAME --to N` go back by hand".to_owned();
    Refusal { kind: Kind::Conflict, code: "gone-on", message, hint: Some(hint) }.into()
}

/// Where the copy is; of one that was dropped its record says where it was.
fn place(opened: &Opened, undo: &Undo) -> Result<Place, Error> {
    let (artifact_type, name) = (undo.key.artifact_type, &undo.key.artifact_name);
    let folder = opened.folders.iter().find(|folder| folder.agent.name == undo.key.folder);
    let Some(folder) = folder.filter(|folder| folder.agent.is_there()) else {
        return Err(gone_on(format!("the project has no folder `{}` any more", undo.key.folder)));
    };
    match &undo.act {
        Act::Dropped { record: Some(record), .. } => {
            Ok(opened.project.place_at(&folder.agent, artifact_type, name, &record.artifact_path))
        }
        _ => opened.place(folder, artifact_type, name),
    }
}

/// How what a pull did stands now.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// As the pull left it: it is to be put back so.
    AsPulled(Outcome),
    /// As before the pull: what is left to do is to note that.
    AsBefore(Outcome),
}

impl Standing {
    fn outcome(self) -> Outcome {
        match self {
            Standing::AsPulled(outcome) | Standing::AsBefore(outcome) => outcome,
        }
    }

    /// Of something that the pull found as `was` and made what `is`; none when it is neither.
    fn of<T: PartialEq>(now: &T, was: &T, is: &T, outcome: Outcome) -> Option<Self> {
        if now == is {
            Some(Standing::AsPulled(outcome))
        } else {
            (now == was).then_some(Standing::AsBefore(outcome))
        }
    }
}

/// What the heads of artifacts would be by now, where a plan has undone a later version of them.
type Restored = BTreeMap<SkillName, TreeId>;

/// What undoing a version makes the head of its artifact.
fn restores(store: &Store, undo: &Undo) -> Result<Option<(SkillName, TreeId)>, Error> {
    let Act::Version { name, before: Some(before), .. } = &undo.act else { return Ok(None) };
    Ok(Some((name.clone(), skills::version(name, &skills::load(store, name)?, *before)?.tree)))
}

/// What would be done, if nothing has gone on since.
fn possible(store: &Store, opened: &Opened, undo: &Undo, restored: &Restored) -> Result<Standing, Error> {
    let name = &undo.key.artifact_name;
    let in_project = |place: &Place| -> Result<Option<ContentHash>, Error> {
        Ok(project::read(&opened.project, place)?.map(|contents| contents.content.content_hash))
    };
    let hash = |kept: &Option<Kept>| kept.map(|kept| kept.content_hash);
    match &undo.act {
        Act::Nothing => Ok(Standing::AsBefore(Outcome::Forgotten)),
        Act::Version { name, before, after, tree } => {
            version_standing(store, name, *before, (*after, *tree), restored.get(name).copied())
        }
        Act::WorkingCopy { token } => match lease::get(store.layout(), name)? {
            Some(lease) if lease.token == *token => Ok(Standing::AsPulled(Outcome::Aborted)),
            // A commit would have noted what it took.
            None if opened.ledger.copy(&undo.key) == undo.before.as_ref() => {
                Ok(Standing::AsBefore(Outcome::Aborted))
            }
            _ => Err(gone_on(format!("the conflicts in `{name}` were settled since"))),
        },
        Act::Pushed { was, is, .. } => {
            let place = place(opened, undo)?;
            let standing =
                Standing::of(&in_project(&place)?, &hash(was), &Some(is.content_hash), Outcome::PutBack);
            standing.ok_or_else(|| gone_on(format!("`{}` was changed since", place.shown())))
        }
        Act::Dropped { was, .. } => {
            let place = place(opened, undo)?;
            let standing = Standing::of(&in_project(&place)?, &hash(was), &None, Outcome::PutBack);
            standing.ok_or_else(|| gone_on(format!("`{}` is there again", place.shown())))
        }
    }
}

/// How the version `after` of `name` stands, that a pull made after `before`. It may be the head still, or be back: where
/// a pull made two versions of one artifact, undoing the later one makes a third, with the content of the earlier.
fn version_standing(
    store: &Store,
    name: &SkillName,
    before: Option<u32>,
    after: (u32, TreeId),
    restored: Option<TreeId>,
) -> Result<Standing, Error> {
    let outcome = if before.is_some() { Outcome::Restored } else { Outcome::Removed };
    let (number, tree) = after;
    let Some(meta) = skills::find(store, name)? else {
        return match before {
            // What came with the pull went already.
            None => Ok(Standing::AsBefore(Outcome::Forgotten)),
            Some(_) => Err(gone_on(format!("`{name}` is not in the store any more"))),
        };
    };
    let head = meta.head();
    let is_back = restored.is_some() || head.origin == Origin::Rollback;
    let is_pulled = head.number == number && head.origin == Origin::Pull;
    let now = restored.unwrap_or(head.tree);
    if now == tree && (is_back || is_pulled) {
        if let Some(before) = before {
            Bars::of(store, name, &meta)?.require(before)?;
        }
        return Ok(Standing::AsPulled(outcome));
    }
    let was = before.and_then(|before| meta.version(before));
    if is_back && was.is_some_and(|was| was.tree == now) {
        return Ok(Standing::AsBefore(outcome));
    }
    Err(gone_on(if head.number == number {
        format!("`{name}` is another one by now: its version {number} is not what was pulled")
    } else {
        format!("`{name}` has gone on from version {number} to {}", head.number)
    }))
}

/// Undoes one act, and puts back the record that it changed; says which version was made.
fn put_back(
    world: &World,
    writing: &Writing<'_>,
    index: &mut Index,
    opened: &mut Opened,
    undo: &Undo,
    standing: Standing,
) -> Result<Option<u32>, Error> {
    let store = writing.store();
    let is_pulled = matches!(standing, Standing::AsPulled(_));
    match &undo.act {
        Act::Nothing => Ok(None),
        Act::Version { name, before: Some(before), .. } if is_pulled => {
            restore(writing, index, name, *before).map(Some)
        }
        Act::Version { name, before: None, .. } if is_pulled => {
            skills::mark(&skills::Noted::of(store), name)?;
            Ok(None)
        }
        Act::WorkingCopy { token } if is_pulled => {
            let claim = Claim { holder: &holder(world), token: Some(*token) };
            edit::abort(writing, &undo.key.artifact_name, claim)?;
            Ok(None)
        }
        Act::Version { .. } | Act::WorkingCopy { .. } => Ok(None),
        Act::Pushed { was, is, record } => {
            let place = place(opened, undo)?;
            match was {
                Some(was) if is_pulled => enter(writing, opened, &place, *was, Some(*is))?,
                None if is_pulled => {
                    project::take_out(store, &opened.project, &place)?;
                }
                _ => {}
            }
            restore_record(opened, &undo.key, record.as_deref())?;
            Ok(None)
        }
        Act::Dropped { was, record } => {
            let place = place(opened, undo)?;
            if let Some(was) = was.filter(|_| is_pulled) {
                enter(writing, opened, &place, was, None)?;
            }
            restore_record(opened, &undo.key, record.as_deref())?;
            Ok(None)
        }
    }
}

/// Makes the version `before` of `name` its head again, as a new version, and says which that is.
fn restore(writing: &Writing<'_>, index: &mut Index, name: &SkillName, before: u32) -> Result<u32, Error> {
    let meta = skills::load(writing.store(), name)?;
    let target = skills::version(name, &meta, before)?;
    let release = Bars::of(writing.store(), name, &meta)?.release(before);
    let back = Back { name, meta: &meta, target, release, quarantine: Quarantine::Stays };
    back.advance(writing, index, format!("back to version {before}, before the pull"), || Ok(()))
}

fn enter(
    writing: &Writing<'_>,
    opened: &Opened,
    place: &Place,
    was: Kept,
    is: Option<Kept>,
) -> Result<(), Error> {
    let tree = writing.store().objects().tree(&was.tree)?;
    let replaces = is.map(|is| is.content_hash);
    let transaction = writing.transaction()?;
    let entering = [Entering { place: place.clone(), tree, replaces }];
    for entered in project::enter(writing, &transaction, &opened.project, &entering)? {
        entered?;
    }
    Ok(transaction.finish()?)
}

/// Gives the copy the record that it had before the pull, or none. What SkillMeat's file says stays.
fn restore_record(opened: &mut Opened, key: &CopyKey, record: Option<&Record>) -> Result<(), Error> {
    let Some(folder) = opened.folders.iter_mut().find(|f| f.agent.name == key.folder) else {
        return Ok(());
    };
    folder.records.retain(|known| known.key() != (key.artifact_type, &key.artifact_name));
    folder.records.extend(record.cloned());
    Ok(deployment::write(&folder.agent.dir.join(deployment::FILE), folder.records.clone())?)
}
