//! One skill's change: from the files of a release and what is here to a version, a merge, or a conflict to be handed out.
//! What was edited here is never overwritten (decision 12).

use skillsync_core::digest::ContentHash;
use skillsync_core::merge::{Labels, ShowBase, TreeMerge};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin, Source, Version};
use skillsync_core::tree::SKILL_MD;
use skillsync_store::index::Index;
use skillsync_store::installed::{self, Installed, Release};
use skillsync_store::meta::Meta;
use skillsync_store::objects::Batch;
use skillsync_store::payload::Payload;
use skillsync_store::skills::{self, Change, Quarantine, Staged};
use skillsync_store::store::{Store, Transaction};
use skillsync_store::{edit, lease};
use skillsync_wire::release::Release as Statement;

use super::{Done, Error};
use crate::plan;

/// What conflict markers call the release.
const THEIRS: &str = "release";

/// What a release makes of what is here.
pub(crate) enum Prepared {
    /// It is here already; only that is to be noted.
    Here,
    /// A version is to be made of these files.
    Version {
        /// The files, where they are not the release's own.
        merged: Option<Payload>,
        /// What it comes to.
        done: Done,
        /// What it was merged from, where it was.
        parents: Vec<ContentHash>,
    },
    /// Both changed the same places.
    Conflict {
        /// The merge.
        merge: Box<TreeMerge>,
        /// Its files.
        merged: Payload,
    },
}

/// Decides what becomes of `slug` with the files of `release`. Fails when it is being edited, was edited by hand, or is a
/// skill that did not come from here.
pub(crate) fn prepare(
    store: &Store,
    index: &Index,
    slug: &SkillName,
    installed: Option<&Installed>,
    release: &Release,
    theirs: &Payload,
) -> Result<Prepared, Error> {
    // What the hub's gate looks at is looked at here, too: nothing that agents could not load is written.
    let main = theirs.get(SKILL_MD).unwrap_or_default();
    edit::check_main(ArtifactType::Skill, slug, main)?;
    let Some(meta) = skills::find(store, slug)? else {
        return Ok(Prepared::Version { merged: None, done: Done::Added, parents: Vec::new() });
    };
    let head = meta.head();
    let Some(basis) = installed.and_then(|installed| installed.basis(meta.versions())) else {
        // Its record was lost, or an install was killed before it was written: it is this skill if it was this release.
        if matches!(meta.source, Source::Hub | Source::Index)
            && let Some(unrecorded) = unrecorded(&meta, release, theirs)
        {
            if matches!(unrecorded, Prepared::Version { .. }) {
                lease::require_free(store.layout(), slug)?;
                skills::require_pristine(store, index, slug, &meta)?;
            }
            return Ok(unrecorded);
        }
        return Err(Error::Planned { slug: slug.clone(), why: plan::Refusal::Local });
    };
    if basis.release == release.release {
        return Ok(Prepared::Here);
    }
    lease::require_free(store.layout(), slug)?;
    skills::require_pristine(store, index, slug, &meta)?;
    let is_there = head.tree == theirs.tree().id();
    // What an edit made already is made of the release that came later with it, and of none that came before. One of the same
    // number is the same one, signed with another key.
    if is_there && release.seq >= basis.seq {
        return Ok(Prepared::Here);
    }
    if is_there || head.content_hash == basis.content_hash {
        return Ok(Prepared::Version { merged: None, done: Done::Updated, parents: Vec::new() });
    }
    merge(store, slug, &meta, basis, release, theirs)
}

/// What `release` makes of a skill that came from a source and of which no record tells what it is made of now. None where
/// it never was this release, or where it was edited since in a way that has no base.
fn unrecorded(meta: &Meta, release: &Release, theirs: &Payload) -> Option<Prepared> {
    let head = meta.head();
    let is_this = |version: &Version| {
        version.tree == theirs.tree().id() || version.parents.last() == Some(&release.content_hash)
    };
    let newest = installed::came_last(meta.versions()).last().copied().flatten();
    if head.tree == theirs.tree().id() || newest.is_some_and(is_this) {
        return Some(Prepared::Here);
    }
    // It came later and is another release, which may have been revoked since: only these files are known to be good.
    let as_it_came = |version: &Version| {
        let is_plain =
            matches!(version.origin, Origin::Install | Origin::Update) && version.parents.is_empty();
        is_plain && version.tree == head.tree
    };
    let is_as_it_came = meta.versions().iter().any(as_it_came);
    (is_as_it_came && meta.versions().iter().any(is_this)).then(|| Prepared::Version {
        merged: None,
        done: Done::Updated,
        parents: Vec::new(),
    })
}

fn merge(
    store: &Store,
    slug: &SkillName,
    meta: &Meta,
    basis: &Release,
    release: &Release,
    theirs: &Payload,
) -> Result<Prepared, Error> {
    let (objects, head) = (store.objects(), meta.head());
    let base = Payload::of_version(objects, &basis.tree)?;
    let ours = Payload::of_version(objects, &head.tree)?;
    let version = format!("{THEIRS} {}", release.version);
    let labels = Labels { ours: edit::STORE, base: "base", theirs: &version, show_base: ShowBase::Yes };
    let merge = Payload::merge(&base, &ours, theirs, &labels);
    let merged = Payload::merged(&merge, [&base, &ours, theirs]).map_err(skills::Error::from)?;
    let main = merged.get(SKILL_MD).unwrap_or_default();
    let is_whole = edit::check_main(ArtifactType::Skill, slug, main).is_ok();
    if !merge.conflicts.is_empty() || !is_whole {
        return Ok(Prepared::Conflict { merge: Box::new(merge), merged });
    }
    let parents = vec![head.content_hash, release.content_hash];
    Ok(Prepared::Version { merged: Some(merged), done: Done::Merged, parents })
}

/// Stages a version: the release's own files, or what they were merged to, and then the release's beside them in the object
/// store, as the base of the next merge.
pub(crate) fn stage(
    transaction: &Transaction,
    batch: &Batch<'_>,
    slug: &SkillName,
    release: &Payload,
    merged: Option<&Payload>,
) -> Result<Staged, Error> {
    let payload = merged.unwrap_or(release);
    let staged = skills::stage_payload(transaction, batch, slug, payload)?;
    if merged.is_some() {
        skills::batch_payload(batch, release)?;
    }
    Ok(staged)
}

/// The change that makes a version of what is staged.
pub(super) fn change(staged: Staged, statement: &Statement, done: Done, parents: Vec<ContentHash>) -> Change {
    let origin = if done == Done::Added { Origin::Install } else { Origin::Update };
    let reason = Some(format!("release {} of {}", statement.version, statement.owner));
    // What is believed now is not revoked, and the cure of what was.
    let quarantine = Quarantine::Ends;
    Change { reason, parents, quarantine, ..Change::new(staged, origin, Source::Hub) }
}
