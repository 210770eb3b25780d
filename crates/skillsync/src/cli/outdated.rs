//! `skillsync outdated`

use skillsync_client::mirror::Bounds;
use skillsync_client::plan::Ask;

use crate::cli::Cx;
use crate::cli::refresh::{network, show};
use crate::ops::refresh::{POLL_EVERY, Request, Which, refresh, unwatched};
use crate::ops::{self, Intent};
use crate::ui::{Exit, Stop};

/// Show which installed skills have a newer release
///
/// Asks every source, downloads nothing and changes no skill.
#[derive(Debug, clap::Args)]
pub(crate) struct OutdatedArgs {}

pub(crate) fn run(cx: &mut Cx<'_>, _: &OutdatedArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let (interval, intent) = (POLL_EVERY, Intent::Apply);
    let request = Request {
        ask: Ask::Look,
        which: Which::Every,
        interval,
        intent,
        watch: &unwatched,
        bounds: Bounds::default(),
    };
    let report = refresh(cx.world, &store, network(cx), &request)?;
    show(cx, &report)?;
    Ok(report.exit())
}
