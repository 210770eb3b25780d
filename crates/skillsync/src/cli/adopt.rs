//! `skillsync adopt NAME`

use std::io::{self, Write};

use clap::builder::NonEmptyStringValueParser;
use skillsync_core::name::{SkillName, TargetId};

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::adopt::{Intent, Outcome, Request, Settled};
use crate::ui::{Exit, Screen, Show, Stop, Tone};

/// Keep or discard an edit made outside `edit`
///
/// When somebody changed a skill's files in the store, or through an agent's link, nothing overwrites it.
/// `adopt` makes it the skill's next version; with `--discard` the skill is put back and the edit goes to
/// trash for 24 hours. Then it syncs.
#[derive(Debug, clap::Args)]
pub(crate) struct AdoptArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
    /// Where the edit is, when several places differ: a target, or `canonical` for the store
    #[arg(long, value_name = "TARGET", add = complete::targets())]
    pub(crate) from: Option<TargetId>,
    /// Why the change was made, for the skill's history
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "discard")]
    pub(crate) reason: Option<String>,
    /// Throw the edit away instead
    #[arg(long)]
    pub(crate) discard: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &AdoptArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let intent = if args.discard { Intent::Discard } else { Intent::Adopt { reason: args.reason.clone() } };
    let request = Request { name: args.name.clone(), from: args.from.clone(), intent };
    let settled = if cx.globals.dry_run {
        ops::adopt::plan(&store, &request)?
    } else {
        ops::adopt::apply(cx.world, &store, &request)?
    };
    cx.ui.show(&settled)?;
    if settled.quarantined {
        super::commit::quarantined(cx, &settled.name);
    }
    for kept in &settled.trash {
        cx.ui.note(format!("the edited folder is kept for 24 hours: {kept}"));
    }
    if let Some(error) = &settled.sync_error {
        cx.ui.warn(format!("the sync after it failed: {}", error.message));
        cx.ui.hint(error.hint.as_deref().unwrap_or("`skillsync sync` tries again"));
        return Ok(Exit::Partial);
    }
    let exit = settled.sync.as_ref().map_or(Exit::Done, |synced| synced.exit());
    if exit != Exit::Done {
        cx.ui.warn("not every agent is up to date");
        cx.ui.hint("`skillsync sync` says which and why");
    }
    Ok(exit)
}

impl Show for Settled {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let from = self.from.join(", ");
        let would = if self.dry_run { "would be " } else { "" };
        write!(out, "{}: ", self.name)?;
        match (self.outcome, self.version) {
            (Outcome::Adopted, Some(version)) => {
                write!(out, "{would}version {version}, the edit in {from}")?;
                if let Some(merged) = self.merged_with {
                    write!(out, " merged with version {merged}")?;
                }
            }
            (Outcome::NothingNew, Some(version)) => {
                write!(out, "{would}version {version} as before, the edit in {from} has nothing new")?;
            }
            (_, Some(version)) => {
                write!(out, "{would}version {version} again, the edit in {from} discarded")?
            }
            (_, None) => write!(out, "{would}gone from {from}, the edit discarded")?,
        }
        if self.revived {
            write!(out, ", not marked for removal any more")?;
        }
        writeln!(out)?;
        for change in &self.changes {
            let status = serde_json::to_value(change.status).unwrap_or_default();
            let status = if change.mode_only { "mode changed" } else { status.as_str().unwrap_or("changed") };
            out.tone(Tone::Dim, format!("  {status}"))?;
            writeln!(out, " {}", change.path)?;
        }
        Ok(())
    }
}
