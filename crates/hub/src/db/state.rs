//! What machines say they have installed: one row for each key.

use jiff::Timestamp;
use skillsync_wire::text::Owner;

use super::engine::{on, writing};
use super::record::{self, ms};
use super::{Db, Error};
use crate::limits;

/// What one key told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// The id of the key.
    pub key_id: String,
    /// What the key is for.
    pub label: String,
    /// When it told.
    pub reported_at: Timestamp,
    /// What it has, as JSON, as it was given to [`Db::put_state`].
    pub skills_json: String,
}

#[derive(sqlx::FromRow)]
struct Raw {
    key_id: String,
    label: String,
    reported_at: i64,
    skills_json: String,
}

impl Db {
    /// Stores what a key told, in the place of what it told before.
    pub async fn put_state(
        &self,
        key_id: &str,
        reported_at: Timestamp,
        skills_json: &str,
    ) -> Result<(), Error> {
        writing!(self, |conn| {
            sqlx::query(
                "insert into states (key_id, reported_at, skills_json) values ($1, $2, $3) \
                 on conflict (key_id) do update set reported_at = excluded.reported_at, skills_json = excluded.skills_json",
            )
            .bind(key_id)
            .bind(ms(reported_at))
            .bind(record::text("skills_json", skills_json)?)
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(())
        })
    }

    /// What the keys of an account told that are not revoked, sorted by key: the next [`limits::STATES`] after the key `after`,
    /// or fewer, so that they have no more than [`limits::STATES_BYTES`] in all; at least one where there is one.
    pub async fn states_of(&self, account: &Owner, after: Option<&str>) -> Result<Vec<StateRow>, Error> {
        let raws: Vec<Raw> = on!(self, |conn| {
            let rows = sqlx::query_as(
                "with page as (select k.id, k.label, octet_length(t.skills_json) as size from keys k \
                 join states t on t.key_id = k.id where k.account = $1 and k.revoked_at is null \
                 and k.id > coalesce($2, '') order by k.id limit $3), \
                 sized as (select id, label, size, sum(size) over (order by id) as upto from page) \
                 select t.key_id, s.label, t.reported_at, t.skills_json from sized s join states t on t.key_id = s.id \
                 where s.upto <= $4 or s.upto = s.size order by s.id",
            )
            .bind(account.as_str())
            .bind(after)
            .bind(i64::from(limits::STATES))
            .bind(i64::from(limits::STATES_BYTES))
            .fetch_all(&mut *conn)
            .await?;
            Ok::<_, Error>(rows)
        })?;
        raws.into_iter()
            .map(|raw| {
                let reported_at = record::moment("reported_at", raw.reported_at)?;
                Ok(StateRow {
                    key_id: raw.key_id,
                    label: raw.label,
                    reported_at,
                    skills_json: raw.skills_json,
                })
            })
            .collect()
    }
}
