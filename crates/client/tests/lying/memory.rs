//! The lying hub without a network, and a client of it in this process: for questions that are asked thousands of times, and
//! for clocks that say what a test likes.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use skillsync_client::anchor::Candidate;
use skillsync_client::credentials::{self, ApiKey, Origin};
use skillsync_client::delivery::{Done, Row};
use skillsync_client::fetch::{Error, Fetch, Reply, Request};
use skillsync_client::plan::Ask;
use skillsync_client::probe::Host;
use skillsync_client::pull::{self, Mode, Pulled, Telling, Wish};
use skillsync_client::source::Source;
use skillsync_core::fault::Fault as _;
use skillsync_core::name::SourceName;
use skillsync_store::config::{BaseUrl, Config, SourceConfig};
use skillsync_store::fs;
use skillsync_store::lease::Holder;
use skillsync_store::store::Store;
use skillsync_testkit::Snapshot;
use skillsync_testkit::web::{Answer, Asked};
use skillsync_wire::json::Time;

use super::house::{House, api_key};
use super::hub::Lie;

/// A hub in memory.
pub(crate) struct Memory {
    pub(crate) house: Mutex<House>,
    lie: Mutex<Option<Arc<Lie>>>,
}

impl Memory {
    pub(crate) fn new(house: House) -> Self {
        Self { house: Mutex::new(house), lie: Mutex::default() }
    }

    /// Changes what the hub has.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut House) -> T) -> T {
        change(&mut self.house.lock().unwrap())
    }

    /// From now on every answer goes through `lie`.
    pub(crate) fn lie(&self, lie: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) {
        *self.lie.lock().unwrap() = Some(Arc::new(lie));
    }

    /// From now on it tells the truth.
    pub(crate) fn repent(&self) {
        *self.lie.lock().unwrap() = None;
    }
}

impl Fetch for Memory {
    fn fetch(&self, request: &Request<'_>, into: &mut dyn Write) -> Result<Reply, Error> {
        let path = request.address.path_and_query().to_owned();
        let mut headers = Vec::new();
        headers.extend(request.key.map(|key| ("x-api-key".to_owned(), key.expose().to_owned())));
        headers.extend(request.if_none_match.map(|etag| ("if-none-match".to_owned(), etag.to_owned())));
        let method = if request.send.is_some() { "POST" } else { "GET" }.to_owned();
        let asked = Asked { method, path, headers, body: Vec::new() };
        let mut answer = self.house.lock().unwrap().answer(&asked);
        let lie = self.lie.lock().unwrap().clone();
        if let Some(lie) = lie {
            answer = lie(&asked, answer);
        }
        let etag = answer.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.clone());
        let mut reply = Reply { status: answer.status, etag, ..Reply::default() };
        if !reply.is_success() {
            reply.problem = answer.body;
            return Ok(reply);
        }
        let host = request.address.host();
        if answer.body.len() as u64 > request.limit_bytes {
            return Err(Error::TooLarge { host, limit_bytes: request.limit_bytes });
        }
        into.write_all(&answer.body).map_err(|source| Error::Write { host, source })?;
        reply.length_bytes = answer.body.len() as u64;
        Ok(reply)
    }
}

/// A store with one source, and a clock that says what it is told.
pub(crate) struct Client {
    _folder: tempfile::TempDir,
    home: PathBuf,
    pub(crate) now: Timestamp,
}

impl Client {
    /// A client that trusts the first root of `house`, at the time of the house; its hub is at `url`.
    pub(crate) fn new(house: &House, url: &str) -> Self {
        // In memory where the system has such a place: what is asked thousands of times waits for no disk.
        let memory = std::path::Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let home = fs::real_path(folder.path()).unwrap().unwrap();
        let now = house.now.timestamp();
        let (store, _) = Store::init(&home.join("store"), &home, now).unwrap();
        let name = name();
        let layout = store.layout();
        let mut config = Config::load(&layout.config()).unwrap();
        config.add_source(&SourceConfig::new(name.clone(), BaseUrl::parse(url).unwrap())).unwrap();
        config.save().unwrap();
        fs::make_dirs(&layout.source(&name)).unwrap();
        let root = home.join("root.json");
        fs::replace(&root, &house.roots[0], fs::Mode::Plain).unwrap();
        Candidate::read(&root).unwrap().store(layout, &name).unwrap();
        credentials::save(layout, &name, &api_key()).unwrap();
        Self { _folder: folder, home, now }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.home.join("store"), &self.home, self.now).unwrap()
    }

    /// Changes a setting of the source.
    pub(crate) fn set(&self, field: &str, value: &str) {
        let mut config = Config::load(&self.store().layout().config()).unwrap();
        config.set(&format!("sources.team.{field}"), value).unwrap();
        config.save().unwrap();
    }

    /// Asks and follows.
    pub(crate) fn pull(&self, fetch: &dyn Fetch, ask: Ask) -> Pulled {
        self.pull_with(fetch, ask, Some((api_key(), Origin::Typed)))
    }

    /// The same with another key, or none.
    pub(crate) fn pull_with(&self, fetch: &dyn Fetch, ask: Ask, key: Option<(ApiKey, Origin)>) -> Pulled {
        let store = self.store();
        let config = store.config().source(&name()).unwrap().clone();
        let source = Source::new(config, key).unwrap();
        let text = |text: &str| text.to_owned();
        let holder = Holder { host: text("box"), user: text("ann"), pid: 7, cwd: text("/"), agent: None };
        let wish = Wish {
            ask,
            mode: Mode::Apply,
            telling: Telling::Silent,
            host: Host::this(),
            holder,
            interval: Duration::from_secs(900),
            chance: 100,
            watch: &|_| {},
            withdrawn: &|| {},
        };
        pull::pull(&store, fetch, &source, &wish)
    }

    /// The time that documents compare with.
    pub(crate) fn set_clock(&mut self, time: Time) {
        self.now = time.timestamp();
    }

    /// What no lie may change.
    pub(crate) fn valuables(&self) -> Snapshot {
        Snapshot::of(&self.home).without(&[
            "store/state",
            "store/sources/team/poll.json",
            "store/sources/team/releases",
            "store/cache",
            "store/staging",
        ])
    }

    /// The bytes of a file of the store.
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(&self.home.join("store").join(path), 1 << 24).unwrap()
    }

    /// Writes a file of the store.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        fs::replace(&self.home.join("store").join(path), bytes, fs::Mode::Private).unwrap();
    }
}

pub(crate) fn name() -> SourceName {
    SourceName::parse("team").unwrap()
}

/// The code of what went wrong with the source, or with its only skill; `ok` otherwise.
pub(crate) fn code(pulled: &Pulled) -> &'static str {
    let of_skill = pulled.rows.iter().find_map(|row| row.error.as_ref());
    pulled.error.as_ref().or(of_skill).map_or("ok", |error| error.code())
}

/// What became of one skill.
pub(crate) fn row<'a>(pulled: &'a Pulled, slug: &str) -> &'a Row {
    pulled.rows.iter().find(|row| row.slug.as_str() == slug).unwrap()
}

/// What became of the only skill.
pub(crate) fn done(pulled: &Pulled) -> Done {
    assert_eq!(pulled.rows.len(), 1, "{pulled:?}");
    pulled.rows[0].done
}
