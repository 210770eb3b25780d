//! `skillsync login URL|NAME`

use std::io::{self, Write};

use skillsync_client::credentials::{self, ApiKey, KEY_BYTES, Origin};

use crate::cli::{Cx, complete};
use crate::ops;
use crate::ops::login::{LoggedIn, check, find, store};
use crate::ops::network::{self, Network};
use crate::ui::{Exit, Screen, Show, Stop};

/// Store your key for a hub
///
/// Asks for the key, or reads it from standard input where that is no terminal, or takes SKILLSYNC_API_KEY. The
/// hub is asked whether it knows the key; then it is stored in a file that you alone may read. It is never shown.
#[derive(Debug, clap::Args)]
pub(crate) struct LoginArgs {
    /// Name or address of the source
    #[arg(value_name = "SOURCE", add = complete::sources())]
    pub(crate) source: String,
}

pub(crate) fn run(cx: &mut Cx<'_>, args: &LoginArgs) -> Result<Exit, Stop> {
    let opened = ops::open(cx.world)?;
    let config = find(opened.config(), &args.source)?;
    let key = key(cx, &opened, &config.name)?;
    let network = if cx.globals.offline { Network::Off } else { Network::Allowed };
    let door = match network {
        Network::Allowed => Some(network.door("a login")?),
        Network::Off => None,
    };
    let report = check(config, &key, door.as_deref())?;
    if cx.globals.dry_run {
        cx.ui.show(&report)?;
        return Ok(Exit::Done);
    }
    let report = ops::write(&opened, |writing, _| store(writing, &key, report))?;
    cx.ui.show(&report)?;
    if !report.checked {
        cx.ui.note("the hub was not asked about the key");
    }
    Ok(Exit::Done)
}

/// A variable, else a person, else standard input.
fn key(
    cx: &mut Cx<'_>,
    store: &skillsync_store::store::Store,
    name: &skillsync_core::name::SourceName,
) -> Result<ApiKey, Stop> {
    let var = |variable: &str| network::variable(cx.world, variable);
    if let Some((key, Origin::Variable(variable))) = credentials::from_variable(store.config(), name, &var)? {
        cx.ui.note(format!("the key is that of {variable}"));
        return Ok(key);
    }
    Ok(credentials::typed(&cx.ui.secret(&format!("key for {name}"), KEY_BYTES)?)?)
}

impl Show for LoggedIn {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let stored = if self.dry_run { "would be stored" } else { "stored" };
        write!(out, "{}: key {} {stored}", self.name, self.key)?;
        if let Some(account) = &self.account {
            write!(out, ", account {account}, may {}", self.scopes.join(", "))?;
        }
        if let Some(until) = &self.expires_at {
            write!(out, ", until {until}")?;
        }
        writeln!(out)
    }
}
