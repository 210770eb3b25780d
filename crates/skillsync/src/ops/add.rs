//! `add`: skills from folders and git repositories, commands and agents from files come into the store (checklist D4,
//! decisions 5, 8, 10, 17).

use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_core::artifact;
use skillsync_core::digest::{ContentHash, FileDigest};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::frontmatter::{self, Severity};
use skillsync_core::name::{self, SkillName};
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{ArtifactType, Origin, Source, State};
use skillsync_core::tree::{File, Tree};
use skillsync_core::{limits, tree};
use skillsync_store::index::Index;
use skillsync_store::meta::{Meta, Upstream};
use skillsync_store::objects::Batch;
use skillsync_store::skills::{self, Change, Staged};
use skillsync_store::store::{Store, Transaction, Writing};
use skillsync_store::{fs, parallel, scan};

use super::validate::{Finding, secret_in, secrets_in};
use super::{Error, Refusal};
use crate::ui::{Progress, Report};

mod discover;
mod locate;
mod markdown;

pub use discover::{Candidate, Content, discover};
pub use locate::{Located, locate};
pub use markdown::markdown;

/// So many hex digits of a commit tell it apart; the record has all.
const SHORT_COMMIT: usize = 12;

/// An artifact that was (or would be) added.
#[derive(Debug, Serialize)]
pub struct AddedSkill {
    /// Its name in the store.
    pub skill: SkillName,
    /// What it is.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// What became of it.
    pub status: Status,
    /// Its newest version; none in a plan for a new one.
    pub version: Option<u32>,
    /// Content hash of what was added.
    pub content_hash: ContentHash,
    /// Where it was found: a folder or file, or a repository's address, `//` and the folder in it.
    pub path: PathBuf,
    /// What is not as it should be, though an agent can load it.
    pub warnings: Vec<Finding>,
}

/// What became of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new in the store.
    Added,
    /// It is the next version of one that was there.
    Updated,
    /// The store has exactly this already.
    Unchanged,
}

/// Something that was not added.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// The folder or file, or a repository's address, `//` and the folder in it.
    pub path: PathBuf,
    /// The name it would have had, where that is known.
    pub skill: Option<SkillName>,
    /// Why not.
    pub error: Report,
}

/// What `add` did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct AddReport {
    /// Whether nothing was changed because only the plan was asked for.
    pub dry_run: bool,
    /// What is in the store now.
    pub added: Vec<AddedSkill>,
    /// What is not, and why.
    pub failed: Vec<Failed>,
}

/// What to do with what is there with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Fails.
    Refuse,
    /// The new content becomes its next version.
    Update,
}

/// Where candidates come from, for their record.
#[derive(Debug, Clone)]
pub enum Provenance {
    /// A folder or file on this machine.
    Folder,
    /// A git repository; the path is completed for each skill.
    Git(Upstream),
}

/// Adds `candidates` under a mutex that is held already. Each is its own: one that fails spares the others.
pub fn apply(
    writing: &Writing<'_>,
    index: &mut Index,
    candidates: &[Candidate],
    provenance: &Provenance,
    existing: Existing,
    progress: &Progress,
) -> Result<AddReport, Error> {
    let store = writing.store();
    let mut report = AddReport::default();
    let usable = usable(candidates, &mut report);
    let known: &Index = index;
    let decided =
        parallel::map(&usable, |(candidate, name)| standing(store, known, candidate, name, existing));
    let mut wanted = Vec::new();
    for ((candidate, name), standing) in usable.into_iter().zip(decided) {
        match standing {
            Ok(Standing::Same(version, tree)) => {
                progress.step();
                report.added.push(line(candidate, &name, Status::Unchanged, Some(version), &tree));
            }
            Ok(Standing::New) => wanted.push((candidate, name, Status::Added)),
            Ok(Standing::Other(..)) => wanted.push((candidate, name, Status::Updated)),
            Err(e) => report.failed.push(failed(candidate, Some(&name), &e)),
        }
    }
    for part in wanted.chunks(TOGETHER) {
        add(writing, index, part, provenance, progress, &mut report)?;
    }
    report.added.sort_by(|a, b| a.skill.cmp(&b.skill));
    Ok(report)
}

/// So many skills are made durable together: enough that the calls do not count, few enough to hold in memory.
const TOGETHER: usize = 1_000;

