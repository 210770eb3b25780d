//! Looking at all skills at once, as a sync does: the index answers where it can, the disk where it must.

use skillsync_core::digest::TreeId;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{ArtifactType, State};

use super::{Error, find, load, remember, stamp};
use crate::fs::{self, FileStamp, Folder};
use crate::index::{Index, Key, SkillSeen};
use crate::layout::META;
use crate::meta::Meta;
use crate::parallel;
use crate::scan::{self, Listing};
use crate::store::Store;

/// What a sync needs to know of one skill.
#[derive(Debug)]
pub struct Look {
    /// Its name.
    pub name: SkillName,
    /// What it is.
    pub artifact_type: ArtifactType,
    /// In use, marked for removal, or in quarantine by its record.
    pub state: State,
    /// Its head version's number.
    pub version: u32,
    /// Its head version's tree.
    pub tree: TreeId,
    /// Whether somebody changed its canonical folder by hand.
    pub edited: bool,
    /// What the index should remember, when it did not know.
    fresh: Option<Fresh>,
}

#[derive(Debug)]
struct Fresh {
    meta: Meta,
    meta_stamp: FileStamp,
    listing: Listing,
    settled_ns: i64,
}

/// Looks at every skill: the index answers where it can, the disk where it must. In the order of the names.
pub fn look(store: &Store, index: &Index, names: &[SkillName]) -> Vec<Result<Look, Error>> {
    parallel::map(names, |name| look_at(store, index, name))
}

/// What a record says of the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub artifact_type: ArtifactType,
    /// In use, marked for removal, or in quarantine by its record.
    pub state: State,
    /// Its number.
    pub version: u32,
    /// Its tree.
    pub tree: TreeId,
}

/// The newest version of `name`, if there is such a skill: of the index where the record is untouched. Whether the
/// canonical folder holds it is not asked.
pub fn head(store: &Store, index: &Index, name: &SkillName) -> Result<Option<Head>, Error> {
    if let Some(seen) = index.get::<SkillSeen<'_>>(Key::Skill(name.as_str()))
        && seen.meta.is_settled(seen.meta_settled_ns)
        && stamp(&store.layout().meta(name)).is_ok_and(|now| now == seen.meta)
    {
        let SkillSeen { artifact_type, state, version, tree, .. } = seen;
        return Ok(Some(Head { artifact_type, state, version, tree }));
    }
    let head = |meta: Meta| {
        let (version, tree) = (meta.head().number, meta.head().tree);
        Head { artifact_type: meta.artifact_type, state: meta.state, version, tree }
    };
    Ok(find(store, name)?.map(head))
}

fn look_at(store: &Store, index: &Index, name: &SkillName) -> Result<Look, Error> {
    let root = store.layout().skill(name);
    let meta_path = root.join(META);
    if let Some(seen) = index.get::<SkillSeen<'_>>(Key::Skill(name.as_str())) {
        let unchanged = |folder: Folder| {
            seen.meta.is_settled(seen.meta_settled_ns)
                && folder.file(META) == Some(seen.meta)
                && seen.files.is_unchanged(&folder)
        };
        if Folder::open(&root).is_some_and(unchanged) {
            let SkillSeen { artifact_type, state, version, tree, .. } = seen;
            let name = name.clone();
            return Ok(Look { name, artifact_type, state, version, tree, edited: false, fresh: None });
        }
    }
    let settled_ns = fs::clock_ns();
    let meta = load(store, name)?;
    let meta_stamp = stamp(&meta_path)?;
    let head = meta.head();
    let (name, artifact_type) = (name.clone(), meta.artifact_type);
    let (state, version, tree) = (meta.state, head.number, head.tree);
    match scan::read(&root) {
        Ok((found, listing)) if found.id() == tree => {
            let fresh = Some(Fresh { meta, meta_stamp, listing, settled_ns });
            Ok(Look { name, artifact_type, state, version, tree, edited: false, fresh })
        }
        Err(e @ scan::Error::Fs(_)) => Err(e.into()),
        Ok(_) | Err(_) => Ok(Look { name, artifact_type, state, version, tree, edited: true, fresh: None }),
    }
}

impl Look {
    /// Tells the index what it did not know.
    pub fn remember(&self, index: &mut Index) {
        match &self.fresh {
            Some(f) => remember(index, &self.name, &f.meta, f.meta_stamp, &f.listing, f.settled_ns),
            None if self.edited => index.remove(Key::Skill(self.name.as_str())),
            None => {}
        }
    }
}
