//! One copy compared with the store, on the content that both really have in common.

use skillsync_core::digest::ContentHash;
use skillsync_core::drift::{self, Ancestry, Drift};
use skillsync_core::skill::{Origin, State, Version};
use skillsync_store::deployment::{Content, Record};
use skillsync_store::index::Index;
use skillsync_store::ledger::{Copy, Kept};
use skillsync_store::meta::Meta;
use skillsync_store::project::{self, Looked, Place};
use skillsync_store::skills::{self, Head, Noted};
use skillsync_store::store::Store;

use super::super::Error;
use super::{Opened, Subject, base};
use crate::world::World;

/// The store's side of a comparison.
#[derive(Debug, Clone)]
pub struct InStore {
    /// Its version.
    pub version: u32,
    /// Its content.
    pub content: Kept,
}

/// One copy, compared.
#[derive(Debug)]
pub struct Compared {
    /// Which.
    pub place: Place,
    /// What the deployment file says; none when it has no record, or SkillMeat's whose content is not to be found.
    pub record: Option<Record>,
    /// Whether that record is SkillMeat's, taken over.
    pub is_adopted: bool,
    /// What the store has; none when it has no such artifact, or it is not in use.
    pub store: Option<InStore>,
    /// What the project has, exactly.
    pub copy: Option<Content>,
    /// The same as drift sees it: of a copy that differs in line ends alone what it is a copy of.
    pub project: Option<ContentHash>,
    /// What both are compared with.
    pub baseline: Option<ContentHash>,
    /// Where the object store has that, if it is known.
    pub baseline_kept: Option<Kept>,
    /// What the comparison says.
    pub drift: Option<Drift>,
    /// Whether the store's newest version was made of this copy by a pull, and this store did not come to note it: a
    /// pull that was killed.
    pub is_unnoted: bool,
    /// Whether the copy differs from what it is a copy of in line ends alone.
    pub eol_only: bool,
    /// Whether it differs from what was deployed in executable bits alone.
    pub mode_changed: bool,
    /// The version of this store that was deployed, if it is one.
    pub deployed_version: Option<u32>,
}

impl Compared {
    /// Whether the copy is another content than its record says, or gone. Unlike drift this is the same for every
    /// store, so the deployment file, which they share, may say it.
    pub fn is_edited(&self) -> bool {
        self.record.as_ref().is_some_and(|record| self.project != Some(record.content_hash))
    }
}

