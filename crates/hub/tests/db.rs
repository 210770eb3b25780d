//! One suite for the database on both engines: SQLite in a file, and a real PostgreSQL from the system's package.

#![expect(clippy::unwrap_used, reason = "a failure to set up is a failure")]

use std::future::Future;

use jiff::Timestamp;
use semver::Version;
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_hub::db::{Db, KeyRow, NewRelease, Published, Role, Viewer};
use skillsync_testkit::Postgres;
use skillsync_wire::api::key::ApiKey;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::text::{Audience, Owner};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

#[path = "db/catalogue.rs"]
mod catalogue;
#[path = "db/keys.rs"]
mod keys;
#[path = "db/listing.rs"]
mod listing;
#[path = "db/offers.rs"]
mod offers;
#[path = "db/upgrade.rs"]
mod upgrade;
#[path = "db/documents.rs"]
mod documents;
#[path = "db/search.rs"]
mod search;
#[path = "db/races.rs"]
mod races;
#[path = "db/tables.rs"]
mod tables;
#[path = "db/full_disk.rs"]
mod full_disk;
#[path = "db/cut.rs"]
mod cut;

/// Runs a case on an empty database of each engine.
fn on_both<F: Future<Output = ()>>(case: impl Fn(Db) -> F) {
    at_both(|url| run(url, &case));
}

/// Runs a case with the URL of an empty database of each engine.
fn at_both(case: impl Fn(&str)) {
    let folder = tempfile::tempdir().unwrap();
    {
        let _named = Named("SQLite");
        case(&format!("sqlite://{}", folder.path().join("hub.db").display()));
    }
    if let Some(cluster) = Postgres::shared() {
        let _named = Named("PostgreSQL");
        case(&cluster.database().url());
    }
}

/// Says on which engine a case failed.
struct Named(&'static str);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            skillsync_testkit::say(&format!("failed on {}", self.0));
        }
    }
}

fn run<F: Future<Output = ()>>(url: &str, case: impl Fn(Db) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open(url, Role::Server).await.unwrap();
        case(db.clone()).await;
        db.close().await;
    });
}

/// Runs a statement past the hub.
async fn outside(url: &str, statement: &'static str) {
    if url.starts_with("sqlite:") {
        SqliteConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
    } else {
        PgConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
    }
}

fn name(text: &str) -> SkillName {
    SkillName::parse(text).unwrap()
}

fn account(text: &str) -> Owner {
    Owner::parse(text).unwrap()
}

fn audience(key_id: &str) -> Audience {
    Audience::parse(&format!("key:{key_id}")).unwrap()
}

/// The moment `seconds` after the beginning of all tests.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_123 + seconds * 1000).unwrap()
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// A public release for everybody, with digests of its own.
fn release(slug: &str, owner: &str, seq: u64) -> NewRelease {
    let text = format!("{slug} {seq}");
    NewRelease {
        slug: name(slug),
        owner: account(owner),
        title: slug.to_owned(),
        description: format!("Use when {slug} is wanted"),
        body: "Instructions".to_owned(),
        category: None,
        visibility: Some(Visibility::Public),
        tier: None,
        seq,
        version: Version::new(1, seq, 0),
        content_hash: ContentHash::of(text.as_bytes()),
        tarball_sha256: ArchiveDigest::of(text.as_bytes()),
        size_bytes: 1_000 + seq,
        unpacked_bytes: 4_000,
        files: 1,
        files_json: format!("[{{\"path\":\"SKILL.md\",\"seq\":{seq}}}]"),
        offer_json: "{\"description\":\"x\"}".to_owned(),
        release_sha256: EnvelopeDigest::of(text.as_bytes()),
        release_size: 700,
        signature: "c2ln".to_owned(),
        changelog: format!("change {seq}"),
        published_at: at(seq.try_into().unwrap()),
        root_version: 0,
    }
}

/// A key of `owner` that may read.
fn key(id: &str, owner: &str) -> KeyRow {
    KeyRow {
        id: id.to_owned(),
        account: account(owner),
        secret_sha256: [7; 32],
        label: format!("machine {id}"),
        scopes: "read".to_owned(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

/// One who looks: the key `key_id` of an account of this tier.
fn viewer<'a>(account: &'a Owner, tier: Tier, key_id: &'a str) -> Viewer<'a> {
    Viewer { account, tier, key_id }
}

async fn accounts(db: &Db, names: &[&str]) {
    for name in names {
        db.ensure_account(&account(name), Tier::Free, at(0)).await.unwrap();
    }
}

#[track_caller]
fn done(published: Published) -> u64 {
    match published {
        Published::Done { generation } => generation,
        other => panic!("not published: {other:?}"),
    }
}
