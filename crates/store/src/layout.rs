//! Every path of the store (`docs/formats/store.md`, checklist D3), and making its folders.

use std::path::{Path, PathBuf};

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest, FileDigest, TreeId};
use skillsync_core::name::{SkillName, SourceName, TargetId};

use crate::fs;

/// Where the things of one store are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// The name of the file with a skill's own record, in its canonical folder.
pub const META: &str = ".meta.toml";
/// The name of the file in a rendered tree that lists what was rendered. Hidden from the payload by its prefix.
pub const TREE_MARK: &str = ".skillsync-tree";

impl Layout {
    /// The store at `root`, an absolute path.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The user's own additions to the registry of tools.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools.toml")
    }

    /// Canonical skills.
    pub fn skills(&self) -> PathBuf {
        self.root.join("skills")
    }

    /// The canonical folder of one skill.
    pub fn skill(&self, name: &SkillName) -> PathBuf {
        self.skills().join(name.as_str())
    }

    /// The record of one skill.
    pub fn meta(&self, name: &SkillName) -> PathBuf {
        self.skill(name).join(META)
    }

    /// Working copies.
    pub fn editing(&self) -> PathBuf {
        self.root.join("editing")
    }

    /// The working copy of one skill: where its lease holder edits.
    pub fn working_copy(&self, name: &SkillName) -> PathBuf {
        self.editing().join(name.as_str())
    }

    /// Edit leases.
    pub fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// The edit lease of one skill.
    pub fn lease(&self, name: &SkillName) -> PathBuf {
        self.locks().join(format!("{name}.lock"))
    }

    /// Symlinks to rendered trees, a folder for each target.
    pub fn rendered(&self) -> PathBuf {
        self.root.join("rendered")
    }

    /// What the entries of one target's folder point into.
    pub fn rendered_target(&self, target: &TargetId) -> PathBuf {
        self.rendered().join(target.as_str())
    }

    /// What the entry of one skill in one target points at.
    pub fn rendered_skill(&self, target: &TargetId, name: &str) -> PathBuf {
        self.rendered_target(target).join(name)
    }

    /// Rendered trees.
    pub fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    /// One rendered tree.
    pub fn tree(&self, id: &TreeId) -> PathBuf {
        self.trees().join(id.hex())
    }

    /// What a link in `rendered/<target>/` says to lead to a rendered tree: relative, so that a store can be moved.
    pub fn tree_from_rendered(id: &TreeId) -> PathBuf {
        Path::new("../../trees").join(id.hex())
    }

    /// The object store.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// The object with one file's bytes.
    pub fn blob(&self, digest: &FileDigest) -> PathBuf {
        fanned(self.objects().join("blobs"), &digest.hex())
    }

    /// The object with one tree's list of files.
    pub fn tree_object(&self, id: &TreeId) -> PathBuf {
        fanned(self.objects().join("trees"), &id.hex())
    }

    /// Observation logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The observation log of one skill.
    pub fn log(&self, name: &SkillName) -> PathBuf {
        self.logs().join(format!("{name}.jsonl"))
    }

    /// Our own small records.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The file whose lock is the store's mutex. Never renamed, never removed.
    pub fn mutex(&self) -> PathBuf {
        self.state().join("mutex")
    }

    /// What was seen of every file at the last look: a cache.
    pub fn index(&self) -> PathBuf {
        self.state().join("index")
    }

    /// The last edit lease's token.
    pub fn lease_counter(&self) -> PathBuf {
        self.state().join("lease-counter")
    }

    /// What is known of projects with deployments, a ledger and a cache for each.
    pub fn projects(&self) -> PathBuf {
        self.state().join("projects")
    }

    /// The ledger of the project at `root`, its real path.
    pub fn ledger(&self, root: &Path) -> PathBuf {
        self.projects().join(format!("{}.json", project_id(root)))
    }

    /// The cache of what was seen in the project at `root`, its real path.
    pub fn project_index(&self, root: &Path) -> PathBuf {
        self.projects().join(format!("{}.index", project_id(root)))
    }

    /// What the last `setup` did, for its undo.
    pub fn setup_record(&self) -> PathBuf {
        self.state().join("setup.json")
    }

    /// Work in progress.
    pub fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    /// Replaced things.
    pub fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// What is known of sources, a folder for each; made with the first of them.
    pub fn sources(&self) -> PathBuf {
        self.root.join("sources")
    }

    /// What is known of one source.
    pub fn source(&self, name: &SourceName) -> PathBuf {
        self.sources().join(name.as_str())
    }

    /// The key for one source. For its owner's eyes alone.
    pub fn source_key(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("key")
    }

    /// One root of one source, in its envelope. The trust of the source says which is the newest; each has a name of its
    /// own, so that no kill can leave the one with the other's bytes.
    pub fn source_root(&self, name: &SourceName, version: u64) -> PathBuf {
        self.source(name).join(format!("root-{version}.json"))
    }

    /// What may be believed of one source: never goes back.
    pub fn source_trust(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("trust.json")
    }

    /// The last manifest of one source, in its envelope.
    pub fn source_manifest(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("manifest.json")
    }

    /// The last advisories of one source, in their envelope.
    pub fn source_advisories(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("advisories.json")
    }

    /// The release statements of what is installed from one source.
    pub fn source_releases(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("releases")
    }

    /// One release statement, in its envelope; `digest` is that of the envelope.
    pub fn source_release(&self, name: &SourceName, digest: &EnvelopeDigest) -> PathBuf {
        self.source_releases(name).join(format!("{}.json", digest.hex()))
    }

    /// When one source was asked, and when it is to be asked next.
    pub fn source_poll(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("poll.json")
    }

    /// The last open index of one source.
    pub fn source_index(&self, name: &SourceName) -> PathBuf {
        self.source(name).join("index.json")
    }

    /// What was installed from sources, and when.
    pub fn install_state(&self) -> PathBuf {
        self.root.join("_meta.json")
    }

    /// What was downloaded. Can be deleted at any time when no command runs.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// An archive that was downloaded.
    pub fn cached(&self, digest: &ArchiveDigest) -> PathBuf {
        self.cache().join(format!("{}.tar.gz", digest.hex()))
    }

    /// Makes the folders that are missing, durably: objects that are acknowledged later stand in them.
    pub fn make_folders(&self) -> Result<(), fs::Error> {
        for folder in self.folders() {
            if fs::lstat(&folder)?.is_none() {
                fs::make_dir(&folder)?;
            }
        }
        fs::sync_dir(&self.objects())?;
        fs::sync_dir(&self.root)
    }

    /// The folders that a store has.
    pub fn folders(&self) -> [PathBuf; 12] {
        [
            self.skills(),
            self.editing(),
            self.locks(),
            self.rendered(),
            self.trees(),
            self.objects(),
            self.objects().join("blobs"),
            self.objects().join("trees"),
            self.logs(),
            self.state(),
            self.staging(),
            self.trash(),
        ]
    }
}

/// A short name for a project on this machine: its path may hold anything.
fn project_id(root: &Path) -> String {
    FileDigest::of(root.as_os_str().as_encoded_bytes()).hex()[..16].to_owned()
}

fn fanned(base: PathBuf, hex: &str) -> PathBuf {
    let (head, tail) = hex.split_at(2);
    base.join(head).join(tail)
}
