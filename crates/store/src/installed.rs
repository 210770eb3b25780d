//! `_meta.json` (`docs/formats/installed.md`): which skills came from which source, in which release, and since when
//! (checklist H8, H9, L4). What a skill's versions are made of follows from it and from their record, so that a kill
//! between the two is no doubt; what may be installed is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use semver::Version as Semver;
use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::words;

use crate::fs;
use crate::layout::Layout;

mod made_of;

pub use made_of::{came_last, made_of, release_content};

/// The format of the record that this program writes.
const FORMAT: u32 = 1;
/// Room for the most skills of a manifest with some releases each: what is more is forgotten.
const BYTES: u64 = 64 * 1024 * 1024;
/// Most releases that are remembered of one skill, where there is room: a rollback goes back to one of them.
const RELEASES: usize = 100;

/// `_meta.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// It does not read.
    #[error("`{}` is damaged: {problem}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It would be too large to be read again.
    #[error("`{}` would have more than {} MiB", .path.display(), BYTES / 1024 / 1024)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error("`{}` has format {found}; this skillsync knows format {FORMAT} only", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Damaged { .. } | Error::Newer { .. } => Kind::Invalid,
            Error::TooLarge { .. } => Kind::Limit,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Damaged { .. } => "installed-damaged",
            Error::TooLarge { .. } => "installed-too-large",
            Error::Newer { .. } => "store-newer",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Damaged { .. } => Some(
                "move it away; then `skillsync install NAME` takes up again what was installed, skill by skill"
                    .to_owned(),
            ),
            Error::TooLarge { .. } => Some("fewer skills from sources take less room; nothing was written".to_owned()),
            Error::Newer { .. } => Some("install the newest skillsync".to_owned()),
        }
    }
}

words!(
    /// Whether an installed skill is in use.
    Standing, "state of an installed skill", "pending, installed, removed, quarantined", {
        /// It was to be installed. Whether it was, its canonical folder says.
        Pending = "pending",
        /// It is here.
        Installed = "installed",
        /// The user removed it: no poll brings it back.
        Removed = "removed",
        /// Its release was revoked.
        Quarantined = "quarantined",
    }
);

words!(
    /// Why polls leave a skill as it is, until `update NAME` says otherwise.
    Hold, "reason to hold a skill", "rollback, version", {
        /// The user went back to an earlier version.
        Rollback = "rollback",
        /// The user asked for this very version.
        Version = "version",
    }
);

/// One release of a skill, as it was verified when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its version, for people.
    pub version: Semver,
    /// Its number: grows with every release of the skill.
    pub seq: u64,
    /// The digest of its signed statement, which lies in the folder of its source.
    pub release: EnvelopeDigest,
    /// The content hash of its files.
    pub content_hash: ContentHash,
    /// Its files in the object store: the base of the next merge.
    pub tree: TreeId,
    /// The digest of its archive.
    pub tarball: ArchiveDigest,
}

/// What is known of one skill from a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Where it comes from.
    pub source: SourceName,
    /// The release that is here.
    #[serde(flatten)]
    pub current: Release,
    /// When that came here, RFC 3339 with `Z`.
    pub installed_at: String,
    /// Whether it is in use.
    pub state: Standing,
    /// Why it was quarantined, in the words of its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why polls leave it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
    /// The release whose changes disagree with what was edited here. It was handed out once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<EnvelopeDigest>,
    /// Its index lost it together with more than is believed, and did not list it since: it stays until its removal is
    /// allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guarded: bool,
    /// Every release of it that came here, oldest first.
    #[serde(default)]
    pub releases: Vec<Release>,
}

impl Installed {
    /// A skill whose release `current` came from `source` at the time `at`, and is about to be installed.
    pub fn new(source: SourceName, current: Release, at: String) -> Self {
        let releases = vec![current.clone()];
        let (state, reason, held, conflict) = (Standing::Pending, None, None, None);
        Self { source, current, installed_at: at, state, reason, held, conflict, guarded: false, releases }
    }

    /// Remembers that `release` came here, before anything is made of it.
    pub fn learn(&mut self, release: &Release) {
        self.releases.retain(|known| known.release != release.release);
        self.releases.push(release.clone());
        self.forget(RELEASES);
    }

    /// Keeps `most` releases, the newest ones and the one in use, however old that is.
    fn forget(&mut self, most: usize) {
        let mut too_many = self.releases.len().saturating_sub(most);
        let current = self.current.release;
        self.releases.retain(|known| {
            let is_kept = too_many == 0 || known.release == current;
            too_many -= usize::from(!is_kept);
            is_kept
        });
    }

    /// Notes that what is here is made of `release`, which may have come before anything else that is known.
    pub fn is_of(&mut self, release: &Release) {
        self.current = release.clone();
        if !self.releases.iter().any(|known| known.release == release.release) {
            self.learn(release);
        }
    }

