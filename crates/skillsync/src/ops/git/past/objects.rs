//! The folders and files of a repository by their hashes, each read once as long as there is room for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

use skillsync_core::limits;
use skillsync_core::path::SkillPath;
use skillsync_core::tree;

use super::talk::Talk;
use super::{At, Error, PastFile};

/// Most entries of a skill, folders too: each file brings no more than the folders above it. A commit made to harm can
/// name one folder of nothing without end.
const ENTRIES: usize = limits::SKILL_FILES * limits::PATH_DEPTH;

/// What a commit has at a path. Two that are equal have the same content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// A folder.
    Folder {
        /// Its hash in hexadecimal digits.
        hash: String,
    },
    /// A file.
    File {
        /// Its hash in hexadecimal digits.
        hash: String,
        /// Whether it is marked as a program.
        executable: bool,
    },
    /// A link, or the commit of a submodule.
    Foreign,
}

/// What a hash stands for.
enum Object {
    Folder(Vec<(Vec<u8>, Node)>),
    File(Vec<u8>),
}

/// The objects of a repository.
pub(super) struct Objects {
    git: Talk,
    /// None: not there, or too large.
    known: BTreeMap<String, Option<Rc<Object>>>,
    known_bytes: u64,
}

impl Objects {
    /// Starts git to answer for the repository there. None: there is no git.
    pub(super) fn open(at: &At<'_>) -> Result<Option<Objects>, Error> {
        let git = Talk::start(at, &["cat-file", "--batch"])?;
        Ok(git.map(|git| Objects { git, known: BTreeMap::new(), known_bytes: 0 }))
    }

    /// What stands below the folder `root` at the end of `steps`.
    pub(super) fn node(&mut self, root: String, steps: &[&[u8]]) -> Option<Node> {
        let mut node = Node::Folder { hash: root };
        for step in steps {
            let Node::Folder { hash } = &node else { return None };
            let object = self.object(hash)?;
            let Object::Folder(entries) = &*object else { return None };
            node = entries.iter().find(|(name, _)| name == step)?.1.clone();
        }
        Some(node)
    }

    /// The files of `node`, or itself under `name` if it is one, sorted by path. None unless all of them may be a
    /// skill's.
    pub(super) fn files(&mut self, name: &str, node: Node) -> Option<Vec<PastFile>> {
        let mut files = Vec::new();
        let mut left_bytes = limits::SKILL_BYTES;
        let mut left_entries = ENTRIES;
        let mut waiting = match node {
            Node::Folder { hash } => self.payload("", &hash)?,
            node => vec![(name.to_owned(), node)],
        };
        while let Some((path, node)) = waiting.pop() {
            left_entries = left_entries.checked_sub(1).filter(|left| waiting.len() <= *left)?;
            let path = SkillPath::parse(&path).ok()?;
            match node {
                Node::Folder { hash } => waiting.extend(self.payload(&format!("{path}/"), &hash)?),
                Node::File { .. } if files.len() == limits::SKILL_FILES => return None,
                Node::File { hash, executable } => {
                    let object = self.object(&hash)?;
                    let Object::File(bytes) = &*object else { return None };
                    left_bytes = left_bytes.checked_sub(bytes.len() as u64)?;
                    files.push(PastFile { path, bytes: bytes.clone(), executable });
                }
                Node::Foreign => return None,
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Some(files)
    }

    /// The entries of a folder that may be part of a skill, their names after `prefix`.
    fn payload(&mut self, prefix: &str, hash: &str) -> Option<Vec<(String, Node)>> {
        let object = self.object(hash)?;
        let Object::Folder(entries) = &*object else { return None };
        let mut payload = Vec::new();
        for (name, node) in entries {
            let name = std::str::from_utf8(name).ok()?;
            if tree::is_payload(name) {
                payload.push((format!("{prefix}{name}"), node.clone()));
            }
        }
        Some(payload)
    }

    fn object(&mut self, hash: &str) -> Option<Rc<Object>> {
        if let Some(object) = self.known.get(hash) {
            return object.clone();
        }
        let (object, bytes) = self.read(hash)?;
        self.known_bytes += bytes;
        if self.known_bytes > limits::PAST_BYTES {
            self.known.clear();
            self.known_bytes = bytes;
        }
        let object = object.map(Rc::new);
        self.known.insert(hash.to_owned(), object.clone());
        object
    }

    /// Asks git for an object, and says how many bytes it holds. None when git answers no more.
    fn read(&mut self, hash: &str) -> Option<(Option<Object>, u64)> {
        self.git.say(hash)?;
        let head = String::from_utf8(self.git.line()?).ok()?;
        // `HASH TYPE SIZE`, or `HASH missing`.
        let mut words = head.split(' ').skip(1);
        let (kind, Some(size)) = (words.next()?, words.next()) else { return Some((None, 0)) };
        let size_bytes: u64 = size.parse().ok()?;
        if size_bytes > limits::FILE_BYTES {
            self.git.skip(size_bytes + 1)?;
            return Some((None, 0));
        }
        let bytes = self.git.bytes(size_bytes)?;
        // The line ends after the bytes.
        self.git.skip(1)?;
        let object = match kind {
            "tree" => entries(&bytes, hash.len() / 2).map(Object::Folder),
            "blob" => Some(Object::File(bytes)),
            _ => None,
        };
        Some((object, size_bytes))
    }
}

/// The entries of a folder as git stores them, each `MODE NAME NUL HASH` with the hash in so many bytes. None when it
/// is damaged.
fn entries(mut folder: &[u8], hash_bytes: usize) -> Option<Vec<(Vec<u8>, Node)>> {
    let mut entries = Vec::new();
    while !folder.is_empty() {
        let (mode, rest) = split_at_byte(folder, b' ')?;
        let (name, rest) = split_at_byte(rest, 0)?;
        let (hash, rest) = rest.split_at_checked(hash_bytes)?;
        entries.push((name.to_vec(), node(mode, hash)?));
        folder = rest;
    }
    Some(entries)
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|other| *other == byte)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// What an entry of this mode is: the type and permissions of a file in Unix, in octal digits.
fn node(mode: &[u8], hash: &[u8]) -> Option<Node> {
    let mode = u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?;
    let hash = hash.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    Some(match mode & 0o170_000 {
        0o040_000 => Node::Folder { hash },
        0o100_000 => Node::File { hash, executable: mode & 0o100 != 0 },
        _ => Node::Foreign,
    })
}
