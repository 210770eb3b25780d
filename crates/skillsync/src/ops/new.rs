//! `new`: a skill with a head that agents can load and a body to fill in (checklist D4, D17).

use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{ArtifactType, Origin, Source};
use skillsync_core::{frontmatter, limits, tree};
use skillsync_store::edit::one;
use skillsync_store::fs;
use skillsync_store::objects::Batch;
use skillsync_store::skills::{self, Change};
use skillsync_store::store::Store;

use super::{Error, Refusal, write};

/// The new skill.
#[derive(Debug, Serialize)]
pub struct Created {
    /// Its name.
    pub name: SkillName,
    /// Its first version.
    pub version: u32,
    /// Its content hash.
    pub content_hash: ContentHash,
    /// Its canonical folder, which is changed by `edit` and `commit` only.
    pub path: PathBuf,
    /// Always false: a plan is shown in words.
    pub dry_run: bool,
}

/// Fails when `new` would.
pub fn check(store: &Store, name: &SkillName, description: Option<&str>) -> Result<(), Error> {
    let length = description.map_or(0, |d| d.chars().count());
    if length > limits::DESCRIPTION_CHARS {
        return Err(Refusal {
            kind: Kind::Limit,
            code: "description-too-long",
            message: format!(
                "the description has {length} characters; {} are allowed",
                limits::DESCRIPTION_CHARS
            ),
            hint: Some("say what the skill does and when to use it; the rest belongs below".to_owned()),
        }
        .into());
    }
    if description.is_some_and(|d| d.trim().is_empty()) {
        return Err(Refusal {
            kind: Kind::Invalid,
            code: "description-empty",
            message: "the description is empty".to_owned(),
            hint: Some(
                "agents choose a skill by its description: say what it does and when to use it".to_owned(),
            ),
        }
        .into());
    }
    if fs::lstat(&store.layout().skill(name))?.is_some() {
        let known = skills::load(store, name).map_or(ArtifactType::Skill, |meta| meta.artifact_type);
        return Err(Refusal {
            kind: Kind::Exists,
            code: "skill-exists",
            message: format!("there is {} `{name}` already", known.phrase()),
            hint: Some(format!("`skillsync edit {name}` changes it")),
        }
        .into());
    }
    if super::builtin::is_reserved(name) {
        return Err(Refusal {
            kind: Kind::Invalid,
            code: "name-reserved",
            message: format!("`{name}` is the name of a built-in skill, which was removed"),
            hint: Some(
                "`skillsync config unset skillsync.without` and `skillsync sync` bring it back".to_owned(),
            ),
        }
        .into());
    }
    Ok(())
}

/// Makes the skill `name`.
pub fn new(store: &Store, name: &SkillName, description: Option<&str>) -> Result<Created, Error> {
    write(store, |writing, index| {
        check(store, name, description)?;
        let description =
            description.unwrap_or("Describe what this skill does and when an agent should use it.");
        let text = frontmatter::compose(name, description);
        let transaction = writing.transaction()?;
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let contents =
            [(SkillPath::parse(tree::SKILL_MD).map_err(tree::Error::from)?, text.into_bytes(), false)];
        let staged = skills::stage_bytes(&transaction, &batch, name, &contents)?;
        let change = Change::new(staged, Origin::New, Source::HandAuthored);
        let made = one(skills::advance(writing, &transaction, batch, index, vec![change])?)?;
        transaction.finish()?;
        Ok(Created {
            name: name.clone(),
            version: made.version.number,
            content_hash: made.version.content_hash,
            path: store.layout().skill(name),
            dry_run: false,
        })
    })
}
