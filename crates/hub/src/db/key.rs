//! Keys of the interface: made, looked up at every request, revoked. A key itself is nowhere; its digest is.

use std::fmt;

use jiff::Timestamp;
use skillsync_wire::api::skill::Tier;
use skillsync_wire::text::Owner;

use super::engine::{on, writing};
use super::manifest::{ManifestHead, Stamp};
use super::record::{self, ms};
use super::{By, Db, Error, Page};
use crate::limits;

/// What is known of a key. Its `Debug` does not show the digest of its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id, which names it.
    pub id: String,
    /// The account it acts for.
    pub account: Owner,
    /// SHA-256 of the whole key as it is spelt.
    pub secret_sha256: [u8; 32],
    /// What it is for, in its owner's words.
    pub label: String,
    /// What it may do, separated by spaces.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it holds; none is without end.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
}

impl fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRow")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

/// A key and the account it acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key.
    pub key: KeyRow,
    /// What its account may have.
    pub tier: Tier,
}

/// All that a poll without news needs to know, from one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// Who asks.
    pub caller: Caller,
    /// The state of the catalogue: it grows with every change of what some caller may have.
    pub generation: u64,
    /// The newest manifest of the key's audience.
    pub manifest: Option<ManifestHead>,
}

#[derive(sqlx::FromRow)]
struct Raw {
    id: String,
    account: String,
    secret_sha256: Vec<u8>,
    label: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct RawCaller {
    #[sqlx(flatten)]
    key: Raw,
    tier: i64,
}

#[derive(sqlx::FromRow)]
struct RawContext {
    #[sqlx(flatten)]
    caller: RawCaller,
    generation: i64,
    manifest_version: Option<i64>,
    manifest_generation: Option<i64>,
    manifest_issued_at: Option<i64>,
    manifest_expires_at: Option<i64>,
    manifest_sha256: Option<Vec<u8>>,
}

impl RawContext {
    fn manifest(&mut self) -> Result<Option<ManifestHead>, Error> {
        // A left join: all of them are there, or none.
        let (Some(version), Some(generation), Some(issued_at), Some(expires_at), Some(sha256)) = (
            self.manifest_version,
            self.manifest_generation,
            self.manifest_issued_at,
            self.manifest_expires_at,
            self.manifest_sha256.take(),
        ) else {
            return Ok(None);
        };
        Ok(Some(ManifestHead {
            stamp: Stamp {
                version: record::count("version", version)?,
                generation: record::count("generation", generation)?,
            },
            issued_at: record::moment("issued_at", issued_at)?,
            expires_at: record::moment("expires_at", expires_at)?,
            sha256: record::envelope(sha256)?,
        }))
    }
}

impl TryFrom<Raw> for KeyRow {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Self, Error> {
        Ok(Self {
            id: raw.id,
            account: record::owner(&raw.account)?,
            secret_sha256: record::bytes32("secret_sha256", raw.secret_sha256)?,
            label: raw.label,
            scopes: raw.scopes,
            created_at: record::moment("created_at", raw.created_at)?,
            expires_at: record::maybe_moment("expires_at", raw.expires_at)?,
            revoked_at: record::maybe_moment("revoked_at", raw.revoked_at)?,
            last_used_at: record::maybe_moment("last_used_at", raw.last_used_at)?,
        })
    }
}

impl TryFrom<RawCaller> for Caller {
    type Error = Error;
    fn try_from(raw: RawCaller) -> Result<Self, Error> {
        Ok(Self { key: raw.key.try_into()?, tier: record::tier(raw.tier)? })
    }
}

impl TryFrom<RawContext> for RequestContext {
    type Error = Error;
    fn try_from(mut raw: RawContext) -> Result<Self, Error> {
        Ok(Self {
            manifest: raw.manifest()?,
            caller: raw.caller.try_into()?,
            generation: record::count("generation", raw.generation)?,
        })
    }
}

macro_rules! columns {
    () => {
        "k.id, k.account, k.secret_sha256, k.label, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at"
    };
}

/// The query for the contexts of keys with these ids. The audience of a key is made of its id (`ApiKey::audience`).
macro_rules! contexts {
    ($ids:literal) => {
        concat!(
            "select ",
            columns!(),
            ", a.tier, c.generation, m.version as manifest_version, m.generation as manifest_generation, \
             m.issued_at as manifest_issued_at, m.expires_at as manifest_expires_at, m.sha256 as manifest_sha256 \
             from keys k join accounts a on a.name = k.account cross join catalogue c \
             left join manifests m on m.audience = 'key:' || k.id where k.id in (",
            $ids,
            ")"
        )
    };
}

impl Db {
    /// Stores a new key. False when there is one of its id. Fails when its account is not there.
    pub async fn insert_key(&self, key: &KeyRow) -> Result<bool, Error> {
        writing!(self, |conn| {
            let account = sqlx::query("select name from accounts where name = $1")
                .bind(key.account.as_str())
                .fetch_optional(&mut *conn)
                .await?;
            if account.is_none() {
                return Err(Error::AccountUnknown { name: key.account.to_string() });
            }
            let done = sqlx::query(
                "insert into keys (id, account, secret_sha256, label, scopes, created_at, expires_at, revoked_at, \
                 last_used_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            )
            .bind(&key.id)
            .bind(key.account.as_str())
            .bind(&key.secret_sha256[..])
            .bind(record::text("label", &key.label)?)
            .bind(record::text("scopes", &key.scopes)?)
            .bind(ms(key.created_at))
            .bind(key.expires_at.map(ms))
            .bind(key.revoked_at.map(ms))
            .bind(key.last_used_at.map(ms))
            .execute(&mut *conn)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    /// The key with this id, revoked or expired as it may be, and its account's tier.
    pub async fn key(&self, id: &str) -> Result<Option<Caller>, Error> {
        let raw: Option<RawCaller> = on!(self, |conn| {
            let row = sqlx::query_as(concat!(
                "select ",
                columns!(),
                ", a.tier from keys k join accounts a on a.name = k.account where k.id = $1"
            ))
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
            Ok::<_, Error>(row)
        })?;
        raw.map(Caller::try_from).transpose()
    }

    /// The keys with these ids, revoked or expired as they may be, each with all that a poll needs to know; at most
    /// [`limits::LOOKED_UP`], in no order. What is not there is left out, and a damaged row fails for its key alone.
    pub async fn request_contexts(
        &self,
        ids: &[&str],
    ) -> Result<Vec<(String, Result<RequestContext, Error>)>, Error> {
        let raws: Vec<RawContext> = on!(self, |conn| {
            // One text for one id and one for many: what is left over asks for no key.
            let mut query = match ids.len() {
                0 | 1 => sqlx::query_as(contexts!("$1")),
                _ => sqlx::query_as(contexts!(
                    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
                     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32"
                )),
            };
            let places = if ids.len() < 2 { 1 } else { limits::LOOKED_UP };
            for place in 0..places {
                query = query.bind(ids.get(place).copied().unwrap_or_default());
            }
            Ok::<_, Error>(query.fetch_all(&mut *conn).await?)
        })?;
        Ok(raws.into_iter().map(|raw| (raw.caller.key.id.clone(), RequestContext::try_from(raw))).collect())
    }

    /// The keys of an account, newest first, revoked ones among them.
    pub async fn keys_of(&self, account: &Owner, page: Page) -> Result<Vec<KeyRow>, Error> {
        let raws: Vec<Raw> = on!(self, |conn| {
            let rows = sqlx::query_as(concat!(
                "select ",
                columns!(),
                " from keys k where k.account = $1 order by k.created_at desc, k.id limit $2 offset $3"
            ))
            .bind(account.as_str())
            .bind(page.limit())
            .bind(page.offset())
            .fetch_all(&mut *conn)
            .await?;
            Ok::<_, Error>(rows)
        })?;
        raws.into_iter().map(KeyRow::try_from).collect()
    }

    /// How many keys of an account are neither revoked nor expired.
    pub async fn live_keys(&self, account: &Owner, now: Timestamp) -> Result<u64, Error> {
        let count: i64 = on!(self, |conn| {
            let count = sqlx::query_scalar(
                "select count(*) from keys where account = $1 and revoked_at is null \
                 and (expires_at is null or expires_at > $2)",
            )
            .bind(account.as_str())
            .bind(ms(now))
            .fetch_one(&mut *conn)
            .await?;
            Ok::<_, Error>(count)
        })?;
        record::count("keys", count)
    }

    /// Revokes a key; one that is revoked stays so from when it was. False when `by` has no such key.
    pub async fn revoke_key(&self, by: By<'_>, id: &str, now: Timestamp) -> Result<bool, Error> {
        writing!(self, |conn| {
            let done = sqlx::query(
                "update keys set revoked_at = $2 where id = $1 and account = coalesce($3, account) and revoked_at is null",
            )
            .bind(id)
            .bind(ms(now))
            .bind(by.owner())
            .execute(&mut *conn)
            .await?;
            if done.rows_affected() == 1 {
                sqlx::query("update catalogue set revoked_keys = revoked_keys + 1")
                    .execute(&mut *conn)
                    .await?;
            }
            let there = sqlx::query("select id from keys where id = $1 and account = coalesce($2, account)")
                .bind(id)
                .bind(by.owner())
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(there.is_some())
        })
    }

    /// Notes that a key was used, unless that was noted within the last minute. Whoever has its [`KeyRow`] at hand can spare
    /// itself the call ([`KeyRow::is_touched`]).
    pub async fn touch_key(&self, id: &str, now: Timestamp) -> Result<(), Error> {
        writing!(self, |conn| {
            sqlx::query(
                "update keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $3)",
            )
            .bind(id)
            .bind(ms(now))
            .bind(ms(now) - limits::KEY_TOUCH_MS)
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(())
        })
    }
}

impl KeyRow {
    /// Whether its use was noted within the last minute.
    pub fn is_touched(&self, now: Timestamp) -> bool {
        self.last_used_at.is_some_and(|at| ms(at) > ms(now) - limits::KEY_TOUCH_MS)
    }
}
