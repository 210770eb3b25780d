//! From proven files to versions: everything looked at again under the store's mutex, one swap for each skill, then
//! `_meta.json`. A kill anywhere leaves what the next run goes on from.

use std::collections::BTreeMap;

use semver::Version;
use skillsync_core::digest::ArchiveDigest;
use skillsync_core::merge::TreeMerge;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Origin, Source as From, State};
use skillsync_store::edit::{self, HandedFrom, Handing};
use skillsync_store::index::Index as Cache;
use skillsync_store::installed::{InstallState, Installed, Release, Standing as Noted};
use skillsync_store::lease;
use skillsync_store::objects::Batch;
use skillsync_store::parallel;
use skillsync_store::payload::Payload;
use skillsync_store::skills::{self, Change};
use skillsync_store::store::Writing;
use skillsync_wire::wellknown::{Content, Entry};

use super::{Follow, UNVERIFIED, Why, edition_digest, next_seq, said_version, unverified_digest};
use crate::delivery::{self, Done, Error, Prepared, Row};
use crate::discovery::Found;
use crate::source;

type Ready = Vec<(SkillName, Why, Result<Payload, Error>)>;

impl Follow<'_> {
    /// Installs what was fetched, and gives a row for each skill.
    pub(super) fn settle(&self, found: &Found, ready: Ready) -> Settled {
        self.write(|settling| settling.install(found, ready))
    }

    /// Takes out of use what the index does not list any more. The next sync takes it away, to trash.
    pub(super) fn prune(&self, found: &Found) -> Settled {
        self.write(|settling| settling.prune(found))
    }

    /// Notes of each of these skills whether it is guarded, and what a run that was killed did not come to.
    pub(super) fn note(&self, found: &Found, guarded: &[(SkillName, bool)]) -> Result<(), Error> {
        let noted = self.write(|settling| {
            let source = self.source.name();
            let store = settling.writing.store();
            // Looked at anew: another command may have come in between.
            let here = self.here(store, found)?;
            for (name, basis) in here.arrived {
                if let Some(installed) = settling.state.get_mut(&name) {
                    installed.took(&basis, store.now_text());
                }
            }
            here.gone.iter().for_each(|name| settling.state.remove(name));
            for (name, is_guarded) in guarded {
                let installed = settling.state.get_mut(name).filter(|installed| installed.source == *source);
                if let Some(installed) = installed {
                    installed.guarded = *is_guarded;
                }
            }
            Ok(())
        });
        noted.error.map_or(Ok(()), Err)
    }

    fn write(&self, work: impl FnOnce(&mut Settling<'_, '_>) -> Result<(), Error>) -> Settled {
        let nothing = |error| Settled { rows: BTreeMap::new(), error: Some(error) };
        self.begin(work).unwrap_or_else(nothing)
    }

    /// Fails where nothing was done.
    fn begin(&self, work: impl FnOnce(&mut Settling<'_, '_>) -> Result<(), Error>) -> Result<Settled, Error> {
        let writing = self.store.write()?;
        let store = writing.store();
        // It may be gone.
        source::named(store.config(), self.source.name())?;
        let mut cache = Cache::load(store.layout());
        let state = InstallState::load(store.layout())?;
        let mut settling =
            Settling { follow: self, writing: &writing, cache: &mut cache, state, rows: BTreeMap::new() };
        let done = work(&mut settling);
        let saved = settling.state.save_if_changed(store.layout());
        let rows = settling.rows;
        // A cache that cannot be written is no reason to report what was done as undone; the disk will say so again.
        let _ = cache.save(store.layout());
        let error = done.and_then(|()| Ok(saved?)).err();
        Ok(Settled { rows, error })
    }
}

/// What was done.
pub(super) struct Settled {
    pub(super) rows: BTreeMap<SkillName, Row>,
    /// What ended the work before its end, if something did: what is in the rows was done all the same.
    pub(super) error: Option<Error>,
}

struct Settling<'a, 'w> {
    follow: &'a Follow<'a>,
    writing: &'a Writing<'w>,
    cache: &'a mut Cache,
    state: InstallState,
    rows: BTreeMap<SkillName, Row>,
}

/// A skill of the index, and its files.
struct Edition {
    name: SkillName,
    release: Release,
    payload: Payload,
    is_unverified: bool,
}

