//! One source, asked and followed: believe, plan, download, deliver (decision 2). What fails here fails for this source or
//! for one skill of it; what is installed goes on working.

use std::collections::BTreeMap;
use std::time::Duration;

use semver::Version;
use serde::de::IgnoredAny;
use skillsync_core::digest::FileDigest;
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::words;
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::lease::Holder;
use skillsync_store::store::Store;
use skillsync_wire::api::install::InstallReply;
use skillsync_wire::api::path;
use skillsync_wire::api::state::{InstalledSkill, StateReport};
use skillsync_wire::json::Time;
use skillsync_wire::limits as bounds;
use skillsync_wire::trust::{Advised, Freshness, Refusal};

use crate::delivery::{self, Delivered, Delivery, Error, Row, Statement, Survey};
use crate::download::{Places, Progress, Warning, Watch, in_parallel};
use crate::fetch::Fetch;
use crate::limits;
use crate::plan::{Ask, Step};
use crate::probe::Host;
use crate::schedule::Polls;
use crate::source::Source;
use crate::trust::{self, Believed, Desk};

pub(crate) mod ended;
mod look;

/// Whether what is planned is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Apply,
    /// It is only said.
    Plan,
}

/// Whether the hub is told what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It is, after a change.
    Told,
    /// It is not.
    Silent,
}

/// What is wished, and by whom.
pub struct Wish<'a> {
    /// What.
    pub ask: Ask,
    /// Whether it is to be done.
    pub mode: Mode,
    /// Whether the hub is told.
    pub telling: Telling,
    /// This machine.
    pub host: Host,
    /// Who takes a lease where a conflict is handed out.
    pub holder: Holder,
    /// How often the source is asked.
    pub interval: Duration,
    /// Any number: it spreads machines that were started together.
    pub chance: u64,
    /// Told of progress.
    pub watch: Watch<'a>,
    /// Brings it to the agents that something was taken out of use, before anything is downloaded.
    pub withdrawn: &'a (dyn Fn() + Sync),
}

words!(
    /// How a source fared.
    Status, "status of a source", "fresh, stale, offline, keyless, refused, failed", {
        /// It was asked, and what it says holds.
        Fresh = "fresh",
        /// What is known of it holds no longer, and nothing newer is to be had.
        Stale = "stale",
        /// It cannot be reached now; what is known of it still holds.
        Offline = "offline",
        /// There is no key to ask it with; what is known of it still holds.
        Keyless = "keyless",
        /// What it says is not believed, or it refuses the key.
        Refused = "refused",
        /// Something else went wrong.
        Failed = "failed",
    }
);

/// What came of it.
#[derive(Debug)]
pub struct Pulled {
    /// The source.
    pub source: SourceName,
    /// How it fared.
    pub status: Status,
    /// Why it did not fare well.
    pub error: Option<Error>,
    /// The manifest that is believed, and until when it holds.
    pub manifest: Option<(u64, Time)>,
    /// Places that did not give what they should.
    pub warnings: Vec<Warning>,
    /// Each skill that is concerned, by name.
    pub rows: Vec<Row>,
}

/// Asks `source` and does what is wished.
pub fn pull(store: &Store, fetch: &dyn Fetch, source: &Source, wish: &Wish<'_>) -> Pulled {
    let places = Places::new(fetch, source);
    let pull = Pull { store, desk: Desk { store, fetch, source, places: &places }, wish };
    let began = Polls::load(store.layout(), source.name());
    let mut polls = began.clone();
    let (believed, Delivered { rows, error }) = pull.run(&mut polls);
    ended::note(store, source.name(), wish, (&began, &polls), (error.as_ref(), &rows));
    let status = pull.status(error.as_ref());
    let manifest = believed.map(|advised| (advised.manifest().version, advised.manifest().expires));
    if manifest.is_some() {
        pull.tell(began.told);
    }
    let (source, warnings) = (source.name().clone(), places.warnings());
    Pulled { source, status, error, manifest, warnings, rows }
}

/// How a source that was not asked stands: none where what is known of it holds.
pub fn standing(store: &Store, name: &SourceName) -> Option<Pulled> {
    let Ok(Freshness::Stale { since }) = trust::seen(store, name) else { return None };
    let error = Some(Refusal::Stale { expires: since }.into());
    let (warnings, rows) = (Vec::new(), Vec::new());
    Some(Pulled { source: name.clone(), status: Status::Stale, error, manifest: None, warnings, rows })
}

struct Pull<'a> {
    store: &'a Store,
    desk: Desk<'a>,
    wish: &'a Wish<'a>,
}

