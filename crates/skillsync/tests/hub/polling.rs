//! L6 to L9: what a poll asks, what it downloads, from where, and how it becomes a skill.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use skillsync_testkit::SkillBuilder;
use skillsync_testkit::clock::shifted;
use skillsync_testkit::web::Asked;

use crate::between::{SlowLine, liar, recorder};
use crate::scene::{Host, Scene, became, outcomes};

fn skill(name: &str, words: &str) -> SkillBuilder {
    SkillBuilder::new(name).body(&format!("# {name}\n\n{words}\n"))
}

/// The paths without queries, `N` for what is a digest.
fn paths(asked: &[Asked]) -> Vec<String> {
    let plain = |asked: &Asked| {
        let path = asked.path.split('?').next().unwrap_or_default();
        match path.rsplit_once('/') {
            Some((head, last)) if last.len() == 64 => format!("{head}/N"),
            _ => path.to_owned(),
        }
    };
    asked.iter().map(plain).collect()
}

#[test]
fn l6_a_poll_without_news_is_one_small_question_and_sync_asks_every_quarter_of_an_hour() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&skill("pdf", "First."), "pdf");
    ann.publish("pdf");
    let recorder = recorder(&scene);
    let bob = scene.stranger(scene.key("bob", "read")).with_agent();
    bob.join(&recorder.url(), scene.hub.root_sha256(), "team");
    bob.run(&["install", "pdf"]).ok();
    recorder.take_asked();
    assert_eq!(outcomes(&bob.poll()), became([("pdf", "current")]));
    let asked = recorder.take_asked();
    assert_eq!(paths(&asked), ["/api/skills/manifest"]);
    assert!(asked[0].header("if-none-match").is_some_and(|tag| tag.len() == 66), "{asked:?}");
    assert_eq!(asked[0].header("x-api-key"), Some(&*bob.key));
    let again = skillsync_testkit::hub::pass(&scene.address(), &asked[0]);
    assert!(again.is_ok_and(|answered| answered.status == 304 && answered.body.is_empty()));

    // `sync` leaves the hub alone until it is due, 15 minutes give or take a tenth.
    bob.run(&["sync"]).ok();
    assert!(recorder.take_asked().is_empty());
    for (shift, due) in [("+13m", false), ("+17m", true)] {
        let Some(variables) = shifted(shift) else { return };
        bob.run_with(&["sync"], &variables).ok();
        assert_eq!(!recorder.take_asked().is_empty(), due, "{shift}");
    }
    let Some(variables) = shifted("+40m") else { return };
    bob.run_with(&["sync", "--offline"], &variables).ok();
    assert!(recorder.take_asked().is_empty());
}

#[test]
fn l7_what_changed_is_downloaded_and_nothing_else() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    for name in ["alpha", "beta", "gamma"] {
        ann.author(&skill(name, "First."), name);
        ann.publish(name);
    }
    let recorder = recorder(&scene);
    let bob = scene.stranger(scene.key("bob", "read"));
    bob.join(&recorder.url(), scene.hub.root_sha256(), "team");
    bob.run(&["config", "set", "sources.team.skills", "all"]).ok();
    assert_eq!(outcomes(&bob.poll()), became([("alpha", "added"), ("beta", "added"), ("gamma", "added")]));
    recorder.take_asked();
    ann.author(&skill("beta", "Second."), "beta");
    ann.publish("beta");
    ann.author(&skill("delta", "New."), "delta");
    ann.publish("delta");
    let polled = outcomes(&bob.poll());
    assert_eq!((&*polled["beta"], &*polled["delta"]), ("updated", "added"));
    let asked = paths(&recorder.take_asked());
    let count = |path: &str| asked.iter().filter(|asked| *asked == path).count();
    assert_eq!((count("/cdn/blobs/sha256/N"), count("/cdn/releases/sha256/N")), (2, 2), "{asked:?}");
    assert_eq!(bob.content("beta"), ann.content("beta"));

    // What of it was lost here comes back where the user did not take it away.
    ann.author(&skill("alpha", "Second."), "alpha");
    ann.publish("alpha");
    assert_eq!(outcomes(&bob.run(&["outdated", "--json"]).ok().json())["alpha"], "available");
    assert_eq!(outcomes(&bob.run(&["update", "alpha", "--json"]).ok().json())["alpha"], "updated");
}

