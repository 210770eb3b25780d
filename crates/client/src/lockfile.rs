//! What other tools note of the skills that they installed, read: `.ic-managed.json` in both its shapes, `skills-lock.json` and
//! `.skill-lock.json` of npm's `skills`, `.clawhub/lock.json`, `.openskills.json`. Pure: where the skills lie is looked at by
//! others.

use std::path::Path;

use serde_json::{Map, Value};
use skillsync_core::digest::{ContentHash, FileDigest, Hasher};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::tree::SKILL_MD;
use skillsync_core::words;
use skillsync_store::payload::Payload;

use crate::limits::LIST_SKILLS;

/// Largest list that is read.
pub const LIST_BYTES: u64 = 16 * 1024 * 1024;
/// Longest text of a list that is shown or kept, in characters: an address may be long, a book is none.
const TEXT_CHARS: usize = 500;
/// Where the skills of `.ic-managed.json` come from: its script knows no other site.
pub const IC_SITE: &str = "https://skills.internetcomputer.org";

/// A file is no list of skills.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON.
    #[error("it is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON of a shape that no tool writes which is known here, or not the one whose name the file has.
    #[error("it is no list of skills of a tool that is known here")]
    Unknown,
    /// It names more skills than anybody has.
    #[error("it names {0} skills; the most is {LIST_SKILLS}")]
    TooMany(usize),
}

/// The file that a tool writes its list into.
fn file_name(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::IcSkills => &[".ic-managed.json"],
        Tool::Skills => &["skills-lock.json", ".skill-lock.json"],
        Tool::ClawHub => &[".clawhub/lock.json"],
        Tool::OpenSkills => &[".openskills.json"],
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::NotJson(_) | Error::Unknown => Kind::Invalid,
            Error::TooMany(_) => Kind::Limit,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::NotJson(_) | Error::Unknown => "skill-list-unknown",
            Error::TooMany(_) => "skill-list-too-long",
        }
    }
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NotJson(_) | Error::Unknown => {
                "`skillsync help source import` names those that are".to_owned()
            }
            Error::TooMany(_) => "`skillsync add FOLDER --all` takes skills without their list".to_owned(),
        })
    }
}

words!(
    /// Whose list it is.
    Tool, "tool", "ic-skills, skills, clawhub, openskills", {
        /// The script of the Internet Computer's skills.
        IcSkills = "ic-skills",
        /// npm's `skills`.
        Skills = "skills",
        /// ClawHub.
        ClawHub = "clawhub",
        /// openskills.
        OpenSkills = "openskills",
    }
);

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Whose.
    pub tool: Tool,
    /// The skills, sorted by name.
    pub skills: Vec<Noted>,
}

/// One skill of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Its name, which may not be one.
    pub name: String,
    /// Where it came from.
    pub origin: Origin,
    /// How it is told whether it is as it came.
    pub proof: Proof,
}

/// Where a skill came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An open index.
    Index {
        /// The site, where the list says it.
        site: Option<String>,
        /// What the index published of it, where that is noted.
        published: Option<String>,
    },
    /// A repository.
    Git {
        /// Which, as `skillsync add` takes it.
        address: String,
    },
    /// A registry.
    Registry {
        /// The version.
        version: String,
    },
    /// A folder of this machine.
    Folder,
}

/// How it is told whether a skill is as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Not at all.
    None,
    /// By its content hash.
    Content(ContentHash),
    /// By the hash that npm's `skills` computes.
    Skills(String),
    /// By the digest of its `SKILL.md`, which was all that came.
    Main(FileDigest),
}

impl Proof {
    /// Whether `payload` is as it came; `None` where nothing says so.
    pub fn holds(&self, payload: &Payload) -> Option<bool> {
        match self {
            Proof::None => None,
            Proof::Content(hash) => Some(*hash == payload.tree().content_hash()),
            Proof::Skills(hex) => Some(*hex == skills_hash(payload)),
            Proof::Main(digest) => {
                let mut files = payload.tree().files();
                Some(files.all(|(path, file)| path.as_str() == SKILL_MD && file.digest == *digest))
            }
        }
    }
}

