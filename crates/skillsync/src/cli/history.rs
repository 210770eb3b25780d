//! `skillsync history NAME`

use std::io::{self, Write};

use skillsync_core::name::SkillName;
use skillsync_core::skill::State;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::history::History;
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// So many hex digits tell versions apart; `--json` has all 64.
const SHORT_HASH: usize = 12;

/// List the versions of a skill
///
/// Each with its number, time, origin, content hash and reason, the newest first. `*` marks the current one.
#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// Name of the skill
    #[arg(add = complete::skills())]
    pub(crate) name: SkillName,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &HistoryArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let history = ops::history::history(&store, &args.name)?;
    cx.ui.show(&history)?;
    if history.state == State::PendingRemove {
        let name = &history.name;
        cx.ui.note(format!("`{name}` is marked for removal; `skillsync rollback {name}` keeps it"));
    }
    Ok(Exit::Done)
}

impl Show for History {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let mut table = Table::new([
            Column::id(""),
            Column::number("VERSION"),
            Column::id("AT"),
            Column::id("ORIGIN"),
            Column::spare("HASH"),
            Column::text("REASON"),
        ]);
        for version in &self.versions {
            let mark = if version.current { "*" } else { "" };
            let hash: String = version.content_hash.hex().chars().take(SHORT_HASH).collect();
            table.row([
                mark.to_owned(),
                version.number.to_string(),
                version.at.clone(),
                version.origin.to_string(),
                hash,
                version.reason.clone().unwrap_or_default(),
            ]);
        }
        out.table(&table)?;
        out.flush()
    }
}
