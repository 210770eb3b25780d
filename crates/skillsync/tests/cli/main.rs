//! The real program on a machine of its own, a file for each command.

mod add;
mod add_git;
mod adopt;
mod artifacts;
mod builtin;
mod completions;
mod config;
mod corpus;
mod daily;
mod doctor;
mod documents;
mod export;
mod gc;
mod history;
mod holding;
mod indexes;
mod hubs;
mod projects;
mod rollback;
mod safety;
mod setup;
mod show;
mod stocked;
mod sync;
mod validate;
mod verify;
