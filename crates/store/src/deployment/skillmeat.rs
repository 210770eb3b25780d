//! The deployment file of SkillMeat, `.skillmeat-deployed.toml`: read, so that its projects can be taken over, and
//! written in its own shape on request, so that a team can move over one by one (checklist Q11, decision 17).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use skillsync_core::digest::{FileDigest, Hasher};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::file::{damaged, is_place, lines_before, optional_utc, text, utc};
use super::{Error, Record};
use crate::fs;
use crate::payload::Payload;

/// The file, in an agent's folder of a project.
pub const FILE: &str = ".skillmeat-deployed.toml";

/// A hash by SkillMeat's own formula, 64 hex digits. It has nothing between a path and its bytes, so it only ever
/// answers whether a content that is at hand is the one that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(String);

impl Hash {
    /// The hash of an artifact: of a command or agent the SHA-256 of its file; of a skill SHA-256 fed path and bytes of
    /// each file, in the order of the paths part by part.
    pub fn of(artifact_type: ArtifactType, payload: &Payload) -> Self {
        let mut hasher = Hasher::default();
        let mut sorted: Vec<_> = payload.files().collect();
        sorted.sort_by_key(|(path, _)| path.as_str().split('/').collect::<Vec<_>>());
        for (path, file) in sorted {
            if artifact_type == ArtifactType::Skill {
                hasher.update(path.as_str().as_bytes());
            }
            hasher.update(&file.bytes);
        }
        // The same function as a file's digest, over other bytes.
        Self(FileDigest::from_hasher(hasher).hex())
    }
}

/// One artifact that SkillMeat deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its name, without the extension that some of its versions write.
    pub name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// When it was deployed, RFC 3339 with `Z`.
    pub deployed_at: String,
    /// Where it is, below the agent's folder.
    pub path: SkillPath,
    /// The baseline.
    pub hash: Hash,
}

/// What its file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployments {
    /// What we can handle, sorted by type and name.
    pub deployed: Vec<Deployed>,
    /// Names of records of other types (hooks, workflows, ...) and of names that no artifact of ours can have. They
    /// stay in its file as they are.
    pub others: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    deployed: Vec<FileRecord>,
}

#[derive(Deserialize)]
struct FileRecord {
    artifact_name: String,
    artifact_type: String,
    #[serde(deserialize_with = "utc")]
    deployed_at: String,
    artifact_path: String,
    #[serde(default)]
    content_hash: Option<String>,
    #[serde(default)]
    collection_sha: Option<String>,
    // Not used, but a record in which they are wrong is damaged.
    #[serde(default, rename = "last_modified_check", deserialize_with = "optional_utc")]
    _last_modified_check: Option<String>,
}

impl FileRecord {
    fn understood(&self) -> Option<Deployed> {
        let hash = self.content_hash.as_ref().or(self.collection_sha.as_ref())?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        let path = SkillPath::parse(&self.artifact_path).ok()?;
        let name = SkillName::parse(bare(&self.artifact_name)).ok()?;
        let artifact_type = self.artifact_type.parse().ok()?;
        (is_hash && is_place(artifact_type, &name, &path)).then_some(())?;
        Some(Deployed {
            name,
            artifact_type,
            deployed_at: self.deployed_at.clone(),
            path,
            hash: Hash(hash.to_ascii_lowercase()),
        })
    }
}

/// A name without the extension that the record may carry.
fn bare(name: &str) -> &str {
    name.strip_suffix(".md").unwrap_or(name)
}

/// Reads the file in the agent's folder `root`; an empty answer when there is none. Of two records of one artifact the
/// first counts, as for SkillMeat itself.
pub fn read(root: &Path) -> Result<Deployments, Error> {
    let path = root.join(FILE);
    let Some(text) = text(&path)? else { return Ok(Deployments::default()) };
    let file: File = toml_edit::de::from_str(&text).map_err(|e| damaged(&path, &text, &e))?;
    let mut found = Deployments::default();
    for record in file.deployed {
        match record.understood() {
            Some(deployed) => found.deployed.push(deployed),
            None => found.others.push(record.artifact_name),
        }
    }
    let key = |d: &Deployed| (d.artifact_type, d.name.clone());
    found.deployed.sort_by_key(key);
    found.deployed.dedup_by_key(|d| key(d));
    Ok(found)
}

