//! Doing an import: the sources first, then each skill as a version, then what is known of its edition.

use skillsync_client::mirror;
use skillsync_core::limits;
use skillsync_core::name::SkillName;
use skillsync_core::skill::{Origin as Act, Source as From};
use skillsync_store::config::{Config, SourceConfig, SourceKind};
use skillsync_store::index::Index;
use skillsync_store::installed::{InstallState, Installed, Release};
use skillsync_store::objects::Batch;
use skillsync_store::skills::{self, Change};

use super::{
    BaseUrl, Coming, Error, Follow, Imported, NewSource, Outcome, Place, Plan, Report, SourceName, Writing,
    clear, make_folder,
};

impl Plan {
    /// Does it: the sources first, then each skill as a version, then what is known of its edition.
    pub fn apply(mut self, writing: &Writing<'_>, index: &mut Index) -> Result<Imported, Error> {
        let store = writing.store();
        let layout = store.layout();
        self.report.dry_run = false;
        let mut file = Config::load(&layout.config())?;
        for NewSource { name, url, skills } in &self.report.sources {
            let default = SourceConfig::new(name.clone(), url.clone());
            clear(store, name)?;
            make_folder(layout, name)?;
            file.add_source(&SourceConfig { kind: SourceKind::Index, skills: *skills, ..default })?;
        }
        file.save()?;
        let mut failed = Vec::new();
        for batch in self.coming.chunks(limits::FORKS) {
            failed.extend(import(writing, index, &file, batch)?);
        }
        for ((list, skill), error) in failed {
            let row = &mut self.report.lists[list].skills[skill];
            (row.outcome, row.error) = (Outcome::Failed, Some(error));
        }
        Ok(self.report)
    }
}

/// Makes the versions of `coming`, and notes what they are of; gives those that failed.
fn import(
    writing: &Writing<'_>,
    index: &mut Index,
    config: &Config,
    coming: &[Coming],
) -> Result<Vec<(Place, Report)>, Error> {
    let store = writing.store();
    let source_of = |url: &BaseUrl| config.sources().iter().find(|source| source.url == *url);
    let editions = coming.iter().filter_map(|one| {
        let Follow { site, published, .. } = one.follow.as_ref()?;
        Some((one, source_of(site)?.name.clone(), mirror::edition_of(published.as_deref(), &one.tree)))
    });
    let editions: Vec<(&Coming, SourceName, Release)> = editions.collect();
    // Before the versions: a kill before they are there leaves a record that says so, and the next import goes on from it.
    let known = InstallState::amend(store.layout(), |state| {
        let known = state.clone();
        for (one, source, edition) in &editions {
            let pending = Installed::new(source.clone(), edition.clone(), store.now_text());
            state.set(one.name.clone(), pending);
        }
        known
    })?;
    let made = make(writing, index, coming);
    let is_made = |name: &SkillName| match &made {
        Ok(failed) => !failed.iter().any(|(other, _)| other.name == *name),
        // It may have been made all the same.
        Err(_) => !matches!(skills::find(store, name), Ok(None)),
    };
    InstallState::amend(store.layout(), |state| {
        for (one, _, edition) in &editions {
            match (is_made(&one.name), known.get(&one.name), state.get_mut(&one.name)) {
                (true, _, Some(_)) if made.is_err() => {}
                (true, _, Some(installed)) => installed.took(edition, store.now_text()),
                (true, _, None) => {}
                // What was known of it before is known again.
                (false, Some(before), _) => state.set(one.name.clone(), before.clone()),
                (false, None, _) => state.remove(&one.name),
            }
        }
    })?;
    Ok(made?.into_iter().map(|(one, error)| (one.at, error)).collect())
}

/// Makes the versions; gives those that failed.
fn make<'c>(
    writing: &Writing<'_>,
    index: &mut Index,
    coming: &'c [Coming],
) -> Result<Vec<(&'c Coming, Report)>, Error> {
    let store = writing.store();
    let transaction = writing.transaction()?;
    let batch = Batch::new(store.layout(), transaction.dir())?;
    let (mut changes, mut changing, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for one in coming.iter().filter(|one| !one.is_here) {
        let payload = match one.payload() {
            Ok(payload) => payload,
            Err(error) => {
                failed.push((one, Report::of(&error)));
                continue;
            }
        };
        let staged = skills::stage_payload(&transaction, &batch, &one.name, &payload)?;
        let (act, from) =
            if one.follow.is_some() { (Act::Install, From::Index) } else { (Act::Add, From::Imported) };
        changes.push(Change { reason: Some(one.reason.clone()), ..Change::new(staged, act, from) });
        changing.push(one);
    }
    let advanced = skills::advance(writing, &transaction, batch, index, changes)?;
    let advanced = changing.into_iter().zip(advanced);
    failed.extend(advanced.filter_map(|(one, advanced)| Some((one, Report::of(&advanced.err()?)))));
    transaction.finish()?;
    Ok(failed)
}
