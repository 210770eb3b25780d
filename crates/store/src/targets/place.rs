//! One entry in an agent's folder: what is there, whose it is, and how a link to it is written.

use std::path::{Component, Path, PathBuf};

use crate::fs;
use crate::layout::Layout;

/// What stands at a place in an agent's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupant {
    /// Nothing.
    Nothing,
    /// A link of ours, with its text: it points into this store's `rendered/`.
    Ours(PathBuf),
    /// A link of somebody else's, with where it points.
    ForeignLink(PathBuf),
    /// A folder.
    Folder,
    /// A file or something else.
    File,
}

impl Occupant {
    /// Whether we put it there.
    pub fn is_ours(&self) -> bool {
        matches!(self, Occupant::Ours(_))
    }
}

/// What stands at `place`. Only a link that points into `rendered/` of this store is ours (checklist D21), however the
/// way there is spelled.
pub fn occupant(layout: &Layout, place: &Path) -> Result<Occupant, fs::Error> {
    let Some(metadata) = fs::lstat(place)? else { return Ok(Occupant::Nothing) };
    if !metadata.is_symlink() {
        return Ok(if metadata.is_dir() { Occupant::Folder } else { Occupant::File });
    }
    let Some(text) = fs::read_link(place)? else { return Ok(Occupant::Nothing) };
    let folder = place.parent().unwrap_or(Path::new("/"));
    let is_plain = !text.components().any(|part| part == Component::ParentDir);
    // What cannot be followed does not lead into our folder.
    let ours = (is_plain && folder.join(&text).starts_with(layout.rendered()))
        || leads_to(folder, &text).is_ok_and(|at| leads_into(layout, &at));
    Ok(if ours { Occupant::Ours(text) } else { Occupant::ForeignLink(text) })
}

/// The real place that the link `text` in `folder` names. What stands at that place is not followed: there may be
/// another link.
pub(super) fn leads_to(folder: &Path, text: &Path) -> Result<PathBuf, fs::Error> {
    // A relative link counts from the real folder it lies in.
    let at = fs::resolved(folder)?.join(text);
    match (at.parent(), at.file_name()) {
        (Some(parent), Some(name)) => Ok(fs::resolved(parent)?.join(name)),
        _ => fs::resolved(&at),
    }
}

fn leads_into(layout: &Layout, at: &Path) -> bool {
    fs::resolved(&layout.rendered()).is_ok_and(|rendered| at.starts_with(rendered))
}

/// How to write `to` as seen from the folder `from`. Both absolute.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let from = fs::resolved(from).unwrap_or_else(|_| from.to_owned());
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let mut path = PathBuf::new();
    for _ in from.components().skip(shared) {
        path.push("..");
    }
    path.extend(to.components().skip(shared));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_seen_from_a_folder() {
        let cases = [
            (
                "/nowhere/app/.claude/skills",
                "/nowhere/.skillsync/rendered/x",
                "../../../.skillsync/rendered/x",
            ),
            ("/nowhere", "/nowhere/a", "a"),
            ("/nowhere/a/b", "/else/c", "../../../else/c"),
        ];
        for (from, to, expected) in cases {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(expected));
        }
    }

    #[test]
    fn only_links_into_rendered_are_ours() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::real_path(dir.path()).unwrap().unwrap();
        let layout = Layout::new(root.join("store"));
        fs::make_dirs(&root.join("agent/folder")).unwrap();
        let cases = [
            (layout.rendered().join("t/pdf"), true),
            (PathBuf::from("../store/rendered/t/pdf"), true),
            (layout.rendered().join("../trees/x"), false),
            (layout.root().join("rendered-not"), false),
            (PathBuf::from("folder"), false),
            (root.join("also/rendered/t/pdf"), true),
            (root.join("also/../store/rendered/t/pdf"), true),
            (root.join("also/rendered/../trees/x"), false),
            (root.join("also"), false),
        ];
        fs::make_dirs(layout.root()).unwrap();
        fs::symlink_new(layout.root(), &root.join("also")).unwrap();
        for (at, (text, ours)) in cases.iter().enumerate() {
            let place = root.join(format!("agent/{at}"));
            fs::symlink_new(text, &place).unwrap();
            assert_eq!(occupant(&layout, &place).unwrap().is_ours(), *ours, "{}", text.display());
        }
        assert_eq!(occupant(&layout, &root.join("agent/folder")).unwrap(), Occupant::Folder);
    }
}
