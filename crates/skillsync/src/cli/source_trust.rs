//! `skillsync source trust NAME`

use std::io::{self, Write};

use skillsync_core::name::SourceName;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::source::{Trusted, trust};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Show what is believed of a source
///
/// The root that is trusted, with its fingerprint and the keys that may sign what; the newest manifest and
/// advisories, and until when they hold. Asks nobody.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceTrustArgs {
    /// Name of the source
    #[arg(value_name = "NAME", add = complete::sources())]
    pub(crate) name: SourceName,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SourceTrustArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = trust(&store, &args.name, cx.world.now)?;
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Trusted {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        out.tone(Tone::Strong, &self.name)?;
        writeln!(out, " {}", self.url)?;
        writeln!(out, "  hub: {}", self.hub)?;
        let root = &self.root;
        let until = if root.expired { "EXPIRED" } else { "until" };
        writeln!(out, "  root: version {}, {until} {}", root.version, root.expires)?;
        writeln!(out, "  fingerprint: {}", root.fingerprint)?;
        for role in &root.roles {
            let epoch = role.epoch.map_or_else(String::new, |epoch| format!(", epoch {epoch}"));
            writeln!(out, "  {} keys: {} of {}{epoch}", role.role, role.threshold, role.key_ids.len())?;
            role.key_ids.iter().try_for_each(|id| writeln!(out, "    {id}"))?;
        }
        match &self.manifest {
            None => writeln!(out, "  manifest: none yet")?,
            Some(manifest) => {
                let until = if self.freshness == "stale" { "STALE since" } else { "until" };
                writeln!(
                    out,
                    "  manifest: version {}, epoch {}, {until} {}",
                    manifest.version, manifest.epoch, manifest.expires
                )?;
            }
        }
        match &self.advisories {
            None => writeln!(out, "  advisories: none yet"),
            Some(advisories) => {
                let until =
                    advisories.expires.as_ref().map_or_else(String::new, |until| format!(", until {until}"));
                writeln!(out, "  advisories: version {}{until}", advisories.version)
            }
        }
    }
}
