//! An open index followed: what it means for this machine is planned, what is needed is fetched and proven, and goes in as
//! every version does, edits kept (checklist P3-P6). A skill that cannot be had stays as it is, and is tried again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use semver::Version;
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_core::name::SkillName;
use skillsync_core::skill::Source as Origin;
use skillsync_core::tree::Tree;
use skillsync_store::config::{Apply, Policy, Wanted};
use skillsync_store::installed::{Installed, Release, Standing as Noted};
use skillsync_store::meta::Meta;
use skillsync_store::payload::Payload;
use skillsync_store::skills;
use skillsync_store::store::Store;
use skillsync_wire::wellknown::Entry;

use crate::delivery::{Delivered, Done, Error, Row};
use crate::discovery::{self, Found, Patience};
use crate::download::{Progress, Warning};
use crate::fetch::Fetch;
use crate::limits;
use crate::plan::{Ask, Refusal};
use crate::pull::{Pulled, Status, Wish, ended};
use crate::schedule::Polls;
use crate::source::Source;

mod here;
mod plan;
mod settle;

use here::Here;
pub use plan::{Choice, Counts, Held, Plan, Pruning, Standing, Why, plan};

/// How the rows of skills that nothing proves are marked.
pub const UNVERIFIED: &str = "unverified";
/// How the rows of skills are marked that are not listed any more, and of which too many are missing.
pub const GUARDED: &str = "mass-removal";

/// What is wished of an index beside what is wished of every source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// What may happen to what is not listed any more.
    pub pruning: Pruning,
    /// When nothing more is begun; what was begun is finished. None for no bound.
    pub until: Option<Instant>,
}

impl Bounds {
    /// Whether nothing more is to be begun.
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// Asks `source`, an open index, and does what is wished.
pub fn follow(store: &Store, fetch: &dyn Fetch, source: &Source, wish: &Wish<'_>, bounds: Bounds) -> Pulled {
    let follow = Follow { store, fetch, source, wish, bounds, patience: Patience::new(bounds.until) };
    let began = Polls::load(store.layout(), source.name());
    let mut warnings = Vec::new();
    let outcome = follow.run(&mut warnings);
    let Delivered { rows, error } =
        outcome.unwrap_or_else(|error| Delivered { rows: Vec::new(), error: Some(error) });
    ended::note(store, source.name(), wish, (&began, &began), (error.as_ref(), &rows));
    let status = match error.as_ref().map(Error::kind) {
        None => Status::Fresh,
        Some(Kind::Offline) => Status::Offline,
        Some(Kind::Untrusted | Kind::Denied) => Status::Refused,
        Some(_) => Status::Failed,
    };
    Pulled { source: source.name().clone(), status, error, manifest: None, warnings, rows }
}

/// Of the rows of an index: how many skills what happened to.
pub fn counts<'r>(rows: impl Iterator<Item = (Done, Option<&'r str>)>) -> Counts {
    let mut counts = Counts::default();
    for (done, why) in rows {
        match done {
            Done::Added => counts.added += 1,
            Done::Updated | Done::Merged => counts.updated += 1,
            // It was fetched again, as nothing says that it is the same.
            Done::Current if why == Some(UNVERIFIED) => counts.updated += 1,
            Done::Removed => counts.removed += 1,
            Done::Current => counts.unchanged += 1,
            _ => {}
        }
    }
    counts
}

/// What an edition is called in `_meta.json`: by what the index publishes of it, or by its content where that is nothing.
fn edition_digest(entry: &Entry) -> Option<EnvelopeDigest> {
    entry.published().map(|published| EnvelopeDigest::of(format!("index\n{published}").as_bytes()))
}

/// The version that the index says `entry` has.
fn said_version(entry: &Entry) -> Option<Version> {
    entry.extra.get("version")?.as_str()?.parse().ok()
}

/// How many bytes are to come, where the index says it of all that are due; else 0.
fn expected_bytes(found: &Found, due: &VecDeque<(SkillName, Why)>) -> u64 {
    let size = |(name, _): &(SkillName, Why)| found.index.entry(name)?.extra.get("size")?.as_u64();
    due.iter().map(size).try_fold(0_u64, |sum, size| sum.checked_add(size?)).unwrap_or(0)
}

