//! What one caller may have: the content of its manifest. However much else there is in the catalogue, only what is the
//! caller's own, what it installed, and what is public for its tier is looked at.

use std::collections::BTreeMap;

use semver::Version;
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};
use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::limits::MANIFEST_SKILLS;
use skillsync_wire::text::Owner;

use super::engine::reading;
use super::record::{self, TIERS, int, rank};
use super::{Db, Error};
use crate::limits::LISTING_BYTES;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer<'a> {
    /// The account.
    pub account: &'a Owner,
    /// What it may have.
    pub tier: Tier,
    /// The id of the key that asks.
    pub key_id: &'a str,
}

/// What a caller may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The state of the catalogue that this is true of.
    pub generation: u64,
    /// The tier that the viewer's account has in that state; none where there is no such account. What is listed is for the
    /// tier that the viewer was said to have.
    pub tier: Option<Tier>,
    /// The newest release of each skill that is not yanked wholly, sorted by slug.
    pub skills: Vec<Listed>,
    /// Whether there was more than the limit: public skills were left out that this key never installed.
    pub is_cut: bool,
    /// What this key installed and may not have any more, sorted by slug.
    pub lost: Vec<Lost>,
}

/// One release that a caller may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The skill.
    pub slug: SkillName,
    /// Its version.
    pub version: Version,
    /// The number of the release.
    pub seq: u64,
    /// The digest of its statement in its envelope.
    pub release_sha256: EnvelopeDigest,
    /// The size of its statement in its envelope.
    pub release_size: u64,
    /// The digest of its archive.
    pub tarball_sha256: ArchiveDigest,
    /// The size of its archive.
    pub size_bytes: u64,
}

/// A skill that a key installed and may not have any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The skill.
    pub slug: SkillName,
    /// Why.
    pub loss: Loss,
}

/// Why a skill is lost to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Every release of it is yanked.
    Yanked,
    /// Every release of it is yanked, and the newest one is revoked.
    Revoked,
    /// Its owner or its tier does not let this caller have it any more.
    Access,
}

impl Loss {
    /// Its one word, for manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Loss::Yanked => "yanked",
            Loss::Revoked => "revoked",
            Loss::Access => "access",
        }
    }
}

#[derive(sqlx::FromRow)]
struct RawListed {
    slug: String,
    version: String,
    seq: i64,
    release_sha256: Vec<u8>,
    release_size: i64,
    tarball_sha256: Vec<u8>,
    size_bytes: i64,
}

#[derive(sqlx::FromRow)]
struct RawLost {
    slug: String,
    owner: String,
    visibility: String,
    tier: i64,
    revoked: bool,
}

impl TryFrom<RawListed> for Listed {
    type Error = Error;
    fn try_from(raw: RawListed) -> Result<Self, Error> {
        Ok(Self {
            slug: record::slug(&raw.slug)?,
            version: record::version(&raw.version)?,
            seq: record::count("seq", raw.seq)?,
            release_sha256: record::envelope(raw.release_sha256)?,
            release_size: record::count("release_size", raw.release_size)?,
            tarball_sha256: record::tarball(raw.tarball_sha256)?,
            size_bytes: record::count("size_bytes", raw.size_bytes)?,
        })
    }
}

impl Viewer<'_> {
    /// Whether the account may have a skill.
    pub fn may_have(&self, owner: &Owner, visibility: Visibility, tier: Tier) -> bool {
        (visibility == Visibility::Public && tier <= self.tier) || owner == self.account
    }

    fn lost(&self, raw: RawLost) -> Result<Lost, Error> {
        let (owner, tier) = (record::owner(&raw.owner)?, record::tier(raw.tier)?);
        let loss = if !self.may_have(&owner, record::visibility(&raw.visibility)?, tier) {
            Loss::Access
        } else if raw.revoked {
            Loss::Revoked
        } else {
            Loss::Yanked
        };
        Ok(Lost { slug: record::slug(&raw.slug)?, loss })
    }
}

macro_rules! columns {
    () => {
        "s.slug, r.version, r.seq, r.release_sha256, r.release_size, r.tarball_sha256, r.size_bytes"
    };
}

/// The queries, which a test has explained by both engines. `cross join` tells SQLite to begin with the installs of the key,
/// which are few, and not with all that is public.
const OWN: &str = concat!(
    "select ",
    columns!(),
    " from skills s join releases r on r.slug = s.slug and r.seq = s.head_seq \
     where s.owner = $1 and s.head_seq is not null order by s.slug limit $2"
);
const INSTALLED: &str = concat!(
    "select ",
    columns!(),
    " from installs i cross join skills s join releases r on r.slug = s.slug and r.seq = s.head_seq \
     where i.key_id = $1 and s.slug = i.slug and s.visibility = 'public' and s.tier <= $2 order by i.slug limit $3"
);
const PUBLIC: &str = concat!(
    "select ",
    columns!(),
    " from skills s join releases r on r.slug = s.slug and r.seq = s.head_seq \
     where s.visibility = 'public' and s.tier = $1 and s.head_seq is not null order by s.slug limit $2"
);
const LOST: &str = "select s.slug, s.owner, s.visibility, s.tier, r.revoked \
     from installs i cross join skills s join releases r on r.slug = s.slug and r.seq = s.last_seq \
     where i.key_id = $1 and s.slug = i.slug and (s.head_seq is null or not (s.owner = $2 or (s.visibility = 'public' and s.tier <= $3))) \
     order by i.slug limit $4";