/// Stages what is wanted and makes versions of it.
fn add(
    writing: &Writing<'_>,
    index: &mut Index,
    wanted: &[(&Candidate, SkillName, Status)],
    provenance: &Provenance,
    progress: &Progress,
    report: &mut AddReport,
) -> Result<(), Error> {
    let transaction = writing.transaction()?;
    let batch = Batch::new(writing.store().layout(), transaction.dir())?;
    let staged = parallel::map(wanted, |(candidate, name, _)| {
        let staged = stage(&transaction, &batch, candidate, name);
        let staged = staged.map(|staged| (staged, secrets(candidate)));
        progress.step();
        staged
    });
    let mut changes = Vec::new();
    let mut pending = Vec::new();
    for ((candidate, name, status), staged) in wanted.iter().zip(staged) {
        match staged {
            Ok((staged, secrets)) => {
                let mut added = line(candidate, name, *status, None, &staged.tree);
                added.warnings.extend(secrets);
                pending.push(added);
                changes.push(change(staged, candidate, provenance));
            }
            Err(e) => report.failed.push(failed(candidate, Some(name), &e)),
        }
    }
    let advanced = skills::advance(writing, &transaction, batch, index, changes)?;
    for (mut added, result) in pending.into_iter().zip(advanced) {
        match result {
            Ok(advanced) => {
                added.version = Some(advanced.version.number);
                report.added.push(added);
            }
            Err(e) => {
                let error = Report::of(&e);
                report.failed.push(Failed { path: added.path, skill: Some(added.skill), error });
            }
        }
    }
    Ok(transaction.finish()?)
}

/// What [`apply`] would do. Reads the candidates, changes nothing.
pub fn preview(store: &Store, candidates: &[Candidate], existing: Existing) -> Result<AddReport, Error> {
    let mut report = AddReport { dry_run: true, ..AddReport::default() };
    let index = Index::load(store.layout());
    for (candidate, name) in usable(candidates, &mut report) {
        let planned = standing(store, &index, candidate, &name, existing).and_then(|standing| {
            let (status, version, tree) = match standing {
                Standing::New => (Status::Added, None, tree_of(candidate, &name)?),
                Standing::Other(version, tree) => (Status::Updated, Some(version + 1), tree),
                Standing::Same(version, tree) => (Status::Unchanged, Some(version), tree),
            };
            let mut line = line(candidate, &name, status, version, &tree);
            if status != Status::Unchanged {
                line.warnings.extend(secrets(candidate));
            }
            Ok(line)
        });
        match planned {
            Ok(line) => report.added.push(line),
            Err(e) => report.failed.push(failed(candidate, Some(&name), &e)),
        }
    }
    report.added.sort_by(|a, b| a.skill.cmp(&b.skill));
    Ok(report)
}

/// The candidates that have a name of their own; the others are reported.
fn usable<'c>(candidates: &'c [Candidate], report: &mut AddReport) -> Vec<(&'c Candidate, SkillName)> {
    let mut usable: Vec<(&Candidate, SkillName)> = Vec::new();
    let mut seen: std::collections::BTreeMap<SkillName, PathBuf> = std::collections::BTreeMap::new();
    for candidate in candidates {
        match &candidate.name {
            Ok(name) => match seen.get(name) {
                Some(first) => {
                    let twice = Refusal {
                        kind: Kind::Exists,
                        code: "skill-twice",
                        message: format!("`{name}` is there twice; the other is `{}`", first.display()),
                        hint: Some("add them one by one, one of them with --name".to_owned()),
                    };
                    report.failed.push(failed(candidate, Some(name), &twice));
                }
                None => {
                    seen.insert(name.clone(), candidate.path.clone());
                    usable.push((candidate, name.clone()));
                }
            },
            Err(e) => report.failed.push(failed(candidate, None, e)),
        }
    }
    usable
}

fn stage(
    transaction: &Transaction,
    batch: &Batch<'_>,
    candidate: &Candidate,
    name: &SkillName,
) -> Result<Staged, Error> {
    Ok(match &candidate.content {
        Content::Folder { renamed } => {
            let instead = renamed.as_deref().map(|bytes| (tree::SKILL_MD, bytes));
            skills::stage_folder_but(transaction, batch, name, &candidate.path, instead)?
        }
        Content::Markdown { artifact_type, bytes, executable } => {
            let path = main_path(*artifact_type, name)?;
            skills::stage_bytes(transaction, batch, name, &[(path, bytes.clone(), *executable)])?
        }
    })
}

/// Where the main file lies among an artifact's files.
fn main_path(artifact_type: ArtifactType, name: &SkillName) -> Result<SkillPath, Error> {
    Ok(SkillPath::parse(&artifact_type.main_file(name)).map_err(tree::Error::from)?)
}

/// What looks like a secret in what is added.
fn secrets(candidate: &Candidate) -> Vec<Finding> {
    match &candidate.content {
        Content::Folder { .. } => secrets_in(&candidate.path),
        Content::Markdown { bytes, .. } => {
            let file = candidate.path.file_name().unwrap_or_default().to_string_lossy();
            secret_in(&file, bytes).into_iter().collect()
        }
    }
}

/// How a candidate stands to what the store has.
enum Standing {
    /// There is nothing of its name.
    New,
    /// The store has exactly this, as this version.
    Same(u32, Tree),
    /// The store has other content, up to this version, and may be given this.
    Other(u32, Tree),
}

