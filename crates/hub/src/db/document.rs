//! The documents that all callers share: roots and advisories, and what the next advisories have to say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::SkillName;
use skillsync_wire::limits::ADVISORIES_ENTRIES;

use super::engine::{on, reading, writing};
use super::record::{self, int, ms};
use super::{Db, Error};

/// Advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvisoriesRow {
    /// Their number: counts from 1.
    pub version: u64,
    /// Which state of what must not be used they tell ([`Restrictions::warnings`]).
    pub warnings: u64,
    /// Until when they hold.
    pub expires_at: Timestamp,
    /// The digest of their envelope.
    pub sha256: EnvelopeDigest,
    /// Their envelope.
    pub envelope: Vec<u8>,
}

/// What decides whether advisories are still in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvisoriesHead {
    /// The newest root.
    pub root_version: u64,
    /// The state of what must not be used ([`Restrictions::warnings`]).
    pub warnings: u64,
    /// The digest of the newest advisories in their envelope.
    pub sha256: EnvelopeDigest,
}

/// What must not be used any more: what advisories are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restrictions {
    /// Counts the changes of all this.
    pub warnings: u64,
    /// The number of the newest advisories; 0 where there are none.
    pub last_version: u64,
    /// The revoked releases, sorted by slug and number; each by every statement that it ever had.
    pub revoked: Vec<Revoked>,
    /// The lowest release of a skill that may be used, where one was set.
    pub floors: BTreeMap<SkillName, u64>,
}

/// A release that must not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The skill.
    pub slug: SkillName,
    /// The digest of its statement in its envelope.
    pub release_sha256: EnvelopeDigest,
    /// Why.
    pub reason: String,
}

#[derive(sqlx::FromRow)]
struct RawAdvisories {
    version: i64,
    warnings: i64,
    expires_at: i64,
    sha256: Vec<u8>,
    envelope: Vec<u8>,
}

impl TryFrom<RawAdvisories> for AdvisoriesRow {
    type Error = Error;
    fn try_from(raw: RawAdvisories) -> Result<Self, Error> {
        Ok(Self {
            version: record::count("version", raw.version)?,
            warnings: record::count("warnings", raw.warnings)?,
            expires_at: record::moment("expires_at", raw.expires_at)?,
            sha256: record::envelope(raw.sha256)?,
            envelope: raw.envelope,
        })
    }
}

