//! `.meta.toml`: a skill's own record, its versions and where it came from (`docs/formats/meta.md`, checklist D18).

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skillsync_core::digest::{ContentHash, TreeId};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::skill::{ArtifactType, Origin, Source, State, Stats, Version};

use crate::fs;

/// The format of the record that this program writes.
const FORMAT: u32 = 1;
/// Thousands of versions fit.
const META_BYTES: u64 = 4 * 1024 * 1024;

/// A skill's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// The record does not read.
    #[error("the record `{}` is damaged: {problem}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// A newer program wrote it.
    #[error("the record `{}` has format {found}; this skillsync knows format {FORMAT} only", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Damaged { .. } => "meta-damaged",
            Error::Newer { .. } => "store-newer",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Damaged { .. } => Some("run `skillsync doctor` to see what can be mended".to_owned()),
            Error::Newer { .. } => Some("install the newest skillsync".to_owned()),
        }
    }
}

/// Where a skill from a git repository came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// What was cloned.
    pub url: String,
    /// The folder of the skill in it.
    pub path: String,
    /// The branch or tag that was asked for.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The commit it was taken from.
    pub commit: String,
}

/// A skill's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// When it came into the store, RFC 3339 with `Z`.
    pub created: String,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// Where from.
    pub source: Source,
    /// Whether it is in use.
    pub state: State,
    /// Whether it was in quarantine when it was marked for removal: the mark takes the place of that state, and ends none.
    pub was_quarantined: bool,
    /// What its log added up to when the record was last written: a cache (decision 15).
    pub stats: Stats,
    /// Where it came from, for git sources.
    pub upstream: Option<Upstream>,
    /// All versions, oldest first; never empty, numbered without gaps.
    versions: Vec<Version>,
}

impl Meta {
    /// The record of a new skill, or of another artifact.
    pub fn new(artifact_type: ArtifactType, source: Source, first: Version) -> Self {
        Self {
            created: first.at.clone(),
            artifact_type,
            source,
            state: State::Active,
            was_quarantined: false,
            stats: Stats::default(),
            upstream: None,
            versions: vec![Version { number: 1, ..first }],
        }
    }

    /// Whether it says that the skill is in quarantine, marked for removal or not.
    pub fn is_quarantined(&self) -> bool {
        self.state == State::Quarantined || self.was_quarantined
    }

    /// The version in use.
    pub fn head(&self) -> &Version {
        // Never empty: `new` puts one in, reading refuses none, nothing removes.
        &self.versions[self.versions.len() - 1]
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version with this number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|v| v.number == number)
    }

    /// Appends a version; its number is the next one.
    pub fn push(&mut self, version: Version) {
        let number = self.head().number + 1;
        self.versions.push(Version { number, ..version });
    }

    /// Reads the record at `path`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path, META_BYTES)?;
        let damaged = |problem: String| Error::Damaged { path: path.to_owned(), problem };
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8".to_owned()))?;
        let probe: Probe = toml_edit::de::from_str(&text).map_err(|e| damaged(one_line(&e)))?;
        if probe.format > FORMAT {
            return Err(Error::Newer { path: path.to_owned(), found: probe.format });
        }
        let record: Record = toml_edit::de::from_str(&text).map_err(|e| damaged(one_line(&e)))?;
        Meta::try_from(record).map_err(|problem| damaged(problem.to_owned()))
    }

    /// The record as the text of the file at `path`, which an error names. Fails where it would be larger than is read.
    pub fn text(&self, path: &Path) -> Result<String, fs::Error> {
        let refused = |cause: io::Error| fs::Error::new("write", path, cause);
        let text = toml_edit::ser::to_string_pretty(&Record::from(self))
            .map_err(|e| refused(io::Error::other(e)))?;
        if text.len() as u64 > META_BYTES {
            let problem =
                format!("it would have {} bytes, and no more than {META_BYTES} are read", text.len());
            return Err(refused(io::Error::new(io::ErrorKind::FileTooLarge, problem)));
        }
        Ok(text)
    }
}

fn one_line(error: &toml_edit::de::Error) -> String {
    error.message().trim().replace('\n', ", ")
}

#[derive(Deserialize)]
struct Probe {
    format: u32,
}

/// The file's shape.
#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    skill: SkillRecord,
    stats: StatsRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upstream: Option<Upstream>,
    refinement: Vec<VersionRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SkillRecord {
    created: String,
    #[serde(rename = "type", default = "skill", skip_serializing_if = "is_skill")]
    artifact_type: ArtifactType,
    source: Source,
    version: u32,
    content_hash: ContentHash,
    state: State,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    was_quarantined: bool,
}

fn skill() -> ArtifactType {
    ArtifactType::Skill
}