impl Settling<'_, '_> {
    fn install(&mut self, found: &Found, ready: Ready) -> Result<(), Error> {
        let store = self.writing.store();
        let mut prepared = Vec::new();
        let ready: Vec<_> = ready
            .into_iter()
            .map(|(name, _, payload)| {
                let edition = payload.map(|payload| self.edition(&name, found.index.entry(&name), payload));
                let installed = self.ours(&name).cloned();
                (name, installed, edition)
            })
            .collect();
        let cache = &*self.cache;
        let looked = parallel::map_owned(ready, |(name, installed, edition)| {
            let step = edition.and_then(|edition| {
                let (release, payload) = (&edition.release, &edition.payload);
                let step = delivery::prepare(store, cache, &name, installed.as_ref(), release, payload)?;
                Ok((edition, step))
            });
            (name, step)
        });
        for (name, step) in looked {
            match step {
                Ok(one) => prepared.push(one),
                Err(error) => self.fail(&name, error),
            }
        }
        let now = store.now_text();
        for (edition, step) in &prepared {
            let is_new = matches!(step, Prepared::Version { done: Done::Added, .. });
            let source = self.follow.source.name();
            match self.state.get_mut(&edition.name).filter(|installed| installed.source == *source) {
                Some(installed) => installed.learn(&edition.release),
                None if is_new => {
                    // A kill before it is there leaves a record that says so.
                    let pending = Installed::new(source.clone(), edition.release.clone(), now.clone());
                    self.state.set(edition.name.clone(), pending);
                }
                None => {}
            }
        }
        self.state.save_if_changed(store.layout())?;
        self.swap(prepared)
    }

