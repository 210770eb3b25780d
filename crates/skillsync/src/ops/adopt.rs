//! `adopt`: settles an edit that somebody made outside `edit`, in the store or through an agent's folder. It becomes
//! the skill's next version, or goes to trash; either way what was recorded is in its place again.

use serde::Serialize;
use skillsync_core::artifact;
use skillsync_core::diff::{self, Status};
use skillsync_core::digest::ContentHash;
use skillsync_core::merge::{Labels, ShowBase};
use skillsync_core::name::{SkillName, TargetId};
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{ArtifactType, Origin, State};
use skillsync_store::index::{Index, Key};
use skillsync_store::meta::Meta;
use skillsync_store::objects::Batch;
use skillsync_store::payload::Payload;
use skillsync_store::render;
use skillsync_store::skills::{self, Change, HandEdit};
use skillsync_store::store::{Store, Transaction, Writing};
use skillsync_store::{edit, observe, targets};

use super::Error;
use super::sync::{self, Synced};
use crate::ui::Report;
use crate::world::World;

mod read;
mod refuse;
mod survey;

use survey::{Base, Edit, Site, labels, survey};

/// What is to be settled, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The skill.
    pub name: SkillName,
    /// Which edit, where there are several: a target, or `canonical`.
    pub from: Option<TargetId>,
    /// Keep it or drop it.
    pub intent: Intent,
}

/// What becomes of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// It is the next version, for this reason.
    Adopt {
        /// Why; where none is given, history names the place of the edit.
        reason: Option<String>,
    },
    /// It goes to trash.
    Discard,
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
pub struct Settled {
    /// The skill.
    pub name: SkillName,
    /// What became of the edit.
    pub outcome: Outcome,
    /// Where the edit was: targets, or `canonical`.
    pub from: Vec<String>,
    /// The skill's version now; none when the skill itself is gone.
    pub version: Option<u32>,
    /// Content hash of its files now.
    pub content_hash: Option<ContentHash>,
    /// The version that came in between and was merged with the edit.
    pub merged_with: Option<u32>,
    /// What the new version changes in the one before it.
    pub changes: Vec<ChangedFile>,
    /// Whether the skill was marked for removal and is in use again.
    pub revived: bool,
    /// Whether the skill is in quarantine, and stays there.
    pub quarantined: bool,
    /// Where the edited folders are now.
    pub trash: Vec<String>,
    /// What the sync after it did.
    pub sync: Option<Synced>,
    /// Why that sync failed, if it did. What is reported above is done all the same.
    pub sync_error: Option<Report>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What became of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is a new version.
    Adopted,
    /// It held nothing that the current version has not; the recorded files are back in its place.
    NothingNew,
    /// It is in trash.
    Discarded,
}

/// A file that differs between two versions.
#[derive(Debug, Serialize)]
pub struct ChangedFile {
    /// Where it is.
    pub path: SkillPath,
    /// What happened to it.
    pub status: Status,
    /// Whether only its executable bit changed.
    pub mode_only: bool,
}

/// What [`apply`] would do. Changes nothing.
pub fn plan(store: &Store, request: &Request) -> Result<Settled, Error> {
    let case = Case::open(store, &Index::load(store.layout()), request)?;
    let decision = case.decide(store, request)?;
    Ok(Settled { dry_run: true, ..case.report(&decision) })
}

/// Settles the edit, puts what is recorded where it was, and syncs, so that every agent loads the same again.
///
/// Fails when nothing was edited; when several places hold different edits and none is named; when the skill has
/// moved on since the edit began and both changed the same lines; and when the edit is no skill. Nothing is changed
/// then.
pub fn apply(world: &World, store: &Store, request: &Request) -> Result<Settled, Error> {
    super::write(store, |writing, index| {
        let case = Case::open(store, index, request)?;
        let decision = case.decide(store, request)?;
        let mut settled = case.report(&decision);
        let transaction = writing.transaction()?;
        if let Decision::Version(new) = &decision {
            case.advance(writing, &transaction, index, request, new, &mut settled)?;
        }
        case.put_back(writing, &transaction, index, &mut settled)?;
        transaction.finish()?;
        match sync::apply(world, writing, index) {
            Ok(synced) => settled.sync = Some(synced),
            Err(e) => settled.sync_error = Some(Report::of(&e)),
        }
        Ok(settled)
    })
}

