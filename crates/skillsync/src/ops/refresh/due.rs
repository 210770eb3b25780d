//! Which sources are to be asked now: by one run, and by a process that polls again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use skillsync_client::schedule::Polls;
use skillsync_client::source as sources;
use skillsync_core::name::SourceName;
use skillsync_store::config::{Apply, SourceConfig, SourceKind};
use skillsync_store::store::Store;

use super::{Request, Which};
use crate::ops::Error;

/// Whether a source is asked without being named, or for an update.
fn is_asked_unnamed(source: &SourceConfig) -> bool {
    source.apply != Apply::Manual
}

/// The sources that a run asks, in the order of `config.toml`.
pub(super) fn chosen<'a>(store: &'a Store, request: &Request<'_>) -> Result<Vec<&'a SourceConfig>, Error> {
    let config = store.config();
    let is_due = |source: &&SourceConfig| {
        let polls = Polls::load(store.layout(), &source.name);
        // An index is one small question, asked whenever somebody begins to work; one that fails is left alone for a while.
        let is_asked_always = source.kind == SourceKind::Index && polls.answered_at == polls.tried_at;
        is_asked_always || polls.is_due(store.now(), request.interval)
    };
    let looks = |source: &&SourceConfig| is_asked_unnamed(source);
    Ok(match &request.which {
        Which::One(name) => vec![sources::named(config, name)?],
        Which::These(names) => {
            config.sources().iter().filter(|source| names.contains(&source.name)).collect()
        }
        Which::Due => config.sources().iter().filter(looks).filter(is_due).collect(),
        Which::All => config.sources().iter().filter(looks).collect(),
        Which::Every => config.sources().iter().collect(),
    })
}

/// When each source was last tried by this process. What goes wrong on this machine is not in the record of a source, and is
/// no reason to try it all the time.
#[derive(Debug, Default)]
pub struct Tried(BTreeMap<SourceName, Timestamp>);

impl Tried {
    /// Notes that `name` was tried at `now`.
    pub fn note(&mut self, name: &SourceName, now: Timestamp) {
        self.0.insert(name.clone(), now);
    }

    /// The sources that are to be asked now, where each is asked every `interval`: of those that are asked without being
    /// named, or `named` alone.
    pub fn due(&self, store: &Store, interval: Duration, named: Option<&SourceName>) -> Vec<SourceName> {
        let is_meant = |source: &&SourceConfig| match named {
            Some(name) => source.name == *name,
            None => is_asked_unnamed(source),
        };
        let is_due = |source: &&SourceConfig| self.is_due(store, interval, &source.name);
        let due = store.config().sources().iter().filter(is_meant).filter(is_due);
        due.map(|source| source.name.clone()).collect()
    }

    fn is_due(&self, store: &Store, interval: Duration, name: &SourceName) -> bool {
        let polls = Polls::load(store.layout(), name);
        let is_noted = |at: &Timestamp| polls.tried_at.is_some_and(|noted| noted >= *at);
        match self.0.get(name).filter(|at| !is_noted(at)) {
            None => polls.is_due(store.now(), interval),
            Some(at) => {
                let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX);
                // A clock that was set back asks once more.
                store.now() < *at || store.now().duration_since(*at) >= interval
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use skillsync_client::schedule::Ending;
    use skillsync_store::config::{BaseUrl, Config};
    use skillsync_store::fs;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn only_what_is_due_is_asked_and_what_failed_here_no_sooner() {
        let folder = tempfile::tempdir().unwrap();
        let (root, home) = (folder.path().join("store"), folder.path());
        let begin: Timestamp = "2026-11-20T09:30:00Z".parse().unwrap();
        let at = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        let (store, _) = Store::init(&root, home, begin).unwrap();
        let mut config = Config::load(&store.layout().config()).unwrap();
        let name = |name: &str| SourceName::parse(name).unwrap();
        for (source, apply) in [("index", Apply::Auto), ("keyless", Apply::Auto), ("manual", Apply::Manual)] {
            let url = BaseUrl::parse(&format!("https://{source}.example")).unwrap();
            config.add_source(&SourceConfig { apply, ..SourceConfig::new(name(source), url) }).unwrap();
            fs::make_dirs(&store.layout().source(&name(source))).unwrap();
        }
        config.save().unwrap();
        let mut tried = Tried::default();
        let due = |tried: &Tried, minutes: u64, named: Option<&str>| {
            let store = Store::open(&root, home, at(minutes)).unwrap();
            let due = tried.due(&store, HOUR, named.map(name).as_ref());
            due.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(due(&tried, 0, None), "index keyless");
        assert_eq!(due(&tried, 0, Some("manual")), "manual");
        // All three are tried, and of one that is noted.
        for source in ["index", "keyless", "manual"] {
            tried.note(&name(source), at(0));
        }
        let asked = |minutes: u64| {
            let mut polls = Polls::load(store.layout(), &name("index"));
            polls.ended(at(minutes), Ending::Answered, HOUR, 100);
            polls.save(store.layout(), &name("index")).unwrap();
        };
        asked(0);
        assert_eq!(due(&tried, 2, None), "");
        assert_eq!(due(&tried, 2, Some("manual")), "");
        assert_eq!(due(&tried, 60, None), "index keyless");
        tried.note(&name("index"), at(60));
        asked(60);
        assert_eq!(due(&tried, 62, None), "keyless");
        // Another key was stored, or the store was set up anew: that counts from what was noted.
        let mut polls = Polls::load(store.layout(), &name("index"));
        polls.retry();
        polls.save(store.layout(), &name("index")).unwrap();
        assert_eq!(due(&tried, 62, None), "index keyless");
    }
}
