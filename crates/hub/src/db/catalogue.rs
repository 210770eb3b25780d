//! The catalogue, read: skills and their releases. It does not ask who may see what; that is `listing` and the callers.

use jiff::Timestamp;
use semver::Version;
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::text::Owner;

use super::engine::on;
use super::record::{self, int};
use super::{Db, Error};
use crate::limits;

/// A skill.
#[derive(Debug, Clone, PartialEq)]
pub struct SkillRow {
    /// Its name.
    pub slug: SkillName,
    /// The account that publishes it.
    pub owner: Owner,
    /// Its name for people.
    pub title: String,
    /// When to use it.
    pub description: String,
    /// Its category, or an empty text.
    pub category: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Which accounts it is for.
    pub tier: Tier,
    /// The number of its newest release.
    pub last_seq: u64,
    /// The number of its newest release that is not yanked.
    pub head_seq: Option<u64>,
    /// The version of that release.
    pub head_version: Option<Version>,
    /// The lowest release that may be used, where one was set.
    pub floor_seq: Option<u64>,
    /// Why it should not be used any more, if it should not.
    pub deprecated: Option<String>,
    /// What to use in its place.
    pub replaced_by: Option<SkillName>,
    /// How well its uses go, 0 to 1.
    pub quality_score: f64,
    /// How many keys installed it.
    pub installs: u64,
    /// When a gate last found it good.
    pub verified_at: Timestamp,
    /// When it was first published.
    pub created_at: Timestamp,
    /// When its newest release was published.
    pub updated_at: Timestamp,
}

/// A release, without the list of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Its number: counts from 1.
    pub seq: u64,
    /// Its version.
    pub version: Version,
    /// The content hash of its files.
    pub content_hash: ContentHash,
    /// The digest of its archive.
    pub tarball_sha256: ArchiveDigest,
    /// The size of its archive.
    pub size_bytes: u64,
    /// The sizes of its files, added up.
    pub unpacked_bytes: u64,
    /// How many files it has.
    pub files: u64,
    /// The digest of its statement in its envelope.
    pub release_sha256: EnvelopeDigest,
    /// The size of its statement in its envelope.
    pub release_size: u64,
    /// The signature of its statement, in base64.
    pub signature: String,
    /// What changed.
    pub changelog: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// When it was taken back.
    pub yanked_at: Option<Timestamp>,
    /// Why.
    pub yank_reason: Option<String>,
    /// Whether it must not be used even where it is.
    pub revoked: bool,
}

/// A release with the list of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileList {
    /// The release.
    pub release: ReleaseRow,
    /// Its files as JSON, as they were given to [`Db::publish`].
    pub files_json: String,
}

#[derive(sqlx::FromRow)]
pub(super) struct RawSkill {
    slug: String,
    owner: String,
    title: String,
    description: String,
    category: String,
    visibility: String,
    tier: i64,
    last_seq: i64,
    head_seq: Option<i64>,
    head_version: Option<String>,
    floor_seq: Option<i64>,
    deprecated: Option<String>,
    replaced_by: Option<String>,
    quality_score: f64,
    installs: i64,
    verified_at: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(sqlx::FromRow)]
pub(super) struct RawRelease {
    seq: i64,
    version: String,
    content_hash: Vec<u8>,
    tarball_sha256: Vec<u8>,
    size_bytes: i64,
    unpacked_bytes: i64,
    files: i64,
    release_sha256: Vec<u8>,
    release_size: i64,
    signature: String,
    changelog: String,
    published_at: i64,
    yanked_at: Option<i64>,
    yank_reason: Option<String>,
    revoked: bool,
}

#[derive(sqlx::FromRow)]
struct RawFileList {
    #[sqlx(flatten)]
    release: RawRelease,
    files_json: String,
}

