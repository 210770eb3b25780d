//! From what is believed and downloaded to what is installed: everything looked at again under the store's mutex, one swap
//! for each skill, then `_meta.json`, and the state of trust last. A kill anywhere leaves what the next run goes on from.

use std::collections::{BTreeMap, BTreeSet};

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::SkillName;
use skillsync_store::fs;
use skillsync_store::index::Index;
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::lease::{self, Holder};
use skillsync_store::skills;
use skillsync_store::store::{Store, Writing};
use skillsync_wire::json::Time;
use skillsync_wire::limits as bounds;
use skillsync_wire::trust::{Accepted, Advised, Refusal};

use crate::anchor::Revoked as Known;
use crate::limits;
use crate::plan::{Ask, Held, Step};
use crate::source::{self, Source};
use crate::trust::Believed;

mod change;
mod install;
mod revoked;
mod row;
mod survey;
mod unpack;

pub(crate) use change::{Prepared, prepare, stage};
use revoked::Revoked;
pub(crate) use revoked::{Judge, Record, quarantined};
pub use row::{Done, Error, Row};
pub use survey::Survey;

/// The word for why a skill stays as it is whose conflict was handed out, with a release that was revoked since.
pub const REVOKED_CONFLICT: &str = "revoked-conflict";

/// A release whose archive is in the cache: its signed statement.
pub type Statement = Vec<u8>;

/// What is to be delivered, and by whom.
pub struct Delivery<'a> {
    /// The source.
    pub source: &'a Source,
    /// What was asked for.
    pub ask: &'a Ask,
    /// Who takes a lease where a conflict is handed out.
    pub holder: &'a Holder,
    /// What is believed.
    pub believed: &'a Believed,
    /// What was downloaded, and what could not be.
    pub ready: BTreeMap<SkillName, Result<Statement, Error>>,
}

/// What was done.
pub struct Delivered {
    /// A row for each skill that is concerned.
    pub rows: Vec<Row>,
    /// What ended the work before its end, if something did: what is in the rows was done all the same.
    pub error: Option<Error>,
}

/// Does what is to be done. Fails where nothing was done.
pub fn deliver(store: &Store, delivery: Delivery<'_>) -> Result<Delivered, Error> {
    let writing = store.write()?;
    let mut index = Index::load(writing.store().layout());
    let done = Work::new(&writing, &mut index, &delivery).map(|mut work| {
        let error = work.run(delivery.ready).err();
        if error.is_some() {
            work.keep_what_was_done();
        }
        Delivered { rows: work.rows.into_values().collect(), error }
    });
    // A cache that cannot be written is no reason to report what was done as undone; the disk will say so again.
    let _ = index.save(writing.store().layout());
    done
}

/// Takes what was revoked out of use and stores what says so, before anything is downloaded: that may take long, and be
/// ended anywhere. None where nothing was to be done. [`deliver`] does the same again, and finds it done.
pub fn withdraw(store: &Store, delivery: &Delivery<'_>) -> Result<Option<Delivered>, Error> {
    let Delivery { source, believed, .. } = *delivery;
    let state = InstallState::load(store.layout())?;
    // What cannot be looked at is reported by `deliver`, and nothing else comes of it.
    let changes = |(slug, found): &(SkillName, Result<Revoked, Error>)| {
        found.as_ref().is_ok_and(|revoked| !revoked.is_settled(&state, slug))
    };
    let known = Known::of(believed.advised().advisories());
    let judge = Judge::new(store, source.name(), believed.advised(), &known);
    if !judge.revoked(&state).iter().any(changes) {
        return Ok(None);
    }
    let writing = store.write()?;
    let mut index = Index::load(writing.store().layout());
    let mut work = Work::new(&writing, &mut index, delivery)?;
    let layout = writing.store().layout();
    let error = match work.quarantine() {
        Ok(()) => believed.store(layout, work.advised.state()).err().map(Error::from),
        Err(error) => Some(error),
    };
    Ok(Some(Delivered { rows: work.rows.into_values().collect(), error }))
}

