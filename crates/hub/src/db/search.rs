//! Search: what the words of a caller find. The two engines have nothing in common here but the words, which are those of
//! both sides cut in the same way, and the ranking, which is ours.
//!
//! The best fit comes first; what fits about as well, to a tenth of the best, is ordered by how well it goes and how many
//! installed it, and then by how new it is (decision 27).

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use super::catalogue::{RawSkill, skill_columns};
use super::engine::reading;
use super::record::{self, TIERS, rank};
use super::{Db, Error, NewRelease, Page, SkillRow, Viewer};
use crate::limits;

/// What was found: one page of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How many there are on all pages.
    pub total: u64,
    /// The best first.
    pub hits: Vec<Hit>,
}

/// One skill that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The skill.
    pub skill: SkillRow,
    /// How well it fits, as a part of how well the best one does: 0 to 1.
    pub score: f64,
}

/// How much a skill is used, and how well that goes.
pub(super) fn popularity(quality_score: f64, installs: u64) -> f64 {
    // Beyond 2^53 installs a few do not matter.
    quality_score + (installs as f64).ln_1p()
}

/// The words of a text, in lower case, cut at everything that is neither letter nor digit: the same for both engines, so
/// that none of their own rules for hyphens and the like comes in, nor anything of their query languages.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(limits::SEARCH_WORD_CHARS).flat_map(char::to_lowercase).collect())
}

/// Words that nearly every text has. A search is not narrowed by them.
const COMMON: &[&str] = &[
    "a", "an", "and", "are", "as", "for", "from", "in", "is", "it", "of", "on", "or", "that", "the", "this",
    "to", "with",
];

/// The words that are searched for. None where all there is are common ones.
fn wanted(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    words(text)
        .filter(|word| !COMMON.contains(&word.as_str()) && seen.insert(word.clone()))
        .take(limits::SEARCH_WORDS)
        .collect()
}

/// What of a skill is searched.
pub(super) struct Document {
    slug: String,
    title: String,
    description: String,
    body: String,
}

impl Document {
    pub(super) fn of(new: &NewRelease) -> Self {
        let all = |text: &str| words(text).collect::<Vec<_>>().join(" ");
        let body: Vec<String> = words(&new.body).take(limits::SEARCH_BODY_WORDS).collect();
        Self {
            slug: all(new.slug.as_str()),
            title: all(&new.title),
            description: all(&new.description),
            body: body.join(" "),
        }
    }
}

/// Whether all words must be there, or one is enough.
#[derive(Debug, Clone, Copy)]
pub(super) enum Match {
    All,
    Any,
}

/// A skill that fits, before ranking.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Candidate {
    id: i64,
    slug: String,
    relevance: f64,
    popularity: f64,
    updated_at: i64,
    total: i64,
}

/// The part that the engines do each in their own way.
pub(super) trait Index {
    /// Stores the words of the skill with this id, in the place of what was there.
    async fn put(&mut self, id: i64, document: &Document) -> Result<(), Error>;
    /// What fits of what may be seen: the best [`limits::SEARCH_HITS`], and how many there are.
    async fn fitting(
        &mut self,
        words: &[String],
        how: Match,
        tier: i64,
        account: &str,
    ) -> Result<Vec<Candidate>, Error>;
}

/// What a word weighs in each field, as `ts_rank` weighs them.
const FIELDS: &[(&str, f64)] = &[("slug", 10.0), ("title", 10.0), ("description", 4.0), ("body", 1.0)];