impl TryFrom<RawSkill> for SkillRow {
    type Error = Error;
    fn try_from(raw: RawSkill) -> Result<Self, Error> {
        Ok(Self {
            slug: record::slug(&raw.slug)?,
            owner: record::owner(&raw.owner)?,
            title: raw.title,
            description: raw.description,
            category: raw.category,
            visibility: record::visibility(&raw.visibility)?,
            tier: record::tier(raw.tier)?,
            last_seq: record::count("last_seq", raw.last_seq)?,
            head_seq: raw.head_seq.map(|seq| record::count("head_seq", seq)).transpose()?,
            head_version: raw.head_version.as_deref().map(record::version).transpose()?,
            floor_seq: raw.floor_seq.map(|seq| record::count("floor_seq", seq)).transpose()?,
            deprecated: raw.deprecated,
            replaced_by: raw.replaced_by.as_deref().map(record::slug).transpose()?,
            quality_score: raw.quality_score,
            installs: record::count("installs", raw.installs)?,
            verified_at: record::moment("verified_at", raw.verified_at)?,
            created_at: record::moment("created_at", raw.created_at)?,
            updated_at: record::moment("updated_at", raw.updated_at)?,
        })
    }
}

impl TryFrom<RawRelease> for ReleaseRow {
    type Error = Error;
    fn try_from(raw: RawRelease) -> Result<Self, Error> {
        Ok(Self {
            seq: record::count("seq", raw.seq)?,
            version: record::version(&raw.version)?,
            content_hash: record::content(raw.content_hash)?,
            tarball_sha256: record::tarball(raw.tarball_sha256)?,
            size_bytes: record::count("size_bytes", raw.size_bytes)?,
            unpacked_bytes: record::count("unpacked_bytes", raw.unpacked_bytes)?,
            files: record::count("files", raw.files)?,
            release_sha256: record::envelope(raw.release_sha256)?,
            release_size: record::count("release_size", raw.release_size)?,
            signature: raw.signature,
            changelog: raw.changelog,
            published_at: record::moment("published_at", raw.published_at)?,
            yanked_at: record::maybe_moment("yanked_at", raw.yanked_at)?,
            yank_reason: raw.yank_reason,
            revoked: raw.revoked,
        })
    }
}

macro_rules! release_columns {
    () => {
        "r.seq, r.version, r.content_hash, r.tarball_sha256, r.size_bytes, r.unpacked_bytes, r.files, \
         r.release_sha256, r.release_size, r.signature, r.changelog, r.published_at, r.yanked_at, r.yank_reason, r.revoked"
    };
}
pub(super) use release_columns;

/// The columns of a [`RawSkill`], and the tables that they are of.
macro_rules! skill_columns {
    () => {
        "s.slug, s.owner, s.title, s.description, s.category, s.visibility, s.tier, s.last_seq, s.head_seq, \
         h.version as head_version, s.floor_seq, s.deprecated, s.replaced_by, s.quality_score, s.installs, \
         s.verified_at, s.created_at, s.updated_at \
         from skills s left join releases h on h.slug = s.slug and h.seq = s.head_seq"
    };
}
pub(super) use skill_columns;

