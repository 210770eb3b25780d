//! What other tools note among the files of a skill, and its content without that.

use std::path::Path;

use skillsync_core::digest::ContentHash;
use skillsync_core::fault::{Fault as _, Kind};
use skillsync_core::tree::Tree;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_store::scan;

use super::Error;

/// What openskills puts into each skill.
pub(super) const OPENSKILLS_NOTE: &str = ".openskills.json";

/// Whether this file of a skill is what a tool noted there, and no part of the skill.
fn is_note(path: &str) -> bool {
    path == OPENSKILLS_NOTE || path.starts_with(".clawhub/")
}

/// The content of a skill without what its tool noted among the files.
pub(in crate::ops) fn content_of(tree: &Tree) -> ContentHash {
    if !tree.files().any(|(path, _)| is_note(path.as_str())) {
        return tree.content_hash();
    }
    let files = tree.files().filter(|(path, _)| !is_note(path.as_str()));
    let own = Tree::new(files.map(|(path, file)| (path.clone(), *file)));
    own.map_or_else(|_| tree.content_hash(), |own| own.content_hash())
}

/// The files of the skill at `root`, without what its tool noted among them.
pub(in crate::ops) fn payload(root: &Path) -> Result<Payload, Error> {
    let listing = scan::list(root)?;
    let payload = Payload::read(root, &listing, |_, bytes| Ok::<_, scan::Error>(bytes))?;
    let files = payload.files().filter(|(path, _)| !is_note(path.as_str()));
    let file = |file: &PayloadFile| PayloadFile { bytes: file.bytes.clone(), executable: file.executable };
    Ok(Payload::new(files.map(|(path, one)| (path.clone(), file(one))).collect())?)
}

/// Whether the folder `place` holds a skill of this content, whatever a tool noted among its files.
pub(in crate::ops) fn holds(place: &Path, content: ContentHash) -> Result<bool, Error> {
    match scan::read(place) {
        Ok((tree, _)) => Ok(content_of(&tree) == content || tree.content_hash() == content),
        Err(e) if e.kind() == Kind::Io => Err(e.into()),
        Err(_) => Ok(false),
    }
}
