//! A project as every command about projects sees it: its deployments, each compared with the store. It only reads;
//! the caches it fills are the caller's to save.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::drift::{self, Ancestry, Drift};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Origin, State, Version};
use skillsync_store::deployment::{self, Content, Record, skillmeat};
use skillsync_store::index::Index;
use skillsync_store::ledger::{CopyKey, Kept, Ledger};
use skillsync_store::meta::Meta;
use skillsync_store::project::{self, AgentFolder, Looked, Place, Project};
use skillsync_store::store::Store;
use skillsync_store::{fs, parallel, skills};

use super::target::tools;
use super::{Error, Refusal};
use crate::ui::Report;
use crate::world::World;

mod base;

pub use base::payload_of;

/// A project that is open: what its files say of its deployments, and what this store knows of them.
pub struct Opened {
    /// The project.
    pub project: Project,
    /// Its folders that have deployments; with [`Opened::add_agent_folders`] all that agents read.
    pub folders: Vec<Folder>,
    /// What this store knows of its copies.
    pub ledger: Ledger,
    /// What was seen of its files.
    pub cache: Index,
}

/// An agent's folder and its records.
pub struct Folder {
    /// Which.
    pub agent: AgentFolder,
    /// Those of our file.
    pub records: Vec<Record>,
    /// Those of SkillMeat's file that ours does not have.
    pub skillmeat: Vec<skillmeat::Deployed>,
    /// Names of records in that file that are none of ours to handle.
    pub others: Vec<String>,
}

impl Folder {
    /// Reads the records in `agent`.
    pub fn read(agent: AgentFolder, cache: &mut Index) -> Result<Self, project::Error> {
        let file = agent.dir.join(deployment::FILE);
        let records = deployment::recall(&file, cache, &agent.name)?.unwrap_or_default();
        let theirs = skillmeat::read(&agent.dir)?;
        let is_ours = |d: &skillmeat::Deployed| records.iter().any(|r| r.key() == (d.artifact_type, &d.name));
        let skillmeat = theirs.deployed.into_iter().filter(|d| !is_ours(d)).collect();
        Ok(Self { agent, records, skillmeat, others: theirs.others })
    }

    /// Whether anything was deployed into it.
    pub fn has_deployments(&self) -> bool {
        !self.records.is_empty() || !self.skillmeat.is_empty()
    }
}

/// Opens the project at `path`, which may be relative to the current folder.
pub fn open(world: &World, store: &Store, path: &Path) -> Result<Opened, Error> {
    let project = Project::open(store, &world.resolve(path))?;
    let ledger = Ledger::load(store.layout(), project.root())?;
    let mut cache = Index::load_at(&store.layout().project_index(project.root()));
    let folders = project.deployed_folders()?.into_iter().map(|agent| Folder::read(agent, &mut cache));
    let folders = folders.collect::<Result<_, _>>()?;
    Ok(Opened { project, folders, ledger, cache })
}

/// The same; fails when nothing is deployed there.
pub fn open_deployed(world: &World, store: &Store, path: &Path) -> Result<Opened, Error> {
    let opened = open(world, store, path)?;
    if !opened.folders.iter().any(Folder::has_deployments) {
        return Err(project::Error::NoDeployments { path: opened.project.path().to_owned() }.into());
    }
    Ok(opened)
}

impl Opened {
    /// Adds the folders of all known tools that the project has.
    pub fn add_agent_folders(&mut self, store: &Store) -> Result<(), Error> {
        for agent in self.project.agent_folders(&tools(store.layout().root())?)? {
            if !self.folders.iter().any(|known| known.agent.dir == agent.dir) {
                self.folders.push(Folder::read(agent, &mut self.cache)?);
            }
        }
        self.folders.sort_by(|a, b| a.agent.cmp(&b.agent));
        Ok(())
    }

    /// Adds one agent's folder, there or not. Fails when it leads out of the project.
    pub fn add_folder(&mut self, agent: AgentFolder) -> Result<(), Error> {
        self.project.require_agent_folder(&agent)?;
        match self.folders.iter_mut().find(|known| known.agent.name == agent.name) {
            // Two agents with one folder may have their skills in different folders of it.
            Some(known) => known.agent = agent,
            None => self.folders.push(Folder::read(agent, &mut self.cache)?),
        }
        self.folders.sort_by(|a, b| a.agent.cmp(&b.agent));
        Ok(())
    }

