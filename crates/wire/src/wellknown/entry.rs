//! One skill of an index: what it is made of, what proves it, and whether a tree is what it says.

use serde_json::{Map, Value};

use skillsync_core::digest::{ContentHash, FileDigest};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::tree::Tree;

use super::error::Mismatch;

/// One skill of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The skill.
    pub name: SkillName,
    /// When to use it.
    pub description: String,
    /// What it is made of.
    pub content: Content,
    /// All fields that are not known here, as they came.
    pub extra: Map<String, Value>,
}

/// What a skill of an index is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// v0.1: files below a folder of its name.
    Files {
        /// The files, in the order of the index; one of them is `SKILL.md`.
        files: Vec<ListedFile>,
        /// The content hash of all of them. Without it the files may be anything.
        hash: Option<ContentHash>,
        /// What names this edition where there is no `hash`: the digest over the digests of its files that a draft of
        /// v0.2.0 had. The digests themselves prove the files.
        draft: Option<FileDigest>,
    },
    /// v0.2.0: one file.
    Artifact {
        /// What that file is.
        kind: ArtifactType,
        /// Where it is, relative to the index.
        url: String,
        /// The digest of its bytes.
        digest: FileDigest,
    },
}

/// A file of a skill of v0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Where it belongs, from the root of the skill.
    pub path: SkillPath,
    /// Its digest, where a draft of v0.2.0 gives one.
    pub digest: Option<FileDigest>,
    /// Whether its owner may execute it: an addition of ours, as v0.1 does not say.
    pub executable: bool,
}

/// What the one file of a skill of v0.2.0 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactType {
    /// Its `SKILL.md`, and there is nothing else.
    SkillMd,
    /// A `.tar.gz` or a `.zip` with `SKILL.md` at its root.
    Archive,
}

impl ArtifactType {
    /// As an index writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ArtifactType::SkillMd => "skill-md",
            ArtifactType::Archive => "archive",
        }
    }
}

impl Entry {
    /// What names this edition of the skill, and is proven when it is fetched: to be kept, and compared with what the
    /// index says next time. `None` when nothing does: then it may have changed at any time.
    pub fn published(&self) -> Option<String> {
        match &self.content {
            Content::Files { hash: Some(hash), .. } => Some(hash.to_string()),
            Content::Files { draft, .. } => draft.map(|digest| digest.to_string()),
            Content::Artifact { digest, .. } => Some(digest.to_string()),
        }
    }

    /// Fails unless `bytes` are the artifact that the entry names. Files of v0.1 are proven by [`Entry::check_tree`].
    pub fn check_artifact(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        let Content::Artifact { digest, .. } = &self.content else { return Ok(()) };
        let found = FileDigest::of(bytes);
        if found == *digest { Ok(()) } else { Err(self.mismatch("digest", digest, &found)) }
    }

    /// Fails unless `tree` is what the entry names, as far as it says. An artifact is proven by [`Entry::check_artifact`].
    pub fn check_tree(&self, tree: &Tree) -> Result<(), Mismatch> {
        let Content::Files { files, hash, .. } = &self.content else { return Ok(()) };
        for listed in files {
            let Some(file) = tree.get(&listed.path) else {
                return Err(self.differs(format!("`{}` is not there", listed.path)));
            };
            if let Some(digest) = listed.digest.filter(|digest| *digest != file.digest) {
                return Err(self.mismatch(&format!("digest of `{}`", listed.path), &digest, &file.digest));
            }
        }
        if tree.len() != files.len() {
            return Err(self.differs(format!("it has {} files and lists {}", tree.len(), files.len())));
        }
        match hash {
            Some(hash) if *hash != tree.content_hash() => {
                Err(self.mismatch("content hash", hash, &tree.content_hash()))
            }
            _ => Ok(()),
        }
    }

    fn mismatch(&self, what: &str, says: &dyn std::fmt::Display, found: &dyn std::fmt::Display) -> Mismatch {
        self.differs(format!("its {what} is to be {says} and is {found}"))
    }

    fn differs(&self, problem: String) -> Mismatch {
        Mismatch { name: self.name.clone(), problem }
    }
}
