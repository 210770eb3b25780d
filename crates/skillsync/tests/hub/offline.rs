//! L10 and L11: without a network everything that is here works, and afterwards one poll brings what was missed.

use skillsync_testkit::clock::shifted;
use skillsync_testkit::hub::Options;
use skillsync_testkit::{SkillBuilder, say};

use crate::between::recorder;
use crate::scene::{Host, Scene, became, outcomes};

fn skill(name: &str, words: &str) -> SkillBuilder {
    SkillBuilder::new(name).body(&format!("# {name}\n\n{words}\n")).script("run.sh", "#!/bin/sh\necho ran\n")
}

/// The calls of a command that have to do with a network, as `strace` sees them.
pub(crate) fn network_calls(host: &Host, args: &[&str]) -> Option<String> {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        say("SKIPPED network calls: strace is not installed");
        return None;
    }
    let binary = host.machine.binary().display().to_string();
    let traced = ["-f", "-qq", "-e", "trace=network", "-o", "network.txt", &binary];
    let outcome = host.machine.command_of("strace".as_ref(), &[&traced, args].concat()).run();
    host.note(&outcome);
    outcome.ok();
    Some(host.machine.read("network.txt"))
}

#[test]
fn l10_what_is_installed_works_without_the_hub_and_nothing_of_it_calls_home() {
    let mut scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&skill("pdf", "Works."), "pdf");
    ann.publish("pdf");
    let bob = scene.host("bob", "read").with_agent();
    bob.run(&["install", "pdf"]).ok();
    scene.hub.kill();
    // The agent reads its skill and runs what is in it.
    assert!(bob.seen_by_agent("pdf/SKILL.md").contains("Works."));
    let ran = bob.machine.command_of(&bob.machine.path(".claude/skills/pdf/run.sh"), &[]).run().ok();
    assert_eq!(ran.stdout, "ran\n");
    for args in [
        &["ls"][..],
        &["info", "pdf"],
        &["show", "pdf", "--level", "2"],
        &["observe", "pdf", "--signal", "positive"],
        &["log", "pdf", "--summary"],
        &["edit", "pdf"],
        &["diff", "pdf"],
        &["abort", "pdf"],
        &["history", "pdf"],
        &["validate", "pdf"],
        &["verify"],
        &["source", "list"],
        &["source", "trust", "team"],
        &["sync", "--offline"],
        &["config"],
    ] {
        let Some(calls) = network_calls(&bob, args) else { return };
        assert!(!calls.contains("AF_INET"), "{args:?}:\n{calls}");
    }
    // A sync that would ask goes on without an answer.
    bob.run(&["sync"]).ok();
    bob.run(&["poll"]).fails(7);
    assert!(bob.seen_by_agent("pdf/SKILL.md").contains("Works."));
}

#[test]
fn l11_after_a_week_without_a_network_one_poll_brings_everything() {
    let Some(later) = shifted("+7d") else { return };
    let mut scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    for name in ["alpha", "beta", "gamma"] {
        ann.author(&skill(name, "Old."), name);
        ann.publish(name);
    }
    let recorder = recorder(&scene);
    let bob = scene.stranger(scene.key("bob", "read")).with_agent();
    bob.join(&recorder.url(), scene.hub.root_sha256(), "team");
    bob.run(&["config", "set", "sources.team.skills", "all"]).ok();
    bob.poll();
    let at_noon = bob.machine.snapshot().only(".skillsync/skills");

    scene.hub.kill();
    bob.run_with(&["poll"], &later).fails(7);
    bob.run_with(&["sync"], &later).one_of(&[0, 7]);
    let listed = bob.run_with(&["source", "list"], &later).ok();
    assert!(listed.stdout.contains("STALE since "), "{listed}");
    at_noon.assert_same(&bob.machine.snapshot().only(".skillsync/skills"));
    assert!(bob.seen_by_agent("alpha/SKILL.md").contains("Old."));

    scene.hub.start_with(Options { variables: later.clone(), ..Options::default() });
    for (name, rounds) in [("alpha", 5), ("beta", 1), ("delta", 1)] {
        for round in 0..rounds {
            let source = format!("src/{name}");
            skillsync_testkit::disk::remove(&ann.machine.path(&source));
            ann.machine.skill_folder(&source, &skill(name, &format!("New {round}.")));
            ann.run_with(&["add", &source, "--force"], &later).ok();
            ann.run_with(&["publish", name, "--public"], &later).ok();
        }
    }
    recorder.take_asked();
    let polled = bob.run_with(&["poll", "--json"], &later).ok().json();
    let expected = [("alpha", "updated"), ("beta", "updated"), ("delta", "added"), ("gamma", "current")];
    assert_eq!(outcomes(&polled), became(expected));
    assert!(bob.seen_by_agent("alpha/SKILL.md").contains("New 4."));
    assert!(bob.seen_by_agent("delta/SKILL.md").contains("New 0."));
    // Five releases that were missed cost what one does.
    let blobs = recorder.take_asked().iter().filter(|asked| asked.path.starts_with("/cdn/blobs/")).count();
    assert_eq!(blobs, 3);
    let listed = bob.run_with(&["source", "list"], &later).ok();
    assert!(listed.stdout.contains(" fresh "), "{listed}");
}
