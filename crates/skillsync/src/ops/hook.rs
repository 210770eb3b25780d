//! `hook`: Claude Code's settings with our session hook in or out. What the hook does when a session begins is `session`'s.

use std::path::{Path, PathBuf};

use serde::Serialize;
use similar::TextDiff;
use skillsync_core::fault::{Fault, Kind};
use skillsync_core::limits;
use skillsync_core::settings::{self, SessionHook};
use skillsync_core::shell::shell_quoted;
use skillsync_store::fs;
use skillsync_store::store::Writing;

use super::target;
use crate::world::World;

pub mod session;

/// The settings of an agent cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They do not read, or not as settings.
    #[error("`{}` cannot be changed", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: settings::Error,
    },
    /// They are no text.
    #[error("`{}` is not UTF-8", .path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// Somebody changed them in the meantime.
    #[error("`{}` was changed in the meantime", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Settings { source, .. } => source.kind(),
            Error::NotUtf8 { .. } => Kind::Invalid,
            Error::Changed { .. } => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Settings { source, .. } => source.code(),
            Error::NotUtf8 { .. } => "settings-not-json",
            Error::Changed { .. } => "settings-changed",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Settings { source, .. } => source.hint(),
            Error::NotUtf8 { .. } => Some("mend the file by hand; nothing was changed".to_owned()),
            Error::Changed { .. } => Some("run the command again".to_owned()),
        }
    }
}

/// Whose sessions the hook is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of this user's.
    Global,
    /// Those in the project around this folder.
    Project(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// To put the hook in.
    Install,
    /// To take it out.
    Remove,
}

/// What is done to the settings, or would be.
#[derive(Debug, Serialize)]
pub struct Hooked {
    /// `installed`, `updated`, `present`, `removed` or `absent`.
    pub status: &'static str,
    /// `global` or `project`.
    pub scope: &'static str,
    /// The file, absolute.
    pub path: String,
    /// What runs when a session begins; null when nothing of ours does.
    pub command: Option<String>,
    /// The change, as a unified diff; empty when there is none.
    pub diff: String,
    /// Where the file as it was before is for 24 hours; null when there was none.
    pub trash: Option<String>,
    /// Whether this is a plan and nothing was changed.
    pub dry_run: bool,
}

/// A change of settings that can be shown, and done.
#[derive(Debug)]
pub struct Plan {
    /// What it comes to.
    pub report: Hooked,
    path: PathBuf,
    before: Option<String>,
    after: String,
}

/// What `act` would do to the settings of `scope`. Changes nothing.
pub fn plan(world: &World, act: Act, scope: &Scope) -> Result<Plan, super::Error> {
    let root = match scope {
        Scope::Global => world.home.clone(),
        Scope::Project(folder) => target::project_root(&world.resolve(folder))?,
    };
    let named = root.join(".claude/settings.json");
    // Behind a link of a dotfiles manager lies the file that is meant.
    let path = fs::resolved(&named)?;
    let before = read(&path)?;
    let text = before.clone().unwrap_or_default();
    let command = command(world, scope);
    let failed = |source| Error::Settings { path: path.clone(), source };
    let there = settings::hooks_of_ours(&text).map_err(failed)?;
    let after = match act {
        Act::Install => {
            let hook = SessionHook { command: command.clone(), timeout_s: limits::HOOK_TIMEOUT_S };
            settings::with_hook(&text, &hook)
        }
        Act::Remove => settings::without_hook(&text),
    };
    let after = after.map_err(failed)?;
    let status = match (act, there.is_empty(), text == after) {
        (Act::Install, _, true) => "present",
        (Act::Install, true, false) => "installed",
        (Act::Install, false, false) => "updated",
        (Act::Remove, true, _) => "absent",
        (Act::Remove, false, _) => "removed",
    };
    let report = Hooked {
        status,
        scope: if *scope == Scope::Global { "global" } else { "project" },
        path: path.display().to_string(),
        command: (act == Act::Install).then_some(command),
        diff: if text == after { String::new() } else { diff(&path, &text, &after) },
        trash: None,
        dry_run: true,
    };
    Ok(Plan { report, path, before, after })
}

impl Plan {
    /// Whether the file would change.
    pub fn changes(&self) -> bool {
        !self.report.diff.is_empty()
    }

    /// Does what was shown, and nothing else: a file that changed since then is left alone.
    pub fn apply(mut self, writing: &Writing<'_>) -> Result<Hooked, super::Error> {
        self.report.dry_run = false;
        if !self.changes() {
            return Ok(self.report);
        }
        if read(&self.path)? != self.before {
            return Err(Error::Changed { path: self.path }.into());
        }
        let mode = match fs::stat(&self.path)? {
            Some(metadata) if fs::is_private(&metadata) => fs::Mode::Private,
            _ => fs::Mode::Plain,
        };
        if let Some(before) = &self.before {
            let kept = writing.store().trash().entry("claude-settings")?;
            fs::replace(&kept.join("settings.json"), before.as_bytes(), fs::Mode::Private)?;
            self.report.trash = Some(kept.display().to_string());
        }
        if let Some(folder) = self.path.parent() {
            fs::make_dirs(folder)?;
            remove_abandoned(folder)?;
        }
        fs::replace(&self.path, self.after.as_bytes(), mode)?;
        Ok(self.report)
    }
}

/// Clears what a killed one of these commands left beside the settings.
fn remove_abandoned(folder: &Path) -> Result<(), super::Error> {
    for name in fs::entries(folder)?.unwrap_or_default() {
        if name.to_str().is_some_and(|name| name.ends_with(".tmp") && fs::is_abandoned_temporary(name)) {
            fs::remove_file(&folder.join(name))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<String>, super::Error> {
    if fs::stat(path)?.is_none() {
        return Ok(None);
    }
    let bytes = fs::read(path, limits::CONFIG_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::NotUtf8 { path: path.to_owned() })?;
    Ok(Some(text))
}

/// What the agent is to run. A project's settings are for machines without skillsync, too, and for other places of it.
fn command(world: &World, scope: &Scope) -> String {
    const WORDS: &str = "hook session-start";
    if matches!(scope, Scope::Project(_)) {
        return format!("if command -v skillsync >/dev/null; then skillsync {WORDS}; fi");
    }
    let is_here =
        |folder: PathBuf| fs::stat(&folder.join("skillsync")).ok().flatten().is_some_and(|m| m.is_file());
    let path = world.var("PATH").map(|path| path.to_os_string()).unwrap_or_default();
    match &world.program {
        // An agent may have another PATH than the terminal: the name alone is for what is found everywhere.
        Some(program) if !std::env::split_paths(&path).any(is_here) => {
            format!("{} {WORDS}", shell_quoted(&program.display().to_string()))
        }
        _ => format!("skillsync {WORDS}"),
    }
}

fn diff(path: &Path, before: &str, after: &str) -> String {
    let name = path.display().to_string();
    TextDiff::from_lines(before, after).unified_diff().context_radius(3).header(&name, &name).to_string()
}