/// Compares a candidate with what the store has of its name, and refuses what may not replace it. Reads a folder only
/// where there is such a thing.
fn standing(
    store: &Store,
    index: &Index,
    candidate: &Candidate,
    name: &SkillName,
    existing: Existing,
) -> Result<Standing, Error> {
    let Some(meta) = skills::find(store, name)? else { return Ok(Standing::New) };
    if meta.artifact_type != candidate.artifact_type() {
        return Err(taken(name, &meta));
    }
    let tree = tree_of(candidate, name)?;
    let head = meta.head();
    let marked = meta.state == State::PendingRemove;
    if head.tree == tree.id() && !marked {
        return Ok(Standing::Same(head.number, tree));
    }
    if existing == Existing::Refuse && !marked {
        let next = head.number + 1;
        let hint = format!("--force makes this version {next} of it; --name adds it under another name");
        return Err(Refusal {
            kind: Kind::Exists,
            code: "skill-exists",
            message: format!("there is {} `{name}` with other content already", meta.artifact_type.phrase()),
            hint: Some(hint),
        }
        .into());
    }
    // What is made of what was revoked is settled first.
    if skills::Noted::of(store).is_quarantined(name, Some(&meta)) {
        return Err(skills::Error::Quarantined { name: name.clone() }.into());
    }
    skills::require_pristine(store, index, name, &meta)?;
    Ok(Standing::Other(head.number, tree))
}

/// The name belongs to something of another type, which no version can change.
fn taken(name: &SkillName, meta: &Meta) -> Error {
    let hint = match meta.state {
        State::Active | State::Quarantined => {
            "--name adds it under another name: skills, commands and agents share theirs"
        }
        State::PendingRemove => {
            "it is marked for removal: `skillsync sync` first, or --name for another name"
        }
    };
    Refusal {
        kind: Kind::Exists,
        code: "name-taken",
        message: format!("`{name}` is {} already", meta.artifact_type.phrase()),
        hint: Some(hint.to_owned()),
    }
    .into()
}

/// The tree that a candidate will have in the store under `name`.
fn tree_of(candidate: &Candidate, name: &SkillName) -> Result<Tree, Error> {
    let file = |bytes: &[u8], executable| File {
        digest: FileDigest::of(bytes),
        size_bytes: bytes.len() as u64,
        executable,
    };
    let tree = match &candidate.content {
        Content::Folder { renamed: None } => scan::read(&candidate.path)?.0,
        Content::Folder { renamed: Some(bytes) } => {
            let (tree, _) = scan::read(&candidate.path)?;
            Tree::new(tree.files().map(|(path, known)| match path.as_str() {
                tree::SKILL_MD => (path.clone(), file(bytes, known.executable)),
                _ => (path.clone(), *known),
            }))?
        }
        Content::Markdown { artifact_type, bytes, executable } => {
            Tree::new([(main_path(*artifact_type, name)?, file(bytes, *executable))])?
        }
    };
    artifact::main_file(candidate.artifact_type(), name, &tree)?;
    Ok(tree)
}

fn change(staged: Staged, candidate: &Candidate, provenance: &Provenance) -> Change {
    let (source, upstream, reason) = match provenance {
        Provenance::Folder => (Source::Imported, None, None),
        Provenance::Git(upstream) => {
            let commit: String = upstream.commit.chars().take(SHORT_COMMIT).collect();
            let reason = format!("{} at {commit}", upstream.url);
            let upstream = Upstream { path: candidate.relative.clone(), ..upstream.clone() };
            (Source::Git, Some(upstream), Some(reason))
        }
    };
    let artifact_type = candidate.artifact_type();
    Change { reason, upstream, artifact_type, ..Change::new(staged, Origin::Add, source) }
}

fn line(
    candidate: &Candidate,
    name: &SkillName,
    status: Status,
    version: Option<u32>,
    tree: &Tree,
) -> AddedSkill {
    AddedSkill {
        skill: name.clone(),
        artifact_type: candidate.artifact_type(),
        status,
        version,
        content_hash: tree.content_hash(),
        path: candidate.path.clone(),
        warnings: candidate.warnings.clone(),
    }
}

fn failed(candidate: &Candidate, name: Option<&SkillName>, error: &dyn Fault) -> Failed {
    Failed { path: candidate.path.clone(), skill: name.cloned(), error: Report::of(error) }
}

/// The name of a skill in a folder: its frontmatter's if there is one, else the folder's (decision 5).
pub fn name_of(
    dir: &Path,
    head: &frontmatter::SkillMd,
    warnings: &mut Vec<Finding>,
) -> Result<SkillName, name::Error> {
    let folder = dir.file_name().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(written) = head.name() else { return SkillName::parse(&folder) };
    let name = SkillName::parse(written)?;
    if folder != name.as_str() {
        warnings.push(Finding {
            severity: Severity::Warning,
            code: "name-differs",
            file: None,
            line: None,
            message: format!("its SKILL.md says `{name}`, its folder `{folder}`; it is added as `{name}`"),
            hint: None,
        });
    }
    Ok(name)
}

/// Reads the `SKILL.md` of a folder.
pub fn read_skill_md(dir: &Path) -> Result<Vec<u8>, Error> {
    let path = dir.join(tree::SKILL_MD);
    if fs::stat(&path)?.is_none() {
        return Err(tree::Error::NoSkillMd.into());
    }
    Ok(fs::read(&path, limits::SKILL_MD_BYTES)?)
}
