//! Keys of the interface: who asks, and making, listing and revoking keys. A key never opens more than the one it was
//! made with.

use std::fmt;
use std::sync::Arc;

use skillsync_core::name::SkillName;
use skillsync_wire::api::key::{ApiKey, KeyCreated, KeyInfo, KeyList, NewKey};
use skillsync_wire::api::skill::Tier;
use skillsync_wire::json::Time;
use skillsync_wire::text::{Audience, Line, Owner};

use super::lookup::Found;
use super::{App, Error};
use crate::clock::after;
use crate::db::{By, KeyRow, Page, RequestContext, Viewer};
use crate::{limits, secret};

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Ask what there is and install it.
    Read,
    /// Publish any skill of its account, and manage the account's keys.
    Publish,
    /// Publish this one.
    PublishOne(SkillName),
    /// Manage accounts and take back anything. It does not show what is private to others.
    Admin,
}

impl Scope {
    fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "read" => Ok(Scope::Read),
            "publish" => Ok(Scope::Publish),
            "admin" => Ok(Scope::Admin),
            _ => {
                let slug = text.strip_prefix("publish:").and_then(|slug| SkillName::parse(slug).ok());
                slug.map(Scope::PublishOne).ok_or_else(|| Error::KeyRefused {
                    reason: "a scope is `read`, `publish`, `publish:SLUG` or `admin`".to_owned(),
                })
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Read => f.write_str("read"),
            Scope::Publish => f.write_str("publish"),
            Scope::PublishOne(slug) => write!(f, "publish:{slug}"),
            Scope::Admin => f.write_str("admin"),
        }
    }
}

/// Somebody with a key that holds.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) context: Arc<RequestContext>,
    /// Whether that is from memory; see [`Found`].
    pub(super) is_remembered: bool,
    pub(super) audience: Audience,
    scopes: Vec<Scope>,
}

impl Caller {
    /// The id of the key.
    pub fn key_id(&self) -> &str {
        &self.context.caller.key.id
    }

    /// The account that it acts for.
    pub fn account(&self) -> &Owner {
        &self.context.caller.key.account
    }

    /// What the account may have.
    pub fn tier(&self) -> Tier {
        self.context.caller.tier
    }

    /// Whether it may do this. `admin` may what `read` and `publish` may, for its own account.
    pub fn may(&self, scope: &Scope) -> bool {
        let has = |scope: &Scope| self.scopes.contains(scope);
        has(&Scope::Admin) || has(scope) || (matches!(scope, Scope::PublishOne(_)) && has(&Scope::Publish))
    }

    /// Fails unless it may do this.
    pub fn require(&self, scope: &Scope) -> Result<(), Error> {
        if self.may(scope) { Ok(()) } else { Err(Error::ScopeMissing { scope: scope.to_string() }) }
    }

    /// Whose things it may change.
    pub(super) fn by(&self) -> By<'_> {
        if self.may(&Scope::Admin) { By::Admin } else { By::Account(self.account()) }
    }

    /// Who looks.
    pub(super) fn viewer(&self) -> Viewer<'_> {
        Viewer { account: self.account(), tier: self.tier(), key_id: self.key_id() }
    }
}

impl App {
    /// The caller who shows `key`, if it is one of this hub's and holds now. The database is asked each time, so that a key that
    /// is revoked opens nothing from then on. A secret is compared in a time that tells nothing of it; ids are no secret.
    pub async fn authenticate(&self, key: &ApiKey) -> Result<Option<Caller>, Error> {
        let audience = key.audience();
        let found = self.lookup.context(&self.db, key.id()).await.map_err(Error::Lookup)?;
        let stored = found.as_ref().map_or([0; 32], |found| found.context.caller.key.secret_sha256);
        let is_same = secret::same(&secret::key_hash(key), &stored);
        let Some(Found { context, is_remembered }) = found.filter(|_| is_same) else { return Ok(None) };
        let (row, now) = (&context.caller.key, self.clock.timestamp());
        if row.revoked_at.is_some() || row.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        if !row.is_touched(now) {
            self.lookup.forget(&row.id);
            let (db, id) = (self.db.clone(), row.id.clone());
            // Nobody waits for this, and a use that is not noted costs nothing.
            tokio::spawn(async move {
                if let Err(error) = db.touch_key(&id, now).await {
                    tracing::debug!("the use of a key was not noted: {error}");
                }
            });
        }
        let scopes = row.scopes.split_whitespace().map(Scope::parse).collect::<Result<_, _>>()?;
        Ok(Some(Caller { audience, scopes, context, is_remembered }))
    }

    /// Makes a key on behalf of `caller`, who must be able to do all that it can, and for as long.
    pub async fn create_key(&self, caller: &Caller, new: &NewKey) -> Result<KeyCreated, Error> {
        caller.require(&Scope::Publish)?;
        let account = match &new.account {
            None => caller.account().clone(),
            Some(name) => account_name(name)?,
        };
        if account != *caller.account() || new.tier.is_some() {
            caller.require(&Scope::Admin)?;
        }
        let mut scopes = scopes(new)?;
        if let Some(scope) = scopes.iter().find(|scope| !caller.may(scope)) {
            return Err(Error::ScopeMissing { scope: scope.to_string() });
        }
        scopes.dedup();
        let own_end = caller.context.caller.key.expires_at.map(Time::of);
        let expires_at = self.expiry(new, &scopes);
        let expires_at = match (expires_at, own_end) {
            (Some(asked), Some(end)) => Some(asked.min(end)),
            (asked, end) => asked.or(end),
        };
        self.make_key(account, new, &scopes, expires_at).await
    }

