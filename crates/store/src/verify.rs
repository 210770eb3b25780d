//! Reading every byte that the store answers for, and saying what is not as it should be (`docs/commands.md`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::artifact::Count;
use skillsync_core::fault::{Fault, with_causes};
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, State, Version};

use crate::meta::Meta;
use crate::objects::{self, Stored};
use crate::render::{self, Condition, Mark};
use crate::scan;
use crate::skills;
use crate::store::Store;
use crate::tools::Mode;
use crate::{fs, parallel};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A skill's record does not read.
    Record,
    /// A canonical folder is not its head version: edited by hand or damaged.
    HandEdited,
    /// A rendered tree is not what was written.
    RenderedEdited,
    /// What agents load cannot be read.
    Unreadable,
    /// A link leads to no rendered tree.
    RenderedMissing,
    /// An object is missing.
    ObjectMissing,
    /// An object's bytes are not what its name says.
    ObjectDamaged,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub trouble: Trouble,
    /// The skill it belongs to, where that is known.
    pub skill: Option<SkillName>,
    /// Where.
    pub path: PathBuf,
    /// In words.
    pub message: String,
    /// What mends it.
    pub hint: String,
}

/// What was read, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// What was looked at.
    #[serde(flatten)]
    pub artifacts: Count,
    /// Rendered trees read.
    pub trees: usize,
    /// Objects read.
    pub objects: usize,
    /// What is wrong, sorted by path.
    pub findings: Vec<Finding>,
}

/// Reads the canonical folders, the rendered trees that links lead to and all objects of `names`.
pub fn verify(store: &Store, names: &[SkillName]) -> Result<Verified, skills::Error> {
    let mut verified = Verified::default();
    let folders = Folders { rendered: rendered_folders(store)?, copies: copy_folders(store) };
    for checked in parallel::map(names, |name| artifact(store, &folders, name)) {
        let (artifact_type, checked) = checked?;
        verified.artifacts.extend([artifact_type]);
        verified.trees += checked.trees;
        verified.objects += checked.objects;
        verified.findings.extend(checked.findings);
    }
    verified.findings.sort_by(|a, b| (&a.path, a.trouble).cmp(&(&b.path, b.trouble)));
    verified.findings.dedup();
    Ok(verified)
}

/// Where what agents load of a skill stands.
struct Folders {
    /// Folders of links to rendered trees.
    rendered: Vec<PathBuf>,
    /// Agents' folders that hold copies.
    copies: Vec<PathBuf>,
}

fn copy_folders(store: &Store) -> Vec<PathBuf> {
    let copies = store.config().targets().iter().filter(|target| target.mode == Mode::Copy);
    copies.map(|target| target.dir(store.home())).collect()
}

fn rendered_folders(store: &Store) -> Result<Vec<PathBuf>, fs::Error> {
    let rendered = store.layout().rendered();
    Ok(fs::entries(&rendered)?.unwrap_or_default().iter().map(|target| rendered.join(target)).collect())
}

/// Checks all that belongs to one artifact.
fn artifact(
    store: &Store,
    folders: &Folders,
    name: &SkillName,
) -> Result<(ArtifactType, Verified), skills::Error> {
    let mut verified = Verified::default();
    let meta = match skills::load(store, name) {
        Ok(meta) => meta,
        Err(e @ skills::Error::NotFound { .. }) => return Err(e),
        Err(e) => {
            let (hint, path) = (e.hint().unwrap_or_default(), store.layout().meta(name));
            let (trouble, message) = (Trouble::Record, e.to_string());
            verified.findings.push(Finding { trouble, skill: Some(name.clone()), path, message, hint });
            // Only the record could say that it is anything else.
            return Ok((ArtifactType::Skill, verified));
        }
    };
    let mut seen = BTreeSet::new();
    for version in meta.versions() {
        if seen.insert(version.tree) {
            objects_of(store, name, version, &mut verified);
        }
    }
    // What is stored was read a moment ago: comparing with it is cheaper than hashing again.
    let head = store.objects().open(&meta.head().tree).ok();
    verified.findings.extend(canonical(store, name, &meta, head.as_ref())?);
    if meta.state == State::Active {
        rendered(store, &folders.rendered, name, head.as_ref(), &mut verified)?;
        copies(&folders.copies, name, head.as_ref(), &mut verified);
    }
    Ok((meta.artifact_type, verified))
}

/// Reads a version's object and the large files it shares with others.
fn objects_of(store: &Store, name: &SkillName, version: &Version, verified: &mut Verified) {
    let stored = match store.objects().open(&version.tree) {
        Ok(stored) => stored,
        Err(e) => {
            let path = store.layout().tree_object(&version.tree);
            return verified.findings.push(object_finding(&e, (name, version.number), path));
        }
    };
    verified.objects += 1;
    for (_, file) in stored.tree().files() {
        if let Err(e) = stored.read(&file.digest) {
            let path = stored.place(&file.digest);
            verified.findings.push(object_finding(&e, (name, version.number), path));
        }
    }
}