    /// Writes back what was seen. A cache: failing costs only time.
    pub fn save_cache(&self, store: &Store) {
        let layout = store.layout();
        if self.cache.is_changed() && fs::make_dir(&layout.projects()).is_ok() {
            let _ = self.cache.save_at(layout, &layout.project_index(self.project.root()));
        }
    }

    /// Where a copy is, or would be: where its record says, else by the rule.
    pub fn place(
        &self,
        folder: &Folder,
        artifact_type: ArtifactType,
        name: &SkillName,
    ) -> Result<Place, Error> {
        let key = (artifact_type, name);
        let recorded = folder.records.iter().find(|r| r.key() == key).map(|r| &r.artifact_path);
        let theirs = || folder.skillmeat.iter().find(|d| (d.artifact_type, &d.name) == key).map(|d| &d.path);
        Ok(match recorded.or_else(theirs) {
            Some(below) => self.project.place_at(&folder.agent, artifact_type, name, below),
            None => self.project.place(&folder.agent, artifact_type, name)?,
        })
    }

    /// Moves to trash what killed commands left in the agents' folders and beside their copies, recorded or among
    /// `places`, and says where each was and is.
    pub fn recover<'p>(
        &self,
        store: &Store,
        places: impl IntoIterator<Item = &'p Place>,
    ) -> Result<Vec<Recovered>, Error> {
        let mut folders: BTreeSet<PathBuf> = self.folders.iter().map(|f| f.agent.dir.clone()).collect();
        let beside = |place: &Place| place.path.parent().map(Path::to_owned);
        folders.extend(places.into_iter().filter_map(beside));
        folders.extend(self.recorded()?.iter().filter_map(|subject| beside(&subject.place)));
        let mut recovered = Vec::new();
        for folder in folders {
            let left = project::recover(store, &self.project, &folder)?;
            recovered.extend(left.into_iter().map(|(path, kept)| Recovered { path, kept }));
        }
        Ok(recovered)
    }

    /// Every copy that is recorded, in the order of folders, types and names.
    pub fn recorded(&self) -> Result<Vec<Subject<'_>>, Error> {
        let mut subjects = Vec::new();
        for folder in &self.folders {
            let ours = folder.records.iter().map(Record::key);
            let theirs = folder.skillmeat.iter().map(|d| (d.artifact_type, &d.name));
            let mut keys: Vec<_> = ours.chain(theirs).collect();
            keys.sort();
            for (artifact_type, name) in keys {
                subjects.push(self.subject(folder, artifact_type, name)?);
            }
        }
        Ok(subjects)
    }

    /// One copy in `folder`, recorded or not.
    pub fn subject<'o>(
        &'o self,
        folder: &'o Folder,
        artifact_type: ArtifactType,
        name: &SkillName,
    ) -> Result<Subject<'o>, Error> {
        let place = self.place(folder, artifact_type, name)?;
        Ok(Subject { folder, place })
    }

    /// Compares copies with the store, and remembers what was seen of them.
    pub fn compare(
        &mut self,
        world: &World,
        store: &Store,
        index: &Index,
        wanted: &[CopyKey],
    ) -> Vec<Outcome> {
        let this = &*self;
        let compared = parallel::map(wanted, |key| {
            this.compare_one(world, store, index, key).map_err(|e| Box::new(this.failure(key, &e)))
        });
        let mut outcomes = Vec::with_capacity(compared.len());
        for compared in compared {
            outcomes.push(match compared {
                Ok((compared, looked)) => {
                    looked.remember(&mut self.cache, &compared.place);
                    Ok(compared)
                }
                Err(failure) => Err(*failure),
            });
        }
        outcomes
    }

    fn compare_one(
        &self,
        world: &World,
        store: &Store,
        index: &Index,
        key: &CopyKey,
    ) -> Result<(Compared, Looked), Error> {
        let folder = self.folder(key).ok_or_else(|| no_folder(key))?;
        let subject = self.subject(folder, key.artifact_type, &key.artifact_name)?;
        compare(world, store, index, self, &subject)
    }

    /// The agent's folder of a copy.
    pub fn folder(&self, key: &CopyKey) -> Option<&Folder> {
        self.folders.iter().find(|folder| folder.agent.name == key.folder)
    }

    fn failure(&self, key: &CopyKey, error: &Error) -> Failure {
        let folder = self.folder(key);
        let place = folder.and_then(|f| self.place(f, key.artifact_type, &key.artifact_name).ok());
        Failure {
            artifact_name: key.artifact_name.clone(),
            artifact_type: key.artifact_type,
            folder: key.folder.clone(),
            path: place.map(|place| place.path.display().to_string()),
            error: Report::of(error),
        }
    }
}

