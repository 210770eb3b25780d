//! The hub's HTTP interface as both sides see it: paths, requests and replies, a room for each resource. The table of
//! routes is in `docs/api.md`. Names and shapes that were published are kept; fields may be added, so a reader ignores
//! those it does not know.

pub mod error;
pub mod path;
pub mod key;
pub mod skill;
pub mod search;
pub mod install;
pub mod publish;
pub mod state;
