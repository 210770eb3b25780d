//! Talks to hubs: what to ask, what to believe of the answers, what to do about it. No terminal, no server code.
//!
//! The time and the user's choices come in as values. Rooms, lowest first; a room may use the rooms above it in this list.

pub mod limits;
pub mod fetch;
pub mod api;
pub mod credentials;
pub mod source;
pub mod anchor;
pub mod schedule;
pub mod probe;
pub mod plan;
pub mod download;
pub mod trust;
pub mod discovery;
pub mod delivery;
pub mod pull;
pub mod catalogue;
pub mod publish;
pub mod site;
pub mod mirror;
pub mod lockfile;
