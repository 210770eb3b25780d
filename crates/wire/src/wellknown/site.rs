//! What a site serves for its skills: every path, and what is there. The same for a folder of files and for the hub.

use serde_json::{Map, Value, json};

use skillsync_core::digest::{ArchiveDigest, FileDigest};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, SKILL_MD, Tree};

use super::entry::ArtifactType;
use super::error::Error;
use super::{INDEX, SCHEMA, Version};
use crate::release::Tarball;

/// What the archive of a skill is called, after the skill's name.
const ARCHIVE_SUFFIX: &str = ".tar.gz";

/// A skill that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The skill.
    pub name: SkillName,
    /// When to use it.
    pub description: String,
    /// What its publisher calls this edition, if anything.
    pub version: Option<String>,
    /// Its files.
    pub tree: Tree,
    packed: (ArchiveDigest, u64),
    is_one_file: bool,
}

impl Offer {
    /// A skill of `tree`, which is packed in `tarball`. One that is a `SKILL.md` alone is served as that file.
    pub fn new(name: SkillName, description: String, tree: Tree, tarball: &Tarball) -> Self {
        let is_one_file = tree.files().all(|(path, file)| path.as_str() == SKILL_MD && !file.executable);
        let packed = (tarball.sha256, tarball.size_bytes);
        Self { name, description, version: None, tree, packed, is_one_file }
    }

    /// The digest and the size in bytes of its archive, when it is served as one.
    pub fn archive(&self) -> Option<(ArchiveDigest, u64)> {
        (!self.is_one_file).then_some(self.packed)
    }

    /// The digest of the archive that its files are in, whether it is served or not.
    pub fn packed(&self) -> ArchiveDigest {
        self.packed.0
    }

    /// Every path of it, from the root of the site and without a slash in front, and what is there.
    pub fn paths(&self) -> impl Iterator<Item = (String, Resource<'_>)> {
        Version::ALL.into_iter().flat_map(move |version| {
            let folder = version.folder();
            let name = &self.name;
            let files = self.tree.files().map(move |(path, file)| {
                (format!("{folder}{name}/{path}"), Resource::File { offer: self, path, file })
            });
            let archive = self.archive().map(|(digest, size_bytes)| {
                let path = format!("{folder}{name}{ARCHIVE_SUFFIX}");
                (path, Resource::Archive { offer: self, digest, size_bytes })
            });
            files.chain(archive)
        })
    }

    /// Its files as an index lists them: `SKILL.md` first, as readers expect it, then by the bytes of their paths.
    fn listed(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.tree.files().map(|(path, _)| path.as_str()).collect();
        paths.sort_by_key(|path| *path != SKILL_MD);
        paths
    }

    /// What both versions say of its files, in the order in which it is written.
    fn file_fields(&self, fields: &mut Map<String, Value>) {
        fields.insert("files".to_owned(), json!(self.listed()));
        let executable = self.tree.files().filter(|(_, file)| file.executable);
        let executable: Vec<&str> = executable.map(|(path, _)| path.as_str()).collect();
        if !executable.is_empty() {
            fields.insert("executable".to_owned(), json!(executable));
        }
        fields.insert("hash".to_owned(), json!(self.tree.content_hash()));
        if let Some(version) = &self.version {
            fields.insert("version".to_owned(), json!(version));
        }
    }
}

/// What stands in an index after its skills.
const TAIL: &str = "\n]}\n";

/// What stands in an index before its skills.
fn frame(version: Version) -> String {
    match version {
        Version::V01 => "{\"skills\":[".to_owned(),
        Version::V02 => format!("{{\"$schema\":\"{SCHEMA}\",\"skills\":["),
    }
}

/// A skill in an index.
fn line(entry: &Value) -> String {
    format!("\n{entry}")
}

/// What is at one path of a site.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// An index.
    Index(Version),
    /// A file of a skill.
    File {
        /// The skill.
        offer: &'a Offer,
        /// The file, from the root of the skill.
        path: &'a SkillPath,
        /// What it is.
        file: &'a File,
    },
    /// The archive of a skill.
    Archive {
        /// The skill.
        offer: &'a Offer,
        /// Its digest.
        digest: ArchiveDigest,
        /// Its size.
        size_bytes: u64,
    },
}

/// All that a site publishes. The same skills give the same paths and the same bytes.
#[derive(Debug, Clone, Default)]
pub struct Site {
    offers: Vec<Offer>,
    base_url: Option<String>,
}

/// What there is room for in each index of a site.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Most skills.
    pub skills: usize,
    /// Most bytes of all.
    pub bytes: usize,
    /// Most bytes of one skill.
    pub bytes_of_one: usize,
}

/// A site, and what had no room in its indexes.
#[derive(Debug)]
pub struct Fitted {
    /// The site.
    pub site: Site,
    /// The skills that are too large by themselves.
    pub too_large: Vec<SkillName>,
    /// The others that are left out.
    pub no_room: Vec<SkillName>,
}

