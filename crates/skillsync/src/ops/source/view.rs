//! What is known of sources: the list of them, and what is believed of one.

use skillsync_client::schedule::Polls;

use super::*;

/// All sources.
#[derive(Debug, Serialize)]
pub struct Sources {
    /// In the order of `config.toml`.
    pub sources: Vec<Listed>,
}

/// One source.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// What answers there.
    pub kind: SourceKind,
    /// Who chooses versions.
    pub policy: Policy,
    /// What a poll does with updates.
    pub apply: Apply,
    /// Which skills are wanted.
    pub skills: Wanted,
    /// `fresh`, `stale` or `never`; `unknown` where `error` says why.
    pub freshness: &'static str,
    /// Until when the manifest holds, or held.
    pub manifest_expires: Option<String>,
    /// When the hub was last asked.
    pub last_checked: Option<String>,
    /// How many of its skills are installed.
    pub installed: usize,
    /// The id of the key that is shown to it.
    pub key: Option<String>,
    /// Why its key or what is believed of it cannot be read.
    pub error: Option<Report>,
}

/// Every source, as it is known here. Asks nobody.
pub fn list(world: &World, store: &Store) -> Result<Sources, Error> {
    let state = InstallState::load(store.layout())?;
    let sources = store.config().sources().iter().map(|config| listed(world, store, &state, config));
    Ok(Sources { sources: sources.collect::<Result<_, _>>()? })
}

fn listed(
    world: &World,
    store: &Store,
    state: &InstallState,
    config: &SourceConfig,
) -> Result<Listed, Error> {
    if config.kind == SourceKind::Index {
        return Ok(index(store, state, config));
    }
    let anchored = Anchored::load(store.layout(), &config.name);
    let key = credentials::find(store.layout(), store.config(), &config.name, &|name| {
        network::variable(world, name)
    });
    let freshness = anchored.as_ref().map(|anchored| anchored.freshness(world.now));
    let expires =
        anchored.as_ref().ok().and_then(|anchored| anchored.state.manifest.as_ref()).map(|m| m.expires);
    Ok(Listed {
        name: config.name.clone(),
        url: config.url.clone(),
        kind: config.kind,
        policy: config.policy,
        apply: config.apply,
        skills: config.skills,
        freshness: match freshness {
            Ok(Freshness::Fresh) => "fresh",
            Ok(Freshness::Stale { .. }) => "stale",
            Ok(Freshness::Never) => "never",
            Err(_) => "unknown",
        },
        manifest_expires: expires.map(|at| at.to_string()),
        last_checked: last_checked(store, &config.name),
        installed: installed(state, &config.name).len(),
        key: key.as_ref().ok().and_then(|found| found.as_ref()).map(|(key, _)| key.id().to_owned()),
        error: anchored.err().map(|e| Report::of(&e)).or_else(|| key.err().map(|e| Report::of(&e))),
    })
}

/// An index has no key, and nothing is believed of it beyond what it says now.
fn index(store: &Store, state: &InstallState, config: &SourceConfig) -> Listed {
    let last_checked = last_checked(store, &config.name);
    Listed {
        name: config.name.clone(),
        url: config.url.clone(),
        kind: config.kind,
        policy: config.policy,
        apply: config.apply,
        skills: config.skills,
        freshness: if last_checked.is_some() { "fresh" } else { "never" },
        manifest_expires: None,
        last_checked,
        installed: installed(state, &config.name).len(),
        key: None,
        error: None,
    }
}

/// When the hub last answered, to the second.
fn last_checked(store: &Store, name: &SourceName) -> Option<String> {
    let answered_at = Polls::load(store.layout(), name).answered_at?;
    Some(answered_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The skills that were installed from a source, sorted.
pub(super) fn installed(state: &InstallState, name: &SourceName) -> Vec<SkillName> {
    let of_source = state
        .iter()
        .filter(|(_, installed)| installed.source == *name && installed.state == Standing::Installed);
    of_source.map(|(slug, _)| slug.clone()).collect()
}

/// What is believed of one source.
#[derive(Debug, Serialize)]
pub struct Trusted {
    /// The source.
    pub name: SourceName,
    /// Its address.
    pub url: BaseUrl,
    /// The identity of the hub.
    pub hub: String,
    /// The root that is trusted.
    pub root: TrustedRoot,
    /// The newest manifest, if there was one.
    pub manifest: Option<TrustedManifest>,
    /// The newest advisories, if there were any.
    pub advisories: Option<TrustedAdvisories>,
    /// `fresh`, `stale` or `never`.
    pub freshness: &'static str,
}

/// The root that is trusted.
#[derive(Debug, Serialize)]
pub struct TrustedRoot {
    /// Its version.
    pub version: u64,
    /// Its fingerprint.
    pub fingerprint: EnvelopeDigest,
    /// Until when it holds.
    pub expires: String,
    /// Whether it holds no longer.
    pub expired: bool,
    /// Which keys may sign what.
    pub roles: Vec<TrustedRole>,
}

/// One role.
#[derive(Debug, Serialize)]
pub struct TrustedRole {
    /// `root`, `release` or `manifest`.
    pub role: &'static str,
    /// How many of the keys must sign.
    pub threshold: usize,
    /// Grows when a key is replaced; none for `root`.
    pub epoch: Option<u64>,
    /// The ids of the keys.
    pub key_ids: Vec<String>,
}

/// The newest manifest.
#[derive(Debug, Serialize)]
pub struct TrustedManifest {
    /// Its epoch.
    pub epoch: u64,
    /// Its version.
    pub version: u64,
    /// Until when it holds.
    pub expires: String,
}

/// The newest advisories.
#[derive(Debug, Serialize)]
pub struct TrustedAdvisories {
    /// Their version.
    pub version: u64,
    /// Until when they hold; none where they are not here any more.
    pub expires: Option<String>,
}

/// What is believed of the source `name`. Asks nobody.
pub fn trust(store: &Store, name: &SourceName, now: Timestamp) -> Result<Trusted, Error> {
    let config = source::named(store.config(), name)?;
    let anchored = Anchored::load(store.layout(), name)?;
    let state = &anchored.state;
    let roles = anchored.roles().map(|role| TrustedRole {
        role: role.role,
        threshold: role.threshold,
        epoch: role.epoch,
        key_ids: role.key_ids,
    });
    Ok(Trusted {
        name: name.clone(),
        url: config.url.clone(),
        hub: anchored.hub().to_owned(),
        root: TrustedRoot {
            version: state.root_version,
            fingerprint: state.root_sha256,
            expires: anchored.root_expires().to_string(),
            expired: anchored.root_expires().timestamp() <= now,
            roles: roles.into(),
        },
        manifest: state.manifest.as_ref().map(|mark| TrustedManifest {
            epoch: mark.epoch,
            version: mark.version,
            expires: mark.expires.to_string(),
        }),
        advisories: state.advisories.as_ref().map(|mark| TrustedAdvisories {
            version: mark.version,
            expires: anchored.advisories_expire().map(|at| at.to_string()),
        }),
        freshness: match anchored.freshness(now) {
            Freshness::Fresh => "fresh",
            Freshness::Stale { .. } => "stale",
            Freshness::Never => "never",
        },
    })
}