    fn swap(&mut self, prepared: Vec<(Edition, Prepared)>) -> Result<(), Error> {
        let store = self.writing.store();
        let transaction = self.writing.transaction()?;
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let (mut changes, mut changing, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
        let mut versions = Vec::new();
        for (edition, step) in prepared {
            match step {
                Prepared::Here => match skills::revive(store, &edition.name) {
                    Ok(_) => self.took(&edition, Done::Current, None),
                    Err(error) => self.fail(&edition.name, error.into()),
                },
                Prepared::Conflict { merge, merged } => {
                    skills::batch_payload(&batch, &edition.payload)?;
                    conflicts.push((edition, merge, merged));
                }
                Prepared::Version { merged, done, parents } => {
                    versions.push((edition, merged, done, parents));
                }
            }
        }
        let staged = parallel::map_owned(versions, |(edition, merged, done, parents)| {
            let payload = &edition.payload;
            let staged = delivery::stage(&transaction, &batch, &edition.name, payload, merged.as_ref());
            (edition, staged, done, parents)
        });
        let url = &self.follow.source.config().url;
        for (edition, staged, done, parents) in staged {
            match staged {
                Ok(staged) => {
                    let origin = if done == Done::Added { Origin::Install } else { Origin::Update };
                    let reason = Some(format!("from {url}"));
                    changes.push(Change { reason, parents, ..Change::new(staged, origin, From::Index) });
                    changing.push((edition, done));
                }
                Err(error) => self.fail(&edition.name, error),
            }
        }
        let advanced = skills::advance(self.writing, &transaction, batch, self.cache, changes)?;
        for ((edition, done), advanced) in changing.into_iter().zip(advanced) {
            match advanced {
                Ok(advanced) => self.took(&edition, done, Some(advanced.version.number)),
                Err(error) => self.fail(&edition.name, error.into()),
            }
        }
        // Only now: what the lease names is in the object store.
        for (edition, merge, merged) in conflicts {
            if let Err(error) = self.hand_out(&edition, &merge, &merged) {
                self.fail(&edition.name, error);
            }
        }
        Ok(transaction.finish()?)
    }

    /// Gives both sides of a conflict to whoever decides it: a working copy under a lease.
    fn hand_out(&mut self, edition: &Edition, merge: &TreeMerge, merged: &Payload) -> Result<(), Error> {
        let name = &edition.name;
        let handing = Handing { merge, merged, from: HandedFrom::Release(edition.release.clone()) };
        let begun = edit::begin_merged(self.writing, name, self.follow.wish.holder.clone(), handing)?;
        if let Some(installed) = self.state.get_mut(name) {
            installed.conflict = Some(edition.release.release);
        }
        let paths: Vec<String> = merge.conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
        let row = Row {
            to: Some(edition.release.version.clone()),
            why: Some(paths.join(", ")),
            working_copy: Some(begun.path),
            ..self.row(name, Done::Conflict)
        };
        self.rows.insert(name.clone(), row);
        Ok(())
    }

    /// What `_meta.json` says of `entry` with these files. Editions of an index have no numbers: they count as they come.
    fn edition(&self, name: &SkillName, entry: Option<&Entry>, payload: Payload) -> Edition {
        let content_hash = payload.tree().content_hash();
        let published = entry.and_then(edition_digest);
        let digest = published.unwrap_or_else(|| unverified_digest(&content_hash));
        let tarball = match entry.map(|entry| &entry.content) {
            Some(Content::Artifact { digest, .. }) => ArchiveDigest::from_bytes(*digest.as_bytes()),
            _ => ArchiveDigest::from_bytes(*content_hash.as_bytes()),
        };
        let known = self.ours(name);
        let same =
            known.and_then(|installed| installed.releases.iter().find(|release| release.release == digest));
        let seq = same.map_or_else(|| next_seq(known), |release| release.seq);
        let says = entry.and_then(said_version);
        let release = Release {
            version: says.unwrap_or_else(|| Version::new(0, 0, seq)),
            seq,
            release: digest,
            content_hash,
            tree: payload.tree().id(),
            tarball,
        };
        Edition { name: name.clone(), release, payload, is_unverified: published.is_none() }
    }

    fn ours(&self, name: &SkillName) -> Option<&Installed> {
        self.state.get(name).filter(|installed| installed.source == *self.follow.source.name())
    }

    /// Notes that an edition is here.
    fn took(&mut self, edition: &Edition, done: Done, number: Option<u32>) {
        let (name, now) = (&edition.name, self.writing.store().now_text());
        // It is the same content under another name: that it was fetched for it is said.
        let was = self.ours(name).map(|installed| installed.current.release);
        let is_other = was.is_some_and(|was| was != edition.release.release);
        let done = if done == Done::Current && is_other { Done::Updated } else { done };
        let row = self.row(name, done);
        let known = self.ours(name).cloned();
        let source = self.follow.source.name().clone();
        let mut installed =
            known.unwrap_or_else(|| Installed::new(source, edition.release.clone(), now.clone()));
        installed.took(&edition.release, now);
        installed.held = None;
        self.state.set(name.clone(), installed);
        let why = edition.is_unverified.then(|| UNVERIFIED.to_owned());
        self.rows.insert(name.clone(), Row { number, why, to: Some(edition.release.version.clone()), ..row });
    }

    /// A row with the version that is here.
    fn row(&self, name: &SkillName, done: Done) -> Row {
        let here = self.ours(name).filter(|installed| installed.state == Noted::Installed);
        Row { from: here.map(|installed| installed.current.version.clone()), ..Row::new(name, done) }
    }

    fn fail(&mut self, name: &SkillName, error: Error) {
        let Row { from, .. } = self.row(name, Done::Failed);
        self.rows.insert(name.clone(), Row { from, ..Row::failed(name, error) });
    }

    fn prune(&mut self, found: &Found) -> Result<(), Error> {
        let store = self.writing.store();
        // Planned anew: another command may have come in between.
        let mut here = self.follow.here(store, found)?;
        for (name, error) in std::mem::take(&mut here.damaged) {
            if self.follow.concerns(&name) {
                self.rows.insert(name.clone(), Row::failed(&name, error.into()));
            }
        }
        let remove = self.follow.plan(found, &here).remove;
        let remove: Vec<SkillName> = remove.into_iter().filter(|name| self.follow.prunes(name)).collect();
        let rows: Vec<Row> = remove.iter().map(|name| self.row(name, Done::Removed)).collect();
        // A kill before the record is gone must not look as if the user had removed it: it may be listed again.
        self.mark(&remove, Noted::Pending);
        self.state.save_if_changed(store.layout())?;
        for (name, row) in remove.iter().zip(rows) {
            match self.remove(name) {
                Ok(()) => {
                    self.state.remove(name);
                    self.rows.insert(name.clone(), row);
                }
                Err(error) => {
                    // The disk may refuse what comes after the mark: then the next run finds it.
                    let meta = skills::find(store, name).ok().flatten();
                    if meta.is_some_and(|meta| meta.state != State::PendingRemove) {
                        self.mark(std::slice::from_ref(name), Noted::Installed);
                    }
                    self.fail(name, error);
                }
            }
        }
        Ok(())
    }

    fn mark(&mut self, names: &[SkillName], standing: Noted) {
        for name in names {
            if let Some(installed) = self.state.get_mut(name) {
                installed.state = standing;
            }
        }
    }

    /// Fails when somebody is editing it, or edited it by hand.
    fn remove(&self, name: &SkillName) -> Result<(), Error> {
        let store = self.writing.store();
        lease::require_free(store.layout(), name)?;
        let meta = skills::load(store, name)?;
        skills::require_pristine(store, self.cache, name, &meta)?;
        // What was edited where an agent loads it holds up the sync that takes it away.
        skills::mark(&skills::Noted::of(store), name)?;
        Ok(())
    }
}
