//! The text of a deployment file: TOML, one block for each record, in one order.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};
use skillsync_core::digest::{ContentHash, DriftHash, TreeId};
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;

use super::{Error, FORMAT, Record};
use crate::fs::{self, FileStamp};
use crate::index::{Index, Key, RecordsSeen};

/// What the file says of itself to whoever opens it.
const HEAD: &str = "\
# What skillsync deployed here, of which content. Keep it in the repository, and let skillsync write it.
";

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    #[serde(default)]
    deployed: Vec<FileRecord>,
}

/// A block of the file.
#[derive(Serialize, Deserialize)]
struct FileRecord {
    artifact_name: SkillName,
    artifact_type: ArtifactType,
    from_collection: String,
    #[serde(deserialize_with = "utc")]
    deployed_at: String,
    artifact_path: SkillPath,
    #[serde(default)]
    content_hash: Option<ContentHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift_hash: Option<DriftHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tree: Option<TreeId>,
    #[serde(default)]
    local_modifications: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_hash: Option<ContentHash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    version_lineage: Vec<ContentHash>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_utc")]
    last_modified_check: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_utc")]
    modification_detected_at: Option<String>,
    /// `content_hash` again, under the name that older readers know (checklist Q11). It counts where the other is not.
    #[serde(default)]
    collection_sha: Option<ContentHash>,
}

impl From<Record> for FileRecord {
    fn from(record: Record) -> Self {
        Self {
            artifact_name: record.artifact_name,
            artifact_type: record.artifact_type,
            from_collection: record.from_collection,
            deployed_at: record.deployed_at,
            artifact_path: record.artifact_path,
            content_hash: Some(record.content_hash),
            drift_hash: record.drift_hash,
            tree: record.tree,
            local_modifications: record.local_modifications,
            parent_hash: record.parent_hash,
            version_lineage: record.version_lineage,
            last_modified_check: record.last_modified_check,
            modification_detected_at: record.modification_detected_at,
            collection_sha: Some(record.content_hash),
        }
    }
}

impl TryFrom<FileRecord> for Record {
    /// The name of the artifact that has no hash.
    type Error = SkillName;

    fn try_from(record: FileRecord) -> Result<Self, SkillName> {
        let Some(content_hash) = record.content_hash.or(record.collection_sha) else {
            return Err(record.artifact_name);
        };
        Ok(Self {
            artifact_name: record.artifact_name,
            artifact_type: record.artifact_type,
            from_collection: record.from_collection,
            deployed_at: record.deployed_at,
            artifact_path: record.artifact_path,
            content_hash,
            drift_hash: record.drift_hash,
            tree: record.tree,
            local_modifications: record.local_modifications,
            parent_hash: record.parent_hash,
            version_lineage: record.version_lineage,
            last_modified_check: record.last_modified_check,
            modification_detected_at: record.modification_detected_at,
        })
    }
}

/// Whether an artifact can be at `path` below an agent's folder: in some folder, under its own name. What a record names
/// is replaced and taken out, and a record may be anybody's.
pub(super) fn is_place(artifact_type: ArtifactType, name: &SkillName, path: &SkillPath) -> bool {
    let own = match artifact_type {
        ArtifactType::Skill => name.to_string(),
        ArtifactType::Command | ArtifactType::Agent => artifact_type.main_file(name),
    };
    // A repository's own folder by any name that some file system takes for it.
    let is_git = |part: &str| part.eq_ignore_ascii_case(".git") || part.eq_ignore_ascii_case("git~1");
    path.as_str().rsplit_once('/').is_some_and(|(above, last)| last == own && !above.split('/').any(is_git))
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    format: u32,
}

/// Reads the deployment file at `path`, sorted by type and name; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<Record>>, Error> {
    let Some(text) = text(path)? else { return Ok(None) };
    let newer = |found: u32| Error::Newer { path: path.to_owned(), found };
    let file: File = match toml_edit::de::from_str(&text) {
        Ok(file) => file,
        // What does not read as this format may be a newer one.
        Err(e) => match toml_edit::de::from_str::<Probe>(&text) {
            Ok(probe) if probe.format > FORMAT => return Err(newer(probe.format)),
            _ => return Err(damaged(path, &text, &e)),
        },
    };
    if file.format > FORMAT {
        return Err(newer(file.format));
    }
    let no_hash = |name: SkillName| Error::Damaged {
        path: path.to_owned(),
        line: line_of(&text, &name, 0),
        problem: format!("`{name}` has neither content_hash nor collection_sha"),
    };
    let records: Result<Vec<Record>, SkillName> = file.deployed.into_iter().map(Record::try_from).collect();
    let mut records = records.map_err(no_hash)?;
    if let Some(Record { artifact_name: name, artifact_path: at, .. }) =
        records.iter().find(|r| !is_place(r.artifact_type, &r.artifact_name, &r.artifact_path))
    {
        let problem = format!("`{name}` cannot be at `{at}`");
        return Err(Error::Damaged { path: path.to_owned(), line: line_of(&text, name, 0), problem });
    }
    records.sort_by(|a, b| a.key().cmp(&b.key()));
    if let Some(pair) = records.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
        let (artifact_type, name) = pair[1].key();
        let name = name.clone();
        let line = line_of(&text, &name, 1);
        return Err(Error::Twice { path: path.to_owned(), artifact_type, name, line });
    }
    Ok(Some(records))
}

