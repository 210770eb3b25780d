//! What was asked for decides: what is named comes, what is not named stays, and what cannot be had is said.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skillsync_client::delivery::Done;
use skillsync_client::download::Progress;
use skillsync_client::mirror::{GUARDED, Pruning};
use skillsync_client::plan::Ask;
use skillsync_client::pull::Status;
use skillsync_client::schedule::Polls;
use skillsync_core::fault::Fault as _;
use skillsync_core::skill::{Origin, Source, State};
use skillsync_store::config::Apply;
use skillsync_store::installed::{Hold, InstallState};
use skillsync_testkit::web::Answer;
use skillsync_wire::wellknown::Version;

use super::site::{Follower, Served, done, line, name, skill, skills};

fn state(follower: &Follower, skill: &str) -> State {
    skillsync_store::skills::load(&follower.store, &name(skill)).unwrap().state
}

#[test]
fn the_guard_of_a_mass_removal_is_not_undone_by_the_next_poll() {
    let site = Served::new(skills(4, "a"), &[Version::V01]);
    let mut follower = Follower::of(&site.web.url());
    follower.line();
    follower.edit("skill-01", "three", "mine");
    site.change(|shelf| {
        shelf.skills = skills(9, "a");
        shelf.skills.retain(|name, _| name.as_str() > "skill-04");
    });
    assert_eq!(follower.line(), "5 added, 0 updated, 0 removed (0 unchanged)");
    for _ in 0..2 {
        let pulled = follower.poll();
        assert_eq!(line(&pulled), "0 added, 0 updated, 0 removed (5 unchanged)");
        assert_eq!(done(&pulled, "skill-02"), (Done::Unlisted, GUARDED.to_owned()));
    }
    // Listed again it is as every other, and goes as every other.
    site.change(|shelf| drop(shelf.skills.insert("skill-02".to_owned(), skill("skill-02", "a"))));
    assert_eq!(follower.line(), "0 added, 0 updated, 0 removed (6 unchanged)");
    site.change(|shelf| drop(shelf.skills.remove("skill-02")));
    assert_eq!(follower.line(), "0 added, 0 updated, 1 removed (5 unchanged)");
    follower.pruning = Pruning::Allowed;
    assert_eq!(follower.line(), "0 added, 0 updated, 2 removed (5 unchanged)");
    assert_eq!(
        (state(&follower, "skill-01"), state(&follower, "skill-03")),
        (State::Active, State::PendingRemove)
    );
}

#[test]
fn a_skill_that_was_rolled_back_comes_forward_when_it_is_named() {
    let asks = [Ask::Update(vec![name("skill-01")]), Ask::Install(name("skill-01"), None)];
    // The index may list what was gone back to, too.
    for (ask, listed) in asks.into_iter().flat_map(|ask| [(ask.clone(), "b"), (ask, "a")]) {
        let site = Served::new(skills(2, "a"), &[Version::V01]);
        let follower = Follower::of(&site.web.url());
        follower.line();
        site.change(|shelf| shelf.skills = skills(2, "b"));
        follower.line();
        // As `rollback` does.
        follower.write("skill-01", Origin::Rollback, Source::Index, &skill("skill-01", "a"));
        let hold = |state: &mut InstallState| {
            state.get_mut(&name("skill-01")).unwrap().held = Some(Hold::Rollback);
        };
        InstallState::amend(follower.store.layout(), hold).unwrap();
        site.change(|shelf| shelf.skills = skills(2, listed));
        for held in [Ask::Poll, Ask::Update(Vec::new())] {
            assert_eq!(done(&follower.asking(held), "skill-01").0, Done::Current);
            assert_eq!(follower.read("skill-01", "references/1.md").unwrap(), "skill-01 1 a\n");
        }
        let pulled = follower.asking(ask.clone());
        let expected = format!("skill-01 1 {listed}\n");
        assert_eq!(follower.read("skill-01", "references/1.md").unwrap(), expected, "{pulled:?}");
        site.change(|shelf| shelf.skills = skills(2, "c"));
        assert_eq!(
            done(&follower.poll(), "skill-01").0,
            Done::Updated,
            "{ask:?} {listed}: it is held no more"
        );
    }
}

