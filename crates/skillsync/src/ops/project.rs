//! A project as every command about projects sees it: its deployments, each compared with the store. It only reads;
//! the caches it fills are the caller's to save.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_core::skill::ArtifactType;
use skillsync_store::deployment::{self, Record, skillmeat};
use skillsync_store::index::Index;
use skillsync_store::ledger::{CopyKey, Ledger};
use skillsync_store::project::{self, AgentFolder, Looked, Place, Project};
use skillsync_store::skills::Noted;
use skillsync_store::store::Store;
use skillsync_store::{fs, parallel};

use super::git::past::Searches;
use super::target::tools;
use super::{Error, Refusal};
use crate::ui::Report;
use crate::world::World;

mod base;
mod compare;

pub use base::payload_of;
use compare::compare;
pub use compare::{Compared, InStore};

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
    /// The searches of its history.
    pub searches: Searches,
}

/// An agent's folder and its records.
pub struct Folder {
    /// Which.
    pub agent: AgentFolder,
    /// Those of our file, sorted by type and name.
    pub records: Vec<Record>,
    /// Those of SkillMeat's file that ours does not have, sorted likewise.
    pub skillmeat: Vec<skillmeat::Deployed>,
    /// Names of records in that file that are none of ours to handle.
    pub others: Vec<String>,
}

impl Folder {
    /// Reads the records in `agent`, a folder of `project`.
    pub fn read(project: &Project, agent: AgentFolder, cache: &mut Index) -> Result<Self, project::Error> {
        project.require_own_records(&agent)?;
        let file = agent.dir.join(deployment::FILE);
        let records = deployment::recall(&file, cache, &agent.name)?.unwrap_or_default();
        let theirs = skillmeat::read(&agent.dir)?;
        let mut folder = Self { agent, records, skillmeat: Vec::new(), others: theirs.others };
        let is_ours = |d: &skillmeat::Deployed| folder.record(d.artifact_type, &d.name).is_some();
        folder.skillmeat = theirs.deployed.into_iter().filter(|d| !is_ours(d)).collect();
        Ok(folder)
    }

    /// Our record of an artifact.
    pub fn record(&self, artifact_type: ArtifactType, name: &SkillName) -> Option<&Record> {
        let at = self.records.binary_search_by(|record| record.key().cmp(&(artifact_type, name)));
        self.records.get(at.ok()?)
    }

    /// SkillMeat's record of an artifact that has none of ours.
    pub fn skillmeat_record(
        &self,
        artifact_type: ArtifactType,
        name: &SkillName,
    ) -> Option<&skillmeat::Deployed> {
        let key =
            |theirs: &skillmeat::Deployed| (theirs.artifact_type, &theirs.name).cmp(&(artifact_type, name));
        self.skillmeat.get(self.skillmeat.binary_search_by(key).ok()?)
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
    let folders =
        project.deployed_folders()?.into_iter().map(|agent| Folder::read(&project, agent, &mut cache));
    let folders = folders.collect::<Result<_, _>>()?;
    Ok(Opened { project, folders, ledger, cache, searches: Searches::default() })
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
                self.folders.push(Folder::read(&self.project, agent, &mut self.cache)?);
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
            None => self.folders.push(Folder::read(&self.project, agent, &mut self.cache)?),
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
        let recorded = folder.record(artifact_type, name).map(|r| &r.artifact_path);
        let theirs = || folder.skillmeat_record(artifact_type, name).map(|d| &d.path);
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
        let (this, noted) = (&*self, Noted::of(store));
        let compared = parallel::map(wanted, |key| {
            this.compare_one(world, store, index, &noted, key).map_err(|e| Box::new(this.failure(key, &e)))
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
        noted: &Noted<'_>,
        key: &CopyKey,
    ) -> Result<(Compared, Looked), Error> {
        let folder = self.folder(key).ok_or_else(|| no_folder(key))?;
        let subject = self.subject(folder, key.artifact_type, &key.artifact_name)?;
        compare(world, store, index, noted, self, &subject)
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
