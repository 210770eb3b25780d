//! Open indexes followed over real HTTP: the table of behaviours with its exact counts, faults, edits, archives.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail the test, and plays the user"
)]

#[path = "mirror/asked.rs"]
mod asked;
#[path = "mirror/site.rs"]
mod site;

use std::sync::Arc;
use std::time::{Duration, Instant};

use skillsync_client::delivery::Done;
use skillsync_client::mirror::{GUARDED, Pruning, UNVERIFIED};
use skillsync_client::plan::Ask;
use skillsync_client::pull::Status;
use skillsync_core::fault::Fault as _;
use skillsync_core::skill::{Origin, Source, State};
use skillsync_store::config::{Apply, Policy, Wanted};
use skillsync_store::skills::{Noted, mark};
use skillsync_testkit::web::{Answer, Manner};
use skillsync_wire::wellknown::Version;

use site::{Follower, Served, done, line, name, skill, skills};

const BOTH: [&[Version]; 2] = [&[Version::V01], &[Version::V02, Version::V01]];

#[test]
fn p10_p3_the_table_of_behaviours_over_http() {
    for versions in BOTH {
        let site = Served::new(skills(23, "a"), versions);
        let follower = Follower::of(&site.web.url());
        assert_eq!(follower.line(), "23 added, 0 updated, 0 removed (0 unchanged)", "fresh");
        assert_eq!(follower.read("skill-07", "references/2.md").unwrap(), "skill-07 2 a\n");
        site.asked();
        assert_eq!(follower.line(), "0 added, 0 updated, 0 removed (23 unchanged)", "no-op");
        assert_eq!(site.asked().len(), 1, "one index fetch");

        site.change(|shelf| drop(shelf.skills.insert("skill-05".to_owned(), skill("skill-05", "b"))));
        assert_eq!(follower.line(), "0 added, 1 updated, 0 removed (22 unchanged)", "one change");
        let asked = site.asked();
        let others: Vec<_> =
            asked.iter().filter(|path| !path.contains("skill-05") && !path.ends_with("index.json")).collect();
        assert!(others.is_empty() && asked.len() <= 6, "only what changed is fetched: {asked:?}");
        assert_eq!(follower.read("skill-05", "references/2.md").unwrap(), "skill-05 2 b\n");

        site.change(|shelf| drop(shelf.skills.remove("skill-23")));
        assert_eq!(follower.line(), "0 added, 0 updated, 1 removed (22 unchanged)", "one gone");
    }
}

#[test]
fn p5_without_hashes_everything_is_fetched_each_time_and_marked() {
    let site = Served::new(skills(23, "a"), &[Version::V01]);
    let follower = Follower::of(&site.web.url());
    follower.line();
    site.change(|shelf| shelf.has_hashes = false);
    for _ in 0..2 {
        site.asked();
        let pulled = follower.poll();
        assert_eq!(line(&pulled), "0 added, 23 updated, 0 removed (0 unchanged)");
        assert!(pulled.rows.iter().all(|row| row.why.as_deref() == Some(UNVERIFIED)));
        assert_eq!(site.asked().len(), 1 + 23 * 5);
    }
    // The content is what counts: nothing became a version.
    assert_eq!(
        skillsync_store::skills::load(&follower.store, &name("skill-01")).unwrap().versions().len(),
        1
    );
    site.change(|shelf| drop(shelf.skills.insert("skill-05".to_owned(), skill("skill-05", "b"))));
    follower.poll();
    assert_eq!(follower.read("skill-05", "references/1.md").unwrap(), "skill-05 1 b\n");
    // Hashes are back: what was unproven is fetched once more, and known afterwards.
    site.change(|shelf| shelf.has_hashes = true);
    assert_eq!(follower.line(), "0 added, 23 updated, 0 removed (0 unchanged)");
    assert_eq!(follower.line(), "0 added, 0 updated, 0 removed (23 unchanged)");
}

