//! A site of skills that can be honest and can lie, and a store that follows it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skillsync_client::delivery::{Done, Row};
use skillsync_client::download::Watch;
use skillsync_client::fetch::{Http, Limits};
use skillsync_client::mirror::{Bounds, Counts, Pruning, counts, follow};
use skillsync_client::plan::Ask;
use skillsync_client::probe::Host;
use skillsync_client::pull::{Mode, Pulled, Telling, Wish};
use skillsync_client::source::Source;
use skillsync_core::digest::FileDigest;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{Origin, Source as From};
use skillsync_store::config::{BaseUrl, Config, SourceConfig, SourceKind, Wanted};
use skillsync_store::lease::Holder;
use skillsync_store::objects::Batch;
use skillsync_store::payload::{Payload, PayloadFile};
use skillsync_store::skills::{self as skills_of_store, Change};
use skillsync_store::store::Store;
use skillsync_testkit::web::{Answer, Asked, Web};
use skillsync_wire::archive;
use skillsync_wire::wellknown::{Head, Offer, Resource, Site, Version};

pub(crate) type Files = BTreeMap<String, Vec<u8>>;
type Fault = Arc<dyn Fn(&Asked) -> Option<Answer> + Send + Sync>;

/// What a site serves, and how.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) skills: BTreeMap<String, Files>,
    /// Which index there is.
    pub(crate) versions: Vec<Version>,
    /// Whether the index of v0.1 has hashes.
    pub(crate) has_hashes: bool,
    /// What is answered instead.
    pub(crate) fault: Option<Fault>,
    /// The index instead of the one that is made.
    pub(crate) index: Option<String>,
}

/// A site and its address.
pub(crate) struct Served {
    pub(crate) web: Web,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
}

pub(crate) fn name(text: &str) -> SkillName {
    SkillName::parse(text).unwrap()
}

/// A skill of five files that all say `mark`.
pub(crate) fn skill(skill: &str, mark: &str) -> Files {
    let md = format!(
        "---\nname: {skill}\ndescription: About {skill}. Use in tests.\n---\n\none\ntwo {mark}\nthree\nfour\nfive\n"
    );
    let mut files = Files::from([("SKILL.md".to_owned(), md.into_bytes())]);
    for n in 1..5 {
        files.insert(format!("references/{n}.md"), format!("{skill} {n} {mark}\n").into_bytes());
    }
    files
}

pub(crate) fn skills(count: usize, mark: &str) -> BTreeMap<String, Files> {
    (1..=count).map(|n| format!("skill-{n:02}")).map(|name| (name.clone(), skill(&name, mark))).collect()
}

fn payload(files: &Files) -> Payload {
    let file = |(path, bytes): (&String, &Vec<u8>)| {
        (
            SkillPath::parse(path).unwrap(),
            PayloadFile { bytes: bytes.clone(), executable: path.ends_with(".sh") },
        )
    };
    Payload::new(files.iter().map(file).collect()).unwrap()
}

impl Shelf {
    fn site(&self) -> (Site, BTreeMap<String, Vec<u8>>) {
        let mut archives = BTreeMap::new();
        let offers = self.skills.iter().map(|(skill, files)| {
            let payload = payload(files);
            let bytes = |path: &SkillPath| Ok::<_, Infallible>(payload.get(path.as_str()).unwrap().to_vec());
            let packed = archive::pack(payload.tree(), bytes).unwrap();
            archives.insert(skill.clone(), packed.bytes);
            Offer::new(name(skill), format!("About {skill}."), payload.tree().clone(), &packed.tarball)
        });
        (Site::new(offers.collect(), None).unwrap(), archives)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if let Some(answer) = self.fault.as_ref().and_then(|fault| fault(asked)) {
            return answer;
        }
        let (site, archives) = self.site();
        let Some(resource) = site.find(asked.path.trim_start_matches('/')) else {
            return Answer::status(404);
        };
        let body = match resource {
            Resource::Index(version) if !self.versions.contains(&version) => return Answer::status(404),
            Resource::Index(version) => match &self.index {
                Some(index) => index.clone().into_bytes(),
                None if self.has_hashes => site.index(version),
                None => {
                    let mut index: serde_json::Value = serde_json::from_slice(&site.index(version)).unwrap();
                    for skill in index["skills"].as_array_mut().unwrap() {
                        skill.as_object_mut().unwrap().remove("hash");
                    }
                    index.to_string().into_bytes()
                }
            },
            Resource::File { offer, path, .. } => self.skills[offer.name.as_str()][path.as_str()].clone(),
            Resource::Archive { offer, .. } => archives[offer.name.as_str()].clone(),
        };
        let etag = format!("\"{}\"", Head::of(&resource, |_| FileDigest::of(&body)).hex);
        match asked.header("if-none-match") {
            Some(known) if known == etag => Answer::status(304).with("ETag", &etag),
            _ => Answer::ok(body).with("ETag", &etag),
        }
    }
}

