//! A skill's payload as sorted files with digests, and THE content hash contract.

use std::collections::BTreeMap;
use std::collections::btree_map;

use serde::{Deserialize, Serialize};

use crate::digest::{ContentHash, FileDigest, Hasher, TreeId};
use crate::fault::{Fault, Kind};
use crate::limits;
use crate::path::{self, SkillPath, fold};

/// The file every skill has at its root, spelt exactly so.
pub const SKILL_MD: &str = "SKILL.md";

/// Why files do not make a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One of the paths is not portable.
    #[error(transparent)]
    Path(#[from] path::Error),
    /// Two paths that a file system without case would store as one.
    #[error("`{first}` and `{second}` are one file where upper and lower case are the same")]
    CaseTwins {
        /// The path that sorts first.
        first: String,
        /// The path that collides with it.
        second: String,
    },
    /// A path is a file and a folder at once.
    #[error("`{path}` is both a file and a folder")]
    FileAndFolder {
        /// The path.
        path: String,
    },
    /// The same path twice.
    #[error("`{path}` is there twice")]
    Twice {
        /// The path.
        path: SkillPath,
    },
    /// More files than a skill may have.
    #[error("a skill holds at most 2,000 files; this one has more")]
    TooManyFiles,
    /// A single file is too large.
    #[error("`{path}` has {size_bytes} bytes; a file may have {limit_bytes}")]
    FileTooLarge {
        /// The file.
        path: SkillPath,
        /// Its size.
        size_bytes: u64,
        /// The bound.
        limit_bytes: u64,
    },
    /// All files together are too large.
    #[error("the skill has {size_bytes} bytes or more; {} are allowed", limits::SKILL_BYTES)]
    TooLarge {
        /// All sizes added up.
        size_bytes: u64,
    },
    /// No `SKILL.md` at the root.
    #[error("there is no SKILL.md at its root")]
    NoSkillMd,
    /// A stored manifest does not read back.
    #[error("the stored list of files is damaged at line {line}")]
    Manifest {
        /// 1-based.
        line: usize,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::TooManyFiles | Error::FileTooLarge { .. } | Error::TooLarge { .. } => Kind::Limit,
            Error::Manifest { .. } => Kind::Io,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Path(e) => e.code(),
            Error::CaseTwins { .. } => "path-case-twins",
            Error::FileAndFolder { .. } | Error::Twice { .. } => "path-collision",
            Error::TooManyFiles => "too-many-files",
            Error::FileTooLarge { .. } => "file-too-large",
            Error::TooLarge { .. } => "skill-too-large",
            Error::NoSkillMd => "no-skill-md",
            Error::Manifest { .. } => "object-damaged",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Path(e) => e.hint(),
            Error::CaseTwins { .. } | Error::FileAndFolder { .. } | Error::Twice { .. } => {
                Some("rename one of them".to_owned())
            }
            Error::NoSkillMd => {
                Some("a skill is a folder with a SKILL.md (exactly so spelt) at its root".to_owned())
            }
            Error::FileTooLarge { .. } | Error::TooLarge { .. } | Error::TooManyFiles => {
                Some("keep large or generated data outside the skill and let a script fetch it".to_owned())
            }
            Error::Manifest { .. } => Some("run `skillsync verify` to see what is damaged".to_owned()),
        }
    }
}

/// One file of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Digest of its bytes.
    pub digest: FileDigest,
    /// Its size.
    pub size_bytes: u64,
    /// Whether its owner may execute it. Carried everywhere, but not part of the content hash.
    pub executable: bool,
}

/// The payload of a skill: files sorted by the bytes of their paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    files: BTreeMap<SkillPath, File>,
}

impl Tree {
    /// Makes a tree of `files` and checks what only the whole can show: collisions, and the bounds of `limits`.
    /// Whether there is a `SKILL.md` is asked apart, by [`Tree::require_skill_md`]: a command file has none.
    pub fn new(files: impl IntoIterator<Item = (SkillPath, File)>) -> Result<Self, Error> {
        let mut tree = BTreeMap::new();
        for (path, file) in files {
            if tree.len() == limits::SKILL_FILES {
                return Err(Error::TooManyFiles);
            }
            if file.size_bytes > limits::FILE_BYTES {
                return Err(Error::FileTooLarge {
                    path,
                    size_bytes: file.size_bytes,
                    limit_bytes: limits::FILE_BYTES,
                });
            }
            match tree.entry(path) {
                btree_map::Entry::Vacant(slot) => slot.insert(file),
                btree_map::Entry::Occupied(slot) => return Err(Error::Twice { path: slot.key().clone() }),
            };
        }
        let tree = Self { files: tree };
        let size_bytes = tree.size_bytes();
        if size_bytes > limits::SKILL_BYTES {
            return Err(Error::TooLarge { size_bytes });
        }
        tree.check_collisions()?;
        Ok(tree)
    }

