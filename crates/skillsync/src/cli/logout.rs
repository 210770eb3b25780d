//! `skillsync logout NAME`

use std::io::{self, Write};

use skillsync_client::credentials;

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::login::{LoggedOut, logout, plan_logout};
use crate::ops::network;
use crate::ui::{Exit, Screen, Show, Stop};

/// Delete your key for a hub
///
/// The key is deleted at once and does not go to trash. It still opens the hub for whoever has a copy: revoke it
/// there when it may be known.
#[derive(Debug, clap::Args)]
pub(crate) struct LogoutArgs {
    /// Name or address of the source
    #[arg(value_name = "SOURCE", add = complete::sources())]
    pub(crate) source: String,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &LogoutArgs) -> Result<Exit, Stop> {
    let store = ops::open(cx.world)?;
    let report = if cx.globals.dry_run {
        plan_logout(&store, &args.source)?
    } else {
        ops::write(&store, |writing, _| logout(writing, &args.source))?
    };
    cx.ui.show(&report)?;
    let var = |variable: &str| network::variable(cx.world, variable);
    let set = credentials::from_variable(store.config(), &report.name, &var);
    if !matches!(set, Ok(None)) {
        cx.ui.warn(format!("a variable of the environment still holds a key for {}", report.name));
    }
    Ok(Exit::Done)
}

impl Show for LoggedOut {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let name = &self.name;
        match (self.key_deleted, self.dry_run) {
            (false, _) => writeln!(out, "{name}: there was no key"),
            (true, true) => writeln!(out, "{name}: its key would be deleted"),
            (true, false) => writeln!(out, "{name}: its key is deleted"),
        }
    }
}
