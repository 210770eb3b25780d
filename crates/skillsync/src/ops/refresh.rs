//! What `install`, `update`, `outdated`, `poll` and `sync` do with the sources: each asked and followed by itself, so that
//! one that fails never blocks the others, and what came of it as one report.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Mutex;
use std::time::Duration;

use semver::Version;
use serde::Serialize;
use skillsync_client::delivery::{Done, Row};
use skillsync_client::download::{Progress, Watch};
use skillsync_client::fetch::Fetch;
pub use skillsync_client::limits::POLL_EVERY;
use skillsync_client::mirror::{self, Bounds, Counts};
use skillsync_client::plan::Ask;
use skillsync_client::probe::Host;
use skillsync_client::pull::{self, Mode, Pulled, Status, Telling, Wish};
use skillsync_core::fault::Kind;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_store::config::{SourceConfig, SourceKind};
use skillsync_store::installed::{InstallState, Standing};
use skillsync_store::store::Store;

use super::edit_skill::holder;
use super::network::{self, Network};
use super::sync::{Synced, sync};
use super::{Error, Intent, Refusal};
use crate::ui::{Exit, Report};
use crate::world::World;

mod due;

pub use due::Tried;
use due::chosen;

/// Which sources are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those that are due when somebody begins to work: all that are, and open indexes always.
    Due,
    /// These.
    These(Vec<SourceName>),
    /// All, but for those that are only asked by name or for an update.
    All,
    /// All, whatever their way to apply updates is.
    Every,
    /// This one.
    One(SourceName),
}

/// What is asked of them.
pub struct Request<'a> {
    /// What.
    pub ask: Ask,
    /// Of which.
    pub which: Which,
    /// How often sources are asked.
    pub interval: Duration,
    /// Whether it is done.
    pub intent: Intent,
    /// Told of progress.
    pub watch: Watch<'a>,
    /// What holds for open indexes beside.
    pub bounds: Bounds,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Refreshed {
    /// Whether nothing was changed because only the plan was asked for.
    pub dry_run: bool,
    /// One for each source that was asked, in the order of `config.toml`.
    pub sources: Vec<SourceOutcome>,
    /// What the sync after it did; none when there was none.
    pub sync: Option<Synced>,
}

/// What became of one source.
#[derive(Debug, Serialize)]
pub struct SourceOutcome {
    /// Which.
    pub source: SourceName,
    /// `fresh`, `stale`, `offline`, `keyless`, `refused` or `failed`.
    pub status: Status,
    /// The version of the manifest that is believed; none when there is none.
    pub manifest_version: Option<u64>,
    /// Until when it holds.
    pub expires: Option<String>,
    /// Each skill that is concerned, by name.
    pub skills: Vec<SkillOutcome>,
    /// Places that did not give what they should.
    pub warnings: Vec<PlaceWarning>,
    /// Of an open index, how many skills what happened to; none of a hub.
    pub counts: Option<Counts>,
    /// Why it did not fare well.
    pub error: Option<Report>,
}

/// What became of one skill.
#[derive(Debug, Serialize)]
pub struct SkillOutcome {
    /// The skill.
    pub skill: SkillName,
    /// What became of it.
    pub outcome: Done,
    /// The version that was here.
    pub from: Option<Version>,
    /// The version that is here now, or that is there to be had.
    pub to: Option<Version>,
    /// The number of the store's version that was made.
    pub version: Option<u32>,
    /// Why, in a word or a line.
    pub why: Option<String>,
    /// The working copy with both sides of a conflict.
    pub working_copy: Option<std::path::PathBuf>,
    /// What went wrong.
    pub error: Option<Report>,
    /// Whether it is to be taken out of use and is in use still: for a person.
    #[serde(skip)]
    pub in_use: bool,
}

/// A place that did not give what it should.
#[derive(Debug, Serialize)]
pub struct PlaceWarning {
    /// The host.
    pub host: String,
    /// What it did.
    pub problem: String,
    /// How often.
    pub times: usize,
}

