//! `rollback`: makes a new version with the content of an earlier one, and takes back the mark of `rm`.

use serde::Serialize;
use skillsync_client::anchor::Anchored;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin, State, Version};
use skillsync_store::index::Index;
use skillsync_store::installed::{self, Hold, InstallState, Installed, Release, Standing};
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
    /// Whether it was marked for removal or in quarantine and is in use again.
    pub revived: bool,
    /// Whether it came from a source, which brings nothing newer until `update` names it.
    pub held: bool,
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
    /// What it is made of, where it came from a source.
    basis: Option<Release>,
}

impl Decision {
    fn revives(&self) -> bool {
        self.meta.state != State::Active
    }
}

/// What [`apply`] would do. Changes nothing.
pub fn plan(store: &Store, name: &SkillName, to: Option<u32>) -> Result<RolledBack, Error> {
    let decision = decide(store, &Index::load(store.layout()), name, to)?;
    let (revived, held) = (decision.revives(), decision.basis.is_some() && decision.content.is_some());
    let Decision { meta, content, .. } = decision;
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
        was: meta.state,
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
        let (revived, held) = (decision.revives(), decision.basis.is_some() && decision.content.is_some());
        let Decision { meta, content, basis } = decision;
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
            was: meta.state,
            dry_run: false,
        };
        // First: a kill in between leaves it held, which is what was asked for, and the same command goes on.
        InstallState::amend(store.layout(), |state| note(state, name, basis.as_ref(), content.is_some()))?;
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
    let revives = meta.state != State::Active;
    let bars = Bars::of(store, name)?;
    let number = match to {
        Some(number) => number,
        None if meta.state == State::Quarantined => match bars.newest_usable(name, &meta) {
            Some(number) => number,
            None => {
                return Err(nothing(
                    format!("what every version of `{name}` is made of was revoked"),
                    format!("`skillsync rm {name}` removes it"),
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
    if let Some(why) = bars.why_not(name, &meta, number) {
        return Err(Refusal {
            kind: Kind::Untrusted,
            code: "version-revoked",
            message: format!("version {number} of `{name}` must not be used: {why}"),
            hint: Some(format!("`skillsync history {name}` shows its versions; name another with `--to`")),
        }
        .into());
    }
    let basis = bars.basis(&meta, number).cloned();
    if target.tree != head.tree {
        skills::require_pristine(store, index, name, &meta)?;
        return Ok(Decision { meta, content: Some(target), basis });
    }
    if revives {
        return Ok(Decision { meta, content: None, basis });
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

/// What is known of the releases that a skill's versions are made of.
struct Bars {
    installed: Option<Installed>,
    anchored: Option<Anchored>,
    /// Where no record says which release a version is made of: what was revoked of this name, by its content, and why.
    revoked: Vec<(ContentHash, String)>,
}

impl Bars {
    fn of(store: &Store, name: &SkillName) -> Result<Self, Error> {
        let installed = InstallState::load(store.layout())?.get(name).cloned();
        let source = installed.as_ref().map(|installed| &installed.source);
        // Where nothing can be read, what was revoked before is still known.
        let anchored = source.and_then(|source| Anchored::load(store.layout(), source).ok());
        let configured = store.config().sources().iter().map(|source| &source.name);
        let revoked = configured.filter(|_| installed.is_none()).filter_map(|source| {
            let anchored = Anchored::load(store.layout(), source).ok()?;
            Some(anchored.revoked_contents(store.layout(), source, name))
        });
        let revoked = revoked.flatten().collect();
        Ok(Self { installed, anchored, revoked })
    }

    fn basis(&self, meta: &Meta, number: u32) -> Option<&Release> {
        self.installed.as_ref()?.basis(meta.versions(), number)
    }

    /// Why a version must not be used.
    fn why_not(&self, name: &SkillName, meta: &Meta, number: u32) -> Option<String> {
        let (Some(installed), Some(basis)) = (self.installed.as_ref(), self.basis(meta, number)) else {
            let is_suspect = meta.state == State::Quarantined && is_of_newest(meta, number);
            let content = installed::came_last(meta.versions(), number).map(installed::release_content);
            let known = self.revoked.iter().find(|(revoked, _)| Some(*revoked) == content);
            return known.map(|(_, why)| why.clone()).or_else(|| {
                is_suspect.then(|| "it was taken out of use, and nothing is known of its release".to_owned())
            });
        };
        let barred = self.anchored.as_ref().and_then(|anchored| anchored.barred(name, basis));
        let is_quarantined =
            installed.state == Standing::Quarantined && installed.current.release == basis.release;
        barred.or_else(|| is_quarantined.then(|| "it was revoked".to_owned()))
    }

    fn newest_usable(&self, name: &SkillName, meta: &Meta) -> Option<u32> {
        let newest_first = meta.versions().iter().rev();
        let others = newest_first.filter(|version| version.tree != meta.head().tree);
        others.map(|version| version.number).find(|number| self.why_not(name, meta, *number).is_none())
    }
}

/// Whether a version has the files of one that was made since something came from a source last: that is what was
/// quarantined, where no record says what.
fn is_of_newest(meta: &Meta, number: u32) -> bool {
    let (versions, head) = (meta.versions(), meta.head());
    let made_of = |version: &Version| installed::came_last(versions, version.number).map(|came| came.number);
    let newest = made_of(head);
    let is_suspect = |version: &&Version| match newest {
        Some(_) => made_of(version) == newest,
        None => version.number == head.number,
    };
    let target = versions.iter().find(|version| version.number == number);
    target.is_some_and(|target| versions.iter().filter(is_suspect).any(|version| version.tree == target.tree))
}

/// Notes what a skill from a source is made of now, and that no poll is to undo that.
fn note(state: &mut InstallState, name: &SkillName, basis: Option<&Release>, goes_back: bool) {
    let (Some(installed), Some(basis)) = (state.get_mut(name), basis) else { return };
    installed.current = basis.clone();
    (installed.state, installed.reason, installed.conflict) = (Standing::Installed, None, None);
    if goes_back {
        installed.held = Some(Hold::Rollback);
    }
}

fn nothing(message: String, hint: String) -> Error {
    Refusal { kind: Kind::Invalid, code: "nothing-to-do", message, hint: Some(hint) }.into()
}
