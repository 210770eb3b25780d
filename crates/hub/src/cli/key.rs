//! `skillsync-hub key create`, `list` and `revoke`: for whoever holds the hub itself.

use crate::app::Settings;
use crate::app::keys::account_name;
use crate::config::{Identity, ManifestTtl, Storage};
use crate::db::{Page, Role};
use skillsync_wire::api::key::{KeyInfo, NewKey};
use skillsync_wire::api::skill::Tier;
use skillsync_wire::json::Time;

use super::{Stop, first_start, open, say};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key and print it, this one time
    Create(CreateArgs),
    /// List the keys of an account
    List(ListArgs),
    /// Revoke a key, in force at once
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    storage: Storage,
    /// Account that the key acts for; made where it is not there
    #[arg(long, value_name = "NAME", default_value = "admin")]
    account: String,
    /// What the key may do: `read`, `publish`, `publish:SLUG`, `admin`
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_value = "read")]
    scopes: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// Tier of the account: free, pro, operator
    #[arg(long, value_name = "TIER", value_parser = tier)]
    tier: Option<Tier>,
    /// Until when it holds: `2027-01-01T00:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Time>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    storage: Storage,
    /// Account
    #[arg(long, value_name = "NAME", default_value = "admin")]
    account: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    storage: Storage,
    /// Id of the key
    #[arg(value_name = "ID")]
    id: String,
}

fn tier(text: &str) -> Result<Tier, String> {
    text.parse().map_err(|_| "a tier is free, pro or operator".to_owned())
}

fn time(text: &str) -> Result<Time, String> {
    text.parse()
}

pub(crate) async fn run(verb: KeyVerb) -> Result<(), Stop> {
    let storage = match &verb {
        KeyVerb::Create(args) => &args.storage,
        KeyVerb::List(args) => &args.storage,
        KeyVerb::Revoke(args) => &args.storage,
    };
    let settings =
        Settings { manifest_ttl_s: ManifestTtl::default().seconds(), public_url: None, cdn_url: None };
    let opened = open(storage, &Identity::default(), None, settings, Role::Tool).await?;
    first_start(&opened, "http://127.0.0.1:8080")?;
    let app = &opened.app;
    match verb {
        KeyVerb::Create(args) => {
            let created = app
                .create_key_as_operator(&NewKey {
                    label: args.label,
                    scopes: args.scopes,
                    expires_at: args.expires,
                    account: Some(args.account),
                    tier: args.tier,
                })
                .await?;
            say(&created.key)?;
        }
        KeyVerb::List(args) => {
            let account = account_name(&args.account)?;
            for number in 1.. {
                let keys = app.list_keys_of(&account, Page::of(number, u32::MAX)).await?.keys;
                if keys.is_empty() {
                    break;
                }
                for key in &keys {
                    say(&line(key))?;
                }
            }
        }
        KeyVerb::Revoke(args) => {
            app.revoke_key_as_operator(&args.id).await?;
            say(&format!("The key {} is revoked.", args.id))?;
        }
    }
    app.close().await;
    Ok(())
}

fn line(key: &KeyInfo) -> String {
    let state = match (&key.revoked_at, &key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "no end".to_owned(),
    };
    let used = key.last_used_at.map_or("never used".to_owned(), |at| format!("used {at}"));
    format!("{}  {}  {state}  {used}  {}", key.id, key.scopes.join(","), key.label)
}
