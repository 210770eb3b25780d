//! The real hub under attack: its program as a process of its own, asked over raw sockets, beside others of its kind, on
//! a database that goes away and a disk that is full, and killed.

#![expect(clippy::unwrap_used, reason = "a failure to set up is a failure")]

use std::path::Path;

use base64::Engine as _;
use skillsync_testkit::hub::Options;
use skillsync_testkit::{Hub, Postgres};

#[path = "siege/line.rs"]
mod line;
#[path = "siege/upload.rs"]
mod upload;
#[path = "siege/heads.rs"]
mod heads;
#[path = "siege/bodies.rs"]
mod bodies;
#[path = "siege/slow.rs"]
mod slow;
#[path = "siege/texts.rs"]
mod texts;

#[path = "siege/secrets.rs"]
mod secrets;
#[path = "siege/several.rs"]
mod several;
#[path = "siege/cut.rs"]
mod cut;
#[path = "siege/damage.rs"]
mod damage;
#[path = "siege/told.rs"]
mod told;
#[path = "siege/full.rs"]
mod full;
#[path = "siege/killed.rs"]
mod killed;
#[path = "siege/mutation.rs"]
mod mutation;
#[path = "blobs/bucket.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod bucket;

use line::Line;
use upload::Upload;

/// The program under test.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_skillsync-hub"))
}

/// A new hub.
fn hub() -> Hub {
    Hub::beside(program())
}

/// A new hub with these variables in its environment.
fn hub_with(variables: &[(&str, &str)]) -> Hub {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Hub::with(program(), Options { variables: variables.collect(), ..Options::default() })
}

/// Runs a case with a new hub on each engine.
fn on_both(case: impl Fn(Hub)) {
    case(hub());
    if let Some(cluster) = Postgres::shared() {
        let database = cluster.database();
        case(hub_with(&[("SKILLSYNC_HUB_DATABASE", &database.url())]));
    }
}

/// Panics unless the hub goes on as if nothing had happened, and nothing panicked in it.
#[track_caller]
fn unharmed(hub: &Hub) {
    let answered = hub.ask("GET", "/healthz", None, None);
    assert_eq!((answered.status, &*answered.body), (200, &b"ok\n"[..]));
    assert_eq!(hub.ask("GET", "/api/skills/manifest", Some(hub.admin_key()), None).status, 200);
    let log = hub.log();
    assert!(!log.contains("panicked"), "{log}");
}

/// What a signed document says.
fn payload_of(envelope: &[u8]) -> serde_json::Value {
    let envelope: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    let payload = base64::engine::general_purpose::STANDARD.decode(envelope["payload"].as_str().unwrap());
    serde_json::from_slice(&payload.unwrap()).unwrap()
}
