//! What the open indexes list: the newest release of each skill that everybody may have, with what an index says of it.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use semver::Version;
use skillsync_core::digest::{ArchiveDigest, ContentHash};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::Tier;
use sqlx::FromRow as _;

use super::engine::{reading, writing};
use super::record::{self, int, rank, text};
use super::{Db, Error};
use crate::limits;

/// How many rows are read at a time: the most that an index lists are forty questions to a database that is a network away.
const PAGE: usize = 250;

/// How many of those are named that there are beyond the most.
const NAMED_BEYOND: i64 = 20;

/// The skills that everybody may have, and how many bytes each takes; none of those whose list of files is too large. Their
/// releases are looked up one by one: PostgreSQL would otherwise walk through the releases of all.
macro_rules! listed {
    () => {
        "with listed as materialized (select s.id, s.slug, s.owner, (select case when octet_length(r.files_json) <= $2 then \
         cast(octet_length(r.slug) + octet_length(r.files_json) as bigint) end \
         from releases r where r.slug = s.slug and r.seq = s.head_seq) as bytes \
         from skills s where s.visibility = 'public' and s.tier = $1 and s.head_seq is not null) "
    };
}

/// Those that may have room, in the order in which they get it: each by how much its account has with it, the account's
/// oldest skills first. With each comes how many there are in all.
pub(super) const RANKED: &str = concat!(
    listed!(),
    "select id, slug, bytes, count(*) over () as of_all from (select id, slug, bytes, sum(bytes) over (partition by owner order by id) as share \
     from listed where bytes is not null) ranked order by share, id limit $3"
);

/// Those whose lists of files are too large.
pub(super) const LARGE: &str =
    concat!(listed!(), "select slug from listed where bytes is null order by id limit $3");

const ROWS: &str = "select s.id, s.slug, r.seq, r.version, r.content_hash, r.tarball_sha256, r.size_bytes, r.files_json, \
     r.offer_json from skills s join releases r on r.slug = s.slug and r.seq = s.head_seq where s.id in (";

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// The state of the catalogue that this is true of.
    pub generation: u64,
    /// The newest release of each public skill of the lowest tier that is not yanked wholly, as many as there is room for,
    /// first what gets room first: where there is none for all, each account has the same share of it, which its oldest
    /// skills fill. So nobody takes room from who has less.
    pub rows: Vec<OfferRow>,
    /// Skills that have no room: all of those that may be listed in number, and a few beyond.
    pub no_room: Vec<String>,
    /// How many more have none.
    pub no_room_unnamed: usize,
    /// Skills that are left out because their lists of files are too large, no more of them than may be listed.
    pub too_large: Vec<String>,
    /// Skills that are left out because what is stored of them cannot be.
    pub damaged: Vec<String>,
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

#[derive(sqlx::FromRow)]
struct Ranked {
    id: i64,
    slug: String,
    bytes: i64,
    of_all: i64,
}

/// How many of them have room: the first, up to one that has not.
fn fitting(ranked: &[Ranked], most: usize, room: usize) -> usize {
    let mut left = room;
    let has_room = |one: &&Ranked| {
        let rest = usize::try_from(one.bytes).ok().and_then(|bytes| left.checked_sub(bytes));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    ranked.iter().take(most).take_while(has_room).count()
}

impl Db {
    /// What everybody may have: at most `most` skills, and no more of them than have room in `room` bytes of their names and
    /// lists of files. Those whose list of files alone has more than `room_of_one` are left out.
    pub async fn offers(&self, most: usize, room: usize, room_of_one: usize) -> Result<Offers, Error> {
        let (rows, bytes) = (int(most as u64), int(room_of_one as u64));
        // So long for each question, not for all of them: the link to a server may be slow, and there is much to read.
        let each = match self {
            Db::Lite(_) => Duration::MAX,
            Db::Pg(_) => limits::DB_ANSWER,
        };
        let (generation, ranked, fitting, mut raws, too_large) = reading!(self, within limits::DB_OFFERS, |conn| {
            let generation: i64 =
                in_time(each, sqlx::query_scalar("select generation from catalogue").fetch_one(&mut *conn))
                    .await?;
            let asked = sqlx::query_as(RANKED).bind(rank(Tier::Free)).bind(bytes).bind(rows + NAMED_BEYOND);
            let ranked: Vec<Ranked> = in_time(each, asked.fetch_all(&mut *conn)).await?;
            let fitting = fitting(&ranked, most, room);
            let mut raws: HashMap<i64, Raw> = HashMap::with_capacity(fitting);
            for page in ranked[..fitting].chunks(PAGE) {
                let mut query = sqlx::QueryBuilder::new(ROWS);
                let mut ids = query.separated(", ");
                for one in page {
                    ids.push_bind(one.id);
                }
                query.push(")");
                let page = in_time(each, query.build().fetch_all(&mut *conn)).await?;
                // One that does not read keeps the others of its page.
                let page = page.iter().filter_map(|row| Raw::from_row(row).ok());
                raws.extend(page.map(|raw| (raw.id, raw)));
            }
            let asked = sqlx::query_scalar(LARGE).bind(rank(Tier::Free)).bind(bytes).bind(rows);
            let too_large: Vec<String> = in_time(each, asked.fetch_all(&mut *conn)).await?;
            Ok::<_, Error>((generation, ranked, fitting, raws, too_large))
        })?;
        let (mut rows, mut damaged) = (Vec::with_capacity(fitting), Vec::new());
        for one in &ranked[..fitting] {
            match raws.remove(&one.id).map(OfferRow::try_from) {
                Some(Ok(row)) => rows.push(row),
                _ => damaged.push(one.slug.clone()),
            }
        }
        let of_all = ranked.first().map_or(0, |one| usize::try_from(one.of_all).unwrap_or_default());
        let no_room_unnamed = of_all.saturating_sub(ranked.len());
        let no_room = ranked.into_iter().skip(fitting).map(|one| one.slug).collect();
        let generation = record::count("generation", generation)?;
        Ok(Offers { generation, rows, no_room, no_room_unnamed, too_large, damaged })
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

/// The answer to one question of several, if it comes in time.
async fn in_time<T>(
    within: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    Ok(tokio::time::timeout(within, answer).await.map_err(|_elapsed| Error::Silent)??)
}
