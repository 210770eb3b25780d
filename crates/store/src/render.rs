//! Rendered trees: a version's files with the observation footer, immutable under the name of what they are
//! (decision 11). A rendered tree that somebody edited is noticed here, never replaced.

use std::path::{Path, PathBuf};

use skillsync_core::digest::{FileDigest, TreeId};
use skillsync_core::footer::{self, Settings};
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::{self, File, SKILL_MD, Tree};

use crate::fs;
use crate::index::{Index, Key, RenderedAs, Seen};
use crate::layout::{Layout, TREE_MARK};
use crate::objects::{self, Stored};
use crate::parallel;
use crate::scan::{self, Listing};
use crate::skills::{self, Error};
use crate::store::{Store, Transaction};

/// A rendered tree before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    /// The skill.
    pub name: SkillName,
    /// The version's number.
    pub version: u32,
    /// The version's own tree.
    pub canonical: TreeId,
    /// What is rendered.
    pub id: TreeId,
}

/// What the version with the tree `canonical` is rendered as. Reads its `SKILL.md` only where the index does not
/// know; gives what the index should remember.
pub fn plan(
    store: &Store,
    index: &Index,
    name: &SkillName,
    version: u32,
    canonical: TreeId,
) -> Result<(Rendering, Option<RenderedAs>), Error> {
    let text = footer::text(name, store.config().observation());
    let footer = *FileDigest::of(text.as_deref().unwrap_or_default().as_bytes()).as_bytes();
    let rendering = |id| Rendering { name: name.clone(), version, canonical, id };
    if let Some(known) = index.get::<RenderedAs>(Key::Rendered(name.as_str()))
        && known.tree == canonical
        && known.footer == footer
    {
        return Ok((rendering(known.rendered), None));
    }
    let stored = store.objects().open(&canonical)?;
    let (rendered, _) = with_footer(&stored, name, store.config().observation())?;
    let id = rendered.id();
    Ok((rendering(id), Some(RenderedAs { tree: canonical, footer, rendered: id })))
}

/// A version's tree with the footer below its `SKILL.md`, and that file's new bytes; these are `None` when there is
/// no footer.
fn with_footer(
    stored: &Stored<'_>,
    name: &SkillName,
    settings: &Settings,
) -> Result<(Tree, Option<Vec<u8>>), Error> {
    let tree = stored.tree();
    let Some(text) = footer::text(name, settings) else { return Ok((tree.clone(), None)) };
    let skill_md = skills::main_text(ArtifactType::Skill, name, stored)?;
    let bytes = footer::inject(&skill_md, &text);
    let size_bytes = bytes.len() as u64;
    let digest = FileDigest::of(&bytes);
    let files = tree.files().map(|(path, file)| {
        let changed = path.as_str() == SKILL_MD;
        (path.clone(), if changed { File { digest, size_bytes, executable: file.executable } } else { *file })
    });
    Ok((Tree::new(files)?, Some(bytes)))
}

/// The first line of a mark.
const MARK_HEAD: &str = "skillsync rendered tree 1";

/// What the mark in a rendered tree (or in a copy of one) says. It makes the tree explain itself to a reader, and
/// lets us tell what is ours and whether it is as we wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The skill.
    pub name: SkillName,
    /// The version's number.
    pub version: u32,
    /// The version's own tree.
    pub canonical: TreeId,
    /// What was rendered.
    pub tree: Tree,
}

impl Mark {
    /// The mark as text.
    fn text(&self) -> String {
        format!(
            "{MARK_HEAD}\nDo not edit here: edits are reported, not kept. Run: skillsync edit {}\n\
             skill {}\nversion {}\ntree {}\n\n{}",
            self.name,
            self.name,
            self.version,
            self.canonical.hex(),
            self.tree.manifest()
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, manifest) = text.split_once("\n\n")?;
        let mut lines = head.lines();
        if lines.next()? != MARK_HEAD {
            return None;
        }
        lines.next()?;
        let name = SkillName::parse(lines.next()?.strip_prefix("skill ")?).ok()?;
        let version = lines.next()?.strip_prefix("version ")?.parse().ok()?;
        let canonical = TreeId::from_hex(lines.next()?.strip_prefix("tree ")?).ok()?;
        Some(Self { name, version, canonical, tree: Tree::from_manifest(manifest).ok()? })
    }

    /// The mark of the tree at `root`; `None` when there is none that reads.
    pub fn load(root: &Path) -> Result<Option<Self>, fs::Error> {
        let bytes = match fs::optional(fs::read(&root.join(TREE_MARK), 2 * 1024 * 1024)) {
            Ok(bytes) => bytes,
            // A mark that is no file of ours is no mark.
            Err(e)
                if matches!(
                    e.io_kind(),
                    std::io::ErrorKind::InvalidInput | std::io::ErrorKind::FileTooLarge
                ) =>
            {
                None
            }
            Err(e) => return Err(e),
        };
        Ok(bytes.and_then(|b| String::from_utf8(b).ok()).and_then(|text| Self::parse(&text)))
    }
}

