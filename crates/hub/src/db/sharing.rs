//! Who a skill is for, changed without a new release.

use skillsync_core::name::SkillName;
use skillsync_wire::api::skill::{Tier, Visibility};

use super::engine::writing;
use super::record::rank;
use super::{By, Db, Error};

/// What is to be changed; what is none stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSharing<'a> {
    /// Who may see it.
    pub visibility: Option<Visibility>,
    /// Which accounts it is for.
    pub tier: Option<Tier>,
    /// Its category.
    pub category: Option<&'a str>,
}

impl Db {
    /// Changes who a skill of `by` is for. The generation counts up where that changed anything.
    pub async fn share(&self, by: By<'_>, slug: &SkillName, new: &NewSharing<'_>) -> Result<bool, Error> {
        writing!(self, |conn| {
            let done = sqlx::query(
                "update skills set visibility = coalesce($2, visibility), tier = coalesce($3, tier), \
                 category = coalesce($4, category) where slug = $1 and owner = coalesce($5, owner) \
                 and (visibility <> coalesce($2, visibility) or tier <> coalesce($3, tier) \
                 or category <> coalesce($4, category))",
            )
            .bind(slug.as_str())
            .bind(new.visibility.map(Visibility::as_str))
            .bind(new.tier.map(rank))
            .bind(new.category)
            .bind(by.owner())
            .execute(&mut *conn)
            .await?;
            let changed = done.rows_affected() == 1;
            if changed {
                sqlx::query("update catalogue set generation = generation + 1").execute(&mut *conn).await?;
            }
            Ok::<_, Error>(changed)
        })
    }
}
