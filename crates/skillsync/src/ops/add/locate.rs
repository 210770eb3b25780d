//! Where skills to add are: in a folder as it stands, or in a repository whose files come into a folder of their own
//! and are gone again afterwards.

use std::path::{Path, PathBuf};

use skillsync_core::fault::Kind;
use skillsync_core::frontmatter::Severity;
use skillsync_core::name::SkillName;
use skillsync_core::tree;
use skillsync_store::{fs, scan};

use super::discover::{Candidate, Unusable, candidate, discover, has_skill_md};
use super::markdown::is_markdown;
use super::{AddReport, Provenance};
use crate::ops::git::{self, Checkout, Network, Scratch, Source};
use crate::ops::validate::Finding;
use crate::ops::{Error, Refusal};
use crate::ui::Progress;
use crate::world::World;

/// How a large file that git keeps elsewhere begins in its place, and how long such a note can be.
const LFS_POINTER: (&[u8], u64) = (b"version https://git-lfs.github.com/spec/v1\n", 1024);

/// A skill may be so many folders below a repository's root.
const DEEPEST: usize = 4;
/// So many folders of a repository are looked into.
const MOST_FOLDERS: usize = 2_000;
/// Folders that hold other people's files.
const SKIPPED: [&str; 2] = [".git", "node_modules"];

/// Skills that can be added, and where they are. What is in a repository is there until this is dropped.
#[derive(Debug)]
pub struct Located {
    /// What was found.
    pub candidates: Vec<Candidate>,
    /// What is recorded of them.
    pub provenance: Provenance,
    remote: Option<Remote>,
}

/// A repository's files here.
#[derive(Debug)]
struct Remote {
    url: String,
    root: PathBuf,
    _scratch: Scratch,
}

/// Finds the skills that `text` leads to: a repository's address where it is one and no folder has that name, else a
/// folder. Fails when there is none, or when the repository cannot be had.
pub fn locate(
    world: &World,
    network: Network,
    text: &str,
    rename: Option<&SkillName>,
    progress: &Progress,
) -> Result<Located, Error> {
    if !git::looks_like(text, world) {
        if text.starts_with("https://") {
            return Err(unknown(text).into());
        }
        let root = world.resolve(Path::new(text));
        refuse_markdown(&root, text)?;
        let candidates = discover(&root, rename)?;
        return Ok(Located { candidates, provenance: Provenance::Folder, remote: None });
    }
    let source = Source::parse(text).map_err(git::Error::from)?;
    let scratch = Scratch::new(world)?;
    // A skill at the root of a repository is in a folder of the repository's name.
    let root = scratch.dir().join(source.name());
    fs::make_dir(&root)?;
    let checkout = git::fetch(world, network, &source, &root, &mut |line| progress.at(line))?;
    let remote = Remote { url: checkout.url.clone(), root, _scratch: scratch };
    let mut candidates = match discover(&checkout.dir, rename) {
        Err(nowhere @ Error::Refused(Refusal { kind: Kind::NotFound, .. })) => {
            deeper(&checkout.dir, rename)?.ok_or_else(|| remote.told(nowhere))?
        }
        candidates => candidates?,
    };
    for candidate in &mut candidates {
        examine(&checkout, candidate)?;
        candidate.relative = checkout.upstream(&candidate.relative).path;
    }
    Ok(Located { candidates, provenance: Provenance::Git(checkout.upstream("")), remote: Some(remote) })
}

/// A Markdown file is a command or an agent, and nobody but the user knows which.
fn refuse_markdown(path: &Path, text: &str) -> Result<(), Error> {
    if !is_markdown(path) || !fs::stat(path)?.is_some_and(|m| m.is_file()) {
        return Ok(());
    }
    let hint = match path.parent() {
        Some(folder) if path.file_name() == Some(tree::SKILL_MD.as_ref()) => {
            format!("a skill is added by its folder: `skillsync add {}`", folder.display())
        }
        _ => "`--type command` adds it as a slash command, `--type agent` as a subagent".to_owned(),
    };
    let message = format!("`{text}` is a file; a skill is a folder");
    Err(Refusal { kind: Kind::Invalid, code: "type-missing", message, hint: Some(hint) }.into())
}

