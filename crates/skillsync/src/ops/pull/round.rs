//! One round of a pull: copies of different artifacts, their versions made together, then what is noted of them written
//! once. A kill leaves versions that are not noted yet; the same pull again finds them and notes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::skill::Origin;
use skillsync_store::deployment::{self, Content, Record, skillmeat};
use skillsync_store::edit::{self, HandedFrom, Handing};
use skillsync_store::index::Index;
use skillsync_store::lease::Pulled;
use skillsync_store::ledger::{Act, At, CopyKey, Kept, LastPull, Ledger, Undo};
use skillsync_store::meta::Meta;
use skillsync_store::objects::{self, Batch};
use skillsync_store::project::{self, Entering, Place};
use skillsync_store::skills::{self, Change};
use skillsync_store::store::{Store, Transaction, Writing};

use super::super::edit_skill::holder;
use super::super::project::{Compared, Opened};
use super::super::{Error, Refusal};
use super::prepare::{Prepared, Step, prepare};
use super::{Request, SyncResult};
use crate::ui::Report;
use crate::world::World;

pub(super) struct Round<'a, 'w> {
    world: &'a World,
    writing: &'a Writing<'w>,
    index: &'a mut Index,
    opened: &'a mut Opened,
    request: &'a Request,
    /// Where the project is in the history of its repository.
    at: Option<At>,
    /// The agents' folders whose records changed.
    changed: BTreeSet<String>,
    /// The copies whose records were taken away.
    dropped: Vec<CopyKey>,
    /// What the ledger says as long as this round is not noted.
    ledger: Ledger,
}

impl<'a, 'w> Round<'a, 'w> {
    pub(super) fn new(
        world: &'a World,
        writing: &'a Writing<'w>,
        index: &'a mut Index,
        opened: &'a mut Opened,
        request: &'a Request,
        at: Option<At>,
    ) -> Self {
        let ledger = opened.ledger.clone();
        Self {
            world,
            writing,
            index,
            opened,
            request,
            at,
            changed: BTreeSet::new(),
            dropped: Vec::new(),
            ledger,
        }
    }

