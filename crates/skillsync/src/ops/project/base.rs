//! The base of a comparison where it is not at hand: what a record of SkillMeat stands for, what a copy with other line
//! ends is a copy of, and the bytes of a baseline, from the store or from the project's own history.

use std::collections::BTreeMap;

use skillsync_core::digest::{ContentHash, DriftHash};
use skillsync_core::skill::State;
use skillsync_store::deployment::{Content, Record, skillmeat};
use skillsync_store::ledger::{Kept, Taken};
use skillsync_store::meta::Meta;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_store::project::{self, Place};
use skillsync_store::store::Store;
use skillsync_store::{objects, skills};

use super::super::Error;
use super::super::git::past::PastFile;
use super::{Compared, Folder, InStore, Opened};
use crate::world::World;

/// What SkillMeat's record of the copy at `place` stands for, as a record of ours. Its hash only tells whether a content
/// that is at hand is the one: the copy's own, those of the store's versions, those of the project's commits. None when
/// there is no such record, or it is none of these.
pub(super) fn adopt(
    world: &World,
    store: &Store,
    opened: &Opened,
    folder: &Folder,
    place: &Place,
    meta: Option<&Meta>,
) -> Result<Option<Record>, Error> {
    let Some(theirs) = folder.skillmeat_record(place.artifact_type, &place.name) else { return Ok(None) };
    let record = |payload: &Payload| {
        let (name, at) = (theirs.name.clone(), theirs.deployed_at.clone());
        Record::new(name, theirs.artifact_type, theirs.path.clone(), at, Content::of(payload))
    };
    let is_theirs = |payload: &Payload| skillmeat::Hash::of(place.artifact_type, payload) == theirs.hash;
    if let Some(copy) = project::read(&opened.project, place)?.filter(|copy| is_theirs(&copy.payload)) {
        return Ok(Some(record(&copy.payload)));
    }
    for version in meta.into_iter().flat_map(|meta| meta.versions().iter().rev()) {
        match Payload::of_version(store.objects(), &version.tree) {
            Ok(payload) if is_theirs(&payload) => return Ok(Some(record(&payload))),
            Ok(_) | Err(objects::Error::Missing { .. }) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(in_past(world, opened, place, &is_theirs)?.map(|payload| record(&payload)))
}

/// The newest content that the project's repository has had at `place` and that is wanted.
fn in_past(
    world: &World,
    opened: &Opened,
    place: &Place,
    is_wanted: &dyn Fn(&Payload) -> bool,
) -> Result<Option<Payload>, Error> {
    let payload = |files: &[PastFile]| {
        let file = |file: &PastFile| {
            (file.path.clone(), PayloadFile { bytes: file.bytes.clone(), executable: file.executable })
        };
        Payload::new(files.iter().map(file).collect::<BTreeMap<_, _>>()).ok()
    };
    let mut accepts = |files: &[PastFile]| payload(files).is_some_and(|payload| is_wanted(&payload));
    let found = opened.searches.find(world, opened.project.root(), place.shown(), &mut accepts)?;
    Ok(found.and_then(|files| payload(&files)))
}

/// The content that a copy counts as in a comparison: where it differs from what was deployed, taken, or is in the store
/// in line ends alone, that one (decision 7).
pub(super) fn settled(
    store: &Store,
    record: Option<&Record>,
    taken: Option<&Taken>,
    in_store: Option<&InStore>,
    copy: Option<&Content>,
) -> Result<Option<ContentHash>, Error> {
    let Some(copy) = copy else { return Ok(None) };
    let exact = [
        record.map(|record| record.content_hash),
        taken.map(|taken| taken.content.content_hash),
        in_store.map(|s| s.content.content_hash),
    ];
    if exact.contains(&Some(copy.content_hash)) {
        return Ok(Some(copy.content_hash));
    }
    if let Some(record) = record.filter(|record| record.drift_hash() == copy.drift_hash) {
        return Ok(Some(record.content_hash));
    }
    // Where no text of the copy has CRLF, only one of the others can have them.
    for kept in [taken.map(|taken| taken.content), in_store.map(|s| s.content)].into_iter().flatten() {
        if drift_hash(store, kept)? == Some(copy.drift_hash) {
            return Ok(Some(kept.content_hash));
        }
    }
    Ok(Some(copy.content_hash))
}

/// Whether `taken` is in a fork that is in use.
pub(super) fn is_forked(store: &Store, taken: &Taken) -> Result<bool, Error> {
    let Some(fork) = &taken.forked_as else { return Ok(false) };
    let has_it = |meta: &Meta| {
        let mut versions = meta.versions().iter();
        versions.any(|version| version.parents.contains(&taken.content.content_hash))
    };
    Ok(skills::find(store, fork)?.is_some_and(|meta| meta.state == State::Active && has_it(&meta)))
}

/// Whether the copy at `place`, which counts as `settled`, still has all that was taken from it since `deployed`. It need
/// not: a branch was switched, or the project was cloned anew where it was. As long as that is not certain, it has not:
/// a merge on what was deployed then asks where a guess would drop what was taken.
pub(super) fn is_kept(
    world: &World,
    store: &Store,
    opened: &Opened,
    place: &Place,
    deployed: Kept,
    taken: &Taken,
    settled: Option<&ContentHash>,
) -> Result<bool, Error> {
    if settled == Some(&taken.content.content_hash) {
        return Ok(true);
    }
    let project = &opened.project;
    let sides = (at_hand(store, deployed)?, at_hand(store, taken.content)?, project::read(project, place)?);
    let (Some(deployed), Some(then), Some(now)) = sides else { return Ok(false) };
    let now = now.payload.with_line_ends_of(&then)?;
    if !Payload::keeps(&deployed, &then, &now) {
        return Ok(false);
    }
    match &taken.at {
        Some(at) => Ok(opened.searches.went_on_from(world, project.root(), at)?),
        None => Ok(true),
    }
}

fn drift_hash(store: &Store, kept: Kept) -> Result<Option<DriftHash>, Error> {
    Ok(at_hand(store, kept)?.map(|payload| payload.drift_hash()))
}

fn at_hand(store: &Store, kept: Kept) -> Result<Option<Payload>, Error> {
    match Payload::of_version(store.objects(), &kept.tree) {
        Ok(payload) => Ok(Some(payload)),
        // A store that came out of git has no objects of versions before.
        Err(objects::Error::Missing { .. }) => Ok(None),
        Err(e) => Err(skills::Error::from(e).into()),
    }
}

/// The bytes of the baseline that `compared` was compared with: from the object store, else from the project's own
/// history. None when there is no baseline, or its bytes are nowhere.
pub fn payload_of(
    world: &World,
    store: &Store,
    opened: &Opened,
    compared: &Compared,
) -> Result<Option<Payload>, Error> {
    let Some(baseline) = compared.baseline else { return Ok(None) };
    let found = compared.baseline_kept.map(|kept| at_hand(store, kept)).transpose()?.flatten();
    // A record may name another tree than that of its content.
    if let Some(payload) = found.filter(|payload| payload.tree().content_hash() == baseline) {
        return Ok(Some(payload));
    }
    in_past(world, opened, &compared.place, &|payload| payload.tree().content_hash() == baseline)
}