impl SkillOutcome {
    fn of(row: Row) -> Self {
        let Row { slug, done, from, to, number, why, error, working_copy, in_use } = row;
        let error = error.as_ref().map(|error| Report::of(error));
        Self { skill: slug, outcome: done, from, to, version: number, why, working_copy, error, in_use }
    }

    /// Whether something else is installed now, or would be.
    pub fn has_changed(&self) -> bool {
        let changing = [Done::Added, Done::Updated, Done::Merged, Done::Removed, Done::Quarantined];
        changing.contains(&self.outcome)
    }

    /// How a run ends because of it.
    fn exit(&self) -> Exit {
        match (self.outcome, &self.error) {
            (Done::Quarantined, _) => Exit::Refused,
            (Done::Conflict, _) => Exit::Conflict,
            (_, None) => Exit::Done,
            (_, Some(error)) if error.exit == Exit::Refused => Exit::Refused,
            (_, Some(_)) => Exit::Partial,
        }
    }
}

impl SourceOutcome {
    fn of(pulled: Pulled) -> Self {
        let Pulled { source, status, error, manifest, warnings, rows } = pulled;
        let warning = |w: skillsync_client::download::Warning| PlaceWarning {
            host: w.host,
            problem: w.problem,
            times: w.times,
        };
        Self {
            source,
            status,
            manifest_version: manifest.map(|(version, _)| version),
            expires: manifest.map(|(_, expires)| expires.to_string()),
            skills: rows.into_iter().map(SkillOutcome::of).collect(),
            warnings: warnings.into_iter().map(warning).collect(),
            counts: None,
            error: error.as_ref().map(|error| Report::of(error)),
        }
    }

    /// One that could not even be asked.
    fn failed(source: &SourceName, error: &Error) -> Self {
        let error = Report::of(error);
        let status = if error.exit == Exit::Refused { Status::Refused } else { Status::Failed };
        let (skills, warnings) = (Vec::new(), Vec::new());
        let source = source.clone();
        Self {
            source,
            status,
            manifest_version: None,
            expires: None,
            skills,
            warnings,
            counts: None,
            error: Some(error),
        }
    }

    /// How a run ends because of it, its skills aside.
    fn own_exit(&self) -> Exit {
        match (self.status, &self.error) {
            (Status::Refused | Status::Keyless, _) => Exit::Refused,
            (Status::Stale | Status::Offline, _) => Exit::Offline,
            (Status::Failed, Some(_)) => Exit::Partial,
            _ => Exit::Done,
        }
    }

    /// How a run ends because of it.
    fn exit(&self) -> Exit {
        self.skills.iter().map(SkillOutcome::exit).fold(self.own_exit(), worse)
    }
}

/// The end that a caller must know of first.
pub fn worse(a: Exit, b: Exit) -> Exit {
    let order = [Exit::Refused, Exit::Conflict, Exit::Locked, Exit::Offline, Exit::Failed, Exit::Partial];
    order.into_iter().find(|exit| *exit == a || *exit == b).unwrap_or(Exit::Done)
}

impl Refreshed {
    /// How a run that asked sources ends.
    pub fn exit(&self) -> Exit {
        self.sources.iter().map(SourceOutcome::exit).fold(self.sync_exit(), worse)
    }

    /// How a run ends that asked for the skills `names`: as the first thing that failed says. Of others only what this run
    /// took out of use counts; `before` says what was installed when it began.
    pub fn exit_of_named(&self, names: &[SkillName], before: &InstallState) -> Exit {
        let was_quarantined =
            |name: &SkillName| before.get(name).is_some_and(|known| known.state == Standing::Quarantined);
        let concerns = |skill: &&SkillOutcome| {
            let is_news = skill.outcome == Done::Quarantined && !was_quarantined(&skill.skill);
            names.contains(&skill.skill) || is_news
        };
        let skills: Vec<&SkillOutcome> = self.skills().map(|(_, skill)| skill).filter(concerns).collect();
        let of_source = self.sources.iter().filter_map(|source| source.error.as_ref());
        let of_skill = skills.iter().filter_map(|skill| skill.error.as_ref());
        let failed: Vec<&Report> = of_source.chain(of_skill).collect();
        match failed.as_slice() {
            [only] if skills.len() <= 1 => only.exit,
            _ => {
                let of_source =
                    self.sources.iter().map(SourceOutcome::own_exit).fold(self.sync_exit(), worse);
                skills.into_iter().map(SkillOutcome::exit).fold(of_source, worse)
            }
        }
    }

