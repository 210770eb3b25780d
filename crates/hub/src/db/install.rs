//! Which key installed what.

use jiff::Timestamp;
use skillsync_core::name::SkillName;
use skillsync_wire::text::Audience;

use super::engine::{on, writing};
use super::record::{self, ms};
use super::{Db, Error};
use crate::db::search;

impl Db {
    /// Notes that a key installed a skill: counted once for each key. True when this was the first time; the manifest of
    /// `audience`, the key's, then counts as out of date, since what a key installed comes first in it.
    pub async fn count_install(
        &self,
        key_id: &str,
        audience: &Audience,
        slug: &SkillName,
        now: Timestamp,
    ) -> Result<bool, Error> {
        // Most installs are updates, which need not queue up to write.
        let known: Option<i64> = on!(self, |conn| {
            let at = sqlx::query_scalar("select installed_at from installs where key_id = $1 and slug = $2")
                .bind(key_id)
                .bind(slug.as_str())
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(at)
        })?;
        if known.is_some() {
            return Ok(false);
        }
        writing!(self, |conn| {
            let done = sqlx::query(
                "insert into installs (key_id, slug, installed_at) values ($1, $2, $3) on conflict do nothing",
            )
            .bind(key_id)
            .bind(slug.as_str())
            .bind(ms(now))
            .execute(&mut *conn)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            let (installs, quality): (i64, f64) = sqlx::query_as(
                "update skills set installs = installs + 1 where slug = $1 returning installs, quality_score",
            )
            .bind(slug.as_str())
            .fetch_one(&mut *conn)
            .await?;
            sqlx::query("update skills set popularity = $2 where slug = $1")
                .bind(slug.as_str())
                .bind(search::popularity(quality, record::count("installs", installs)?))
                .execute(&mut *conn)
                .await?;
            sqlx::query("update manifests set generation = 0 where audience = $1")
                .bind(audience.as_str())
                .execute(&mut *conn)
                .await?;
            Ok::<_, Error>(true)
        })
    }
}
