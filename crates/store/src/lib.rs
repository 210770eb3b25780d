//! This machine's state: the store of skills, its history, and the folders of agents it is linked into.
//!
//! Nothing here knows of a network or a terminal; the time and the user's home come in as values. Rooms, lowest
//! first; a room may use the rooms above it in this list.

pub mod fs;
pub mod parallel;
pub mod layout;
pub mod tools;
pub mod listing;
pub mod config;
pub mod objects;
pub mod meta;
pub mod scan;
pub mod payload;
pub mod index;
pub mod deployment;
pub mod ledger;
pub mod installed;
pub mod trash;
pub mod store;
pub mod skills;
pub mod lease;
pub mod edit;
pub mod observe;
pub mod render;
pub mod targets;
pub mod project;
pub mod snapshot;
pub mod verify;
