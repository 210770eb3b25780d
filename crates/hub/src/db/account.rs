//! Accounts: a name and a tier.

use jiff::Timestamp;
use skillsync_wire::api::skill::Tier;
use skillsync_wire::text::Owner;

use super::engine::{on, writing};
use super::record::{self, ms, rank};
use super::{Db, Error};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: Owner,
    /// What it may have.
    pub tier: Tier,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Raw {
    name: String,
    tier: i64,
    created_at: i64,
}

impl TryFrom<Raw> for AccountRow {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Self, Error> {
        Ok(Self {
            name: record::owner(&raw.name)?,
            tier: record::tier(raw.tier)?,
            created_at: record::moment("created_at", raw.created_at)?,
        })
    }
}

impl Db {
    /// The account `name`, made with `tier` where there is none; one that is there keeps its tier.
    pub async fn ensure_account(
        &self,
        name: &Owner,
        tier: Tier,
        now: Timestamp,
    ) -> Result<AccountRow, Error> {
        let raw: Raw = writing!(self, |conn| {
            sqlx::query(
                "insert into accounts (name, tier, created_at) values ($1, $2, $3) on conflict do nothing",
            )
            .bind(name.as_str())
            .bind(rank(tier))
            .bind(ms(now))
            .execute(&mut *conn)
            .await?;
            let row = sqlx::query_as("select name, tier, created_at from accounts where name = $1")
                .bind(name.as_str())
                .fetch_one(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        raw.try_into()
    }

    /// The account `name`.
    pub async fn account(&self, name: &Owner) -> Result<Option<AccountRow>, Error> {
        let raw: Option<Raw> = on!(self, |conn| {
            let row = sqlx::query_as("select name, tier, created_at from accounts where name = $1")
                .bind(name.as_str())
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        raw.map(AccountRow::try_from).transpose()
    }

    /// Gives the account another tier, which changes what its keys may have. False when there is no such account.
    pub async fn set_tier(&self, name: &Owner, tier: Tier) -> Result<bool, Error> {
        writing!(self, |conn| {
            let set =
                sqlx::query("update accounts set tier = $2 where name = $1 and tier <> $2 returning name")
                    .bind(name.as_str())
                    .bind(rank(tier))
                    .fetch_optional(&mut *conn)
                    .await?;
            if set.is_some() {
                sqlx::query("update catalogue set generation = generation + 1").execute(&mut *conn).await?;
            }
            let there = sqlx::query("select name from accounts where name = $1")
                .bind(name.as_str())
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(there.is_some())
        })
    }
}
