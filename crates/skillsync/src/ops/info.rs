//! `info`: what an artifact is and its state (checklist D6).

use serde::Serialize;
use skillsync_core::digest::ContentHash;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, Source, State};
use skillsync_store::meta::Upstream;
use skillsync_store::store::Store;
use skillsync_store::{observe, skills};

use super::Error;

/// Identity and current state; `log` has the history of its uses.
#[derive(Debug, Serialize)]
pub struct Info {
    /// Its name.
    pub name: SkillName,
    /// What it is.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// Its newest version.
    pub version: u32,
    /// In use, or marked for removal.
    pub state: State,
    /// Content hash of its newest version.
    pub content_hash: ContentHash,
    /// When it came into the store.
    pub created: String,
    /// Where from.
    pub source: Source,
    /// Where from exactly, for git sources.
    pub upstream: Option<Whence>,
    /// Its canonical folder, which is changed by `edit` and `commit` only.
    pub path: std::path::PathBuf,
    /// Observed uses.
    pub total_invocations: u64,
    /// Those that went well.
    pub positive: u64,
    /// Those that did not.
    pub negative: u64,
}

/// Where a skill came from. The record leaves out what is not known; here it is null.
#[derive(Debug, Serialize)]
pub struct Whence {
    /// The repository's address.
    pub url: String,
    /// The folder of the skill in it.
    pub path: String,
    /// The branch or tag that was asked for.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The commit it was taken from.
    pub commit: String,
}

/// What the store knows of `name`; reads its record and its log.
pub fn info(store: &Store, name: &SkillName) -> Result<Info, Error> {
    let meta = skills::load(store, name)?;
    let stats = observe::read(store.layout(), name)?.stats();
    let head = meta.head();
    Ok(Info {
        name: name.clone(),
        artifact_type: meta.artifact_type,
        version: head.number,
        state: skills::Noted::of(store).state(name, meta.state),
        content_hash: head.content_hash,
        created: meta.created.clone(),
        source: meta.source,
        upstream: meta.upstream.clone().map(|upstream| {
            let Upstream { url, path, reference, commit } = upstream;
            Whence { url, path, reference, commit }
        }),
        path: store.layout().skill(name),
        total_invocations: stats.total(),
        positive: stats.positive,
        negative: stats.negative,
    })
}
