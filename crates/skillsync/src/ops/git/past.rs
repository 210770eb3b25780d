//! What a folder or a file of a user's project held before, from the project's own history. It only reads; which
//! content is the right one is left to the caller.
//!
//! The repository may be anybody's: git is asked by its plumbing alone, which runs no program that a repository names.

mod descent;
mod objects;
mod talk;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use skillsync_core::limits;
use skillsync_core::path::SkillPath;

use super::{Error, program};
use crate::world::World;
use objects::Objects;
use talk::Talk;

/// A file as a commit has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFile {
    /// Where it stands in the folder; for a single file its name.
    pub path: SkillPath,
    /// Its bytes as committed: git's filters and conversions of line ends are not applied.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// The searches of one command: one time for all of them, from the first on. A repository can make git wait without end.
#[derive(Debug, Default)]
pub struct Searches {
    end: OnceLock<Instant>,
}

impl Searches {
    /// The newest content of `path` that `accepts` takes: the files sorted by path, what is not payload left out. `path` is
    /// a folder or a file below `project`, with `/` separators; empty, it is `project` itself.
    ///
    /// Commits that HEAD descends from come before those of other branches and tags. A content that no skill may have (a
    /// link, a submodule, a name that is not portable, too much) is passed over. None when no content is accepted within
    /// the bounds ([`limits::PAST_COMMITS`], and the time of all searches, that which git may be silent), and when there is
    /// no git or nothing that it may read: no repository, a bare or broken one, one of another user. Fails only when git is
    /// there and cannot be started.
    pub fn find(
        &self,
        world: &World,
        project: &Path,
        path: &str,
        accepts: &mut dyn FnMut(&[PastFile]) -> bool,
    ) -> Result<Option<Vec<PastFile>>, Error> {
        self.ask(world, project).map_or(Ok(None), |at| find(&at, path, accepts))
    }

    /// Where git is asked from now on. None when the time is up: not even a git that would only be ended is started.
    fn ask<'a>(&self, world: &'a World, project: &'a Path) -> Option<At<'a>> {
        let end = *self.end.get_or_init(|| Instant::now() + program::silence(world));
        (Instant::now() < end).then_some(At { world, project, end })
    }
}

/// Where git is asked, and until when.
struct At<'a> {
    world: &'a World,
    project: &'a Path,
    end: Instant,
}

/// What a search finds there.
fn find(
    at: &At<'_>,
    path: &str,
    accepts: &mut dyn FnMut(&[PastFile]) -> bool,
) -> Result<Option<Vec<PastFile>>, Error> {
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let Some(prefix) = prefix(at)? else { return Ok(None) };
    let steps: Vec<&[u8]> = prefix
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
        .chain(path.iter().map(|part| part.as_bytes()))
        .collect();
    let Some(mut objects) = Objects::open(at)? else { return Ok(None) };
    let mut seen = BTreeSet::new();
    // Without HEAD, as before the first commit of a branch, the others are still looked at.
    for revisions in [&["HEAD"][..], &["--all", "--not", "HEAD"]] {
        let Some(mut commits) = commits(at, revisions, &path)? else { return Ok(None) };
        while let Some(line) = commits.line() {
            // A line with the hash of the commit stands before that of its root.
            let Some(node) = hash(line).and_then(|root| objects.node(root, &steps)) else { continue };
            if !seen.insert(node.clone()) {
                continue;
            }
            let name = path.last().copied().unwrap_or_default();
            if let Some(files) = objects.files(name, node)
                && accepts(&files)
            {
                return Ok(Some(files));
            }
        }
    }
    Ok(None)
}

/// The path of `project` in its repository's working tree; empty for the root, else with a slash at its end.
fn prefix(at: &At<'_>) -> Result<Option<Vec<u8>>, Error> {
    let asked = ["rev-parse", "--is-inside-work-tree", "--show-prefix"];
    let Some(mut talk) = Talk::start(at, &asked)? else { return Ok(None) };
    // In a bare repository, and in `.git` itself, it says `false`.
    Ok(talk.line().filter(|inside| inside == b"true").and_then(|_| talk.line()))
}

/// Starts the list of the commits that touched `path`, the newest first: a line `commit HASH`, then one with the hash
/// of its root folder.
fn commits(at: &At<'_>, revisions: &[&str], path: &[&str]) -> Result<Option<Talk>, Error> {
    let most = format!("--max-count={}", limits::PAST_COMMITS);
    let path = if path.is_empty() { ".".to_owned() } else { path.join("/") };
    // Not `log`, which can be told to check signatures with a program. The full history has the branches, too, of which
    // a merge took nothing.
    let list = ["rev-list", "--format=%T", "--full-history", "--ignore-missing", &most];
    Talk::start(at, &[&list, revisions, &["--", &path]].concat())
}

fn hash(line: Vec<u8>) -> Option<String> {
    String::from_utf8(line).ok().filter(|line| line.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
