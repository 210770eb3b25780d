//! What a manifest means for this machine: pure, from what the hub lists, what is here, and what was asked, to one step for
//! each skill (checklist L7). Whether a release holds is `trust`'s to say, and doing it is left to `delivery`.

use std::collections::BTreeMap;

use semver::Version;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::{Source, State};
use skillsync_store::config::{Apply, Policy, SourceConfig, Wanted};
use skillsync_store::installed::{Hold, Installed, Standing};
use skillsync_wire::manifest::{Entry, Manifest};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To keep up: what `sync` and `poll` do.
    Poll,
    /// To look only: what `outdated` does.
    Look,
    /// To bring these up to date, or all that is here, whatever the source's way to apply updates is.
    Update(Vec<SkillName>),
    /// To have this skill: the newest release, or this version of it.
    Install(SkillName, Option<Version>),
}

impl Ask {
    /// Whether this skill was named.
    pub fn names(&self, slug: &SkillName) -> bool {
        match self {
            Ask::Poll | Ask::Look => false,
            Ask::Update(names) => names.contains(slug),
            Ask::Install(name, _) => name == slug,
        }
    }

    /// Whether this skill was named to be kept up again, though it was held.
    pub(crate) fn releases(&self, slug: &SkillName) -> bool {
        self.names(slug) && !matches!(self, Ask::Install(_, Some(_)))
    }

    fn installs(&self, slug: &SkillName) -> bool {
        matches!(self, Ask::Install(name, _) if name == slug)
    }
}

/// What the store has of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// Nothing.
    Absent,
    /// A skill.
    Present {
        /// Where it came from.
        source: Source,
        /// Whether it is in use.
        state: State,
    },
}

/// What is here of one name.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// What `_meta.json` says.
    pub installed: Option<&'a Installed>,
    /// What the store has.
    pub local: Local,
    /// The newest pin that was followed.
    pub pin_seq: u64,
}

/// What is to be done about one skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is to be installed.
    Add,
    /// It is to be brought from the release that is here to the one that is listed.
    Update,
    /// It is as it is listed.
    Keep,
    /// A newer release is there, and only named.
    Available,
    /// A newer release is there, and it stays as it is.
    Held(Held),
    /// It cannot come here.
    Refuse(Refusal),
    /// It is here and not listed any more; why, where the hub says. It stays.
    Unlisted(Option<String>),
    /// The user took it away: that is to be noted.
    Forget,
}

/// Why a skill stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The user said so.
    By(Hold),
    /// The source follows pins, and none chose the newer release.
    Policy,
    /// Its changes disagree with what was edited here; they were handed out once.
    Conflict,
}

/// Why a skill cannot come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is a skill of its name that did not come from a source.
    Local,
    /// A skill of its name came from another source.
    Other(SourceName),
    /// It is not here, and only what is here can be updated.
    NotInstalled,
    /// The hub does not have it for this caller.
    NotListed,
}

/// The steps for every skill that is concerned, by name.
pub fn plan(
    config: &SourceConfig,
    ask: &Ask,
    manifest: &Manifest,
    here: &BTreeMap<SkillName, Here<'_>>,
) -> BTreeMap<SkillName, Step> {
    let removed: BTreeMap<&SkillName, &str> =
        manifest.removed.iter().map(|removed| (&removed.slug, removed.reason.as_str())).collect();
    let mut steps = BTreeMap::new();
    let absent = Here { installed: None, local: Local::Absent, pin_seq: 0 };
    let listed = manifest.skills.iter().map(|entry| &entry.slug);
    let mut names: Vec<&SkillName> = listed.chain(here.keys()).collect();
    match ask {
        Ask::Update(asked) => names.extend(asked),
        Ask::Install(slug, _) => names.push(slug),
        Ask::Poll | Ask::Look => {}
    }
    names.sort();
    names.dedup();
    for name in names {
        let (here, entry) = (here.get(name).unwrap_or(&absent), manifest.skill(name));
        let about = About { config, ask, name, entry, why_removed: removed.get(name).copied() };
        if let Some(step) = about.step(here) {
            steps.insert(name.clone(), step);
        }
    }
    steps
}

struct About<'a> {
    config: &'a SourceConfig,
    ask: &'a Ask,
    name: &'a SkillName,
    entry: Option<&'a Entry>,
    why_removed: Option<&'a str>,
}