#[test]
fn p6_a_download_that_fails_keeps_the_old_version_and_is_tried_again() {
    let cut = Answer::ok(*b"skill-05 3 b\nand more").given(Manner::CutAfter(8));
    let faults: [(&str, Answer, &str); 5] = [
        ("404 in the middle", Answer::status(404), "hub-"),
        ("truncated file", cut, "hub-interrupted"),
        ("wrong bytes", Answer::ok(*b"skill-05 3 x\n"), "index-mismatch"),
        ("no end", Answer::ok(vec![b'x'; 1 << 20]).given(Manner::Endless), "hub-answer-too-large"),
        ("an error", Answer::status(500), "hub-"),
    ];
    for (case, answer, code) in faults {
        let site = Served::new(skills(6, "a"), &[Version::V01]);
        let follower = Follower::of(&site.web.url());
        follower.line();
        site.change(|shelf| shelf.skills = skills(6, "b"));
        site.spoil("/skill-05/references/3.md", answer);
        let pulled = follower.poll();
        assert_eq!(line(&pulled), "0 added, 5 updated, 0 removed (0 unchanged)", "{case}");
        let (outcome, why) = done(&pulled, "skill-05");
        assert!(matches!(outcome, Done::Failed | Done::Refused), "{case}: {outcome:?} {why}");
        let error = pulled.rows.iter().find_map(|row| row.error.as_ref()).unwrap();
        assert!(error.code().starts_with(code), "{case}: {} {error}", error.code());
        for n in 1..5 {
            let kept = follower.read("skill-05", &format!("references/{n}.md")).unwrap();
            assert_eq!(kept, format!("skill-05 {n} a\n"), "{case}: nothing of it was used");
        }
        site.mend();
        assert_eq!(follower.line(), "0 added, 1 updated, 0 removed (5 unchanged)", "{case}: tried again");
        assert_eq!(follower.read("skill-05", "references/3.md").unwrap(), "skill-05 3 b\n");
    }
}

#[test]
fn p6_what_is_installed_stays_when_the_index_is_not_to_be_had() {
    let site = Served::new(skills(4, "a"), &[Version::V02]);
    let mut follower = Follower::of(&site.web.url());
    follower.line();
    follower.limits.head = Duration::from_millis(200);
    let other = "https://schemas.agentskills.io/discovery/9.0.0/schema.json";
    for (case, answer, status, code) in [
        (
            "never answers",
            Answer::ok("").given(Manner::Silent(Duration::from_secs(2))),
            Status::Offline,
            "hub-slow",
        ),
        ("broken", Answer::status(500), Status::Offline, "hub-"),
        ("a page", Answer::ok("<html>"), Status::Failed, "index-not-json"),
        (
            "cut off",
            Answer::ok("{\"skills\":[").given(Manner::CutAfter(5)),
            Status::Offline,
            "hub-interrupted",
        ),
        (
            "another schema",
            Answer::ok(format!("{{\"$schema\":\"{other}\",\"skills\":[]}}")),
            Status::Failed,
            "index-schema-unknown",
        ),
        ("no JSON object", Answer::ok("[]"), Status::Failed, "index-malformed"),
        (
            "endless",
            Answer::ok(vec![b' '; 1 << 20]).given(Manner::Endless),
            Status::Failed,
            "hub-answer-too-large",
        ),
    ] {
        site.spoil("/agent-skills/index.json", answer);
        let pulled = follower.poll();
        let error = pulled.error.unwrap_or_else(|| panic!("{case}: {:?}", pulled.rows));
        assert!(error.code().starts_with(code), "{case}: {} {error}", error.code());
        assert_eq!(pulled.status, status, "{case}");
        assert!(follower.read("skill-01", "SKILL.md").is_some(), "{case}");
    }
    site.mend();
    follower.limits.head = Duration::from_secs(20);
    assert_eq!(follower.line(), "0 added, 0 updated, 0 removed (4 unchanged)");
    let url = site.web.url();
    drop(site);
    let gone = Follower::of(&url);
    assert_eq!(gone.poll().status, Status::Offline, "nothing listens there");
}

#[test]
fn p4_what_is_gone_is_removed_unless_it_is_too_much_or_edited() {
    let site = Served::new(skills(6, "a"), &[Version::V01]);
    let mut follower = Follower::of(&site.web.url());
    follower.line();
    follower.edit("skill-02", "three", "mine");
    site.change(|shelf| shelf.skills.retain(|name, _| name.as_str() > "skill-02"));
    let pulled = follower.poll();
    assert_eq!(done(&pulled, "skill-01").0, Done::Removed);
    assert_eq!(done(&pulled, "skill-02"), (Done::Unlisted, "edited".to_owned()), "what was edited stays");
    let state = |skill: &str| skillsync_store::skills::load(&follower.store, &name(skill)).unwrap().state;
    assert_eq!((state("skill-01"), state("skill-02")), (State::PendingRemove, State::Active));

    // An index that is empty or lost more than half is more likely a mistake.
    site.change(|shelf| shelf.skills.clear());
    let pulled = follower.poll();
    assert_eq!(line(&pulled), "0 added, 0 updated, 0 removed (0 unchanged)");
    assert_eq!(done(&pulled, "skill-03"), (Done::Unlisted, GUARDED.to_owned()));
    follower.pruning = Pruning::Allowed;
    assert_eq!(follower.line(), "0 added, 0 updated, 4 removed (0 unchanged)");
}

