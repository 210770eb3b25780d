//! The real program against a hub that signs real documents and can tell any lie: `install`, `outdated`, `update`, `poll`,
//! `rollback`, and the sources inside `sync`.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[expect(dead_code, reason = "what the tests of the client have of it, too")]
#[path = "../../../client/tests/lying/house.rs"]
mod house;
#[path = "../../../client/tests/lying/hub.rs"]
mod hub;

mod conformance;
mod edits;
mod home;
mod install;
mod marked;
mod quarantine;
mod revoked;
mod rollback;
mod threats;
mod withdrawn;
