//! Finding the skills in a folder: the folder itself, its children, or the usual places below it.

use std::path::{Path, PathBuf};

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::frontmatter::{self, Severity};
use skillsync_core::name::{self, SkillName};
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree;
use skillsync_store::{fs, scan};

use super::{name_of, read_skill_md};
use crate::ops::validate::Finding;
use crate::ops::{Error, Refusal};

/// Where repositories keep their skills, tried in this order when the folder itself has none.
const USUAL_PLACES: [&str; 4] = ["skills", ".claude/skills", ".agents/skills", ".codex/skills"];

/// A folder that looks like a skill, or a file that is said to be a command or an agent.
#[derive(Debug)]
pub struct Candidate {
    /// The folder or file.
    pub path: PathBuf,
    /// The same as seen from the source's root, with `/`; empty for the root itself.
    pub relative: String,
    /// Its name in the store, or why it cannot be added.
    pub name: Result<SkillName, Unusable>,
    /// What is not as it should be, though an agent can load it.
    pub warnings: Vec<Finding>,
    /// What comes into the store.
    pub content: Content,
}

/// What a candidate holds.
#[derive(Debug)]
pub enum Content {
    /// The payload of the folder: a skill.
    Folder {
        /// Its `SKILL.md` with another name, when it is added under one.
        renamed: Option<Vec<u8>>,
    },
    /// One Markdown file: a command or an agent.
    Markdown {
        /// Which of them.
        artifact_type: ArtifactType,
        /// The file's bytes.
        bytes: Vec<u8>,
        /// Whether it is executable.
        executable: bool,
    },
}

impl Candidate {
    /// What it will be in the store.
    pub fn artifact_type(&self) -> ArtifactType {
        match &self.content {
            Content::Folder { .. } => ArtifactType::Skill,
            Content::Markdown { artifact_type, .. } => *artifact_type,
        }
    }

    /// Whether `name` means this one: by its name in the store or its folder's.
    pub fn is_called(&self, name: &SkillName) -> bool {
        self.name.as_ref().is_ok_and(|own| own == name) || self.folder() == name.as_str()
    }

    /// Its name, or its folder's when it has none that can be used.
    pub fn label(&self) -> String {
        self.name.as_ref().map_or_else(|_| self.folder(), SkillName::to_string)
    }

