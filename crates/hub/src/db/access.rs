//! Whose a blob is: who may fetch it follows from the skills that name it.

use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::text::Owner;

use super::engine::on;
use super::record;
use super::{Db, Error};
use crate::limits;

/// A skill that names a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobOwner {
    /// The skill.
    pub slug: SkillName,
    /// The account that publishes it.
    pub owner: Owner,
    /// Who may see it.
    pub visibility: Visibility,
    /// Which accounts it is for.
    pub tier: Tier,
}

#[derive(sqlx::FromRow)]
struct Raw {
    slug: String,
    owner: String,
    visibility: String,
    tier: i64,
}

impl TryFrom<Raw> for BlobOwner {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Self, Error> {
        Ok(Self {
            slug: record::slug(&raw.slug)?,
            owner: record::owner(&raw.owner)?,
            visibility: record::visibility(&raw.visibility)?,
            tier: record::tier(raw.tier)?,
        })
    }
}

macro_rules! owners {
    ($db:expr, $column:literal, $digest:expr) => {{
        let raws: Vec<Raw> = on!($db, |conn| {
            let rows = sqlx::query_as(concat!(
                "select distinct s.slug, s.owner, s.visibility, s.tier from releases r join skills s on s.slug = r.slug \
                 where r.",
                $column,
                " = $1 order by s.slug limit $2"
            ))
            .bind(&$digest.as_bytes()[..])
            .bind(i64::from(limits::BLOB_SKILLS))
            .fetch_all(&mut *conn)
            .await?;
            Ok::<_, Error>(rows)
        })?;
        raws.into_iter().map(BlobOwner::try_from).collect()
    }};
}

impl Db {
    /// The skills with a release, yanked or not, that has this archive.
    pub async fn tarball_access(&self, digest: &ArchiveDigest) -> Result<Vec<BlobOwner>, Error> {
        owners!(self, "tarball_sha256", digest)
    }

    /// The skills with a release, yanked or not, of this statement: one, or none.
    pub async fn release_access(&self, digest: &EnvelopeDigest) -> Result<Vec<BlobOwner>, Error> {
        owners!(self, "release_sha256", digest)
    }
}
