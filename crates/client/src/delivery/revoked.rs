//! Which skills that are here are made of a revoked release, by their record or without one, and how that is noted.

use std::collections::BTreeSet;

use skillsync_core::digest::EnvelopeDigest;
use skillsync_core::name::{SkillName, SourceName};
use skillsync_core::skill::{Source as Origin, State};
use skillsync_store::installed::{InstallState, Installed, Release, Standing};
use skillsync_store::meta::Meta;
use skillsync_store::skills;
use skillsync_store::store::Store;
use skillsync_wire::trust::Advised;

use super::{Done, Error, Row};
use crate::anchor::{Kept, Revoked as Known};

/// A skill that is made of a revoked release.
pub(crate) struct Revoked {
    /// Why it was revoked.
    reason: String,
    /// What its record says.
    pub(crate) record: Record,
    /// The release that it is made of, where its files are known.
    basis: Option<Release>,
}

/// Whether the record of a skill says that it is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// It says nothing of that: the skill is in use, or will be where the mark of `rm` is taken away.
    InUse,
    /// It does, marked for removal or not.
    OutOfUse,
    /// It does not read.
    Unread,
}

impl Record {
    fn of(meta: &Meta) -> Self {
        if meta.is_quarantined() { Self::OutOfUse } else { Self::InUse }
    }
}

impl Revoked {
    /// Whether it is out of use, and nothing can be noted of it in `state`: every poll finds it like that.
    pub(crate) fn is_settled(&self, state: &InstallState, slug: &SkillName) -> bool {
        self.record == Record::OutOfUse && self.basis.is_none() && state.get(slug).is_none()
    }

    /// Notes in `state` that a skill from `source` is in quarantine since `at`, and of what: that is what it is made of now,
    /// whatever a command that was killed wrote. Gives the row itself where what it is made of cannot be noted.
    pub(crate) fn note(
        self,
        state: &mut InstallState,
        source: &SourceName,
        slug: &SkillName,
        at: String,
    ) -> Option<Row> {
        let Self { reason, basis, .. } = self;
        if let (None, Some(basis)) = (state.get(slug), &basis) {
            state.set(slug.clone(), Installed::new(source.clone(), basis.clone(), at));
        }
        let Some(installed) = state.get_mut(slug) else {
            return Some(Row { why: Some(reason), ..Row::new(slug, Done::Quarantined) });
        };
        if let Some(basis) = basis {
            installed.is_of(&basis);
        }
        (installed.state, installed.reason) = (Standing::Quarantined, Some(reason));
        None
    }
}

/// What the skills from one source that are here are judged by.
pub(crate) struct Judge<'a> {
    store: &'a Store,
    advised: &'a Advised,
    kept: Kept<'a>,
}

impl<'a> Judge<'a> {
    /// By what is `advised` of `source`, of which `known` is what is revoked.
    pub(crate) fn new(
        store: &'a Store,
        source: &'a SourceName,
        advised: &'a Advised,
        known: &'a Known,
    ) -> Self {
        Self { store, advised, kept: Kept { layout: store.layout(), source, revoked: known } }
    }

    /// The skills that are made of a revoked release, and not in quarantine by their record and by `_meta.json`; or why one
    /// that may be cannot be looked at. One of which `_meta.json` says nothing is looked at by what was signed and believed.
    pub(crate) fn revoked(&self, state: &InstallState) -> Vec<(SkillName, Result<Revoked, Error>)> {
        let known = self.kept.revoked;
        let named: BTreeSet<&SkillName> = known.slugs().collect();
        let recorded = state.iter().filter(|(slug, installed)| {
            let is_of_one = || installed.releases.iter().any(|r| known.is_revoked(r.release));
            installed.source == *self.kept.source && (named.contains(slug) || is_of_one())
        });
        let recorded =
            recorded.filter_map(|(slug, installed)| Some((slug.clone(), self.known(slug, installed)?)));
        let marks = self.advised.state().skills.iter();
        let marked = marks.filter(|(_, mark)| known.is_revoked(mark.release)).map(|(slug, _)| slug);
        // Most of what a hub ever revoked was never here.
        let there: BTreeSet<SkillName> =
            skills::names(self.store.layout()).unwrap_or_default().into_iter().collect();
        let lost: BTreeSet<&SkillName> = named.iter().copied().chain(marked).collect();
        let lost = lost.into_iter().filter(|slug| there.contains(*slug) && state.get(slug).is_none());
        let lost = lost.filter_map(|slug| Some((slug.clone(), self.lost(slug)?)));
        recorded.chain(lost).collect()
    }