    /// Makes a key for whoever holds the hub itself. The account is made where it is not there.
    pub async fn create_key_as_operator(&self, new: &NewKey) -> Result<KeyCreated, Error> {
        let account = account_name(new.account.as_deref().unwrap_or("admin"))?;
        let scopes = scopes(new)?;
        self.make_key(account, new, &scopes, self.expiry(new, &scopes)).await
    }

    fn expiry(&self, new: &NewKey, scopes: &[Scope]) -> Option<Time> {
        let publishes = |scope: &Scope| matches!(scope, Scope::Publish | Scope::PublishOne(_));
        let default = || after(self.clock.now(), limits::PUBLISH_KEY_TTL_S);
        new.expires_at.or_else(|| scopes.iter().any(publishes).then(default))
    }

    async fn make_key(
        &self,
        account: Owner,
        new: &NewKey,
        scopes: &[Scope],
        expires_at: Option<Time>,
    ) -> Result<KeyCreated, Error> {
        let now = self.clock.timestamp();
        if expires_at.is_some_and(|at| at.timestamp() <= now) {
            return Err(Error::KeyRefused { reason: "it would have expired already".to_owned() });
        }
        let label = new.label.trim();
        if !label.is_empty() && (label.len() > limits::LABEL_BYTES || Line::parse(label).is_err()) {
            let rule = format!("a label is one line of at most {} bytes", limits::LABEL_BYTES);
            return Err(Error::Field { field: "label", rule });
        }
        self.db.ensure_account(&account, new.tier.unwrap_or(Tier::Free), now).await?;
        if let Some(tier) = new.tier {
            self.db.set_tier(&account, tier).await?;
        }
        if self.db.live_keys(&account, now).await? >= limits::KEYS {
            return Err(Error::TooManyKeys { account: account.to_string() });
        }
        let scopes: Vec<String> = scopes.iter().map(Scope::to_string).collect();
        loop {
            let key = secret::api_key()?;
            let row = KeyRow {
                id: key.id().to_owned(),
                account: account.clone(),
                secret_sha256: secret::key_hash(&key),
                label: label.to_owned(),
                scopes: scopes.join(" "),
                created_at: now,
                expires_at: expires_at.map(Time::timestamp),
                revoked_at: None,
                last_used_at: None,
            };
            // An id that is taken is drawn again: there are 62^12.
            if self.db.insert_key(&row).await? {
                return Ok(KeyCreated { key: key.expose().to_owned(), info: info(&row) });
            }
        }
    }

    /// The keys of the caller's account, newest first.
    pub async fn list_keys(&self, caller: &Caller, page: Page) -> Result<KeyList, Error> {
        caller.require(&Scope::Publish)?;
        self.list_keys_of(caller.account(), page).await
    }

    /// The keys of an account, newest first, for whoever holds the hub itself.
    pub async fn list_keys_of(&self, account: &Owner, page: Page) -> Result<KeyList, Error> {
        let keys = self.db.keys_of(account, page).await?;
        Ok(KeyList { keys: keys.iter().map(info).collect() })
    }

    /// Revokes a key of the caller's account; an administrator those of every account, and any key itself.
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        if id != caller.key_id() {
            caller.require(&Scope::Publish)?;
        }
        self.revoke(caller.by(), id).await
    }

    /// Revokes a key, for whoever holds the hub itself.
    pub async fn revoke_key_as_operator(&self, id: &str) -> Result<(), Error> {
        self.revoke(By::Admin, id).await
    }

    async fn revoke(&self, by: By<'_>, id: &str) -> Result<(), Error> {
        // What is no id is not looked for, and not repeated.
        let is_id = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let not_found = || Error::KeyNotFound { id: if is_id { id.to_owned() } else { String::new() } };
        if !is_id || !self.db.revoke_key(by, id, self.clock.timestamp()).await? {
            return Err(not_found());
        }
        Ok(())
    }
}

/// Reads the name of an account.
pub fn account_name(text: &str) -> Result<Owner, Error> {
    Owner::parse(text).map_err(|rule| Error::Field { field: "account", rule })
}

fn scopes(new: &NewKey) -> Result<Vec<Scope>, Error> {
    if new.scopes.len() > limits::SCOPES {
        return Err(Error::KeyRefused { reason: format!("a key has at most {} scopes", limits::SCOPES) });
    }
    if new.scopes.is_empty() {
        return Ok(vec![Scope::Read]);
    }
    new.scopes.iter().map(|scope| Scope::parse(scope)).collect()
}

fn info(row: &KeyRow) -> KeyInfo {
    KeyInfo {
        id: row.id.clone(),
        account: row.account.to_string(),
        label: row.label.clone(),
        scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
        created_at: Time::of(row.created_at),
        expires_at: row.expires_at.map(Time::of),
        last_used_at: row.last_used_at.map(Time::of),
        revoked_at: row.revoked_at.map(Time::of),
    }
}
