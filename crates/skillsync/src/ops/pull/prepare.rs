//! What a pull does about one copy: decided and merged in memory, nothing written.

use std::cell::OnceCell;
use std::path::PathBuf;

use skillsync_core::artifact;
use skillsync_core::digest::ContentHash;
use skillsync_core::drift;
use skillsync_core::fault::Kind;
use skillsync_core::frontmatter;
use skillsync_core::limits;
use skillsync_core::merge::{Labels, TreeMerge};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::shell::shell_quoted;
use skillsync_core::skill::{ArtifactType, Source, State};
use skillsync_store::deployment::Content;
use skillsync_store::edit;
use skillsync_store::ledger::{At, Taken};
use skillsync_store::meta::Meta;
use skillsync_store::payload::Payload;
use skillsync_store::project::{self, Project};
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::super::project::{Compared, Opened, payload_of};
use super::super::{Error, Refusal};
use super::{Action, Choice, Prefer, Request, Strategy};
use crate::world::World;

/// One copy, and what is to be done about it.
pub(super) struct Step {
    pub(super) compared: Compared,
    /// What the project has; where the store takes it, with the line ends of what it is a copy of.
    pub(super) copy: Option<Payload>,
    pub(super) action: Action,
    pub(super) prepared: Prepared,
    /// The version that was made of it, once it was.
    pub(super) advanced: Option<u32>,
    /// Where in trash is what the project had, once it is there.
    pub(super) trash: Option<PathBuf>,
}

impl Step {
    /// What the store takes from the project, which is `at` this place of its history.
    pub(super) fn taken(&self, at: Option<&At>) -> Option<Taken> {
        let forked_as = match (&self.prepared, self.action) {
            (Prepared::Version(version), Action::Fork) => Some(version.name.clone()),
            (Prepared::Nothing(fork), _) => fork.clone(),
            _ => None,
        };
        let content = Content::of(self.copy.as_ref()?).into();
        Some(Taken { content, forked_as, at: at.cloned() })
    }
}

/// What is to be done about one copy.
pub(super) enum Prepared {
    /// Nothing, as was chosen.
    Skip,
    /// Nothing: the store has all of it already, as this fork where it is one.
    Nothing(Option<SkillName>),
    /// A version is made.
    Version(Box<NewVersion>),
    /// A working copy is handed out, with conflicts in it.
    Conflict(Box<Conflict>),
    /// Nobody can merge it: one side has it no more.
    Undecided(Refusal),
    /// The project gets what the store has.
    Push(Content),
    /// The project's copy goes, and its record.
    Drop,
}

impl Prepared {
    /// Whether the store has something else then: a version more, or an edit that is on its way.
    pub(super) fn changes_store(&self) -> bool {
        matches!(self, Prepared::Version(_) | Prepared::Conflict(_))
    }
}

/// A version to be made.
pub(super) struct NewVersion {
    /// Of this artifact: a fork has another name than the copy.
    pub(super) name: SkillName,
    pub(super) payload: Payload,
    /// What it was merged from.
    pub(super) parents: Vec<ContentHash>,
    pub(super) reason: String,
    pub(super) source: Source,
    /// The version before.
    pub(super) before: Option<u32>,
}

/// A merge that wants decisions.
pub(super) struct Conflict {
    pub(super) merge: TreeMerge,
    pub(super) merged: Payload,
    /// The three sides, for who decides.
    pub(super) base: Payload,
    pub(super) store: Payload,
    /// Where the working copy is and under which token, once it is.
    pub(super) handed_out: OnceCell<Option<(PathBuf, u64)>>,
}

/// What would be done, as far as it shows without reading the files.
pub(super) fn action(compared: &Compared, strategy: Strategy, prefer: Prefer) -> Action {
    let has_copy = compared.copy.is_some();
    let is_by_project_alone = compared.drift.is_none_or(|drift| drift.store_change.is_none());
    let store_change = compared.drift.and_then(|drift| drift.store_change);
    match (strategy, prefer) {
        // Its wish is that the copy goes only where it had it: what it never had it cannot have deleted.
        (Strategy::Overwrite, Prefer::Collection) if store_change == Some(drift::Change::Delete) => {
            Action::Drop
        }
        (Strategy::Overwrite, Prefer::Collection) => Action::Push,
        (Strategy::Fork, _) if has_copy => Action::Fork,
        (Strategy::Overwrite, Prefer::Project) if !has_copy => Action::Drop,
        _ if !has_copy && is_by_project_alone => Action::Drop,
        // Nothing to merge with: the store is as it was deployed.
        _ if is_by_project_alone => Action::Take,
        (Strategy::Merge, _) => Action::Merge,
        _ => Action::Take,
    }
}

