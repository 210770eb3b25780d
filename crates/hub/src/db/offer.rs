//! What the open indexes list: the newest release of each skill that everybody may have, with what an index says of it.

use semver::Version;
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::Tier;

use super::engine::{reading, writing};
use super::record::{self, int, rank, text};
use super::{Db, Error};

/// How many rows are read at a time: no more than one page of them is held beyond what there is room for.
const PAGE: i64 = 50;

/// One page of what everybody may have, by the index of what is public. Its skills are chosen first: PostgreSQL would
/// otherwise walk through the releases of all.
pub(super) const OFFERS: &str = "select page.slug, r.seq, r.version, r.content_hash, r.tarball_sha256, r.size_bytes, \
     r.files_json, r.offer_json from (select slug, head_seq from skills where visibility = 'public' and tier = $1 \
     and head_seq is not null and slug > $2 order by slug limit $3) page \
     join releases r on r.slug = page.slug and r.seq = page.head_seq order by page.slug";

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// The state of the catalogue that this is true of.
    pub generation: u64,
    /// The newest release of each public skill of the lowest tier that is not yanked wholly, sorted by slug.
    pub rows: Vec<OfferRow>,
    /// Whether there was more than there is room for.
    pub is_cut: bool,
}

/// One release that everybody may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRow {
    /// The skill.
    pub slug: SkillName,
    /// The number of the release.
    pub seq: u64,
    /// Its version.
    pub version: Version,
    /// The content hash of its files.
    pub content_hash: ContentHash,
    /// The digest of its archive.
    pub tarball_sha256: ArchiveDigest,
    /// The size of its archive.
    pub size_bytes: u64,
    /// Its files as JSON, as they were given to [`Db::publish`].
    pub files_json: String,
    /// What an index says beside its files, as JSON; none of a release that an older hub published.
    pub offer_json: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Raw {
    slug: String,
    seq: i64,
    version: String,
    content_hash: Vec<u8>,
    tarball_sha256: Vec<u8>,
    size_bytes: i64,
    files_json: String,
    offer_json: Option<String>,
}

impl TryFrom<Raw> for OfferRow {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Self, Error> {
        Ok(Self {
            slug: record::slug(&raw.slug)?,
            seq: record::count("seq", raw.seq)?,
            version: record::version(&raw.version)?,
            content_hash: record::content(raw.content_hash)?,
            tarball_sha256: record::tarball(raw.tarball_sha256)?,
            size_bytes: record::count("size_bytes", raw.size_bytes)?,
            files_json: raw.files_json,
            offer_json: raw.offer_json,
        })
    }
}

impl Raw {
    fn bytes(&self) -> usize {
        self.slug.len() + self.files_json.len() + self.offer_json.as_ref().map_or(0, String::len)
    }
}

impl Db {
    /// What everybody may have: at most `most` skills, the first by slug, and no more of them than have room in `room` bytes
    /// of their names and JSON.
    pub async fn offers(&self, most: usize, room: usize) -> Result<Offers, Error> {
        let (generation, raws, is_cut) = reading!(self, |conn| {
            let generation: i64 =
                sqlx::query_scalar("select generation from catalogue").fetch_one(&mut *conn).await?;
            let (mut raws, mut is_cut, mut left): (Vec<Raw>, bool, usize) = (Vec::new(), false, room);
            let mut after = String::new();
            while !is_cut {
                let page: Vec<Raw> = sqlx::query_as(OFFERS)
                    .bind(rank(Tier::Free))
                    .bind(&after)
                    .bind(PAGE)
                    .fetch_all(&mut *conn)
                    .await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.slug);
                for raw in page {
                    match left.checked_sub(raw.bytes()).filter(|_| raws.len() < most) {
                        Some(rest) => left = rest,
                        None => {
                            is_cut = true;
                            break;
                        }
                    }
                    raws.push(raw);
                }
            }
            Ok::<_, Error>((generation, raws, is_cut))
        })?;
        let rows = raws.into_iter().map(OfferRow::try_from).collect::<Result<_, _>>()?;
        Ok(Offers { generation: record::count("generation", generation)?, rows, is_cut })
    }

    /// Notes what an index says of a release beside its files, where nothing is noted yet. It follows from the archive, and is
    /// no change of the catalogue.
    pub async fn note_offer(&self, slug: &SkillName, seq: u64, offer_json: &str) -> Result<(), Error> {
        writing!(self, |conn| {
            sqlx::query(
                "update releases set offer_json = $3 where slug = $1 and seq = $2 and offer_json is null",
            )
            .bind(slug.as_str())
            .bind(int(seq))
            .bind(text("offer_json", offer_json)?)
            .execute(&mut *conn)
            .await?;
            Ok::<_, Error>(())
        })
    }
}
