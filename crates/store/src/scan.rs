//! Reading a folder as a skill's payload: what belongs to it, what is refused, and its tree (decision 8 and 9).
//!
//! Nothing is skipped in silence: what cannot be part of a skill and is not known litter is an error that names it.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;
use skillsync_core::path::{self, SkillPath};
use skillsync_core::tree::{self, File, Tree, is_payload};

use crate::fs::{self, DirStamp, FileStamp};
use crate::objects;

/// A folder is not a skill's payload.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// There is nothing.
    #[error("`{}` does not exist", .path.display())]
    Missing {
        /// Where the folder should be.
        path: PathBuf,
    },
    /// There is something else than a folder.
    #[error("`{}` is not a folder", .path.display())]
    NotAFolder {
        /// What is there instead.
        path: PathBuf,
    },
    /// A name inside cannot be part of a skill.
    #[error("a file in `{}` cannot be part of a skill", .root.display())]
    Name {
        /// The folder.
        root: PathBuf,
        /// Which name and why.
        #[source]
        source: path::Error,
    },
    /// The files together do not make a skill.
    #[error("the files in `{}` do not make a skill", .root.display())]
    Tree {
        /// The folder.
        root: PathBuf,
        /// Why.
        #[source]
        source: tree::Error,
    },
    /// A symlink leaves the folder, leads nowhere, or leads to a folder.
    #[error("the link `{}` {problem}", .path.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        problem: String,
    },
    /// Neither a file nor a folder nor a link.
    #[error("`{}` is a {what}", .path.display())]
    Special {
        /// Its path.
        path: PathBuf,
        /// FIFO, socket or device.
        what: &'static str,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fs(e) => e.kind(),
            Error::Tree { source, .. } => source.kind(),
            Error::Missing { .. } | Error::NotAFolder { .. } => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fs(e) => e.code(),
            Error::Missing { .. } | Error::NotAFolder { .. } => "folder-not-found",
            Error::Name { source, .. } => source.code(),
            Error::Tree { source, .. } => source.code(),
            Error::Link { .. } => "link-outside",
            Error::Special { .. } => "special-file",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fs(e) => e.hint(),
            Error::Missing { .. } => Some("look at how the path is spelt".to_owned()),
            Error::NotAFolder { .. } => Some("a skill is a folder with a SKILL.md in it".to_owned()),
            Error::Name { source, .. } => source.hint(),
            Error::Tree { source, .. } => source.hint(),
            Error::Link { .. } => Some(
                "replace the link by the file itself; links may lead to files inside the skill only"
                    .to_owned(),
            ),
            Error::Special { .. } => Some("remove it: a skill holds regular files only".to_owned()),
        }
    }
}

/// One payload file as it lies on the disk.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its path in the skill.
    pub path: SkillPath,
    /// Where it lies.
    pub at: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Evidence for the index.
    pub stamp: FileStamp,
}

/// A folder's payload, not read yet.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The files, in no particular order.
    pub files: Vec<Found>,
    /// The folders by path (`""` is the root), with evidence for the index.
    pub dirs: Vec<(String, DirStamp)>,
    /// Whether a symlink was resolved: its evidence is that of another file, so the index must not keep it.
    pub has_links: bool,
}

/// The error for `path`, which is no folder: whether nothing is there, or something else.
pub fn no_folder(path: &Path) -> Error {
    match fs::lstat(path) {
        Ok(None) => Error::Missing { path: path.to_owned() },
        _ => Error::NotAFolder { path: path.to_owned() },
    }
}

/// Lists the payload of `root` without reading it.
pub fn list(root: &Path) -> Result<Listing, Error> {
    let metadata = fs::stat(root)?;
    if !metadata.is_some_and(|m| m.is_dir()) {
        return Err(no_folder(root));
    }
    let mut lister = Lister { root, real_root: None, listing: Listing::default(), size_bytes: 0 };
    lister.folder("")?;
    Ok(lister.listing)
}

/// The listing of `root`, which `tree` was just written to and nothing else: the evidence is asked for by name, and no folder
/// is read.
pub fn written(root: &Path, tree: &Tree) -> Result<Listing, fs::Error> {
    let gone = |relative: &str| {
        let vanished = std::io::Error::other("it vanished while it was written");
        fs::Error::new("look at", &root.join(relative), vanished)
    };
    let folder = fs::Folder::open(root).ok_or_else(|| gone(""))?;
    let mut listing = Listing::default();
    let mut dirs = BTreeSet::from([""]);
    for (path, file) in tree.files() {
        dirs.extend(path.folders());
        let stamp = folder.file(path.as_str()).ok_or_else(|| gone(path.as_str()))?;
        listing.files.push(Found {
            path: path.clone(),
            at: root.join(path.as_str()),
            size_bytes: file.size_bytes,
            executable: file.executable,
            stamp,
        });
    }
    for dir in dirs {
        let stamp = folder.dir(dir).ok_or_else(|| gone(dir))?;
        listing.dirs.push((dir.to_owned(), stamp));
    }
    Ok(listing)
}

