//! Which versions of a skill must not come back into use: what was revoked is known by the content that was signed, whatever
//! `_meta.json` knows of it.

use std::collections::BTreeSet;
use std::fmt::Display;

use skillsync_client::anchor::{Barred, Barring, Came};
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::fault::Kind;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::{Source, Version};
use skillsync_store::config::SourceKind;
use skillsync_store::installed::{self, InstallState, Installed, Release};
use skillsync_store::meta::Meta;
use skillsync_store::skills::{Noted, Quarantine};
use skillsync_store::store::Store;

use super::{Error, Refusal};

/// Why a version must not be used.
#[derive(Debug, Clone)]
pub(super) enum Bar {
    /// It is made of a release that must not be used: in words.
    Release(Barred),
    /// It is made of what is in quarantine: in words.
    Suspect(&'static str),
    /// It came from a hub, and nothing tells in which release.
    Unknown,
    /// It came from this hub, and what is believed of that does not read.
    Unread(SourceName),
}

impl Bar {
    /// Whether it is known to be made of what was revoked, or is in quarantine.
    fn is_revoked(&self) -> bool {
        matches!(self, Bar::Release(Barred::Revoked(_)) | Bar::Suspect(_))
    }
}

/// What is known of the releases that a skill's versions are made of.
pub(super) struct Bars<'a> {
    name: &'a SkillName,
    meta: &'a Meta,
    has_record: bool,
    is_quarantined: bool,
    hubs: Vec<Hub>,
    versions: Vec<Known>,
}

/// What one hub says, and what came from it.
struct Hub {
    name: SourceName,
    barring: Barring,
    kept: Vec<Came>,
}

/// What is known of one version.
struct Known {
    /// The content of the release that it is made of, where it came from a source, edited since or not.
    release: Option<ContentHash>,
    /// The release that it is made of, where that is known.
    basis: Option<Release>,
    bar: Option<Bar>,
}

impl<'a> Bars<'a> {
    /// What is known of `name`, whose record is `meta`. Of what never came from a hub nothing was revoked.
    pub(super) fn of(store: &Store, name: &'a SkillName, meta: &'a Meta) -> Result<Self, Error> {
        let state = InstallState::load(store.layout())?;
        let installed = state.get(name);
        let is_hub = |kind: SourceKind| kind == SourceKind::Hub && meta.source == Source::Hub;
        let sources = store.config().sources().iter().filter(|source| is_hub(source.kind));
        let hub = |source: &SourceName| Hub {
            name: source.clone(),
            barring: Barring::of(store.layout(), source),
            kept: Came::known(store.layout(), source, name, installed),
        };
        let hubs = sources.map(|source| hub(&source.name)).collect();
        let has_record = installed.is_some();
        let is_quarantined = Noted::of(store).is_quarantined(name, Some(meta));
        let bars = Self { name, meta, has_record, is_quarantined, hubs, versions: Vec::new() };
        let versions = bars.known(installed);
        Ok(Self { versions, ..bars })
    }

    /// Everything about every version, each thing looked up once.
    fn known(&self, installed: Option<&Installed>) -> Vec<Known> {
        let versions = self.meta.versions();
        let came = installed::came_last(versions);
        let recorded = installed.map(|installed| installed.bases(versions)).unwrap_or_default();
        let judges: Vec<_> = self.hubs.iter().map(|hub| Came::judges(&hub.kept, versions)).collect();
        let its =
            installed.and_then(|installed| self.hubs.iter().position(|hub| hub.name == installed.source));
        let mut known = Vec::with_capacity(versions.len());
        for at in 0..versions.len() {
            let basis = recorded.get(at).copied().flatten().cloned().or_else(|| {
                let basis = *judges[its?][at].first()?;
                basis.noted(versions)
            });
            let judged = || self.hubs.iter().zip(&judges).map(|(hub, judges)| (hub, &judges[at]));
            let barred = |(hub, judges): (&Hub, &Vec<&Came>)| {
                judges.iter().find_map(|came| hub.barring.bars(self.name, came.seq, came.release))
            };
            let is_known = basis.is_some() || judged().any(|(_, judges)| !judges.is_empty());
            let is_from_hub = self.meta.source == Source::Hub && came[at].is_some();
            let is_its = |hub: &Hub| installed.is_some_and(|installed| installed.source == hub.name);
            let mut unread = judged().filter(|(hub, judges)| !judges.is_empty() || is_its(hub));
            let unread = unread.find(|(hub, _)| is_from_hub && !hub.barring.is_whole());
            // That it was revoked is said before that it is too old.
            let barred: Vec<Barred> = judged().filter_map(barred).collect();
            let revoked = barred.iter().find(|barred| matches!(barred, Barred::Revoked(_)));
            let bar = match (revoked.or(barred.first()), unread) {
                (Some(barred), _) => Some(Bar::Release(barred.clone())),
                (None, Some((hub, _))) => Some(Bar::Unread(hub.name.clone())),
                (None, None) => (is_from_hub && !is_known).then_some(Bar::Unknown),
            };
            let release = came[at].map(|came| {
                basis.as_ref().map_or_else(|| installed::release_content(came), |basis| basis.content_hash)
            });
            known.push(Known { release, basis, bar });
        }
        if self.is_quarantined {
            self.suspect(&mut known, &came);
        }
        known
    }

