//! `export --site`: writes what a web server or a bucket serves of the store's skills under `.well-known`, over an earlier
//! export and around everything else in the folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skillsync_client::site::{self, Resource, Site};
use skillsync_core::digest::{ArchiveDigest, ContentHash, FileDigest};
use skillsync_core::fault::Kind;
use skillsync_core::name::SkillName;
use skillsync_store::config::BaseUrl;
use skillsync_store::fs;
use skillsync_store::store::Store;

use super::mark::{Mark, folders_above};
use super::{above, no_parent, outside_store, refusal};
use crate::ops::{Error, Intent};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The root of the site, absolute. It may have other files.
    pub root: PathBuf,
    /// The address that it will be at, for indexes that can be copied elsewhere.
    pub base_url: Option<BaseUrl>,
    /// The skills; none means all in use but those that come with skillsync.
    pub skills: Vec<SkillName>,
}

/// What was written, or would be.
#[derive(Debug, Serialize)]
pub struct SiteReport {
    /// The root of the site, absolute.
    pub path: String,
    /// What the indexes name absolute addresses at, if they do.
    pub base_url: Option<String>,
    /// The skills, sorted by name.
    pub skills: Vec<SiteSkill>,
    /// Files that were written, because they are new or changed.
    pub written: usize,
    /// Files that were as they should be, and were left alone.
    pub unchanged: usize,
    /// Files of an earlier export that are not part of this one and were removed.
    pub removed: usize,
    /// Files of an earlier export that are not part of this one, and that somebody changed since: they were left.
    pub kept: Vec<String>,
    /// The sizes of all files of the site added up.
    pub size_bytes: u64,
    /// Whether this is a plan and nothing was written.
    pub dry_run: bool,
}

/// A skill of the site.
#[derive(Debug, Serialize)]
pub struct SiteSkill {
    /// Its name.
    pub name: SkillName,
    /// Its version in the store.
    pub version: u32,
    /// What the indexes publish as `hash`.
    pub content_hash: ContentHash,
    /// The digest of its archive; null when it is a `SKILL.md` alone.
    pub archive: Option<ArchiveDigest>,
}

/// Makes the site, or says what that would do. The folder is created if the one above it is there. Nothing of it is
/// touched before everything is ready, and the indexes change last: they never name what is not there.
pub fn export(store: &Store, request: &Request, intent: Intent) -> Result<SiteReport, Error> {
    check_root(store, &request.root)?;
    if intent == Intent::Plan {
        return Work::new(request, None)?.run(store, request);
    }
    // Two exports at once would each know half of what is ours.
    let _writing = store.write()?;
    let is_new = fs::lstat(&request.root)?.is_none();
    fs::make_dir(&request.root)?;
    remove_abandoned(&request.root)?;
    let staging = request.root.join(fs::unique_name(fs::OUR_PREFIX));
    fs::make_private_dir(&staging)?;
    let done = Work::new(request, Some(staging.clone())).and_then(|work| work.run(store, request));
    // What failed matters more than whether our own folder could be cleared; the next export clears it, too.
    let cleared = fs::remove_tree(&staging);
    if is_new && done.is_err() {
        let _ = fs::remove_dir_if_empty(&request.root);
    }
    let report = done?;
    cleared?;
    Ok(report)
}

fn check_root(store: &Store, root: &Path) -> Result<(), Error> {
    let there = fs::stat(root)?;
    let not_a_folder = || {
        refusal(
            Kind::Exists,
            "path-exists",
            format!("`{}` is there and no folder", root.display()),
            "choose the folder that your web server serves".to_owned(),
        )
    };
    match there {
        Some(metadata) if metadata.is_dir() => outside_store(store, root),
        Some(_) => Err(not_a_folder()),
        None if fs::lstat(root)?.is_some() => Err(not_a_folder()),
        None => match fs::real_path(above(root))?.filter(|real| real.is_dir()) {
            Some(real) => outside_store(store, &real),
            None => Err(no_parent(root)),
        },
    }
}