impl Site {
    /// A site of `offers`. With `base_url`, the address that it will be at, the indexes name absolute addresses, so that
    /// they can be copied elsewhere; else the files are looked for beside the index. Fails when two have one name.
    pub fn new(mut offers: Vec<Offer>, base_url: Option<&str>) -> Result<Self, Error> {
        offers.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(twins) = offers.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::Twice { name: twins[0].name.clone() });
        }
        let base_url = base_url.map(|base| base.trim_end_matches('/').to_owned());
        Ok(Self { offers, base_url })
    }

    /// The skills, sorted by name.
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// A site of as many of `offers` as there is room for, the first of them first. None of them takes the place of one that
    /// stands before it.
    pub fn fitting(offers: Vec<Offer>, base_url: Option<&str>, room: &Room) -> Result<Fitted, Error> {
        let empty = Self::new(Vec::new(), base_url)?;
        // One more, as no comma follows the last.
        let mut left =
            Version::ALL.map(|version| (room.bytes + 1).saturating_sub(frame(version).len() + TAIL.len()));
        let (mut kept, mut too_large, mut no_room) =
            (Vec::with_capacity(offers.len()), Vec::new(), Vec::new());
        for offer in offers {
            let lines = Version::ALL.map(|version| line(&empty.entry(version, &offer)).len() + 1);
            if lines.iter().any(|line| *line > room.bytes_of_one) {
                too_large.push(offer.name);
                continue;
            }
            let has_room = left.iter().zip(&lines).all(|(left, line)| line <= left);
            if !no_room.is_empty() || kept.len() == room.skills || !has_room {
                no_room.push(offer.name);
                continue;
            }
            for (left, line) in left.iter_mut().zip(&lines) {
                *left -= line;
            }
            kept.push(offer);
        }
        Ok(Fitted { site: Self::new(kept, base_url)?, too_large, no_room })
    }

    /// The bytes of an index: one line for each skill, so that changes of it can be read.
    pub fn index(&self, version: Version) -> Vec<u8> {
        let entries = self.offers.iter().map(|offer| line(&self.entry(version, offer)));
        let entries = entries.collect::<Vec<_>>().join(",");
        format!("{}{entries}{TAIL}", frame(version)).into_bytes()
    }

    fn entry(&self, version: Version, offer: &Offer) -> Value {
        let mut fields = Map::new();
        let at = |name: String| match &self.base_url {
            Some(base) => format!("{base}/{}{name}", version.folder()),
            None => name,
        };
        let skill_md = format!("{}/{SKILL_MD}", offer.name);
        fields.insert("name".to_owned(), json!(offer.name));
        match version {
            Version::V01 => {
                fields.insert("description".to_owned(), json!(offer.description));
                if self.base_url.is_some() {
                    fields.insert("url".to_owned(), json!(at(skill_md)));
                }
            }
            Version::V02 => {
                let (kind, url, digest, size_bytes) = match offer.archive() {
                    Some((digest, size_bytes)) => (
                        ArtifactType::Archive,
                        format!("{}{ARCHIVE_SUFFIX}", offer.name),
                        digest.to_string(),
                        size_bytes,
                    ),
                    None => {
                        let file = offer.tree.files().next().map(|(_, file)| *file);
                        let digest = file.map_or_else(|| FileDigest::of(b""), |file| file.digest);
                        let size_bytes = file.map_or(0, |file| file.size_bytes);
                        (ArtifactType::SkillMd, skill_md, digest.to_string(), size_bytes)
                    }
                };
                fields.insert("type".to_owned(), json!(kind.as_str()));
                fields.insert("description".to_owned(), json!(offer.description));
                fields.insert("url".to_owned(), json!(at(url)));
                fields.insert("digest".to_owned(), json!(digest));
                fields.insert("size".to_owned(), json!(size_bytes));
            }
        }
        offer.file_fields(&mut fields);
        Value::Object(fields)
    }

    /// Every path, from the root of the site and without a slash in front, and what is there: of each skill its files and
    /// its archive, under both folders, then the indexes. Whoever writes them in this order names nothing before it is
    /// there.
    pub fn paths(&self) -> impl Iterator<Item = (String, Resource<'_>)> {
        let indexes =
            Version::ALL.map(|version| (format!("{}{INDEX}", version.folder()), Resource::Index(version)));
        self.offers.iter().flat_map(Offer::paths).chain(indexes)
    }

    /// What is at `path`, decoded and without a slash in front.
    pub fn find(&self, path: &str) -> Option<Resource<'_>> {
        let (version, rest) = Version::ALL
            .into_iter()
            .find_map(|version| Some((version, path.strip_prefix(version.folder())?)))?;
        if rest == INDEX {
            return Some(Resource::Index(version));
        }
        let name =
            rest.split_once('/').map_or_else(|| rest.strip_suffix(ARCHIVE_SUFFIX), |(name, _)| Some(name))?;
        let at = self.offers.binary_search_by(|offer| offer.name.as_str().cmp(name)).ok()?;
        let offer = &self.offers[at];
        match rest.split_once('/') {
            None => {
                offer.archive().map(|(digest, size_bytes)| Resource::Archive { offer, digest, size_bytes })
            }
            Some((_, path)) => {
                let (path, file) = offer.tree.files().find(|(known, _)| known.as_str() == path)?;
                Some(Resource::File { offer, path, file })
            }
        }
    }
}

#[cfg(test)]
mod tests;
