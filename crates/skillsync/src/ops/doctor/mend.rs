//! `doctor --fix`: what can be mended without a decision. Nothing of the user's is touched; what is damaged beyond
//! reading goes to trash when its bytes are at hand elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use skillsync_core::digest::{FileDigest, TreeId};
use skillsync_core::footer;
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::tree::{File, SKILL_MD, Tree};
use skillsync_store::index::Index;
use skillsync_store::objects::Batch;
use skillsync_store::render::Mark;
use skillsync_store::store::{Store, Writing};
use skillsync_store::{fs, scan, skills};

use super::finding::Finding;
use super::house::{is_open_to_others, litter, missing_folders};
use super::sources::leftovers;
use super::{Diagnosis, Error, diagnose};
use crate::ops::{open, write};
use crate::ops::{source, sync};
use crate::world::World;

/// Mends what can be mended and looks again.
pub fn fix(world: &World) -> Diagnosis {
    let before = diagnose(world);
    let is_same = |a: &Finding, b: &Finding| a.code == b.code && a.place == b.place;
    let mended = if before.findings.iter().any(|f| f.fixable) { mend(world, &before) } else { Ok(()) };
    let mut after = diagnose(world);
    // What kept it from mending is a finding like any other, and as a rule one of those already there.
    if let Err(e) = mended {
        after.cannot_mend(world, &e);
    }
    let is_gone = |finding: &Finding| !after.findings.iter().any(|still| is_same(still, finding));
    after.fixed = before.findings.into_iter().filter(|f| f.fixable).filter(is_gone).collect();
    after
}

fn mend(world: &World, diagnosis: &Diagnosis) -> Result<(), Error> {
    let store = open(world)?;
    for folder in missing_folders(store.layout())? {
        fs::make_dir(&folder)?;
    }
    write(&store, |writing, index| {
        let layout = writing.store().layout();
        for path in litter(layout)? {
            // A file or link is half of what was to replace another; a folder was on its way somewhere.
            if fs::lstat(&path)?.is_some_and(|m| m.is_dir()) {
                writing.store().trash().put(&path, "recovered")?;
            } else {
                fs::remove_file(&path)?;
            }
        }
        for entry in fs::entries(&layout.locks())?.unwrap_or_default() {
            let path = layout.locks().join(entry);
            let is_lease = path.extension().is_some_and(|ext| ext == "lock");
            if is_lease && is_open_to_others(&path)? {
                fs::set_mode(&path, fs::Mode::Private)?;
            }
        }
        for (name, _) in leftovers(writing.store())? {
            source::clear(writing.store(), &name)?;
        }
        objects(writing, diagnosis)?;
        sync(world, writing, index, diagnosis)
    })
}

/// Links and rendered trees are made anew by a sync, where there is reason for one.
fn sync(world: &World, writing: &Writing<'_>, index: &mut Index, diagnosis: &Diagnosis) -> Result<(), Error> {
    let codes = ["link-broken", "rendered-missing", "sync-due", "litter"];
    if diagnosis.findings.iter().any(|finding| finding.fixable && codes.contains(&finding.code)) {
        sync::apply(world, writing, index)?;
    }
    Ok(())
}

/// Stores missing and damaged objects again from folders that hold the same bytes.
fn objects(writing: &Writing<'_>, diagnosis: &Diagnosis) -> Result<(), Error> {
    let store = writing.store();
    let is_object = |f: &&Finding| f.code == "object-missing" || f.code == "object-damaged";
    let found: Vec<&Finding> = diagnosis.findings.iter().filter(is_object).collect();
    let names: BTreeSet<&SkillName> = found.iter().filter_map(|finding| finding.skill.as_ref()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut sources = Vec::new();
    for name in &names {
        let Ok(meta) = skills::load(store, name) else { continue };
        for version in meta.versions() {
            if let Some(source) = source(store, name, &version.tree)? {
                sources.push(source);
            }
        }
    }
    // Only what can be written again is taken away: a damaged object is more than none.
    for finding in found.iter().filter(|finding| finding.code == "object-damaged") {
        let path = Path::new(&finding.place);
        let is_at_hand = sources.iter().any(|source| source.makes(store, path));
        if is_at_hand && fs::lstat(path)?.is_some() {
            store.trash().put(path, "damaged-object")?;
        }
    }
    let transaction = writing.transaction()?;
    let batch = Batch::new(store.layout(), transaction.dir())?;
    for source in &sources {
        source.put(&batch)?;
    }
    batch.publish(&[])?;
    Ok(transaction.finish()?)
}

/// A folder that holds a version's files.
struct Source {
    id: TreeId,
    tree: Tree,
    root: PathBuf,
}

impl Source {
    /// Whether the object at `path` is one that this stores.
    fn makes(&self, store: &Store, path: &Path) -> bool {
        let layout = store.layout();
        path == layout.tree_object(&self.id)
            || self.tree.files().any(|(_, file)| path == layout.blob(&file.digest))
    }

    fn put(&self, batch: &Batch<'_>) -> Result<(), Error> {
        let mut writer = batch.tree()?;
        for (path, file) in self.tree.files() {
            let at = self.root.join(path.as_str());
            let bytes = fs::read(&at, limits::FILE_BYTES)?;
            let bytes = if FileDigest::of(&bytes) == file.digest {
                bytes
            } else {
                footer::strip(&bytes).into_owned()
            };
            if batch.put(&mut writer, &bytes)? != file.digest {
                let error = std::io::Error::other("it changed while it was read");
                return Err(fs::Error::new("read", &at, error).into());
            }
        }
        batch.finish(writer, &self.tree)?;
        Ok(())
    }
}

/// Where the version `id` of `name` can be read: its canonical folder, a rendered tree of it, trash.
fn source(store: &Store, name: &SkillName, id: &TreeId) -> Result<Option<Source>, Error> {
    let layout = store.layout();
    let mut roots = vec![layout.skill(name)];
    for entry in store.trash().list()? {
        roots.push(entry.path.join(name.as_str()));
    }
    for root in roots {
        // A folder that is no payload holds no version.
        if let Ok((tree, _)) = scan::read(&root)
            && tree.id() == *id
        {
            return Ok(Some(Source { id: *id, tree, root }));
        }
    }
    for entry in fs::entries(&layout.trees())?.unwrap_or_default() {
        let root = layout.trees().join(entry);
        let Some(mark) = Mark::load(&root)?.filter(|mark| mark.canonical == *id) else { continue };
        if let Some(tree) = without_footer(&root, &mark)?.filter(|tree| tree.id() == *id) {
            return Ok(Some(Source { id: *id, tree, root }));
        }
    }
    Ok(None)
}

/// The tree that a rendered tree was made of, if its files are still those.
fn without_footer(root: &Path, mark: &Mark) -> Result<Option<Tree>, Error> {
    let mut files = Vec::with_capacity(mark.tree.len());
    for (path, file) in mark.tree.files() {
        let Some(bytes) = fs::optional(fs::read(&root.join(path.as_str()), file.size_bytes.max(1)))? else {
            return Ok(None);
        };
        let bytes = if path.as_str() == SKILL_MD { footer::strip(&bytes).into_owned() } else { bytes };
        let (digest, size_bytes) = (FileDigest::of(&bytes), bytes.len() as u64);
        files.push((path.clone(), File { digest, size_bytes, executable: file.executable }));
    }
    Ok(Tree::new(files).ok())
}