#[test]
fn a_version_that_an_index_does_not_list_is_refused() {
    let site = Served::new(skills(2, "a"), &[Version::V01]);
    let follower = Follower::of(&site.web.url());
    let install = |version: &str| {
        let version = semver::Version::parse(version).unwrap();
        follower.asking(Ask::Install(name("skill-01"), Some(version)))
    };
    let pulled = install("9.9.9");
    let error = pulled.rows[0].error.as_ref().unwrap();
    assert_eq!((pulled.rows.len(), error.code()), (1, "index-version-refused"));
    assert!(error.hint().unwrap().contains("skillsync install skill-01"));
    assert!(follower.read("skill-01", "SKILL.md").is_none());
    follower.line();
    assert_eq!(done(&install("0.0.1"), "skill-01").0, Done::Current, "it is what is listed");
    assert_eq!(done(&install("0.0.2"), "skill-01").0, Done::Failed);
}

#[test]
fn only_who_asks_for_everything_or_names_a_skill_has_it_removed() {
    let site = Served::new(skills(5, "a"), &[Version::V01]);
    let mut follower = Follower::of(&site.web.url());
    follower.line();
    site.change(|shelf| shelf.skills.retain(|name, _| !matches!(name.as_str(), "skill-01" | "skill-02")));
    for ask in [Ask::Update(vec![name("skill-05")]), Ask::Install(name("skill-05"), None)] {
        let pulled = follower.asking(ask);
        assert_eq!(pulled.rows.len(), 1, "{pulled:?}");
        assert_eq!(state(&follower, "skill-01"), State::Active);
    }
    for apply in [Apply::Notify, Apply::Manual] {
        follower.config.apply = apply;
        assert_eq!(done(&follower.poll(), "skill-01"), (Done::Unlisted, apply.as_str().to_owned()));
        assert_eq!(state(&follower, "skill-01"), State::Active);
    }
    let pulled = follower.asking(Ask::Update(vec![name("skill-01")]));
    assert_eq!((pulled.rows.len(), done(&pulled, "skill-01").0), (1, Done::Removed));
    assert_eq!(
        (state(&follower, "skill-01"), state(&follower, "skill-02")),
        (State::PendingRemove, State::Active)
    );
    assert_eq!(done(&follower.asking(Ask::Update(Vec::new())), "skill-02").0, Done::Removed);
    site.change(|shelf| shelf.skills.clear());
    assert_eq!(done(&follower.poll(), "skill-05"), (Done::Unlisted, GUARDED.to_owned()));
    follower.pruning = Pruning::Allowed;
    assert_eq!(follower.line(), "0 added, 0 updated, 3 removed (0 unchanged)", "the user said so");
}

#[test]
fn one_damaged_record_stops_no_other_skill() {
    let site = Served::new(skills(3, "a"), &[Version::V01]);
    let follower = Follower::of(&site.web.url());
    follower.line();
    std::fs::write(follower.store.layout().meta(&name("skill-01")), "garbage").unwrap();
    site.change(|shelf| {
        shelf.skills = skills(4, "b");
        shelf.skills.remove("skill-03");
    });
    let pulled = follower.poll();
    assert!(pulled.error.is_none(), "{:?}", pulled.error);
    assert_eq!(line(&pulled), "1 added, 1 updated, 1 removed (0 unchanged)");
    let row = pulled.rows.iter().find(|row| row.slug == name("skill-01")).unwrap();
    assert_eq!(row.done, Done::Failed);
    assert!(row.error.as_ref().unwrap().code().contains("damaged"), "{pulled:?}");
    assert_eq!(follower.read("skill-01", "references/1.md").unwrap(), "skill-01 1 a\n", "it stays as it is");
    assert_eq!(follower.asking(Ask::Install(name("skill-01"), None)).rows[0].done, Done::Failed);
}

#[test]
fn what_was_done_before_an_error_is_told_with_it() {
    let site = Served::new(skills(260, "a"), &[Version::V02]);
    let follower = Follower::of(&site.web.url());
    let (record, aside) =
        (follower.store.layout().install_state(), follower.store.layout().root().join("aside"));
    let fetched = AtomicUsize::new(0);
    // After the first batch nothing can be noted any more: a folder is in the way.
    let watch = |event: Progress| {
        let is_next = matches!(event, Progress::Bytes(_)) && fetched.fetch_add(1, Ordering::SeqCst) == 256;
        if is_next {
            std::fs::rename(&record, &aside).unwrap();
            std::fs::create_dir(&record).unwrap();
        }
    };
    let pulled = follower.watched(Ask::Poll, &watch);
    assert!(pulled.error.is_some() && pulled.status == Status::Failed, "{:?}", pulled.error);
    assert_eq!(line(&pulled), "256 added, 0 updated, 0 removed (0 unchanged)");
    std::fs::remove_dir(&record).unwrap();
    std::fs::rename(&aside, &record).unwrap();
    assert_eq!(follower.line(), "4 added, 0 updated, 0 removed (256 unchanged)");
}

