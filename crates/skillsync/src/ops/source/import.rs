//! `source import`: skills that another tool installed come over as they are, and those of an open index are followed from
//! then on. Nothing of the other tool's is changed.

use std::path::Path;

use skillsync_client::lockfile::{self, Noted, Origin, Tool};
use skillsync_client::mirror;
use skillsync_core::limits;
use skillsync_core::skill::{ArtifactType, Origin as Act, Source as From};
use skillsync_core::tree::SKILL_MD;
use skillsync_store::index::Index;
use skillsync_store::installed::{Installed, Release, Standing};
use skillsync_store::objects::Batch;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_store::skills::{self, Change};
use skillsync_store::{edit, scan};

use super::*;

/// What an import did, or would do.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// The lists that were read, in their order.
    pub lists: Vec<ImportedList>,
    /// Sources that are new.
    pub sources: Vec<NewSource>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// A list of another tool.
#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub struct ImportedSkill {
    /// The skill, as the list calls it.
    pub skill: String,
    /// `followed`: it is here, and its index is followed; `added`: it is here, and yours; `present`: a skill of this name was
    /// here; `missing`: its folder is not there; `failed`.
    pub outcome: &'static str,
    /// Where it came from: a source, an address for `add`, a version; null where the list does not say.
    pub from: Option<String>,
    /// Why it is not followed, or what went wrong.
    pub error: Option<Report>,
}

/// Where a tool puts its list, below a project or the home folder.
const PLACES: [&str; 4] =
    [".claude/skills/.ic-managed.json", "skills-lock.json", ".clawhub/lock.json", ".agents/.skill-lock.json"];

/// The lists that are found without being named: below the current folder and the home folder.
pub fn found(world: &World) -> Result<Vec<PathBuf>, Error> {
    let mut roots = vec![world.cwd.clone(), world.home.clone()];
    roots.dedup();
    let mut lists = Vec::new();
    for path in roots.iter().flat_map(|root| PLACES.iter().map(move |place| root.join(place))) {
        if fs::stat(&path)?.is_some_and(|metadata| metadata.is_file()) {
            lists.push(path);
        }
    }
    Ok(lists)
}

/// Which list, and which skill of it.
type Place = (usize, usize);

/// A skill on its way.
struct Coming {
    at: Place,
    name: SkillName,
    payload: Payload,
    /// The site that is followed for it, and what that published of it.
    follow: Option<(BaseUrl, Option<String>)>,
    /// Whether its version is here: an import was killed before it noted that.
    is_here: bool,
}

/// What an import comes to, and what it needs for that.
pub struct Plan {
    /// What it comes to.
    pub report: Imported,
    coming: Vec<Coming>,
    whole: Vec<BaseUrl>,
    /// What is noted of skills from sources.
    noted: InstallState,
}

/// What importing the lists at `paths` would do. `site` is where the skills of `.ic-managed.json` come from, if not from the
/// one of its script. Changes nothing.
pub fn plan(store: &Store, paths: &[PathBuf], site: Option<&BaseUrl>) -> Result<Plan, Error> {
    let ic_site = site.map_or(lockfile::IC_SITE, BaseUrl::as_str);
    let mut plan = Plan {
        report: Imported { lists: Vec::new(), sources: Vec::new(), dry_run: true },
        coming: Vec::new(),
        whole: Vec::new(),
        noted: InstallState::load(store.layout())?,
    };
    for path in paths {
        let folder = path.parent().unwrap_or(path);
        let bytes = fs::read(path, lockfile::LIST_BYTES)?;
        let folder_name = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let list = lockfile::parse(&bytes, &folder_name, ic_site).map_err(|e| unreadable(path, &e))?;
        let mut skills = Vec::new();
        for noted in &list.skills {
            let at = (plan.report.lists.len(), skills.len());
            skills.push(look(store, &mut plan, folder, list.tool, noted, at));
        }
        let path = path.display().to_string();
        plan.report.lists.push(ImportedList { path, tool: list.tool, skills });
    }
    let known = |url: &BaseUrl| store.config().sources().iter().any(|source| source.url == *url);
    for (url, _) in plan.coming.iter().filter_map(|coming| coming.follow.as_ref()) {
        if !known(url) && !plan.report.sources.iter().any(|source| source.url == *url) {
            plan.report.sources.push(NewSource { name: name_of(url)?, url: url.clone() });
        }
    }
    Ok(plan)
}