/// Removes the records that are `gone` from its file in `root`; without records there is no file.
pub fn remove(root: &Path, is_gone: &dyn Fn(ArtifactType, &SkillName) -> bool) -> Result<(), Error> {
    let path = root.join(FILE);
    let Some(text) = text(&path)? else { return Ok(()) };
    let mut document = document(&path, &text)?;
    let mut tables = tables(&mut document);
    let before = tables.len();
    tables.retain(|table| {
        let text = |key: &str| table.get(key).and_then(Item::as_str).unwrap_or_default();
        let name = SkillName::parse(bare(text("artifact_name")));
        !matches!((text("artifact_type").parse(), name), (Ok(of), Ok(name)) if is_gone(of, &name))
    });
    if tables.is_empty() && before > 0 {
        fs::remove_file(&path)?;
        return Ok(fs::sync_dir(root)?);
    }
    if tables.len() < before {
        document["deployed"] = Item::ArrayOfTables(tables.into_iter().collect());
        // A block's text begins with the blank line that set it apart from the one before.
        fs::replace(&path, document.to_string().trim_start().as_bytes(), fs::Mode::Plain)?;
    }
    Ok(())
}

/// Its file, to be changed in place.
fn document(path: &Path, text: &str) -> Result<DocumentMut, Error> {
    text.parse().map_err(|e: toml_edit::TomlError| {
        let before = e.span().and_then(|span| text.as_bytes().get(..span.start)).unwrap_or_default();
        let problem = e.message().trim().replace('\n', ", ");
        Error::Damaged { path: path.to_owned(), line: lines_before(before), problem }
    })
}

/// The records, taken out of the document: its writer may write them as blocks or as one inline list.
fn tables(document: &mut DocumentMut) -> Vec<Table> {
    let item = document.entry("deployed").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    std::mem::take(item).into_array_of_tables().unwrap_or_default().into_iter().collect()
}

/// Writes `records`, each with its hash by SkillMeat's formula, into its file in `root`. What else is in that file
/// stays: records of other artifacts, and keys that we do not know. Says which file.
pub fn write(root: &Path, records: &[(Record, Hash)]) -> Result<PathBuf, Error> {
    let path = root.join(FILE);
    let text = text(&path)?.unwrap_or_default();
    let mut document = document(&path, &text)?;
    let mut tables = tables(&mut document);
    for (record, hash) in records {
        let is_it = |table: &&mut Table| {
            let text = |key: &str| table.get(key).and_then(Item::as_str).unwrap_or_default();
            bare(text("artifact_name")) == record.artifact_name.as_str()
                && text("artifact_type") == record.artifact_type.as_str()
        };
        match tables.iter_mut().find(is_it) {
            Some(table) => fill(table, record, hash),
            None => {
                let mut table = Table::new();
                fill(&mut table, record, hash);
                tables.push(table);
            }
        }
    }
    document["deployed"] = Item::ArrayOfTables(tables.into_iter().collect());
    fs::replace(&path, document.to_string().as_bytes(), fs::Mode::Plain)?;
    Ok(path)
}

/// Brings one record of its file up to date.
fn fill(table: &mut Table, record: &Record, Hash(hash): &Hash) {
    // Its times have no offset.
    let naive = |time: &str| value(time.trim_end_matches('Z'));
    let was = table.get("content_hash").or_else(|| table.get("collection_sha"));
    let was = was.and_then(Item::as_str).map(str::to_owned);
    let lineage = table.get("version_lineage").and_then(Item::as_array).cloned().unwrap_or_default();
    for (key, item) in [
        ("artifact_name", value(record.artifact_name.as_str())),
        ("artifact_type", value(record.artifact_type.as_str())),
        ("from_collection", value(&record.from_collection)),
        ("deployed_at", naive(&record.deployed_at)),
        ("artifact_path", value(record.artifact_path.as_str())),
        ("content_hash", value(hash)),
        ("local_modifications", value(record.local_modifications)),
    ] {
        table.insert(key, item);
    }
    if let Some(was) = was.filter(|was| was != hash) {
        let mut all = toml_edit::Array::new();
        all.push(hash.as_str());
        let mut known = lineage;
        if known.is_empty() {
            known.push(was.as_str());
        }
        known.iter().filter_map(toml_edit::Value::as_str).for_each(|earlier| all.push(earlier));
        table.insert("parent_hash", value(was));
        table.insert("version_lineage", value(all));
    }
    for (key, time) in [
        ("last_modified_check", &record.last_modified_check),
        ("modification_detected_at", &record.modification_detected_at),
    ] {
        match time {
            Some(time) => table.insert(key, naive(time)),
            None => table.remove(key),
        };
    }
    table.insert("collection_sha", value(hash));
}