fn no_folder(key: &CopyKey) -> Error {
    Refusal {
        kind: skillsync_core::fault::Kind::NotFound,
        code: "agent-folder-missing",
        message: format!("the project has no folder `{}`", key.folder),
        hint: None,
    }
    .into()
}

/// What a killed command left in a project.
#[derive(Debug, Serialize)]
pub struct Recovered {
    /// Where it was.
    pub path: PathBuf,
    /// Where in trash it is.
    pub kept: PathBuf,
}

/// A copy to be compared.
pub struct Subject<'o> {
    /// The agent's folder it is in.
    pub folder: &'o Folder,
    /// Where.
    pub place: Place,
}

/// What a comparison gave.
pub type Outcome = Result<Compared, Failure>;

/// A copy that could not be compared.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// The artifact.
    pub artifact_name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// The agent's folder.
    pub folder: String,
    /// Where it should be.
    pub path: Option<String>,
    /// Why.
    pub error: Report,
}

/// The store's side of a comparison.
#[derive(Debug, Clone)]
pub struct InStore {
    /// Its version.
    pub version: u32,
    /// Its content.
    pub content: Kept,
}

/// One copy, compared.
#[derive(Debug)]
pub struct Compared {
    /// Which.
    pub place: Place,
    /// What the deployment file says; none when it has no record, or SkillMeat's whose content is not to be found.
    pub record: Option<Record>,
    /// Whether that record is SkillMeat's, taken over.
    pub is_adopted: bool,
    /// What the store has; none when it has no such artifact, or it is marked for removal.
    pub store: Option<InStore>,
    /// What the project has, exactly.
    pub copy: Option<Content>,
    /// The same as drift sees it: of a copy that differs in line ends alone what it is a copy of.
    pub project: Option<ContentHash>,
    /// What both are compared with.
    pub baseline: Option<ContentHash>,
    /// Where the object store has that, if it is known.
    pub baseline_kept: Option<Kept>,
    /// What the comparison says.
    pub drift: Option<Drift>,
    /// Whether the store's newest version was made of this copy by a pull, and this store did not come to note it: a
    /// pull that was killed.
    pub is_unnoted: bool,
    /// Whether the copy differs from what it is a copy of in line ends alone.
    pub eol_only: bool,
    /// Whether it differs from what was deployed in executable bits alone.
    pub mode_changed: bool,
    /// The version of this store that was deployed, if it is one.
    pub deployed_version: Option<u32>,
}

impl Compared {
    /// Whether the copy is another content than its record says, or gone. Unlike drift this is the same for every
    /// store, so the deployment file, which they share, may say it.
    pub fn is_edited(&self) -> bool {
        self.record.as_ref().is_some_and(|record| self.project != Some(record.content_hash))
    }
}

