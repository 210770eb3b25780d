//! The one door to the `git` program: a repository's files come into a folder of ours, as its author committed them;
//! `past` reads what a project held before. Nothing of a repository is executed. What is done with the files is left to
//! the callers.

mod fault;
mod program;
mod source;
pub mod past;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use skillsync_core::path::SkillPath;
use skillsync_store::fs;
use skillsync_store::meta::Upstream;

pub use super::network::Network;
use crate::world::World;
use fault::explain;
use program::{Failure, Git};

pub use fault::Error;
pub use program::Said;
pub use source::{Error as AddressError, Source, Spot};

/// Files of a repository, in a folder.
#[derive(Debug)]
pub struct Checkout {
    /// The folder that was asked for. A real folder inside the checkout, never a link.
    pub dir: PathBuf,
    /// Its path in the repository; none: the root.
    pub path: Option<SkillPath>,
    /// The commit that the files are of.
    pub commit: String,
    /// The repository, without credentials.
    pub url: String,
    /// The branch, tag or commit that was asked for.
    pub reference: Option<String>,
}

impl Checkout {
    /// What is recorded of a skill at `relative` below [`Checkout::dir`]; empty for that folder itself.
    pub fn upstream(&self, relative: &str) -> Upstream {
        let folder = self.path.as_ref().map_or("", SkillPath::as_str);
        let path = match (folder, relative) {
            ("", "") => ".".to_owned(),
            ("", path) | (path, "") => path.to_owned(),
            (folder, below) => format!("{folder}/{below}"),
        };
        Upstream {
            url: self.url.clone(),
            path,
            reference: self.reference.clone(),
            commit: self.commit.clone(),
        }
    }

    /// Whether `dir` really lies inside the checkout: a repository may have a link to anywhere on this machine.
    pub fn holds(&self, dir: &Path) -> Result<bool, fs::Error> {
        let (root, dir) = (fs::real_path(&self.dir)?, fs::real_path(dir)?);
        Ok(root.zip(dir).is_some_and(|(root, dir)| dir.starts_with(root)))
    }
}

/// What the name of every such folder begins with.
const SCRATCH: &str = "skillsync-git-";
/// No fetch lasts so long.
const STALE_HOURS: i64 = 24;