macro_rules! one_release {
    ($db:expr, $slug:expr, $rest:literal $(, $more:expr)?) => {{
        let raw: Option<RawRelease> = on!($db, |conn| {
            let row = sqlx::query_as(concat!("select ", release_columns!(), " from releases r where r.slug = $1 ", $rest))
                .bind($slug.as_str())
                $(.bind($more))?
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        raw.map(ReleaseRow::try_from).transpose()
    }};
}

/// The state of what many callers have in common. While it stands still no key was revoked, no account has another tier, and
/// nobody may have anything else than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Grows with every change of what some caller may have, an account's tier among it.
    pub generation: u64,
    /// Grows with every key that is revoked.
    pub revoked_keys: u64,
}

impl Db {
    /// The state of the catalogue: it grows with every change of what some caller may have.
    pub async fn generation(&self) -> Result<u64, Error> {
        let value: i64 = on!(self, |conn| {
            let value = sqlx::query_scalar("select generation from catalogue").fetch_one(&mut *conn).await?;
            Ok::<_, Error>(value)
        })?;
        record::count("generation", value)
    }

    /// What tells whether anything of many callers changed, in one row.
    pub async fn pulse(&self) -> Result<Pulse, Error> {
        let (generation, revoked_keys): (i64, i64) = on!(self, |conn| {
            let row = sqlx::query_as("select generation, revoked_keys from catalogue")
                .fetch_one(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        Ok(Pulse {
            generation: record::count("generation", generation)?,
            revoked_keys: record::count("revoked_keys", revoked_keys)?,
        })
    }

    /// The skill `slug`, whoever may see it.
    pub async fn skill(&self, slug: &SkillName) -> Result<Option<SkillRow>, Error> {
        let raw: Option<RawSkill> = on!(self, |conn| {
            let row = sqlx::query_as(concat!("select ", skill_columns!(), " where s.slug = $1"))
                .bind(slug.as_str())
                .fetch_optional(&mut *conn)
                .await?;
            Ok::<_, Error>(row)
        })?;
        raw.map(SkillRow::try_from).transpose()
    }

    /// One release of a skill, yanked or not.
    pub async fn release(&self, slug: &SkillName, version: &Version) -> Result<Option<ReleaseRow>, Error> {
        one_release!(self, slug, "and r.version = $2", version.to_string())
    }

    /// The newest release of a skill that is not yanked: what an install gets.
    pub async fn head(&self, slug: &SkillName) -> Result<Option<ReleaseRow>, Error> {
        one_release!(self, slug, "and r.seq = (select head_seq from skills where slug = $1)")
    }

    /// The newest release of a skill, yanked or not: what the next one follows.
    pub async fn last(&self, slug: &SkillName) -> Result<Option<ReleaseRow>, Error> {
        one_release!(self, slug, "order by r.seq desc limit 1")
    }

    /// Whether a release of a skill with these files is revoked.
    pub async fn is_revoked(&self, slug: &SkillName, content_hash: &ContentHash) -> Result<bool, Error> {
        on!(self, |conn| {
            let found: Option<i64> = sqlx::query_scalar(
                "select seq from releases where slug = $1 and revoked and content_hash = $2 limit 1",
            )
            .bind(slug.as_str())
            .bind(&content_hash.as_bytes()[..])
            .fetch_optional(&mut *conn)
            .await?;
            Ok::<_, Error>(found.is_some())
        })
    }

    /// One release with the list of its files; without a version the one that an install gets.
    pub async fn files(
        &self,
        slug: &SkillName,
        version: Option<&Version>,
    ) -> Result<Option<FileList>, Error> {
        let raw: Option<RawFileList> = on!(self, |conn| {
            let row = sqlx::query_as(concat!(
                "select ",
                release_columns!(),
                ", r.files_json from releases r join skills s on s.slug = r.slug where r.slug = $1 \
                 and (r.version = $2 or ($2 is null and r.seq = s.head_seq))"
            ))
            .bind(slug.as_str())
            .bind(version.map(Version::to_string))
            .fetch_optional(&mut *conn)
            .await?;
            Ok::<_, Error>(row)
        })?;
        raw.map(|raw| Ok(FileList { release: raw.release.try_into()?, files_json: raw.files_json }))
            .transpose()
    }

    /// The newest releases of a skill, yanked ones among them, newest first: `limit` of them, and no more than
    /// [`limits::VERSIONS`].
    pub async fn releases(&self, slug: &SkillName, limit: u32) -> Result<Vec<ReleaseRow>, Error> {
        let raws: Vec<RawRelease> = on!(self, |conn| {
            let rows = sqlx::query_as(concat!(
                "select ",
                release_columns!(),
                " from releases r where r.slug = $1 order by r.seq desc limit $2"
            ))
            .bind(slug.as_str())
            .bind(int(limit.min(limits::VERSIONS).into()))
            .fetch_all(&mut *conn)
            .await?;
            Ok::<_, Error>(rows)
        })?;
        raws.into_iter().map(ReleaseRow::try_from).collect()
    }
}
