//! The hub's program: reads its options, does one command, and ends as that ended.

use std::process::ExitCode;

use clap::Parser as _;
use skillsync_hub::cli;

/// Requests are many short-lived small things made by several threads, and manifests a few large ones: the system's allocator
/// takes twice the time for the first and keeps the second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Command::parse())
}