/// A folder for a checkout outside the store, so that a slow network holds up nobody who wants to write there.
/// Dropped, it is gone.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Makes an empty folder that nobody else may look into, in `$TMPDIR` or `/tmp`.
    pub fn new(world: &World) -> Result<Scratch, fs::Error> {
        let parent = world.var("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        sweep(&parent, world.now);
        let dir = parent.join(fs::unique_name(SCRATCH));
        fs::make_private_dir(&dir)?;
        Ok(Scratch { dir })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Clears what commands that were killed have left, by its age: a process id says nothing where a temporary folder is
/// shared with a container.
fn sweep(parent: &Path, now: Timestamp) {
    for entry in fs::entries(parent).ok().flatten().unwrap_or_default() {
        let path = parent.join(&entry);
        if !entry.to_str().is_some_and(|name| name.starts_with(SCRATCH)) {
            continue;
        }
        let Ok(Some(metadata)) = fs::lstat(&path) else { continue };
        let changed = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        if metadata.is_dir()
            && changed.is_some_and(|changed| now.duration_since(changed).as_hours() >= STALE_HOURS)
        {
            // Another user's is not ours to clear, and is left.
            let _ = fs::remove_tree(&path);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Only a copy; the system clears its temporary folder too.
        let _ = fs::remove_tree(&self.dir);
    }
}

/// Whether `text` is to be read as a repository's address: it is written as one, and no folder of that name is here.
pub fn looks_like(text: &str, world: &World) -> bool {
    source::is_address(text) && !matches!(fs::stat(&world.resolve(Path::new(text))), Ok(Some(_)))
}

/// `text` as it may be shown: user and password of addresses in it taken out.
pub fn without_login(text: &str) -> String {
    source::without_login(text)
}

/// Brings the files of `source` into the empty folder `into`: one state of it without its history, and only the
/// folder that was asked for where the host can do that.
///
/// No hook, filter or other program of the repository or of its author runs; line ends and large-file pointers stay
/// as they are committed; submodules are not fetched. `progress` hears what git is doing.
pub fn fetch(
    world: &World,
    network: Network,
    source: &Source,
    into: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Checkout, Error> {
    if network == Network::Off && !source.is_on_this_machine() {
        return Err(Error::Offline { url: source.url().to_owned() });
    }
    let mut job = Job { git: Git::new(world, source, into), source, into, progress };
    let mut first_error = None;
    for spot in source.spots() {
        match job.bring(spot) {
            // A ref in a web address may have slashes: the next reading takes one more part of it.
            Err(e @ Error::NoReference { .. }) => first_error = first_error.or(Some(e)),
            result => return result,
        }
    }
    // There is always a first reading.
    Err(first_error.unwrap_or_else(|| Error::Empty { url: source.url().to_owned() }))
}

/// How much is asked of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The files of one folder in one commit.
    Folder,
    /// One commit.
    Commit,
    /// Every commit, their files only as they are needed: a shortened hash can only be found so.
    History,
    /// Everything: some old hosts can do no less.
    All,
}

struct Job<'a, 'p> {
    git: Git<'a>,
    source: &'a Source,
    into: &'a Path,
    progress: &'p mut dyn FnMut(&str),
}

impl Job<'_, '_> {
    fn bring(&mut self, spot: &Spot) -> Result<Checkout, Error> {
        let ways: &[Way] = match spot.path {
            Some(_) => &[Way::Folder, Way::Commit, Way::All],
            None => &[Way::Commit, Way::All],
        };
        let mut refused = None;
        for way in ways {
            match self.attempt(spot, *way) {
                // What a host cannot do it answers in many ways; less is asked of it then.
                Err(e @ Error::Failed { .. }) => refused = refused.or(Some(e)),
                result => return result,
            }
        }
        Err(refused.unwrap_or_else(|| Error::Empty { url: self.url() }))
    }

    fn attempt(&mut self, spot: &Spot, way: Way) -> Result<Checkout, Error> {
        self.clear()?;
        // No template: it could bring hooks and attributes along.
        self.run(spot, &["init", "--quiet", "--template="])?;
        let commit = match self.commit(spot, way) {
            Err(Error::NoReference { .. }) if way != Way::All && is_hash(spot) => {
                self.clear()?;
                self.run(spot, &["init", "--quiet", "--template="])?;
                self.commit(spot, Way::History)?
            }
            commit => commit?,
        };
        self.unpack(spot, &commit)?;
        Ok(Checkout {
            dir: self.folder(spot, &commit)?,
            path: spot.path.clone(),
            commit,
            url: self.url(),
            reference: spot.reference.clone(),
        })
    }

    fn clear(&self) -> Result<(), Error> {
        for entry in fs::entries(self.into)?.unwrap_or_default() {
            fs::remove_tree(&self.into.join(entry))?;
        }
        Ok(())
    }

    /// Fetches, and says which commit was meant.
    fn commit(&mut self, spot: &Spot, way: Way) -> Result<String, Error> {
        let wanted = spot.reference.as_deref().unwrap_or("HEAD");
        let fetch = ["fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"];
        let depth: &[&str] = match way {
            Way::Folder => &["--depth=1", "--filter=blob:none"],
            Way::Commit => &["--depth=1"],
            Way::History => &["--force", "--filter=blob:none"],
            Way::All => &["--force"],
        };
        let one = [wanted];
        let refs: &[&str] = match way {
            Way::Folder | Way::Commit => &one,
            Way::History | Way::All => {
                &["HEAD", "refs/heads/*:refs/remotes/origin/*", "refs/tags/*:refs/tags/*"]
            }
        };
        self.run(spot, &[&fetch, depth, &["origin"], refs].concat())?;
        let names = match (way, spot.reference.as_deref()) {
            (Way::History | Way::All, Some(name)) => vec![
                format!("refs/tags/{name}^{{commit}}"),
                format!("refs/remotes/origin/{name}^{{commit}}"),
                format!("{name}^{{commit}}"),
            ],
            _ => vec!["FETCH_HEAD^{commit}".to_owned()],
        };
        for name in names {
            if let Ok(commit) =
                self.run(spot, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
            {
                return Ok(commit);
            }
        }
        Err(Error::NoReference { url: self.url(), reference: wanted.to_owned() })
    }

    /// Writes the files of the commit, of one folder if one was asked for.
    fn unpack(&mut self, spot: &Spot, commit: &str) -> Result<(), Error> {
        let info = self.into.join(".git/info");
        fs::make_dirs(&info)?;
        // These win over the repository's own attributes and the user's: bytes stay as committed, no filter runs.
        let attributes = "* -text -ident -filter !eol !working-tree-encoding\n";
        fs::create(&info.join("attributes"), attributes.as_bytes(), fs::Mode::Plain)?;
        let sparse = match &spot.path {
            Some(path) => {
                fs::create(&info.join("sparse-checkout"), pattern(path).as_bytes(), fs::Mode::Plain)?;
                "core.sparseCheckout=true"
            }
            None => "core.sparseCheckout=false",
        };
        let checkout = ["checkout", "--progress", "--force", "--detach", commit];
        self.run(spot, &[&["-c", sparse, "-c", "core.sparseCheckoutCone=false"], &checkout[..]].concat())?;
        Ok(())
    }

    /// The folder that was asked for, if each step to it is a real folder.
    fn folder(&self, spot: &Spot, commit: &str) -> Result<PathBuf, Error> {
        let Some(path) = &spot.path else { return Ok(self.into.to_owned()) };
        let dir = self.into.join(path.as_str());
        for step in path.folders().chain([path.as_str()]) {
            let what = match fs::lstat(&self.into.join(step))? {
                Some(metadata) if metadata.is_dir() => continue,
                Some(metadata) if metadata.is_symlink() => "behind a link",
                Some(_) => "a file, no folder,",
                None => "not a folder",
            };
            let (path, commit) = (path.to_string(), commit.chars().take(12).collect());
            return Err(Error::NoFolder { url: self.url(), path, what, commit });
        }
        Ok(dir)
    }

    fn run(&mut self, spot: &Spot, args: &[&str]) -> Result<String, Error> {
        self.git.run(args, &mut *self.progress).map_err(|failure| self.explain(spot, failure))
    }

    fn explain(&self, spot: &Spot, failure: Failure) -> Error {
        let url = self.url();
        match failure {
            Failure::Missing => Error::NoGit,
            Failure::Io(e) => Error::Start(e),
            Failure::TimedOut(time) => Error::TimedOut { url, seconds: time.as_secs() },
            Failure::Failed(said) => explain(self.source, spot, said),
        }
    }

    fn url(&self) -> String {
        self.source.url().to_owned()
    }
}

/// Whether the ref may be a commit's hash, whole or shortened.
fn is_hash(spot: &Spot) -> bool {
    let hash = |text: &str| (7..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit());
    spot.reference.as_deref().is_some_and(hash)
}

/// The line of `sparse-checkout` that means this folder and nothing else.
fn pattern(path: &SkillPath) -> String {
    let mut pattern = String::from("/");
    for c in path.as_str().chars() {
        if "\\*?[]!# ".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push_str("/\n");
    pattern
}

#[cfg(test)]
mod tests;
