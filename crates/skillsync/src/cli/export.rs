//! `skillsync export NAME PATH` and `skillsync export --site DIR`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueHint;
use skillsync_core::name::SkillName;
use skillsync_store::config::BaseUrl;

use crate::cli::{Cx, complete};
use crate::ops::export::site::{Request, SiteReport};
use crate::ops::export::{Exported, site};
use crate::ops::{self, Intent};
use crate::ui::{Exit, Screen, Show, Stop};

/// Copy a skill to a folder, or publish skills as a site
///
/// Writes the skill's files alone, without anything of skillsync in them. With --site it writes what a web server or a
/// bucket serves under `.well-known`: both indexes, every file, every archive.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Name of the skill
    #[arg(add = complete::skills(), required_unless_present = "site", conflicts_with = "site")]
    pub(crate) name: Option<SkillName>,
    /// Where to write it: a folder that does not exist yet, outside the store
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "site", conflicts_with = "site")]
    pub(crate) path: Option<PathBuf>,
    /// Write a site into this folder, which may have other files
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) site: Option<PathBuf>,
    /// Name absolute addresses, for a site that will be at URL
    #[arg(long, value_name = "URL", requires = "site", conflicts_with = "name", value_parser = base_url)]
    pub(crate) base_url: Option<BaseUrl>,
    /// Publish this skill alone; can be given several times
    #[arg(long, value_name = "NAME", requires = "site", conflicts_with = "name", add = complete::skills())]
    pub(crate) skill: Vec<SkillName>,
}

fn base_url(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(text)
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ExportArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let intent = if cx.globals.dry_run { Intent::Plan } else { Intent::Apply };
    if let Some(root) = &args.site {
        let root = cx.world.resolve(root);
        let request = Request { root, base_url: args.base_url.clone(), skills: args.skill.clone() };
        let report = site::export(&store, &request, intent)?;
        for path in &report.kept {
            cx.ui.warn(format!("`{path}` is no part of the site any more and was changed; it is left"));
        }
        cx.ui.show(&report)?;
        return Ok(Exit::Done);
    }
    let (Some(name), Some(path)) = (&args.name, &args.path) else {
        return Err(Stop::usage("a skill and a folder are needed".to_owned(), "or --site and a folder"));
    };
    let path = cx.world.resolve(path);
    let report = match intent {
        Intent::Plan => ops::export::plan(&store, name, &path)?,
        Intent::Apply => ops::export::apply(&store, name, &path)?,
    };
    cx.ui.show(&report)?;
    Ok(Exit::Done)
}

impl Show for Exported {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be written" } else { "written" };
        let files = if self.files == 1 { "file" } else { "files" };
        writeln!(
            out,
            "{} version {}: {} {files} {would} to {}",
            self.name, self.version, self.files, self.path
        )
    }
}

impl Show for SiteReport {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        let skills = counted(self.skills.len(), "skill");
        let files = counted(self.written, "file");
        writeln!(
            out,
            "{skills} in {}: {files} {would}written, {} removed ({} unchanged)",
            self.path, self.removed, self.unchanged
        )
    }
}

fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