    /// Bars what is made of what is in quarantine, where nothing that is known of the hubs says what that is.
    fn suspect(&self, known: &mut [Known], came: &[Option<&Version>]) {
        let versions = self.meta.versions();
        let Some(head) = known.last() else { return };
        if head.bar.as_ref().is_some_and(Bar::is_revoked) {
            return;
        }
        let head = head.basis.as_ref().map(|basis| basis.release);
        let trees = of_newest(versions, came);
        let is_suspect = |known: &Known, version: &Version| match (head, &known.basis) {
            (Some(head), Some(basis)) => head == basis.release,
            _ => trees.contains(&version.tree),
        };
        // What cannot be looked at may be something else.
        let is_left = |bar: &Bar| bar.is_revoked() || matches!(bar, Bar::Unread(_));
        for (known, version) in known.iter_mut().zip(versions) {
            if !known.bar.as_ref().is_some_and(is_left) && is_suspect(known, version) {
                known.bar = Some(Bar::Suspect(match known.bar {
                    Some(Bar::Unknown) => "it was taken out of use, and nothing is known of its release",
                    _ => "it was revoked",
                }));
            }
        }
    }

    fn at(&self, number: u32) -> Option<&Known> {
        self.versions.get(self.meta.versions().iter().position(|version| version.number == number)?)
    }

    /// Whether there is a hub that can say something.
    fn has_hub(&self) -> bool {
        !self.hubs.is_empty()
    }

    /// Whether the skill is in quarantine, by its record or by `_meta.json`.
    pub(super) fn is_quarantined(&self) -> bool {
        self.is_quarantined
    }

    /// Whether a record says what the skill is made of, and that version came from its source.
    pub(super) fn is_noted(&self, number: u32) -> bool {
        self.has_record && self.release(number).is_some()
    }

    /// The release that a version is made of: by the record, or by what came from the source of the record.
    pub(super) fn basis(&self, number: u32) -> Option<Release> {
        self.at(number)?.basis.clone()
    }

    /// The content of the release that a version is made of, where it came from a source.
    pub(super) fn release(&self, number: u32) -> Option<ContentHash> {
        self.at(number)?.release
    }

    /// Says whether nothing tells what a version is made of, or fails where it must not be used.
    pub(super) fn require(&self, number: u32) -> Result<bool, Error> {
        match self.at(number).and_then(|known| known.bar.as_ref()) {
            None => Ok(false),
            // Where no hub is left to ask, it is the user's own.
            Some(Bar::Unknown) if !self.has_hub() => Ok(true),
            Some(bar) => Err(self.barred(number, bar).into()),
        }
    }

    /// Fails where a version, which was in use a moment ago, is known to be revoked.
    pub(super) fn require_not_revoked(&self, number: u32) -> Result<(), Error> {
        match self.at(number).and_then(|known| known.bar.as_ref()) {
            Some(bar) if bar.is_revoked() => Err(self.barred(number, bar).into()),
            _ => Ok(()),
        }
    }

