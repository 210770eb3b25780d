//! An index from its bytes: what is not known is kept or refused by name, and one bad entry does not spoil the others.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use skillsync_core::digest::{ContentHash, FileDigest};
use skillsync_core::limits::SKILL_FILES;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::SKILL_MD;

use super::entry::{ArtifactType, Content, Entry, ListedFile};
use super::error::Error;
use super::{SCHEMA, Version};
use crate::archive;
use crate::limits;

/// An index that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// Its version.
    pub version: Version,
    /// Its skills, sorted by name, none twice.
    pub entries: Vec<Entry>,
    /// What could not be read, in the order of the index.
    pub bad: Vec<BadEntry>,
}

/// An entry that is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEntry {
    /// Where it stands, from 0.
    pub position: usize,
    /// Its name, when that is a name: a skill that is held under it is not gone.
    pub name: Option<SkillName>,
    /// What is wrong with it.
    pub problem: String,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "$schema")]
    schema: Option<Value>,
    skills: Option<Value>,
}

impl Index {
    /// Reads an index of either version. Fails when nothing of it can be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > limits::INDEX_BYTES {
            return Err(Error::TooLarge { length_bytes: bytes.len() });
        }
        // Editors put a byte order mark in front, and web servers pass it on.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let document: Value = serde_json::from_slice(bytes).map_err(|source| Error::NotJson { source })?;
        if !document.is_object() {
            return Err(Error::Malformed { problem: "it is no object" });
        }
        let Document { schema, skills } =
            Document::deserialize(document).map_err(|source| Error::NotJson { source })?;
        let version = match schema {
            None | Some(Value::Null) => Version::V01,
            Some(Value::String(schema)) if schema == SCHEMA => Version::V02,
            Some(other) => return Err(Error::Schema { schema: shown(&other) }),
        };
        let Some(Value::Array(skills)) = skills else {
            return Err(Error::Malformed { problem: "it has no list `skills`" });
        };
        if skills.len() > limits::INDEX_SKILLS {
            return Err(Error::TooMany { count: skills.len() });
        }
        let (mut entries, mut bad, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (position, skill) in skills.into_iter().enumerate() {
            let name = skill.get("name").and_then(Value::as_str).and_then(|name| SkillName::parse(name).ok());
            match entry(version, skill) {
                // Which of two is meant nobody can say; the first is, as every reader passes it first.
                Ok(entry) if !names.insert(entry.name.clone()) => {
                    bad.push(BadEntry { position, name, problem: "its name is there before".to_owned() });
                }
                Ok(entry) => entries.push(entry),
                Err(problem) => bad.push(BadEntry { position, name, problem }),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { version, entries, bad })
    }

    /// The entry of `name`.
    pub fn entry(&self, name: &SkillName) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.name.cmp(name)).ok().map(|at| &self.entries[at])
    }
}

fn entry(version: Version, skill: Value) -> Result<Entry, String> {
    let Value::Object(mut fields) = skill else { return Err("it is no object".to_owned()) };
    let name = SkillName::parse(&text(&mut fields, "name")?).map_err(|e| e.to_string())?;
    let description = text(&mut fields, "description")?;
    let content = match version {
        Version::V01 => files(&mut fields)?,
        Version::V02 => artifact(&mut fields)?,
    };
    Ok(Entry { name, description, content, extra: fields })
}

fn artifact(fields: &mut Map<String, Value>) -> Result<Content, String> {
    let kind = match &*text(fields, "type")? {
        "skill-md" => ArtifactType::SkillMd,
        "archive" => ArtifactType::Archive,
        other => return Err(format!("its type is {}, which is not known", shown(&Value::from(other)))),
    };
    let url = text(fields, "url")?;
    if super::resolve("https://a.example/", &url).is_none() {
        return Err("its `url` is no address".to_owned());
    }
    let digest = text(fields, "digest")?.parse().map_err(|e| format!("its `digest`: {e}"))?;
    Ok(Content::Artifact { kind, url, digest })
}

fn files(fields: &mut Map<String, Value>) -> Result<Content, String> {
    let Some(Value::Array(listed)) = fields.remove("files") else {
        return Err("it has no list `files`".to_owned());
    };
    if listed.len() > SKILL_FILES {
        return Err(format!("it has {} files; {SKILL_FILES} are allowed", listed.len()));
    }
    let mut executable = BTreeSet::new();
    if let Some(Value::Array(paths)) = fields.remove("executable") {
        executable.extend(paths.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    let mut files: Vec<ListedFile> = Vec::with_capacity(listed.len());
    let mut paths = BTreeSet::new();
    for file in &listed {
        let (path, digest) = file_of(file)?;
        let path = SkillPath::parse(path).map_err(|e| e.to_string())?;
        archive::check_name(&path).map_err(|e| e.to_string())?;
        if !paths.insert(path.folded()) {
            return Err(format!("`{path}` is there twice"));
        }
        let executable = executable.contains(path.as_str());
        files.push(ListedFile { path, digest, executable });
    }
    if !files.iter().any(|file| file.path.as_str() == SKILL_MD) {
        return Err(format!("it has no {SKILL_MD}"));
    }
    let hash = match fields.remove("hash") {
        // A server that is not new enough may well write an empty one.
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => {
            Some(text.parse::<ContentHash>().map_err(|e| format!("its `hash`: {e}"))?)
        }
        Some(_) => return Err("its `hash` is no text".to_owned()),
    };
    // The digest of the draft names an edition only where each file is proven by one of its own.
    let is_draft = files.iter().all(|file| file.digest.is_some());
    let draft = if is_draft {
        fields.remove("digest").and_then(|digest| digest.as_str()?.parse::<FileDigest>().ok())
    } else {
        None
    };
    Ok(Content::Files { files, hash, draft })
}

fn file_of(file: &Value) -> Result<(&str, Option<FileDigest>), String> {
    match file {
        Value::String(path) => Ok((path, None)),
        Value::Object(fields) => {
            let path = fields.get("path").and_then(Value::as_str).ok_or("one of its files has no `path`")?;
            let digest = match fields.get("digest").and_then(Value::as_str) {
                None => None,
                Some(digest) => Some(digest.parse().map_err(|e| format!("the `digest` of `{path}`: {e}"))?),
            };
            Ok((path, digest))
        }
        _ => Err("one of its files is neither a text nor an object".to_owned()),
    }
}

fn text(fields: &mut Map<String, Value>, field: &str) -> Result<String, String> {
    match fields.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("its `{field}` is no text")),
        None => Err(format!("it has no `{field}`")),
    }
}

/// What a hostile site wrote must not flood or garble a terminal.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let short: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    if text.chars().count() > 100 { format!("{short}...") } else { short }
}

#[cfg(test)]
mod tests;