    /// The skills that are noted to be in quarantine and are in use, made of another release, which is known and not revoked:
    /// their cure came, and the run was killed before it noted that.
    pub(crate) fn cured(&self, state: &InstallState) -> Vec<SkillName> {
        let is_cured = |(slug, installed): &(&SkillName, &Installed)| {
            if installed.source != *self.kept.source || installed.state != Standing::Quarantined {
                return false;
            }
            let Ok(Some(meta)) = skills::find(self.store, slug) else { return false };
            let basis = installed.basis(meta.versions());
            let is_another = basis.is_some_and(|basis| basis.release != installed.current.release);
            meta.source == Origin::Hub
                && meta.state == State::Active
                && is_another
                && !self.is_revoked(slug, Some(installed), &meta)
        };
        state.iter().filter(is_cured).map(|(slug, _)| slug.clone()).collect()
    }

    /// Whether the newest version of `slug` is made of a revoked release, or has the very files of one.
    pub(crate) fn is_revoked(&self, slug: &SkillName, installed: Option<&Installed>, meta: &Meta) -> bool {
        self.kept.revoked_head(slug, None, installed, meta.versions()).is_some()
    }

    /// A skill that is noted. One that is still to come may be here: an install was killed before that was noted. One that is
    /// noted to be in quarantine may be in use: its record did not read then. So may one that is noted to be removed: its mark
    /// was taken back, or an edit holds it up.
    fn known(&self, slug: &SkillName, installed: &Installed) -> Option<Result<Revoked, Error>> {
        let is_noted = installed.state == Standing::Quarantined;
        let meta = match skills::find(self.store, slug) {
            Ok(meta) => meta.filter(|meta| meta.source == Origin::Hub)?,
            Err(_) if is_noted => return None,
            // What came last is what it is, as far as anybody knows.
            Err(error) => return Some(self.unread(&installed.current).ok_or_else(|| error.into())),
        };
        let record = Record::of(&meta);
        let head = self.kept.revoked_head(slug, None, Some(installed), meta.versions())?;
        let is_current = head.basis.as_ref().is_none_or(|basis| basis.release == installed.current.release);
        let is_done = is_noted && record == Record::OutOfUse && is_current;
        (!is_done).then_some(Ok(Revoked { reason: head.reason, record, basis: head.basis }))
    }

    fn unread(&self, current: &Release) -> Option<Revoked> {
        let reason = self.reason(current.release)?;
        Some(Revoked { reason, record: Record::Unread, basis: Some(current.clone()) })
    }

    /// A skill that is not noted.
    fn lost(&self, slug: &SkillName) -> Option<Result<Revoked, Error>> {
        let mark = self.advised.state().skills.get(slug).map(|mark| mark.release);
        let meta = match skills::find(self.store, slug) {
            Ok(meta) => meta.filter(|meta| meta.source == Origin::Hub)?,
            // It cannot be noted what it is, and it may be the one.
            Err(error) => {
                let is_marked = mark.is_some_and(|mark| self.reason(mark).is_some());
                let may_be_it = is_marked || !self.kept.revoked(slug).is_empty();
                return may_be_it.then(|| Err(error.into()));
            }
        };
        let record = Record::of(&meta);
        let head = self.kept.revoked_head(slug, mark, None, meta.versions())?;
        Some(Ok(Revoked { reason: head.reason, record, basis: head.basis }))
    }

    fn reason(&self, release: EnvelopeDigest) -> Option<String> {
        self.kept.revoked.reason(release)
    }
}

/// The rows of what is noted to be in quarantine.
pub(crate) fn quarantined(source: &SourceName, state: &InstallState) -> Vec<Row> {
    let is_it = |(_, i): &(&SkillName, &Installed)| i.source == *source && i.state == Standing::Quarantined;
    let row = |(slug, i): (&SkillName, &Installed)| {
        let from = Some(i.current.version.clone());
        Row { from, why: i.reason.clone(), ..Row::new(slug, Done::Quarantined) }
    };
    state.iter().filter(is_it).map(row).collect()
}