/// Decides what is done about one copy.
pub(super) fn prepare(
    world: &World,
    store: &Store,
    opened: &Opened,
    request: &Request,
    compared: Compared,
    choice: Choice,
) -> Result<Step, Error> {
    let Choice::Pull(strategy, prefer) = choice else {
        let (action, prepared) = (Action::Skip, Prepared::Skip);
        return Ok(Step { compared, copy: None, action, prepared, advanced: None, trash: None });
    };
    let action = action(&compared, strategy, prefer);
    let project = &opened.project;
    let base = payload_of(world, store, opened, &compared)?;
    let in_store = match &compared.store {
        Some(head) => Some(Payload::of_version(store.objects(), &head.content.tree)?),
        None => None,
    };
    let copy = project::read(project, &compared.place)?.map(|contents| contents.payload);
    // What the store takes has its own line ends: a checkout may have turned every one. What is only replaced or taken
    // out is kept exactly as it is, for a rollback.
    let like = base.as_ref().or(in_store.as_ref()).filter(|_| !matches!(action, Action::Push | Action::Drop));
    let copy = match (copy, like) {
        (Some(copy), Some(like)) => Some(copy.with_line_ends_of(like)?),
        (copy, _) => copy,
    };
    let sides = Sides { store, project, request, compared: &compared, base, in_store };
    let prepared = sides.prepared(copy.as_ref(), action)?;
    Ok(Step { compared, copy, action, prepared, advanced: None, trash: None })
}

struct Sides<'a> {
    store: &'a Store,
    project: &'a Project,
    request: &'a Request,
    compared: &'a Compared,
    base: Option<Payload>,
    in_store: Option<Payload>,
}

