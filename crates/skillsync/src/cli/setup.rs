//! `skillsync setup`: shows the plan, asks, does it; and the way back.

mod view;

use skillsync_client::lockfile::Tool;

use crate::cli::Cx;
use crate::ops::setup::{self, Conflict, Done, Lists, Plan};
use crate::ui::{Exit, Stop};
use view::{DoneView, PlanView, UndoPlanView, UndoneView, Words};

/// Set everything up: find agents, adopt their skills, link, sync
///
/// Makes the store if there is none, finds the agents installed on this machine and the skills in their
/// folders, and shows a plan. After your yes it takes those skills into the store, adds the agents as targets
/// and links every skill into every target. What stood in an agent's folder is moved to trash, never deleted.
///
/// Skills that another tool installed for you are taken over from its list, as `source import` does: those of an open
/// index are followed from then on.
///
/// Running it again does what is new since the last time. `--dry-run` shows the plan alone.
#[derive(Debug, clap::Args)]
pub(crate) struct SetupArgs {
    /// Put the agents' folders back as they were before setup
    ///
    /// What setup moved to trash returns to its place, the targets it added go, and so do the skills it took
    /// into the store, unless they were changed since.
    #[arg(long)]
    pub(crate) undo: bool,
    /// Leave the lists of other tools alone
    ///
    /// What those tools installed into agents' folders is taken like any other skill then, and followed nowhere.
    #[arg(long, conflicts_with = "undo")]
    pub(crate) no_import: bool,
    /// Take over what the lists of other tools in the current folder name, too
    ///
    /// A project's list may be a stranger's: see what the plan says of it.
    #[arg(long, conflicts_with_all = ["undo", "no_import"])]
    pub(crate) here: bool,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &SetupArgs) -> Result<Exit, Stop> {
    if args.undo { undo(cx) } else { set_up(cx, args) }
}

fn words<'w>(cx: &Cx<'w>) -> Words<'w> {
    Words { home: &cx.world.home, all: cx.globals.verbose }
}

fn set_up(cx: &mut Cx<'_>, args: &SetupArgs) -> Result<Exit, Stop> {
    let words = words(cx);
    let mut plan = {
        let progress = cx.ui.progress("looking at skills", None);
        let lists = match (args.no_import, args.here) {
            (true, _) => Lists::None,
            (false, false) => Lists::Home,
            (false, true) => Lists::HomeAndHere,
        };
        setup::plan(cx.world, lists, &|| progress.step())?
    };
    for list in &plan.offered {
        let list = words.path(list);
        cx.ui.hint(format_args!("`skillsync setup --here` takes over what {list} names, too"));
    }
    if cx.globals.dry_run {
        plan.dry_run = true;
        cx.ui.show(&PlanView { plan: &plan, words })?;
        return Ok(Exit::Done);
    }
    if plan.is_done() {
        setup::clear_up(cx.world)?;
        let done = Done::nothing(plan);
        cx.ui.show(&DoneView { done: &done, words })?;
        return Ok(done.exit());
    }
    if !cx.ui.is_json() {
        cx.ui.show(&PlanView { plan: &plan, words })?;
    }
    choose(cx, &mut plan, &words)?;
    cx.ui.consent("Set this up?")?;
    let done = {
        let total = plan.adopt.len() + plan.conflicts.len();
        let progress = cx.ui.progress("taking skills", u64::try_from(total).ok());
        setup::apply(cx.world, plan, &|| progress.step())?
    };
    cx.ui.show(&DoneView { done: &done, words })?;
    if done.imported.coming().any(|(tool, _)| tool == Tool::IcSkills) {
        // It would go on writing, through links now.
        cx.ui.hint("take the script that mirrored ic-skills out of your agent's hooks; `skillsync hook install` does its work");
    }
    Ok(done.exit())
}

/// Asks for each name with several contents which becomes current; the first is what `--yes` takes.
fn choose(cx: &mut Cx<'_>, plan: &mut Plan, words: &Words<'_>) -> Result<(), Stop> {
    for number in 0..plan.conflicts.len() {
        let Some(conflict) = plan.conflicts.get(number) else { continue };
        // A setup that was cut off was told already.
        if plan.resumes && conflict.current != 0 {
            continue;
        }
        let choices: Vec<String> = conflict.contents.iter().map(|content| words.content(content)).collect();
        let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
        let content = cx.ui.choose(&question(conflict), &choices)?;
        plan.choose(number, content);
    }
    Ok(())
}

fn question(conflict: &Conflict) -> String {
    let count = conflict.contents.len();
    format!(
        "`{}` has {count} different contents. Which becomes current? The others stay in its history",
        conflict.name
    )
}

fn undo(cx: &mut Cx<'_>) -> Result<Exit, Stop> {
    let words = words(cx);
    let mut plan = setup::undo_plan(cx.world)?;
    if cx.globals.dry_run {
        plan.dry_run = true;
        cx.ui.show(&UndoPlanView { plan: &plan, words })?;
        return Ok(Exit::Done);
    }
    if !cx.ui.is_json() {
        cx.ui.show(&UndoPlanView { plan: &plan, words })?;
    }
    cx.ui.consent("Take setup back?")?;
    let undone = setup::undo(cx.world)?;
    cx.ui.show(&UndoneView { undone: &undone, words })?;
    Ok(undone.exit())
}
