//! Search (checklist H5, decision 27).

use semver::Version;
use serde::{Deserialize, Serialize};
use skillsync_core::name::SkillName;

use crate::api::skill::Tier;
use crate::json::Time;

/// Results on one page, where the caller does not say how many (checklist H5).
pub const PAGE_SIZE: u32 = 20;
/// Most results on one page.
pub const PAGE_SIZE_MOST: u32 = 100;

/// The answer of `GET /api/skills/search?q=&page=&page_size=`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchReply {
    /// How many there are on all pages.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u32,
    /// Results on a page.
    pub page_size: u32,
    /// The best first.
    pub results: Vec<SearchResult>,
}

/// One skill that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchResult {
    /// The skill.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub slug: SkillName,
    /// Its name for people.
    pub title: String,
    /// When to use it.
    pub description: String,
    /// The version that an install gets.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: Version,
    /// Which accounts it is for.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub tier: Tier,
    /// How well its uses go, 0 to 1; 0 where nothing is known.
    pub quality_score: f64,
    /// How many keys installed it.
    pub install_count_total: u64,
    /// When a gate last found it good.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub last_verified: Time,
    /// When its newest version was published.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub updated_at: Time,
    /// Its category, or an empty text.
    pub category: String,
    /// How well it fits the words, for comparing results of one search only.
    pub score: f64,
}