/// Compares the canonical folder with its newest version.
fn canonical(
    store: &Store,
    name: &SkillName,
    meta: &Meta,
    head: Option<&Stored<'_>>,
) -> Result<Option<Finding>, skills::Error> {
    let path = store.layout().skill(name);
    let same = match head {
        Some(head) => is_same(&path, head),
        None => scan::read(&path).map(|(tree, _)| tree.id() == meta.head().tree).map_err(skills::Error::from),
    };
    let message = match same {
        Ok(true) => return Ok(None),
        Ok(false) => "its files are not those of its newest version".to_owned(),
        Err(e) => e.to_string(),
    };
    let hint = format!(
        "`skillsync adopt {name}` makes it a version, `skillsync adopt {name} --discard` restores it"
    );
    let skill = Some(name.clone());
    Ok(Some(Finding { trouble: Trouble::HandEdited, skill, path, message, hint }))
}

fn is_same(root: &Path, head: &Stored<'_>) -> Result<bool, skills::Error> {
    let listing = scan::list(root)?;
    if listing.files.len() != head.tree().len() {
        return Ok(false);
    }
    for found in &listing.files {
        let as_recorded = match head.tree().get(&found.path) {
            Some(file) => {
                file.executable == found.executable
                    && file.size_bytes == found.size_bytes
                    && head.holds(&file.digest, found.size_bytes, &found.at)?
            }
            None => false,
        };
        if !as_recorded {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Checks every tree that a link of the skill leads to; each tree once, however many links there are.
fn rendered(
    store: &Store,
    targets: &[PathBuf],
    name: &SkillName,
    head: Option<&Stored<'_>>,
    verified: &mut Verified,
) -> Result<(), skills::Error> {
    let layout = store.layout();
    let mut seen = BTreeSet::new();
    for folder in targets {
        let link = folder.join(name.as_str());
        let Some(hex) = render::linked(layout, &link)? else { continue };
        if !seen.insert(hex.clone()) {
            continue;
        }
        verified.trees += 1;
        let path = layout.trees().join(&hex);
        let condition = match render::read(&path, head) {
            Ok(condition) => condition,
            Err(e) => {
                verified.findings.push(unreadable(name, path, &e));
                continue;
            }
        };
        let (trouble, message, hint) = match condition {
            Condition::Intact => continue,
            Condition::Edited(_) | Condition::Unmarked => {
                verified.findings.push(edited(name, path));
                continue;
            }
            Condition::Missing => (
                Trouble::RenderedMissing,
                format!("`{}` leads nowhere", link.display()),
                "`skillsync sync` renders it again".to_owned(),
            ),
        };
        verified.findings.push(Finding { trouble, skill: Some(name.clone()), path, message, hint });
    }
    Ok(())
}

/// Checks the copies of the skill in agents' folders. What carries no mark of the skill is not ours.
fn copies(folders: &[PathBuf], name: &SkillName, head: Option<&Stored<'_>>, verified: &mut Verified) {
    for folder in folders {
        let path = folder.join(name.as_str());
        match copy(&path, name, head) {
            Ok(None) => continue,
            Ok(Some(Condition::Edited(_))) => verified.findings.push(edited(name, path)),
            Ok(Some(_)) => {}
            Err(e) => verified.findings.push(unreadable(name, path, &e)),
        }
        verified.trees += 1;
    }
}

/// How the copy at `path` is; `None` when there is none of ours.
fn copy(
    path: &Path,
    name: &SkillName,
    head: Option<&Stored<'_>>,
) -> Result<Option<Condition>, skills::Error> {
    let is_folder = fs::lstat(path)?.is_some_and(|metadata| metadata.is_dir());
    if !is_folder || Mark::load(path)?.is_none_or(|mark| mark.name != *name) {
        return Ok(None);
    }
    Ok(Some(render::read(path, head)?))
}

fn unreadable(name: &SkillName, path: PathBuf, error: &skills::Error) -> Finding {
    Finding {
        trouble: Trouble::Unreadable,
        skill: Some(name.clone()),
        path,
        message: with_causes(error),
        hint: error.hint().unwrap_or_else(|| "look at its owner and permissions".to_owned()),
    }
}

fn edited(name: &SkillName, path: PathBuf) -> Finding {
    Finding {
        trouble: Trouble::RenderedEdited,
        skill: Some(name.clone()),
        path,
        message: format!("what agents load of `{name}` was edited"),
        hint: format!("`skillsync adopt {name}` keeps the edit, `skillsync adopt {name} --discard` drops it"),
    }
}

fn object_finding(error: &objects::Error, (name, version): (&SkillName, u32), path: PathBuf) -> Finding {
    let trouble = match error {
        objects::Error::Missing { .. } => Trouble::ObjectMissing,
        _ => Trouble::ObjectDamaged,
    };
    Finding {
        trouble,
        skill: Some(name.clone()),
        path,
        message: format!("version {version} of `{name}` needs it: {error}"),
        hint: "`skillsync doctor --fix` stores it again where its bytes are still at hand".to_owned(),
    }
}
