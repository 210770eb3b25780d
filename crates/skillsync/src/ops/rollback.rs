//! `rollback`: makes a new version with the content of an earlier one, and takes back the mark of `rm`.

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin, State, Version};
use skillsync_store::index::Index;
use skillsync_store::installed::{Hold, InstallState, Release, Standing};
use skillsync_store::meta::Meta;
use skillsync_store::objects::Batch;
use skillsync_store::skills::{self, Change, Quarantine};
use skillsync_store::store::{Store, Writing};
use skillsync_store::{edit, observe};

use super::bars::Bars;
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
    /// Whether it was marked for removal or in quarantine and is in use again.
    pub revived: bool,
    /// Whether it came from a source, which brings nothing newer until `update` names it.
    pub held: bool,
    /// Whether it came from a hub, and nothing tells which release of it that version is made of, or whether it was revoked.
    pub unknown_release: bool,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
    /// What it was before: for a person.
    #[serde(skip)]
    pub was: State,
}

/// What is to be done.
struct Decision {
    meta: Meta,
    /// The version to go back to; none when only the mark for removal is taken back.
    content: Option<Version>,
    /// Whether what it goes back to came from a source and there is a record of the skill to note that in.
    is_noted: bool,
    /// The release that it is made of, where it came from a source and that is known.
    basis: Option<Release>,
    /// The content of that release, also where no more is known of it.
    release: Option<ContentHash>,
    /// Whether it came from a hub and that is not known.
    is_unknown: bool,
    /// Whether it is in use, in quarantine by `_meta.json` alone or not.
    was: State,
}

impl Decision {
    fn revives(&self) -> bool {
        self.was != State::Active
    }

    fn is_held(&self) -> bool {
        self.is_noted && self.content.is_some()
    }
}

/// What [`apply`] would do. Changes nothing.
pub fn plan(store: &Store, name: &SkillName, to: Option<u32>) -> Result<RolledBack, Error> {
    let decision = decide(store, &Index::load(store.layout()), name, to)?;
    let (revived, held) = (decision.revives(), decision.is_held());
    let Decision { meta, content, is_unknown, was, .. } = decision;
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
        revived,
        held,
        unknown_release: is_unknown,
        was,
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
        let decision = decide(store, index, name, to)?;
        let (revived, held) = (decision.revives(), decision.is_held());
        let Decision { meta, content, is_noted, basis, release, is_unknown, was } = decision;
        let head = meta.head();
        let done = |version: u32, back_to: &Version| RolledBack {
            name: name.clone(),
            artifact_type: meta.artifact_type,
            version,
            previous_version: head.number,
            back_to: back_to.number,
            content_hash: back_to.content_hash,
            revived,
            held,
            unknown_release: is_unknown,
            was,
            dry_run: false,
        };
        // Before the swap: a kill in between leaves it held, which is what was asked for, and the same command goes on.
        let note = |goes_back: bool| {
            InstallState::amend(store.layout(), |state| {
                if is_noted {
                    note(state, name, basis.as_ref(), goes_back);
                }
            })
        };
        let Some(target) = content else {
            note(false)?;
            skills::revive(store, name)?;
            return Ok(done(head.number, head));
        };
        let before = InstallState::load(store.layout())?;
        let quarantine = Quarantine::Ends;
        let back = Back { name, meta: &meta, target: &target, release, quarantine };
        let reason = format!("back to version {}", target.number);
        let advanced = back.advance(writing, index, reason, || {
            // What is noted ends with this: until the swap the record says it.
            if was == State::Quarantined {
                skills::quarantine(store, name)?;
            }
            Ok(note(true)?)
        });
        if advanced.is_err() && skills::load(store, name).is_ok_and(|now| now.head().number == head.number) {
            // It came to nothing, so nothing is noted of it. Where that fails, too, it is as after a kill.
            let _ = before.save_if_changed(store.layout());
        }
        Ok(done(advanced?, &target))
    })
}

/// A version whose content becomes the newest again.
pub(super) struct Back<'a> {
    /// Of this skill.
    pub(super) name: &'a SkillName,
    /// Its record.
    pub(super) meta: &'a Meta,
    /// The version.
    pub(super) target: &'a Version,
    /// The content of the release that it is made of, where it came from a source.
    pub(super) release: Option<ContentHash>,
    /// Whether it may be used, and ends a quarantine.
    pub(super) quarantine: Quarantine,
}

impl Back<'_> {
    /// Makes the new version, for this `reason`, and gives its number. `before` is done when it is staged.
    pub(super) fn advance(
        &self,
        writing: &Writing<'_>,
        index: &mut Index,
        reason: String,
        before: impl FnOnce() -> Result<(), Error>,
    ) -> Result<u32, Error> {
        let Self { name, meta, target, release, quarantine } = *self;
        let store = writing.store();
        let tree = store.objects().tree(&target.tree)?;
        let transaction = writing.transaction()?;
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let staged = skills::stage_tree(&transaction, store.objects(), name, &tree)?;
        let change = Change {
            reason: Some(reason),
            parents: Vec::from_iter(release),
            stats: observe::stats(store.layout(), index, name).ok(),
            quarantine,
            ..Change::new(staged, Origin::Rollback, meta.source)
        };
        before()?;
        let advanced = edit::one(skills::advance(writing, &transaction, batch, index, vec![change])?)?;
        transaction.finish()?;
        Ok(advanced.version.number)
    }
}

fn decide(store: &Store, index: &Index, name: &SkillName, to: Option<u32>) -> Result<Decision, Error> {
    let meta = skills::load(store, name)?;
    let head = meta.head();
    let bars = Bars::of(store, name, &meta)?;
    let was = skills::Noted::of(store).state(name, meta.state);
    let revives = was != State::Active;
    let number = match to {
        Some(number) => number,
        None if was == State::Quarantined => match bars.newest_usable()? {
            Some(number) => number,
            None => {
                return Err(nothing(
                    format!("no version of `{name}` is known to be made of a release that may be used"),
                    format!(
                        "`skillsync install {name}` brings one, if there is one; `skillsync rm {name}` removes it"
                    ),
                ));
            }
        },
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
    // What the head is made of stays with it: of other files, or of what must not be used, a new version is made.
    let is_new =
        target.tree != head.tree || number != head.number && bars.require_not_revoked(head.number).is_err();
    let is_mark_only = !is_new && was == State::PendingRemove;
    let is_unknown = match is_mark_only && !bars.is_quarantined() {
        // It is what was in use when the mark was made.
        true => bars.require_not_revoked(number).map(|()| false)?,
        false => bars.require(number)?,
    };
    let (basis, release, is_noted) = (bars.basis(number), bars.release(number), bars.is_noted(number));
    if is_new {
        skills::require_pristine(store, index, name, &meta)?;
        return Ok(Decision { meta, content: Some(target), is_noted, basis, release, is_unknown, was });
    }
    if revives {
        return Ok(Decision { meta, content: None, is_noted, basis, release, is_unknown, was });
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

/// Notes what a skill from a source is made of now, where that is known, that it is in use, and that no poll is to undo that.
fn note(state: &mut InstallState, name: &SkillName, basis: Option<&Release>, goes_back: bool) {
    let Some(installed) = state.get_mut(name) else { return };
    if let Some(basis) = basis {
        installed.is_of(basis);
    }
    (installed.state, installed.reason, installed.conflict) = (Standing::Installed, None, None);
    if goes_back {
        installed.held = Some(Hold::Rollback);
    }
}

fn nothing(message: String, hint: String) -> Error {
    Refusal { kind: Kind::Invalid, code: "nothing-to-do", message, hint: Some(hint) }.into()
}
