//! The single steps of a sync in a target's folder. Between the plan and its step an agent or a person may have been
//! at the place, so each step looks again: what is not as it was planned on is left and reported.

use std::path::{Path, PathBuf};

use skillsync_core::digest::TreeId;
use skillsync_core::name::SkillName;

use super::place::{Occupant, occupant};
use super::{Blocked, Error, Extent, Held, Installed, Recovered, copies};
use crate::fs;
use crate::index::Index;
use crate::layout::Layout;
use crate::render::{self, Rendering};
use crate::store::{Transaction, Writing};

/// One step.
#[derive(Debug)]
pub(super) enum Step {
    /// Makes the target's own folder.
    MakeFolder(PathBuf),
    /// Clears what a killed command left.
    Leftover(PathBuf),
    /// Points `rendered/<target>/<name>` at a tree; it led to `from`.
    Swing { link: PathBuf, from: Option<String>, id: TreeId },
    /// Makes a link of ours where nothing is.
    Link { place: PathBuf, text: PathBuf },
    /// Corrects a link of ours that said `was`.
    Relink { place: PathBuf, was: PathBuf, text: PathBuf },
    /// Puts a link of ours in the place of a copy of ours, which goes to trash.
    Uncopy { place: PathBuf, name: SkillName, text: PathBuf },
    /// Moves a copy of ours to trash.
    Trash { place: PathBuf, name: SkillName },
    /// Moves a copy of ours to trash, edited or not: what it was made of was revoked.
    Seize { place: PathBuf, name: SkillName },
    /// Removes a link of ours that says `was` from the agent's folder.
    Unlink { place: PathBuf, was: PathBuf },
    /// Removes a link in `rendered/` that says `was`.
    UnlinkRendered { link: PathBuf, was: PathBuf },
    /// Puts a copy; the copy of ours that stands there goes to trash.
    Copy { place: PathBuf, rendering: Rendering, key: String },
}

/// What a step found instead of what it was planned on.
enum Found {
    /// All is as it was.
    AsPlanned,
    /// Something that is not ours.
    InTheWay(Occupant),
    /// A copy of ours that somebody edited meanwhile.
    Edited(Extent),
}

impl Step {
    /// Does it, or says in `outcome` why not.
    pub(super) fn run(
        self,
        writing: &Writing<'_>,
        transaction: &Transaction,
        index: &mut Index,
        outcome: &mut Installed,
    ) -> Result<(), Error> {
        let layout = writing.store().layout();
        match self.look(layout, index)? {
            Found::AsPlanned => self.act(writing, transaction, index, outcome),
            Found::InTheWay(occupant) => {
                if let Some((path, name)) = self.place() {
                    let path = path.to_owned();
                    leave(outcome, &name);
                    // What is gone is in nobody's way: the next sync sees to it.
                    if occupant != Occupant::Nothing {
                        outcome.blocked.push(Blocked { name, path, occupant });
                    }
                }
                Ok(())
            }
            Found::Edited(extent) => {
                if let Some((root, name)) = self.place() {
                    let root = root.to_owned();
                    leave(outcome, &name);
                    outcome.held.push(Held { name, root, extent });
                }
                Ok(())
            }
        }
    }

    /// The place in the agent's folder that it is about, and the skill of that name.
    fn place(&self) -> Option<(&Path, SkillName)> {
        let place = match self {
            Step::MakeFolder(_) | Step::Leftover(_) | Step::Swing { .. } | Step::UnlinkRendered { .. } => {
                return None;
            }
            Step::Link { place, .. }
            | Step::Relink { place, .. }
            | Step::Uncopy { place, .. }
            | Step::Trash { place, .. }
            | Step::Seize { place, .. }
            | Step::Unlink { place, .. }
            | Step::Copy { place, .. } => place,
        };
        Some((place, SkillName::parse(place.file_name()?.to_str()?).ok()?))
    }