    fn check_collisions(&self) -> Result<(), Error> {
        let mut seen: BTreeMap<String, (&str, bool)> = BTreeMap::new();
        for path in self.files.keys() {
            let whole = std::iter::once((path.as_str(), true));
            for (part, is_file) in path.folders().map(|f| (f, false)).chain(whole) {
                match seen.entry(fold(part)) {
                    btree_map::Entry::Vacant(slot) => {
                        slot.insert((part, is_file));
                    }
                    btree_map::Entry::Occupied(slot) => {
                        let (other, other_is_file) = *slot.get();
                        if other != part {
                            return Err(Error::CaseTwins {
                                first: other.to_owned(),
                                second: part.to_owned(),
                            });
                        }
                        if is_file || other_is_file {
                            return Err(Error::FileAndFolder { path: part.to_owned() });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Fails unless there is a `SKILL.md` at the root, within its own bound.
    pub fn require_skill_md(&self) -> Result<&File, Error> {
        let (path, file) =
            self.files.iter().find(|(path, _)| path.as_str() == SKILL_MD).ok_or(Error::NoSkillMd)?;
        if file.size_bytes > limits::SKILL_MD_BYTES {
            let (size_bytes, limit_bytes) = (file.size_bytes, limits::SKILL_MD_BYTES);
            return Err(Error::FileTooLarge { path: path.clone(), size_bytes, limit_bytes });
        }
        Ok(file)
    }

    /// The files, sorted by the bytes of their paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&SkillPath, &File)> {
        self.files.iter()
    }

    /// The file at `path`.
    pub fn get(&self, path: &SkillPath) -> Option<&File> {
        self.files.get(path)
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All sizes added up.
    pub fn size_bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.size_bytes))
    }

    /// The content hash: for each file, sorted by path bytes, SHA-256 is fed `path LF hex(sha256(bytes)) LF`
    /// (checklist P2; the vector is in `docs/formats/content.md`).
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = Hasher::default();
        for (path, file) in &self.files {
            hasher.update(path.as_str().as_bytes());
            hasher.update(b"\n");
            hasher.update(file.digest.hex().as_bytes());
            hasher.update(b"\n");
        }
        ContentHash::from_hasher(hasher)
    }

    /// The identity of this exact tree, executable bits included.
    pub fn id(&self) -> TreeId {
        TreeId::of(self.manifest().as_bytes())
    }

    /// The tree as text, as the object store keeps it: a line `x|- size hex path` for each file.
    pub fn manifest(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for (path, file) in &self.files {
            let mode = if file.executable { 'x' } else { '-' };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mode} {} {} {path}", file.size_bytes, file.digest.hex());
        }
        text
    }

    /// Reads what [`Tree::manifest`] wrote. Fails on anything that it would not have written.
    pub fn from_manifest(text: &str) -> Result<Self, Error> {
        let mut files = Vec::new();
        for (index, line) in text.lines().enumerate() {
            files.push(manifest_line(line).ok_or(Error::Manifest { line: index + 1 })?);
        }
        let tree = Self::new(files)?;
        if tree.manifest() == text { Ok(tree) } else { Err(Error::Manifest { line: 1 }) }
    }
}

fn manifest_line(line: &str) -> Option<(SkillPath, File)> {
    let mut parts = line.splitn(4, ' ');
    let executable = match parts.next()? {
        "x" => true,
        "-" => false,
        _ => return None,
    };
    let size_bytes = parts.next()?.parse().ok()?;
    let digest = FileDigest::from_hex(parts.next()?).ok()?;
    let path = SkillPath::parse(parts.next()?).ok()?;
    Some((path, File { digest, size_bytes, executable }))
}

/// Whether a folder entry called `name` belongs to a skill's payload. What does not is left alone where it lies and
/// never copied: version control, system litter, caches, and our own state (`docs/formats/content.md`).
pub fn is_payload(name: &str) -> bool {
    !matches!(name, ".git" | ".svn" | ".hg" | ".DS_Store" | "__pycache__" | ".meta.toml")
        && !name.ends_with(".pyc")
        && !name.starts_with(".skillsync-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        File { digest: FileDigest::of(bytes), size_bytes: bytes.len() as u64, executable: false }
    }

    fn tree(files: &[(&str, &[u8])]) -> Result<Tree, Error> {
        Tree::new(files.iter().map(|(path, bytes)| (SkillPath::parse(path).unwrap(), file(bytes))))
    }

    #[test]
    fn the_content_hash_keeps_its_vector() {
        let tree = tree(&[("scripts/run.sh", b"#!/bin/sh\n"), ("SKILL.md", b"# Hello\n")]).unwrap();
        assert_eq!(
            tree.content_hash().to_string(),
            "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b"
        );
    }

    #[test]
    fn the_content_hash_ignores_the_executable_bit_and_the_id_does_not() {
        let plain = tree(&[("a", b"1")]).unwrap();
        let marked =
            Tree::new([(SkillPath::parse("a").unwrap(), File { executable: true, ..file(b"1") })]).unwrap();
        assert_eq!(plain.content_hash(), marked.content_hash());
        assert_ne!(plain.id(), marked.id());
    }

    #[test]
    fn a_manifest_reads_back_and_nothing_else_does() {
        let tree = tree(&[("SKILL.md", b"x"), ("a b/c d", b"y")]).unwrap();
        let text = tree.manifest();
        assert_eq!(Tree::from_manifest(&text).unwrap(), tree);
        let swapped: String = text.lines().rev().map(|l| format!("{l}\n")).collect();
        for bad in [&text[1..], &text.replace('-', "y"), &swapped, text.trim_end(), &format!("{text}{text}")]
        {
            assert!(Tree::from_manifest(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn collisions_are_named() {
        assert!(matches!(tree(&[("a.md", b""), ("A.MD", b"")]), Err(Error::CaseTwins { .. })));
        assert!(matches!(tree(&[("Dir/a", b""), ("dir/b", b"")]), Err(Error::CaseTwins { .. })));
        assert!(matches!(tree(&[("a", b""), ("a/b", b"")]), Err(Error::FileAndFolder { .. })));
        assert!(tree(&[("a/b", b""), ("a/c", b"")]).is_ok());
    }

    #[test]
    fn a_skill_needs_its_file() {
        assert_eq!(tree(&[("skill.md", b"")]).unwrap().require_skill_md(), Err(Error::NoSkillMd));
        assert!(tree(&[("SKILL.md", b"")]).unwrap().require_skill_md().is_ok());
    }
}