/// Refuses the first request for each archive, or where it `is_lasting` every one, and asks for this pause.
fn limited(site: &Served, pause: &'static str, is_lasting: bool) {
    let known = Mutex::new(HashSet::new());
    site.change(|shelf| {
        shelf.fault = Some(Arc::new(move |asked| {
            let is_first = known.lock().unwrap().insert(asked.path.clone());
            let is_refused = asked.path.ends_with(".tar.gz") && (is_first || is_lasting);
            is_refused.then(|| Answer::status(429).with("Retry-After", pause))
        }));
    });
}

#[test]
fn a_server_that_has_too_many_questions_is_given_the_time_that_it_asks_for() {
    let site = Served::new(skills(20, "a"), &[Version::V02]);
    let follower = Follower::of(&site.web.url());
    limited(&site, "1", false);
    assert_eq!(follower.line(), "20 added, 0 updated, 0 removed (0 unchanged)");
    assert_eq!(site.asked().len(), 1 + 20 * 2, "no more often than it takes");
}

#[test]
fn a_server_is_not_waited_for_without_end() {
    let site = Served::new(skills(20, "a"), &[Version::V02]);
    let mut follower = Follower::of(&site.web.url());
    // It asks for more than a run has, or does not keep its word.
    for (pause, until, asked) in
        [("3600", None, 21..=21), ("30", Some(20), 21..=21), ("0", None, 21..=21 + 2 * 8)]
    {
        limited(&site, pause, true);
        follower.until = until.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let pulled = follower.poll();
        assert_eq!(line(&pulled), "0 added, 0 updated, 0 removed (0 unchanged)", "{pause}");
        assert_eq!(pulled.rows[0].error.as_ref().unwrap().code(), "hub-busy");
        let count = site.asked().len();
        assert!(asked.contains(&count), "{pause}: {count}");
    }
}

#[test]
fn a_skill_whose_record_was_lost_is_taken_up_by_install() {
    let site = Served::new(skills(2, "a"), &[Version::V02]);
    let follower = Follower::of(&site.web.url());
    follower.line();
    std::fs::remove_file(follower.store.layout().install_state()).unwrap();
    let pulled = follower.asking(Ask::Install(name("skill-01"), None));
    assert_eq!((pulled.rows.len(), done(&pulled, "skill-01").1.as_str()), (1, ""), "{pulled:?}");
    assert_eq!(pulled.rows[0].number, None, "no version was made");
    site.change(|shelf| drop(shelf.skills.insert("skill-01".to_owned(), skill("skill-01", "b"))));
    let pulled = follower.poll();
    assert_eq!(done(&pulled, "skill-01").0, Done::Updated);
    assert_eq!(done(&pulled, "skill-02").0, Done::Refused, "it was not asked for");
    // One that only has its name stays refused.
    follower.write("mine", Origin::New, Source::HandAuthored, &skill("mine", "a"));
    site.change(|shelf| drop(shelf.skills.insert("mine".to_owned(), skill("mine", "a"))));
    assert_eq!(follower.asking(Ask::Install(name("mine"), None)).rows[0].done, Done::Refused);
}

/// What only looks does nothing about what it finds: the next poll comes no later for that.
#[test]
fn a_look_puts_no_poll_off() {
    let site = Served::new(skills(2, "a"), &[Version::V02]);
    let follower = Follower::of(&site.web.url());
    follower.line();
    let (layout, source) = (follower.store.layout(), &follower.config.name);
    let mut polls = Polls::load(layout, source);
    polls.next_at = Some(follower.store.now());
    polls.save(layout, source).unwrap();
    assert!(follower.asking(Ask::Look).error.is_none());
    assert_eq!(Polls::load(layout, source).next_at, polls.next_at);
    follower.line();
    assert_ne!(Polls::load(layout, source).next_at, polls.next_at);
}