/// The same, remembered in `cache` under the agent's folder `name`: a file that nobody touched is not parsed again.
pub fn recall(path: &Path, cache: &mut Index, name: &str) -> Result<Option<Vec<Record>>, Error> {
    let settled_ns = fs::clock_ns();
    let stamp = fs::lstat(path)?.filter(std::fs::Metadata::is_file).map(|metadata| FileStamp::of(&metadata));
    if let (Some(seen), Some(stamp)) = (cache.get::<RecordsSeen<Record>>(Key::Records(name)), stamp)
        && seen.stamp == stamp
        && stamp.is_settled(seen.settled_ns)
    {
        return Ok(Some(seen.records));
    }
    let records = read(path)?;
    match (&records, stamp) {
        (Some(records), Some(stamp)) => {
            cache.set(Key::Records(name), &RecordsSeen { stamp, settled_ns, records: records.clone() });
        }
        _ => cache.remove(Key::Records(name)),
    }
    Ok(records)
}

/// The text of a deployment file of any shape, without markers of a merge; `None` when there is none.
pub(super) fn text(path: &Path) -> Result<Option<String>, Error> {
    let Some(bytes) = fs::optional(fs::read(path, limits::DEPLOYMENTS_BYTES))? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = lines_before(&e.as_bytes()[..e.utf8_error().valid_up_to()]);
        Error::Damaged { path: path.to_owned(), line, problem: "it is not UTF-8".to_owned() }
    })?;
    let is_marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    match text.lines().position(is_marker) {
        Some(at) => Err(Error::Unmerged { path: path.to_owned(), line: at + 1 }),
        None => Ok(Some(text)),
    }
}

pub(super) fn lines_before(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count() + 1
}

pub(super) fn damaged(path: &Path, text: &str, error: &toml_edit::de::Error) -> Error {
    let before = error.span().and_then(|span| text.as_bytes().get(..span.start)).unwrap_or_default();
    let problem = error.message().trim().replace('\n', ", ");
    Error::Damaged { path: path.to_owned(), line: lines_before(before), problem }
}

/// The line of the record of `name`, after so many others of that name.
fn line_of(text: &str, name: &SkillName, after: usize) -> usize {
    let wanted = format!("artifact_name = \"{name}\"");
    text.lines().enumerate().filter(|(_, line)| line.trim() == wanted).nth(after).map_or(1, |(at, _)| at + 1)
}

/// Writes the deployment file at `path` in its one order; without records there is no file.
pub fn write(path: &Path, mut records: Vec<Record>) -> Result<(), fs::Error> {
    if records.is_empty() {
        fs::remove_file(path)?;
        return fs::sync_dir(path.parent().unwrap_or(path));
    }
    records.sort_by(|a, b| a.key().cmp(&b.key()));
    let file = File { format: FORMAT, deployed: records.into_iter().map(FileRecord::from).collect() };
    let text = toml_edit::ser::to_string_pretty(&file)
        .map_err(|e| fs::Error::new("write", path, std::io::Error::other(e)))?;
    fs::replace(path, format!("{HEAD}{text}").as_bytes(), fs::Mode::Plain)
}

/// A time as records keep it: RFC 3339, whole seconds, `Z`. One without an offset is UTC (decision 17).
pub(super) fn normalized(text: &str) -> Option<String> {
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let naive: DateTime = text.parse().ok()?;
        Some(naive.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

pub(super) fn utc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    // A hand may have written a bare TOML time.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Time {
        Text(String),
        Bare(toml_edit::Datetime),
    }
    let text = match Time::deserialize(deserializer)? {
        Time::Text(text) => text,
        Time::Bare(bare) => bare.to_string(),
    };
    normalized(&text).ok_or_else(|| serde::de::Error::custom(format!("`{}` is no time", text.escape_debug())))
}

pub(super) fn optional_utc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    utc(deserializer).map(Some)
}