impl Sides<'_> {
    fn prepared(self, copy: Option<&Payload>, action: Action) -> Result<Prepared, Error> {
        let name = &self.compared.place.name;
        // What is left of a pull that was killed: whatever was asked for, the store has it.
        if self.compared.is_unnoted && !matches!(action, Action::Skip | Action::Push | Action::Drop) {
            return Ok(Prepared::Nothing(None));
        }
        // Nothing comes of it that could be used, and nothing of it goes out.
        if !matches!(action, Action::Skip | Action::Drop)
            && let Some(meta) = skills::find(self.store, name)?
            && skills::Noted::of(self.store).is_quarantined(name, Some(&meta))
        {
            return Err(skills::Error::Quarantined { name: name.clone() }.into());
        }
        match (action, copy, &self.in_store) {
            (Action::Skip, ..) => Ok(Prepared::Skip),
            (Action::Drop, ..) => Ok(Prepared::Drop),
            (Action::Push, _, Some(in_store)) => Ok(Prepared::Push(Content::of(in_store))),
            (Action::Push, _, None) => Err(self.nothing_to_prefer().into()),
            (_, None, _) => {
                Ok(Prepared::Undecided(self.one_side("deleted in the project", "changed in the store")))
            }
            (Action::Fork, Some(copy), _) => self.fork(copy),
            (Action::Take, Some(copy), _) => self.version(name.clone(), copy.clone(), Vec::new(), None),
            // The store never had it: there is nothing to merge with.
            (Action::Merge, Some(copy), None) if self.compared.baseline.is_none() => {
                self.version(name.clone(), copy.clone(), Vec::new(), None)
            }
            (Action::Merge, Some(_), None) => {
                Ok(Prepared::Undecided(self.one_side("edited in the project", "removed from the store")))
            }
            (Action::Merge, Some(copy), Some(_)) => self.merge(copy),
        }
    }

    fn merge(mut self, copy: &Payload) -> Result<Prepared, Error> {
        let name = &self.compared.place.name;
        // Without a base all that differs is a conflict, and what both begin or end with stands once.
        let base = self.base.take().unwrap_or_default();
        let Some(in_store) = self.in_store.take() else { return Ok(Prepared::Nothing(None)) };
        let labels = Labels {
            ours: edit::STORE,
            base: "deployed",
            theirs: "project",
            show_base: self.request.show_base,
        };
        let merge = Payload::merge(&base, &in_store, copy, &labels);
        let merged = Payload::merged(&merge, [&base, &in_store, copy])?;
        if !merge.conflicts.is_empty() {
            let handed_out = OnceCell::new();
            let conflict = Conflict { merge, merged, base, store: in_store, handed_out };
            return Ok(Prepared::Conflict(Box::new(conflict)));
        }
        let hash = |payload: &Payload| payload.tree().content_hash();
        // One parent where the store had nothing of its own.
        let is_joined = merged.tree() != copy.tree();
        let parents = if is_joined { vec![hash(&in_store), hash(copy)] } else { Vec::new() };
        self.version(name.clone(), merged, parents, None)
    }

    /// A version of `payload`, if the store has not got it already. `before` is given for a fork.
    fn version(
        &self,
        name: SkillName,
        payload: Payload,
        parents: Vec<ContentHash>,
        fork_of: Option<&SkillName>,
    ) -> Result<Prepared, Error> {
        let artifact_type = self.compared.place.artifact_type;
        let head = skills::find(self.store, &name)?;
        let is_there = |meta: &Meta| meta.head().tree == payload.tree().id() && meta.state == State::Active;
        if head.as_ref().is_some_and(is_there) {
            return Ok(Prepared::Nothing(fork_of.map(|_| name)));
        }
        artifact::main_file(artifact_type, &name, payload.tree()).map_err(skills::Error::from)?;
        let main = payload.get(&artifact_type.main_file(&name)).unwrap_or_default();
        edit::check_main(artifact_type, &name, main)?;
        // Its folder's name alone: history goes where the store goes, and paths of this machine do not.
        let from = self.project.root().file_name().unwrap_or_default().to_string_lossy();
        let reason = self.request.reason.clone().unwrap_or_else(|| match fork_of {
            Some(of) => format!("fork of {of}, pulled from {from}"),
            None => format!("pulled from {from}"),
        });
        let source = head.as_ref().map_or(Source::Imported, |meta| meta.source);
        let before = head.map(|meta| meta.head().number);
        Ok(Prepared::Version(Box::new(NewVersion { name, payload, parents, reason, source, before })))
    }

    fn fork(&self, copy: &Payload) -> Result<Prepared, Error> {
        let of = &self.compared.place.name;
        let artifact_type = self.compared.place.artifact_type;
        let hash = copy.tree().content_hash();
        for number in 1..=limits::FORKS {
            let suffix = if number == 1 { "-fork".to_owned() } else { format!("-fork-{number}") };
            let stem: String = of.as_str().chars().take(limits::NAME_BYTES - suffix.len()).collect();
            let name = SkillName::parse(&format!("{}{suffix}", stem.trim_end_matches('-')))?;
            let payload = renamed(copy, artifact_type, of, &name)?;
            match skills::find(self.store, &name)? {
                // Forked before, and it is the same still; where it is marked for removal, it is in use again.
                Some(meta) if meta.head().tree != payload.tree().id() => {}
                _ => return self.version(name, payload, vec![hash], Some(of)),
            }
        }
        Err(Refusal {
            kind: Kind::Limit,
            code: "too-many-forks",
            message: format!("`{of}` has {} forks already, each with other content", limits::FORKS),
            hint: Some(format!("remove some: `skillsync rm {of}-fork`")),
        }
        .into())
    }

    /// The two ways apart that no merge joins.
    fn one_side(&self, project: &str, store: &str) -> Refusal {
        let Compared { place, .. } = self.compared;
        let (name, at) = (&place.name, shell_quoted(&self.request.project.display().to_string()));
        Refusal {
            kind: Kind::Conflict,
            code: "deleted-and-changed",
            message: format!("`{name}` was {project} and {store}"),
            hint: Some(format!(
                "decide: `skillsync sync pull {at} --artifacts {name} --strategy overwrite --prefer project`, or \
                 `--prefer collection`{}",
                if place_has_copy(self.compared) { ", or `--strategy fork`" } else { "" }
            )),
        }
    }

    fn nothing_to_prefer(&self) -> Refusal {
        let name = &self.compared.place.name;
        Refusal {
            kind: Kind::NotFound,
            code: "skill-not-found",
            message: format!("artifact '{name}' not found in collection"),
            hint: Some("there is nothing to put into the project; pull it with --prefer project".to_owned()),
        }
    }
}

fn place_has_copy(compared: &Compared) -> bool {
    compared.copy.is_some() && compared.drift.is_some_and(|found| found.change != Some(drift::Change::Delete))
}

/// The same artifact under another name: its folder or file is called so, and its frontmatter says so.
fn renamed(
    copy: &Payload,
    artifact_type: ArtifactType,
    of: &SkillName,
    name: &SkillName,
) -> Result<Payload, Error> {
    let path = |name: &SkillName| {
        SkillPath::parse(&artifact_type.main_file(name)).map_err(skillsync_core::tree::Error::from)
    };
    let (old, new) = (path(of)?, path(name)?);
    let bytes = copy.get(old.as_str()).unwrap_or_default();
    let has_name = frontmatter::parse(bytes).is_ok_and(|head| head.name().is_some());
    let bytes = match frontmatter::with_name(bytes, name).filter(|_| has_name) {
        Some(renamed) => renamed,
        None => bytes.to_vec(),
    };
    Ok(copy.clone().with(&old, new, bytes)?)
}
