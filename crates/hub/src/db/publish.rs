//! A release put into the catalogue.

use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::text::Owner;

use jiff::Timestamp;
use semver::Version;

use super::catalogue::{RawRelease, release_columns};
use super::engine::writing;
use super::record::{self, int, ms, rank, text};
use super::{Db, Error, ReleaseRow};
use crate::db::search;

/// A release that is to be published. Its blobs are stored already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// The skill, new or not.
    pub slug: SkillName,
    /// The account that publishes it.
    pub owner: Owner,
    /// Its name for people.
    pub title: String,
    /// When to use it.
    pub description: String,
    /// The text of its instructions, of which the first words are searched.
    pub body: String,
    /// Its category; none leaves it, and is empty for a new skill.
    pub category: Option<String>,
    /// Who may see it; none leaves it, and is private for a new skill.
    pub visibility: Option<Visibility>,
    /// Which accounts it is for; none leaves it, and is `free` for a new skill.
    pub tier: Option<Tier>,
    /// Its number: one more than the newest release of the skill has.
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
    /// Its files as JSON, for [`Db::files`].
    pub files_json: String,
    /// What an open index says of it beside its files, as JSON, for [`Db::offers`].
    pub offer_json: String,
    /// The digest of its statement in its envelope.
    pub release_sha256: EnvelopeDigest,
    /// The size of its statement in its envelope.
    pub release_size: u64,
    /// The signature of its statement, in base64.
    pub signature: String,
    /// What changed.
    pub changelog: String,
    /// When it is published.
    pub published_at: Timestamp,
    /// The root under which its statement is signed.
    pub root_version: u64,
}

/// What became of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is in the catalogue.
    Done {
        /// The state of the catalogue with it.
        generation: u64,
    },
    /// Another account publishes a skill of this name. Nothing was changed.
    SlugTaken,
    /// A release of the skill with these very files is revoked. Nothing was changed.
    FilesRevoked,
    /// There is a release of this version. Nothing was changed.
    VersionExists(Box<ReleaseRow>),
    /// The skill's newest release is not the one before this; somebody else published. Nothing was changed: follow that one
    /// and try again.
    SeqTaken {
        /// The number of the newest release; 0 where there is none.
        last_seq: u64,
    },
}

enum Refused {
    Slug,
    Files,
    Version(Box<RawRelease>),
    Seq(i64),
}

