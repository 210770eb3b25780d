//! The hub's program: reads its options, does one command, and ends as that ended.

use std::process::ExitCode;

use clap::Parser as _;
use skillsync_hub::cli;

fn main() -> ExitCode {
    cli::run(cli::Command::parse())
}