/// Compares one copy. Nothing is written.
pub(super) fn compare(
    world: &World,
    store: &Store,
    index: &Index,
    noted: &Noted<'_>,
    opened: &Opened,
    subject: &Subject<'_>,
) -> Result<(Compared, Looked), Error> {
    let Subject { folder, place } = subject;
    let (artifact_type, name) = (place.key.artifact_type, &place.key.artifact_name);
    let looked = project::look(&opened.project, &opened.cache, place)?;
    let head = skills::head(store, index, name)?;
    let is_in_use = |state: State| noted.state(name, state) == State::Active;
    let head = head.filter(|head| is_in_use(head.state) && head.artifact_type == artifact_type);
    let ours = folder.record(artifact_type, name);
    let copy = looked.content;
    if let Some(compared) = as_deployed(place, ours, head.as_ref(), copy.as_ref()) {
        return Ok((compared, looked));
    }
    let meta = skills::find(store, name)?.filter(|meta| meta.artifact_type == artifact_type);
    let in_store = meta.as_ref().filter(|meta| is_in_use(meta.state)).map(|meta| {
        let head = meta.head();
        let content = Kept { content_hash: head.content_hash, tree: head.tree };
        InStore { version: head.number, content }
    });
    let adopted = match ours {
        Some(_) => None,
        None => base::adopt(world, store, opened, folder, place, meta.as_ref())?,
    };
    let is_adopted = adopted.is_some();
    let record = ours.cloned().or(adopted);
    let known = opened.ledger.copy(&place.key);
    // A copy that nobody deployed, and that was pulled, has no record; what this store noted then counts.
    let deployed = record.as_ref().map(|r| r.content_hash).or(known.map(|known| known.baseline.content_hash));
    let is_own = known.is_some_and(|known| Some(known.baseline.content_hash) == deployed);
    let taken = known.filter(|_| is_own).and_then(|known| known.taken.as_ref());

    let settled = base::settled(store, record.as_ref(), taken, in_store.as_ref(), copy.as_ref())?;
    let store_hash = in_store.as_ref().map(|s| s.content.content_hash);
    let mut history = meta.as_ref().map(history).unwrap_or_default();
    let made_of_copy = settled.as_ref().filter(|hash| {
        let is_head = |meta: &&Meta| meta.head().origin == Origin::Pull && is_of(meta.head(), hash);
        taken.map(|taken| &taken.content.content_hash) != Some(*hash)
            && meta.as_ref().filter(is_head).is_some()
    });
    let kept_taken = match (taken, known) {
        (Some(taken), Some(known)) if settled != deployed => {
            if base::is_forked(store, taken)? {
                history.insert(0, taken.content.content_hash);
            }
            base::is_kept(world, store, opened, place, known.baseline, taken, settled.as_ref())?
                .then_some(&taken.content.content_hash)
        }
        _ => None,
    };
    let baseline = deployed.as_ref().and_then(|deployed| {
        let ancestry = Ancestry {
            deployed,
            lineage: record.as_ref().map_or(&[], |record| &*record.version_lineage),
            own: known.map(|known| &known.baseline.content_hash),
            taken: made_of_copy.or(kept_taken),
            history: &history,
        };
        drift::baseline(ancestry, store_hash.as_ref(), settled.as_ref()).copied()
    });
    let drift = drift::drift(baseline.as_ref(), store_hash.as_ref(), settled.as_ref());
    let baseline_kept = baseline.and_then(|hash| kept(hash, known, record.as_ref(), meta.as_ref()));
    let eol_only = settled != copy.as_ref().map(|copy| copy.content_hash);
    let deployed_tree = record.as_ref().and_then(|record| record.tree);
    let mode_changed = !eol_only
        && settled == record.as_ref().map(|record| record.content_hash)
        && deployed_tree.is_some_and(|tree| copy.as_ref().is_some_and(|copy| copy.tree != tree));
    let deployed_version = record.as_ref().zip(meta.as_ref()).and_then(|(record, meta)| {
        let versions = meta.versions().iter().rev();
        versions.filter(|v| v.content_hash == record.content_hash).map(|v| v.number).next()
    });
    let compared = Compared {
        place: place.clone(),
        record,
        is_adopted,
        store: in_store,
        copy,
        project: settled,
        baseline,
        baseline_kept,
        drift,
        is_unnoted: made_of_copy.is_some() && drift.is_some(),
        eol_only,
        mode_changed,
        deployed_version,
    };
    Ok((compared, looked))
}

/// A copy that is as deployed, on both sides: the common case, which reads no record of the store.
fn as_deployed(
    place: &Place,
    record: Option<&Record>,
    head: Option<&Head>,
    copy: Option<&Content>,
) -> Option<Compared> {
    let (record, head, copy) = (record?, head?, copy?);
    if record.tree != Some(copy.tree) || head.tree != copy.tree {
        return None;
    }
    let content = Kept::from(*copy);
    Some(Compared {
        place: place.clone(),
        record: Some(record.clone()),
        is_adopted: false,
        store: Some(InStore { version: head.version, content }),
        copy: Some(*copy),
        project: Some(copy.content_hash),
        baseline: Some(copy.content_hash),
        baseline_kept: Some(content),
        drift: None,
        is_unnoted: false,
        eol_only: false,
        mode_changed: false,
        deployed_version: Some(head.version),
    })
}

/// Where the object store has the content `hash`, by what is known of it: this store's ledger, history, the record.
fn kept(
    hash: ContentHash,
    known: Option<&Copy>,
    record: Option<&Record>,
    meta: Option<&Meta>,
) -> Option<Kept> {
    let of_ledger = known.into_iter().flat_map(Copy::contents);
    let of_ledger = of_ledger.filter(|kept| kept.content_hash == hash).map(|kept| kept.tree);
    let of_record = record.into_iter().filter(|r| r.content_hash == hash).filter_map(|r| r.tree);
    let of_history = meta.into_iter().flat_map(Meta::versions).filter(|v| v.content_hash == hash);
    let mut trees = of_ledger.chain(of_history.map(|version| version.tree)).chain(of_record);
    trees.next().map(|tree| Kept { content_hash: hash, tree })
}

/// Every content that an artifact has had, the newest first: its versions, each with what it was merged from. What a rollback
/// is made of came before it, and is where it came.
fn history(meta: &Meta) -> Vec<ContentHash> {
    let versions = meta.versions().iter().rev();
    let of = |version: &Version| {
        let parents = version.parents.iter().filter(|_| version.origin != Origin::Rollback);
        std::iter::once(&version.content_hash).chain(parents).copied().collect::<Vec<_>>()
    };
    versions.flat_map(of).collect()
}

/// Whether a version has this content, or was merged from it.
fn is_of(version: &Version, hash: &ContentHash) -> bool {
    version.content_hash == *hash || version.parents.contains(hash)
}
