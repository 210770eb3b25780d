//! `source import`: skills that another tool installed come over as they are, and those of an open index are followed from
//! then on. Nothing of the other tool's is changed. `setup` does the same on its way.

mod apply;
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use skillsync_client::lockfile::{self, Noted, Origin, Tool};
use skillsync_core::digest::ContentHash;
use skillsync_core::skill::{self, ArtifactType};
use skillsync_core::tree::{SKILL_MD, Tree};
use skillsync_store::edit;
use skillsync_store::meta::Meta;
use skillsync_store::payload::Payload;
use skillsync_store::skills;

use super::*;
use crate::ops::{builtin, target};
pub use lists::found;

/// What an import did, or would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Imported {
    /// The lists that were read, in their order.
    pub lists: Vec<ImportedList>,
    /// Sources that are new.
    pub sources: Vec<NewSource>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// A list of another tool.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedList {
    /// The file.
    pub path: String,
    /// Whose it is.
    pub tool: Tool,
    /// Its skills, sorted by name.
    pub skills: Vec<ImportedSkill>,
}

/// A source that an import makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSource {
    /// Its name.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
}

/// One skill of a list.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedSkill {
    /// The skill, as the list calls it.
    pub skill: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Where it came from: a source, an address for `add`, a version; null where the list does not say.
    pub from: Option<String>,
    /// Why it is not followed, or what went wrong.
    pub error: Option<Report>,
}

skill::words!(
    /// What becomes of a skill that a list names.
    Outcome, "outcome", "followed, added, present, missing, failed", {
        /// It is here, and its index is followed.
        Followed = "followed",
        /// It is here, and yours.
        Added = "added",
        /// A skill of this name was here.
        Present = "present",
        /// Its folder is not there.
        Missing = "missing",
        /// It could not be taken.
        Failed = "failed",
    }
);

impl Outcome {
    /// Whether the skill comes by this import.
    pub fn comes(self) -> bool {
        matches!(self, Outcome::Followed | Outcome::Added)
    }
}

impl Imported {
    /// The skills that come, each with the tool whose list names it.
    pub fn coming(&self) -> impl Iterator<Item = (Tool, &ImportedSkill)> {
        let of = |list: &'_ ImportedList| list.tool;
        let skills =
            self.lists.iter().flat_map(move |list| list.skills.iter().map(move |one| (of(list), one)));
        skills.filter(|(_, skill)| skill.outcome.comes())
    }

    /// Whether the machine refused to show a skill: nobody knows what it is.
    pub fn has_unread(&self) -> bool {
        let mut skills = self.lists.iter().flat_map(|list| &list.skills);
        skills.any(|skill| skill.error.as_ref().is_some_and(|error| error.kind == "io"))
    }

    /// Whether a skill could not be taken.
    pub fn has_failed(&self) -> bool {
        let mut skills = self.lists.iter().flat_map(|list| &list.skills);
        skills.any(|skill| skill.outcome == Outcome::Failed)
    }
}

/// Which list, and which skill of it.
type Place = (usize, usize);

/// A skill on its way.
#[derive(Debug)]
struct Coming {
    at: Place,
    name: SkillName,
    /// The folder it comes from, what it leads to.
    root: PathBuf,
    payload: Payload,
    /// How its first version came here, for its history.
    reason: String,
    /// The site that is followed for it, and what that published of it.
    follow: Option<(BaseUrl, Option<String>)>,
    /// Whether its version is here: an import was killed before it noted that.
    is_here: bool,
}

/// A folder of another tool whose content the store holds, or will hold after the import.
#[derive(Debug)]
pub(in crate::ops) struct Stored {
    /// The skill.
    pub(in crate::ops) name: SkillName,
    /// What the folder holds.
    pub(in crate::ops) tree: Tree,
}

/// What an import comes to, and what it needs for that.
#[derive(Debug)]
pub struct Plan {
    /// What it comes to.
    pub report: Imported,
    coming: Vec<Coming>,
    whole: Vec<BaseUrl>,
    /// The folders that the lists speak of, by what they lead to.
    stored: BTreeMap<PathBuf, Stored>,
}

/// What the store holds by now.
struct Here<'s> {
    store: Option<&'s Store>,
    noted: InstallState,
}

impl Here<'_> {
    fn meta(&self, name: &SkillName) -> Result<Option<Meta>, Error> {
        Ok(self.store.map(|store| skills::find(store, name)).transpose()?.flatten())
    }

    fn sources(&self) -> &[SourceConfig] {
        self.store.map(|store| store.config().sources()).unwrap_or_default()
    }

    /// Whether an import from `site` was killed before it noted that `name` is here. What is pending of another source is
    /// another command's to end.
    fn is_pending(&self, name: &SkillName, site: Option<&BaseUrl>) -> bool {
        self.noted.get(name).is_some_and(|installed| {
            let mut sources = self.sources().iter();
            let source = sources.find(|source| source.name == installed.source);
            installed.state == Standing::Pending && source.is_some_and(|source| Some(&source.url) == site)
        })
    }
}