    /// Pulls the copies of `keys`, which are of different artifacts, and adds to `undo` how that is undone.
    pub(super) fn pull(
        &mut self,
        keys: &[CopyKey],
        result: &mut SyncResult,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Error> {
        let store = self.writing.store();
        let mut steps = Vec::new();
        for (compared, key) in self.opened.compare(self.world, store, self.index, keys).into_iter().zip(keys)
        {
            let choice = self.request.choice(key);
            let opened = &*self.opened;
            match compared.map(|one| prepare(self.world, store, opened, self.request, one, choice)) {
                Ok(Ok(step)) => steps.push(step),
                Ok(Err(e)) => result.failed(key, Report::of(&e)),
                Err(failure) => result.failed(key, failure.error),
            }
        }
        let transaction = self.writing.transaction()?;
        let mut failed = self.commit(&transaction, &mut steps)?;
        for (number, step) in steps.iter_mut().enumerate() {
            let settled = match failed.remove(&number) {
                Some(e) => Err(e),
                None => self
                    .settle(&transaction, step)
                    .and_then(|act| Ok((act, deployed(store, &step.compared)?))),
            };
            let key = &step.compared.place.key;
            match settled {
                Ok((act, baseline)) => {
                    let before = self.opened.ledger.copy(key).cloned();
                    let had_record = self.record(&step.compared.place).is_some();
                    self.note(step, baseline);
                    let is_recorded = !had_record && self.record(&step.compared.place).is_some();
                    undo.extend(act.map(|act| Undo { key: key.clone(), before, act, is_recorded }));
                    result.done(step);
                }
                Err(e) => result.failed(key, Report::of(&e)),
            }
        }
        let finished = transaction.finish().map_err(Error::from);
        self.save(undo).and(finished)
    }

    /// Makes the versions of all steps together, and stores what the project has: it is the base of the next merge, and
    /// what a rollback puts back. Gives the steps that failed.
    fn commit(
        &mut self,
        transaction: &Transaction,
        steps: &mut [Step],
    ) -> Result<BTreeMap<usize, Error>, Error> {
        let store = self.writing.store();
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let (mut changes, mut of_step, mut failed) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut names: BTreeSet<&SkillName> = BTreeSet::new();
        for (number, step) in steps.iter().enumerate() {
            if let Some(payload) = &step.copy {
                skills::batch_payload(&batch, payload)?;
            }
            let Prepared::Version(version) = &step.prepared else { continue };
            if !names.insert(&version.name) {
                failed.insert(number, twice(&version.name).into());
                continue;
            }
            let staged = skills::stage_payload(transaction, &batch, &version.name, &version.payload)?;
            changes.push(Change {
                parents: version.parents.clone(),
                reason: Some(version.reason.clone()),
                artifact_type: step.compared.place.artifact_type,
                ..Change::new(staged, Origin::Pull, version.source)
            });
            of_step.push(number);
        }
        let advanced = skills::advance(self.writing, transaction, batch, self.index, changes)?;
        for (number, advanced) in of_step.into_iter().zip(advanced) {
            match advanced {
                Ok(advanced) => steps[number].advanced = Some(advanced.version.number),
                Err(e) => {
                    failed.insert(number, e.into());
                }
            }
        }
        Ok(failed)
    }

    /// Does what is left to do about one copy, and says how it is undone; none when nothing was done.
    fn settle(&mut self, transaction: &Transaction, step: &mut Step) -> Result<Option<Act>, Error> {
        Ok(match (&step.prepared, step.advanced) {
            (Prepared::Skip | Prepared::Undecided(_) | Prepared::Version(_), None) => None,
            (Prepared::Version(version), Some(after)) => {
                let (name, tree) = (version.name.clone(), version.payload.tree().id());
                Some(Act::Version { name, before: version.before, after, tree })
            }
            (Prepared::Conflict(conflict), _) => {
                let Some(taken) = step.taken(self.at.as_ref()) else { return Ok(None) };
                let pulled = Pulled {
                    project: self.opened.project.id(),
                    key: step.compared.place.key.clone(),
                    baseline: deployed(self.writing.store(), &step.compared)?.unwrap_or(taken.content),
                    taken,
                };
                let handing = Handing {
                    merge: &conflict.merge,
                    merged: &conflict.merged,
                    from: HandedFrom::Project(pulled),
                };
                let name = &step.compared.place.name;
                let begun = edit::begin_merged(self.writing, name, holder(self.world), handing)?;
                conflict.handed_out.set(Some((begun.path, begun.lease.token))).ok();
                Some(Act::WorkingCopy { token: begun.lease.token })
            }
            (Prepared::Push(is), _) => {
                step.trash = self.push(transaction, step, *is)?;
                let record = self.record(&step.compared.place).cloned().map(Box::new);
                Some(Act::Pushed { was: step.compared.copy.map(Kept::from), is: (*is).into(), record })
            }
            (Prepared::Drop, _) => {
                let place = &step.compared.place;
                let record = self.record(place).cloned().or_else(|| step.compared.record.clone());
                step.trash = project::take_out(self.writing.store(), &self.opened.project, place)?;
                Some(Act::Dropped { was: step.compared.copy.map(Kept::from), record: record.map(Box::new) })
            }
            (Prepared::Nothing(_), _) => Some(Act::Nothing),
            (Prepared::Skip | Prepared::Undecided(_), Some(_)) => None,
        })
    }

    /// Puts the store's content into the project, and says where in trash is what stood there.
    fn push(&self, transaction: &Transaction, step: &Step, is: Content) -> Result<Option<PathBuf>, Error> {
        // What is there already is left of a pull that was killed.
        if step.compared.copy.is_some_and(|copy| copy.tree == is.tree) {
            return Ok(None);
        }
        let entering = Entering {
            place: step.compared.place.clone(),
            tree: self.writing.store().objects().tree(&is.tree)?,
            replaces: step.compared.copy.map(|copy| copy.content_hash),
        };
        let mut kept = None;
        for entered in project::enter(self.writing, transaction, &self.opened.project, &[entering])? {
            kept = entered?.kept;
        }
        Ok(kept)
    }

    /// Notes what this store knows of the copy now, of which `baseline` was deployed, and what the deployment file is to
    /// say.
    fn note(&mut self, step: &Step, baseline: Option<Kept>) {
        let Step { compared, prepared, .. } = step;
        let key = &compared.place.key;
        let now = self.writing.store().now_text();
        let new = |content: Content| {
            let (name, below) = (compared.place.name.clone(), compared.place.below.clone());
            Record::new(name, compared.place.artifact_type, below, now.clone(), content)
        };
        match prepared {
            Prepared::Skip | Prepared::Undecided(_) | Prepared::Conflict(_) => {}
            Prepared::Push(is) => {
                self.opened.ledger.deployed(key, (*is).into());
                let record = compared.record.clone();
                let record = record.map_or_else(|| new(*is), |record| record.redeployed(now.clone(), *is));
                self.put_record(key, Some(record));
            }
            Prepared::Drop => {
                self.opened.ledger.set(key, None);
                self.put_record(key, None);
            }
            Prepared::Nothing(_) | Prepared::Version(_) => {
                if let (Some(taken), Some(baseline)) = (step.taken(self.at.as_ref()), baseline) {
                    self.opened.ledger.took(key, baseline, taken);
                }
                // That the copy is edited, and since when: once, for every store writes the same file. One that had no
                // record gets one, and SkillMeat's becomes ours.
                let is_edited = compared.is_edited();
                let checked = |record: Record| match record.local_modifications == is_edited {
                    true => record,
                    false => record.checked(now.clone(), is_edited),
                };
                let record = compared.record.clone().map(checked).or_else(|| compared.copy.map(new));
                if record.is_some() && record.as_ref() != self.record(&compared.place) {
                    self.put_record(key, record);
                }
            }
        }
    }

    fn record(&self, place: &Place) -> Option<&Record> {
        let folder = self.opened.folders.iter().find(|f| f.agent.name == place.key.folder)?;
        folder.records.iter().find(|record| record.key() == (place.artifact_type, &place.name))
    }

    /// Replaces the record of one copy, or takes it away.
    fn put_record(&mut self, key: &CopyKey, record: Option<Record>) {
        let Some(folder) = self.opened.folders.iter_mut().find(|f| f.agent.name == key.folder) else {
            return;
        };
        let of_key = (key.artifact_type, &key.artifact_name);
        folder.records.retain(|known| known.key() != of_key);
        folder.skillmeat.retain(|theirs| (theirs.artifact_type, &theirs.name) != of_key);
        if record.is_none() {
            self.dropped.push(key.clone());
        }
        folder.records.extend(record);
        folder.records.sort_by(|a, b| a.key().cmp(&b.key()));
        self.changed.insert(key.folder.clone());
    }

    /// Writes what was noted: the ledger last. As long as that does not say so, another pull takes the copies up again.
    /// Where a deployment file cannot be written, it does not, but it does say how the pull is undone; the first error
    /// is given.
    fn save(&mut self, undo: &[Undo]) -> Result<(), Error> {
        let mut saved = Ok(());
        for folder in self.opened.folders.iter().filter(|f| self.changed.contains(&f.agent.name)) {
            let file = folder.agent.dir.join(deployment::FILE);
            saved = saved.and(deployment::write(&file, folder.records.clone()).map_err(Error::from));
            // A record that was dropped would count as deployed again by SkillMeat's file.
            let was_dropped = |of, name: &SkillName| {
                let is_it = |key: &CopyKey| (key.artifact_type, &key.artifact_name) == (of, name);
                self.dropped.iter().any(|key| key.folder == folder.agent.name && is_it(key))
            };
            saved = saved.and(skillmeat::remove(&folder.agent.dir, &was_dropped).map_err(Error::from));
        }
        if undo.is_empty() {
            return saved;
        }
        let store = self.writing.store();
        if saved.is_err() {
            self.opened.ledger.clone_from(&self.ledger);
        }
        self.opened.ledger.last_pull = Some(LastPull { at: store.now_text(), undo: undo.to_vec() });
        let noted = self.opened.ledger.save(store.layout(), self.opened.project.root());
        saved.and(noted.map_err(Error::from))
    }
}

/// What was deployed, as the ledger keeps it: it must be the content that the record names, and a record may be anybody's,
/// its tree that of another content. None when no tree is known for it.
fn deployed(store: &Store, compared: &Compared) -> Result<Option<Kept>, Error> {
    let Some(record) = &compared.record else { return Ok(compared.copy.map(Kept::from)) };
    let wanted = record.content_hash;
    let of_baseline = compared.baseline_kept.filter(|kept| kept.content_hash == wanted);
    let meta = skills::find(store, &compared.place.name)?;
    let of_history = meta.iter().flat_map(Meta::versions).filter(|version| version.content_hash == wanted);
    let known = record.tree.into_iter().chain(of_baseline.map(|kept| kept.tree));
    let mut not_at_hand = None;
    for tree in known.chain(of_history.map(|version| version.tree)) {
        match store.objects().tree(&tree) {
            Ok(found) if found.content_hash() == wanted => {
                return Ok(Some(Kept { content_hash: wanted, tree }));
            }
            Ok(_) => {}
            // Another store's: nothing says that it is another content.
            Err(objects::Error::Missing { .. }) => {
                not_at_hand.get_or_insert(Kept { content_hash: wanted, tree });
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(not_at_hand)
}

fn twice(name: &SkillName) -> Refusal {
    Refusal {
        kind: Kind::Conflict,
        code: "pulled-twice",
        message: format!("two copies would both become a new version of `{name}`"),
        hint: Some("run the same command again: the second one then meets the first".to_owned()),
    }
}
