//! A hub in this process, and requests to it that go through everything but the network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use skillsync_core::digest::{EnvelopeDigest, FileDigest};
use skillsync_core::path::SkillPath;
use skillsync_core::tree::{File, Tree};
use skillsync_hub::app::{App, Error, Opened, Parts, Rotation, Settings};
use skillsync_hub::blobs::{Blobs, Place};
use skillsync_hub::clock::Clock;
use skillsync_hub::db::{Db, Role};
use skillsync_hub::http::{Behaviour, Http, router};
use skillsync_hub::keys::KeyDir;
use skillsync_hub::metrics::Metrics;
use skillsync_wire::api::error::ErrorBody;
use skillsync_wire::api::key::{KeyCreated, NewKey};
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{Announcement, PublishReply};
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::archive;
use tower::ServiceExt as _;

/// Where the hub of a test lies.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) database: String,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Clock,
}

impl Site {
    pub(crate) fn new(database: &str, folder: &Path) -> Self {
        let clock = Clock::standing_at("2026-11-20T12:00:00Z".parse().unwrap());
        Self { database: database.to_owned(), folder: folder.to_owned(), clock }
    }

    pub(crate) fn keys(&self) -> KeyDir {
        KeyDir::open(&self.folder.join("keys")).unwrap()
    }

    pub(crate) async fn parts(&self) -> Parts {
        Parts {
            db: Db::open(&self.database, Role::Server).await.unwrap(),
            blobs: Blobs::open(&Place::Folder(self.folder.join("blobs"))).unwrap(),
            keys: self.keys(),
            root_keys: None,
            name: None,
            default_name: None,
            settings: Settings { manifest_ttl_s: 86_400, public_url: None, cdn_url: None },
            clock: self.clock.clone(),
            metrics: Arc::new(Metrics::default()),
        }
    }

    /// What a rotation needs.
    pub(crate) async fn rotation(&self, root_keys: KeyDir) -> Rotation {
        let Parts { db, blobs, keys, clock, .. } = self.parts().await;
        Rotation { db, blobs, keys, root_keys, clock }
    }

    pub(crate) async fn open(&self) -> Result<Opened, Error> {
        App::open(self.parts().await).await
    }
}

/// A hub, and the key of its administrator.
pub(crate) struct House {
    pub(crate) site: Site,
    pub(crate) http: Arc<Http>,
    pub(crate) router: Router,
    pub(crate) admin: String,
    pub(crate) first_root: EnvelopeDigest,
}

impl House {
    pub(crate) async fn build(database: &str, folder: &Path) -> Self {
        let site = Site::new(database, folder);
        let opened = site.open().await.unwrap();
        let admin = opened.founded.as_ref().unwrap().admin.key.clone();
        Self::of(site, opened, admin, Behaviour { limited: false, ..Behaviour::default() })
    }

    pub(crate) fn of(site: Site, opened: Opened, admin: String, behaviour: Behaviour) -> Self {
        let first_root = opened.first_root;
        let http = Http::new(opened.app, behaviour, 7);
        Self { site, router: router(http.clone()), http, admin, first_root }
    }

    /// Another process of the same hub.
    pub(crate) async fn twin(&self) -> Self {
        self.twin_with(Behaviour { limited: false, ..Behaviour::default() }, |_| {}).await
    }

