//! Reading every byte that the store answers for, and saying what is not as it should be (`docs/commands.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use skillsync_core::digest::{FileDigest, TreeId};
use skillsync_core::fault::Fault;
use skillsync_core::name::SkillName;
use skillsync_core::skill::State;

use crate::index::{Index, Key};
use crate::meta::Meta;
use crate::objects;
use crate::render::{self, Condition};
use crate::scan;
use crate::skills;
use crate::store::Store;
use crate::{fs, parallel};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A skill's record does not read.
    Record,
    /// A canonical folder is not its head version: edited by hand or damaged.
    HandEdited,
    /// A rendered tree is not what was written.
    RenderedEdited,
    /// A link leads to no rendered tree.
    RenderedMissing,
    /// An object is missing.
    ObjectMissing,
    /// An object's bytes are not what its name says.
    ObjectDamaged,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub trouble: Trouble,
    /// The skill it belongs to, where that is known.
    pub skill: Option<SkillName>,
    /// Where.
    pub path: PathBuf,
    /// In words.
    pub message: String,
    /// What mends it.
    pub hint: String,
}

/// What was read, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Skills looked at.
    pub skills: usize,
    /// Rendered trees read.
    pub trees: usize,
    /// Objects read.
    pub objects: usize,
    /// What is wrong, sorted by path.
    pub findings: Vec<Finding>,
}

/// Reads the canonical folders, the rendered trees that links lead to and all objects of `names`.
pub fn verify(store: &Store, names: &[SkillName]) -> Result<Verified, skills::Error> {
    let layout = store.layout();
    let mut verified = Verified { skills: names.len(), ..Verified::default() };
    let metas = parallel::map(names, |name| skills::load(store, name));
    let mut known: Vec<(&SkillName, Meta)> = Vec::new();
    for (name, meta) in names.iter().zip(metas) {
        match meta {
            Ok(meta) => known.push((name, meta)),
            Err(skills::Error::NotFound { name, nearest }) => {
                return Err(skills::Error::NotFound { name, nearest });
            }
            Err(e) => {
                let hint = e.hint().unwrap_or_default();
                let path = layout.meta(name);
                let message = e.to_string();
                verified.findings.push(Finding {
                    trouble: Trouble::Record,
                    skill: Some(name.clone()),
                    path,
                    message,
                    hint,
                });
            }
        }
    }
    verified.findings.extend(parallel::map(&known, |(name, meta)| canonical(store, name, meta)).into_iter().flatten());
    let (trees, findings) = rendered(store, &known)?;
    verified.trees = trees;
    verified.findings.extend(findings);
    let (objects, findings) = all_objects(store, &known);
    verified.objects = objects;
    verified.findings.extend(findings);
    verified.findings.sort_by(|a, b| (&a.path, a.trouble).cmp(&(&b.path, b.trouble)));
    Ok(verified)
}

fn canonical(store: &Store, name: &SkillName, meta: &Meta) -> Option<Finding> {
    let path = store.layout().skill(name);
    let message = match scan::read(&path) {
        Ok((tree, _)) if tree.id() == meta.head().tree => return None,
        Ok(_) => "its files are not those of its newest version".to_owned(),
        Err(e) => e.to_string(),
    };
    let hint = format!("`skillsync adopt {name}` makes it a version, `skillsync adopt {name} --discard` restores it");
    let skill = Some(name.clone());
    Some(Finding { trouble: Trouble::HandEdited, skill, path, message, hint })
}

/// Checks every tree that a link of one of the skills leads to; each tree once, however many links there are.
fn rendered(store: &Store, known: &[(&SkillName, Meta)]) -> Result<(usize, Vec<Finding>), skills::Error> {
    let layout = store.layout();
    let mut linked: BTreeMap<String, (SkillName, PathBuf)> = BTreeMap::new();
    for target in fs::entries(&layout.rendered())?.unwrap_or_default() {
        let folder = layout.rendered().join(target);
        for (name, meta) in known {
            if meta.state != State::Active {
                continue;
            }
            let link = folder.join(name.as_str());
            if let Some(hex) = render::linked(layout, &link)? {
                linked.insert(hex, ((*name).clone(), link));
            }
        }
    }
    let linked: Vec<_> = linked.into_iter().collect();
    let nothing_known = Index::default();
    let findings = parallel::try_map(&linked, |(hex, (name, link))| {
        let path = layout.trees().join(hex);
        let (condition, _) = render::condition(&nothing_known, Key::Tree(hex), &path)?;
        let (trouble, message, hint) = match condition {
            Condition::Intact => return Ok(None),
            Condition::Edited(_) | Condition::Unmarked => (
                Trouble::RenderedEdited,
                "what agents load was edited".to_owned(),
                format!("`skillsync adopt {name}` keeps the edit, `skillsync adopt {name} --discard` drops it"),
            ),
            Condition::Missing => (
                Trouble::RenderedMissing,
                format!("`{}` leads nowhere", link.display()),
                "`skillsync sync` renders it again".to_owned(),
            ),
        };
        let skill = Some(name.clone());
        Ok::<_, skills::Error>(Some(Finding { trouble, skill, path, message, hint }))
    })?;
    Ok((linked.len(), findings.into_iter().flatten().collect()))
}

/// Checks every object that a version names; each object once.
fn all_objects(store: &Store, known: &[(&SkillName, Meta)]) -> (usize, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut trees: BTreeMap<TreeId, (&SkillName, u32)> = BTreeMap::new();
    for (name, meta) in known {
        for version in meta.versions() {
            trees.entry(version.tree).or_insert((*name, version.number));
        }
    }
    let trees: Vec<_> = trees.into_iter().collect();
    let mut blobs: BTreeMap<FileDigest, (&SkillName, u32)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let read = parallel::map(&trees, |(id, _)| store.objects().tree(id));
    for ((id, owner), tree) in trees.iter().zip(read) {
        match tree {
            Ok(tree) => {
                for (_, file) in tree.files() {
                    if seen.insert(file.digest) {
                        blobs.insert(file.digest, *owner);
                    }
                }
            }
            Err(e) => findings.push(object_finding(&e, *owner, store.layout().tree_object(id))),
        }
    }
    let blobs: Vec<_> = blobs.into_iter().collect();
    let checked = parallel::map(&blobs, |(digest, owner)| {
        let path = store.layout().blob(digest);
        check_blob(digest, &path).err().map(|e| object_finding(&e, *owner, path))
    });
    findings.extend(checked.into_iter().flatten());
    (trees.len() + blobs.len(), findings)
}

fn check_blob(digest: &FileDigest, path: &std::path::Path) -> Result<(), objects::Error> {
    let missing = || objects::Error::Missing { digest: digest.hex() };
    let (mut input, metadata) = fs::optional(fs::open_regular(path))?.ok_or_else(missing)?;
    let (found, _) = objects::digest_of(&mut input, metadata.len(), path)?;
    if found == *digest { Ok(()) } else { Err(objects::Error::Damaged { digest: digest.hex() }) }
}

fn object_finding(error: &objects::Error, (name, version): (&SkillName, u32), path: PathBuf) -> Finding {
    let trouble = match error {
        objects::Error::Missing { .. } => Trouble::ObjectMissing,
        _ => Trouble::ObjectDamaged,
    };
    Finding {
        trouble,
        skill: Some(name.clone()),
        path,
        message: format!("version {version} of `{name}` needs it: {error}"),
        hint: "`skillsync doctor --fix` stores it again where its bytes are still at hand".to_owned(),
    }
}
