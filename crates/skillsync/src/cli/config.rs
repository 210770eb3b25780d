//! `skillsync config`, `config get|set|unset|path`

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::config::{Changed, Edit, Setting, Settings};
use crate::ui::{Column, Exit, Screen, Show, Stop, Table};

/// Read and change the settings
///
/// Without a command, prints every setting with its effective value and where it comes from. The file is
/// config.toml in the store; comments in it are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ConfigCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the effective value of a setting
    Get {
        /// The setting, for example observation.mode
        #[arg(add = complete::settings())]
        key: String,
    },
    /// Change a setting
    Set {
        /// The setting, for example observation.mode
        #[arg(add = complete::settings())]
        key: String,
        /// Its new value
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Take a setting back to its default
    Unset {
        /// The setting, for example observation.mode
        #[arg(add = complete::settings())]
        key: String,
    },
    /// Print the path of config.toml
    Path,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &ConfigArgs) -> Result<Exit, Stop> {
    match &args.command {
        None => cx.ui.show(&ops::config::list(&ops::open(cx.world)?)?)?,
        Some(ConfigCommand::Get { key }) => cx.ui.show(&ops::config::get(&ops::open(cx.world)?, key)?)?,
        Some(ConfigCommand::Set { key, value }) => change(cx, key, Edit::Set(value))?,
        Some(ConfigCommand::Unset { key }) => change(cx, key, Edit::Unset)?,
        // Also of a file that does not parse: this is how one finds it.
        Some(ConfigCommand::Path) => {
            let path = skillsync_store::layout::Layout::new(cx.world.store.clone()).config();
            cx.ui.show(&Place { path: path.display().to_string() })?;
        }
    }
    Ok(Exit::Done)
}

fn change(cx: &mut Cx<'_>, key: &str, edit: Edit<'_>) -> Result<(), Stop> {
    let store = ops::open(cx.world)?;
    let changed = if cx.globals.dry_run {
        ops::config::plan(&store, key, edit)?
    } else {
        ops::config::apply(&store, key, edit)?
    };
    cx.ui.show(&changed)?;
    if changed.setting.value != changed.previous && !changed.dry_run {
        cx.ui.hint("`skillsync sync` brings it to your agents");
    }
    Ok(())
}

#[derive(Serialize)]
struct Place {
    path: String,
}

impl Show for Place {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}", self.path)
    }
}

fn source(setting: &Setting) -> &'static str {
    if setting.is_set { "config.toml" } else { "default" }
}

impl Show for Settings {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let mut table = Table::new([Column::id("SETTING"), Column::id("VALUE"), Column::id("FROM")]);
        for setting in &self.settings {
            table.row([&setting.key, &setting.value, source(setting)]);
        }
        out.table(&table)
    }
}

impl Show for Setting {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}", self.value)
    }
}

impl Show for Changed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Setting { key, value, .. } = &self.setting;
        let would = if self.dry_run { "would be " } else { "" };
        // An empty list has no text of its own.
        let value = if value.is_empty() { String::new() } else { format!("{value} ") };
        let from = source(&self.setting);
        if !self.changed {
            return writeln!(out, "{key}: {value}already ({from})");
        }
        let previous = if self.previous.is_empty() { "empty" } else { &self.previous };
        writeln!(out, "{key}: {would}{value}({from}), was {previous}")
    }
}
