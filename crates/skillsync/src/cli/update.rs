//! `skillsync update [NAME]...`

use skillsync_client::mirror::Bounds;
use skillsync_client::plan::Ask;
use skillsync_core::name::SkillName;
use skillsync_store::installed::InstallState;

use crate::cli::refresh::{network, show, watched};
use crate::cli::{Cx, complete};
use crate::ops::refresh::{POLL_EVERY, Refreshed, Request, Which, of_installed, refresh};
use crate::ops::{self, Intent};
use crate::ui::{Exit, Stop};

/// Bring installed skills up to date
///
/// What was edited here is merged with the release. What was rolled back, pinned or left by a conflict is brought up
/// to date where it is named.
#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArgs {
    /// Names of skills; all that are installed when left out
    #[arg(value_name = "NAME", add = complete::skills())]
    pub(crate) names: Vec<SkillName>,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &UpdateArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let before = InstallState::load(store.layout())?;
    let intent = if cx.globals.dry_run { Intent::Plan } else { Intent::Apply };
    let progress = cx.ui.transfer("downloading", 0);
    let watch = watched(&progress);
    let request = |ask, which| Request {
        ask,
        which,
        interval: POLL_EVERY,
        intent,
        watch: &watch,
        bounds: Bounds::default(),
    };
    let network = network(cx);
    let mut report = Refreshed { dry_run: intent == Intent::Plan, ..Refreshed::default() };
    if args.names.is_empty() {
        report = refresh(cx.world, &store, network, &request(Ask::Update(Vec::new()), Which::Every))?;
    }
    for (source, names) in of_installed(&store, &args.names)? {
        let one = refresh(cx.world, &store, network, &request(Ask::Update(names), Which::One(source)))?;
        report.sources.extend(one.sources);
        report.sync = one.sync.or(report.sync);
    }
    drop(watch);
    drop(progress);
    show(cx, &report)?;
    if report.sources.is_empty() {
        cx.ui.hint("there are no sources yet: `skillsync source add https://hub.example`");
    }
    Ok(if args.names.is_empty() { report.exit() } else { report.exit_of_named(&args.names, &before) })
}
