//! `skillsync-hub rotate root|release|manifest`

use std::path::PathBuf;

use clap::ValueEnum;

use crate::app::{Replace, Settings};
use crate::config::{Identity, ManifestTtl, Storage};
use crate::db::Role;
use crate::keys::KeyDir;

use super::{Stop, first_start, open, say};

#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// Which keys are replaced
    #[arg(value_enum)]
    what: What,
    #[command(flatten)]
    storage: Storage,
    /// Folder of the root keys [default: with the other keys]
    #[arg(long, value_name = "DIR")]
    root_keys: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The three root keys
    Root,
    /// The release key; every release that still counts is signed again
    Release,
    /// The manifest key
    Manifest,
}

pub(crate) async fn run(args: RotateArgs) -> Result<(), Stop> {
    let settings =
        Settings { manifest_ttl_s: ManifestTtl::default().seconds(), public_url: None, cdn_url: None };
    let opened = open(&args.storage, &Identity::default(), None, settings, Role::Tool).await?;
    first_start(&opened, "http://127.0.0.1:8080")?;
    let root_keys = KeyDir::open(&args.root_keys.unwrap_or_else(|| args.storage.keys_dir()))?;
    let what = match args.what {
        What::Root => Replace::Root,
        What::Release => Replace::Release,
        What::Manifest => Replace::Manifest,
    };
    let rotated = opened.app.rotate(what, &root_keys).await?;
    say(&format!("Root {} is in force. New keys:", rotated.root_version))?;
    for file in &rotated.files {
        say(&format!("  {file}"))?;
    }
    if rotated.statements > 0 {
        say(&format!("Release statements signed again: {}.", rotated.statements))?;
    }
    say(
        "A running hub finds them at its next request. On other machines copy them into the folder of keys first.",
    )?;
    opened.app.close().await;
    Ok(())
}