/// The skills below the usual places: some repositories sort theirs by theme. None: there is none.
fn deeper(root: &Path, rename: Option<&SkillName>) -> Result<Option<Vec<Candidate>>, Error> {
    let mut found = Vec::new();
    let mut level = vec![String::new()];
    let mut seen = 0;
    for _ in 0..DEEPEST {
        let mut below = Vec::new();
        for folder in level {
            for entry in fs::entries(&root.join(&folder))?.unwrap_or_default() {
                let Some(name) = entry.to_str().filter(|name| !SKIPPED.contains(name)) else { continue };
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let dir = root.join(&path);
                // Links are not followed: what they lead to stands elsewhere in the repository, or is not its own.
                if !fs::lstat(&dir)?.is_some_and(|metadata| metadata.is_dir()) {
                    continue;
                }
                seen += 1;
                if has_skill_md(&dir)? {
                    found.push(candidate(&dir, path, rename));
                } else if seen < MOST_FOLDERS {
                    below.push(path);
                }
            }
        }
        level = below;
    }
    Ok(if found.is_empty() { None } else { Some(found) })
}

fn unknown(address: &str) -> Refusal {
    Refusal {
        kind: Kind::Invalid,
        code: "source-unknown",
        message: format!("`{}` is not known to be a repository's address", git::without_login(address)),
        hint: Some("if it is one, let it end with `.git` or begin with `git+https://`".to_owned()),
    }
}

impl Located {
    /// Names places in a repository by its address, not by the folder that is gone when the report is read.
    pub fn settle(&self, report: &mut AddReport) {
        let Some(remote) = &self.remote else { return };
        for added in &mut report.added {
            added.path = remote.place(&added.path);
        }
        for failed in &mut report.failed {
            failed.path = remote.place(&failed.path);
            failed.error.message = remote.text(&failed.error.message);
            for cause in &mut failed.error.causes {
                *cause = remote.text(cause);
            }
        }
    }
}

impl Remote {
    fn place(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(below) if below.as_os_str().is_empty() => PathBuf::from(&self.url),
            Ok(below) => PathBuf::from(format!("{}//{}", self.url, below.display())),
            Err(_) => path.to_owned(),
        }
    }

    fn text(&self, text: &str) -> String {
        let root = self.root.display().to_string();
        text.replace(&format!("{root}/"), "").replace(&root, &self.url)
    }

    fn told(&self, error: Error) -> Error {
        match error {
            Error::Refused(refusal) => {
                Error::Refused(Refusal { message: self.text(&refusal.message), ..refusal })
            }
            other => other,
        }
    }
}

/// Refuses what a link would bring in from elsewhere on this machine, and warns of files that are not there.
fn examine(checkout: &Checkout, candidate: &mut Candidate) -> Result<(), Error> {
    if !checkout.holds(&candidate.path)? {
        let refusal = Refusal {
            kind: Kind::Invalid,
            code: "link-outside",
            message: "it is behind a link that leads out of the repository".to_owned(),
            hint: Some("only files of the repository itself are added".to_owned()),
        };
        candidate.name = Err(Unusable::new(&candidate.path, refusal));
        return Ok(());
    }
    // What cannot be listed is reported when the skill is added.
    let Ok(listing) = scan::list(&candidate.path) else { return Ok(()) };
    for file in listing.files.iter().filter(|file| file.size_bytes <= LFS_POINTER.1) {
        if fs::read(&file.at, LFS_POINTER.1).is_ok_and(|bytes| bytes.starts_with(LFS_POINTER.0)) {
            candidate.warnings.push(Finding {
                severity: Severity::Warning,
                code: "lfs-pointer",
                file: Some(file.path.to_string()),
                line: None,
                message: "this is only a note of where Git LFS keeps the file".to_owned(),
                hint: Some("clone the repository with Git LFS and add the folder instead".to_owned()),
            });
        }
    }
    Ok(())
}
