//! What the open indexes list: the newest release of each skill that everybody may have, with what an index says of it.

use semver::Version;
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::Tier;

use super::engine::{reading, writing};
use super::record::{self, int, rank, text};
use super::{Db, Error};

/// How many rows are read at a time: the most that an index lists are forty questions to a database that is a network away,
/// and no more than one page of them is held beyond what there is room for.
const PAGE: i64 = 250;

/// One page of what everybody may have, the oldest skill first, by the index of what is public. Its skills are chosen first:
/// PostgreSQL would otherwise walk through the releases of all. A list of files that is too large is not read.
pub(super) const OFFERS: &str = "select page.id, page.slug, r.seq, r.version, r.content_hash, r.tarball_sha256, r.size_bytes, \
     case when octet_length(r.files_json) <= $4 then r.files_json end as files_json, r.offer_json \
     from (select id, slug, head_seq from skills where visibility = 'public' and tier = $1 \
     and head_seq is not null and id > $2 order by id limit $3) page \
     join releases r on r.slug = page.slug and r.seq = page.head_seq order by page.id";

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// The state of the catalogue that this is true of.
    pub generation: u64,
    /// The newest release of each public skill of the lowest tier that is not yanked wholly, the oldest skill first: where
    /// there is no room for all, nobody who comes later takes the place of who is there.
    pub rows: Vec<OfferRow>,
    /// The skills that are left out because their lists of files are too large.
    pub too_large: Vec<SkillName>,
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
    id: i64,
    slug: String,
    seq: i64,
    version: String,
    content_hash: Vec<u8>,
    tarball_sha256: Vec<u8>,
    size_bytes: i64,
    files_json: Option<String>,
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
            files_json: raw.files_json.unwrap_or_default(),
            offer_json: raw.offer_json,
        })
    }
}

impl Raw {
    fn bytes(&self) -> usize {
        [&self.files_json, &self.offer_json]
            .into_iter()
            .flatten()
            .fold(self.slug.len(), |sum, text| sum + text.len())
    }
}

impl Db {
    /// What everybody may have: at most `most` skills, the oldest, and no more of them than have room in `room` bytes of their
    /// names and JSON. Those whose list of files alone has more than `room_of_one` are left out.
    pub async fn offers(&self, most: usize, room: usize, room_of_one: usize) -> Result<Offers, Error> {
        let room_of_one = i64::try_from(room_of_one).unwrap_or(i64::MAX);
        let (generation, raws, too_large, is_cut) = reading!(self, |conn| {
            let generation: i64 =
                sqlx::query_scalar("select generation from catalogue").fetch_one(&mut *conn).await?;
            let (mut raws, mut is_cut, mut left): (Vec<Raw>, bool, usize) = (Vec::new(), false, room);
            let (mut after, mut too_large) = (i64::MIN, Vec::new());
            while !is_cut {
                let page: Vec<Raw> = sqlx::query_as(OFFERS)
                    .bind(rank(Tier::Free))
                    .bind(after)
                    .bind(PAGE)
                    .bind(room_of_one)
                    .fetch_all(&mut *conn)
                    .await?;
                let Some(last) = page.last() else { break };
                after = last.id;
                for raw in page {
                    if raw.files_json.is_none() {
                        too_large.push(raw.slug);
                        continue;
                    }
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
            Ok::<_, Error>((generation, raws, too_large, is_cut))
        })?;
        let rows = raws.into_iter().map(OfferRow::try_from).collect::<Result<_, _>>()?;
        let too_large = too_large.iter().map(|slug| record::slug(slug)).collect::<Result<_, _>>()?;
        Ok(Offers { generation: record::count("generation", generation)?, rows, too_large, is_cut })
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
