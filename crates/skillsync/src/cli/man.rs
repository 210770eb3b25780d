//! `skillsync man [--dir DIR]`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueHint;
use clap_mangen::Man;
use serde::Serialize;
use skillsync_core::fault::{Fault, Kind};

use crate::cli::{Cx, command, overview};
use crate::ui::{Exit, Screen, Show, Stop};

/// Print or write the man pages
///
/// Without DIR, prints the main page: `skillsync man | man -l -`. With it, writes a page for every command
/// there: `skillsync man --dir ~/.local/share/man/man1`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder to write all pages into; made if it is not there
    #[arg(long, value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot write the man page `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Io
    }
    fn code(&self) -> &'static str {
        "man-unwritable"
    }
}

/// The man pages that were written.
#[derive(Serialize)]
struct Written {
    /// The folder, absolute.
    path: PathBuf,
    /// How many.
    pages: usize,
    /// Whether this is a plan and nothing was written.
    dry_run: bool,
}

impl Show for Written {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        writeln!(out, "{} pages {would}written to {}", self.pages, self.path.display())
    }
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ManArgs) -> Result<Exit, Stop> {
    let pages = pages().map_err(Stop::Output)?;
    match &args.dir {
        Some(dir) => {
            let path = cx.world.resolve(dir);
            let dry_run = cx.globals.dry_run;
            if !dry_run {
                write(&pages, &path)?;
            }
            cx.ui.show(&Written { path, pages: pages.len(), dry_run })?;
        }
        None => {
            for (_, page) in pages.iter().filter(|(name, _)| name == "skillsync.1") {
                cx.ui.bytes(page)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Every page by its file name, the main page first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = command().long_about(overview::ABOUT).disable_help_subcommand(true);
    root.build();
    let mut commands = vec![root];
    let mut pages = Vec::new();
    while let Some(next) = commands.pop() {
        commands.extend(next.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        let man = Man::new(next);
        let mut page = Vec::new();
        man.render(&mut page)?;
        pages.push((man.get_filename(), page));
    }
    Ok(pages)
}

#[expect(clippy::disallowed_methods, reason = "man pages are no state: a torn one is written again")]
fn write(pages: &[(String, Vec<u8>)], dir: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(dir).map_err(|source| Error::Write { path: dir.to_owned(), source })?;
    for (name, page) in pages {
        let path = dir.join(name);
        std::fs::write(&path, page).map_err(|source| Error::Write { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let names: Vec<String> = pages().unwrap().into_iter().map(|(name, _)| name).collect();
        for name in ["skillsync.1", "skillsync-add.1", "skillsync-target-add.1", "skillsync-config-get.1"] {
            assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
        }
    }
}