/// What importing the lists at `paths` would do. `store` is none where there is none yet, and `site` is where the skills of
/// `.ic-managed.json` come from, if not from the one of its script. Changes nothing.
pub fn plan(
    world: &World,
    store: Option<&Store>,
    paths: &[PathBuf],
    site: Option<&BaseUrl>,
) -> Result<Plan, Error> {
    let agents = target::tools(&world.store)?;
    let ic_site = site.map_or(lockfile::IC_SITE, BaseUrl::as_str);
    let noted = store.map(|store| InstallState::load(store.layout())).transpose()?.unwrap_or_default();
    let here = Here { store, noted };
    let report = Imported { dry_run: true, ..Imported::default() };
    let mut plan = Plan { report, coming: Vec::new(), whole: Vec::new(), stored: BTreeMap::new() };
    for path in paths {
        let list = lists::list(path, ic_site)?;
        let folders = lists::folders(world, &agents, path, list.tool);
        let mut skills = Vec::new();
        for noted in &list.skills {
            let at = (plan.report.lists.len(), skills.len());
            let (outcome, error) = match plan.take(&here, &folders, list.tool, noted, at) {
                Ok(outcome) => (outcome, None),
                Err(error) => (Outcome::Failed, Some(Report::of(&error))),
            };
            skills.push(ImportedSkill {
                skill: noted.name.clone(),
                outcome,
                from: from(&noted.origin),
                error,
            });
        }
        let path = path.display().to_string();
        plan.report.lists.push(ImportedList { path, tool: list.tool, skills });
    }
    for (url, _) in plan.coming.iter().filter_map(|coming| coming.follow.as_ref()) {
        let known = here.sources();
        if known.iter().any(|one| one.url == *url) || plan.report.sources.iter().any(|one| one.url == *url) {
            continue;
        }
        let new = plan.report.sources.iter().map(|one| &one.name);
        let taken: BTreeSet<&SourceName> = known.iter().map(|one| &one.name).chain(new).collect();
        let name = free_name(url, &taken)?;
        plan.report.sources.push(NewSource { name, url: url.clone() });
    }
    Ok(plan)
}

