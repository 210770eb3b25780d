//! What several tables share: how values stand in columns and come back, who acts, which page of a list.

use jiff::Timestamp;
use semver::Version;
use skillsync_core::digest::{ArchiveDigest, ContentHash, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::text::Owner;

use super::Error;
use crate::limits;

/// On whose behalf something is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// This account, which may change its own things.
    Account(&'a Owner),
    /// An administrator, who may change everybody's.
    Admin,
}

impl By<'_> {
    /// The account whose things may be changed; none is everybody's.
    pub(super) fn owner(&self) -> Option<&str> {
        match self {
            By::Account(owner) => Some(owner.as_str()),
            By::Admin => None,
        }
    }
}

/// A part of a list: the pages count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    number: u32,
    size: u32,
}

impl Page {
    /// The page `number` of pages of `size` rows. What is out of bounds is brought within.
    pub fn of(number: u32, size: u32) -> Self {
        Self { number: number.max(1), size: size.clamp(1, limits::PAGE_ROWS) }
    }

    /// Which page, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Rows of a page.
    pub fn size(self) -> u32 {
        self.size
    }

    pub(super) fn limit(self) -> i64 {
        i64::from(self.size)
    }

    pub(super) fn offset(self) -> i64 {
        i64::from(self.number - 1) * i64::from(self.size)
    }
}

/// A count in a column. None of the hub's comes near the end.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text of somebody's for a column.
pub(super) fn text<'t>(what: &'static str, text: &'t str) -> Result<&'t str, Error> {
    if text.contains('\0') { Err(Error::ZeroByte { what }) } else { Ok(text) }
}

/// A moment in a column.
pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A tier in a column.
pub(super) fn rank(tier: Tier) -> i64 {
    match tier {
        Tier::Free => 0,
        Tier::Pro => 1,
        Tier::Operator => 2,
    }
}

/// Every tier.
pub(super) const TIERS: [Tier; 3] = [Tier::Free, Tier::Pro, Tier::Operator];

fn damaged(what: &'static str, reason: impl ToString) -> Error {
    Error::Damaged { what, reason: reason.to_string() }
}

pub(super) fn count(what: &'static str, value: i64) -> Result<u64, Error> {
    u64::try_from(value).map_err(|reason| damaged(what, reason))
}

pub(super) fn moment(what: &'static str, value: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(value).map_err(|reason| damaged(what, reason))
}

pub(super) fn maybe_moment(what: &'static str, value: Option<i64>) -> Result<Option<Timestamp>, Error> {
    value.map(|value| moment(what, value)).transpose()
}

pub(super) fn tier(value: i64) -> Result<Tier, Error> {
    TIERS.into_iter().find(|tier| rank(*tier) == value).ok_or_else(|| damaged("tier", value))
}

pub(super) fn visibility(value: &str) -> Result<Visibility, Error> {
    value.parse().map_err(|reason| damaged("visibility", reason))
}

pub(super) fn slug(value: &str) -> Result<SkillName, Error> {
    SkillName::parse(value).map_err(|reason| damaged("slug", reason))
}

pub(super) fn owner(value: &str) -> Result<Owner, Error> {
    Owner::parse(value).map_err(|reason| damaged("account", reason))
}

pub(super) fn version(value: &str) -> Result<Version, Error> {
    Version::parse(value).map_err(|reason| damaged("version", reason))
}

pub(super) fn bytes32(what: &'static str, value: Vec<u8>) -> Result<[u8; 32], Error> {
    value.try_into().map_err(|value: Vec<u8>| damaged(what, format!("{} bytes", value.len())))
}

pub(super) fn content(value: Vec<u8>) -> Result<ContentHash, Error> {
    bytes32("content_hash", value).map(ContentHash::from_bytes)
}

pub(super) fn tarball(value: Vec<u8>) -> Result<ArchiveDigest, Error> {
    bytes32("tarball_sha256", value).map(ArchiveDigest::from_bytes)
}

pub(super) fn envelope(value: Vec<u8>) -> Result<EnvelopeDigest, Error> {
    bytes32("sha256 of an envelope", value).map(EnvelopeDigest::from_bytes)
}
