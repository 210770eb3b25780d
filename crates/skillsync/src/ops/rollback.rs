//! `rollback`: makes a new version with the content of an earlier one, and takes back the mark of `rm`.

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin, State, Version};
use skillsync_store::index::Index;
use skillsync_store::meta::Meta;
use skillsync_store::objects::Batch;
use skillsync_store::skills::{self, Change};
use skillsync_store::store::Store;
use skillsync_store::{edit, observe};

use super::{Error, Refusal};

/// What a rollback did, or would do.
#[derive(Debug, Serialize)]
pub struct RolledBack {
    /// The skill.
    pub name: SkillName,
    /// What it is.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// The number of its version now.
    pub version: u32,
    /// The number it had before; the same when only the mark for removal was taken back.
    pub previous_version: u32,
    /// The number of the version whose content it has now.
    pub back_to: u32,
    /// Content hash of its files now.
    pub content_hash: ContentHash,
    /// Whether it was marked for removal and is in use again.
    pub revived: bool,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// What is to be done.
struct Decision {
    meta: Meta,
    /// The version to go back to; none when only the mark for removal is taken back.
    content: Option<Version>,
}

/// What [`apply`] would do. Changes nothing.
pub fn plan(store: &Store, name: &SkillName, to: Option<u32>) -> Result<RolledBack, Error> {
    let Decision { meta, content } = decide(store, &Index::load(store.layout()), name, to)?;
    let head = meta.head();
    let next = head.number + u32::from(content.is_some());
    let target = content.as_ref().unwrap_or(head);
    Ok(RolledBack {
        name: name.clone(),
        artifact_type: meta.artifact_type,
        version: next,
        previous_version: head.number,
        back_to: target.number,
        content_hash: target.content_hash,
        revived: meta.state == State::PendingRemove,
        dry_run: true,
    })
}

/// Goes back to the version `to`, or where none is named to the one before the current. A skill that is marked for
/// removal is in use again afterwards; without `to`, the mark is all that is taken back, since it was the last
/// thing that happened.
///
/// Fails when the version is not there, when it has the content of the current one, and when the canonical folder
/// was edited by hand.
pub fn apply(store: &Store, name: &SkillName, to: Option<u32>) -> Result<RolledBack, Error> {
    super::write(store, |writing, index| {
        let Decision { meta, content } = decide(store, index, name, to)?;
        let head = meta.head();
        let done = |version: u32, back_to: &Version| RolledBack {
            name: name.clone(),
            artifact_type: meta.artifact_type,
            version,
            previous_version: head.number,
            back_to: back_to.number,
            content_hash: back_to.content_hash,
            revived: meta.state == State::PendingRemove,
            dry_run: false,
        };
        let Some(target) = content else {
            skills::set_state(store, name, State::Active)?;
            return Ok(done(head.number, head));
        };
        let tree = store.objects().tree(&target.tree)?;
        let transaction = writing.transaction()?;
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let staged = skills::stage_tree(&transaction, store.objects(), name, &tree)?;
        let change = Change {
            reason: Some(format!("back to version {}", target.number)),
            stats: observe::stats(store.layout(), index, name).ok(),
            ..Change::new(staged, Origin::Rollback, meta.source)
        };
        let advanced = edit::one(skills::advance(writing, &transaction, batch, index, vec![change])?)?;
        transaction.finish()?;
        Ok(done(advanced.version.number, &target))
    })
}

fn decide(store: &Store, index: &Index, name: &SkillName, to: Option<u32>) -> Result<Decision, Error> {
    let meta = skills::load(store, name)?;
    let head = meta.head();
    let revives = meta.state == State::PendingRemove;
    let number = match to {
        Some(number) => number,
        None if revives => head.number,
        None => head.number - 1,
    };
    if number == 0 {
        return Err(nothing(
            format!("`{name}` has one version only; there is nothing to go back to"),
            format!("`skillsync edit {name}` begins a change"),
        ));
    }
    let target = skills::version(name, &meta, number)?.clone();
    if target.tree != head.tree {
        skills::require_pristine(store, index, name, &meta)?;
        return Ok(Decision { meta, content: Some(target) });
    }
    if revives {
        return Ok(Decision { meta, content: None });
    }
    let message = if number == head.number {
        format!("`{name}` is at version {number} already")
    } else {
        format!(
            "version {number} of `{name}` has the same content as version {}, the current one",
            head.number
        )
    };
    Err(nothing(message, format!("`skillsync history {name}` shows its versions; name one with `--to`")))
}

fn nothing(message: String, hint: String) -> Error {
    Refusal { kind: Kind::Invalid, code: "nothing-to-do", message, hint: Some(hint) }.into()
}
