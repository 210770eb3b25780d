//! Which versions of a skill must not come back into use: what was revoked is known by the content that was signed, whatever
//! `_meta.json` knows of it.

use skillsync_client::anchor::{Anchored, Came};
use skillsync_core::fault::Kind;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::{Source, State, Version};
use skillsync_store::config::SourceKind;
use skillsync_store::installed::{self, InstallState, Installed, Release, Standing};
use skillsync_store::meta::Meta;
use skillsync_store::store::Store;

use super::{Error, Refusal};

/// Why a version must not be used.
pub(super) enum Bar {
    /// It was revoked, or is below the lowest that may be used: in words.
    Revoked(String),
    /// It came from a hub, and nothing tells in which release.
    Unknown,
}

/// What is known of the releases that a skill's versions are made of.
pub(super) struct Bars {
    installed: Option<Installed>,
    hubs: Vec<Hub>,
}

/// What one hub says, and what came from it.
struct Hub {
    name: SourceName,
    /// None where it does not read: what was revoked before is still known.
    anchored: Option<Anchored>,
    kept: Vec<Came>,
}

impl Bars {
    /// What is known of `name`, whose record is `meta`. Of what never came from a hub nothing was revoked.
    pub(super) fn of(store: &Store, name: &SkillName, meta: &Meta) -> Result<Self, Error> {
        let installed = InstallState::load(store.layout())?.get(name).cloned();
        if meta.source != Source::Hub {
            return Ok(Self { installed, hubs: Vec::new() });
        }
        let hubs = store.config().sources().iter().filter(|source| source.kind == SourceKind::Hub);
        let hub = |source: &SourceName| Hub {
            name: source.clone(),
            anchored: Anchored::load(store.layout(), source).ok(),
            kept: Came::all(store.layout(), source, name),
        };
        let hubs = hubs.map(|source| hub(&source.name)).collect();
        Ok(Self { installed, hubs })
    }

    /// Whether there is a hub that can say something.
    pub(super) fn has_hub(&self) -> bool {
        !self.hubs.is_empty()
    }

    /// Whether a record says what the skill is made of, and that version came from its source.
    pub(super) fn is_noted(&self, meta: &Meta, number: u32) -> bool {
        self.installed.is_some() && installed::came_last(meta.versions(), number).is_some()
    }

    /// The release that a version is made of: by the record, or by what came from the source of the record.
    pub(super) fn basis(&self, meta: &Meta, number: u32) -> Option<Release> {
        let installed = self.installed.as_ref()?;
        installed.basis(meta.versions(), number).cloned().or_else(|| {
            let hub = self.hubs.iter().find(|hub| hub.name == installed.source)?;
            Came::of_version(&hub.kept, meta.versions(), number)?.noted(meta.versions())
        })
    }

    /// Why a version must not be used, if it must not.
    pub(super) fn bar(&self, name: &SkillName, meta: &Meta, number: u32) -> Option<Bar> {
        let versions = meta.versions();
        let recorded = self.installed.as_ref().and_then(|installed| installed.basis(versions, number));
        let revoked = self.hubs.iter().find_map(|hub| {
            let is_its = self.installed.as_ref().is_some_and(|installed| installed.source == hub.name);
            hub.anchored.as_ref()?.bars(name, &hub.kept, recorded.filter(|_| is_its), versions, number)
        });
        if let Some(why) = revoked {
            return Some(Bar::Revoked(why));
        }
        let is_known = recorded.is_some()
            || self.hubs.iter().any(|hub| Came::of_version(&hub.kept, versions, number).is_some());
        if self.is_suspect(meta, number) {
            let why = if is_known {
                "it was revoked"
            } else {
                "it was taken out of use, and nothing is known of its release"
            };
            return Some(Bar::Revoked(why.to_owned()));
        }
        let is_from_hub = meta.source == Source::Hub && installed::came_last(versions, number).is_some();
        (is_from_hub && !is_known).then_some(Bar::Unknown)
    }

    /// Says whether nothing tells what a version is made of, or fails where it must not be used.
    pub(super) fn require(&self, name: &SkillName, meta: &Meta, number: u32) -> Result<bool, Error> {
        match self.bar(name, meta, number) {
            None => Ok(false),
            // Where no hub is left to ask, it is the user's own.
            Some(Bar::Unknown) if !self.has_hub() => Ok(true),
            Some(bar) => Err(barred(name, number, bar).into()),
        }
    }

    /// Fails where a release that is to be taken in must not be used.
    pub(super) fn require_release(&self, name: &SkillName, release: &Release) -> Result<(), Error> {
        let its = self.installed.as_ref().and_then(|i| self.hubs.iter().find(|hub| hub.name == i.source));
        let barred = its.and_then(|hub| hub.anchored.as_ref()?.bars_release(name, release));
        let Some(why) = barred else { return Ok(()) };
        Err(Refusal {
            kind: Kind::Untrusted,
            code: "version-revoked",
            message: format!("release {} of `{name}` must not be used: {why}", release.version),
            hint: Some(format!("`skillsync abort {name}` puts the working copy into trash, for 24 hours")),
        }
        .into())
    }

    /// Whether a version is made of what is in quarantine, which is what the head is made of.
    fn is_suspect(&self, meta: &Meta, number: u32) -> bool {
        let is_noted = self.installed.as_ref().is_some_and(|i| i.state == Standing::Quarantined);
        if !is_noted && meta.state != State::Quarantined {
            return false;
        }
        match (self.basis(meta, meta.head().number), self.basis(meta, number)) {
            (Some(head), Some(basis)) => head.release == basis.release,
            _ => is_of_newest(meta, number),
        }
    }

    /// The newest version with other files than the head that may be used.
    pub(super) fn newest_usable(&self, name: &SkillName, meta: &Meta) -> Option<u32> {
        let newest_first = meta.versions().iter().rev();
        let others = newest_first.filter(|version| version.tree != meta.head().tree);
        let is_usable = |number: &u32| match self.bar(name, meta, *number) {
            None => true,
            Some(Bar::Unknown) => !self.has_hub(),
            Some(Bar::Revoked(_)) => false,
        };
        others.map(|version| version.number).find(is_usable)
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

fn barred(name: &SkillName, number: u32, bar: Bar) -> Refusal {
    match bar {
        Bar::Revoked(why) => Refusal {
            kind: Kind::Untrusted,
            code: "version-revoked",
            message: format!("version {number} of `{name}` must not be used: {why}"),
            hint: Some(format!("`skillsync history {name}` shows its versions; name another with `--to`")),
        },
        Bar::Unknown => Refusal {
            kind: Kind::Untrusted,
            code: "version-unknown",
            message: format!("nothing here tells which release version {number} of `{name}` is made of"),
            hint: Some(format!(
                "it may have been revoked; `skillsync install {name}@VERSION` brings a release that may be used"
            )),
        },
    }
}