/// Compares one copy. Nothing is written.
fn compare(
    world: &World,
    store: &Store,
    index: &Index,
    opened: &Opened,
    subject: &Subject<'_>,
) -> Result<(Compared, Looked), Error> {
    let Subject { folder, place } = subject;
    let (artifact_type, name) = (place.key.artifact_type, &place.key.artifact_name);
    let looked = project::look(&opened.project, &opened.cache, place)?;
    let head = skills::head(store, index, name)?;
    let head = head.filter(|head| head.state == State::Active && head.artifact_type == artifact_type);
    let ours = folder.records.iter().find(|r| r.key() == (artifact_type, name));
    let copy = looked.content;
    let known = opened.ledger.copy(&place.key);
    if let (Some(record), Some(head), Some(copy)) = (ours, &head, &copy)
        && record.tree == Some(copy.tree)
        && head.tree == copy.tree
    {
        // As deployed, on both sides: the common case, which reads no record of the store.
        let content = Kept { content_hash: copy.content_hash, tree: copy.tree };
        let compared = Compared {
            place: place.clone(),
            record: Some(record.clone()),
            is_adopted: false,
            store: Some(InStore { version: head.version, content }),
            copy: Some(*copy),
            project: Some(copy.content_hash),
            baseline: Some(copy.content_hash),
            baseline_kept: Some(content),
            drift: None,
            is_unnoted: false,
            eol_only: false,
            mode_changed: false,
            deployed_version: Some(head.version),
        };
        return Ok((compared, looked));
    }
    let meta = skills::find(store, name)?.filter(|meta| meta.artifact_type == artifact_type);
    let in_store = meta.as_ref().filter(|meta| meta.state == State::Active).map(|meta| {
        let head = meta.head();
        let content = Kept { content_hash: head.content_hash, tree: head.tree };
        InStore { version: head.number, content }
    });
    let adopted = match ours {
        Some(_) => None,
        None => base::adopt(world, store, &opened.project, folder, place, meta.as_ref())?,
    };
    let is_adopted = adopted.is_some();
    let record = ours.cloned().or(adopted);
    // A copy that nobody deployed, and that was pulled, has no record; what this store noted then counts.
    let deployed = record.as_ref().map(|r| r.content_hash).or(known.map(|known| known.baseline.content_hash));
    let is_own = known.is_some_and(|known| Some(known.baseline.content_hash) == deployed);
    let taken = known.filter(|_| is_own).and_then(|known| known.taken);

    let settled = base::settled(store, record.as_ref(), taken, in_store.as_ref(), copy.as_ref())?;
    let store_hash = in_store.as_ref().map(|s| s.content.content_hash);
    let made_of_copy = settled.as_ref().filter(|hash| {
        let is_head = |meta: &&Meta| meta.head().origin == Origin::Pull && is_of(meta.head(), hash);
        taken.map(|taken| taken.content_hash).as_ref() != Some(*hash)
            && meta.as_ref().filter(is_head).is_some()
    });
    let baseline = deployed.as_ref().and_then(|deployed| {
        let ancestry = Ancestry {
            deployed,
            lineage: record.as_ref().map_or(&[], |record| &*record.version_lineage),
            is_own,
            taken: made_of_copy.or(taken.as_ref().map(|taken| &taken.content_hash)),
        };
        let knows = |hash: &ContentHash| meta.as_ref().is_some_and(|meta| has_had(meta, hash));
        drift::baseline(ancestry, knows, store_hash.as_ref(), settled.as_ref()).copied()
    });
    let drift = drift::drift(baseline.as_ref(), store_hash.as_ref(), settled.as_ref());
    let baseline_kept = baseline.and_then(|hash| {
        let of_ledger = known.into_iter().flat_map(|known| [Some(known.baseline), known.taken]).flatten();
        let of_record = record.iter().filter(|r| r.content_hash == hash).filter_map(|r| r.tree);
        let of_history = meta.iter().flat_map(Meta::versions).filter(|v| v.content_hash == hash);
        let mut trees = of_ledger
            .filter(|kept| kept.content_hash == hash)
            .map(|kept| kept.tree)
            .chain(of_record)
            .chain(of_history.map(|version| version.tree));
        trees.next().map(|tree| Kept { content_hash: hash, tree })
    });
    let eol_only = settled != copy.as_ref().map(|copy| copy.content_hash);
    let deployed_tree = record.as_ref().and_then(|record| record.tree);
    let mode_changed = !eol_only
        && settled == record.as_ref().map(|record| record.content_hash)
        && deployed_tree.is_some_and(|tree| copy.as_ref().is_some_and(|copy| copy.tree != tree));
    let deployed_version = record.as_ref().zip(meta.as_ref()).and_then(|(record, meta)| {
        let versions = meta.versions().iter().rev();
        versions.filter(|v| v.content_hash == record.content_hash).map(|v| v.number).next()
    });
    let compared = Compared {
        place: place.clone(),
        record,
        is_adopted,
        store: in_store,
        copy,
        project: settled,
        baseline,
        baseline_kept,
        drift,
        is_unnoted: made_of_copy.is_some() && drift.is_some(),
        eol_only,
        mode_changed,
        deployed_version,
    };
    Ok((compared, looked))
}

/// Whether a content is in the history of an artifact.
fn has_had(meta: &Meta, hash: &ContentHash) -> bool {
    meta.versions().iter().any(|version| is_of(version, hash))
}

/// Whether a version has this content, or was merged from it.
fn is_of(version: &Version, hash: &ContentHash) -> bool {
    version.content_hash == *hash || version.parents.contains(hash)
}