/// The `computedHash` of npm's `skills`: SHA-256 over path and bytes of each file, in the order of `localeCompare`.
fn skills_hash(payload: &Payload) -> String {
    // What that order comes to for the characters of paths: punctuation, digits, letters whatever their case.
    let place = |c: char| "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$".find(c).unwrap_or(c as usize + 64);
    let key = |path: &str| path.to_lowercase().chars().map(place).collect::<Vec<_>>();
    let mut files: Vec<_> = payload.files().collect();
    files.sort_by_cached_key(|(path, _)| (key(path.as_str()), path.as_str().to_owned()));
    let mut hasher = Hasher::default();
    for (path, file) in files {
        hasher.update(path.as_str().as_bytes());
        hasher.update(&file.bytes);
    }
    FileDigest::from_hasher(hasher).hex()
}

/// Reads the list at `path` by its shape, which must be that of the tool whose file has this name, if one has. openskills notes
/// each skill in its own folder. `ic_site` is where the skills of `.ic-managed.json` come from, which does not say it:
/// [`IC_SITE`]. What it says is shown to people and kept in histories, so nothing of it is longer than an address, has a
/// control character or a password.
pub fn parse(bytes: &[u8], path: &Path, ic_site: &str) -> Result<List, Error> {
    let folder =
        path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy()).unwrap_or_default();
    let mut list = by_shape(bytes, &folder, ic_site)?;
    let mut tools = [Tool::IcSkills, Tool::Skills, Tool::ClawHub, Tool::OpenSkills].into_iter();
    match tools.find(|tool| file_name(*tool).iter().any(|name| path.ends_with(name))) {
        // Of an empty list nobody can tell whose it is.
        Some(named) if list.skills.is_empty() => list.tool = named,
        Some(named) if named != list.tool => return Err(Error::Unknown),
        _ => {}
    }
    if list.skills.len() > LIST_SKILLS {
        return Err(Error::TooMany(list.skills.len()));
    }
    for noted in &mut list.skills {
        noted.name = plain(&noted.name);
        match &mut noted.origin {
            Origin::Index { site, .. } => *site = site.as_deref().map(plain),
            Origin::Git { address } => *address = plain(address),
            Origin::Registry { version } => *version = plain(version),
            Origin::Folder => {}
        }
    }
    Ok(list)
}