macro_rules! advisories_row {
    ($db:expr, $rest:literal $(, $version:expr)?) => {{
        let raw: Option<RawAdvisories> = on!($db, |conn| {
            let row = sqlx::query_as(concat!("select version, warnings, expires_at, sha256, envelope from advisories ", $rest))
                $(.bind($version))?
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        raw.map(AdvisoriesRow::try_from).transpose()
    }};
}

impl Db {
    /// The root `version` in its envelope.
    pub async fn root(&self, version: u64) -> Result<Option<Vec<u8>>, Error> {
        on!(self, |conn| {
            let envelope = sqlx::query_scalar("select envelope from roots where version = $1")
                .bind(int(version))
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(envelope)
        })
    }

    /// The newest root in its envelope, and its number.
    pub async fn last_root(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let row: Option<(i64, Vec<u8>)> = on!(self, |conn| {
            let row = sqlx::query_as("select version, envelope from roots order by version desc limit 1")
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        row.map(|(version, envelope)| Ok((record::count("version", version)?, envelope))).transpose()
    }

    /// Stores a root, which must be the first or follow the newest. Every manifest then counts as out of date. False, and
    /// nothing done, when its number is taken or does not follow.
    pub async fn put_root(&self, version: u64, envelope: &[u8]) -> Result<bool, Error> {
        writing!(self, |conn| {
            let done = sqlx::query(
                "insert into roots (version, envelope) select $1, $2 \
                 where $1 = (select coalesce(max(version), 0) + 1 from roots) on conflict do nothing",
            )
            .bind(int(version))
            .bind(envelope)
            .execute(&mut *conn)
            .await?;
            let stored = done.rows_affected() == 1;
            if stored {
                sqlx::query("update catalogue set generation = generation + 1, root_version = $1")
                    .bind(int(version))
                    .execute(&mut *conn)
                    .await?;
            }
            Ok::<_, Error>(stored)
        })
    }

    /// The advisories `version`.
    pub async fn advisories(&self, version: u64) -> Result<Option<AdvisoriesRow>, Error> {
        advisories_row!(self, "where version = $1", int(version))
    }

    /// The newest advisories.
    pub async fn last_advisories(&self) -> Result<Option<AdvisoriesRow>, Error> {
        advisories_row!(self, "order by version desc limit 1")
    }

    /// What decides whether the newest advisories are still in force, in one small query; none where there are none.
    pub async fn advisories_head(&self) -> Result<Option<AdvisoriesHead>, Error> {
        let row: Option<(i64, i64, Vec<u8>)> = on!(self, |conn| {
            let row = sqlx::query_as(
                "select c.root_version, c.warnings, a.sha256 from catalogue c \
                 join advisories a on a.version = (select max(version) from advisories)",
            )
            .fetch_optional(&mut *conn)
            .await?;
            Ok::<_, Error>(row)
        })?;
        row.map(|(root_version, warnings, sha256)| {
            Ok(AdvisoriesHead {
                root_version: record::count("root_version", root_version)?,
                warnings: record::count("warnings", warnings)?,
                sha256: record::envelope(sha256)?,
            })
        })
        .transpose()
    }

    /// Stores advisories, which must be the first or follow the newest, and tell no older state than those. Every manifest
    /// then counts as out of date, since it names the newest advisories. `root_version` is the root under which they are
    /// signed. False, and nothing done, when their number is taken
    /// or does not follow, or the root was replaced: read what they are made of again.
    pub async fn put_advisories(&self, row: &AdvisoriesRow, root_version: u64) -> Result<bool, Error> {
        let done = writing!(self, |conn| {
            let done = sqlx::query(
                "insert into advisories (version, warnings, expires_at, sha256, envelope) select $1, $2, $3, $4, $5 \
                 where $1 = (select coalesce(max(version), 0) + 1 from advisories) \
                 and $2 >= (select coalesce(max(warnings), 0) from advisories) on conflict do nothing",
            )
            .bind(int(row.version))
            .bind(int(row.warnings))
            .bind(ms(row.expires_at))
            .bind(&row.sha256.as_bytes()[..])
            .bind(&row.envelope[..])
            .execute(&mut *conn)
            .await?;
            let stored = done.rows_affected() == 1;
            if stored {
                // Waits for whoever replaces the root, and sees then that it was replaced.
                let current =
                    sqlx::query("update catalogue set generation = generation + 1 where root_version = $1")
                        .bind(int(root_version))
                        .execute(&mut *conn)
                        .await?;
                if current.rows_affected() == 0 {
                    return Err(Error::RootReplaced { version: root_version });
                }
            }
            Ok::<_, Error>(stored)
        });
        match done {
            Err(Error::RootReplaced { .. }) => Ok(false),
            done => done,
        }
    }

    /// What the next advisories have to say. More than [`ADVISORIES_ENTRIES`] revoked releases or floors are not given, and
    /// no advisories can hold them.
    pub async fn restrictions(&self) -> Result<Restrictions, Error> {
        let most = int(ADVISORIES_ENTRIES as u64 + 1);
        let (warnings, last_version, revoked, floors) = reading!(self, |conn| {
            let warnings: i64 =
                sqlx::query_scalar("select warnings from catalogue").fetch_one(&mut *conn).await?;
            let last_version: i64 = sqlx::query_scalar("select coalesce(max(version), 0) from advisories")
                .fetch_one(&mut *conn)
                .await?;
            let revoked: Vec<(String, Vec<u8>, Option<String>)> = sqlx::query_as(
                "select slug, release_sha256, yank_reason from (\
                 select slug, seq, release_sha256, yank_reason from releases where revoked union all \
                 select f.slug, f.seq, f.release_sha256, r.yank_reason from former_statements f \
                 join releases r on r.slug = f.slug and r.seq = f.seq where r.revoked) known \
                 order by slug, seq, release_sha256 limit $1",
            )
            .bind(most)
            .fetch_all(&mut *conn)
            .await?;
            let floors: Vec<(String, i64)> = sqlx::query_as(
                "select slug, floor_seq from skills where floor_seq is not null order by slug limit $1",
            )
            .bind(most)
            .fetch_all(&mut *conn)
            .await?;
            Ok::<_, Error>((warnings, last_version, revoked, floors))
        })?;
        let revoked = revoked.into_iter().map(|(slug, digest, reason)| {
            let (slug, release_sha256) = (record::slug(&slug)?, record::envelope(digest)?);
            Ok(Revoked { slug, release_sha256, reason: reason.unwrap_or_default() })
        });
        let floors = floors
            .into_iter()
            .map(|(slug, seq)| Ok((record::slug(&slug)?, record::count("floor_seq", seq)?)));
        Ok(Restrictions {
            warnings: record::count("warnings", warnings)?,
            last_version: record::count("version", last_version)?,
            revoked: revoked.collect::<Result<_, Error>>()?,
            floors: floors.collect::<Result<_, Error>>()?,
        })
    }
}
