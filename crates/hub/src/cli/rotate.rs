//! `skillsync-hub rotate root|release|manifest`

use std::path::PathBuf;

use clap::ValueEnum;

use crate::app::{Replace, Rotation};
use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::config::Storage;
use crate::db::Role;
use crate::keys::KeyDir;

use super::{Stop, open_db, place, say, warn_missing};

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
    let keys = KeyDir::open(&args.storage.keys_dir())?;
    let rotation = Rotation {
        db: open_db(&args.storage, Role::Tool).await?,
        blobs: Blobs::open(&place(&args.storage)?)?,
        root_keys: args.root_keys.as_deref().map_or(Ok(keys.clone()), KeyDir::open)?,
        keys,
        clock: Clock::system(),
    };
    let what = match args.what {
        What::Root => Replace::Root,
        What::Release => Replace::Release,
        What::Manifest => Replace::Manifest,
    };
    let rotated = rotation.replace(what).await?;
    say(&format!("Root {} is in force. New keys:", rotated.root_version))?;
    for file in &rotated.files {
        say(&format!("  {file}"))?;
    }
    if rotated.statements > 0 {
        say(&format!("Release statements signed again: {}.", rotated.statements))?;
    }
    for (key, error) in &rotated.missing {
        warn_missing(key, error);
    }
    say(
        "A running hub finds them at its next request. On other machines copy them into the folder of keys first.",
    )?;
    rotation.db.close().await;
    Ok(())
}
