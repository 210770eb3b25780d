//! What a source would bring, without bringing it: the rows of `outdated` and of a plan.

use std::collections::{BTreeMap, BTreeSet};

use skillsync_core::name::SkillName;
use skillsync_store::installed::Standing;
use skillsync_wire::trust::Advised;

use super::Pull;
use crate::anchor::Revoked as Known;
use crate::delivery::{self, Delivered, Done, Error, Row, Survey};
use crate::plan::{Ask, Step};

impl Pull<'_> {
    /// A row for each step, or why its skill cannot be looked at.
    pub(super) fn look(
        &self,
        advised: &Advised,
        survey: &Survey,
        steps: &BTreeMap<SkillName, Step>,
        unread: BTreeMap<SkillName, Error>,
    ) -> Delivered {
        let row = |(slug, step)| (SkillName::clone(slug), self.planned(advised, survey, slug, step));
        let mut rows: BTreeMap<SkillName, Row> = steps.iter().map(row).collect();
        rows.extend(unread.into_iter().map(|(slug, error)| (slug.clone(), Row::failed(&slug, error))));
        self.warn_of_revoked(advised, survey, &mut rows);
        Delivered { rows: rows.into_values().collect(), error: None }
    }

    /// Says of what would be taken out of use that it would, where the plan has no cure.
    fn warn_of_revoked(&self, advised: &Advised, survey: &Survey, rows: &mut BTreeMap<SkillName, Row>) {
        let (name, mut state) = (self.desk.source.name(), survey.state().clone());
        let (mut unnoted, mut in_use) = (Vec::new(), BTreeSet::new());
        let known = Known::of(advised.advisories());
        for (slug, revoked) in delivery::Judge::new(self.store, name, advised, &known).revoked(survey.state())
        {
            match revoked {
                Ok(revoked) => {
                    // What is noted is in no agent's folder, whatever its record says.
                    if revoked.record != delivery::Record::OutOfUse && !survey.state().is_quarantined(&slug) {
                        in_use.insert(slug.clone());
                    }
                    unnoted.extend(revoked.note(&mut state, name, &slug, self.store.now_text()));
                }
                Err(error) => {
                    let known = rows.remove(&slug).filter(|known| known.error.is_some());
                    let row = known.unwrap_or_else(|| Row::failed(&slug, error));
                    rows.insert(slug, row);
                }
            }
        }
        for row in delivery::quarantined(name, &state).into_iter().chain(unnoted) {
            let planned = rows.remove(&row.slug);
            let in_use = in_use.contains(&row.slug);
            let row = match planned {
                // What is only marked for removal is still there.
                Some(cure) if cure.done.is_cure() && !(in_use && cure.done == Done::Removed) => cure,
                planned => Row { error: planned.and_then(|planned| planned.error), in_use, ..row },
            };
            rows.insert(row.slug.clone(), row);
        }
    }

    /// What would become of a skill.
    fn planned(&self, advised: &Advised, survey: &Survey, slug: &SkillName, step: &Step) -> Row {
        let done = match step {
            Step::Add | Step::Update if self.wish.ask == Ask::Look => Done::Available,
            Step::Add => Done::Added,
            Step::Update => Done::Updated,
            Step::Keep => Done::Current,
            Step::Available => Done::Available,
            Step::Held(_) => Done::Held,
            Step::Refuse(_) => Done::Refused,
            Step::Unlisted(_) => Done::Unlisted,
            Step::Forget => Done::Removed,
        };
        let why = match step {
            Step::Held(held) => Some(delivery::held_word(*held).to_owned()),
            Step::Unlisted(why) => why.clone(),
            _ => None,
        };
        let error = match step {
            Step::Refuse(why) => Some(Error::Planned { slug: slug.clone(), why: why.clone() }),
            _ => None,
        };
        let installed = survey.state().get(slug);
        let here = installed.filter(|i| matches!(i.state, Standing::Installed | Standing::Quarantined));
        let from = here.map(|installed| installed.current.version.clone());
        let entry = advised.manifest().skill(slug);
        let chosen = match &self.wish.ask {
            Ask::Install(_, version) => version.clone(),
            _ => None,
        };
        let to = chosen.or_else(|| entry.map(|entry| entry.version.clone()));
        Row { from, to, why, error, ..Row::new(slug, done) }
    }
}