/// Fails with `skill-list-unknown` where no list is at `path`.
pub(in crate::ops) fn check(path: &Path) -> Result<(), Error> {
    lists::list(path, lockfile::IC_SITE).map(drop)
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

/// A name for the source at `url` that no other has.
fn free_name(url: &BaseUrl, taken: &BTreeSet<&SourceName>) -> Result<SourceName, Error> {
    let first = name_of(url)?;
    let mut name = first.clone();
    let mut number = 2;
    while taken.contains(&name) {
        name = SourceName::parse(&format!("{first}-{number}"))?;
        number += 1;
    }
    Ok(name)
}

impl Plan {
    /// Decides about one skill of a list that speaks of `folders`.
    fn take(
        &mut self,
        here: &Here<'_>,
        folders: &[PathBuf],
        tool: Tool,
        noted: &Noted,
        at: Place,
    ) -> Result<Outcome, Error> {
        let name = SkillName::parse(&noted.name)?;
        let there = here.meta(&name)?;
        let site = match &noted.origin {
            Origin::Index { site: Some(site), .. } => BaseUrl::parse(site).ok(),
            _ => None,
        };
        let site = site.filter(|site| can_be_followed(here.sources(), site));
        let coming = self.coming.iter().find(|coming| coming.name == name);
        let coming = coming.map(|coming| vec![coming.payload.tree().content_hash()]);
        let known = there.as_ref().filter(|_| !here.is_pending(&name, site.as_ref()));
        let known = known.map(|meta| meta.versions().iter().map(|version| version.content_hash).collect());
        if let Some(contents) = coming.or(known) {
            // Nobody asks for it: a folder that does not read is as if it were not there.
            if let Ok(Some(root)) = lists::place(folders, &name)
                && let Ok(payload) = lists::payload(&root)
                && contents.contains(&payload.tree().content_hash())
            {
                self.stored.insert(root, Stored { name, tree: payload.tree().clone() });
            }
            return Ok(Outcome::Present);
        }
        let Some(root) = lists::place(folders, &name)? else { return Ok(Outcome::Missing) };
        if builtin::is_reserved(&name) {
            return Err(reserved(&name));
        }
        let payload = lists::payload(&root)?;
        edit::check_main(ArtifactType::Skill, &name, payload.get(SKILL_MD).unwrap_or_default())?;
        let is_edited = noted.proof.holds(&payload) == Some(false);
        let follow = match &noted.origin {
            Origin::Index { published, .. } if !is_edited => site.map(|site| (site, published.clone())),
            _ => None,
        };
        let is_here = there.is_some();
        if let Some(meta) = there
            && (follow.is_none() || meta.head().tree != payload.tree().id())
        {
            return Ok(Outcome::Present);
        }
        if let (Some((url, _)), Tool::IcSkills) = (&follow, tool) {
            // That script mirrors everything.
            self.whole.push(url.clone());
        }
        let outcome = if follow.is_some() { Outcome::Followed } else { Outcome::Added };
        let reason = reason(tool, from(&noted.origin).as_deref());
        self.stored.insert(root.clone(), Stored { name: name.clone(), tree: payload.tree().clone() });
        self.coming.push(Coming { at, name, root, payload, reason, follow, is_here });
        Ok(outcome)
    }

    /// Whether no skill comes.
    pub(in crate::ops) fn is_empty(&self) -> bool {
        self.coming.is_empty()
    }

    /// The skills that come with their contents, and the folders that they come from.
    pub(in crate::ops) fn contents(&self) -> BTreeMap<&SkillName, (ContentHash, &Path)> {
        let content = |one: &Coming| one.payload.tree().content_hash();
        self.coming.iter().map(|one| (&one.name, (content(one), one.root.as_path()))).collect()
    }

    /// The folders of other tools whose content the store holds, or will hold, by what they lead to.
    pub(in crate::ops) fn stored(&self) -> &BTreeMap<PathBuf, Stored> {
        &self.stored
    }

    /// Keeps to what was shown: what could not be taken then is not taken now. Fails where a list names what was not shown.
    pub(in crate::ops) fn keep_to(&mut self, shown: &Imported) -> Result<(), Error> {
        let mut kept: BTreeSet<Place> = BTreeSet::new();
        for (at, list) in self.report.lists.iter_mut().enumerate() {
            let before = shown.lists.iter().filter(|before| before.path == list.path);
            let before: Vec<&ImportedSkill> = before.flat_map(|list| &list.skills).collect();
            for (number, row) in list.skills.iter_mut().enumerate().filter(|(_, row)| row.outcome.comes()) {
                match before.iter().find(|before| before.skill == row.skill) {
                    Some(before) if before.outcome == row.outcome => drop(kept.insert((at, number))),
                    Some(before) if !before.outcome.comes() => *row = (*before).clone(),
                    _ => return Err(outdated(&list.path)),
                }
            }
        }
        self.coming.retain(|one| kept.contains(&one.at));
        Ok(())
    }

    /// Leaves the skills that would only be added from `folders` to who takes those, with how they came here.
    pub(in crate::ops) fn leave(&mut self, folders: &BTreeSet<PathBuf>) -> BTreeMap<SkillName, String> {
        let is_left = |one: &mut Coming| one.follow.is_none() && folders.contains(&one.root);
        self.coming.extract_if(.., is_left).map(|one| (one.name, one.reason)).collect()
    }
}

fn reserved(name: &SkillName) -> Error {
    let message = format!("`{name}` is the name of a skill that comes with skillsync");
    let hint = Some("give it another in its SKILL.md, then `skillsync add` takes it".to_owned());
    Refusal { kind: Kind::Invalid, code: "name-reserved", message, hint }.into()
}

fn outdated(list: &str) -> Error {
    let message = format!("`{list}` has changed since the plan was made");
    let hint = Some("run skillsync setup again".to_owned());
    Refusal { kind: Kind::Conflict, code: "plan-outdated", message, hint }.into()
}

/// Whether `site` can be an open index that is followed: nobody is asked over a line that anybody may change, and what is a
/// hub by now is no index.
fn can_be_followed(sources: &[SourceConfig], site: &BaseUrl) -> bool {
    let known = sources.iter().find(|source| source.url == *site);
    known.map_or(site.is_https() || site.is_loopback(), |source| source.kind == SourceKind::Index)
}

/// What a tool is called.
pub fn title(tool: Tool) -> &'static str {
    match tool {
        Tool::IcSkills => "the script of ic-skills",
        Tool::Skills => "npm's skills",
        Tool::ClawHub => "ClawHub",
        Tool::OpenSkills => "openskills",
    }
}

/// How a skill came here, for its history.
fn reason(tool: Tool, from: Option<&str>) -> String {
    let tool = title(tool);
    from.map_or_else(|| format!("installed by {tool}"), |from| format!("installed by {tool}: {from}"))
}
