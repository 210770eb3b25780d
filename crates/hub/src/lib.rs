//! The hub: one catalogue of skills, signed, for a fleet.
//!
//! Rooms, lowest first; a room may use the rooms above it in this list.

pub mod limits;
pub mod blobs;
pub mod db;
