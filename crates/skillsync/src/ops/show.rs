//! `show`: what an agent loads of an artifact, level by level, and what that costs it in tokens. It only reads.

use serde::Serialize;
use skillsync_core::diff;
use skillsync_core::fault::Kind;
use skillsync_core::frontmatter;
use skillsync_core::name::SkillName;
use skillsync_core::nearest::nearest;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::{File, Tree};
use skillsync_core::{footer, tokens};
use skillsync_store::objects::Stored;
use skillsync_store::skills;
use skillsync_store::store::Store;

use super::{Error, Refusal};

/// One of the three steps in which agents load a skill (Agent Skills specification, progressive disclosure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Name and description, always in mind.
    Listing,
    /// The instructions, read when the skill is used.
    Instructions,
    /// The other files, read one by one.
    Files,
}

/// What an agent loads. With one level asked for, the others are none.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The artifact.
    pub name: SkillName,
    /// What it is.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// Its current version, which is what is shown.
    pub version: u32,
    /// What is listed.
    pub level1: Option<Listing>,
    /// The instructions.
    pub level2: Option<Instructions>,
    /// The other files.
    pub level3: Option<Files>,
}

/// Level 1.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// `name: description`, about as agents list it.
    pub text: String,
    /// What it costs, estimated.
    pub tokens: usize,
}

/// Level 2.
#[derive(Debug, Serialize)]
pub struct Instructions {
    /// The body of the main file, below its frontmatter.
    pub text: String,
    /// What it costs, estimated.
    pub tokens: usize,
    /// How many lines it has.
    pub lines: usize,
    /// What the observation footer below it costs in addition, estimated: agents load it, the skill does not hold it.
    /// A command or an agent gets none.
    pub footer_tokens: usize,
}

/// Level 3.
#[derive(Debug, Serialize)]
pub struct Files {
    /// Every file but the main one, sorted by path.
    pub files: Vec<FileLine>,
    /// What all texts among them cost together, estimated.
    pub tokens: usize,
}

/// One file of level 3.
#[derive(Debug, Serialize)]
pub struct FileLine {
    /// Its path in the skill.
    pub path: SkillPath,
    /// Its size.
    pub size_bytes: u64,
    /// What it costs, estimated; none when it is no text.
    pub tokens: Option<usize>,
    /// Whether it is executable.
    pub executable: bool,
}

/// One file, whole.
#[derive(Debug, Serialize)]
pub struct Whole {
    /// The skill.
    pub name: SkillName,
    /// The version it is of.
    pub version: u32,
    /// Path, size and cost.
    #[serde(flatten)]
    pub file: FileLine,
    /// Its text; none when it is no text.
    pub text: Option<String>,
    /// Its bytes, as they are stored.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Shows the current version of `name`: one level, or all. Fails when there is no such skill, or an object of it
/// is missing or damaged.
pub fn show(store: &Store, name: &SkillName, level: Option<Level>) -> Result<Shown, Error> {
    let (artifact_type, version, stored) = current(store, name)?;
    let wanted = |one: Level| level.is_none_or(|level| level == one);
    let mut shown =
        Shown { name: name.clone(), artifact_type, version, level1: None, level2: None, level3: None };
    if wanted(Level::Listing) || wanted(Level::Instructions) {
        let main = skills::main_text(artifact_type, name, &stored)?;
        let head = frontmatter::parse(&main);
        if wanted(Level::Listing) {
            let description = head.as_ref().ok().and_then(|head| head.description());
            shown.level1 = Some(listing(name, description));
        }
        if wanted(Level::Instructions) {
            // What no agent can parse, an agent that loads it nevertheless loads whole; so it does what has no head.
            let body = head.map_or(0, |head| head.body_offset);
            let settings = match artifact_type {
                ArtifactType::Skill => Some(store.config().observation()),
                ArtifactType::Command | ArtifactType::Agent => None,
            };
            shown.level2 = Some(instructions(name, settings, main.get(body..).unwrap_or_default()));
        }
    }
    if wanted(Level::Files) {
        shown.level3 = Some(files(&stored, &artifact_type.main_file(name))?);
    }
    Ok(shown)
}

/// The file at `path` of the current version of `name`, byte for byte. Fails when there is none.
pub fn file(store: &Store, name: &SkillName, path: &str) -> Result<Whole, Error> {
    let (_, version, stored) = current(store, name)?;
    let tree = stored.tree();
    let plain = path.strip_prefix("./").unwrap_or(path);
    let found = tree.files().find(|(known, _)| known.as_str() == plain);
    let Some((path, file)) = found else { return Err(no_file(name, plain, tree)) };
    let bytes = stored.read(&file.digest)?.into_owned();
    let text = diff::as_text(&bytes).map(str::to_owned);
    let line = line(path, file, text.as_deref());
    Ok(Whole { name: name.clone(), version, file: line, text, bytes })
}

fn current<'s>(store: &'s Store, name: &SkillName) -> Result<(ArtifactType, u32, Stored<'s>), Error> {
    let meta = skills::load(store, name)?;
    let head = meta.head();
    Ok((meta.artifact_type, head.number, store.objects().open(&head.tree)?))
}

fn listing(name: &SkillName, description: Option<&str>) -> Listing {
    let text = match description {
        Some(description) => format!("{name}: {description}"),
        None => name.to_string(),
    };
    Listing { tokens: tokens::estimate(&text), text }
}

fn instructions(name: &SkillName, settings: Option<&footer::Settings>, body: &[u8]) -> Instructions {
    let text = String::from_utf8_lossy(body).into_owned();
    let footer = settings.and_then(|settings| footer::text(name, settings));
    // As it is put below the body, with its markers.
    let footer = footer.map_or_else(Vec::new, |footer| footer::inject(b"", &footer));
    Instructions {
        tokens: tokens::estimate(&text),
        lines: text.lines().count(),
        footer_tokens: tokens::estimate(&String::from_utf8_lossy(&footer)),
        text,
    }
}

fn files(stored: &Stored<'_>, main: &str) -> Result<Files, Error> {
    let mut files = Vec::new();
    for (path, file) in stored.tree().files().filter(|(path, _)| path.as_str() != main) {
        let bytes = stored.read(&file.digest)?;
        files.push(line(path, file, diff::as_text(&bytes)));
    }
    Ok(Files { tokens: files.iter().filter_map(|file| file.tokens).sum(), files })
}

fn line(path: &SkillPath, file: &File, text: Option<&str>) -> FileLine {
    FileLine {
        path: path.clone(),
        size_bytes: file.size_bytes,
        tokens: text.map(tokens::estimate),
        executable: file.executable,
    }
}

fn no_file(name: &SkillName, path: &str, tree: &Tree) -> Error {
    let known: Vec<&str> = tree.files().map(|(path, _)| path.as_str()).collect();
    let file_name = path.rsplit('/').next().unwrap_or(path);
    // A file is more often called by its name alone than misspelt.
    let near = known.iter().find(|known| known.rsplit('/').next() == Some(file_name)).copied();
    let near = near.or_else(|| known.get(*nearest(path, known.iter().copied()).first()?).copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`skillsync show {name} --level 3` lists its files"),
    };
    let shown: String = path.chars().take(200).collect();
    let message = format!("`{name}` has no file `{}`", shown.escape_debug());
    Refusal { kind: Kind::NotFound, code: "file-not-in-skill", message, hint: Some(hint) }.into()
}
