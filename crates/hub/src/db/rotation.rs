//! The release key replaced: every statement that still counts is put in the place of the one before it, together with the
//! root that says so, in one step.

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::SkillName;

use super::engine::{on, writing};
use super::record::{self, int, ms};
use super::{AdvisoriesRow, Db, Error};

/// A release and its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// The skill.
    pub slug: SkillName,
    /// The number of the release.
    pub seq: u64,
    /// The digest of its statement in its envelope.
    pub release_sha256: EnvelopeDigest,
    /// Whether it must not be used: then it keeps the statement by which it is known as such.
    pub revoked: bool,
}

/// A statement signed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStatement {
    /// The skill.
    pub slug: SkillName,
    /// The number of the release.
    pub seq: u64,
    /// The digest of its statement in its envelope.
    pub release_sha256: EnvelopeDigest,
    /// The size of its statement in its envelope.
    pub release_size: u64,
    /// The signature of its statement, in base64.
    pub signature: String,
}

/// A root with a new release key.
#[derive(Debug, Clone, Copy)]
pub struct NextRoot<'a> {
    /// Its number: that after the newest.
    pub version: u64,
    /// Its envelope.
    pub envelope: &'a [u8],
    /// The state of the catalogue that the staged statements are of.
    pub generation: u64,
}

impl Db {
    /// The statements of releases, `limit` of them, sorted by skill and number, after the one that is named.
    pub async fn statements(
        &self,
        after: Option<(&SkillName, u64)>,
        limit: u32,
    ) -> Result<Vec<StatementRow>, Error> {
        let (slug, seq) = after.map_or(("", 0), |(slug, seq)| (slug.as_str(), seq));
        let rows: Vec<(String, i64, Vec<u8>, bool)> = on!(self, |conn| {
            let rows = sqlx::query_as(
                "select slug, seq, release_sha256, revoked from releases where (slug, seq) > ($1, $2) \
                 order by slug, seq limit $3",
            )
            .bind(slug)
            .bind(int(seq))
            .bind(i64::from(limit))
            .fetch_all(&mut *conn)
            .await?;
            Ok::<_, Error>(rows)
        })?;
        let row = |(slug, seq, digest, revoked): (String, i64, Vec<u8>, bool)| {
            Ok(StatementRow {
                slug: record::slug(&slug)?,
                seq: record::count("seq", seq)?,
                release_sha256: record::envelope(digest)?,
                revoked,
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// Forgets what was staged.
    pub async fn unstage_statements(&self) -> Result<(), Error> {
        writing!(self, |conn| {
            sqlx::query("delete from next_statements").execute(&mut *conn).await?;
            Ok::<_, Error>(())
        })
    }

    /// Stages statements for [`Db::put_release_root`]. Their blobs are stored already.
    pub async fn stage_statements(&self, rows: &[NextStatement]) -> Result<(), Error> {
        writing!(self, |conn| {
            for row in rows {
                sqlx::query(
                    "insert into next_statements (slug, seq, release_sha256, release_size, signature) \
                     values ($1, $2, $3, $4, $5)",
                )
                .bind(row.slug.as_str())
                .bind(int(row.seq))
                .bind(&row.release_sha256.as_bytes()[..])
                .bind(int(row.release_size))
                .bind(&row.signature)
                .execute(&mut *conn)
                .await?;
            }
            Ok::<_, Error>(())
        })
    }

    /// Stores a root with a new release key, its advisories, and the staged statements in the place of those before them.
    /// False, and nothing done, when the catalogue or the root changed since the statements were staged.
    pub async fn put_release_root(
        &self,
        next: &NextRoot<'_>,
        advisories: &AdvisoriesRow,
    ) -> Result<bool, Error> {
        writing!(self, |conn| {
            // Whoever changes the catalogue, changes this row: it is held until all is done.
            let held = sqlx::query(
                "update catalogue set generation = generation + 1, root_version = $1 \
                 where generation = $2 and root_version = $1 - 1",
            )
            .bind(int(next.version))
            .bind(int(next.generation))
            .execute(&mut *conn)
            .await?;
            if held.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query("insert into roots (version, envelope) values ($1, $2)")
                .bind(int(next.version))
                .bind(next.envelope)
                .execute(&mut *conn)
                .await?;
            sqlx::query(
                "insert into former_statements (release_sha256, slug, seq) \
                 select r.release_sha256, r.slug, r.seq from releases r \
                 join next_statements n on n.slug = r.slug and n.seq = r.seq",
            )
            .execute(&mut *conn)
            .await?;
            sqlx::query(
                "update releases set release_sha256 = n.release_sha256, release_size = n.release_size, \
                 signature = n.signature from next_statements n where releases.slug = n.slug and releases.seq = n.seq",
            )
            .execute(&mut *conn)
            .await?;
            sqlx::query("delete from next_statements").execute(&mut *conn).await?;
            sqlx::query(
                "insert into advisories (version, warnings, expires_at, sha256, envelope) values ($1, $2, $3, $4, $5)",
            )
            .bind(int(advisories.version))
            .bind(int(advisories.warnings))
            .bind(ms(advisories.expires_at))
            .bind(&advisories.sha256.as_bytes()[..])
            .bind(&advisories.envelope[..])
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(true)
        })
    }
}
