//! `source import`: skills that another tool installed come over as they are, and those of an open index are followed from
//! then on. Nothing of the other tool's is changed. `setup` does the same on its way.

mod apply;
mod lists;
mod notes;
mod refusals;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use skillsync_client::lockfile::{Noted, Origin, Tool};
use skillsync_core::digest::ContentHash;
use skillsync_core::skill::ArtifactType;
use skillsync_core::tree::{SKILL_MD, Tree};
use skillsync_store::edit;
use skillsync_store::meta::Meta;
use skillsync_store::payload::Payload;
use skillsync_store::skills;

use super::*;
use crate::ops::{builtin, target};
use lists::{Homes, Reach};
pub use lists::{found, found_here};
pub(in crate::ops) use lists::{offered, read};
pub(in crate::ops) use notes::{content_of, holds, payload};
pub(in crate::ops) use refusals::{add, takes_a_copy};
use refusals::{checkout, outdated, reserved};
pub use report::{Imported, ImportedList, ImportedSkill, NewSource, Outcome, title};

/// What is to be imported.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The lists, in the order in which they count: the first that names a skill decides.
    pub lists: Vec<PathBuf>,
    /// Where the skills of `.ic-managed.json` come from, if not from the site of its script.
    pub site: Option<BaseUrl>,
    /// Skills that came this way before: where the store has them no more, they were removed, and stay away.
    pub known: BTreeSet<SkillName>,
    /// Skills that the undo of a setup was cut off over: one that is here as it came is followed as if it came now.
    pub unsettled: BTreeSet<SkillName>,
}

/// Which list, and which skill of it.
pub(in crate::ops) type Place = (usize, usize);

/// A skill on its way.
#[derive(Debug)]
struct Coming {
    at: Place,
    name: SkillName,
    /// The folder it comes from, what it leads to.
    root: PathBuf,
    /// What that holds; it is read again when it is taken, so that not all of them are in memory at once.
    tree: Tree,
    /// How its first version came here, for its history.
    reason: String,
    /// The site that is followed for it.
    follow: Option<Follow>,
    /// Whether its version is here: an import was killed before it noted that.
    is_here: bool,
}

impl Coming {
    fn brought(&self) -> Brought<'_> {
        let content = self.tree.content_hash();
        Brought { at: self.at, content, root: &self.root, is_here: self.is_here }
    }

    /// Its files, which are still those that were looked at.
    fn payload(&self) -> Result<Payload, Error> {
        let payload = payload(&self.root)?;
        if *payload.tree() == self.tree {
            Ok(payload)
        } else {
            Err(outdated(&format!("`{}`", self.root.display())))
        }
    }

    /// Whether it is the same as when it was shown.
    fn is_as_shown(&self, shown: &Coming) -> bool {
        self.name == shown.name && self.follow == shown.follow && self.tree == shown.tree
    }
}

/// How a skill is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Follow {
    site: BaseUrl,
    /// What the site published of it.
    published: Option<String>,
    /// Which of the site's skills are wanted, if it is a new source.
    skills: Wanted,
}

/// What an import comes to, and what it needs for that.
#[derive(Debug)]
pub struct Plan {
    /// What it comes to.
    pub report: Imported,
    coming: Vec<Coming>,
    /// The folders that the lists speak of, by what they lead to.
    stored: BTreeMap<PathBuf, Stored>,
    /// The rows of skills that are not taken, by the folder of the skill, and how each came to this machine.
    left: BTreeMap<PathBuf, (Place, String)>,
    /// The sources that are configured.
    sources: Vec<SourceConfig>,
}

/// A folder of another tool whose content the store holds, or will hold after the import.
#[derive(Debug)]
pub(in crate::ops) struct Stored {
    /// The skill.
    pub(in crate::ops) name: SkillName,
    /// What the folder holds.
    pub(in crate::ops) tree: Tree,
}

/// A skill that an import brings.
#[derive(Debug)]
pub(in crate::ops) struct Brought<'p> {
    /// Its row.
    pub(in crate::ops) at: Place,
    /// Its content.
    pub(in crate::ops) content: ContentHash,
    /// The folder that it comes from.
    pub(in crate::ops) root: &'p Path,
    /// Whether the store has it already and only its note is missing.
    pub(in crate::ops) is_here: bool,
}

/// What the store holds by now.
struct Here<'a> {
    store: Option<&'a Store>,
    noted: InstallState,
    ask: &'a Ask,
}

impl Here<'_> {
    fn meta(&self, name: &SkillName) -> Result<Option<Meta>, Error> {
        Ok(self.store.map(|store| skills::find(store, name)).transpose()?.flatten())
    }

    fn sources(&self) -> &[SourceConfig] {
        self.store.map(|store| store.config().sources()).unwrap_or_default()
    }

    /// Whether an import from `site` was killed before it noted that `name` is here, or an undo of it when that was forgotten.
    /// What is pending of another source is another command's to end.
    fn is_pending(&self, name: &SkillName, site: Option<&BaseUrl>) -> bool {
        let noted = self.noted.get(name).and_then(|installed| {
            let source = self.sources().iter().find(|source| source.name == installed.source)?;
            Some(installed.state == Standing::Pending && Some(&source.url) == site)
        });
        noted.unwrap_or_else(|| site.is_some() && self.ask.unsettled.contains(name))
    }
}