#[test]
fn an_edit_here_survives_an_update() {
    for versions in BOTH {
        let site = Served::new(skills(2, "a"), versions);
        let follower = Follower::of(&site.web.url());
        follower.line();
        follower.edit("skill-01", "five", "five, mine");
        follower.edit("skill-02", "two a", "two mine");
        site.change(|shelf| shelf.skills = skills(2, "b"));
        let pulled = follower.poll();
        assert_eq!(done(&pulled, "skill-01").0, Done::Merged, "both sides are kept");
        let merged = follower.read("skill-01", "SKILL.md").unwrap();
        assert!(merged.contains("two b") && merged.contains("five, mine"), "{merged}");
        // Both changed the same line: it is reported, handed out, and nothing is overwritten.
        assert_eq!(done(&pulled, "skill-02"), (Done::Conflict, "SKILL.md".to_owned()));
        assert!(follower.read("skill-02", "SKILL.md").unwrap().contains("two mine"));
        let copy = follower.store.layout().working_copy(&name("skill-02")).join("SKILL.md");
        assert!(std::fs::read_to_string(copy).unwrap().contains("two b"));
        site.asked();
        assert_eq!(done(&follower.poll(), "skill-02"), (Done::Held, "conflict".to_owned()), "once");
        assert_eq!(site.asked().len(), 1, "and not fetched again");
    }
}

#[test]
fn a_hand_edit_is_never_replaced() {
    let site = Served::new(skills(2, "a"), &[Version::V01]);
    let follower = Follower::of(&site.web.url());
    follower.line();
    let path = follower.store.layout().skill(&name("skill-01")).join("references/1.md");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "by hand\n").unwrap();
    site.change(|shelf| shelf.skills = skills(2, "b"));
    let pulled = follower.poll();
    assert_eq!(done(&pulled, "skill-01").0, Done::Held);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "by hand\n");
    site.change(|shelf| drop(shelf.skills.remove("skill-01")));
    assert_eq!(done(&follower.poll(), "skill-01").0, Done::Held, "nor removed");
}

#[test]
fn what_the_user_has_and_had_is_theirs() {
    let site = Served::new(skills(3, "a"), &[Version::V01]);
    let follower = Follower::of(&site.web.url());
    follower.write("skill-03", Origin::New, Source::HandAuthored, &skill("skill-03", "mine"));
    let pulled = follower.poll();
    assert_eq!(line(&pulled), "2 added, 0 updated, 0 removed (0 unchanged)");
    assert_eq!(done(&pulled, "skill-03").0, Done::Refused, "a skill of the user's own has its name");
    assert_eq!(follower.read("skill-03", "references/1.md").unwrap(), "skill-03 1 mine\n");
    mark(&Noted::of(&follower.store), &name("skill-02")).unwrap();
    site.change(|shelf| shelf.skills = skills(3, "b"));
    assert_eq!(follower.line(), "0 added, 1 updated, 0 removed (0 unchanged)", "what was removed stays so");
    let asked = follower.asking(Ask::Install(name("skill-02"), None));
    assert_eq!(done(&asked, "skill-02").0, Done::Updated, "asked for by name it comes back: {asked:?}");
    let none = follower.asking(Ask::Install(name("none"), None));
    assert_eq!(none.rows[0].error.as_ref().unwrap().code(), "trust-not-listed");
}

#[test]
fn a_source_may_be_held_back() {
    let site = Served::new(skills(2, "a"), &[Version::V01]);
    let mut follower = Follower::of(&site.web.url());
    follower.config.skills = Wanted::Chosen;
    assert_eq!(follower.line(), "0 added, 0 updated, 0 removed (0 unchanged)", "nothing was chosen");
    follower.asking(Ask::Install(name("skill-01"), None));
    follower.config.apply = Apply::Notify;
    site.change(|shelf| shelf.skills = skills(2, "b"));
    assert_eq!(done(&follower.poll(), "skill-01").0, Done::Available);
    follower.config.apply = Apply::Auto;
    follower.config.policy = Policy::Pin;
    assert_eq!(done(&follower.poll(), "skill-01"), (Done::Held, "pin".to_owned()));
    let updated = follower.asking(Ask::Update(vec![name("skill-01")]));
    assert_eq!(done(&updated, "skill-01").0, Done::Updated);
    assert!(follower.read("skill-02", "SKILL.md").is_none());
}

#[test]
fn when_the_time_is_over_the_rest_is_left_to_the_next_run() {
    let site = Served::new(skills(8, "a"), &[Version::V01]);
    let mut follower = Follower::of(&site.web.url());
    follower.until = Some(Instant::now());
    let pulled = follower.poll();
    assert_eq!(done(&pulled, "skill-01"), (Done::Available, "time".to_owned()));
    follower.until = None;
    assert_eq!(follower.line(), "8 added, 0 updated, 0 removed (0 unchanged)");
}

