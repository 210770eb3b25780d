//! Taking back: a version that nobody should install any more, one that nobody may use, a skill that is superseded.

use semver::Version;
use skillsync_core::name::SkillName;
use skillsync_wire::api::publish::{Deprecate, Yank};
use skillsync_wire::text::Line;

use super::keys::{Caller, Scope};
use super::{App, Error, shelf};
use crate::blobs::BlobKey;
use crate::db::{By, YankOrder, Yanked};
use crate::limits;

/// What came of raising a floor.
#[derive(Debug)]
pub struct Floor {
    /// Whether it was lower before.
    pub is_raised: bool,
    /// The advisories that say so, where they could not be put into the blobs, and why: a running hub puts them there once it
    /// finds them, and every start does.
    pub missing: Option<(BlobKey, Error)>,
}

impl App {
    /// Takes a version back. With `revoke` machines that have it must stop using it, too: new advisories say so before
    /// this returns.
    pub async fn yank(&self, caller: &Caller, slug: &SkillName, order: &Yank) -> Result<(), Error> {
        self.own(caller, slug).await?;
        let reason = line("reason", &order.reason)?;
        let (version, revoke) = (&order.version, order.revoke);
        let order = YankOrder { slug, version, reason: reason.as_str(), revoke };
        match self.take_back(caller, &order).await? {
            Yanked::Done { .. } | Yanked::Already => {}
            Yanked::NotFound => {
                return Err(Error::VersionNotFound { slug: slug.clone(), version: Some(version.clone()) });
            }
        }
        if revoke {
            self.current_advisories().await?;
        }
        Ok(())
    }

    async fn take_back(&self, caller: &Caller, order: &YankOrder<'_>) -> Result<Yanked, Error> {
        for _ in 0..limits::RACE_TRIES {
            match self.db.yank(caller.by(), order, self.clock.timestamp()).await {
                // A release key is replaced at this moment, which takes the same rows the other way round.
                Err(error) if error.is_race() => {}
                done => return Ok(done?),
            }
        }
        Err(Error::Raced)
    }

    /// Lets nobody use a release of a skill any more that came before `version`, whoever pinned it, for whoever holds the hub
    /// itself. New advisories say so before this returns.
    pub async fn raise_floor_as_operator(&self, slug: &SkillName, version: &Version) -> Result<Floor, Error> {
        let lowest = self.db.release(slug, version).await?;
        let missing = || Error::VersionNotFound { slug: slug.clone(), version: Some(version.clone()) };
        let seq = lowest.ok_or_else(missing)?.seq;
        let is_raised = self.set_floor(slug, seq).await?;
        let key = self.current_advisories().await?.key();
        let missing = shelf::put(&self.db, &self.blobs, &key).await.err().map(|error| (key, error));
        Ok(Floor { is_raised, missing })
    }

    async fn set_floor(&self, slug: &SkillName, seq: u64) -> Result<bool, Error> {
        for _ in 0..limits::RACE_TRIES {
            match self.db.set_floor(By::Admin, slug, seq, self.clock.timestamp()).await {
                Err(error) if error.is_race() => {}
                done => return Ok(done?),
            }
        }
        Err(Error::Raced)
    }

    /// Says that a skill should not be used any more, or takes that back.
    pub async fn deprecate(&self, caller: &Caller, slug: &SkillName, said: &Deprecate) -> Result<(), Error> {
        self.own(caller, slug).await?;
        let reason = said.reason.as_deref().map(|reason| line("reason", reason)).transpose()?;
        let reason = reason.as_ref().map(Line::as_str);
        if self.db.deprecate(caller.by(), slug, reason, said.replaced_by.as_ref()).await? {
            Ok(())
        } else {
            Err(Error::SkillNotFound { slug: slug.clone() })
        }
    }

    /// Fails unless the caller may change the skill: what it cannot see is not there, what it sees may be another's.
    async fn own(&self, caller: &Caller, slug: &SkillName) -> Result<(), Error> {
        caller.require(&Scope::PublishOne(slug.clone()))?;
        if caller.may(&Scope::Admin) {
            return Ok(());
        }
        let skill = self.visible(Some(caller), slug).await?;
        if skill.owner == *caller.account() { Ok(()) } else { Err(Error::NotOwner { slug: slug.clone() }) }
    }
}

fn line(field: &'static str, text: &str) -> Result<Line, Error> {
    let rule =
        || Error::Field { field, rule: format!("it is one line of at most {} bytes", limits::LABEL_BYTES) };
    Line::parse(text).ok().filter(|line| line.as_str().len() <= limits::LABEL_BYTES).ok_or_else(rule)
}