struct Work<'a, 'w> {
    writing: &'a Writing<'w>,
    index: &'a mut Index,
    source: &'a Source,
    ask: &'a Ask,
    holder: &'a Holder,
    believed: &'a Believed,
    advised: Advised,
    revoked: Known,
    state: InstallState,
    rows: BTreeMap<SkillName, Row>,
}

impl<'a, 'w> Work<'a, 'w> {
    fn new(writing: &'a Writing<'w>, index: &'a mut Index, delivery: &Delivery<'a>) -> Result<Self, Error> {
        let store = writing.store();
        let Delivery { source, ask, holder, believed, .. } = *delivery;
        // Its rules may have changed, and it may be gone.
        source::named(store.config(), source.name())?;
        let advised = believed.again(store.layout(), Time::of(store.now()))?;
        let revoked = Known::of(advised.advisories());
        let (state, rows) = (InstallState::load(store.layout())?, BTreeMap::new());
        Ok(Self { writing, index, source, ask, holder, believed, advised, revoked, state, rows })
    }

    fn judge(&self) -> Judge<'_> {
        Judge::new(self.writing.store(), self.source.name(), &self.advised, &self.revoked)
    }

    fn run(&mut self, mut ready: BTreeMap<SkillName, Result<Statement, Error>>) -> Result<(), Error> {
        let store = self.writing.store();
        // Before anything else can fail: what was revoked is to leave the agents.
        self.quarantine()?;
        let mut survey = Survey::of(store, self.index, &self.advised)?;
        let config = source::named(store.config(), self.source.name())?.clone();
        let (steps, unread) = survey.steps(&config, self.ask, self.advised.manifest());
        self.note_moved(&survey);
        let mut due = Vec::new();
        for (slug, error) in unread {
            self.fail(&slug, error);
        }
        for (slug, step) in steps {
            if step == Step::Update {
                self.remember(&slug);
            }
            match step {
                Step::Add | Step::Update => match ready.remove(&slug) {
                    Some(Ok(statement)) => due.push((slug, statement)),
                    Some(Err(error)) => self.fail(&slug, error),
                    // It was not to be done a moment ago; the next run does it.
                    None => self.put(self.listed(&slug, Done::Available)),
                },
                Step::Keep => self.keep(&slug),
                Step::Available => self.put(self.listed(&slug, Done::Available)),
                Step::Held(held) => {
                    let copy = || store.layout().working_copy(&slug);
                    let (why, working_copy) = match self.handed_out(&slug) {
                        // It cannot be committed.
                        Some(release) if self.revoked.is_revoked(release) => (REVOKED_CONFLICT, None),
                        handed => (held_word(held), handed.map(|_| copy())),
                    };
                    let why = Some(why.to_owned());
                    self.put(Row { why, working_copy, ..self.listed(&slug, Done::Held) });
                }
                Step::Refuse(why) => self.fail(&slug, Error::Planned { slug: slug.clone(), why }),
                Step::Unlisted(why) => {
                    self.arrived(&slug);
                    self.put(Row { why, ..self.listed(&slug, Done::Unlisted) });
                }
                Step::Forget => self.forget(&slug),
            }
        }
        self.state.save_if_changed(store.layout())?;
        let mut batch = Vec::new();
        let mut bytes = 0;
        for (slug, statement) in due {
            match self.accept(&slug, &statement) {
                Ok(accepted) => {
                    bytes += accepted.release().tarball.unpacked_bytes;
                    batch.push((slug, statement, accepted));
                }
                Err(error) => self.fail(&slug, error),
            }
            if bytes >= limits::BATCH_BYTES || batch.len() >= limits::BATCH_SKILLS {
                self.install(std::mem::take(&mut batch))?;
                bytes = 0;
            }
        }
        self.install(batch)?;
        self.believed.store(store.layout(), self.advised.state())?;
        self.clear_cache();
        Ok(())
    }

    /// What was done before an error is noted, as far as the disk allows it: nothing older is to follow what was installed.
    fn keep_what_was_done(&mut self) {
        let layout = self.writing.store().layout();
        let has_installed = self.rows.values().any(|row| row.number.is_some());
        // What cannot be noted now the next run finds.
        if self.state.save_if_changed(layout).is_ok() && has_installed {
            let _ = self.believed.store(layout, self.advised.state());
        }
    }

    /// Removes archives of which the files are in the store. One that stays is removed the next time, or after a day.
    fn clear_cache(&self) {
        let layout = self.writing.store().layout();
        let cached: BTreeSet<_> =
            fs::entries(&layout.cache()).ok().flatten().unwrap_or_default().into_iter().collect();
        if cached.is_empty() {
            return;
        }
        for (_, installed) in self.state.iter() {
            let path = layout.cached(&installed.current.tarball);
            if path.file_name().is_some_and(|name| cached.contains(name)) {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// Notes what became of a skill. That it is in quarantine, or that something about it failed, is more than that nothing
    /// came of a cure, or that it waits to be decided.
    fn put(&mut self, row: Row) {
        match self.rows.get_mut(&row.slug) {
            Some(known)
                if !row.done.is_cure() && (known.done == Done::Quarantined || known.error.is_some()) =>
            {
                known.error = known.error.take().or(row.error);
                if row.working_copy.is_some() {
                    (known.to, known.working_copy) = (row.to, row.working_copy);
                }
            }
            _ => drop(self.rows.insert(row.slug.clone(), row)),
        }
    }

    /// The release whose conflict was handed out in a working copy, and waits to be decided.
    fn handed_out(&self, slug: &SkillName) -> Option<EnvelopeDigest> {
        let handed = lease::get(self.writing.store().layout(), slug).ok()??.updated?;
        self.state.get(slug)?.conflict.filter(|conflict| *conflict == handed.release)
    }

    /// A row with the version that is here and the one that is listed.
    fn listed(&self, slug: &SkillName, done: Done) -> Row {
        let to = self.advised.manifest().skill(slug).map(|entry| entry.version.clone());
        let here = self.state.get(slug).filter(|installed| installed.state != Standing::Removed);
        Row { from: here.map(|installed| installed.current.version.clone()), to, ..Row::new(slug, done) }
    }

    fn fail(&mut self, slug: &SkillName, error: Error) {
        let Row { from, to, .. } = self.listed(slug, Done::Failed);
        self.put(Row { from, to, ..Row::failed(slug, error) });
    }

    /// Takes what is made of a revoked release out of use, whatever else is known of it (threat 23). Its versions stay.
    /// One that cannot be looked at does not keep the others in use. Each is noted to be in quarantine, also where its record
    /// does not read or cannot be written: that is enough for `sync` to take its links away.
    fn quarantine(&mut self) -> Result<(), Error> {
        let (store, name) = (self.writing.store(), self.source.name());
        let (mut failed, mut unnoted) = (Vec::new(), Vec::new());
        for slug in self.judge().cured(&self.state) {
            if let Some(installed) = self.state.get_mut(&slug) {
                (installed.state, installed.reason) = (Standing::Installed, None);
            }
        }
        for (slug, revoked) in self.judge().revoked(&self.state) {
            let revoked = match revoked {
                Ok(revoked) => revoked,
                Err(error) => {
                    failed.push((slug, error));
                    continue;
                }
            };
            // One that did not read is tried all the same: the disk may think better of it.
            let is_to_mark = revoked.record != Record::OutOfUse;
            let marked = is_to_mark.then(|| skills::quarantine(store, &slug));
            let error = marked.and_then(Result::err);
            failed.extend(error.map(|error| (slug.clone(), error.into())));
            unnoted.extend(revoked.note(&mut self.state, name, &slug, store.now_text()));
        }
        let rows = quarantined(name, &self.state);
        rows.into_iter().chain(unnoted).for_each(|row| self.put(row));
        failed.into_iter().for_each(|(slug, error)| self.fail(&slug, error));
        Ok(self.state.save_if_changed(store.layout())?)
    }

    /// Notes what the skills are made of, where another release is noted: of a run that was killed.
    fn note_moved(&mut self, survey: &Survey) {
        let (now, name) = (self.writing.store().now_text(), self.source.name());
        for (slug, release) in survey.moved() {
            if let Some(installed) = self.state.get_mut(slug).filter(|installed| installed.source == *name) {
                (installed.current, installed.installed_at) = (release.clone(), now.clone());
            }
        }
    }

    /// Remembers the release that is here where the state of trust does not: of a run that was killed, or that failed, before
    /// it stored that. Nothing older is to follow it.
    fn remember(&mut self, slug: &SkillName) {
        let Some(current) = self.state.get(slug).map(|installed| &installed.current) else { return };
        // What was counted with keys that were replaced counts no more: its mark is 0.
        let is_known = |seq| seq == 0 || seq >= current.seq;
        if self.advised.state().skills.get(slug).is_some_and(|mark| is_known(mark.seq)) {
            return;
        }
        let path = self.writing.store().layout().source_release(self.source.name(), &current.release);
        let statement = fs::read(&path, bounds::RELEASE_BYTES as u64);
        if let Some(Ok(accepted)) = statement.ok().map(|bytes| self.advised.chosen(slug, &bytes)) {
            self.advised.installed(&accepted);
        }
    }

    /// Notes of a skill that is here that it is: what was to note that was killed.
    fn arrived(&mut self, slug: &SkillName) {
        if let Some(installed) = self.state.get_mut(slug)
            && installed.state == Standing::Pending
        {
            installed.state = Standing::Installed;
        }
    }

    /// Remembers what the state of trust does not know of a skill that is as it is listed: of a run that was killed, or of
    /// a conflict that was committed since.
    fn keep(&mut self, slug: &SkillName) {
        self.arrived(slug);
        let row = self.listed(slug, Done::Current);
        if self.ask.releases(slug)
            && let Some(installed) = self.state.get_mut(slug)
        {
            installed.held = None;
        }
        self.put(row);
        let Some(entry) = self.advised.manifest().skill(slug) else { return };
        if self.advised.state().skills.get(slug).is_some_and(|mark| mark.release == entry.release.sha256) {
            return;
        }
        let layout = self.writing.store().layout();
        let path = layout.source_release(self.source.name(), &entry.release.sha256);
        let statement = fs::read(&path, bounds::RELEASE_BYTES as u64);
        if let Some(Ok(accepted)) = statement.ok().map(|bytes| self.advised.release(slug, &bytes)) {
            self.advised.installed(&accepted);
        }
    }

    fn forget(&mut self, slug: &SkillName) {
        let row = self.listed(slug, Done::Removed);
        if let Some(installed) = self.state.get_mut(slug) {
            installed.state = Standing::Removed;
            installed.held = None;
        }
        self.put(Row { to: None, ..row });
    }

    fn accept(&self, slug: &SkillName, statement: &[u8]) -> Result<Accepted, Error> {
        Ok(believed(&self.advised, self.ask, slug, statement)?)
    }
}

/// Believes the statement of a release: the one that is listed, or of the version that was asked for.
pub fn believed(
    advised: &Advised,
    ask: &Ask,
    slug: &SkillName,
    statement: &[u8],
) -> Result<Accepted, Refusal> {
    let Ask::Install(_, Some(version)) = ask else { return advised.release(slug, statement) };
    let accepted = advised.chosen(slug, statement)?;
    if accepted.release().version != *version {
        return Err(Refusal::Mismatch { what: format!("release of `{slug}`"), field: "version" });
    }
    Ok(accepted)
}

/// The word for why a skill stays as it is.
pub fn held_word(held: Held) -> &'static str {
    match held {
        Held::By(hold) => hold.as_str(),
        Held::Policy => "pin",
        Held::Conflict => "conflict",
    }
}
