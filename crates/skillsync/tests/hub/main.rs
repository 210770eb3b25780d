//! The real program against the real hub, a process each. What a row of the mission promises has a test that names it.

mod between;
mod fleet;
mod following;
mod interface;
mod lifecycle;
#[path = "../cli/indexes/npm.rs"]
mod npm;
mod offline;
mod polling;
mod progress;
mod publish;
mod rotation;
mod scene;
mod search;
mod secrecy;
mod site;
mod source;