    pub(crate) async fn twin_with(&self, behaviour: Behaviour, change: impl FnOnce(&mut Settings)) -> Self {
        let mut parts = self.site.parts().await;
        change(&mut parts.settings);
        let opened = App::open(parts).await.unwrap();
        assert!(opened.founded.is_none());
        Self::of(self.site.clone(), opened, self.admin.clone(), behaviour)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, key: Option<&str>) -> Answer {
        self.send(asking(method, path, key).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.ask(Method::GET, path, Some(key)).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &impl Serialize) -> Answer {
        let request = asking(Method::POST, path, Some(key)).header(CONTENT_TYPE, "application/json");
        self.send(request.body(serde_json::to_vec(body).unwrap().into()).unwrap()).await
    }

    /// A key of an account, with these scopes.
    pub(crate) async fn key(&self, account: &str, scopes: &[&str]) -> KeyCreated {
        let new = NewKey {
            account: Some(account.to_owned()),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..NewKey::default()
        };
        self.post(path::KEYS, &self.admin, &new).await.json(StatusCode::CREATED)
    }

    /// A reading key of an account of this tier.
    pub(crate) async fn reader(&self, account: &str, tier: Tier) -> String {
        let new = NewKey { account: Some(account.to_owned()), tier: Some(tier), ..NewKey::default() };
        let created: KeyCreated = self.post(path::KEYS, &self.admin, &new).await.json(StatusCode::CREATED);
        created.key
    }

    pub(crate) async fn upload(&self, key: &str, said: &Announcement, archive: &[u8]) -> Answer {
        let said = serde_json::to_vec(said).unwrap();
        self.send(form(key, &[("announcement", &said), ("archive", archive)])).await
    }

    /// Publishes a public skill for everybody.
    pub(crate) async fn publish(&self, key: &str, slug: &str, text: &str) -> PublishReply {
        let said = Announcement { visibility: Some(Visibility::Public), ..said(slug) };
        let answer = self.upload(key, &said, &skill(slug, text)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// The announcement of a skill of which nothing more is said.
pub(crate) fn said(slug: &str) -> Announcement {
    serde_json::from_value(serde_json::json!({ "slug": slug })).unwrap()
}

pub(crate) fn asking(method: Method, path: &str, key: Option<&str>) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    match key {
        Some(key) => request.header("x-api-key", key),
        None => request,
    }
}

/// An upload with these parts.
pub(crate) fn form(key: &str, parts: &[(&str, &[u8])]) -> Request<Body> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head =
            format!("--XYZ\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--XYZ--\r\n");
    let request = asking(Method::POST, path::PUBLISH, Some(key));
    request.header(CONTENT_TYPE, "multipart/form-data; boundary=XYZ").body(body.into()).unwrap()
}

/// What the hub answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self, status: StatusCode) -> T {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn ok<T: DeserializeOwned>(&self) -> T {
        self.json(StatusCode::OK)
    }

    /// The code of a problem, which must have this status and be kept by nobody.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let body: ErrorBody = self.json(StatusCode::from_u16(status).unwrap());
        assert_eq!(self.header("cache-control"), "no-store");
        body.error.code
    }

    pub(crate) fn header(&self, name: &'static str) -> &str {
        self.headers.get(HeaderName::from_static(name)).map_or("", |value| value.to_str().unwrap())
    }

    /// Everything of it that may not tell one caller from another.
    pub(crate) fn outside(&self) -> (StatusCode, Vec<(String, String)>, String) {
        let headers = self.headers.iter().filter(|(name, _)| name.as_str() != "x-request-id");
        let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
        (self.status, headers, String::from_utf8_lossy(&self.body).into_owned())
    }
}

/// The archive of a good skill.
pub(crate) fn skill(slug: &str, text: &str) -> Vec<u8> {
    let skill_md = format!(
        "---\nname: {slug}\ndescription: Knows {slug}. Use it for {slug}.\n---\n# The {slug}\n\n{text}\n"
    );
    archive(&[("SKILL.md", skill_md.as_bytes()), ("scripts/run.sh", b"echo run\n")])
}

/// The archive of these files.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let file = |bytes: &[u8]| File {
        digest: FileDigest::of(bytes),
        size_bytes: bytes.len() as u64,
        executable: false,
    };
    let tree = files.iter().map(|(path, bytes)| (SkillPath::parse(path).unwrap(), file(bytes)));
    let bytes_of = |path: &SkillPath| {
        let found = files.iter().find(|(name, _)| *name == path.as_str());
        Ok::<_, std::io::Error>(found.unwrap().1.to_vec())
    };
    archive::pack(&Tree::new(tree).unwrap(), bytes_of).unwrap().bytes
}
