//! What is taken back: releases yanked or revoked, skills deprecated, floors below which nobody may go.

use jiff::Timestamp;
use semver::Version;
use skillsync_core::name::SkillName;

use super::engine::writing;
use super::record::{self, int, ms, text};
use super::{By, Db, Error};

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

impl Db {
    /// Takes a release back: no new install gets it. What was yanked stays so, with its first reason; it can be revoked
    /// afterwards, and then has that reason.
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
            sqlx::query(
                "update skills set head_seq = (select max(seq) from releases where slug = $1 and yanked_at is null) \
                 where slug = $1",
            )
            .bind(slug)
            .execute(&mut *conn)
            .await?;
            let generation = sqlx::query_scalar(
                "update catalogue set generation = generation + 1, warnings = warnings + $1 returning generation",
            )
            .bind(i64::from(order.revoke))
            .fetch_one(&mut *conn)
            .await?;
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

    /// Raises the lowest release of a skill that may be used to `seq`; a floor never sinks. False when `by` has no such skill
    /// or its floor is there already.
    pub async fn set_floor(&self, by: By<'_>, slug: &SkillName, seq: u64) -> Result<bool, Error> {
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
            let raised = done.rows_affected() == 1;
            if raised {
                sqlx::query("update catalogue set generation = generation + 1, warnings = warnings + 1")
                    .execute(&mut *conn)
                    .await?;
            }
            Ok::<_, Error>(raised)
        })
    }
}