#[test]
fn l8_an_archive_comes_from_the_content_network_and_counts_only_with_the_signed_digest() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&skill("pdf", "Genuine."), "pdf");
    ann.publish("pdf");
    let (hub, cdn) = (recorder(&scene), recorder(&scene));
    let bob = scene.stranger(scene.key("bob", "read"));
    bob.join(&hub.url(), scene.hub.root_sha256(), "team");
    bob.run(&["config", "set", "sources.team.mirrors", &cdn.url()]).ok();
    bob.run(&["install", "pdf"]).ok();
    let (of_hub, of_cdn) = (paths(&hub.take_asked()), cdn.take_asked());
    assert!(paths(&of_cdn).contains(&"/cdn/blobs/sha256/N".to_owned()), "{:?}", paths(&of_cdn));
    assert!(!of_hub.iter().any(|path| path.starts_with("/cdn/")), "{of_hub:?}");
    assert!(of_cdn.iter().all(|asked| asked.header("x-api-key").is_none()), "the key went to a mirror");

    // A network that lies is noticed and gone round.
    let lies = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lies);
    let liar = liar(&scene, move |asked, mut answered| {
        if asked.path.starts_with("/cdn/blobs/") && answered.status == 200 {
            counted.fetch_add(1, Ordering::SeqCst);
            let middle = answered.body.len() / 2;
            answered.body[middle] ^= 1;
        }
        answered
    });
    bob.run(&["config", "set", "sources.team.mirrors", &liar.url()]).ok();
    ann.author(&skill("pdf", "Genuine, too."), "pdf");
    ann.publish("pdf");
    let polled = bob.run(&["poll", "--json"]).ok();
    assert_eq!(outcomes(&polled.json()), became([("pdf", "updated")]));
    assert!(lies.load(Ordering::SeqCst) > 0 && polled.stderr.contains("warning: "), "{polled}");
    assert_eq!(bob.content("pdf"), ann.content("pdf"));

    // Where nobody has the genuine one, there is nothing.
    let cas = scene.stranger(scene.key("cas", "read"));
    cas.join(&liar.url(), scene.hub.root_sha256(), "team");
    let before = cas.machine.snapshot().only(".skillsync/skills");
    let refused = cas.run(&["install", "pdf", "--json"]).one_of(&[1, 3, 6, 7]);
    before.assert_same(&cas.machine.snapshot().only(".skillsync/skills"));
    assert!(refused.stderr.contains("digest"), "{refused}");
}

#[test]
fn l9_an_install_is_whole_or_not_there_and_what_was_before_can_be_had_again() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    // Each version has its word in every file.
    let version = |word: &str| {
        let many = (0..40).map(|n| format!("files/{n}.md"));
        many.fold(skill("pdf", word), |skill, path| skill.file(&path, format!("{word}\n")))
    };
    ann.author(&version("First."), "pdf");
    ann.publish("pdf");
    let bob = scene.host("bob", "read").with_agent();
    bob.run(&["install", "pdf"]).ok();
    ann.author(&version("Second."), "pdf");
    ann.publish("pdf");
    let folder = bob.machine.path(".claude/skills/pdf");
    let is_over = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut looks = 0;
            while !is_over.load(Ordering::SeqCst) {
                // One resolved folder is one version, however long it is looked at.
                let Ok(real) = folder.canonicalize() else { panic!("the skill was gone for a moment") };
                let word = |path: &str| std::fs::read_to_string(real.join(path)).unwrap_or_default();
                let (first, last) = (word("files/0.md"), word("files/39.md"));
                assert!(!first.is_empty() && first == last, "half of it: `{first}` and `{last}`");
                assert!(word("SKILL.md").contains(first.trim()));
                looks += 1;
            }
            looks
        });
        bob.poll();
        is_over.store(true, Ordering::SeqCst);
        watching.join().unwrap_or_default()
    });
    assert!(looks > 0);
    assert!(bob.seen_by_agent("pdf/SKILL.md").contains("Second."));

    bob.run(&["rollback", "pdf", "--offline"]).ok();
    bob.run(&["sync", "--offline"]).ok();
    assert!(bob.seen_by_agent("pdf/files/7.md").contains("First."));
    // What the user went back to is not taken away by the next poll.
    assert_eq!(outcomes(&bob.poll()), became([("pdf", "held")]));
    assert!(bob.seen_by_agent("pdf/SKILL.md").contains("First."));
    assert_eq!(outcomes(&bob.run(&["update", "pdf", "--json"]).ok().json()), became([("pdf", "updated")]));
    assert!(bob.seen_by_agent("pdf/SKILL.md").contains("Second."));
}

/// Bytes that do not shrink.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..bytes / 8).flat_map(|_| next()).collect()
}

/// Nothing of `name` is anywhere that an agent or a command looks.
fn is_absent(host: &Host, name: &str) {
    assert!(!host.machine.store(&format!("skills/{name}")).exists());
    assert!(!host.machine.path(&format!(".claude/skills/{name}")).exists());
    host.run(&["verify"]).ok();
}

#[test]
fn a_hub_that_dies_in_the_middle_of_a_download_leaves_nothing_half_done() {
    let mut scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    // More than the system keeps for a connection: what the hub has not sent when it dies is not to be had.
    ann.author(&skill("large", "Large.").file("data.bin", noise(14_000_000)), "large");
    ann.publish("large");
    let line = SlowLine::to(&scene, 1_000_000);
    let bob = scene.stranger(scene.key("bob", "read")).with_agent();
    bob.join(&line.url(), scene.hub.root_sha256(), "team");
    let ended = AtomicBool::new(false);
    let (run, machine) = (bob.machine.command(&["install", "large", "--json"]), &bob.machine);
    let outcome = thread::scope(|scope| {
        let installing = scope.spawn(|| {
            let outcome = run.run();
            ended.store(true, Ordering::SeqCst);
            outcome
        });
        line.wait_for(700_000, || !ended.load(Ordering::SeqCst));
        assert!(!ended.load(Ordering::SeqCst), "it was over before");
        scene.hub.kill();
        installing.join()
    });
    let outcome = outcome.unwrap_or_else(|_| panic!("{}", machine.home().display()));
    bob.note(&outcome);
    outcome.one_of(&[3, 7]);
    is_absent(&bob, "large");

    scene.hub.start();
    bob.run(&["config", "set", "sources.team.mirrors", &scene.hub.url()]).ok();
    assert_eq!(outcomes(&bob.run(&["install", "large", "--json"]).ok().json()), became([("large", "added")]));
    assert_eq!(bob.content("large"), ann.content("large"));
    assert!(bob.machine.path(".claude/skills/large/data.bin").exists());
}