    /// Notes that `release` is what is here since `at`.
    pub fn took(&mut self, release: &Release, at: String) {
        self.learn(release);
        if self.current.release != release.release || self.state != Standing::Installed {
            self.installed_at = at;
        }
        self.current = release.clone();
        (self.state, self.reason, self.conflict) = (Standing::Installed, None, None);
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallState {
    skills: BTreeMap<SkillName, Installed>,
}

#[derive(Deserialize)]
struct Probe {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    skills: BTreeMap<SkillName, Installed>,
}

impl InstallState {
    /// Reads `_meta.json`; nothing was installed where it is not there.
    pub fn load(layout: &Layout) -> Result<Self, Error> {
        let path = layout.install_state();
        let Some(bytes) = fs::optional(fs::read(&path, BYTES))? else { return Ok(Self::default()) };
        let damaged = |e: serde_json::Error| Error::Damaged { path: path.clone(), problem: e.to_string() };
        let Probe { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format > FORMAT {
            return Err(Error::Newer { path, found: format });
        }
        let record: Record = serde_json::from_slice(&bytes).map_err(damaged)?;
        Ok(Self { skills: record.skills })
    }

    /// The skills that `_meta.json` says are in quarantine. It is only looked at closely where it has that word: a sync asks.
    pub fn quarantined(layout: &Layout) -> Result<BTreeSet<SkillName>, Error> {
        let bytes = fs::optional(fs::read(&layout.install_state(), BYTES))?.unwrap_or_default();
        if std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains(Standing::Quarantined.as_str())) {
            return Ok(BTreeSet::new());
        }
        let state = Self::load(layout)?;
        let is_it = |(_, installed): &(&SkillName, &Installed)| installed.state == Standing::Quarantined;
        Ok(state.iter().filter(is_it).map(|(name, _)| name.clone()).collect())
    }

    /// Writes it as one step. The caller holds the store's mutex.
    pub fn save(&self, layout: &Layout) -> Result<(), Error> {
        let path = layout.install_state();
        let text = self.text(&path, BYTES)?;
        Ok(fs::replace(&path, text.as_bytes(), fs::Mode::Private)?)
    }

    /// Its text, within `most_bytes`: where it would have more, the oldest releases that are not in use are left out.
    fn text(&self, path: &Path, most_bytes: u64) -> Result<String, Error> {
        let mut record = Record { format: FORMAT, skills: self.skills.clone() };
        let mut most = RELEASES;
        loop {
            let text = serde_json::to_string_pretty(&record);
            let mut text = text.map_err(|e| fs::Error::new("write", path, e.into()))?;
            text.push('\n');
            if text.len() as u64 <= most_bytes {
                return Ok(text);
            }
            most /= 2;
            if most == 0 {
                return Err(Error::TooLarge { path: path.to_owned() });
            }
            record.skills.values_mut().for_each(|installed| installed.forget(most));
        }
    }

    /// Writes it where it is not what is written. The caller holds the store's mutex.
    pub fn save_if_changed(&self, layout: &Layout) -> Result<(), Error> {
        if Self::load(layout)? == *self { Ok(()) } else { self.save(layout) }
    }

    /// Reads it, lets `change` change it, and writes it where it changed. The caller holds the store's mutex.
    pub fn amend<T>(layout: &Layout, change: impl FnOnce(&mut Self) -> T) -> Result<T, Error> {
        let before = Self::load(layout)?;
        let mut after = before.clone();
        let value = change(&mut after);
        if after != before {
            after.save(layout)?;
        }
        Ok(value)
    }

    /// What is known of `name`.
    pub fn get(&self, name: &SkillName) -> Option<&Installed> {
        self.skills.get(name)
    }

    /// What is known of `name`, to be changed.
    pub fn get_mut(&mut self, name: &SkillName) -> Option<&mut Installed> {
        self.skills.get_mut(name)
    }

    /// Whether it says that `name` is in quarantine.
    pub fn is_quarantined(&self, name: &SkillName) -> bool {
        self.get(name).is_some_and(|installed| installed.state == Standing::Quarantined)
    }

    /// Notes `installed` of `name`.
    pub fn set(&mut self, name: SkillName, installed: Installed) {
        self.skills.insert(name, installed);
    }

    /// Forgets `name`.
    pub fn remove(&mut self, name: &SkillName) {
        self.skills.remove(name);
    }

    /// Forgets what came from `source`: its skills are skills of this machine alone from now on.
    pub fn forget(&mut self, source: &SourceName) {
        self.skills.retain(|_, installed| installed.source != *source);
    }

    /// Everything, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SkillName, &Installed)> {
        self.skills.iter()
    }

    /// The trees that it names in the object store: bases of merges with what is here.
    pub fn trees(&self) -> impl Iterator<Item = TreeId> {
        let here = self.skills.values().filter(|installed| installed.state != Standing::Removed);
        here.flat_map(|installed| {
            installed.releases.iter().chain([&installed.current]).map(|release| release.tree)
        })
    }
}

#[cfg(test)]
mod tests;
