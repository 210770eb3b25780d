//! Every command that writes, killed at and refused at each system call that changes the disk, then run again; and
//! eight processes at once on one store. What must hold is in `invariant`.
//!
//! `SKILLSYNC_SOAK=1` widens it: every pair of points for second crashes, every error at every point, random kills.

mod agents;
mod content;
mod home;
mod hooks;
mod house;
mod indexes;
mod installs;
mod invariant;
mod projects;
mod races;
mod shop;
mod sources;

/// The hub that the tests of installs have, too.
#[path = "."]
mod lying {
    #[expect(clippy::unwrap_used, dead_code, reason = "a helper of tests, and what others have of it")]
    #[path = "../../../client/tests/lying/house.rs"]
    pub(crate) mod house;
    #[expect(clippy::unwrap_used, dead_code, reason = "a helper of tests, and what others have of it")]
    #[path = "../../../client/tests/lying/hub.rs"]
    pub(crate) mod hub;
}