/// `text` on one line, without the user and the password of an address.
fn plain(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let authority = rest.split('/').next().unwrap_or_default();
    let rest = match authority.rsplit_once('@') {
        Some((user, _)) if !scheme.is_empty() => &rest[user.len() + 1..],
        _ => rest,
    };
    let colon = if scheme.is_empty() { "" } else { "://" };
    let text = scheme.chars().chain(colon.chars()).chain(rest.chars()).take(TEXT_CHARS);
    text.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn by_shape(bytes: &[u8], folder: &str, ic_site: &str) -> Result<List, Error> {
    let value: Value = serde_json::from_slice(bytes).map_err(Error::NotJson)?;
    let (tool, mut skills) = match &value {
        Value::Array(names) => {
            (Tool::IcSkills, names.iter().map(|name| legacy(name, ic_site)).collect::<Option<Vec<_>>>())
        }
        Value::Object(fields) => object(fields, folder, ic_site),
        _ => (Tool::IcSkills, None),
    };
    let skills = skills.as_mut().ok_or(Error::Unknown)?;
    skills.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(List { tool, skills: std::mem::take(skills) })
}

fn object(fields: &Map<String, Value>, folder: &str, ic_site: &str) -> (Tool, Option<Vec<Noted>>) {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    if let (Some(Value::Object(skills)), true) = (fields.get("skills"), fields.contains_key("version")) {
        let is_clawhub =
            skills.values().all(|entry| entry.get("version").is_some() && entry.get("source").is_none());
        if is_clawhub && !skills.is_empty() {
            return (Tool::ClawHub, skills.iter().map(clawhub).collect());
        }
        return (Tool::Skills, skills.iter().map(of_skills).collect());
    }
    if let (Some(source), Some(kind)) = (text("source"), text("sourceType")) {
        let origin = match kind {
            "local" => Origin::Folder,
            _ => {
                let path = text("subpath").filter(|path| !path.is_empty());
                let address = text("repoUrl").unwrap_or(source).trim_end_matches(".git");
                Origin::Git { address: path.map_or(address.to_owned(), |path| joined(source, path, None)) }
            }
        };
        return (Tool::OpenSkills, Some(vec![Noted { name: folder.to_owned(), origin, proof: Proof::None }]));
    }
    (Tool::IcSkills, fields.iter().map(|field| ic(field, ic_site)).collect())
}

/// A name in the old shape of `.ic-managed.json`, which knows no hashes.
fn legacy(name: &Value, site: &str) -> Option<Noted> {
    let origin = Origin::Index { site: Some(site.to_owned()), published: None };
    Some(Noted { name: name.as_str()?.to_owned(), origin, proof: Proof::None })
}

/// `"name": "sha256:..."`; an empty hash is one that the site did not publish.
fn ic((name, hash): (&String, &Value), site: &str) -> Option<Noted> {
    let hash = hash.as_str()?;
    let known = if hash.is_empty() { None } else { Some(hash.parse::<ContentHash>().ok()?) };
    let published = known.map(|hash| hash.to_string());
    let origin = Origin::Index { site: Some(site.to_owned()), published };
    Some(Noted { name: name.clone(), origin, proof: known.map_or(Proof::None, Proof::Content) })
}

fn clawhub((name, entry): (&String, &Value)) -> Option<Noted> {
    let origin = Origin::Registry { version: entry.get("version")?.as_str()?.to_owned() };
    Some(Noted { name: name.clone(), origin, proof: Proof::None })
}

fn of_skills((name, entry): (&String, &Value)) -> Option<Noted> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let source = text("source")?;
    let origin = match text("sourceType")? {
        "well-known" => Origin::Index {
            // Of what it installed for all projects it notes the site beside the file that it fetched.
            site: text("sourceBaseUrl").or(text("sourceUrl")).map(site),
            published: text("wellKnownDigest").map(str::to_owned),
        },
        "local" => Origin::Folder,
        _ => {
            let path = text("skillPath").map(|path| path.trim_end_matches("SKILL.md").trim_matches('/'));
            Origin::Git { address: joined(source, path.unwrap_or_default(), text("ref")) }
        }
    };
    let is_main = text("sourceUrl").is_some_and(|url| url.ends_with("/SKILL.md"));
    let main = text("wellKnownDigest").filter(|_| is_main).and_then(|digest| digest.parse().ok());
    let proof = match text("computedHash") {
        Some(hash) => Proof::Skills(hash.to_owned()),
        None => main.map_or(Proof::None, Proof::Main),
    };
    Some(Noted { name: name.clone(), origin, proof })
}

/// The site that `url` is an address of, or of an index on it.
fn site(url: &str) -> String {
    let site = url.split("/.well-known").next().unwrap_or(url).trim_end_matches('/');
    let port = if site.starts_with("https://") { ":443" } else { ":80" };
    let (origin, path) = match site.match_indices('/').nth(2) {
        Some((at, _)) => site.split_at(at),
        None => (site, ""),
    };
    format!("{}{path}", origin.strip_suffix(port).unwrap_or(origin))
}

/// `owner/repo/path@ref`.
fn joined(source: &str, path: &str, reference: Option<&str>) -> String {
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let reference = reference.map(|reference| format!("@{reference}")).unwrap_or_default();
    format!("{source}{path}{reference}")
}

#[cfg(test)]
mod tests;