/// Lists and reads `root`: its tree, checked, and the listing it was made from.
pub fn read(root: &Path) -> Result<(Tree, Listing), Error> {
    let listing = list(root)?;
    let mut files = Vec::with_capacity(listing.files.len());
    for found in &listing.files {
        check_size(root, found)?;
        let (mut input, metadata) = fs::open_regular(&found.at)?;
        let (digest, size_bytes) = objects::digest_of(&mut input, metadata.len(), &found.at)?;
        files.push((found.path.clone(), File { digest, size_bytes, executable: found.executable }));
    }
    Ok((tree_of(root, files)?, listing))
}

/// Makes a tree of what was read of `root`.
pub fn tree_of(root: &Path, files: Vec<(SkillPath, File)>) -> Result<Tree, Error> {
    Tree::new(files).map_err(|source| Error::Tree { root: root.to_owned(), source })
}

/// Refuses a file by its size before its bytes are read.
pub fn check_size(root: &Path, found: &Found) -> Result<(), Error> {
    let is_skill_md = found.path.as_str() == tree::SKILL_MD;
    let limit_bytes = if is_skill_md { limits::SKILL_MD_BYTES } else { limits::FILE_BYTES };
    if found.size_bytes <= limit_bytes {
        return Ok(());
    }
    let (path, size_bytes) = (found.path.clone(), found.size_bytes);
    Err(Error::Tree {
        root: root.to_owned(),
        source: tree::Error::FileTooLarge { path, size_bytes, limit_bytes },
    })
}

struct Lister<'a> {
    root: &'a Path,
    real_root: Option<PathBuf>,
    listing: Listing,
    size_bytes: u64,
}

