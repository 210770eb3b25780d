//! `ls`: the artifacts of the store.

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Source, State};
use skillsync_core::{frontmatter, limits};
use skillsync_store::store::Store;
use skillsync_store::{fs, observe, parallel, skills};

use super::Error;
use crate::ui::Report;

/// The artifacts.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// Sorted by name.
    pub skills: Vec<Line>,
    /// Those whose record does not read, and why.
    pub failed: Vec<Failed>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its name.
    pub name: SkillName,
    /// What it is.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// Its newest version.
    pub version: u32,
    /// In use, or marked for removal.
    pub state: State,
    /// Where it came from.
    pub source: Source,
    /// Content hash of its newest version.
    pub content_hash: ContentHash,
    /// Observed uses.
    pub total_invocations: u64,
    /// Those that went well.
    pub positive: u64,
    /// Those that did not.
    pub negative: u64,
    /// What agents choose it by; empty when its main file does not read or has none.
    pub description: String,
}

/// One that cannot be listed.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// Its name.
    pub skill: SkillName,
    /// Why.
    pub error: Report,
}

/// Lists all artifacts; reads only.
pub fn ls(store: &Store) -> Result<Listing, Error> {
    let names = skills::names(store.layout())?;
    let mut listing = Listing { skills: Vec::new(), failed: Vec::new() };
    let noted = skills::Noted::of(store);
    for (name, line) in names.iter().zip(parallel::map(&names, |name| line(store, &noted, name))) {
        match line {
            Ok(line) => listing.skills.push(line),
            Err(e) => listing.failed.push(Failed { skill: name.clone(), error: Report::of(&e) }),
        }
    }
    Ok(listing)
}

fn line(store: &Store, noted: &skills::Noted<'_>, name: &SkillName) -> Result<Line, skills::Error> {
    let meta = skills::load(store, name)?;
    let stats = observe::read(store.layout(), name)?.stats();
    let head = meta.head();
    Ok(Line {
        name: name.clone(),
        artifact_type: meta.artifact_type,
        version: head.number,
        state: noted.state(name, meta.state),
        source: meta.source,
        content_hash: head.content_hash,
        total_invocations: stats.total(),
        positive: stats.positive,
        negative: stats.negative,
        description: description(store, meta.artifact_type, name).unwrap_or_default(),
    })
}

fn description(store: &Store, artifact_type: ArtifactType, name: &SkillName) -> Option<String> {
    let path = store.layout().skill(name).join(artifact_type.main_file(name));
    let bytes = fs::read(&path, limits::SKILL_MD_BYTES).ok()?;
    frontmatter::parse(&bytes).ok()?.description().map(str::to_owned)
}