fn unreadable(path: &Path, error: &lockfile::Error) -> Error {
    use skillsync_core::fault::{Fault as _, with_causes};
    Refusal {
        kind: error.kind(),
        code: error.code(),
        message: format!("`{}` cannot be imported: {}", path.display(), with_causes(error)),
        hint: error.hint(),
    }
    .into()
}

fn look(
    store: &Store,
    plan: &mut Plan,
    folder: &Path,
    tool: Tool,
    noted: &Noted,
    at: Place,
) -> ImportedSkill {
    let from = match &noted.origin {
        Origin::Index { site, .. } => site.clone(),
        Origin::Git { address } => Some(address.clone()),
        Origin::Registry { version } => Some(version.clone()),
        Origin::Folder => None,
    };
    let row =
        |outcome, error| ImportedSkill { skill: noted.name.clone(), outcome, from: from.clone(), error };
    match take(store, plan, folder, tool, noted, at) {
        Ok(outcome) => row(outcome, None),
        Err(error) => row("failed", Some(Report::of(&error))),
    }
}

fn take(
    store: &Store,
    plan: &mut Plan,
    folder: &Path,
    tool: Tool,
    noted: &Noted,
    at: Place,
) -> Result<&'static str, Error> {
    let name = SkillName::parse(&noted.name)?;
    let there = skills::find(store, &name)?;
    let site = match &noted.origin {
        Origin::Index { site: Some(site), .. } => BaseUrl::parse(site).ok(),
        _ => None,
    };
    // Of this very site: what is pending of another source is another command's to end.
    let is_pending = plan.noted.get(&name).is_some_and(|installed| {
        let source = store.config().source(&installed.source);
        installed.state == Standing::Pending
            && source.is_some_and(|source| Some(&source.url) == site.as_ref())
    });
    if (there.is_some() && !is_pending) || plan.coming.iter().any(|coming| coming.name == name) {
        return Ok("present");
    }
    let Some(root) = place(folder, tool, &name)? else { return Ok("missing") };
    let payload = read(&root)?;
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
        return Ok("present");
    }
    let outcome = if follow.is_some() { "followed" } else { "added" };
    if let (Some((url, _)), Tool::IcSkills) = (&follow, tool) {
        // That script mirrors everything.
        plan.whole.push(url.clone());
    }
    plan.coming.push(Coming { at, name, payload, follow, is_here });
    Ok(outcome)
}