/// Clears what a killed export left.
fn remove_abandoned(root: &Path) -> Result<(), Error> {
    for name in fs::entries(root)?.unwrap_or_default() {
        if name.to_str().is_some_and(fs::is_abandoned_temporary) {
            fs::remove_tree(&root.join(name))?;
        }
    }
    Ok(())
}

/// An export on its way.
struct Work {
    root: PathBuf,
    /// Where new files wait; none for a plan.
    staging: Option<PathBuf>,
    /// What is ours now.
    old: Mark,
    /// All files of this export.
    files: Vec<(String, FileDigest)>,
    /// The places in `files` of those that change.
    changed: Vec<usize>,
    size_bytes: u64,
    /// Folders that were looked at and are none of somebody's links.
    folders: BTreeSet<PathBuf>,
    /// Files in the way.
    foreign: Vec<String>,
}

/// The most foreign files that an error names.
const NAMED: usize = 5;

impl Work {
    fn new(request: &Request, staging: Option<PathBuf>) -> Result<Self, Error> {
        let root = request.root.clone();
        let old = Mark::load(&root)?;
        Ok(Self {
            root,
            staging,
            old,
            files: Vec::new(),
            changed: Vec::new(),
            size_bytes: 0,
            folders: BTreeSet::new(),
            foreign: Vec::new(),
        })
    }

    fn run(mut self, store: &Store, request: &Request) -> Result<SiteReport, Error> {
        let names = if request.skills.is_empty() { site::all(store)? } else { request.skills.clone() };
        let names: BTreeSet<SkillName> = names.into_iter().collect();
        if names.is_empty() {
            return Err(refusal(
                Kind::NotFound,
                "nothing-to-export",
                "there is no skill to publish".to_owned(),
                "add one with `skillsync add`; an empty index would make every reader remove what it has"
                    .to_owned(),
            ));
        }
        let (mut offers, mut skills) = (Vec::new(), Vec::new());
        for name in &names {
            let exhibit = site::exhibit(store, name)?;
            for (path, bytes) in exhibit.paths() {
                self.file(path, &bytes)?;
            }
            skills.push(SiteSkill {
                name: name.clone(),
                version: exhibit.number(),
                content_hash: exhibit.offer.tree.content_hash(),
                archive: exhibit.offer.archive().map(|(digest, _)| digest),
            });
            offers.push(exhibit.offer);
        }
        let base_url = request.base_url.as_ref().map(BaseUrl::as_str);
        let site = Site::new(offers, base_url)?;
        for (path, resource) in site.paths() {
            if let Resource::Index(version) = resource {
                self.file(path, &site.index(version))?;
            }
        }
        if !self.foreign.is_empty() {
            return Err(self.in_the_way());
        }
        let new = Mark::new(self.files.iter().cloned());
        let (gone, kept) = self.gone(&new)?;
        if self.staging.is_some() {
            self.put(&new, &gone)?;
        }
        Ok(SiteReport {
            path: self.root.display().to_string(),
            base_url: base_url.map(str::to_owned),
            skills,
            written: self.changed.len(),
            unchanged: self.files.len() - self.changed.len(),
            removed: gone.len(),
            kept,
            size_bytes: self.size_bytes,
            dry_run: self.staging.is_none(),
        })
    }

    /// Takes one file in: looks at what is in its place, and stages it if that is another.
    fn file(&mut self, path: String, bytes: &[u8]) -> Result<(), Error> {
        let digest = FileDigest::of(bytes);
        self.size_bytes += bytes.len() as u64;
        let is_free = self.look_at_folders(&path)?;
        let at = self.files.len();
        self.files.push((path, digest));
        let (path, _) = &self.files[at];
        match if is_free { self.there(path)? } else { There::Foreign } {
            There::Foreign => self.foreign.push(path.clone()),
            There::File(there) if there == digest => {}
            There::File(there) if !self.old.has(path, &there) => self.foreign.push(path.clone()),
            There::File(_) | There::Nothing => {
                if let Some(staging) = &self.staging {
                    fs::create(&staging.join(at.to_string()), bytes, fs::Mode::Plain)?;
                }
                self.changed.push(at);
            }
        }
        Ok(())
    }