    /// What taking in `release` does about a quarantine: it ends where `source`, which is what the record names, is there to
    /// say that nothing is wrong with it. Fails where it must not be used: revoked by any hub, since a digest names it whoever
    /// records it, or below the lowest of its own; and where what its own said does not read.
    pub(super) fn taking_in(
        &self,
        source: Option<&SourceName>,
        release: &Release,
    ) -> Result<Quarantine, Error> {
        let is_its = |hub: &Hub| Some(&hub.name) == source;
        let barred = |hub: &Hub| {
            let barred = hub.barring.bars(self.name, release.seq, release.release)?;
            (is_its(hub) || matches!(barred, Barred::Revoked(_))).then_some(barred)
        };
        let name = self.name;
        let Some(barred) = self.hubs.iter().find_map(barred) else {
            let may_be_its = |hub: &&Hub| source.is_none() || is_its(hub);
            return match self.hubs.iter().filter(may_be_its).find(|hub| !hub.barring.is_whole()) {
                Some(hub) => {
                    Err(unread(format!("release {} of `{name}`", release.version), &hub.name).into())
                }
                None if self.hubs.iter().any(is_its) => Ok(Quarantine::Ends),
                None => Ok(Quarantine::Stays),
            };
        };
        Err(Refusal {
            kind: Kind::Untrusted,
            code: "version-revoked",
            message: format!("release {} of `{name}` must not be used: {barred}", release.version),
            hint: Some(format!("`skillsync abort {name}` puts the working copy into trash, for 24 hours")),
        }
        .into())
    }

    /// The newest version before the head that may be used. Fails where there is none, and one that may be cannot be looked
    /// at.
    pub(super) fn newest_usable(&self) -> Result<Option<u32>, Error> {
        let versions = self.meta.versions().iter().zip(&self.versions).rev();
        let others = versions.filter(|(version, _)| version.number != self.meta.head().number);
        let mut unread = None;
        for (version, known) in others {
            match &known.bar {
                None => return Ok(Some(version.number)),
                Some(Bar::Unknown) if !self.has_hub() => return Ok(Some(version.number)),
                Some(bar @ Bar::Unread(_)) if unread.is_none() => unread = Some((version.number, bar)),
                Some(_) => {}
            }
        }
        match unread {
            Some((number, bar)) => Err(self.barred(number, bar).into()),
            None => Ok(None),
        }
    }

    fn barred(&self, number: u32, bar: &Bar) -> Refusal {
        let name = self.name;
        let revoked = |why: &dyn Display| Refusal {
            kind: Kind::Untrusted,
            code: "version-revoked",
            message: format!("version {number} of `{name}` must not be used: {why}"),
            hint: Some(format!("`skillsync history {name}` shows its versions; name another with `--to`")),
        };
        match bar {
            Bar::Release(barred) => revoked(barred),
            Bar::Suspect(why) => revoked(why),
            Bar::Unknown => Refusal {
                kind: Kind::Untrusted,
                code: "version-unknown",
                message: format!("nothing here tells which release version {number} of `{name}` is made of"),
                hint: Some(format!(
                    "it may have been revoked; `skillsync install {name}@VERSION` brings a release that may be used"
                )),
            },
            Bar::Unread(source) => unread(format!("version {number} of `{name}`"), source),
        }
    }
}

fn unread(what: String, source: &SourceName) -> Refusal {
    Refusal {
        kind: Kind::Untrusted,
        code: "version-unchecked",
        message: format!("nothing here tells whether {what} was revoked: what `{source}` said does not read"),
        hint: Some(format!(
            "`skillsync poll --source {source}` asks it again; `skillsync source trust {source}` says what does not read"
        )),
    }
}

/// The files of the versions that are made of what came from a source last: that is what was quarantined, where no record says
/// what.
fn of_newest(versions: &[Version], came: &[Option<&Version>]) -> BTreeSet<TreeId> {
    let made_of = |came: &Option<&Version>| came.map(installed::release_content);
    let newest = came.last().and_then(made_of);
    let mut trees: BTreeSet<TreeId> = match newest {
        Some(_) => {
            let since = versions.iter().zip(came).filter(|(_, came)| made_of(came) == newest);
            since.map(|(version, _)| version.tree).collect()
        }
        None => BTreeSet::new(),
    };
    trees.extend(versions.last().map(|head| head.tree));
    trees
}