impl Db {
    /// What `viewer` may have: at most `limit` skills, its own first, then those that this key installed, then the other
    /// public ones of its tier and below; and at most `limit` that are lost. No manifest holds more than [`MANIFEST_SKILLS`], nor
    /// more than [`LISTING_BYTES`] of them.
    pub async fn listing(&self, viewer: &Viewer<'_>, limit: u32) -> Result<Listing, Error> {
        let limit = limit.min(u32::try_from(MANIFEST_SKILLS).unwrap_or(u32::MAX));
        // One more, to see whether there was more.
        let most = int(u64::from(limit) + 1);
        let tiers: Vec<i64> = TIERS.into_iter().filter(|tier| *tier <= viewer.tier).map(rank).collect();
        let (generation, tier, own, installed, public, lost) = reading!(self, |conn| {
            let generation: i64 =
                sqlx::query_scalar("select generation from catalogue").fetch_one(&mut *conn).await?;
            let tier: Option<i64> = sqlx::query_scalar("select tier from accounts where name = $1")
                .bind(viewer.account.as_str())
                .fetch_optional(&mut *conn)
                .await?;
            let own: Vec<RawListed> =
                sqlx::query_as(OWN).bind(viewer.account.as_str()).bind(most).fetch_all(&mut *conn).await?;
            let installed: Vec<RawListed> = sqlx::query_as(INSTALLED)
                .bind(viewer.key_id)
                .bind(rank(viewer.tier))
                .bind(most)
                .fetch_all(&mut *conn)
                .await?;
            let mut public: Vec<RawListed> = Vec::new();
            for tier in &tiers {
                public.extend(sqlx::query_as(PUBLIC).bind(tier).bind(most).fetch_all(&mut *conn).await?);
            }
            let lost: Vec<RawLost> = sqlx::query_as(LOST)
                .bind(viewer.key_id)
                .bind(viewer.account.as_str())
                .bind(rank(viewer.tier))
                .bind(int(limit.into()))
                .fetch_all(&mut *conn)
                .await?;
            Ok::<_, Error>((generation, tier, own, installed, public, lost))
        })?;
        let mut public = public.into_iter().map(Listed::try_from).collect::<Result<Vec<_>, _>>()?;
        public.sort_by(|a, b| a.slug.cmp(&b.slug));
        let first = own.into_iter().chain(installed).map(Listed::try_from).collect::<Result<Vec<_>, _>>()?;
        let lost = lost.into_iter().map(|raw| viewer.lost(raw)).collect::<Result<Vec<_>, _>>()?;
        let room = LISTING_BYTES.saturating_sub(lost.iter().map(Lost::manifest_bytes).sum());
        let (skills, is_cut) = chosen(first.into_iter().chain(public), limit as usize, room);
        let tier = tier.map(record::tier).transpose()?;
        Ok(Listing { generation: record::count("generation", generation)?, tier, skills, is_cut, lost })
    }
}

impl Listed {
    /// At most what it takes in a manifest: its two digests, names of fields and three numbers beside the texts.
    fn manifest_bytes(&self) -> usize {
        320 + self.slug.as_str().len() + self.version.to_string().len()
    }
}

impl Lost {
    /// At most what it takes in a manifest.
    fn manifest_bytes(&self) -> usize {
        48 + self.slug.as_str().len()
    }
}

/// The first `limit` skills that have room in so many bytes of a manifest, each once, sorted by slug; and whether there
/// were more. What has no room by itself does not keep out those after it.
fn chosen(listed: impl Iterator<Item = Listed>, limit: usize, mut room: usize) -> (Vec<Listed>, bool) {
    let (mut skills, mut is_cut) = (BTreeMap::new(), false);
    for one in listed {
        if skills.contains_key(&one.slug) {
            continue;
        }
        if skills.len() == limit {
            is_cut = true;
            break;
        }
        match room.checked_sub(one.manifest_bytes()) {
            Some(rest) => room = rest,
            None => {
                is_cut = true;
                continue;
            }
        }
        skills.insert(one.slug.clone(), one);
    }
    (skills.into_values().collect(), is_cut)
}

#[cfg(test)]
mod tests;