/// One edit of one skill.
struct Case {
    name: SkillName,
    meta: Option<Meta>,
    is_quarantined: bool,
    sites: Vec<Site>,
    base: Option<Base>,
    /// The edit's files; none when it is to be discarded and they are no skill.
    payload: Option<Payload>,
    /// Whether the canonical folder holds another edit, which a new version would replace.
    canonical_too: bool,
}

/// What is to be done about it.
enum Decision {
    Version(New),
    NothingNew,
    Discard,
}

/// A version to be made.
struct New {
    payload: Payload,
    merged_with: Option<u32>,
    changes: Vec<ChangedFile>,
}

impl Case {
    fn open(store: &Store, index: &Index, request: &Request) -> Result<Case, Error> {
        let name = &request.name;
        let loaded = skills::load(store, name);
        let from = request.from.as_ref().map(TargetId::as_str);
        let edits = survey(store, index, name, loaded.as_ref().ok(), from)?;
        let meta = match loaded {
            Ok(meta) => Some(meta),
            // Of a skill that is gone an agent may still load an edited tree: it can be dropped.
            Err(skills::Error::NotFound { .. }) if request.intent == Intent::Discard && !edits.is_empty() => {
                None
            }
            Err(e) => return Err(e.into()),
        };
        let at = match from {
            Some(from) => edits.iter().position(|edit| edit.is_called(from)),
            None if edits.len() > 1 => return Err(refuse::several(name, &edits)),
            None => (!edits.is_empty()).then_some(0),
        };
        let canonical_too =
            edits.iter().enumerate().any(|(other, edit)| Some(other) != at && edit.is_canonical());
        let Some(at) = at else { return Err(refuse::nothing(store, name, from, &edits)) };
        let Some(Edit { sites, base, payload }) = edits.into_iter().nth(at) else {
            return Err(refuse::nothing(store, name, from, &[]));
        };
        let payload = match payload {
            Ok(payload) => Some(payload),
            // What is no skill cannot be a version, but it can be dropped.
            Err(_) if request.intent == Intent::Discard => None,
            Err(e) => return Err(e),
        };
        let is_out = |meta: &Meta| skills::Noted::of(store).is_quarantined(name, Some(meta));
        let is_quarantined = meta.as_ref().is_some_and(is_out);
        Ok(Case { name: name.clone(), meta, is_quarantined, sites, base, payload, canonical_too })
    }

    fn decide(&self, store: &Store, request: &Request) -> Result<Decision, Error> {
        let (Some(meta), Some(edit), Intent::Adopt { .. }) = (&self.meta, &self.payload, &request.intent)
        else {
            return Ok(Decision::Discard);
        };
        let head = meta.head();
        let current = store.objects().tree(&head.tree)?;
        let (payload, merged_with) = self.merged(store, meta, edit)?;
        if *payload.tree() == current {
            return Ok(Decision::NothingNew);
        }
        if self.canonical_too {
            return Err(refuse::canonical_first(store, &self.name));
        }
        artifact::main_file(meta.artifact_type, &self.name, payload.tree())?;
        let main = payload.get(&meta.artifact_type.main_file(&self.name)).unwrap_or_default();
        edit::check_main(meta.artifact_type, &self.name, main)?;
        let changed = |change: diff::Change| ChangedFile {
            mode_only: change.mode_only(),
            path: change.path,
            status: change.status,
        };
        let changes = diff::changes(&current, payload.tree()).into_iter().map(changed).collect();
        Ok(Decision::Version(New { payload, merged_with, changes }))
    }

    /// The edit `edit`, merged with what was committed since it began.
    fn merged(&self, store: &Store, meta: &Meta, edit: &Payload) -> Result<(Payload, Option<u32>), Error> {
        let head = meta.head();
        let Some(base) = self.base else { return Err(refuse::base_unknown(&self.name, &self.sites)) };
        let objects = store.objects();
        let from = Payload::of_version(objects, &base.tree)?;
        let theirs = Payload::of_version(objects, &head.tree)?;
        let labels = Labels { ours: "edit", base: "base", theirs: "head", show_base: ShowBase::No };
        let merge = Payload::merge(&from, edit, &theirs, &labels);
        if !merge.conflicts.is_empty() {
            let paths: Vec<String> =
                merge.conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
            return Err(refuse::conflict(&self.name, &self.sites, base.number, head.number, &paths));
        }
        let merged_with = (base.tree != head.tree).then_some(head.number);
        Ok((Payload::merged(&merge, [&from, edit, &theirs])?, merged_with))
    }