/// The folder of a skill, beside the list as its tool puts it there.
fn place(folder: &Path, tool: Tool, name: &SkillName) -> Result<Option<PathBuf>, Error> {
    let name = name.as_str();
    let above = folder.parent().unwrap_or(folder);
    let places = match tool {
        Tool::IcSkills => vec![folder.join(name)],
        Tool::OpenSkills => vec![folder.to_owned()],
        Tool::ClawHub => vec![above.join("skills").join(name)],
        Tool::Skills => {
            ["skills", ".agents/skills", ".claude/skills"].map(|place| folder.join(place).join(name)).to_vec()
        }
    };
    for place in places {
        if fs::stat(&place.join(SKILL_MD))?.is_some() {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// The files of a skill without what its tool noted among them.
fn read(root: &Path) -> Result<Payload, Error> {
    let root = fs::resolved(root)?;
    let listing = scan::list(&root)?;
    let payload = Payload::read(&root, &listing, |_, bytes| Ok::<_, scan::Error>(bytes))?;
    let is_note = |path: &str| path == ".openskills.json" || path.starts_with(".clawhub/");
    let files = payload.files().filter(|(path, _)| !is_note(path.as_str()));
    let file = |file: &PayloadFile| PayloadFile { bytes: file.bytes.clone(), executable: file.executable };
    Ok(Payload::new(files.map(|(path, one)| (path.clone(), file(one))).collect())?)
}

impl Plan {
    /// Does it: the sources first, then each skill as a version, then what is known of its edition.
    pub fn apply(mut self, writing: &Writing<'_>, index: &mut Index) -> Result<Imported, Error> {
        let store = writing.store();
        let layout = store.layout();
        self.report.dry_run = false;
        let mut file = Config::load(&layout.config())?;
        for NewSource { name, url } in &self.report.sources {
            if file.source(name).is_some() {
                return Err(clash(
                    format!("there is a source `{name}` already"),
                    format!("`skillsync source add {url} --kind index --name NAME` first"),
                ));
            }
            let skills = if self.whole.contains(url) { Wanted::All } else { Wanted::Chosen };
            let default = SourceConfig::new(name.clone(), url.clone());
            clear(store, name)?;
            make_folder(layout, name)?;
            file.add_source(&SourceConfig { kind: SourceKind::Index, skills, ..default })?;
        }
        file.save()?;
        let mut failed = Vec::new();
        for batch in self.coming.chunks(limits::FORKS) {
            failed.extend(import(writing, index, &file, batch)?);
        }
        for ((list, skill), error) in failed {
            let row = &mut self.report.lists[list].skills[skill];
            (row.outcome, row.error) = ("failed", Some(error));
        }
        Ok(self.report)
    }
}

/// Makes the versions of `coming`, and notes what they are of; gives those that failed.
fn import(
    writing: &Writing<'_>,
    index: &mut Index,
    config: &Config,
    coming: &[Coming],
) -> Result<Vec<(Place, Report)>, Error> {
    let store = writing.store();
    let source_of = |url: &BaseUrl| config.sources().iter().find(|source| source.url == *url);
    let editions = coming.iter().filter_map(|one| {
        let (url, published) = one.follow.as_ref()?;
        Some((one, source_of(url)?.name.clone(), mirror::edition_of(published.as_deref(), &one.payload)))
    });
    let editions: Vec<(&Coming, SourceName, Release)> = editions.collect();
    // Before the versions: a kill before they are there leaves a record that says so, and the next import goes on from it.
    let known = InstallState::amend(store.layout(), |state| {
        let known = state.clone();
        for (one, source, edition) in &editions {
            let pending = Installed::new(source.clone(), edition.clone(), store.now_text());
            state.set(one.name.clone(), pending);
        }
        known
    })?;
    let made = make(writing, index, coming);
    let is_made = |name: &SkillName| match &made {
        Ok(failed) => !failed.iter().any(|(other, _)| other.name == *name),
        // It may have been made all the same.
        Err(_) => !matches!(skills::find(store, name), Ok(None)),
    };
    InstallState::amend(store.layout(), |state| {
        for (one, _, edition) in &editions {
            match (is_made(&one.name), known.get(&one.name), state.get_mut(&one.name)) {
                (true, _, Some(_)) if made.is_err() => {}
                (true, _, Some(installed)) => installed.took(edition, store.now_text()),
                (true, _, None) => {}
                // What was known of it before is known again.
                (false, Some(before), _) => state.set(one.name.clone(), before.clone()),
                (false, None, _) => state.remove(&one.name),
            }
        }
    })?;
    Ok(made?.into_iter().map(|(one, error)| (one.at, error)).collect())
}

/// Makes the versions; gives those that failed.
fn make<'c>(
    writing: &Writing<'_>,
    index: &mut Index,
    coming: &'c [Coming],
) -> Result<Vec<(&'c Coming, Report)>, Error> {
    let store = writing.store();
    let transaction = writing.transaction()?;
    let batch = Batch::new(store.layout(), transaction.dir())?;
    let (mut changes, mut changing) = (Vec::new(), Vec::new());
    for one in coming.iter().filter(|one| !one.is_here) {
        let staged = skills::stage_payload(&transaction, &batch, &one.name, &one.payload)?;
        let (act, from) =
            if one.follow.is_some() { (Act::Install, From::Index) } else { (Act::Add, From::Imported) };
        changes.push(Change::new(staged, act, from));
        changing.push(one);
    }
    let advanced = skills::advance(writing, &transaction, batch, index, changes)?;
    let failed = changing
        .into_iter()
        .zip(advanced)
        .filter_map(|(one, advanced)| advanced.err().map(|error| (one, Report::of(&error))))
        .collect();
    transaction.finish()?;
    Ok(failed)
}