impl Served {
    pub(crate) fn new(skills: BTreeMap<String, Files>, versions: &[Version]) -> Self {
        let shelf = Shelf { skills, versions: versions.to_vec(), has_hashes: true, fault: None, index: None };
        let shelf = Arc::new(Mutex::new(shelf));
        let served = Arc::clone(&shelf);
        let web = Web::serve(move |asked| {
            let shelf = served.lock().unwrap().clone();
            shelf.answer(asked)
        });
        Self { web, shelf }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Shelf)) {
        change(&mut self.shelf.lock().unwrap());
    }

    /// Answers every path that ends so in this way.
    pub(crate) fn spoil(&self, path: &'static str, answer: Answer) {
        self.change(|shelf| {
            shelf.fault = Some(Arc::new(move |asked| asked.path.ends_with(path).then(|| answer.clone())));
        });
    }

    pub(crate) fn mend(&self) {
        self.change(|shelf| shelf.fault = None);
    }

    /// The paths that were asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.web.take_asked().into_iter().map(|asked| asked.path).collect()
    }
}

/// A store with the site as its one source.
pub(crate) struct Follower {
    _home: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) config: SourceConfig,
    pub(crate) limits: Limits,
    pub(crate) pruning: Pruning,
    pub(crate) until: Option<Instant>,
}

impl Follower {
    pub(crate) fn of(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join(".skillsync");
        let (store, _) = Store::init(&root, home.path(), jiff::Timestamp::now()).unwrap();
        let mut config = SourceConfig::new(SourceName::parse("site").unwrap(), BaseUrl::parse(url).unwrap());
        (config.kind, config.skills) = (SourceKind::Index, Wanted::All);
        let mut file = Config::load(&store.layout().config()).unwrap();
        file.add_source(&config).unwrap();
        file.save().unwrap();
        skillsync_store::fs::make_dirs(&store.layout().source(&config.name)).unwrap();
        let store = Store::open(&root, home.path(), jiff::Timestamp::now()).unwrap();
        let second = Duration::from_secs(1);
        let limits = Limits {
            connect: 20 * second,
            head: 20 * second,
            pace_window: 20 * second,
            total: 60 * second,
            ..Limits::default()
        };
        Self { _home: home, store, config, limits, pruning: Pruning::Guarded, until: None }
    }

    pub(crate) fn asking(&self, ask: Ask) -> Pulled {
        self.watched(ask, &|_| {})
    }

    /// The same; `watch` is told of progress.
    pub(crate) fn watched(&self, ask: Ask, watch: Watch<'_>) -> Pulled {
        let wish = Wish {
            ask,
            mode: Mode::Apply,
            telling: Telling::Silent,
            host: Host::this(),
            holder: Holder {
                host: "h".to_owned(),
                user: "u".to_owned(),
                pid: 1,
                cwd: "/".to_owned(),
                agent: None,
            },
            interval: Duration::from_secs(900),
            chance: 0,
            watch,
            withdrawn: &|| {},
        };
        let source = Source::new(self.config.clone(), None).unwrap();
        let bounds = Bounds { pruning: self.pruning, until: self.until };
        follow(&self.store, &Http::new("test/1", self.limits), &source, &wish, bounds)
    }

    pub(crate) fn poll(&self) -> Pulled {
        self.asking(Ask::Poll)
    }

    /// Polls, and says the counts of the table.
    pub(crate) fn line(&self) -> String {
        let pulled = self.poll();
        assert!(pulled.error.is_none(), "{:?}", pulled.error);
        line(&pulled)
    }

    /// The bytes of a file of a canonical skill.
    pub(crate) fn read(&self, skill: &str, path: &str) -> Option<String> {
        std::fs::read_to_string(self.store.layout().skill(&name(skill)).join(path)).ok()
    }

    /// Makes a version of `skill` in which `from` is `to`, as `commit` does.
    pub(crate) fn edit(&self, skill: &str, from: &str, to: &str) {
        let head = skills_of_store::load(&self.store, &name(skill)).unwrap().head().tree;
        let before = Payload::of_version(self.store.objects(), &head).unwrap();
        let mut files: Files =
            before.files().map(|(path, file)| (path.to_string(), file.bytes.clone())).collect();
        let text = String::from_utf8(files["SKILL.md"].clone()).unwrap();
        assert!(text.contains(from));
        files.insert("SKILL.md".to_owned(), text.replace(from, to).into_bytes());
        self.write(skill, Origin::Commit, From::Index, &files);
    }

    /// Makes a version of `skill` with these files.
    pub(crate) fn write(&self, skill: &str, origin: Origin, source: From, files: &Files) {
        let writing = self.store.write().unwrap();
        let store = writing.store();
        let mut index = skillsync_store::index::Index::load(store.layout());
        let transaction = writing.transaction().unwrap();
        let batch = Batch::new(store.layout(), transaction.dir()).unwrap();
        let staged =
            skills_of_store::stage_payload(&transaction, &batch, &name(skill), &payload(files)).unwrap();
        let change = Change::new(staged, origin, source);
        let advanced =
            skills_of_store::advance(&writing, &transaction, batch, &mut index, vec![change]).unwrap();
        advanced.into_iter().for_each(|one| drop(one.unwrap()));
        transaction.finish().unwrap();
        index.save(store.layout()).unwrap();
    }
}

pub(crate) fn line(pulled: &Pulled) -> String {
    counted(&pulled.rows).to_string()
}

fn counted(rows: &[Row]) -> Counts {
    counts(rows.iter().map(|row| (row.done, row.why.as_deref())))
}

pub(crate) fn done(pulled: &Pulled, skill: &str) -> (Done, String) {
    let row = pulled
        .rows
        .iter()
        .find(|row| row.slug == name(skill))
        .unwrap_or_else(|| panic!("{skill}: {pulled:?}"));
    let why = row.error.as_ref().map(|error| skillsync_core::fault::with_causes(error)).or(row.why.clone());
    (row.done, why.unwrap_or_default())
}