    fn report(&self, decision: &Decision) -> Settled {
        let head = self.meta.as_ref().map(Meta::head);
        let mut settled = Settled {
            name: self.name.clone(),
            outcome: Outcome::Discarded,
            from: labels(&self.sites).into_iter().map(str::to_owned).collect(),
            version: head.map(|head| head.number),
            content_hash: head.map(|head| head.content_hash),
            merged_with: None,
            changes: Vec::new(),
            revived: false,
            quarantined: self.is_quarantined,
            trash: Vec::new(),
            sync: None,
            sync_error: None,
            dry_run: false,
        };
        match decision {
            Decision::Discard => {}
            Decision::NothingNew => settled.outcome = Outcome::NothingNew,
            Decision::Version(new) => {
                settled.outcome = Outcome::Adopted;
                settled.version = head.map(|head| head.number + 1);
                settled.content_hash = Some(new.payload.tree().content_hash());
                settled.merged_with = new.merged_with;
                settled.changes = new.changes.iter().map(ChangedFile::copied).collect();
                let is_marked = |meta: &Meta| meta.state == State::PendingRemove;
                settled.revived = !self.is_quarantined && self.meta.as_ref().is_some_and(is_marked);
            }
        }
        settled
    }

    /// Makes the new version: the one way content changes.
    fn advance(
        &self,
        writing: &Writing<'_>,
        transaction: &Transaction,
        index: &mut Index,
        request: &Request,
        new: &New,
        settled: &mut Settled,
    ) -> Result<(), Error> {
        let (Some(meta), Intent::Adopt { reason }) = (&self.meta, &request.intent) else { return Ok(()) };
        let store = writing.store();
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let staged = skills::stage_payload(transaction, &batch, &self.name, &new.payload)?;
        let told = || format!("hand edit in {}", labels(&self.sites).join(", "));
        let change = Change {
            reason: Some(reason.clone().unwrap_or_else(told)),
            stats: observe::stats(store.layout(), index, &self.name).ok(),
            hand_edit: if survey::has_canonical(&self.sites) { HandEdit::Replace } else { HandEdit::Refuse },
            ..Change::new(staged, Origin::Adopt, meta.source)
        };
        let advanced = edit::one(skills::advance(writing, transaction, batch, index, vec![change])?)?;
        settled.version = Some(advanced.version.number);
        settled.quarantined = advanced.state == State::Quarantined;
        settled.trash.extend(
            advanced
                .replaced
                .filter(|_| survey::has_canonical(&self.sites))
                .map(|at| at.display().to_string()),
        );
        Ok(())
    }

    /// Puts what is recorded in the place of the edit.
    fn put_back(
        &self,
        writing: &Writing<'_>,
        transaction: &Transaction,
        index: &mut Index,
        settled: &mut Settled,
    ) -> Result<(), Error> {
        let store = writing.store();
        let rendering = match self.meta.as_ref().map(|meta| meta.artifact_type) {
            // Only skills are rendered.
            None | Some(ArtifactType::Command | ArtifactType::Agent) => None,
            Some(ArtifactType::Skill) => {
                // As it is now: it may have a version more.
                let meta = skills::load(store, &self.name)?;
                let head = meta.head();
                let (rendering, fresh) = render::plan(store, index, &self.name, head.number, head.tree)?;
                if let Some(fresh) = fresh {
                    index.set(Key::Rendered(self.name.as_str()), &fresh);
                }
                Some(rendering)
            }
        };
        for site in &self.sites {
            let kept = match site {
                Site::Canonical(_) if settled.outcome == Outcome::Adopted => None,
                Site::Canonical(_) => skills::restore(writing, transaction, index, &self.name)?,
                Site::Loaded(place) => {
                    let rendering = rendering.as_ref();
                    Some(targets::retire(writing, transaction, index, &self.name, place, rendering)?)
                }
            };
            settled.trash.extend(kept.map(|kept| kept.display().to_string()));
        }
        Ok(())
    }
}

impl ChangedFile {
    fn copied(&self) -> ChangedFile {
        ChangedFile { path: self.path.clone(), status: self.status, mode_only: self.mode_only }
    }
}
