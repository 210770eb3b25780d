//! One skill's part of setup: the contents of its name, which of them becomes current, and the versions that are made.

use std::cmp::Reverse;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use skillsync_core::digest::ContentHash;
use skillsync_core::name::SkillName;
use skillsync_store::{fs, scan};

use super::Error;
use super::held::Held;
use super::record::Record;
use super::survey::Original;

/// One skill's part of the work.
#[derive(Debug)]
pub(super) struct Skill {
    pub(super) name: SkillName,
    /// Whether neither the store nor an import has it.
    pub(super) fresh: bool,
    /// The contents to decide between, or the only one to take, the preferred one first; none where nothing is to be taken.
    pub(super) variants: Vec<Variant>,
    /// Which of them becomes current.
    pub(super) chosen: usize,
    /// The contents of the versions before any is made, oldest first.
    pub(super) here: Vec<ContentHash>,
    /// Where it stands.
    pub(super) originals: Vec<Original>,
}

/// One content of a name.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) hash: ContentHash,
    pub(super) at: At,
    pub(super) modified_s: i64,
}

/// Where a content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// In the store, as a version of the skill.
    Store,
    /// In this folder, from which an import brings it before anything else is taken.
    Import(PathBuf),
    /// In this folder of an agent's.
    Folder(PathBuf),
}

impl Variant {
    /// Whether it must be taken from where it stands.
    fn is_taken(&self) -> bool {
        matches!(self.at, At::Folder(_))
    }
}

impl Skill {
    /// Decides what is done about the `originals` of a name, beside what is `held` of it.
    pub(super) fn decide(
        held: Held,
        record: Option<&Record>,
        name: SkillName,
        mut originals: Vec<Original>,
    ) -> Result<Self, Error> {
        // `add` takes a folder whole, with what another tool noted in it.
        for original in &mut originals {
            let whole = original.tree.content_hash();
            if held.versions().contains(&whole) {
                original.content = whole;
            }
        }
        let mut variants: Vec<Variant> = Vec::new();
        for original in &originals {
            let hash = original.content;
            if !held.versions().contains(&hash) && !variants.iter().any(|v| v.hash == hash) {
                let at = At::Folder(representative(&originals, hash));
                variants.push(Variant { hash, at, modified_s: 0 });
            }
        }
        let fresh = matches!(held, Held::Nothing);
        let here = held.versions().to_vec();
        // A setup that was cut off has been told already.
        let told = record.and_then(|record| record.told(&name, &here));
        match held {
            Held::Brought { content, from } if !variants.is_empty() => {
                variants.push(Variant { hash: content, at: At::Import(from), modified_s: 0 });
            }
            Held::Stored { head, at_s, .. } => {
                // What the store has is kept before anything that turned up.
                if !variants.is_empty() {
                    newest_first(&mut variants)?;
                    variants.insert(0, Variant { hash: head, at: At::Store, modified_s: at_s });
                }
                // The setup was cut off before the content that was chosen, which the store has, was current again.
                if let Some(hash) = told.filter(|hash| *hash != head && here.contains(hash)) {
                    variants.push(Variant { hash, at: At::Store, modified_s: at_s });
                }
            }
            Held::Brought { .. } | Held::Nothing => {}
        }
        if variants.len() > 1 && !variants.iter().any(|variant| variant.at == At::Store) {
            newest_first(&mut variants)?;
        }
        let chosen = told.and_then(|hash| variants.iter().position(|v| v.hash == hash)).unwrap_or(0);
        Ok(Self { fresh, name, variants, chosen, here, originals })
    }

    /// Whether another tool noted something among the files of the original at `place`.
    pub(super) fn is_noted(&self, place: &Path) -> bool {
        let mut originals = self.originals.iter();
        originals.any(|original| original.place == place && original.content != original.tree.content_hash())
    }

    /// The versions to make, in their order: oldest first, so that history reads as it was, and the current last. What an
    /// import brought is a version by then.
    pub(super) fn versions(&self) -> Vec<&Variant> {
        let Some(current) = self.variants.get(self.chosen) else { return Vec::new() };
        let others = self.variants.iter().enumerate().filter(|(n, v)| *n != self.chosen && v.is_taken());
        let mut versions: Vec<&Variant> = others.map(|(_, variant)| variant).collect();
        versions.sort_by_key(|variant| variant.modified_s);
        if current.is_taken() || self.variants.len() == 1 || !versions.is_empty() {
            versions.push(current);
        }
        versions
    }
}

/// The newest content is the one that is taken unless another is chosen.
fn newest_first(variants: &mut [Variant]) -> Result<(), Error> {
    for variant in variants.iter_mut() {
        if let At::Folder(root) | At::Import(root) = &variant.at {
            variant.modified_s = modified_s(root)?;
        }
    }
    variants.sort_by_key(|variant| Reverse(variant.modified_s));
    Ok(())
}

/// When a file of a skill was last changed, in seconds since 1970.
fn modified_s(root: &Path) -> Result<i64, Error> {
    let mut latest = 0;
    for file in scan::list(root)?.files {
        latest = latest.max(fs::stat(&file.at)?.map_or(0, |m| m.mtime()));
    }
    Ok(latest)
}

/// Of equal copies the one with the most programs: a copy may have lost the executable bits, never gained them.
fn representative(originals: &[Original], hash: ContentHash) -> PathBuf {
    let programs = |o: &&Original| o.tree.files().filter(|(_, file)| file.executable).count();
    let equal = originals.iter().filter(|o| o.content == hash);
    // The first of several.
    equal.rev().max_by_key(programs).map(|o| o.place.clone()).unwrap_or_default()
}
