//! The start of a hub: the first one makes keys, root, advisories and a key for its administrator; every later one finds
//! them. Several processes may start at once: the database decides who made the first root.

use std::sync::{Arc, RwLock};

use skillsync_core::digest::EnvelopeDigest;
use skillsync_wire::api::key::{KeyCreated, NewKey};
use skillsync_wire::api::skill::Tier;
use skillsync_wire::key::SecretKey;
use skillsync_wire::text::Hub;

use super::advisories::Known;
use super::lookup::Lookup;
use super::manifest::Kept;
use super::shelf::{self, Shelf};
use super::site::Shown;
use super::{App, Error, Settings};
use crate::blobs::{BlobKey, Blobs};
use crate::clock::Clock;
use crate::db::Db;
use crate::keys::{KeyDir, Role};
use crate::limits;
use crate::metrics::Metrics;
use crate::secret;
use crate::signer::Signer;
use crate::signer::roots::{self, ROOT_KEYS};

/// What a hub is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its database.
    pub db: Db,
    /// Its blobs.
    pub blobs: Blobs,
    /// Its keys.
    pub keys: KeyDir,
    /// Where its root keys are made, if not with the others.
    pub root_keys: Option<KeyDir>,
    /// The name that it must have.
    pub name: Option<Hub>,
    /// The name that it gets if it has none.
    pub default_name: Option<Hub>,
    /// The rest of its configuration.
    pub settings: Settings,
    /// Its time.
    pub clock: Clock,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

/// A hub that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The hub.
    pub app: App,
    /// What was made, if this was its first start.
    pub founded: Option<Founded>,
    /// The digest of its first root, by which clients trust it.
    pub first_root: EnvelopeDigest,
}

/// What the first start of a hub made.
#[derive(Debug)]
pub struct Founded {
    /// The key of its administrator, which is shown this one time.
    pub admin: KeyCreated,
}

impl App {
    /// Opens a hub, and makes what is not there yet. Fails by name when the keys are not those of the database's root.
    pub async fn open(parts: Parts) -> Result<Opened, Error> {
        let Parts { db, blobs, keys, root_keys, name, default_name, settings, clock, metrics } = parts;
        let is_first = match db.last_root().await? {
            Some(_) => false,
            None => {
                let _held = keys.hold().await?;
                let hub = match name.clone().or(default_name) {
                    Some(hub) => hub,
                    None => made_up_name()?,
                };
                found(&db, &keys, root_keys.as_ref().unwrap_or(&keys), hub, &clock).await?
            }
        };
        let (version, envelope) = db.last_root().await?.ok_or(Error::NotFounded)?;
        let signer = Signer::open(&envelope, &keys)?;
        if let Some(asked) = name.filter(|asked| asked != signer.hub()) {
            return Err(Error::OtherName { is: signer.hub().clone(), asked });
        }
        // Roots lie in the blobs for others to serve. What was killed left none: clients walk them one by one.
        for version in 1..=version {
            shelf::put(&db, &blobs, &BlobKey::Root(version)).await?;
        }
        metrics.root_expires(signer.root().expires.timestamp().as_second());
        let app = App {
            shelf: Shelf::new(db.clone(), blobs.clone()),
            signer: RwLock::new(Arc::new(signer)),
            kept: Kept::default(),
            making: tokio::sync::Semaphore::new(limits::MANIFESTS_AT_ONCE),
            lookup: Lookup::default(),
            in_force: Known::default(),
            shown: Shown::default(),
            was_ready: tokio::sync::Mutex::default(),
            db,
            blobs,
            keys,
            clock,
            settings,
            metrics,
        };
        let advisories = app.current_advisories().await?;
        shelf::put(&app.db, &app.blobs, &advisories.key()).await?;
        let first = app.db.root(1).await?.ok_or(Error::NotFounded)?;
        let first_root = EnvelopeDigest::of(&first);
        let founded = if is_first { Some(Founded { admin: app.first_key().await? }) } else { None };
        Ok(Opened { app, founded, first_root })
    }

    async fn first_key(&self) -> Result<KeyCreated, Error> {
        self.create_key_as_operator(&NewKey {
            label: "made at the first start".to_owned(),
            scopes: vec!["admin".to_owned()],
            account: Some("admin".to_owned()),
            tier: Some(Tier::Operator),
            expires_at: None,
        })
        .await
    }
}

/// Makes the keys that are not there, and the first root. False when another process made it first.
async fn found(db: &Db, keys: &KeyDir, root_keys: &KeyDir, hub: Hub, clock: &Clock) -> Result<bool, Error> {
    let release = keys.ensure(Role::Release, "release")?;
    let manifest = keys.ensure(Role::Manifest, "manifest")?;
    keys.ensure(Role::Url, "url")?;
    let names = (1..=ROOT_KEYS).map(|number| format!("root-{number}"));
    let root =
        names.map(|name| root_keys.ensure(Role::Root, &name)).collect::<Result<Vec<SecretKey>, _>>()?;
    let (_, issued) = roots::first(hub, clock.now(), &root, &release, &manifest)?;
    Ok(db.put_root(1, &issued.envelope).await?)
}

/// A name for a hub that was given none. Names are compared and never looked up.
fn made_up_name() -> Result<Hub, Error> {
    let name = format!("https://hub-{}.local", hex::encode(secret::random::<4>()?));
    Hub::parse(&name).map_err(|rule| Error::Field { field: "name", rule })
}
