//! The real program on a machine of its own, a file for each command.

mod add_git;
mod adopt;
mod builtin;
mod config;
mod corpus;
mod export;
mod gc;
mod history;
mod rollback;
mod show;
mod stocked;
mod validate;
mod verify;