fn is_skill(artifact_type: &ArtifactType) -> bool {
    *artifact_type == ArtifactType::Skill
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct StatsRecord {
    total_invocations: u64,
    positive: u64,
    negative: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VersionRecord {
    version: u32,
    content_hash: ContentHash,
    tree: TreeId,
    origin: Origin,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<ContentHash>,
    at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<&Meta> for Record {
    fn from(meta: &Meta) -> Self {
        let head = meta.head();
        Record {
            format: FORMAT,
            skill: SkillRecord {
                created: meta.created.clone(),
                artifact_type: meta.artifact_type,
                source: meta.source,
                version: head.number,
                content_hash: head.content_hash,
                state: meta.state,
                was_quarantined: meta.was_quarantined,
            },
            stats: StatsRecord {
                total_invocations: meta.stats.total(),
                positive: meta.stats.positive,
                negative: meta.stats.negative,
            },
            upstream: meta.upstream.clone(),
            refinement: meta
                .versions
                .iter()
                .map(|v| VersionRecord {
                    version: v.number,
                    content_hash: v.content_hash,
                    tree: v.tree,
                    origin: v.origin,
                    parents: v.parents.clone(),
                    at: v.at.clone(),
                    reason: v.reason.clone(),
                })
                .collect(),
        }
    }
}

impl TryFrom<Record> for Meta {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<Self, &'static str> {
        let versions: Vec<Version> = record
            .refinement
            .into_iter()
            .map(|v| Version {
                number: v.version,
                content_hash: v.content_hash,
                tree: v.tree,
                reason: v.reason,
                origin: v.origin,
                parents: v.parents,
                at: v.at,
            })
            .collect();
        let head = versions.last().ok_or("it has no version")?;
        if versions.iter().zip(1..).any(|(version, number)| version.number != number) {
            return Err("its versions are not numbered from 1 without gaps");
        }
        if head.number != record.skill.version || head.content_hash != record.skill.content_hash {
            return Err("its version and content-hash are not those of its last refinement");
        }
        Ok(Meta {
            created: record.skill.created,
            artifact_type: record.skill.artifact_type,
            source: record.skill.source,
            state: record.skill.state,
            was_quarantined: record.skill.was_quarantined,
            stats: Stats { positive: record.stats.positive, negative: record.stats.negative },
            upstream: record.upstream,
            versions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        let version = Version {
            number: 0,
            content_hash: ContentHash::of(b"1"),
            tree: TreeId::of(b"1"),
            reason: Some("because \"x\"\nand y".to_owned()),
            origin: Origin::Add,
            parents: Vec::new(),
            at: "2026-02-06T00:00:00Z".to_owned(),
        };
        let mut meta = Meta::new(ArtifactType::Command, Source::Git, version.clone());
        meta.upstream = Some(Upstream {
            url: "https://example.test/x.git".to_owned(),
            path: "skills/pdf".to_owned(),
            reference: None,
            commit: "0".repeat(40),
        });
        meta.push(Version { parents: vec![ContentHash::of(b"1"), ContentHash::of(b"2")], ..version });
        meta
    }

    #[test]
    fn a_record_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        fs::replace(&path, meta().text(&path).unwrap().as_bytes(), fs::Mode::Plain).unwrap();
        assert_eq!(Meta::load(&path).unwrap(), meta());
    }

    /// What could not be read again is not written: the skill would be lost to every command.
    #[test]
    fn a_record_that_would_be_too_large_is_no_text() {
        let mut meta = meta();
        let version = meta.head().clone();
        meta.push(Version { reason: Some("x".repeat(5_000_000)), ..version });
        let error = meta.text(Path::new("meta")).unwrap_err();
        assert!(
            skillsync_core::fault::with_causes(&error).contains("no more than 4194304 are read"),
            "{error:?}"
        );
    }

    #[test]
    fn a_record_has_the_documented_shape() {
        let text = meta().text(Path::new("meta")).unwrap();
        for line in
            ["format = 1", "[skill]", "version = 2", "state = \"active\"", "[stats]", "total-invocations = 0"]
        {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert_eq!(text.matches("[[refinement]]").count(), 2);
    }

    #[test]
    fn a_damaged_or_newer_record_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        let good = meta().text(Path::new("meta")).unwrap();
        let cases = [
            (String::new(), "meta-damaged"),
            (good.replace("version = 2", "version = 3"), "meta-damaged"),
            (good.replace("state = \"active\"", "state = \"lost\""), "meta-damaged"),
            (good.replace("format = 1", "format = 2"), "store-newer"),
            (good[..good.len() / 2].to_owned(), "meta-damaged"),
        ];
        for (text, code) in cases {
            fs::replace(&path, text.as_bytes(), fs::Mode::Plain).unwrap();
            assert_eq!(Meta::load(&path).unwrap_err().code(), code, "{text}");
        }
    }
}
