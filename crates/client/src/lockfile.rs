//! What other tools note of the skills that they installed, read: `.ic-managed.json` in both its shapes, `skills-lock.json` and
//! `.skill-lock.json` of npm's `skills`, `.clawhub/lock.json`, `.openskills.json`. Pure: where the skills lie is looked at by
//! others.

use serde_json::{Map, Value};
use skillsync_core::digest::{ContentHash, FileDigest, Hasher};
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::words;
use skillsync_store::payload::Payload;

/// Largest list that is read.
pub const LIST_BYTES: u64 = 16 * 1024 * 1024;
/// Where the skills of `.ic-managed.json` come from: its script knows no other site.
pub const IC_SITE: &str = "https://skills.internetcomputer.org";

/// A file is no list of skills.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON.
    #[error("it is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON of a shape that no tool writes which is known here.
    #[error("it is no list of skills of a tool that is known here")]
    Unknown,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "skill-list-unknown"
    }
    fn hint(&self) -> Option<String> {
        Some("`skillsync help source import` names those that are".to_owned())
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
}

impl Proof {
    /// Whether `payload` is as it came; `None` where nothing says so.
    pub fn holds(&self, payload: &Payload) -> Option<bool> {
        match self {
            Proof::None => None,
            Proof::Content(hash) => Some(*hash == payload.tree().content_hash()),
            Proof::Skills(hex) => Some(*hex == skills_hash(payload)),
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

/// Reads a list by its shape. `folder` is the name of the folder that it lies in: openskills notes each skill in its own.
/// `ic_site` is where the skills of `.ic-managed.json` come from, which does not say it: [`IC_SITE`].
pub fn parse(bytes: &[u8], folder: &str, ic_site: &str) -> Result<List, Error> {
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
            site: text("sourceBaseUrl").or(text("sourceUrl")).map(|url| site(url).to_owned()),
            published: text("wellKnownDigest").map(str::to_owned),
        },
        "local" => Origin::Folder,
        _ => {
            let path = text("skillPath").map(|path| path.trim_end_matches("SKILL.md").trim_matches('/'));
            Origin::Git { address: joined(source, path.unwrap_or_default(), text("ref")) }
        }
    };
    let proof = text("computedHash").map_or(Proof::None, |hash| Proof::Skills(hash.to_owned()));
    Some(Noted { name: name.clone(), origin, proof })
}

/// The site that `url` is an address of, or of an index on it.
fn site(url: &str) -> &str {
    url.split("/.well-known/").next().unwrap_or(url)
}

/// `owner/repo/path@ref`.
fn joined(source: &str, path: &str, reference: Option<&str>) -> String {
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let reference = reference.map(|reference| format!("@{reference}")).unwrap_or_default();
    format!("{source}{path}{reference}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b";

    fn read(text: &str) -> List {
        parse(text.as_bytes(), "folder", IC_SITE).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn p6_every_shape_that_other_tools_write_is_read() {
        let list = read(r#"["b", "a"]"#);
        assert_eq!((list.tool, list.skills[0].name.as_str(), list.skills.len()), (Tool::IcSkills, "a", 2));
        let list = read(&format!(r#"{{"a": "{HASH}", "b": ""}}"#));
        assert_eq!(list.skills[0].proof, Proof::Content(HASH.parse().unwrap()));
        assert_eq!(list.skills[1].proof, Proof::None, "a site without hashes");
        assert_eq!(read("{}").skills.len(), 0);

        // As npm's `skills` 1.7.4 wrote them.
        let list = read(
            r#"{"version": 1, "skills": {
                "csv": {"source": "127.0.0.1", "sourceUrl": "https://h.example", "sourceType": "well-known",
                    "computedHash": "6c146865", "wellKnownDigest": "sha256:7378"},
                "pdf": {"source": "owner/repo", "ref": "main", "sourceType": "github",
                    "skillPath": "skills/pdf/SKILL.md", "computedHash": "abc"}}}"#,
        );
        assert_eq!(list.tool, Tool::Skills);
        let published = Some("sha256:7378".to_owned());
        assert_eq!(
            list.skills[0].origin,
            Origin::Index { site: Some("https://h.example".to_owned()), published }
        );
        assert_eq!(list.skills[1].origin, Origin::Git { address: "owner/repo/skills/pdf@main".to_owned() });
        let list = read(
            r#"{"version": 3, "dismissed": {}, "skills": {"x": {"source": "owner/repo", "sourceType": "github",
                "sourceUrl": "https://github.com/owner/repo", "skillPath": "skills/x", "skillFolderHash": "",
                "installedAt": "2026-01-31T12:00:00.000Z", "updatedAt": "2026-01-31T12:00:00.000Z"}}}"#,
        );
        assert_eq!(list.skills[0].origin, Origin::Git { address: "owner/repo/skills/x".to_owned() });

        // As it wrote what it installed for all projects: the address of the file, and that of the site.
        for base in ["", r#""sourceBaseUrl": "https://h.example/a","#] {
            let list = read(&format!(
                r#"{{"version": 3, "dismissed": {{}}, "skills": {{"csv": {{"source": "h.example", "sourceType": "well-known",
                    "sourceUrl": "https://h.example/a/.well-known/agent-skills/csv/SKILL.md", "skillFolderHash": "", {base}
                    "wellKnownDigest": "sha256:7378", "installedAt": "2026-11-21T01:08:09.037Z"}}}}}}"#
            ));
            let published = Some("sha256:7378".to_owned());
            let site = Some("https://h.example/a".to_owned());
            assert_eq!(list.skills[0].origin, Origin::Index { site, published });
        }

        let list =
            read(r#"{"version": 1, "skills": {"s": {"version": "1.2.0", "installedAt": 1767225600000}}}"#);
        assert_eq!(list.tool, Tool::ClawHub);
        assert_eq!(list.skills[0].origin, Origin::Registry { version: "1.2.0".to_owned() });
        let list = read(
            r#"{"source": "owner/repo", "sourceType": "git", "repoUrl": "https://github.com/owner/repo",
                "subpath": "skills/pdf", "installedAt": "2026-01-31T12:00:00.000Z"}"#,
        );
        assert_eq!((list.tool, list.skills[0].name.as_str()), (Tool::OpenSkills, "folder"));
        assert_eq!(list.skills[0].origin, Origin::Git { address: "owner/repo/skills/pdf".to_owned() });
        for bad in
            ["", "{", "7", "[1]", r#"{"a": 1}"#, r#"{"a": "md5:1"}"#, r#"{"version":1,"skills":{"a":7}}"#]
        {
            assert!(parse(bad.as_bytes(), "x", IC_SITE).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_hash_of_npm_skills_is_computed_as_it_does() {
        use skillsync_core::path::SkillPath;
        use skillsync_store::payload::PayloadFile;
        let files = [
            ("SKILL.md", "---\nname: pdf\ndescription: Reads PDF. Use for PDF.\n---\n# Hello\n"),
            ("references/a.md", "x\n"),
            ("scripts/run.sh", "#!/bin/sh\necho hi\n"),
        ];
        let file = |(path, text): (&str, &str)| {
            let file = PayloadFile { bytes: text.as_bytes().to_vec(), executable: false };
            (SkillPath::parse(path).unwrap(), file)
        };
        let payload = Payload::new(files.into_iter().map(file).collect()).unwrap();
        // As version 1.7.4 wrote it for these files.
        let hash = "ab9620da1feae9f8e927ead7f848a5c414f7a87171a9cff25d01fd8405f61e23";
        assert_eq!(Proof::Skills(hash.to_owned()).holds(&payload), Some(true));
        assert_eq!(Proof::Skills("00".to_owned()).holds(&payload), Some(false));
        assert_eq!(Proof::None.holds(&payload), None);
    }
}