    fn look(&self, layout: &Layout, index: &mut Index) -> Result<Found, Error> {
        let as_planned = match self {
            Step::MakeFolder(_) | Step::Leftover(_) => true,
            Step::Swing { link, from, .. } => render::linked(layout, link)? == *from,
            Step::UnlinkRendered { link, was } => fs::read_link(link)?.as_ref() == Some(was),
            Step::Link { place, .. } => return Ok(expect(occupant(layout, place)?, &Occupant::Nothing)),
            Step::Relink { place, was, .. } | Step::Unlink { place, was } => {
                return Ok(expect(occupant(layout, place)?, &Occupant::Ours(was.clone())));
            }
            Step::Uncopy { place, name, .. } | Step::Trash { place, name } => {
                match copies::found(layout, index, "", place, name)? {
                    copies::Found::Ours(_) => return Ok(Found::AsPlanned),
                    found => return Ok(instead(found)),
                }
            }
            Step::Seize { place, name } => match copies::found(layout, index, "", place, name)? {
                copies::Found::Ours(_) | copies::Found::Edited(..) => return Ok(Found::AsPlanned),
                found => return Ok(instead(found)),
            },
            Step::Copy { place, rendering, key } => {
                match copies::found(layout, index, key, place, &rendering.name)? {
                    copies::Found::Ours(_) | copies::Found::Nothing => return Ok(Found::AsPlanned),
                    found => return Ok(instead(found)),
                }
            }
        };
        // Only commands write below `rendered/`, and this one has the mutex: the next sync sees what this is.
        Ok(if as_planned { Found::AsPlanned } else { Found::InTheWay(Occupant::File) })
    }

    fn act(
        self,
        writing: &Writing<'_>,
        transaction: &Transaction,
        index: &mut Index,
        outcome: &mut Installed,
    ) -> Result<(), Error> {
        let (layout, trash) = (writing.store().layout(), writing.store().trash());
        match self {
            Step::MakeFolder(dir) => fs::make_dir(&dir)?,
            Step::Leftover(at) if occupant(layout, &at)?.is_ours() => fs::remove_file(&at)?,
            Step::Leftover(at) => {
                let kept = Some(trash.put(&at, "recovered")?);
                outcome.recovered.push(Recovered { path: at, kept });
            }
            Step::Swing { link, id, .. } => fs::symlink_replace(&Layout::tree_from_rendered(&id), &link)?,
            Step::Link { place, text } => fs::symlink_new(&text, &place)?,
            Step::Relink { place, text, .. } => fs::symlink_replace(&text, &place)?,
            Step::Uncopy { place, name, text } => {
                let folder = place.parent().unwrap_or(Path::new("/"));
                let beside = folder.join(fs::unique_name(fs::OUR_PREFIX));
                fs::symlink_new(&text, &beside)?;
                let name = name.as_str();
                match fs::exchange(&beside, &place)? {
                    fs::Exchange::Done => drop(trash.put_as(&beside, name, name.as_ref())?),
                    fs::Exchange::Unsupported => {
                        trash.put(&place, name)?;
                        fs::rename_no_replace(&beside, &place)?;
                    }
                }
            }
            Step::Trash { place, name } | Step::Seize { place, name } => {
                drop(trash.put(&place, name.as_str())?)
            }
            Step::Unlink { place: at, .. } | Step::UnlinkRendered { link: at, .. } => fs::remove_file(&at)?,
            Step::Copy { place, rendering, key } => {
                copies::put(writing, transaction, index, &rendering, &place, &key)?;
            }
        }
        Ok(())
    }
}

/// Nothing came of what was planned for this skill.
fn leave(outcome: &mut Installed, name: &SkillName) {
    if outcome.placed.contains(name) {
        outcome.skills = outcome.skills.saturating_sub(1);
    }
    outcome.placed.retain(|placed| placed != name);
    outcome.pruned.retain(|pruned| pruned != name.as_str());
}

fn expect(found: Occupant, planned: &Occupant) -> Found {
    if found == *planned { Found::AsPlanned } else { Found::InTheWay(found) }
}

