//! The hub: one catalogue of skills, signed, for a fleet.
//!
//! Rooms, lowest first; a room may use the rooms above it in this list.

pub mod limits;
pub mod clock;
pub mod secret;
pub mod metrics;
pub mod config;
pub mod keys;
pub mod signer;
pub mod blobs;
pub mod db;
pub mod gate;
pub mod app;
pub mod http;
pub mod serve;
pub mod cli;