impl Lister<'_> {
    fn folder(&mut self, relative: &str) -> Result<(), Error> {
        let at = if relative.is_empty() { self.root.to_owned() } else { self.root.join(relative) };
        // The evidence is taken before the entries are: what changes between shows as a change later.
        let Some(metadata) = fs::stat(&at)? else { return Err(no_folder(&at)) };
        self.listing.dirs.push((relative.to_owned(), DirStamp::of(&metadata)));
        if self.listing.dirs.len() > limits::SKILL_FILES {
            return Err(Error::Tree { root: self.root.to_owned(), source: tree::Error::TooManyFiles });
        }
        for name in fs::entries(&at)?.unwrap_or_default() {
            let Some(text) = name.to_str() else {
                let source = path::Error::not_utf8(&name.to_string_lossy());
                return Err(Error::Name { root: self.root.to_owned(), source });
            };
            if !is_payload(text) {
                continue;
            }
            let inner = if relative.is_empty() { text.to_owned() } else { format!("{relative}/{text}") };
            let at = at.join(&name);
            // A file that vanishes while we look was not there.
            let Some(metadata) = fs::lstat(&at)? else { continue };
            self.entry(&inner, at, &metadata)?;
        }
        Ok(())
    }

    fn entry(&mut self, relative: &str, at: PathBuf, metadata: &Metadata) -> Result<(), Error> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.checked(relative)?;
            return self.folder(relative);
        }
        if kind.is_symlink() {
            let (at, metadata) = self.resolve(&at)?;
            self.listing.has_links = true;
            return self.file(relative, at, &metadata);
        }
        if kind.is_file() {
            return self.file(relative, at, metadata);
        }
        let what = if kind.is_fifo() {
            "FIFO"
        } else if kind.is_socket() {
            "socket"
        } else {
            "device"
        };
        Err(Error::Special { path: at, what })
    }

    fn file(&mut self, relative: &str, at: PathBuf, metadata: &Metadata) -> Result<(), Error> {
        let path = self.checked(relative)?;
        if self.listing.files.len() == limits::SKILL_FILES {
            return Err(Error::Tree { root: self.root.to_owned(), source: tree::Error::TooManyFiles });
        }
        let executable = fs::is_executable(metadata);
        let (size_bytes, stamp) = (metadata.len(), FileStamp::of(metadata));
        // Refused before a byte of it is read or copied.
        self.size_bytes = self.size_bytes.saturating_add(size_bytes);
        if self.size_bytes > limits::SKILL_BYTES {
            let source = tree::Error::TooLarge { size_bytes: self.size_bytes };
            return Err(Error::Tree { root: self.root.to_owned(), source });
        }
        self.listing.files.push(Found { path, at, size_bytes, executable, stamp });
        Ok(())
    }

    fn checked(&self, relative: &str) -> Result<SkillPath, Error> {
        SkillPath::parse(relative).map_err(|source| Error::Name { root: self.root.to_owned(), source })
    }

    /// Where a link inside the folder leads, if that is a file inside the folder (checklist D11: no escapes).
    fn resolve(&mut self, link: &Path) -> Result<(PathBuf, Metadata), Error> {
        let wrong = |problem: String| Error::Link { path: link.to_owned(), problem };
        let real = match fs::real_path(link) {
            Ok(Some(real)) => real,
            Ok(None) => return Err(wrong("leads nowhere".to_owned())),
            // A loop of links, or a folder on the way that may not be searched.
            Err(_) => return Err(wrong("cannot be followed".to_owned())),
        };
        if self.real_root.is_none() {
            self.real_root = fs::real_path(self.root)?;
        }
        let inside = self.real_root.as_ref().is_some_and(|root| real.starts_with(root));
        if !inside {
            return Err(wrong(format!("leads out of the skill, to `{}`", real.display())));
        }
        match fs::lstat(&real)? {
            Some(metadata) if metadata.is_file() => Ok((real, metadata)),
            _ => Err(wrong("does not lead to a file".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skill() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("pdf");
        fs::make_dirs(&root.join("scripts")).unwrap();
        fs::create(&root.join("SKILL.md"), b"# Hello\n", fs::Mode::Plain).unwrap();
        fs::create(&root.join("scripts/run.sh"), b"#!/bin/sh\n", fs::Mode::Executable).unwrap();
        (dir, root)
    }

    #[test]
    fn a_folder_reads_as_its_payload() {
        let (_dir, root) = skill();
        for litter in [".git", "__pycache__"] {
            fs::make_dir(&root.join(litter)).unwrap();
            fs::create(&root.join(litter).join("x"), b"", fs::Mode::Plain).unwrap();
        }
        for litter in [".DS_Store", ".meta.toml", "x.pyc", ".skillsync-tree"] {
            fs::create(&root.join(litter), b"", fs::Mode::Plain).unwrap();
        }
        let (tree, listing) = read(&root).unwrap();
        assert_eq!(
            tree.content_hash().hex(),
            "f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b"
        );
        assert_eq!(listing.dirs.len(), 2);
        assert!(tree.get(&SkillPath::parse("scripts/run.sh").unwrap()).unwrap().executable);
    }

    #[test]
    fn a_link_inside_is_the_file_it_leads_to() {
        let (_dir, root) = skill();
        fs::symlink_new(Path::new("scripts/run.sh"), &root.join("run")).unwrap();
        let (tree, listing) = read(&root).unwrap();
        let run = tree.get(&SkillPath::parse("run").unwrap()).unwrap();
        assert_eq!(run, tree.get(&SkillPath::parse("scripts/run.sh").unwrap()).unwrap());
        assert!(listing.has_links);
    }

    #[test]
    fn what_cannot_be_part_of_a_skill_is_named() {
        type Spoil = fn(&Path);
        let cases: [(&str, Spoil); 7] = [
            ("link-outside", |r| fs::symlink_new(Path::new("/etc/passwd"), &r.join("x")).unwrap()),
            ("link-outside", |r| fs::symlink_new(Path::new("nowhere"), &r.join("x")).unwrap()),
            ("link-outside", |r| fs::symlink_new(Path::new("x"), &r.join("x")).unwrap()),
            ("link-outside", |r| fs::symlink_new(Path::new("scripts"), &r.join("x")).unwrap()),
            ("special-file", |r| {
                let mode = rustix::fs::Mode::RWXU;
                rustix::fs::mknodat(rustix::fs::CWD, r.join("x"), rustix::fs::FileType::Fifo, mode, 0)
                    .unwrap();
            }),
            ("path-case-twins", |r| fs::create(&r.join("skill.MD"), b"", fs::Mode::Plain).unwrap()),
            ("path-invalid", |r| fs::create(&r.join("a\\b"), b"", fs::Mode::Plain).unwrap()),
        ];
        for (code, spoil) in cases {
            let (_dir, root) = skill();
            spoil(&root);
            assert_eq!(read(&root).unwrap_err().code(), code);
        }
    }

    #[test]
    fn a_huge_skill_md_is_refused_unread() {
        let (_dir, root) = skill();
        fs::remove_file(&root.join("SKILL.md")).unwrap();
        fs::create(&root.join("SKILL.md"), &vec![b'x'; 2 << 20], fs::Mode::Plain).unwrap();
        assert_eq!(read(&root).unwrap_err().code(), "file-too-large");
    }
}