/// What the import would do. `store` is none where there is none yet. Changes nothing.
pub fn plan(world: &World, store: Option<&Store>, ask: &Ask) -> Result<Plan, Error> {
    let agents = target::tools(&world.store)?;
    let homes = Homes::of(world, &agents)?;
    // Without a list nobody asks what came from where: what does not read there is another command's to tell.
    let noted = store.filter(|_| !ask.lists.is_empty());
    let noted = noted.map(|store| InstallState::load(store.layout())).transpose()?.unwrap_or_default();
    let here = Here { store, noted, ask };
    let mut plan = Plan {
        report: Imported { dry_run: true, ..Imported::default() },
        coming: Vec::new(),
        stored: BTreeMap::new(),
        left: BTreeMap::new(),
        sources: here.sources().to_vec(),
    };
    for path in &ask.lists {
        let list = lists::read(path, ask.site.as_ref())?;
        let reach = Reach::of(&homes, path, list.tool)?;
        plan.report.lists.push(ImportedList {
            path: path.display().to_string(),
            tool: list.tool,
            skills: Vec::new(),
        });
        for noted in &list.skills {
            plan.row(&here, &reach, list.tool, noted);
        }
    }
    plan.name_sources()?;
    Ok(plan)
}

impl Plan {
    /// Decides about one skill of the last list, and notes what becomes of it.
    fn row(&mut self, here: &Here<'_>, reach: &Reach, tool: Tool, noted: &Noted) {
        let from = from(&noted.origin);
        let list = self.report.lists.len() - 1;
        let at = (list, self.report.lists[list].skills.len());
        let mut edited = None;
        let (outcome, error) = match self.take(here, reach, tool, noted, at, &mut edited) {
            Ok(outcome) => (outcome, None),
            Err(error) => (Outcome::Failed, Some(Report::of(&error))),
        };
        if matches!(outcome, Outcome::Failed | Outcome::Removed)
            && let Ok(Some(root)) = reach.place(&noted.name)
        {
            self.left.insert(root, (at, reason(tool, from.as_deref())));
        }
        let row = ImportedSkill { skill: noted.name.clone(), outcome, from, edited, error };
        self.report.lists[list].skills.push(row);
    }

    fn take(
        &mut self,
        here: &Here<'_>,
        reach: &Reach,
        tool: Tool,
        noted: &Noted,
        at: Place,
        edited: &mut Option<bool>,
    ) -> Result<Outcome, Error> {
        let name = SkillName::parse(&noted.name)?;
        let there = here.meta(&name)?;
        let site = match &noted.origin {
            Origin::Index { site: Some(site), .. } => BaseUrl::parse(site).ok(),
            _ => None,
        };
        let site = site.filter(|site| can_be_followed(here.sources(), site));
        let coming = self.coming.iter().find(|coming| coming.name == name);
        let coming = coming.map(|coming| vec![coming.tree.content_hash()]);
        let known = there.as_ref().filter(|_| !here.is_pending(&name, site.as_ref()));
        let known = known.map(|meta| meta.versions().iter().map(|version| version.content_hash).collect());
        if let Some(contents) = coming.or(known) {
            // Nobody asks for it: a folder that does not read is as if it were not there.
            if let Ok(Some(root)) = reach.place(name.as_str())
                && let Ok(payload) = notes::payload(&root)
                && contents.contains(&payload.tree().content_hash())
            {
                self.stored.insert(root, Stored { name, tree: payload.tree().clone() });
            }
            return Ok(Outcome::Present);
        }
        if there.is_none() && here.ask.known.contains(&name) {
            return Ok(Outcome::Removed);
        }
        let Some(root) = reach.place(name.as_str())? else { return Ok(Outcome::Missing) };
        if builtin::is_reserved(&name) {
            return Err(reserved(&name));
        }
        if fs::lstat(&root.join(".git"))?.is_some() {
            return Err(checkout(&root));
        }
        let payload = notes::payload(&root)?;
        edit::check_main(ArtifactType::Skill, &name, payload.get(SKILL_MD).unwrap_or_default())?;
        *edited = noted.proof.holds(&payload).map(|holds| !holds);
        let follow = match &noted.origin {
            Origin::Index { published, .. } if *edited != Some(true) => site.map(|site| Follow {
                site,
                published: published.clone(),
                // That script mirrors everything.
                skills: if tool == Tool::IcSkills { Wanted::All } else { Wanted::Chosen },
            }),
            _ => None,
        };
        let tree = payload.tree().clone();
        let is_here = there.is_some();
        let has_it = |meta: &Meta| meta.versions().iter().any(|it| it.content_hash == tree.content_hash());
        if there.as_ref().is_none_or(has_it) {
            self.stored.insert(root.clone(), Stored { name: name.clone(), tree: tree.clone() });
        }
        if let Some(meta) = there
            && (follow.is_none() || meta.head().tree != tree.id())
        {
            return Ok(Outcome::Present);
        }
        let outcome = if follow.is_some() { Outcome::Followed } else { Outcome::Added };
        let reason = reason(tool, from(&noted.origin).as_deref());
        self.coming.push(Coming { at, name, root, tree, reason, follow, is_here });
        Ok(outcome)
    }

