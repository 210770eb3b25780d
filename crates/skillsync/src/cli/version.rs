//! `skillsync version`

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::Cx;
use crate::ui::{Exit, Screen, Show, Stop};

/// The newest format of the store that this program writes, `[skillsync] version` in config.toml.
const STORE_FORMAT: u32 = 1;

/// Print the version
///
/// With `--json` also the format of the store and the platform of this program.
#[derive(Debug, clap::Args)]
pub(crate) struct VersionArgs {}

pub(crate) fn run(cx: &mut Cx<'_>, _args: &VersionArgs) -> Result<Exit, Stop> {
    cx.ui.show(&Version {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        store_format: STORE_FORMAT,
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
    })?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Version {
    name: &'static str,
    version: &'static str,
    store_format: u32,
    os: &'static str,
    arch: &'static str,
}

impl Show for Version {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{} {}", self.name, self.version)
    }
}