#[test]
fn an_index_is_of_its_path_alone_and_bad_entries_spoil_no_other() {
    let site = Served::new(skills(2, "a"), &[Version::V01]);
    let scoped = Follower::of(&format!("{}/team", site.web.url()));
    let pulled = scoped.poll();
    assert_eq!(pulled.error.unwrap().code(), "index-not-found");
    assert!(
        site.asked().iter().all(|path| path.starts_with("/team/.well-known/")),
        "the origin is not asked"
    );

    let follower = Follower::of(&site.web.url());
    follower.line();
    site.change(|shelf| {
        shelf.index = Some(
            r#"{"skills":[{"name":"skill-01","description":"x","files":["../../evil"]},
                {"name":"skill-02","description":"x","files":["SKILL.md","references/1.md","references/2.md","references/3.md","references/4.md"]},
                {"name":"../x","description":"x","files":["SKILL.md"]}]}"#
                .to_owned(),
        );
    });
    let pulled = follower.poll();
    assert_eq!(
        done(&pulled, "skill-01"),
        (Done::Unlisted, "unreadable".to_owned()),
        "it is not taken for gone"
    );
    assert_eq!(done(&pulled, "skill-02"), (Done::Updated, UNVERIFIED.to_owned()), "its hash is gone");
    assert_eq!(pulled.warnings.len(), 2, "{:?}", pulled.warnings);
}

#[test]
fn archives_that_others_packed_come_in_and_lies_do_not() {
    let site = Served::new(skills(1, "a"), &[Version::V02]);
    let follower = Follower::of(&site.web.url());
    let index = |url: &str, bytes: &[u8]| {
        format!(
            r#"{{"$schema":"{}","skills":[{{"name":"skill-01","type":"archive","description":"x","url":"{url}","digest":"{}"}}]}}"#,
            skillsync_wire::wellknown::SCHEMA,
            skillsync_core::digest::FileDigest::of(bytes)
        )
    };
    let zip = zipped();
    let serve = |index: String, bytes: Vec<u8>| {
        site.change(|shelf| {
            shelf.index = Some(index);
            shelf.fault = Some(Arc::new(move |asked| {
                asked.path.ends_with("/x.zip").then(|| Answer::ok(bytes.clone()))
            }));
        });
    };
    serve(index("../../x.zip", &zip), zip.clone());
    assert_eq!(follower.line(), "1 added, 0 updated, 0 removed (0 unchanged)");
    assert_eq!(follower.read("skill-01", "notes.md").unwrap(), "from a zip\n");

    for (case, url, bytes, code) in [
        ("other bytes", "/x.zip", [&zip[..], b"x"].concat(), "index-mismatch"),
        ("another host", "https://127.0.0.1:1/x.zip", Vec::new(), "hub-unreachable"),
    ] {
        serve(index(url, case.as_bytes()), bytes);
        let pulled = follower.poll();
        assert_eq!(pulled.rows[0].error.as_ref().unwrap_or_else(|| panic!("{case}")).code(), code, "{case}");
    }
    let page = b"<html>not found</html>".to_vec();
    serve(index("/x.zip", &page), page);
    assert_eq!(follower.poll().rows[0].error.as_ref().unwrap().code(), "foreign-archive-unknown");
    assert_eq!(follower.read("skill-01", "notes.md").unwrap(), "from a zip\n", "what is here stays");
}

/// A `.zip` of one skill, stored.
fn zipped() -> Vec<u8> {
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.stdout.buffer, 'w')\n\
        z.writestr('SKILL.md', '---\\nname: skill-01\\ndescription: Zipped. Use in tests.\\n---\\n')\n\
        z.writestr('notes.md', 'from a zip\\n')\nz.close()\n";
    let output = std::process::Command::new("python3").args(["-c", script]).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn ten_thousand_entries_are_one_fetch() {
    let site = Served::new(skills(1, "a"), &[Version::V01]);
    let mut follower = Follower::of(&site.web.url());
    follower.config.skills = Wanted::Chosen;
    let hash = skillsync_core::digest::ContentHash::of(b"x");
    let entries: Vec<String> = (0..10_000)
        .map(|n| format!(r#"{{"name":"many-{n}","description":"x","files":["SKILL.md"],"hash":"{hash}"}}"#))
        .collect();
    let full = format!(r#"{{"skills":[{}]}}"#, entries.join(","));
    let more = full
        .replace("{\"skills\":[", &format!("{{\"skills\":[{},", entries[0].replace("many-0", "one-more")));
    site.change(|shelf| shelf.index = Some(full));
    assert_eq!(follower.line(), "0 added, 0 updated, 0 removed (0 unchanged)");
    site.change(|shelf| shelf.index = Some(more));
    assert_eq!(follower.poll().error.unwrap().code(), "index-too-large");
}