impl Index for SqliteConnection {
    async fn put(&mut self, id: i64, document: &Document) -> Result<(), Error> {
        sqlx::query("delete from skill_search where rowid = $1").bind(id).execute(&mut *self).await?;
        sqlx::query(
            "insert into skill_search (rowid, slug, title, description, body) values ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(&document.slug)
        .bind(&document.title)
        .bind(&document.description)
        .bind(&document.body)
        .execute(&mut *self)
        .await?;
        Ok(())
    }

    async fn fitting(
        &mut self,
        words: &[String],
        how: Match,
        tier: i64,
        account: &str,
    ) -> Result<Vec<Candidate>, Error> {
        // Ranked by which words stand in which fields and by nothing else: `bm25` weighs a word by how many rows of the whole
        // table have it, and so would tell everybody what others keep private.
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
            "with f as materialized (select rowid as id from skill_search where skill_search match ",
        );
        query.push_bind(quoted.join(match how {
            Match::All => " AND ",
            Match::Any => " OR ",
        }));
        query.push("), h as (");
        let mut hits = query.separated(" union all ");
        for word in &quoted {
            for (fields, weight) in FIELDS {
                hits.push("select rowid as id, ").push_bind_unseparated(*weight);
                hits.push_unseparated(" as weight from skill_search where skill_search match ");
                hits.push_bind_unseparated(format!("{fields} : {word}"));
            }
        }
        query.push(
            "), r as materialized (select id, sum(weight) as relevance from h group by id) \
             select s.id, s.slug, r.relevance, s.popularity, s.updated_at, count(*) over () as total \
             from f join r on r.id = f.id join skills s on s.id = f.id where s.head_seq is not null and (s.owner = ",
        );
        query.push_bind(account).push(" or (s.visibility = 'public' and s.tier <= ").push_bind(tier);
        query.push(")) order by r.relevance desc, s.popularity desc, s.updated_at desc, s.slug limit ");
        query.push_bind(i64::from(limits::SEARCH_HITS));
        Ok(query.build_query_as().fetch_all(&mut *self).await?)
    }
}

impl Index for PgConnection {
    async fn put(&mut self, id: i64, document: &Document) -> Result<(), Error> {
        sqlx::query(
            "insert into skill_search (id, words) values ($1, \
             setweight(to_tsvector('skill_words', $2), 'A') || setweight(to_tsvector('skill_words', $3), 'A') || \
             setweight(to_tsvector('skill_words', $4), 'B') || setweight(to_tsvector('skill_words', $5), 'D')) \
             on conflict (id) do update set words = excluded.words",
        )
        .bind(id)
        .bind(&document.slug)
        .bind(&document.title)
        .bind(&document.description)
        .bind(&document.body)
        .execute(&mut *self)
        .await?;
        Ok(())
    }

    async fn fitting(
        &mut self,
        words: &[String],
        how: Match,
        tier: i64,
        account: &str,
    ) -> Result<Vec<Candidate>, Error> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let rows = sqlx::query_as(
            "with q as (select to_tsquery('skill_words', $1) as q) \
             select s.id, s.slug, cast(ts_rank(f.words, q.q, 1) as double precision) as relevance, s.popularity, \
             s.updated_at, count(*) over () as total \
             from q join skill_search f on f.words @@ q.q join skills s on s.id = f.id where s.head_seq is not null \
             and (s.owner = $3 or (s.visibility = 'public' and s.tier <= $2)) \
             order by relevance desc, s.popularity desc, s.updated_at desc, s.slug limit $4",
        )
        .bind(quoted.join(match how {
            Match::All => " & ",
            Match::Any => " | ",
        }))
        .bind(tier)
        .bind(account)
        .bind(i64::from(limits::SEARCH_HITS))
        .fetch_all(&mut *self)
        .await?;
        Ok(rows)
    }
}

/// The most popular of one tier, and of one account: in place of a search for nothing.
const POPULAR: &str = "select id, slug, cast(1 as double precision) as relevance, popularity, updated_at, \
     cast(0 as bigint) as total from skills where visibility = 'public' and tier = $1 and head_seq is not null \
     order by popularity desc, updated_at desc, slug limit $2";
const OWN: &str = "select id, slug, cast(1 as double precision) as relevance, popularity, updated_at, \
     cast(0 as bigint) as total from skills where owner = $1 and head_seq is not null \
     order by popularity desc, updated_at desc, slug limit $2";
const ALL: &str = "select (select count(*) from skills where visibility = 'public' and tier <= $1 and head_seq is not null) \
     + (select count(*) from skills where owner = $2 and head_seq is not null \
     and not (visibility = 'public' and tier <= $1))";

