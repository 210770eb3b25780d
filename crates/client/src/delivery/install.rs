//! The part of a delivery that installs: what comes is noted before the first swap, and that it is here after the last one.

use skillsync_core::merge::TreeMerge;
use skillsync_core::name::SkillName;
use skillsync_core::skill::State;
use skillsync_store::edit::{self, HandedFrom, Handing};
use skillsync_store::installed::{Hold, Installed, Release};
use skillsync_store::objects::Batch;
use skillsync_store::payload::Payload;
use skillsync_store::{fs, parallel, skills};
use skillsync_wire::limits as bounds;
use skillsync_wire::trust::Accepted;

use super::change::{self, Prepared};
use super::{Done, Error, Row, Statement, Work, unpack};
use crate::plan::Ask;

/// A release that is believed, and its files.
struct Fetched {
    statement: Statement,
    accepted: Accepted,
    release: Release,
    payload: Payload,
}

impl Work<'_, '_> {
    /// Installs releases that are believed: what they are is noted before the first swap, and that they are here after the
    /// last one.
    pub(super) fn install(&mut self, batch: Vec<(SkillName, Statement, Accepted)>) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let writing = self.writing;
        let store = writing.store();
        let layout = store.layout();
        let unpacked = parallel::map_owned(batch, |(slug, statement, accepted)| {
            let payload = unpack::payload(layout, accepted.release());
            (slug, statement, accepted, payload)
        });
        let mut prepared = Vec::new();
        for (slug, statement, accepted, payload) in unpacked {
            let one = payload.and_then(|payload| {
                let release = noted(&accepted, &payload);
                let installed = self.state.get(&slug);
                let step = change::prepare(store, self.index, &slug, installed, &release, &payload)?;
                Ok((Fetched { statement, accepted, release, payload }, step))
            });
            match one {
                Ok((fetched, step)) => prepared.push((slug, fetched, step)),
                Err(error) => self.fail(&slug, error),
            }
        }
        self.keep_statements(prepared.iter().map(|(_, fetched, _)| (&fetched.release, &fetched.statement)))?;
        let now = store.now_text();
        for (slug, fetched, step) in &prepared {
            let is_new = matches!(step, Prepared::Version { done: Done::Added, .. });
            let name = self.source.name();
            match self.state.get_mut(slug).filter(|installed| installed.source == *name) {
                Some(installed) => installed.learn(&fetched.release),
                None if is_new => {
                    // A kill before it is there leaves a record that says so.
                    let pending = Installed::new(name.clone(), fetched.release.clone(), now.clone());
                    self.state.set(slug.clone(), pending);
                }
                None => {}
            }
        }
        self.state.save_if_changed(layout)?;
        let swapped = self.swap(prepared);
        // Whatever ended it: what is here is noted.
        let saved = self.state.save_if_changed(layout);
        swapped?;
        Ok(saved?)
    }

    fn swap(&mut self, prepared: Vec<(SkillName, Fetched, Prepared)>) -> Result<(), Error> {
        let writing = self.writing;
        let store = writing.store();
        let transaction = writing.transaction()?;
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let (mut versions, mut conflicts) = (Vec::new(), Vec::new());
        for (slug, fetched, step) in prepared {
            match step {
                Prepared::Here => match self.here(&slug) {
                    Ok(()) => self.took(&slug, &fetched, Done::Current, None),
                    Err(error) => self.fail(&slug, error),
                },
                Prepared::Conflict { merge, merged } => {
                    skills::batch_payload(&batch, &fetched.payload)?;
                    conflicts.push((slug, fetched, merge, merged));
                }
                Prepared::Version { merged, done, parents } => {
                    versions.push((slug, fetched, merged, done, parents));
                }
            }
        }
        let staged = parallel::map_owned(versions, |(slug, fetched, merged, done, parents)| {
            let staged = change::stage(&transaction, &batch, &slug, &fetched.payload, merged.as_ref());
            let change =
                staged.map(|staged| change::change(staged, fetched.accepted.release(), done, parents));
            (slug, fetched, done, change)
        });
        let (mut changes, mut changing) = (Vec::new(), Vec::new());
        for (slug, fetched, done, change) in staged {
            match change {
                Ok(change) => {
                    changes.push(change);
                    changing.push((slug, fetched, done));
                }
                Err(error) => self.fail(&slug, error),
            }
        }
        let advanced = skills::advance(writing, &transaction, batch, self.index, changes)?;
        for ((slug, fetched, done), advanced) in changing.into_iter().zip(advanced) {
            match advanced {
                Ok(advanced) => self.took(&slug, &fetched, done, Some(advanced.version.number)),
                Err(error) => self.fail(&slug, error.into()),
            }
        }
        // Only now: what the lease names is in the object store.
        for (slug, fetched, merge, merged) in conflicts {
            match self.hand_out(&slug, &fetched, &merge, &merged) {
                Ok(row) => self.put(row),
                Err(error) => self.fail(&slug, error),
            }
        }
        Ok(transaction.finish()?)
    }

    /// Takes up a skill that is here already: out of quarantine, or the mark of `rm` away. Fails where an edit of it put back
    /// the files of another release, which was revoked.
    fn here(&self, slug: &SkillName) -> Result<(), Error> {
        let store = self.writing.store();
        let meta = skills::load(store, slug)?;
        let is_out = meta.state != State::Active || self.state.is_quarantined(slug);
        if is_out && self.judge().is_revoked(slug, self.state.get(slug), &meta) {
            return Err(skills::Error::Quarantined { name: slug.clone() }.into());
        }
        skills::revive(store, slug)?;
        Ok(())
    }

    /// Notes that a release is here.
    fn took(&mut self, slug: &SkillName, fetched: &Fetched, done: Done, number: Option<u32>) {
        let now = self.writing.store().now_text();
        let Row { from, .. } = self.listed(slug, done);
        let to = Some(fetched.release.version.clone());
        let name = self.source.name();
        let known = self.state.get(slug).filter(|installed| installed.source == *name).cloned();
        let mut installed =
            known.unwrap_or_else(|| Installed::new(name.clone(), fetched.release.clone(), now.clone()));
        installed.took(&fetched.release, now);
        installed.held = matches!(self.ask, Ask::Install(_, Some(_))).then_some(Hold::Version);
        self.state.set(slug.clone(), installed);
        self.advised.installed(&fetched.accepted);
        let done = match done {
            Done::Current if from.is_none() => Done::Added,
            Done::Current if from != to => Done::Updated,
            done => done,
        };
        self.put(Row { from, to, number, ..Row::new(slug, done) });
    }

    /// Gives both sides of a conflict to whoever decides it: a working copy under a lease.
    fn hand_out(
        &mut self,
        slug: &SkillName,
        fetched: &Fetched,
        merge: &TreeMerge,
        merged: &Payload,
    ) -> Result<Row, Error> {
        let from = HandedFrom::Release(fetched.release.clone());
        let handing = Handing { merge, merged, from };
        let begun = edit::begin_merged(self.writing, slug, self.holder.clone(), handing)?;
        if let Some(installed) = self.state.get_mut(slug) {
            installed.conflict = Some(fetched.release.release);
        }
        let paths: Vec<String> = merge.conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
        let why = Some(paths.join(", "));
        let to = Some(fetched.release.version.clone());
        Ok(Row { to, why, working_copy: Some(begun.path), ..self.listed(slug, Done::Conflict) })
    }

    /// Keeps the signed statements of releases: what a skill may do is read from them.
    fn keep_statements<'s>(
        &self,
        statements: impl Iterator<Item = (&'s Release, &'s Statement)>,
    ) -> Result<(), Error> {
        let (layout, name) = (self.writing.store().layout(), self.source.name());
        let mut missing = Vec::new();
        for (release, statement) in statements {
            let path = layout.source_release(name, &release.release);
            // One that a power cut tore is written anew: it is compared, not only looked for.
            let known = fs::optional(fs::read(&path, bounds::RELEASE_BYTES as u64)).ok().flatten();
            if known.as_ref() != Some(statement) {
                missing.push((path, &**statement));
            }
        }
        let folder = layout.source_releases(name);
        if !missing.is_empty() && fs::lstat(&folder)?.is_none() {
            fs::make_dir(&folder)?;
            fs::sync_dir(&layout.source(name))?;
        }
        Ok(fs::replace_all(&missing, fs::Mode::Private)?)
    }
}

/// A release as `_meta.json` keeps it.
fn noted(accepted: &Accepted, payload: &Payload) -> Release {
    let release = accepted.release();
    Release {
        version: release.version.clone(),
        seq: release.seq,
        release: release.digest(),
        content_hash: release.tree,
        tree: payload.tree().id(),
        tarball: release.tarball.sha256,
    }
}
