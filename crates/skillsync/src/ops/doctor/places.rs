//! The targets: whether each can be worked in, whether it holds what it should, and what else stands in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use skillsync_core::shell::shell_quoted;
use skillsync_store::config::Target;
use skillsync_store::fs;
use skillsync_store::render::{self, Condition, Mark};
use skillsync_store::store::Store;
use skillsync_store::targets::{Occupant, occupant};
use skillsync_store::tools::{Mode, Tools};

use super::Error;
use super::finding::{Finding, Findings};
use crate::ops::sync::{Status, TargetOutcome, preview};
use crate::world::World;

/// Looks at every target.
pub(super) fn check(
    world: &World,
    store: &Store,
    tools: &Tools,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut seen: BTreeMap<(PathBuf, Option<String>), String> = BTreeMap::new();
    for target in store.config().targets() {
        let dir = target.dir(&world.home);
        if let Some(tool) = target.tool.as_deref().filter(|tool| tools.get(tool).is_err()) {
            let message = format!("`{}` is a target of `{tool}`, a tool that is not known", target.id);
            let fix = "describe it in tools.toml of the store, or add the target anew with --path";
            findings.add(Finding::warning("tool-unknown", &dir, message).fix(fix));
        }
        let real = fs::real_path(&dir).ok().flatten().unwrap_or_else(|| dir.clone());
        if let Some(other) = seen.insert((real, target.tool.clone()), target.id.to_string()) {
            let message = format!("`{}` and `{other}` are the same folder", target.id);
            let fix = format!("skillsync target remove {}", target.id);
            findings.add(Finding::warning("target-twice", &dir, message).fix(fix));
        }
        folder(target, &dir, findings)?;
        entries(store, target, &dir, findings)?;
    }
    if store.config().targets().is_empty() {
        let message = "there is no target, so no agent sees a skill";
        let fix = "skillsync target add --detected";
        findings.add(Finding::info("no-target", &store.layout().config(), message).fix(fix));
    }
    for outcome in preview(world, store)?.targets {
        work(world, &outcome, findings);
    }
    Ok(())
}

fn folder(target: &Target, dir: &Path, findings: &mut Findings) -> Result<(), Error> {
    let Some(metadata) = fs::lstat(dir)? else { return Ok(()) };
    if metadata.is_symlink() {
        let message = format!("the folder of `{}` is itself a link", target.id);
        // Seen in Codex: openai/codex issue 11314.
        let finding = if target.tool.as_deref() == Some("codex") {
            Finding::warning("target-is-link", dir, format!("{message}; Codex does not read such a folder"))
        } else {
            Finding::info("target-is-link", dir, format!("{message}; some agents do not read such a folder"))
        };
        findings.add(finding.fix("make it a real folder"));
    }
    let is_dir = fs::stat(dir)?.is_some_and(|m| m.is_dir());
    if is_dir && rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_err() {
        let message = format!("nothing can be written into the folder of `{}`", target.id);
        let fix =
            format!("look at its owner and permissions: ls -ld {}", shell_quoted(&dir.display().to_string()));
        findings.add(Finding::error("target-read-only", dir, message).fix(fix));
    }
    Ok(())
}

/// Entries of the folder that lead nowhere or are ours and out of place.
fn entries(store: &Store, target: &Target, dir: &Path, findings: &mut Findings) -> Result<(), Error> {
    for entry in fs::optional(fs::entries(dir))?.flatten().unwrap_or_default() {
        let at = dir.join(&entry);
        if entry.to_str().is_some_and(fs::is_abandoned_temporary) {
            let message = "a temporary that a killed command left";
            findings.add(Finding::info("litter", &at, message).fixable());
            continue;
        }
        match occupant(store.layout(), &at)? {
            Occupant::Ours(text) if fs::stat(&at)?.is_none() && fs::read_link(&text)?.is_none() => {
                let message = "our link leads nowhere: the agent sees no skill";
                findings.add(Finding::error("link-broken", &at, message).fix("skillsync sync").fixable());
            }
            Occupant::ForeignLink(text) if fs::stat(&at).is_ok_and(|found| found.is_none()) => {
                let message = format!("a link of yours leads nowhere: {}", text.display());
                findings.add(
                    Finding::info("foreign-link-broken", &at, message).fix("remove it if it is not needed"),
                );
            }
            Occupant::Folder if target.mode == Mode::Symlink => {
                let Some(mark) = Mark::load(&at)?.filter(|mark| *mark.name.as_str() == *entry) else {
                    continue;
                };
                let intact = render::read(&at, None)? == Condition::Intact;
                let message = format!("a copy of ours, from when `{}` had copies", target.id);
                let finding = if intact && !render::has_additions(&at, &mark)? {
                    Finding::warning("copy-in-link-target", &at, message).fix("skillsync sync").fixable()
                } else {
                    let message = format!("{message}; somebody went on with it");
                    let fix = "move it away, then skillsync sync";
                    Finding::warning("copy-in-link-target", &at, message).fix(fix)
                };
                findings.add(finding);
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a sync would still have to do, or cannot do.
fn work(world: &World, outcome: &TargetOutcome, findings: &mut Findings) {
    let dir = match outcome.target.path.strip_prefix("~/") {
        Some(rest) => world.home.join(rest),
        None => PathBuf::from(&outcome.target.path),
    };
    if let (Status::Failed, Some(error)) = (outcome.status, &outcome.error) {
        let mut finding = Finding::error(error.code, &dir, error.message.clone());
        finding.fix.clone_from(&error.hint);
        return findings.add(finding);
    }
    let due = outcome.placed.len() + outcome.pruned.len();
    if due > 0 {
        let message =
            format!("`{}` is not up to date: {due} to link, change or take away", outcome.target.id);
        findings.add(Finding::warning("sync-due", &dir, message).fix("skillsync sync").fixable());
    }
    for added in &outcome.additions {
        let message = format!(
            "files were added beside `{}`, so that `{}` stays at its version",
            added.skill, outcome.target.id
        );
        let (skill, id) = (&added.skill, &outcome.target.id);
        let fix = format!("skillsync adopt {skill} --from {id} keeps them, with --discard drops them");
        findings.add(Finding::warning("files-added", &added.path, message).of(skill).fix(fix));
    }
    for blocked in &outcome.blocked {
        let message =
            format!("a {} of yours stands where the link to `{}` belongs", blocked.what, blocked.skill);
        let fix = match blocked.what {
            "folder" => "skillsync setup takes it into the store; or move it away, then skillsync sync",
            _ => "move it away, then skillsync sync",
        };
        findings.add(Finding::warning("blocked", &blocked.path, message).of(&blocked.skill).fix(fix));
    }
}