impl Db {
    /// The skills that `viewer` may have and that fit the words of `text`: those that have them all or, where there is none,
    /// one of them. Without a word, all there are, the most popular first. Nothing in `text` is an operator. Of more than
    /// [`limits::SEARCH_HITS`] the best so many can be leafed through.
    pub async fn search(&self, viewer: &Viewer<'_>, text: &str, page: Page) -> Result<Found, Error> {
        let words = wanted(text);
        let (tier, account) = (rank(viewer.tier), viewer.account.as_str());
        let most = i64::from(limits::SEARCH_HITS);
        let (total, ranked, mut skills) = reading!(self, |conn| {
            let (total, candidates): (i64, Vec<Candidate>) = if words.is_empty() {
                let total = sqlx::query_scalar(ALL).bind(tier).bind(account).fetch_one(&mut *conn).await?;
                let mut candidates: Vec<Candidate> =
                    sqlx::query_as(OWN).bind(account).bind(most).fetch_all(&mut *conn).await?;
                for tier in TIERS.into_iter().map(rank).filter(|other| *other <= tier) {
                    candidates
                        .extend(sqlx::query_as(POPULAR).bind(tier).bind(most).fetch_all(&mut *conn).await?);
                }
                (total, candidates)
            } else {
                let mut candidates = Index::fitting(&mut *conn, &words, Match::All, tier, account).await?;
                if candidates.is_empty() && words.len() > 1 {
                    candidates = Index::fitting(&mut *conn, &words, Match::Any, tier, account).await?;
                }
                (candidates.first().map_or(0, |first| first.total), candidates)
            };
            let ranked: Vec<(i64, f64)> = ranked(candidates)
                .into_iter()
                .skip(usize::try_from(page.offset()).unwrap_or(usize::MAX))
                .take(page.size() as usize)
                .collect();
            let mut skills = BTreeMap::new();
            if !ranked.is_empty() {
                let mut query =
                    sqlx::QueryBuilder::new(concat!("select s.id, ", skill_columns!(), " where s.id in ("));
                let mut ids = query.separated(", ");
                for (id, _) in &ranked {
                    ids.push_bind(*id);
                }
                query.push(")");
                let rows: Vec<Numbered> = query.build_query_as().fetch_all(&mut *conn).await?;
                skills.extend(rows.into_iter().map(|row| (row.id, row.skill)));
            }
            Ok::<_, Error>((total, ranked, skills))
        })?;
        let hits = ranked.into_iter().filter_map(|(id, score)| {
            let skill = skills.remove(&id)?;
            Some(SkillRow::try_from(skill).map(|skill| Hit { skill, score }))
        });
        Ok(Found { total: record::count("total", total)?, hits: hits.collect::<Result<_, _>>()? })
    }
}

#[derive(sqlx::FromRow)]
struct Numbered {
    id: i64,
    #[sqlx(flatten)]
    skill: RawSkill,
}

/// The candidates in their final order, each once, with its score.
fn ranked(mut candidates: Vec<Candidate>) -> Vec<(i64, f64)> {
    let best = candidates.iter().map(|one| one.relevance).fold(0.0, f64::max);
    let score = |one: &Candidate| if best > 0.0 { (one.relevance / best).clamp(0.0, 1.0) } else { 1.0 };
    let tenth = |one: &Candidate| (score(one) * 10.0).floor();
    candidates.sort_by(|a, b| {
        (tenth(b).total_cmp(&tenth(a)))
            .then(b.popularity.total_cmp(&a.popularity))
            .then(b.updated_at.cmp(&a.updated_at))
            .then_with(|| a.slug.cmp(&b.slug))
    });
    candidates.dedup_by_key(|one| one.id);
    candidates.truncate(limits::SEARCH_HITS as usize);
    candidates.iter().map(|one| (one.id, score(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_alike_whatever_stands_between_them() {
        let cut = |text| words(text).collect::<Vec<_>>().join("|");
        assert_eq!(cut("PDF-Tools: (a) \"b\" AND* c:d ÉTÉ 日本"), "pdf|tools|a|b|and|c|d|été|日本");
        assert_eq!(cut("';--\0 \u{202e}"), "");
        assert_eq!(wanted("the PDF and the pdf"), ["pdf"]);
        assert!(wanted("to the").is_empty());
        let endless = "x".repeat(10_000);
        assert_eq!(wanted(&endless)[0].len(), limits::SEARCH_WORD_CHARS);
        let many: String = (0..100).map(|n| format!("w{n} ")).collect();
        assert_eq!(wanted(&many).len(), limits::SEARCH_WORDS);
    }

    #[test]
    fn what_fits_about_as_well_is_ordered_by_use_and_then_by_age() {
        let one = |id, relevance, popularity, updated_at| Candidate {
            id,
            slug: format!("s{id}"),
            relevance,
            popularity,
            updated_at,
            total: 5,
        };
        let order = ranked(vec![
            one(1, 0.50, 0.0, 9),
            one(2, 0.99, 1.0, 1),
            one(3, 0.92, 2.0, 1),
            one(4, 0.91, 1.0, 2),
            one(5, 1.00, 0.0, 1),
            one(4, 0.91, 1.0, 2),
        ]);
        let ids: Vec<i64> = order.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [5, 3, 4, 2, 1]);
        assert_eq!(order.last().unwrap().1, 0.5);
    }
}