/// What `_meta.json` says of files that came from an index by another tool, which noted what the index `published` of them.
pub fn edition_of(published: Option<&str>, tree: &Tree) -> Release {
    let content_hash = tree.content_hash();
    let release = match published {
        Some(published) => EnvelopeDigest::of(format!("index\n{published}").as_bytes()),
        None => unverified_digest(&content_hash),
    };
    let archive = published.and_then(|published| published.parse().ok());
    let tarball = archive.unwrap_or_else(|| ArchiveDigest::from_bytes(*content_hash.as_bytes()));
    Release { version: Version::new(0, 0, 1), seq: 1, release, content_hash, tree: tree.id(), tarball }
}

fn unverified_digest(content: &dyn std::fmt::Display) -> EnvelopeDigest {
    EnvelopeDigest::of(format!("unverified\n{content}").as_bytes())
}

struct Follow<'a> {
    store: &'a Store,
    fetch: &'a dyn Fetch,
    source: &'a Source,
    wish: &'a Wish<'a>,
    bounds: Bounds,
    patience: Patience,
}

/// What is to be done about one skill of the index.
enum Step {
    Fetch(Why),
    Row(Box<Row>),
}

impl Step {
    fn row(row: Row) -> Self {
        Step::Row(Box::new(row))
    }
}