/// Whether a rendered tree holds what we wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It does. Whether files came beside ours, [`has_additions`] tells.
    Intact,
    /// Somebody changed or removed a file of it.
    Edited(Mark),
    /// There is nothing.
    Missing,
    /// Its mark is gone or unreadable, so nothing can be said.
    Unmarked,
}

/// Folders at the root of a skill where programs keep what they can make again: what is in them is no edit.
const CACHES: [&str; 5] = ["cache", ".cache", "tmp", "node_modules", ".venv"];

/// Whether files that could be a skill's lie beside those of `mark`, such as an agent's `memory.md`: an edit that only
/// adds. Known litter and what lies in a folder of caches is none.
pub fn has_additions(root: &Path, mark: &Mark) -> Result<bool, fs::Error> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::entries(&root.join(&folder)) {
            // A folder that is closed to us is not one of ours, and may hold anything.
            Err(e) if e.io_kind() == std::io::ErrorKind::PermissionDenied => return Ok(true),
            entries => entries?.unwrap_or_default(),
        };
        for entry in entries {
            // A name that no skill can have is none of ours.
            let Some(name) = entry.to_str() else { return Ok(true) };
            // A repository is somebody's work, though it is no content of a skill.
            if matches!(name, ".git" | ".hg" | ".svn") {
                return Ok(true);
            }
            if !tree::is_payload(name) || (folder.is_empty() && CACHES.contains(&name)) {
                continue;
            }
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let Some(metadata) = fs::lstat(&root.join(&path))? else { continue };
            if metadata.is_dir() {
                folders.push(path);
            } else if SkillPath::parse(&path).map_or(true, |path| mark.tree.get(&path).is_none()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Looks at the rendered tree or copy at `root`, reading bytes only where the index proves nothing.
pub fn condition(index: &Index, key: Key<'_>, root: &Path) -> Result<(Condition, Option<Fresh>), fs::Error> {
    if let Some(seen) = index.get::<Seen<'_>>(key)
        && fs::Folder::open(root).is_some_and(|folder| seen.has_same_files(&folder))
    {
        return Ok((Condition::Intact, None));
    }
    if fs::lstat(root)?.is_none() {
        return Ok((Condition::Missing, None));
    }
    let settled_ns = fs::clock_ns();
    let Some(mark) = Mark::load(root)? else { return Ok((Condition::Unmarked, None)) };
    match evidence(root, &mark.tree, None)? {
        Some(listing) => Ok((Condition::Intact, Some(Fresh { listing, settled_ns }))),
        None => Ok((Condition::Edited(mark), None)),
    }
}

/// The same for the tree at `root`, every byte read. `known` has most of them: comparing is cheaper than hashing.
pub fn read(root: &Path, known: Option<&Stored<'_>>) -> Result<Condition, Error> {
    if fs::lstat(root)?.is_none() {
        return Ok(Condition::Missing);
    }
    let Some(mark) = Mark::load(root)? else { return Ok(Condition::Unmarked) };
    let intact = evidence(root, &mark.tree, known)?.is_some();
    Ok(if intact { Condition::Intact } else { Condition::Edited(mark) })
}

/// Evidence that the index did not have.
#[derive(Debug)]
pub struct Fresh {
    listing: Listing,
    settled_ns: i64,
}

impl Fresh {
    /// Tells the index.
    pub fn remember(&self, index: &mut Index, key: Key<'_>) {
        index.set(key, &Seen::new(&self.listing, self.settled_ns));
    }
}

/// Reads the files of `tree` at `root`; `None` when one is not as it should be.
fn evidence(root: &Path, tree: &Tree, known: Option<&Stored<'_>>) -> Result<Option<Listing>, fs::Error> {
    let mut listing = Listing::default();
    for (path, file) in tree.files() {
        let at = root.join(path.as_str());
        let Some((mut input, metadata)) = fs::open_own(&at)? else { return Ok(None) };
        if metadata.len() != file.size_bytes || fs::is_executable(&metadata) != file.executable {
            return Ok(None);
        }
        let stamp = fs::FileStamp::of(&metadata);
        let same = match known {
            Some(known) => known.is_read_from(&file.digest, &mut input, metadata.len(), &at)?,
            None => objects::digest_of(&mut input, metadata.len(), &at)?.0 == file.digest,
        };
        if !same {
            return Ok(None);
        }
        let found = scan::Found {
            path: path.clone(),
            at,
            size_bytes: file.size_bytes,
            executable: file.executable,
            stamp,
        };
        listing.files.push(found);
    }
    Ok(Some(listing))
}

/// So many trees are made durable together: enough that the calls do not count, few enough to hold in memory.
const TOGETHER: usize = 1_000;

/// Renders every tree that is not there yet: staged, made durable together, then named. Trees that are there are
/// left: callers have looked at their condition.
pub fn write(
    store: &Store,
    transaction: &Transaction,
    index: &mut Index,
    renderings: &[Rendering],
) -> Result<Vec<(SkillName, Error)>, Error> {
    let mut seen = std::collections::BTreeSet::new();
    let mut missing: Vec<&Rendering> = Vec::new();
    for rendering in renderings {
        if seen.insert(rendering.id) && fs::lstat(&store.layout().tree(&rendering.id))?.is_none() {
            missing.push(rendering);
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let staging = transaction.folder("trees")?;
    let mut failed = Vec::new();
    for part in missing.chunks(TOGETHER) {
        let staged = parallel::map(part, |rendering| stage(store, &staging, rendering, ReadOnly::Yes));
        let dirs: Vec<&Path> = staged.iter().filter_map(|one| Some(&*one.as_ref().ok()?.0)).collect();
        fs::sync_trees(&dirs)?;
        for (rendering, staged) in part.iter().zip(staged) {
            match staged {
                Ok((dir, listing)) => {
                    let settled_ns = fs::clock_ns();
                    fs::rename_no_replace(&dir, &store.layout().tree(&rendering.id))?;
                    Fresh { listing, settled_ns }.remember(index, Key::Tree(&rendering.id.hex()));
                }
                Err(e) => failed.push((rendering.name.clone(), e)),
            }
        }
    }
    fs::sync_dir(&store.layout().trees())?;
    Ok(failed)
}

/// Whether the files of a rendered tree can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    /// No: a tree behind links.
    Yes,
    /// Yes: a copy, as agents without links expect it.
    No,
}

/// Writes a rendering into a new folder of `staging`. Not synced.
pub fn stage(
    store: &Store,
    staging: &Path,
    rendering: &Rendering,
    read_only: ReadOnly,
) -> Result<(PathBuf, Listing), Error> {
    let stored = store.objects().open(&rendering.canonical)?;
    let (tree, skill_md) = with_footer(&stored, &rendering.name, store.config().observation())?;
    let dir = staging.join(fs::unique_name(&format!("{}-", rendering.name)));
    fs::make_dir(&dir)?;
    skills::make_folders(&dir, tree.files().map(|(path, _)| path))?;
    for (path, file) in tree.files() {
        let at = dir.join(path.as_str());
        let mode = match (read_only, file.executable) {
            (ReadOnly::Yes, false) => fs::Mode::ReadOnly,
            (ReadOnly::Yes, true) => fs::Mode::ReadOnlyExecutable,
            (ReadOnly::No, false) => fs::Mode::Plain,
            (ReadOnly::No, true) => fs::Mode::Executable,
        };
        match &skill_md {
            Some(bytes) if is_skill_md(path) => fs::create(&at, bytes, mode)?,
            _ => stored.write(&file.digest, &at, mode)?,
        }
    }
    let (name, version) = (rendering.name.clone(), rendering.version);
    let mark = Mark { name, version, canonical: rendering.canonical, tree };
    fs::create(&dir.join(TREE_MARK), mark.text().as_bytes(), fs::Mode::ReadOnly)?;
    let listing = scan::written(&dir, &mark.tree)?;
    Ok((dir, listing))
}

fn is_skill_md(path: &SkillPath) -> bool {
    path.as_str() == SKILL_MD
}

/// The rendered tree that `rendered/<target>/<name>` leads to: its hex id.
pub fn linked(layout: &Layout, link: &Path) -> Result<Option<String>, fs::Error> {
    let Some(target) = fs::read_link(link)? else { return Ok(None) };
    let Ok(rest) = target.strip_prefix("../../trees") else { return Ok(None) };
    let hex = rest.to_str().filter(|hex| hex.len() == 64 && !hex.contains('/')).map(str::to_owned);
    debug_assert!(layout.root().is_absolute());
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_others_do_not() {
        let file = File { digest: FileDigest::of(b"x"), size_bytes: 1, executable: true };
        let mark = Mark {
            name: SkillName::parse("pdf").unwrap(),
            version: 3,
            canonical: TreeId::of(b"c"),
            tree: Tree::new([(SkillPath::parse(SKILL_MD).unwrap(), file)]).unwrap(),
        };
        let text = mark.text();
        assert_eq!(Mark::parse(&text), Some(mark));
        for bad in [&text[1..], "", &text.replace("version 3", "version x"), &text.replace("x 1 ", "x 1  ")] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }
}