    fn folder(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Why a folder or file cannot be added.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not {} that can be added", .path.display(), .artifact_type.phrase())]
pub struct Unusable {
    path: PathBuf,
    artifact_type: ArtifactType,
    kind: Kind,
    code: &'static str,
    hint: Option<String>,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Unusable {
    /// The fault of a skill's folder.
    pub(super) fn new(dir: &Path, fault: impl Fault) -> Self {
        Self::of(ArtifactType::Skill, dir, fault)
    }

    /// The fault of what was to be `artifact_type`.
    pub(super) fn of(artifact_type: ArtifactType, path: &Path, fault: impl Fault) -> Self {
        let (kind, code, hint) = (fault.kind(), fault.code(), fault.hint());
        Self { path: path.to_owned(), artifact_type, kind, code, hint, source: Box::new(fault) }
    }
}

impl Fault for Unusable {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn code(&self) -> &'static str {
        self.code
    }
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// Finds the skills below `root`. Fails when there is none.
pub fn discover(root: &Path, rename: Option<&SkillName>) -> Result<Vec<Candidate>, Error> {
    if !fs::stat(root)?.is_some_and(|m| m.is_dir()) {
        return Err(match scan::no_folder(root) {
            scan::Error::Missing { .. } => Refusal {
                kind: Kind::NotFound,
                code: "folder-not-found",
                message: format!("`{}` does not exist", root.display()),
                hint: Some("SOURCE is a folder here, or a repository such as `owner/repo`".to_owned()),
            }
            .into(),
            other => other.into(),
        });
    }
    let mut found = Vec::new();
    if has_skill_md(root)? {
        found.push(candidate(root, String::new(), rename));
        return Ok(found);
    }
    children(root, "", rename, &mut found)?;
    for place in USUAL_PLACES {
        if found.is_empty() {
            children(&root.join(place), place, rename, &mut found)?;
        }
    }
    if found.is_empty() {
        return Err(Refusal {
            kind: Kind::NotFound,
            code: "no-skill-found",
            message: format!("there is no skill in `{}`", root.display()),
            hint: Some("a skill is a folder with a SKILL.md (exactly so spelt) in it".to_owned()),
        }
        .into());
    }
    Ok(found)
}

pub(super) fn has_skill_md(dir: &Path) -> Result<bool, Error> {
    // A SKILL.md that cannot be read is one: it is reported then, not passed over.
    Ok(fs::lstat(&dir.join(tree::SKILL_MD))?.is_some())
}

fn children(
    dir: &Path,
    relative: &str,
    rename: Option<&SkillName>,
    found: &mut Vec<Candidate>,
) -> Result<(), Error> {
    for entry in fs::entries(dir)?.unwrap_or_default() {
        let child = dir.join(&entry);
        let is_dir = fs::stat(&child)?.is_some_and(|m| m.is_dir());
        if is_dir && has_skill_md(&child)? {
            let name = entry.to_string_lossy();
            let relative = if relative.is_empty() { name.into_owned() } else { format!("{relative}/{name}") };
            found.push(candidate(&child, relative, rename));
        }
    }
    Ok(())
}

pub(super) fn candidate(dir: &Path, relative: String, rename: Option<&SkillName>) -> Candidate {
    let mut warnings = Vec::new();
    let mut renamed = None;
    let name = head(dir, rename, &mut warnings, &mut renamed);
    Candidate { path: dir.to_owned(), relative, name, warnings, content: Content::Folder { renamed } }
}

fn head(
    dir: &Path,
    rename: Option<&SkillName>,
    warnings: &mut Vec<Finding>,
    renamed: &mut Option<Vec<u8>>,
) -> Result<SkillName, Unusable> {
    let bytes = read_skill_md(dir).map_err(|e| Unusable::new(dir, e))?;
    let parsed = frontmatter::parse(&bytes).map_err(|e| Unusable::new(dir, e))?;
    if parsed.description().is_none() {
        return Err(Unusable::new(
            dir,
            Refusal {
                kind: Kind::Invalid,
                code: "description-missing",
                message: "its SKILL.md has no description, so no agent would load it".to_owned(),
                hint: Some(
                    "add `description: ...` to its frontmatter: what it does and when to use it".to_owned(),
                ),
            },
        ));
    }
    let name = match rename {
        Some(name) => {
            if parsed.name() != Some(name.as_str()) {
                *renamed = frontmatter::with_name(&bytes, name);
            }
            name.clone()
        }
        None => name_of(dir, &parsed, warnings).map_err(|e: name::Error| Unusable::new(dir, e))?,
    };
    // What is added counts: a name that was replaced is nobody's concern any more.
    let added = renamed.as_deref().unwrap_or(&bytes);
    let read = frontmatter::parse(added).map_err(|e| Unusable::new(dir, e))?;
    warnings.extend(read.warnings.iter().cloned().map(|finding| Finding::in_file(tree::SKILL_MD, finding)));
    let rules = frontmatter::check(&read, added, None);
    // What an agent can still load is added, with everything said that a strict reader would refuse.
    let seen: Vec<&str> = warnings.iter().map(|w| w.code).collect();
    let more: Vec<Finding> = rules
        .into_iter()
        .filter(|f| !seen.contains(&f.code) && f.severity == Severity::Error)
        .map(|f| Finding::in_file(tree::SKILL_MD, frontmatter::Finding { severity: Severity::Warning, ..f }))
        .collect();
    warnings.extend(more);
    Ok(name)
}
