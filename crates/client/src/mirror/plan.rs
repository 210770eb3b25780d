//! What an open index means for this machine: pure, from what it lists and what is held to what is to be fetched, kept and
//! removed (checklist P3-P6).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use skillsync_core::name::SkillName;
use skillsync_wire::wellknown::Index;

/// What is held of a skill that came from this index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What the index published of the edition that is here, proven when it came. `None` when nothing was: an index without
    /// hashes, or a list of another tool that knows only names.
    pub published: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// It vanished with more than was believed, and was not listed since: it stays until its removal is allowed.
    pub is_guarded: bool,
}

/// How a skill that came from an index stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it came.
    Pristine,
    /// Somebody changed it here.
    Edited,
    /// The user went back to this edition, or asked for it: it stays.
    Pinned,
    /// The user removed it: it does not come back by itself.
    Removed,
}

/// Which skills of an index are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// All that it lists.
    All,
    /// Those that are here already.
    Held,
}

/// What may happen to what an index does not list any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pruning {
    /// It is removed, unless the index lost more than half of what is held: that is more likely a mistake.
    #[default]
    Guarded,
    /// It is removed, however much it is: the user said so.
    Allowed,
}

/// Why a skill is to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is not here.
    New,
    /// The index publishes another edition than the one that is here.
    Changed,
    /// The index publishes nothing that would say whether it changed.
    Unverified,
}

/// What an index means for this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be fetched, and why.
    pub fetch: BTreeMap<SkillName, Why>,
    /// As the index publishes it: nothing of it is fetched.
    pub unchanged: BTreeSet<SkillName>,
    /// Not listed any more, and as it came: to be removed.
    pub remove: BTreeSet<SkillName>,
    /// Not listed any more, and changed here: it stays.
    pub left: BTreeSet<SkillName>,
    /// Not listed any more, and more of them than is believed: they stay.
    pub guarded: BTreeSet<SkillName>,
    /// Listed, and a skill of this name is here that did not come from this index.
    pub taken: BTreeSet<SkillName>,
    /// Listed, and held, and the entry cannot be read: it stays as it is.
    pub unreadable: BTreeSet<SkillName>,
}

/// What `index` means for what is `held` of it. `others` are the names here that did not come from it.
pub fn plan(
    index: &Index,
    held: &BTreeMap<SkillName, Held>,
    others: &BTreeSet<SkillName>,
    choice: Choice,
    pruning: Pruning,
) -> Plan {
    let mut plan = Plan::default();
    for entry in &index.entries {
        let name = &entry.name;
        match held.get(name) {
            Some(Held { standing: Standing::Removed, .. }) => {}
            Some(Held { standing: Standing::Pinned, .. }) => drop(plan.unchanged.insert(name.clone())),
            Some(held) => match entry.published() {
                None => drop(plan.fetch.insert(name.clone(), Why::Unverified)),
                Some(published) if held.published.as_ref() == Some(&published) => {
                    plan.unchanged.insert(name.clone());
                }
                Some(_) => drop(plan.fetch.insert(name.clone(), Why::Changed)),
            },
            None if others.contains(name) => {
                plan.taken.insert(name.clone());
            }
            None if choice == Choice::All => drop(plan.fetch.insert(name.clone(), Why::New)),
            None => {}
        }
    }
    let unreadable: BTreeSet<&SkillName> = index.bad.iter().filter_map(|bad| bad.name.as_ref()).collect();
    let here = held.iter().filter(|(_, held)| held.standing != Standing::Removed);
    let mut gone = Vec::new();
    let mut count = 0;
    for (name, held) in here {
        let is_listed = index.entry(name).is_some();
        let stays = !is_listed && held.is_guarded && pruning == Pruning::Guarded;
        // What is guarded already makes no later loss look larger or smaller.
        count += usize::from(!stays);
        if is_listed {
            continue;
        }
        if unreadable.contains(name) {
            plan.unreadable.insert(name.clone());
        } else if stays {
            plan.guarded.insert(name.clone());
        } else {
            gone.push((name, held.standing));
        }
    }
    let is_believed = pruning == Pruning::Allowed || gone.len() * 2 <= count;
    for (name, standing) in gone {
        let group = match (is_believed, standing) {
            (false, _) => &mut plan.guarded,
            (true, Standing::Edited | Standing::Pinned) => &mut plan.left,
            (true, _) => &mut plan.remove,
        };
        group.insert(name.clone());
    }
    plan
}

impl Plan {
    /// What a run comes to where everything is fetched that is to be.
    pub fn counts(&self) -> Counts {
        let of = |new: bool| self.fetch.values().filter(|why| (**why == Why::New) == new).count();
        Counts {
            added: of(true),
            updated: of(false),
            removed: self.remove.len(),
            unchanged: self.unchanged.len(),
        }
    }
}

/// How many skills of an index what happened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New here.
    pub added: usize,
    /// Fetched again.
    pub updated: usize,
    /// Not listed any more.
    pub removed: usize,
    /// As the index publishes them.
    pub unchanged: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, updated, removed, unchanged } = self;
        write!(f, "{added} added, {updated} updated, {removed} removed ({unchanged} unchanged)")
    }
}

#[cfg(test)]
mod tests;
