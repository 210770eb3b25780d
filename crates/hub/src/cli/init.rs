//! `skillsync-hub init`

use std::path::PathBuf;

use crate::app::Settings;
use crate::config::{Identity, ManifestTtl, Storage};
use crate::db;
use crate::keys::{KeyDir, Role, private_dir};

use super::{Stop, first_start, open, say};

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    identity: Identity,
    /// Folder for the root keys, which can be taken away from this machine then [default: with the other keys]
    #[arg(long, value_name = "DIR")]
    root_keys: Option<PathBuf>,
}

pub(crate) async fn run(args: InitArgs) -> Result<(), Stop> {
    let InitArgs { storage, identity, root_keys } = args;
    let root_keys = root_keys.map(|dir| KeyDir::open(&dir)).transpose()?;
    // A secret that was lost is made again: signed addresses hold for minutes alone.
    if storage.keys.is_none() {
        private_dir(&storage.data)?;
    }
    let keys = KeyDir::open(&storage.keys_dir())?;
    let held = keys.hold().await?;
    keys.ensure(Role::Url, "url")?;
    drop(held);
    let settings = Settings {
        manifest_ttl_s: ManifestTtl::default().seconds(),
        public_url: identity.public_url.clone(),
        cdn_url: None,
    };
    let opened = open(&storage, &identity, root_keys, settings, db::Role::Tool).await?;
    let address = identity.public_url.clone().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    match &opened.founded {
        Some(_) => first_start(&opened, &address)?,
        None => say(&format!("The hub {} is there already.", opened.app.signer().hub()))?,
    }
    opened.app.close().await;
    Ok(())
}