    fn sync_exit(&self) -> Exit {
        self.sync.as_ref().map_or(Exit::Done, Synced::exit)
    }

    /// Every skill with its source.
    pub fn skills(&self) -> impl Iterator<Item = (&SourceName, &SkillOutcome)> {
        self.sources.iter().flat_map(|source| source.skills.iter().map(move |skill| (&source.source, skill)))
    }
}

/// What a `sync` did: what came from the sources, and what was brought to the targets.
#[derive(Debug, Serialize)]
pub struct KeptUp {
    /// What was brought to the targets.
    #[serde(flatten)]
    pub synced: Synced,
    /// One for each source that was asked, or whose word holds no longer.
    pub sources: Vec<SourceOutcome>,
}

impl KeptUp {
    /// As the sync ends; a source that cannot be reached, or asked for want of a key, is no failure as long as what is known
    /// of it holds.
    pub fn exit(&self) -> Exit {
        let of_source = |source: &SourceOutcome| match source.status {
            Status::Offline | Status::Keyless => Exit::Done,
            _ => source.exit(),
        };
        self.sources.iter().map(of_source).fold(self.synced.exit(), worse)
    }
}

/// Asks the sources that are due, where the network may be used, says which do not hold, and syncs all targets. The one pipeline (decision 2).
pub fn keep_up(
    world: &World,
    store: &Store,
    network: Network,
    watch: Watch<'_>,
    bounds: Bounds,
) -> Result<KeptUp, Error> {
    let (mut sources, mut before) = (Vec::new(), Vec::new());
    if network == Network::Allowed && !store.config().sources().is_empty() {
        let (intent, interval) = (Intent::Apply, POLL_EVERY);
        let request = Request { ask: Ask::Poll, which: Which::Due, interval, intent, watch, bounds };
        let door = network.door_until("asking a source", bounds.until)?;
        let asked = ask(world, store, &*door, &request)?;
        (sources, before) = (asked.sources, asked.before);
    }
    // That needs no network.
    for config in store.config().sources() {
        let was_asked = sources.iter().any(|outcome| outcome.source == config.name);
        if let (false, Some(stale)) = (was_asked, pull::standing(store, &config.name)) {
            sources.push(SourceOutcome::of(stale));
        }
    }
    let synced = sync(world, &super::open(world)?)?.after(before);
    Ok(KeptUp { synced, sources })
}

/// Progress that nobody sees.
pub fn unwatched(_: Progress) {}

/// Asks the sources, one after the other, and brings what came to the targets.
pub fn refresh(
    world: &World,
    store: &Store,
    network: Network,
    request: &Request<'_>,
) -> Result<Refreshed, Error> {
    let door = network.door("asking a hub")?;
    let Asked { sources, before } = ask(world, store, &*door, request)?;
    let dry_run = request.intent == Intent::Plan;
    let mut refreshed = Refreshed { dry_run, sources, sync: None };
    let has_answer = refreshed.sources.iter().any(|source| source.status == Status::Fresh)
        || refreshed.skills().any(|(_, skill)| skill.has_changed());
    if request.intent == Intent::Apply && request.ask != Ask::Look && has_answer {
        // What an earlier run left undone is done, too: nothing is to be done where nothing is.
        refreshed.sync = Some(sync(world, &super::open(world)?)?.after(before));
    }
    Ok(refreshed)
}

