//! The `skillsync` client: what a person or an agent types, and what they read back.
//!
//! Nothing below `ui` prints, nothing but `main` ends the process, nothing but `world` reads the environment or
//! the clock. Rooms, lowest first; a room may use the rooms above it in this list.

pub mod world;
pub mod ui;
pub mod ops;
pub mod cli;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command line, program name first, and returns how the process ends.
pub fn run(args: Vec<OsString>) -> ExitCode {
    cli::run(args).into()
}
