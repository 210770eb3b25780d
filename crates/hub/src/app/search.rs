//! Search among what a caller may have.

use skillsync_wire::api::search::{PAGE_SIZE, PAGE_SIZE_MOST, SearchReply, SearchResult};
use skillsync_wire::json::Time;

use super::keys::{Caller, Scope};
use super::{App, Error};
use crate::db::{Hit, Page};
use crate::limits;

impl App {
    /// What fits `words` best; without words the most popular.
    pub async fn search(
        &self,
        caller: &Caller,
        words: &str,
        page: Option<u32>,
        page_size: Option<u32>,
    ) -> Result<SearchReply, Error> {
        caller.require(&Scope::Read)?;
        let page = bounded("page", page.unwrap_or(1), limits::PAGE_MOST)?;
        let page_size = bounded("page_size", page_size.unwrap_or(PAGE_SIZE), PAGE_SIZE_MOST)?;
        let found = self.db.search(&caller.viewer(), words, Page::of(page, page_size)).await?;
        Ok(SearchReply {
            total: found.total,
            page,
            page_size,
            results: found.hits.into_iter().filter_map(result).collect(),
        })
    }
}

/// A skill without a version to install is not found; between two queries it can lose its last one.
fn result(Hit { skill, score }: Hit) -> Option<SearchResult> {
    Some(SearchResult {
        version: skill.head_version?,
        slug: skill.slug,
        title: skill.title,
        description: skill.description,
        tier: skill.tier,
        quality_score: skill.quality_score,
        install_count_total: skill.installs,
        last_verified: Time::of(skill.verified_at),
        updated_at: Time::of(skill.updated_at),
        category: skill.category,
        score,
    })
}

fn bounded(field: &'static str, value: u32, most: u32) -> Result<u32, Error> {
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Error::Field { field, rule: format!("it is 1 to {most}") })
    }
}