/// What came of asking the sources.
struct Asked {
    sources: Vec<SourceOutcome>,
    /// What was brought to the targets before the downloads: that something is out of use.
    before: Vec<Synced>,
}

/// Asks the sources without bringing anything to the targets but that something is out of use.
fn ask(world: &World, store: &Store, fetch: &dyn Fetch, request: &Request<'_>) -> Result<Asked, Error> {
    let before = Mutex::new(Vec::new());
    let withdrawn = || {
        // Where it fails it is said by the sync that comes last.
        if let Ok(synced) = super::open(world).and_then(|store| sync(world, &store))
            && let Ok(mut before) = before.lock()
        {
            before.push(synced);
        }
    };
    let mut sources = Vec::new();
    for config in chosen(store, request)? {
        // Those that are left are due at the next occasion.
        if request.bounds.is_over() {
            break;
        }
        let outcome = match network::source(world, store, config) {
            Ok(source) if config.kind == SourceKind::Index => {
                let wish = wish(world, config, request, &withdrawn);
                let pulled = mirror::follow(store, fetch, &source, &wish, request.bounds);
                SourceOutcome { counts: Some(counts(&pulled.rows)), ..SourceOutcome::of(pulled) }
            }
            Ok(source) => {
                let wish = wish(world, config, request, &withdrawn);
                SourceOutcome::of(pull::pull(store, fetch, &source, &wish))
            }
            Err(error) => SourceOutcome::failed(&config.name, &error),
        };
        sources.push(outcome);
    }
    Ok(Asked { sources, before: before.into_inner().unwrap_or_default() })
}

/// Of an open index: how many skills what happened to.
fn counts(rows: &[Row]) -> Counts {
    mirror::counts(rows.iter().map(|row| (row.done, row.why.as_deref())))
}

fn wish<'a>(
    world: &World,
    config: &SourceConfig,
    request: &Request<'a>,
    withdrawn: &'a (dyn Fn() + Sync),
) -> Wish<'a> {
    Wish {
        ask: request.ask.clone(),
        mode: if request.intent == Intent::Apply { Mode::Apply } else { Mode::Plan },
        telling: telling(world, config),
        host: Host::this(),
        holder: holder(world),
        interval: request.interval,
        // The seed of a map that differs from process to process: nobody needs to be unable to guess it.
        chance: std::hash::RandomState::new().build_hasher().finish(),
        watch: request.watch,
        withdrawn,
    }
}

/// Whether the hub is told what is installed (decision 26).
fn telling(world: &World, config: &SourceConfig) -> Telling {
    let is = |name: &str, words: &[&str]| {
        network::variable(world, name).is_some_and(|value| words.contains(&value.to_lowercase().as_str()))
    };
    let is_off = is("DO_NOT_TRACK", &["1", "true"]) || is("RECIPES_TELEMETRY", &["off", "0", "false"]);
    if config.report_state && !is_off { Telling::Told } else { Telling::Silent }
}

/// The sources that the skills `names` are installed from, each with its names; all of them are asked at once. Fails when
/// one of them is not installed from any.
pub fn of_installed(store: &Store, names: &[SkillName]) -> Result<Vec<(SourceName, Vec<SkillName>)>, Error> {
    let state = InstallState::load(store.layout())?;
    let mut by_source: Vec<(SourceName, Vec<SkillName>)> = Vec::new();
    for name in names {
        let known = state.get(name).filter(|installed| installed.state != Standing::Pending);
        let source = known.map(|installed| installed.source.clone()).ok_or_else(|| Refusal {
            kind: Kind::NotFound,
            code: "not-installed",
            message: format!("`{name}` is not installed from a source"),
            hint: Some(format!("`skillsync install {name}` installs it")),
        })?;
        match by_source.iter_mut().find(|(known, _)| *known == source) {
            Some((_, names)) => names.push(name.clone()),
            None => by_source.push((source, vec![name.clone()])),
        }
    }
    Ok(by_source)
}