impl Pull<'_> {
    /// What was believed, if anything was, and what came of it.
    fn run(&self, polls: &mut Polls) -> (Option<Advised>, Delivered) {
        let (mut advised, mut withdrawn) = (None, Vec::new());
        let outcome = self.ticket().and_then(|ticket| {
            let mut beginnings = limits::BEGINNINGS;
            loop {
                let believed = self.desk.believe(polls)?;
                advised = Some(believed.advised().clone());
                let outcome = self.follow(&believed, ticket.as_ref(), &mut withdrawn);
                beginnings -= 1;
                // Another program was ahead: what it knows is looked at first.
                match &outcome {
                    Err(Error::Trust(trust::Error::Refused(refusal)))
                        if beginnings > 0 && (is_ahead(refusal) || self.has_newer_root(&believed)) => {}
                    _ => return outcome,
                }
            }
        });
        // What was taken out of use is, whatever came of the rest.
        (advised, outcome.unwrap_or_else(|error| Delivered { rows: withdrawn, error: Some(error) }))
    }

    /// Whether another program went to a newer root since: the keys that signed what is believed may be replaced.
    fn has_newer_root(&self, believed: &Believed) -> bool {
        let now = trust::resume(self.store.layout(), self.desk.source.name());
        now.is_ok_and(|walk| walk.state().root_version != believed.advised().state().root_version)
    }

    /// Asks for the one skill that is to be installed, which counts as an install. Nothing in the answer is believed.
    fn ticket(&self) -> Result<Option<InstallReply>, Error> {
        let Ask::Install(slug, version) = &self.wish.ask else { return Ok(None) };
        if self.wish.mode == Mode::Plan {
            return Ok(None);
        }
        self.desk.source.require_key()?;
        trust::resume(self.store.layout(), self.desk.source.name())?;
        Ok(Some(self.ask_for(slug, version.as_ref())?))
    }

    fn ask_for(&self, slug: &SkillName, version: Option<&Version>) -> Result<InstallReply, Error> {
        let version = version.map(Version::to_string);
        let mut query = vec![("slug", slug.as_str()), ("mode", "files")];
        query.extend(version.as_deref().map(|version| ("version", version)));
        Ok(self.desk.source.api(self.desk.fetch).get(path::INSTALL, &query)?)
    }

    /// Does what is believed, and gives what was `withdrawn` before anything else could fail.
    fn follow(
        &self,
        believed: &Believed,
        ticket: Option<&InstallReply>,
        withdrawn: &mut Vec<Row>,
    ) -> Result<Delivered, Error> {
        let advised = believed.advised();
        let Wish { ask, holder, .. } = self.wish;
        let mut delivery =
            Delivery { source: self.desk.source, ask, holder, believed, ready: BTreeMap::new() };
        if !self.wish.is_look()
            && let Some(Delivered { rows, error }) = delivery::withdraw(self.store, &delivery)?
        {
            (self.wish.withdrawn)();
            *withdrawn = rows;
            error.map_or(Ok(()), Err)?;
        }
        let index = Index::load(self.store.layout());
        let mut survey = Survey::of(self.store, &index, advised)?;
        let config = self.desk.source.config();
        let (steps, unread) = survey.steps(config, &self.wish.ask, advised.manifest());
        if self.wish.is_look() {
            return Ok(self.look(advised, &survey, &steps, unread));
        }
        // What could not be looked at is not fetched; a second look that succeeds must not call it news of no concern.
        delivery.ready = self.gather(advised, &steps, ticket);
        delivery.ready.extend(unread.into_iter().map(|(slug, error)| (slug, Err(error))));
        delivery::deliver(self.store, delivery)
    }

    /// Fetches what is to be installed: first its statement, and where that is believed and this machine meets its demands,
    /// its archive.
    fn gather(
        &self,
        advised: &Advised,
        steps: &BTreeMap<SkillName, Step>,
        ticket: Option<&InstallReply>,
    ) -> BTreeMap<SkillName, Result<Statement, Error>> {
        let due = steps.iter().filter(|(_, step)| matches!(step, Step::Add | Step::Update));
        let due: Vec<&SkillName> = due.map(|(slug, _)| slug).collect();
        let sizes = due.iter().filter_map(|slug| advised.manifest().skill(slug));
        let bytes = match ticket {
            Some(ticket) => ticket.size_bytes,
            None => sizes.map(|entry| entry.tarball.size_bytes).sum(),
        };
        (self.wish.watch)(Progress::Expected { files: due.len(), bytes });
        let fetched = in_parallel(&due, |slug| self.fetch(advised, slug, ticket));
        due.into_iter().cloned().zip(fetched).collect()
    }

    fn fetch(
        &self,
        advised: &Advised,
        slug: &SkillName,
        ticket: Option<&InstallReply>,
    ) -> Result<Statement, Error> {
        let (layout, what) = (self.store.layout(), format!("release of `{slug}`"));
        let chosen = ticket.filter(|_| matches!(self.wish.ask, Ask::Install(_, Some(_))));
        let (digest, size_bytes) = match (chosen, advised.manifest().skill(slug)) {
            (Some(ticket), _) => (ticket.release, None),
            (None, Some(entry)) => (entry.release.sha256, Some(entry.release.size_bytes)),
            (None, None) => return Err(Refusal::NotListed { slug: slug.clone() }.into()),
        };
        let stored = layout.source_release(self.desk.source.name(), &digest);
        let statement = match fs::read(&stored, bounds::RELEASE_BYTES as u64) {
            // Whether it is what it is named is looked at below, as of one that was fetched.
            Ok(bytes) if skillsync_core::digest::EnvelopeDigest::of(&bytes) == digest => bytes,
            _ => {
                let most_bytes = bounds::RELEASE_BYTES as u64;
                self.desk.places.document(&what, &path::release(&digest), digest, size_bytes, most_bytes)?
            }
        };
        let accepted = delivery::believed(advised, &self.wish.ask, slug, &statement)?;
        let release = accepted.release();
        let unmet = self.wish.host.unmet(&release.requires);
        if !unmet.is_empty() {
            return Err(Error::Unmet { slug: slug.clone(), unmet });
        }
        let elsewhere = || {
            let asked = match ticket {
                Some(_) => None,
                None => self.ask_for(slug, Some(&release.version)).ok(),
            };
            let url = &ticket.or(asked.as_ref())?.tarball_url;
            self.desk.source.base().resolve(url).ok()
        };
        let (digest, size_bytes) = (release.tarball.sha256, release.tarball.size_bytes);
        let what = format!("archive of `{slug}`");
        self.desk.places.archive(layout, &what, digest, size_bytes, &elsewhere, self.wish.watch)?;
        Ok(statement)
    }

    /// How the source fared. That what is known of it holds no longer is remembered.
    fn status(&self, error: Option<&Error>) -> Status {
        let freshness = trust::seen(self.store, self.desk.source.name());
        let is_stale = matches!(freshness, Ok(Freshness::Stale { .. }));
        let Some(error) = error else { return Status::Fresh };
        match (error.kind(), error.code()) {
            (_, "trust-stale") => Status::Stale,
            (Kind::Offline, _) if is_stale => Status::Stale,
            _ if error.has_no_key() && is_stale => Status::Stale,
            _ if error.has_no_key() => Status::Keyless,
            (Kind::Offline, _) => Status::Offline,
            (Kind::Untrusted | Kind::Denied, _) => Status::Refused,
            _ => Status::Failed,
        }
    }

    /// Tells the hub what is installed from it, where it may be told and did not take just that last: names, versions, hashes,
    /// times, and nothing else (checklist L4, L12).
    fn tell(&self, told: Option<FileDigest>) {
        if self.wish.is_look() || self.wish.telling == Telling::Silent {
            return;
        }
        let Some(report) = self.report() else { return };
        let digest = serde_json::to_vec(&report).ok().map(|bytes| FileDigest::of(&bytes));
        let is_nothing = told.is_none() && report.skills.is_empty();
        // The hub's page of this machine is the hub's concern: what it does not hear now it hears the next time.
        if !is_nothing
            && digest != told
            && self.desk.source.api(self.desk.fetch).post::<IgnoredAny>(path::STATE, &report).is_ok()
            && let Some(digest) = digest
        {
            ended::told(self.store, self.desk.source.name(), digest);
        }
    }

    fn report(&self) -> Option<StateReport> {
        let name = self.desk.source.name();
        let state = InstallState::load(self.store.layout()).ok()?;
        let told = state.iter().filter(|(_, i)| i.source == *name && i.state == Standing::Installed);
        let skills = told.filter_map(|(slug, installed)| {
            Some(InstalledSkill {
                slug: slug.clone(),
                version: installed.current.version.clone(),
                content_hash: installed.current.content_hash,
                release: installed.current.release,
                installed_at: installed.installed_at.parse().ok()?,
            })
        });
        Some(StateReport { skills: skills.take(bounds::MANIFEST_SKILLS).collect() })
    }
}

/// Whether a refusal says that newer documents are believed.
fn is_ahead(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Rollback { .. } | Refusal::Fork { .. } | Refusal::Epoch { .. })
}