impl About<'_> {
    fn step(&self, here: &Here<'_>) -> Option<Step> {
        let is_named = self.ask.names(self.name);
        // Only one skill is asked for: of the others nothing is said.
        if matches!(self.ask, Ask::Install(..)) && !is_named {
            return None;
        }
        if let Ask::Update(names) = self.ask
            && !names.is_empty()
            && !is_named
        {
            return None;
        }
        let is_absent = here.local == Local::Absent;
        match here.installed {
            // It was never here.
            Some(installed) if is_absent && installed.state == Standing::Pending => self.unknown(here),
            Some(installed) if installed.source == self.config.name => self.known(here, installed),
            Some(other) if !is_absent || other.state != Standing::Removed => {
                let is_wanted = is_named || (self.config.skills == Wanted::All && self.entry.is_some());
                is_wanted.then(|| Step::Refuse(Refusal::Other(other.source.clone())))
            }
            _ => self.unknown(here),
        }
    }

    /// A skill that did not come from a source, or not any more.
    fn unknown(&self, here: &Here<'_>) -> Option<Step> {
        let installs = self.ask.installs(self.name);
        if !installs && self.ask.names(self.name) {
            return Some(Step::Refuse(Refusal::NotInstalled));
        }
        if !installs && self.config.skills != Wanted::All {
            return None;
        }
        if self.entry.is_none() && !self.is_chosen() {
            return installs.then_some(Step::Refuse(Refusal::NotListed));
        }
        match here.local {
            Local::Absent if self.only_names() => Some(Step::Available),
            Local::Absent => Some(Step::Add),
            // Left of an install that was killed, or its record was lost: `delivery` looks whether it is this one.
            Local::Present { source: Source::Hub, .. } if installs => Some(Step::Add),
            Local::Present { .. } => Some(Step::Refuse(Refusal::Local)),
        }
    }

    /// A skill that came from this source.
    fn known(&self, here: &Here<'_>, installed: &Installed) -> Option<Step> {
        let was_removed = matches!(installed.state, Standing::Removed | Standing::Pending);
        let is_here = match here.local {
            Local::Present { source, state } => source == Source::Hub && state != State::PendingRemove,
            Local::Absent => false,
        };
        if !is_here {
            // What stands in its place is the user's own, and what was marked for removal can come back.
            let is_in_the_way = matches!(here.local, Local::Present { source, .. } if source != Source::Hub);
            let is_marked = !is_in_the_way && here.local != Local::Absent;
            let is_there = self.entry.is_some() || self.is_chosen();
            return match (self.ask.installs(self.name), was_removed) {
                (true, _) if is_in_the_way => Some(Step::Refuse(Refusal::Local)),
                (true, _) if is_there => Some(Step::Add),
                (true, _) => Some(Step::Refuse(Refusal::NotListed)),
                // Its quarantine outlasts the mark of `rm`: that may be held up, and be taken back.
                (false, false) if is_marked && installed.state == Standing::Quarantined => None,
                (false, false) => Some(Step::Forget),
                (false, true) => self.ask.names(self.name).then_some(Step::Refuse(Refusal::NotInstalled)),
            };
        }
        if self.is_chosen() {
            return Some(Step::Update);
        }
        let Some(entry) = self.entry else {
            return Some(Step::Unlisted(self.why_removed.map(str::to_owned)));
        };
        // It came, or the mark of `rm` was taken back, and that was not noted.
        if was_removed && !self.only_names() {
            return Some(Step::Update);
        }
        Some(self.listed(here, installed, entry))
    }

    fn listed(&self, here: &Here<'_>, installed: &Installed, entry: &Entry) -> Step {
        let is_listed = installed.current.release == entry.release.sha256;
        // What its record alone says to be in quarantine is not: it came when nobody could say that it may be used.
        let is_out = installed.state == Standing::Installed
            && matches!(here.local, Local::Present { state: State::Quarantined, .. });
        if is_listed && !is_out {
            return Step::Keep;
        }
        if self.ask.names(self.name) {
            return Step::Update;
        }
        if let Some(hold) = installed.held {
            return Step::Held(Held::By(hold));
        }
        if installed.conflict == Some(entry.release.sha256) {
            return Step::Held(Held::Conflict);
        }
        let has_newer_pin = entry.pin.as_ref().is_some_and(|pin| pin.seq > here.pin_seq);
        if self.config.policy == Policy::Pin && !has_newer_pin && !is_listed {
            return Step::Held(Held::Policy);
        }
        if self.only_names() { Step::Available } else { Step::Update }
    }

    /// Whether what is new is named and nothing is done.
    fn only_names(&self) -> bool {
        match self.ask {
            Ask::Look => true,
            Ask::Poll => self.config.apply != Apply::Auto,
            Ask::Update(_) | Ask::Install(..) => false,
        }
    }

    /// Whether a version was named: then it need not be the one that is listed.
    fn is_chosen(&self) -> bool {
        matches!(self.ask, Ask::Install(name, Some(_)) if name == self.name)
    }
}

#[cfg(test)]
mod tests;
