//! The skills that are shipped inside the program: they come into the store, and newer ones replace older ones, but
//! never what the user changed or removed (checklist D12). Their texts are in `builtin/`.

use serde::Serialize;
use skillsync_core::digest::FileDigest;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{Origin, Source, State};
use skillsync_core::tree::{self, File, Tree};
use skillsync_store::config::Config;
use skillsync_store::fs;
use skillsync_store::index::{Index, Key};
use skillsync_store::meta::Meta;
use skillsync_store::objects::Batch;
use skillsync_store::skills::{self, Change, Standing};
use skillsync_store::store::{Store, Writing};

use super::Error;

/// A skill inside the program.
struct Shipped {
    name: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

macro_rules! shipped {
    ($name:literal: $($path:literal),+) => {
        Shipped {
            name: $name,
            files: &[$(($path, include_bytes!(concat!("../../builtin/", $name, "/", $path)))),+],
        }
    };
}

/// All of them. A test compares the list with the folder.
const SHIPPED: [Shipped; 3] = [
    shipped!("skillsync": "SKILL.md", "references/commands.md", "references/repair.md"),
    shipped!("skillsync-new": "SKILL.md", "references/example.md"),
    shipped!("skillsync-refine": "SKILL.md"),
];

/// What became of a built-in skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuiltinChange {
    /// The skill.
    pub skill: SkillName,
    /// What became of it.
    pub status: Status,
    /// Its newest version; none in a plan for a new one.
    pub version: Option<u32>,
}

/// What became of a built-in skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new in the store.
    Added,
    /// It is at this program's version now.
    Upgraded,
    /// This program has a newer one, but the user's own version stays.
    Kept,
}

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|shipped| shipped.name)
}

/// Whether `name` belongs to a built-in skill, in the store or not.
pub fn is_reserved(name: &SkillName) -> bool {
    SHIPPED.iter().any(|shipped| shipped.name == name.as_str())
}

/// Remembers in `config.toml`, which outlives every cache, that the user does without a built-in skill.
pub fn leave_out(writing: &Writing<'_>, name: &SkillName) -> Result<(), Error> {
    if !is_reserved(name) {
        return Ok(());
    }
    // Read again under the mutex: another command may have changed the file since it was opened.
    let mut config = Config::load(&writing.store().layout().config())?;
    config.leave_out(name)?;
    Ok(config.save()?)
}

/// What [`ensure`] would do. Changes nothing.
pub fn plan(store: &Store, index: &Index) -> Result<Vec<BuiltinChange>, Error> {
    Ok(steps(store, index)?.into_iter().map(|step| step.change).collect())
}

/// Adds the built-in skills that are missing and brings older ones to this program's version. Where all is as the
/// index remembers, no file of a skill is read.
///
/// A skill that was edited, adopted or rolled back is the user's: it is reported as kept, once. So is one with a hand
/// edit, until that is settled.
pub fn ensure(writing: &Writing<'_>, index: &mut Index) -> Result<Vec<BuiltinChange>, Error> {
    let store = writing.store();
    let digest = digest(store.config().without());
    if index.get::<[u8; 32]>(Key::BuiltIn) == Some(digest) && are_there(store)? {
        return Ok(Vec::new());
    }
    // Into a `skills/` whose disk is missing nothing is added.
    skills::names(store.layout())?;
    let mut steps = steps(store, index)?;
    let mut changes = Vec::new();
    if steps.iter().any(|step| step.change.status != Status::Kept) {
        let transaction = writing.transaction()?;
        let batch = Batch::new(store.layout(), transaction.dir())?;
        let mut wanted = Vec::new();
        for step in steps.iter().filter(|step| step.change.status != Status::Kept) {
            let staged =
                skills::stage_bytes(&transaction, &batch, &step.change.skill, &step.shipped.contents()?)?;
            wanted.push(Change {
                reason: Some(format!("shipped with skillsync {}", env!("CARGO_PKG_VERSION"))),
                ..Change::new(staged, Origin::BuiltIn, Source::BuiltIn)
            });
        }
        for advanced in skills::advance(writing, &transaction, batch, index, wanted)? {
            let advanced = advanced?;
            if let Some(step) = steps.iter_mut().find(|step| step.change.skill == advanced.name) {
                step.change.version = Some(advanced.version.number);
            }
        }
        transaction.finish()?;
    }
    let mut settled = true;
    for step in steps {
        settled &= step.settled;
        changes.push(step.change);
    }
    if settled {
        index.set(Key::BuiltIn, &digest);
    }
    Ok(changes)
}

