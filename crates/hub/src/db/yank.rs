//! What is taken back: releases yanked or revoked, skills deprecated, floors below which nobody may go.

use jiff::Timestamp;
use semver::Version;
use skillsync_core::name::SkillName;

use super::engine::writing;
use super::record::{self, int, ms, text};
use super::{By, Db, Error};
use crate::limits;

/// How many statements are revoked, and how many of them are of the owner of the skill `$1`: each that advisories name.
const REVOKED: &str = "select count(*), \
     coalesce(sum(case when s.owner = (select owner from skills where slug = $1) then 1 else 0 end), 0) from (\
     select slug from releases where revoked union all \
     select f.slug from former_statements f join releases r on r.slug = f.slug and r.seq = f.seq where r.revoked) known \
     join skills s on s.slug = known.slug";

/// Finds the newest release of the skill `$1` that is not yanked.
const HEAD: &str = "update skills set head_seq = \
     (select max(seq) from releases where slug = $1 and yanked_at is null) where slug = $1";

/// A release that is to be taken back.
#[derive(Debug, Clone, Copy)]
pub struct YankOrder<'a> {
    /// The skill.
    pub slug: &'a SkillName,
    /// The version.
    pub version: &'a Version,
    /// Why.
    pub reason: &'a str,
    /// Whether machines that have it must stop using it, too.
    pub revoke: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yanked {
    /// It is taken back now.
    Done {
        /// The state of the catalogue without it.
        generation: u64,
    },
    /// It was taken back before, in the same way.
    Already,
    /// There is no such release of such an owner.
    NotFound,
}

/// Fails when so many statements are more than may be revoked.
fn has_room(by: By<'_>, all: u64, of_owner: u64) -> Result<(), Error> {
    let is_owner = by.owner().is_some();
    let most = if is_owner { limits::REVOKED_BY_OWNERS } else { limits::REVOKED };
    if is_owner && of_owner > limits::REVOKED_OF_ACCOUNT {
        return Err(Error::TooManyRevoked { most: limits::REVOKED_OF_ACCOUNT, is_of_account: true });
    }
    if all > most { Err(Error::TooManyRevoked { most, is_of_account: false }) } else { Ok(()) }
}

impl Db {
    /// Takes a release back: no new install gets it. What was yanked stays so, with its first reason; it can be revoked
    /// afterwards, and then has that reason. Fails with [`Error::TooManyRevoked`] before there is more than advisories have room for.
    pub async fn yank(&self, by: By<'_>, order: &YankOrder<'_>, now: Timestamp) -> Result<Yanked, Error> {
        let (slug, version) = (order.slug.as_str(), order.version.to_string());
        let done: Result<i64, Yanked> = writing!(self, |conn| {
            // Takes the skill's row before that of the release, as everybody does.
            let found = sqlx::query(
                "update skills set slug = slug where slug = $1 and owner = coalesce($2, owner) \
                 and exists (select 1 from releases r where r.slug = $1 and r.version = $3)",
            )
            .bind(slug)
            .bind(by.owner())
            .bind(&version)
            .execute(&mut *conn)
            .await?;
            if found.rows_affected() == 0 {
                return Ok(Err(Yanked::NotFound));
            }
            let changed = sqlx::query(
                "update releases set yanked_at = coalesce(yanked_at, $3), revoked = revoked or $5, \
                 yank_reason = case when yank_reason is null or $5 then $4 else yank_reason end \
                 where slug = $1 and version = $2 and (yanked_at is null or ($5 and not revoked))",
            )
            .bind(slug)
            .bind(&version)
            .bind(ms(now))
            .bind(text("reason", order.reason)?)
            .bind(order.revoke)
            .execute(&mut *conn)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(Err(Yanked::Already));
            }
            sqlx::query(HEAD).bind(slug).execute(&mut *conn).await?;
            let generation = sqlx::query_scalar(
                "update catalogue set generation = generation + 1, warnings = warnings + $1 returning generation",
            )
            .bind(i64::from(order.revoke))
            .fetch_one(&mut *conn)
            .await?;
            if order.revoke {
                // Counted once the row of the catalogue is held: who revokes at the same time waits, and is counted.
                let (all, of_owner): (i64, i64) =
                    sqlx::query_as(REVOKED).bind(slug).fetch_one(&mut *conn).await?;
                let (all, of_owner) = (record::count("revoked", all)?, record::count("revoked", of_owner)?);
                has_room(by, all, of_owner)?;
            }
            Ok::<_, Error>(Ok(generation))
        })?;
        match done {
            Ok(generation) => Ok(Yanked::Done { generation: record::count("generation", generation)? }),
            Err(other) => Ok(other),
        }
    }

    /// Says that a skill should not be used any more, and why, and what to use in its place; no reason takes that back. False
    /// when `by` has no such skill. What a caller may have does not change.
    pub async fn deprecate(
        &self,
        by: By<'_>,
        slug: &SkillName,
        reason: Option<&str>,
        replaced_by: Option<&SkillName>,
    ) -> Result<bool, Error> {
        writing!(self, |conn| {
            let done = sqlx::query(
                "update skills set deprecated = $2, replaced_by = $3 where slug = $1 and owner = coalesce($4, owner)",
            )
            .bind(slug.as_str())
            .bind(reason.map(|reason| text("reason", reason)).transpose()?)
            .bind(replaced_by.filter(|_| reason.is_some()).map(SkillName::as_str))
            .bind(by.owner())
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(done.rows_affected() == 1)
        })
    }

    /// Raises the lowest release of a skill that may be used to `seq`; a floor never sinks. What is below it counts as yanked,
    /// so that nobody is offered what they would refuse. False when `by` has no such skill or its floor is there already.
    /// Fails with [`Error::TooManyFloors`] before there are more than advisories have room for.
    pub async fn set_floor(
        &self,
        by: By<'_>,
        slug: &SkillName,
        seq: u64,
        now: Timestamp,
    ) -> Result<bool, Error> {
        writing!(self, |conn| {
            let done = sqlx::query(
                "update skills set floor_seq = $2 where slug = $1 and owner = coalesce($3, owner) \
                 and coalesce(floor_seq, 1) < $2 and last_seq >= $2",
            )
            .bind(slug.as_str())
            .bind(int(seq))
            .bind(by.owner())
            .execute(&mut *conn)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(
                "update releases set yanked_at = $3, yank_reason = 'below the floor' \
                 where slug = $1 and seq < $2 and yanked_at is null",
            )
            .bind(slug.as_str())
            .bind(int(seq))
            .bind(ms(now))
            .execute(&mut *conn)
            .await?;
            sqlx::query(HEAD).bind(slug.as_str()).execute(&mut *conn).await?;
            sqlx::query("update catalogue set generation = generation + 1, warnings = warnings + 1")
                .execute(&mut *conn)
                .await?;
            let floors: i64 = sqlx::query_scalar("select count(*) from skills where floor_seq is not null")
                .fetch_one(&mut *conn)
                .await?;
            if record::count("floors", floors)? > limits::FLOORS {
                return Err(Error::TooManyFloors { most: limits::FLOORS });
            }
            Ok::<_, Error>(true)
        })
    }
}