/// What stands where a copy of ours was to be replaced.
fn instead(found: copies::Found) -> Found {
    match found {
        copies::Found::Edited(extent, _) => Found::Edited(extent),
        copies::Found::Nothing => Found::InTheWay(Occupant::Nothing),
        copies::Found::Link(text) => Found::InTheWay(Occupant::Ours(text)),
        copies::Found::Foreign(occupant) => Found::InTheWay(occupant),
        copies::Found::Ours(_) => Found::InTheWay(Occupant::Folder),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use skillsync_core::name::TargetId;

    use super::*;
    use crate::config::{Target, TargetSource};
    use crate::store::Store;
    use crate::targets::{Plan, Wanted, apply, plan};
    use crate::tools::Mode;

    /// A store without skills and a target whose folder is there.
    struct Place {
        _root: tempfile::TempDir,
        store: Store,
        target: Target,
        dir: PathBuf,
        renderings: Vec<Rendering>,
    }

    impl Place {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let real = fs::real_path(root.path()).unwrap().unwrap();
            let now = "2026-11-20T09:30:00Z".parse().unwrap();
            let (store, _) = Store::init(&real.join("store"), &real, now).unwrap();
            let dir = real.join("agent");
            fs::make_dir(&dir).unwrap();
            let target = Target {
                id: TargetId::parse("path-1").unwrap(),
                path: dir.to_str().unwrap().to_owned(),
                source: TargetSource::Path,
                tool: None,
                mode: Mode::Symlink,
            };
            let (name, canonical) = (SkillName::parse("pdf").unwrap(), TreeId::of(b"c"));
            let renderings = vec![Rendering { name, version: 1, canonical, id: TreeId::of(b"r") }];
            Self { _root: root, store, target, dir, renderings }
        }

        fn plan(&self, index: &mut Index, renderings: &[Rendering]) -> Plan {
            let none = BTreeSet::new();
            let wanted = Wanted { renderings, unknown: &none, revoked: &none };
            plan(&self.store, index, &self.target, wanted).unwrap()
        }

        fn apply(&self, index: &mut Index, plan: Plan) -> Installed {
            let writing = self.store.write().unwrap();
            let transaction = writing.transaction().unwrap();
            apply(&writing, &transaction, index, &self.target, plan).unwrap()
        }
    }

    #[test]
    fn what_came_between_a_plan_and_its_step_is_left_and_reported() {
        // (what stands there when it is planned, what is wanted then, what comes in between)
        let other_way = || PathBuf::from("../agent/../store/rendered/path-1/pdf");
        type Come = fn(&Path);
        let folder: Come = |place| fs::make_dirs(&place.join("mine")).unwrap();
        let link: Come = |place| fs::symlink_new(Path::new("/somewhere/else"), place).unwrap();
        let cases: [(Option<PathBuf>, bool, Come); 6] = [
            (None, true, folder),
            (None, true, link),
            (Some(other_way()), true, folder),
            (Some(other_way()), true, link),
            (Some(other_way()), false, folder),
            (Some(other_way()), false, link),
        ];
        for (number, (stands, is_wanted, come)) in cases.into_iter().enumerate() {
            let at = Place::new();
            let place = at.dir.join("pdf");
            if let Some(text) = &stands {
                fs::symlink_new(text, &place).unwrap();
            }
            let mut index = Index::default();
            let planned = at.plan(&mut index, if is_wanted { &at.renderings } else { &[] });
            assert!(planned.outcome().blocked.is_empty(), "case {number}");
            fs::remove_file(&place).unwrap();
            come(&place);
            let before = occupant(at.store.layout(), &place).unwrap();
            let done = at.apply(&mut index, planned);
            assert_eq!(occupant(at.store.layout(), &place).unwrap(), before, "case {number}");
            assert_eq!(done.blocked.len(), 1, "case {number}");
            assert!(done.placed.is_empty() && done.pruned.is_empty() && done.skills == 0, "case {number}");
        }
    }

    #[test]
    fn a_change_while_a_sync_runs_is_seen_by_the_next() {
        let wait = || std::thread::sleep(std::time::Duration::from_millis(60));
        let at = Place::new();
        let mut index = Index::default();
        for _ in 0..2 {
            let planned = at.plan(&mut index, &at.renderings);
            at.apply(&mut index, planned);
            wait();
        }
        assert!(at.plan(&mut index, &at.renderings).proven, "nothing happened since");
        index = Index::default();
        let planned = at.plan(&mut index, &at.renderings);
        fs::remove_file(&at.dir.join("pdf")).unwrap();
        wait();
        at.apply(&mut index, planned);
        wait();
        assert_eq!(at.plan(&mut index, &at.renderings).outcome().placed.len(), 1);
    }
}