impl Shipped {
    fn name(&self) -> Result<SkillName, Error> {
        Ok(SkillName::parse(self.name)?)
    }

    fn contents(&self) -> Result<Vec<(SkillPath, Vec<u8>, bool)>, Error> {
        let parsed = |path| SkillPath::parse(path).map_err(tree::Error::from);
        let files = self.files.iter().map(|(path, bytes)| Ok((parsed(path)?, bytes.to_vec(), false)));
        files.collect()
    }

    fn tree(&self) -> Result<Tree, Error> {
        let file = |bytes: &[u8]| File {
            digest: FileDigest::of(bytes),
            size_bytes: bytes.len() as u64,
            executable: false,
        };
        let files: Vec<_> =
            self.contents()?.into_iter().map(|(path, bytes, _)| (path, file(&bytes))).collect();
        Ok(Tree::new(files)?)
    }
}

/// What is to be done about one skill.
struct Step {
    shipped: &'static Shipped,
    change: BuiltinChange,
    /// Whether it need not be looked at again before the program or the settings change.
    settled: bool,
}

fn steps(store: &Store, index: &Index) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for shipped in &SHIPPED {
        let skill = shipped.name()?;
        let step = |status, version, settled| {
            let change = BuiltinChange { skill: skill.clone(), status, version };
            Step { shipped, change, settled }
        };
        match skills::load(store, &skill) {
            Err(skills::Error::NotFound { .. }) if store.config().without().contains(&skill) => {}
            Err(skills::Error::NotFound { .. }) => steps.push(step(Status::Added, None, true)),
            // A record that does not read is told by whoever uses the skill; here it only must not be replaced.
            Err(_) => {}
            Ok(meta) => match decide(&meta, &shipped.tree()?) {
                Decision::Leave => {}
                Decision::Keep => steps.push(step(Status::Kept, Some(meta.head().number), true)),
                Decision::Upgrade => {
                    let next = Some(meta.head().number + 1);
                    match skills::standing(store, index, &skill, &meta)? {
                        Standing::Pristine => steps.push(step(Status::Upgraded, next, true)),
                        _ => steps.push(step(Status::Kept, Some(meta.head().number), false)),
                    }
                }
            },
        }
    }
    Ok(steps)
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Leave,
    Keep,
    Upgrade,
}

/// What becomes of a built-in skill that is there, when the program has `ours` for it.
fn decide(meta: &Meta, ours: &Tree) -> Decision {
    let (head, ours) = (meta.head(), ours.id());
    let shipped_before = meta.versions().iter().any(|v| v.tree == ours && v.origin == Origin::BuiltIn);
    if head.tree == ours || meta.state == State::PendingRemove {
        Decision::Leave
    } else if shipped_before {
        // Ours has been replaced here already: by a newer program, or by the user, who knows.
        Decision::Leave
    } else if head.origin == Origin::BuiltIn {
        Decision::Upgrade
    } else {
        Decision::Keep
    }
}

/// Whether each built-in skill has its folder, or is left out.
fn are_there(store: &Store) -> Result<bool, Error> {
    for shipped in &SHIPPED {
        let name = shipped.name()?;
        if !store.config().without().contains(&name) && fs::lstat(&store.layout().skill(&name))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One value for all that decides about the built-in skills, but for the store's own content.
fn digest(without: &[SkillName]) -> [u8; 32] {
    let mut all = Vec::new();
    for (path, bytes) in SHIPPED.iter().flat_map(|shipped| shipped.files) {
        all.extend_from_slice(path.as_bytes());
        all.extend_from_slice(FileDigest::of(bytes).as_bytes());
    }
    for name in without {
        all.extend_from_slice(name.as_str().as_bytes());
        all.push(0);
    }
    *FileDigest::of(&all).as_bytes()
}

#[cfg(test)]
mod tests;
