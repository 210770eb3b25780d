//! `skillsync poll`

use std::time::Duration;

use skillsync_client::mirror::{Bounds, Pruning};
use skillsync_client::plan::Ask;
use skillsync_core::name::SourceName;

use crate::cli::refresh::{network, show, watched};
use crate::cli::{Cx, complete};
use crate::ops::refresh::{POLL_EVERY, Refreshed, Request, Tried, Which, refresh};
use crate::ops::{self, Intent};
use crate::ui::{Exit, Stop};
use crate::world::World;

/// Longest sleep in one piece: a machine that was asleep meanwhile finds out what time it is.
const NAP: Duration = Duration::from_secs(5);
/// Least time between two polls, where the one before left nothing to wait for.
const PAUSE: Duration = Duration::from_secs(55);

/// Ask the hubs for news and install what is new
///
/// Once and now, or again and again with `--every`. A poll with nothing new is one small request to each source; one
/// that is missed while the machine sleeps is made up for once.
///
/// Examples:
///   skillsync poll
///   skillsync poll --every 15m --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PollArgs {
    /// Go on until stopped, asking this often: 30s, 15m, 1h
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) every: Option<Duration>,
    /// Ask once, which is what it does without `--every`
    #[arg(long, conflicts_with = "every")]
    pub(crate) once: bool,
    /// Ask this source only
    #[arg(long, value_name = "NAME", add = complete::sources())]
    pub(crate) source: Option<SourceName>,
    /// Remove what an index does not list any more, even if that is more than half
    #[arg(long, conflicts_with = "every")]
    pub(crate) allow_mass_removal: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let rule = || "an interval is written as `30s`, `15m`, `1h` or `1d`".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| rule())?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(rule()),
    };
    match number.checked_mul(unit) {
        Some(seconds @ 1..=604_800) => Ok(Duration::from_secs(seconds)),
        _ => Err("an interval is from a second to a week".to_owned()),
    }
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &PollArgs) -> Result<Exit, Stop> {
    let pruning = if args.allow_mass_removal { Pruning::Allowed } else { Pruning::Guarded };
    let bounds = Bounds { pruning, until: None };
    let which = args.source.clone().map_or(Which::All, Which::One);
    let Some(every) = args.every else {
        let report = once(cx, cx.world, which, POLL_EVERY, bounds)?;
        show(cx, &report)?;
        if report.sources.is_empty() {
            cx.ui.hint("there are no sources yet: `skillsync source add https://hub.example`");
        }
        return Ok(report.exit());
    };
    if cx.globals.dry_run {
        return Err(Stop::usage(
            "--dry-run and --every are one too many",
            "`skillsync poll -n` shows one poll",
        ));
    }
    let (mut which, mut tried) = (which, Tried::default());
    loop {
        let world = cx.world.at_present();
        match once(cx, &world, which, every, bounds) {
            Ok(report) => {
                report.sources.iter().for_each(|outcome| tried.note(&outcome.source, world.now));
                if cx.ui.is_json() {
                    cx.ui.event(&report)?;
                } else {
                    show(cx, &report)?;
                }
            }
            // A store that is locked for a while is no reason to stop keeping up.
            Err(Stop::Fault(fault)) => cx.ui.failed(&*fault),
            Err(stop) => return Err(stop),
        }
        which = Which::These(wait(cx, args.source.as_ref(), every, &tried));
    }
}

fn once(
    cx: &mut Cx<'_>,
    world: &World,
    which: Which,
    interval: Duration,
    bounds: Bounds,
) -> Result<Refreshed, Stop> {
    let store = ops::open(world)?;
    let intent = if cx.globals.dry_run { Intent::Plan } else { Intent::Apply };
    let network = network(cx);
    let progress = cx.ui.transfer("downloading", 0);
    let watch = watched(&progress);
    let request = Request { ask: Ask::Poll, which, interval, intent, watch: &watch, bounds };
    Ok(refresh(world, &store, network, &request)?)
}

/// Sleeps until a source is due by the clock on the wall, and says which are to be asked then.
fn wait(cx: &Cx<'_>, source: Option<&SourceName>, every: Duration, tried: &Tried) -> Vec<SourceName> {
    // What ended a poll before it asked anybody is tried again soon, but not at once.
    std::thread::sleep(PAUSE.min(every / 2));
    loop {
        std::thread::sleep(NAP.min(every / 4));
        // It may be broken for the moment that somebody edits it.
        let Ok(store) = ops::open(&cx.world.at_present()) else { continue };
        let due = tried.due(&store, every, source);
        if !due.is_empty() {
            return due;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_and_within_reason() {
        let seconds = |text: &str| interval(text).map(|every| every.as_secs());
        assert_eq!(["1s", "15m", "2h", "7d"].map(seconds), [Ok(1), Ok(900), Ok(7_200), Ok(604_800)]);
        for wrong in ["", "15", "m", "0s", "8d", "1w", "-1s", "1.5h", "99999999999999999999s", "5 m"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