impl Db {
    /// Puts a release into the catalogue: the skill made or brought up to date, found by the words of this release from now
    /// on, and the generation counted up, or nothing at all. Fails with
    /// [`Error::RootReplaced`] when its statement was signed under another root than the newest.
    pub async fn publish(&self, new: &NewRelease) -> Result<Published, Error> {
        let slug = new.slug.as_str();
        let at = ms(new.published_at);
        let document = search::Document::of(new);
        let done: Result<i64, Refused> = writing!(self, |conn| {
            // Whoever revokes takes this row first, too: what is revoked by now is seen, and what is not yet comes after this.
            sqlx::query("update skills set slug = slug where slug = $1")
                .bind(slug)
                .execute(&mut *conn)
                .await?;
            let revoked: Option<i64> = sqlx::query_scalar(
                "select r.seq from releases r join skills s on s.slug = r.slug \
                 where r.slug = $1 and r.revoked and r.content_hash = $2 and s.owner = $3 limit 1",
            )
            .bind(slug)
            .bind(&new.content_hash.as_bytes()[..])
            .bind(new.owner.as_str())
            .fetch_optional(&mut *conn)
            .await?;
            if revoked.is_some() {
                return Ok(Err(Refused::Files));
            }
            // Whoever changes this row first has the skill until its transaction ends; another that wants to follow the same
            // release waits for it, and then finds that it does not follow any more.
            let skill: Option<i64> = sqlx::query_scalar(
                "insert into skills (slug, owner, title, description, category, visibility, tier, last_seq, head_seq, \
                 verified_at, created_at, updated_at) \
                 select $1, $2, $3, $4, coalesce($5, ''), coalesce($6, 'private'), coalesce($7, 0), $8, $8, $9, $9, $9 \
                 where $8 = 1 or exists (select 1 from skills where slug = $1) \
                 on conflict (slug) do update set title = excluded.title, description = excluded.description, \
                 category = coalesce($5, skills.category), visibility = coalesce($6, skills.visibility), \
                 tier = coalesce($7, skills.tier), last_seq = excluded.last_seq, head_seq = excluded.head_seq, \
                 verified_at = excluded.verified_at, updated_at = excluded.updated_at \
                 where skills.owner = excluded.owner and skills.last_seq = excluded.last_seq - 1 \
                 and not exists (select 1 from releases r where r.slug = excluded.slug and r.version = $10) \
                 returning id",
            )
            .bind(slug)
            .bind(new.owner.as_str())
            .bind(text("title", &new.title)?)
            .bind(text("description", &new.description)?)
            .bind(new.category.as_deref().map(|category| text("category", category)).transpose()?)
            .bind(new.visibility.map(Visibility::as_str))
            .bind(new.tier.map(rank))
            .bind(int(new.seq))
            .bind(at)
            .bind(new.version.to_string())
            .fetch_optional(&mut *conn)
            .await?;
            let Some(skill) = skill else {
                let there: Option<(String, i64)> =
                    sqlx::query_as("select owner, last_seq from skills where slug = $1")
                        .bind(slug)
                        .fetch_optional(&mut *conn)
                        .await?;
                let Some((owner, last_seq)) = there else { return Ok(Err(Refused::Seq(0))) };
                if owner != new.owner.as_str() {
                    return Ok(Err(Refused::Slug));
                }
                let same: Option<RawRelease> = sqlx::query_as(concat!(
                    "select ",
                    release_columns!(),
                    " from releases r where r.slug = $1 and r.version = $2"
                ))
                .bind(slug)
                .bind(new.version.to_string())
                .fetch_optional(&mut *conn)
                .await?;
                return Ok(Err(same.map_or(Refused::Seq(last_seq), |raw| Refused::Version(Box::new(raw)))));
            };
            sqlx::query(
                "insert into releases (slug, seq, version, content_hash, tarball_sha256, size_bytes, unpacked_bytes, files, \
                 release_sha256, release_size, signature, published_at, changelog, files_json, offer_json) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            )
            .bind(slug)
            .bind(int(new.seq))
            .bind(new.version.to_string())
            .bind(&new.content_hash.as_bytes()[..])
            .bind(&new.tarball_sha256.as_bytes()[..])
            .bind(int(new.size_bytes))
            .bind(int(new.unpacked_bytes))
            .bind(int(new.files))
            .bind(&new.release_sha256.as_bytes()[..])
            .bind(int(new.release_size))
            .bind(text("signature", &new.signature)?)
            .bind(at)
            .bind(text("changelog", &new.changelog)?)
            .bind(text("files_json", &new.files_json)?)
            .bind(text("offer_json", &new.offer_json)?)
            .execute(&mut *conn)
            .await?;
            search::Index::put(&mut *conn, skill, &document).await?;
            // Waits for whoever replaces the root, and sees then that it was replaced.
            let generation = sqlx::query_scalar(
                "update catalogue set generation = generation + 1 where root_version = $1 returning generation",
            )
            .bind(int(new.root_version))
            .fetch_optional(&mut *conn)
            .await?;
            let Some(generation) = generation else {
                return Err(Error::RootReplaced { version: new.root_version });
            };
            Ok::<_, Error>(Ok(generation))
        })?;
        Ok(match done {
            Ok(generation) => Published::Done { generation: record::count("generation", generation)? },
            Err(Refused::Slug) => Published::SlugTaken,
            Err(Refused::Files) => Published::FilesRevoked,
            Err(Refused::Version(raw)) => Published::VersionExists(Box::new((*raw).try_into()?)),
            Err(Refused::Seq(last_seq)) => {
                Published::SeqTaken { last_seq: record::count("last_seq", last_seq)? }
            }
        })
    }
}
