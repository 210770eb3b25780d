//! A command or an agent to add: one Markdown file on this machine, its name that of the file.

use std::path::Path;

use skillsync_core::artifact;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;
use skillsync_core::name::{self, SkillName};
use skillsync_core::skill::ArtifactType;
use skillsync_store::fs;

use super::discover::{Candidate, Content, Unusable};
use crate::ops::validate::Finding;
use crate::ops::{Error, Refusal};
use crate::world::World;

/// Whether a path is named like a Markdown file.
pub(super) fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The file at `text` as what it is said to be. Whatever is wrong with it is said of this one, and spares the others.
pub fn markdown(
    world: &World,
    text: &str,
    artifact_type: ArtifactType,
    rename: Option<&SkillName>,
) -> Candidate {
    let path = world.resolve(Path::new(text));
    let read = read(&path, artifact_type).and_then(|read| Ok((name(&path, rename)?, read)));
    let (name, (bytes, executable)) = match read {
        Ok((name, read)) => (Ok(name), read),
        Err(e) => (Err(Unusable::of(artifact_type, &path, e)), (Vec::new(), false)),
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let warnings = artifact::markdown_warnings(&bytes);
    let warnings = warnings.into_iter().map(|finding| Finding::in_file(&file, finding)).collect();
    let content = Content::Markdown { artifact_type, bytes, executable };
    Candidate { relative: String::new(), name, warnings, content, path }
}

/// The bytes of the file, and whether it is executable.
fn read(path: &Path, artifact_type: ArtifactType) -> Result<(Vec<u8>, bool), Error> {
    let Some(metadata) = fs::stat(path)? else { return Err(missing().into()) };
    if !(metadata.is_file() && is_markdown(path)) {
        return Err(no_markdown(artifact_type, metadata.is_dir()).into());
    }
    let bytes = fs::read(path, limits::SKILL_MD_BYTES)?;
    artifact::check_markdown(&path.file_name().unwrap_or_default().to_string_lossy(), &bytes)?;
    Ok((bytes, fs::is_executable(&metadata)))
}

fn missing() -> Refusal {
    Refusal {
        kind: Kind::NotFound,
        code: "file-not-found",
        message: "it is not there".to_owned(),
        hint: Some("with --type, SOURCE is a Markdown file on this machine".to_owned()),
    }
}

fn no_markdown(artifact_type: ArtifactType, is_folder: bool) -> Refusal {
    let (message, hint) = if is_folder {
        (
            "it is a folder",
            "a folder is a skill, and is added without --type; of commands and agents, name each file",
        )
    } else {
        ("it is no Markdown file", "give a text file whose name ends with `.md`")
    };
    Refusal {
        kind: Kind::Invalid,
        code: "not-markdown",
        message: format!("{message}; {} is one Markdown file", artifact_type.phrase()),
        hint: Some(hint.to_owned()),
    }
}

/// The name that the file gives, unless there is another.
fn name(path: &Path, rename: Option<&SkillName>) -> Result<SkillName, Error> {
    if let Some(name) = rename {
        return Ok(name.clone());
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    SkillName::parse(&stem).map_err(|e| {
        let example = name::suggestion(&stem).map_or_else(|| "review".to_owned(), |name| name.to_string());
        let (kind, code, message) = (e.kind(), e.code(), e.to_string());
        Refusal { kind, code, message, hint: Some(format!("`--name {example}` adds it under that name")) }
            .into()
    })
}
