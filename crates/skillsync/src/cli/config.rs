//! `skillsync config`, `config get|set|unset|path`

use crate::cli::{Cx, unwired};
use crate::ui::{Exit, Stop};

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
        key: String,
    },
    /// Change a setting
    Set {
        /// The setting, for example observation.mode
        key: String,
        /// Its new value
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Take a setting back to its default
    Unset {
        /// The setting, for example observation.mode
        key: String,
    },
    /// Print the path of config.toml
    Path,
}

pub(crate) fn run(_cx: &mut Cx<'_>, args: &ConfigArgs) -> Result<Exit, Stop> {
    match &args.command {
        None => unwired(()),
        Some(ConfigCommand::Get { key }) => unwired(key),
        Some(ConfigCommand::Set { key, value }) => unwired((key, value)),
        Some(ConfigCommand::Unset { key }) => unwired(key),
        Some(ConfigCommand::Path) => unwired(()),
    }
}