    /// Names the sources that are new.
    fn name_sources(&mut self) -> Result<(), Error> {
        self.report.sources.clear();
        for Follow { site, skills, .. } in self.coming.iter().filter_map(|coming| coming.follow.as_ref()) {
            if self.sources.iter().any(|known| known.url == *site) {
                continue;
            }
            if let Some(new) = self.report.sources.iter_mut().find(|new| new.url == *site) {
                // One list that wants all of them is enough.
                if *skills == Wanted::All {
                    new.skills = Wanted::All;
                }
                continue;
            }
            let new = self.report.sources.iter().map(|new| &new.name);
            let taken: BTreeSet<&SourceName> = self.sources.iter().map(|one| &one.name).chain(new).collect();
            let name = free_name(site, &taken)?;
            self.report.sources.push(NewSource { name, url: site.clone(), skills: *skills });
        }
        Ok(())
    }

    /// Keeps to what was shown: what did not come then does not come now. Fails with `plan-outdated` where something else
    /// would come, or something would not.
    pub fn keep_to(&mut self, shown: &Plan) -> Result<(), Error> {
        let lists = &shown.report.lists;
        for one in std::mem::take(&mut self.coming) {
            let list = &mut self.report.lists[one.at.0];
            let row = &mut list.skills[one.at.1];
            let before = lists.iter().filter(|before| before.path == list.path);
            let before = before.flat_map(|list| &list.skills).find(|before| before.skill == row.skill);
            match before {
                Some(before) if !before.outcome.comes() => *row = before.clone(),
                Some(_) if shown.coming.iter().any(|shown| one.is_as_shown(shown)) => self.coming.push(one),
                _ => return Err(outdated(&format!("what `{}` names", list.path))),
            }
        }
        let coming = self.brings();
        if let Some(gone) = shown.coming.iter().find(|one| !coming.contains_key(&one.name)) {
            return Err(outdated(&format!("what `{}` names", lists[gone.at.0].path)));
        }
        self.name_sources()
    }

    /// Whether no skill comes.
    pub(in crate::ops) fn is_empty(&self) -> bool {
        self.coming.is_empty()
    }

    /// The skills that come.
    pub(in crate::ops) fn brings(&self) -> BTreeMap<&SkillName, Brought<'_>> {
        self.coming.iter().map(|one| (&one.name, one.brought())).collect()
    }

    /// The folders of other tools whose content the store holds, or will hold, by what they lead to.
    pub(in crate::ops) fn stored(&self) -> &BTreeMap<PathBuf, Stored> {
        &self.stored
    }

    /// Hands the skills that would only be added, or not be taken, over to who takes them from `folders`, and how each came to
    /// this machine, by its folder.
    pub(in crate::ops) fn hand_over(&mut self, folders: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, String> {
        let is_theirs = |one: &mut Coming| one.follow.is_none() && folders.contains(&one.root);
        let coming = self.coming.extract_if(.., is_theirs).map(|one| (one.root, (one.at, one.reason)));
        let left = std::mem::take(&mut self.left).into_iter().filter(|(root, _)| folders.contains(root));
        let mut handed = BTreeMap::new();
        for (root, ((list, skill), reason)) in coming.chain(left) {
            let row = &mut self.report.lists[list].skills[skill];
            (row.outcome, row.error) = (Outcome::Adopted, None);
            handed.insert(root, reason);
        }
        handed
    }
}

/// Whether `site` can be an open index that is followed: nobody is asked over a line that anybody may change, and what is a
/// hub by now is no index.
fn can_be_followed(sources: &[SourceConfig], site: &BaseUrl) -> bool {
    let known = sources.iter().find(|source| source.url == *site);
    known.map_or(site.is_https() || site.is_loopback(), |source| source.kind == SourceKind::Index)
}

/// A name for the source at `url` that no other has.
fn free_name(url: &BaseUrl, taken: &BTreeSet<&SourceName>) -> Result<SourceName, Error> {
    let first = name_of(url)?;
    let mut name = first.clone();
    let mut number = 2;
    while taken.contains(&name) {
        name = SourceName::parse(&name::numbered(first.as_str(), number))?;
        number += 1;
    }
    Ok(name)
}

/// Where a skill came from, in words.
fn from(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Index { site, .. } => site.clone(),
        Origin::Git { address } => Some(address.clone()),
        Origin::Registry { version } => Some(version.clone()),
        Origin::Folder => None,
    }
}

/// How a skill came here, for its history.
fn reason(tool: Tool, from: Option<&str>) -> String {
    let tool = title(tool);
    from.map_or_else(|| format!("installed by {tool}"), |from| format!("installed by {tool}: {from}"))
}
