//! `skillsync-hub floor SLUG VERSION`: nobody may use an older release any more.

use semver::Version;
use skillsync_core::name::SkillName;

use crate::app::Settings;
use crate::config::{Identity, ManifestTtl, Storage};
use crate::db::Role;

use super::{Stop, first_start, open, say, warn_missing};

#[derive(Debug, clap::Args)]
pub(crate) struct FloorArgs {
    #[command(flatten)]
    storage: Storage,
    /// Skill
    #[arg(value_name = "SLUG", value_parser = slug)]
    slug: SkillName,
    /// The lowest version that may be used; it never sinks again
    #[arg(value_name = "VERSION")]
    version: Version,
}

fn slug(text: &str) -> Result<SkillName, String> {
    SkillName::parse(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(args: FloorArgs) -> Result<(), Stop> {
    let FloorArgs { storage, slug, version } = args;
    let settings =
        Settings { manifest_ttl_s: ManifestTtl::default().seconds(), public_url: None, cdn_url: None };
    let opened = open(&storage, &Identity::default(), None, settings, Role::Tool).await?;
    first_start(&opened, "http://127.0.0.1:8080")?;
    let floor = opened.app.raise_floor_as_operator(&slug, &version).await?;
    opened.app.close().await;
    if let Some((key, error)) = &floor.missing {
        warn_missing(key, error);
    }
    say(&if floor.is_raised {
        format!("Nothing of {slug} before {version} may be used any more.")
    } else {
        format!("The floor of {slug} is there already, or higher.")
    })
}
