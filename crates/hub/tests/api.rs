//! The hub's interface, asked as clients ask it: in the process, on SQLite and on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a failure to set up is a failure")]

use std::future::Future;

use axum::http::StatusCode;
use skillsync_testkit::Postgres;

#[path = "api/house.rs"]
mod house;
#[path = "api/client.rs"]
mod client;
#[path = "api/manifest.rs"]
mod manifest;
#[path = "api/publish.rs"]
mod publish;
#[path = "api/skills.rs"]
mod skills;
#[path = "api/keys.rs"]
mod keys;
#[path = "api/cdn.rs"]
mod cdn;
#[path = "api/wellknown.rs"]
mod wellknown;
#[path = "api/damage.rs"]
mod damage;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/matrix.rs"]
mod matrix;
#[path = "api/openapi.rs"]
mod openapi;
#[path = "api/rotation.rs"]
mod rotation;
#[path = "api/shelf.rs"]
mod shelf;
#[path = "blobs/bucket.rs"]
mod bucket;
#[path = "api/start.rs"]
mod start;
#[path = "api/serve.rs"]
mod serve;

use client::Client;
use house::{Answer, House, archive, skill};

/// Runs a case on a new hub over each engine.
fn on_both<F: Future<Output = ()>>(case: impl Fn(House) -> F) {
    on_lite(&case);
    if let Some(cluster) = Postgres::shared() {
        let _named = Named("PostgreSQL");
        run(&cluster.database().url(), &case);
    }
}

/// Runs a case on a new hub over SQLite: what has nothing to do with the database.
fn on_lite<F: Future<Output = ()>>(case: impl Fn(House) -> F) {
    let _named = Named("SQLite");
    let folder = tempfile::tempdir().unwrap();
    run(&format!("sqlite://{}", folder.path().join("hub.db").display()), &case);
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

fn run<F: Future<Output = ()>>(database: &str, case: impl Fn(House) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let house = House::build(database, folder.path()).await;
        let app = house.http.clone();
        case(house).await;
        app.app().close().await;
    });
}