impl Follow<'_> {
    /// Fails where nothing was done.
    fn run(&self, warnings: &mut Vec<Warning>) -> Result<Delivered, Error> {
        let layout = self.store.layout();
        let found = discovery::index(layout, self.fetch, self.source)?;
        for bad in &found.index.bad {
            let what = bad
                .name
                .as_ref()
                .map_or_else(|| format!("entry {}", bad.position), |name| format!("`{name}`"));
            let problem = format!("{what} of its index is passed over: {}", bad.problem);
            warnings.push(Warning { host: self.source.base().host().to_owned(), problem, times: 1 });
        }
        let mut here = self.here(self.store, &found)?;
        let plan = self.plan(&found, &here);
        let mut rows: BTreeMap<SkillName, Row> = BTreeMap::new();
        let mut due = VecDeque::new();
        let damaged = std::mem::take(&mut here.damaged);
        for (name, step) in self.steps(&found, &here, &plan) {
            match step {
                Step::Fetch(why) => due.push_back((name, why)),
                Step::Row(row) => drop(rows.insert(name, *row)),
            }
        }
        let damaged = damaged.into_iter().filter(|(name, _)| self.concerns(name));
        rows.extend(damaged.map(|(name, error)| (name.clone(), Row::failed(&name, error.into()))));
        let (prunes, unlisted): (Vec<_>, Vec<_>) =
            plan.remove.iter().filter(|name| self.concerns(name)).partition(|name| self.prunes(name));
        for name in unlisted {
            let why = Some(self.source.config().apply.as_str().to_owned());
            let from = self.version_here(&here, name);
            rows.insert(name.clone(), Row { why, from, ..Row::new(name, Done::Unlisted) });
        }
        if self.wish.is_look() {
            rows.extend(due.into_iter().map(|(name, why)| (name.clone(), self.planned(&found, &name, why))));
            rows.extend(prunes.into_iter().map(|name| (name.clone(), Row::new(name, Done::Removed))));
            return Ok(Delivered { rows: rows.into_values().collect(), error: None });
        }
        // Before anything new comes: it would count as held.
        self.note_known(&found, &here, &plan)?;
        found.keep(layout, self.source).map_err(discovery::Error::from)?;
        (self.wish.watch)(Progress::Expected { files: due.len(), bytes: expected_bytes(&found, &due) });
        let mut error = None;
        while error.is_none() && !due.is_empty() && !self.bounds.is_over() {
            let ready = self.gather(&found, &mut due);
            let settled = self.settle(&found, ready);
            rows.extend(settled.rows);
            error = settled.error;
        }
        // What was not come to for an error is not news of this run.
        for (name, _) in due.into_iter().filter(|_| error.is_none()) {
            let why = Some("time".to_owned());
            rows.insert(name.clone(), Row { why, ..Row::new(&name, Done::Available) });
        }
        if error.is_none() && !prunes.is_empty() {
            let pruned = self.prune(&found);
            rows.extend(pruned.rows);
            error = pruned.error;
        }
        Ok(Delivered { rows: rows.into_values().collect(), error })
    }

    /// Whether something may be said and done about `name`, which is here.
    fn concerns(&self, name: &SkillName) -> bool {
        match &self.wish.ask {
            Ask::Poll | Ask::Look => true,
            Ask::Update(names) => names.is_empty() || names.contains(name),
            Ask::Install(asked, _) => asked == name,
        }
    }

    /// Whether `name` is removed where the index does not list it any more.
    fn prunes(&self, name: &SkillName) -> bool {
        match &self.wish.ask {
            // Who allows it whatever it is has been told.
            Ask::Poll | Ask::Look => {
                self.source.config().apply == Apply::Auto || self.bounds.pruning == Pruning::Allowed
            }
            Ask::Update(_) => self.concerns(name),
            Ask::Install(..) => false,
        }
    }

    fn plan(&self, found: &Found, here: &Here) -> Plan {
        let choice = if self.source.config().skills == Wanted::All { Choice::All } else { Choice::Held };
        plan(&found.index, &here.held, &here.others, choice, self.bounds.pruning)
    }

    /// One step for each skill that is concerned, pruning excepted.
    fn steps(&self, found: &Found, here: &Here, plan: &Plan) -> BTreeMap<SkillName, Step> {
        let mut steps = BTreeMap::new();
        let row = |name: &SkillName, done, why: Option<&str>| {
            let from = self.version_here(here, name);
            Step::row(Row { why: why.map(str::to_owned), from, ..Row::new(name, done) })
        };
        for name in &plan.unchanged {
            steps.insert(name.clone(), row(name, Done::Current, None));
        }
        for (name, why) in &plan.fetch {
            let step = self.allowed(found, here, name, *why).unwrap_or(Step::Fetch(*why));
            steps.insert(name.clone(), step);
        }
        for (names, why) in
            [(&plan.left, "edited"), (&plan.guarded, GUARDED), (&plan.unreadable, "unreadable")]
        {
            steps.extend(names.iter().map(|name| (name.clone(), row(name, Done::Unlisted, Some(why)))));
        }
        let is_named = |name: &SkillName| self.wish.ask.names(name);
        for name in &plan.taken {
            let other = here.state.get(name).map(|installed| installed.source.clone());
            let why = other.map_or(Refusal::Local, Refusal::Other);
            // A name that is taken is told when somebody asks for it, and when everything is wanted.
            if is_named(name) || self.source.config().skills == Wanted::All {
                steps.insert(
                    name.clone(),
                    Step::row(Row::failed(name, Error::Planned { slug: name.clone(), why })),
                );
            }
        }
        match &self.wish.ask {
            Ask::Install(name, _) => {
                steps.retain(|known, _| known == name);
                if found.index.entry(name).is_none() {
                    let why = Refusal::NotListed;
                    let row = Row::failed(name, Error::Planned { slug: name.clone(), why });
                    steps.insert(name.clone(), Step::row(row));
                } else if let Some(error) = self.other_version(found, here) {
                    steps.insert(name.clone(), Step::row(Row::failed(name, error.into())));
                } else if plan.taken.contains(name) && self.is_unrecorded(here, name) {
                    // `delivery` looks whether it is this one.
                    steps.insert(name.clone(), Step::Fetch(Why::New));
                } else if !plan.taken.contains(name) && !plan.unchanged.contains(name) {
                    steps.insert(name.clone(), Step::Fetch(Why::New));
                }
            }
            Ask::Update(names) if !names.is_empty() => steps.retain(|known, _| names.contains(known)),
            _ => {}
        }
        steps
    }

    /// Whether `name` came from an index, and nothing is noted of it any more: the record of what is installed was lost.
    fn is_unrecorded(&self, here: &Here, name: &SkillName) -> bool {
        let is_of_index = |meta: Meta| meta.source == Origin::Index;
        here.state.get(name).is_none()
            && skills::find(self.store, name).ok().flatten().is_some_and(is_of_index)
    }

    /// Why the version that was asked for is not to be had: an index has one edition of each skill.
    fn other_version(&self, found: &Found, here: &Here) -> Option<discovery::Error> {
        let Ask::Install(name, Some(asked)) = &self.wish.ask else { return None };
        let entry = found.index.entry(name)?;
        let known = here.state.get(name).filter(|installed| installed.source == *self.source.name());
        let listed = said_version(entry).or_else(|| {
            let digest = edition_digest(entry)?;
            Some(known?.releases.iter().find(|release| release.release == digest)?.version.clone())
        });
        let is_it = listed.as_ref() == Some(asked);
        (!is_it).then(|| discovery::Error::Version { name: name.clone(), asked: asked.clone() })
    }

    /// What stands instead of fetching `name`, where something does.
    fn allowed(&self, found: &Found, here: &Here, name: &SkillName, why: Why) -> Option<Step> {
        let config = self.source.config();
        let to_update = matches!(self.wish.ask, Ask::Update(_)) || self.wish.ask.names(name);
        let known = here.state.get(name).filter(|installed| installed.source == config.name);
        let conflict = known.and_then(|installed| installed.conflict);
        let from = self.version_here(here, name);
        let word = |done, word: &str| {
            Some(Step::row(Row { why: Some(word.to_owned()), from: from.clone(), ..Row::new(name, done) }))
        };
        if conflict.is_some() && conflict == found.index.entry(name).and_then(edition_digest) && !to_update {
            return word(Done::Held, "conflict");
        }
        match (config.policy, config.apply, why) {
            _ if to_update => None,
            (Policy::Pin, _, Why::Changed | Why::Unverified) => word(Done::Held, "pin"),
            (_, Apply::Notify | Apply::Manual, _) => word(Done::Available, config.apply.as_str()),
            _ => None,
        }
    }

    fn version_here(&self, here: &Here, name: &SkillName) -> Option<Version> {
        let known = here.state.get(name).filter(|installed| installed.source == *self.source.name());
        known
            .filter(|installed| installed.state == Noted::Installed)
            .map(|installed| installed.current.version.clone())
    }

    fn planned(&self, found: &Found, name: &SkillName, why: Why) -> Row {
        let done = match why {
            _ if self.wish.ask == Ask::Look => Done::Available,
            Why::New => Done::Added,
            Why::Changed | Why::Unverified => Done::Updated,
        };
        let is_proven = found.index.entry(name).is_some_and(|entry| entry.published().is_some());
        Row { why: (!is_proven).then(|| UNVERIFIED.to_owned()), ..Row::new(name, done) }
    }

    /// Fetches from the front of `due` what is held in memory at one time; what is too much then stays in it.
    fn gather(
        &self,
        found: &Found,
        due: &mut VecDeque<(SkillName, Why)>,
    ) -> Vec<(SkillName, Why, Result<Payload, Error>)> {
        let batch: Vec<(SkillName, Why)> = due.drain(..due.len().min(limits::BATCH_FETCHES)).collect();
        let workers = (limits::PARALLEL / batch.len().min(limits::PARALLEL)).max(1);
        let held_bytes = AtomicU64::new(0);
        let fetched = discovery::spread(&batch, limits::PARALLEL, |(name, _)| {
            if held_bytes.load(Ordering::Relaxed) >= limits::BATCH_BYTES || self.bounds.is_over() {
                return None;
            }
            let entry = found.index.entry(name)?;
            let (url, watch) = (&found.url, self.wish.watch);
            let payload =
                discovery::payload(self.fetch, self.source, url, entry, workers, &self.patience, watch);
            let size_bytes = payload.as_ref().map_or(0, |payload| payload.tree().size_bytes());
            held_bytes.fetch_add(size_bytes, Ordering::Relaxed);
            Some(payload.map_err(Error::from))
        });
        let mut ready = Vec::new();
        let mut left = Vec::new();
        // `spread` gives a result for each item; what was passed over is none.
        for ((name, why), payload) in batch.into_iter().zip(fetched) {
            match payload {
                Some(payload) => ready.push((name, why, payload)),
                None => left.push((name, why)),
            }
        }
        for one in left.into_iter().rev() {
            due.push_front(one);
        }
        ready
    }
}

/// The number that the next edition of a skill gets: editions of an index have no order of their own.
fn next_seq(installed: Option<&Installed>) -> u64 {
    let known = installed.map(|installed| installed.releases.iter().chain([&installed.current]));
    known.and_then(|releases| releases.map(|release| release.seq).max()).unwrap_or(0) + 1
}