    /// Whether every folder above `path` is one, or is not there yet. A link could lead anywhere.
    fn look_at_folders(&mut self, path: &str) -> Result<bool, Error> {
        for folder in folders_above(&self.root, path) {
            if self.folders.contains(&folder) {
                return Ok(true);
            }
            match fs::lstat(&folder)? {
                Some(metadata) if !metadata.is_dir() => return Ok(false),
                Some(_) => {
                    self.folders.insert(folder);
                }
                None => {}
            }
        }
        Ok(true)
    }

    fn there(&self, path: &str) -> Result<There, Error> {
        let at = self.root.join(path);
        match fs::lstat(&at)? {
            None => Ok(There::Nothing),
            Some(metadata) if metadata.is_file() => {
                // What is larger than anything of ours is not ours.
                match fs::read(&at, skillsync_core::limits::SKILL_BYTES) {
                    Ok(bytes) => Ok(There::File(FileDigest::of(&bytes))),
                    Err(e) if e.io_kind() == std::io::ErrorKind::FileTooLarge => Ok(There::Foreign),
                    Err(e) => Err(e.into()),
                }
            }
            Some(_) => Ok(There::Foreign),
        }
    }

    fn in_the_way(&self) -> Error {
        let named: Vec<String> = self
            .foreign
            .iter()
            .take(NAMED)
            .map(|path| format!("`{}`", self.root.join(path).display()))
            .collect();
        let more = self.foreign.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        refusal(
            Kind::Exists,
            "site-file-foreign",
            format!("{}{more} would be replaced and is not of an earlier export", named.join(", ")),
            "move it away; what an export wrote and somebody changed since counts as theirs".to_owned(),
        )
    }

    /// Files of an earlier export that are not part of this one: those to remove, and those that somebody changed.
    fn gone(&self, new: &Mark) -> Result<(Vec<String>, Vec<String>), Error> {
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for path in self.old.without(new) {
            let is_reached = folders_above(&self.root, path)
                .iter()
                .all(|folder| fs::lstat(folder).ok().flatten().is_none_or(|metadata| metadata.is_dir()));
            match if is_reached { self.there(path)? } else { There::Foreign } {
                There::Nothing => {}
                There::File(digest) if self.old.has(path, &digest) => gone.push(path.to_owned()),
                There::File(_) | There::Foreign => kept.push(path.to_owned()),
            }
        }
        Ok((gone, kept))
    }

    /// Moves what was staged into place. Before the first file moves, the mark knows it; the last to move are the indexes.
    fn put(&self, new: &Mark, gone: &[String]) -> Result<(), Error> {
        let Some(staging) = &self.staging else { return Ok(()) };
        if self.changed.is_empty() && gone.is_empty() && *new == self.old {
            return Ok(());
        }
        fs::sync_file_system(staging)?;
        self.old.with(new).save(&self.root)?;
        for at in &self.changed {
            let place = self.root.join(&self.files[*at].0);
            fs::make_dirs(above(&place))?;
            fs::rename(&staging.join(at.to_string()), &place)?;
        }
        for path in gone {
            fs::remove_file(&self.root.join(path))?;
        }
        // A killed export may have removed the files and not the folders.
        let emptied: BTreeSet<PathBuf> =
            self.old.without(new).flat_map(|path| folders_above(&self.root, path)).collect();
        // What is inside comes before what it is inside of.
        for folder in emptied.iter().rev() {
            if fs::lstat(folder)?.is_some_and(|metadata| metadata.is_dir()) {
                fs::remove_dir_if_empty(folder)?;
            }
        }
        fs::sync_file_system(&self.root)?;
        new.save(&self.root)
    }
}

/// What stands in the place of a file.
enum There {
    Nothing,
    File(FileDigest),
    /// Something that an export never writes.
    Foreign,
}
