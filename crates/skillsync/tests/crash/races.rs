//! Eight processes at once on one store: whatever was acknowledged is there, and nothing is half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use skillsync_testkit::race::race;
use skillsync_testkit::strace::Strace;
use skillsync_testkit::{Machine, Output, disk, say, soak};

use crate::home::{BIN, rewrite, skill, two_skills, version_in};
use crate::invariant::{consistent, history};
use crate::shop;

const LANES: usize = 8;

fn machine() -> Machine {
    let m = Machine::new(BIN);
    two_skills(&m);
    m
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|&w| w.to_owned()).collect()
}

#[track_caller]
fn all_clean(ends: &[Output]) {
    for end in ends {
        assert!(end.is_clean(), "{end}");
    }
}

#[test]
fn no_observation_is_lost() {
    let m = machine();
    let rounds = if soak() { 500 } else { 25 };
    let ends = race(&m, LANES, rounds, |lane, round| {
        words(&["observe", "alpha", "--signal", "positive", "--note", &format!("note {lane}.{round}.")])
    });
    assert!(
        ends.iter().all(|e| e.code == Some(0)),
        "{}",
        ends.iter().find(|e| e.code != Some(0)).unwrap_or(&ends[0])
    );
    let log = m.read(".skillsync/logs/alpha.jsonl");
    assert_eq!(log.lines().count(), LANES * rounds + 1);
    for lane in 0..LANES {
        for round in 0..rounds {
            assert_eq!(log.matches(&format!("note {lane}.{round}.")).count(), 1, "note {lane}.{round}.");
        }
    }
    consistent(&m);
    say(&format!("race observe: {} observations by {LANES} processes, none lost", ends.len()));
}

#[test]
fn no_commit_is_lost_among_mixed_commands() {
    let m = machine();
    for lane in 0..LANES {
        m.skill_folder(&format!("src/lane-{lane}"), &skill(&format!("lane-{lane}"), 1));
        m.run(&["add", &format!("src/lane-{lane}")]).ok();
    }
    // Each lane edits and commits its own skill; between the steps it does what touches everyone's.
    let cycle = 6;
    let cycles = if soak() { 80 } else { 4 };
    let ends = race(&m, LANES, cycle * cycles, |lane, round| {
        let own = format!("lane-{lane}");
        match round % cycle {
            0 => words(&["edit", &own]),
            1 => words(&[
                "observe",
                "alpha",
                "--signal",
                "negative",
                "--note",
                &format!("mixed {lane}.{round}."),
            ]),
            2 => {
                let version = u32::try_from(2 + round / cycle % 2).unwrap_or(2);
                rewrite(&m.store(&format!("editing/{own}")), &own, version);
                words(&["commit", &own, "--reason", &format!("cycle {}", round / cycle)])
            }
            3 => words(&["sync"]),
            4 if lane % 2 == 0 => words(&["gc"]),
            4 => words(&["config", "set", "observation.min_invocations", &format!("{}", 5 + lane)]),
            _ => words(&["ls"]),
        }
    });
    all_clean(&ends);
    let log = m.read(".skillsync/logs/alpha.jsonl");
    for lane in 0..LANES {
        let own = format!("lane-{lane}");
        let mine = &ends[lane * cycle * cycles..(lane + 1) * cycle * cycles];
        let committed =
            mine.iter().enumerate().filter(|(round, e)| round % cycle == 2 && e.code == Some(0)).count();
        assert_eq!(committed, cycles, "{own} has no rival, so every commit succeeds");
        assert_eq!(history(&m, &own).len(), 1 + committed, "versions of {own}");
        assert_eq!(
            version_in(&m.store(&format!("skills/{own}"))),
            u32::try_from(2 + (cycles - 1) % 2).unwrap_or(2)
        );
        for (round, end) in mine.iter().enumerate().filter(|(round, _)| round % cycle == 1) {
            assert_eq!(end.code, Some(0), "{end}");
            assert!(log.contains(&format!("mixed {lane}.{round}.")), "an observation of {own} is gone");
        }
    }
    m.run(&["sync"]).ok();
    consistent(&m);
    say(&format!("race mixed: {} commands by {LANES} processes, no commit lost", ends.len()));
}

#[test]
fn one_of_many_gets_the_lease() {
    let m = machine();
    let ends = race(&m, LANES, 1, |_, _| words(&["edit", "alpha"]));
    let mut codes: Vec<_> = ends.iter().map(|e| e.code).collect();
    codes.sort();
    let mut expected = vec![Some(4); LANES];
    expected[0] = Some(0);
    assert_eq!(codes, expected);
    rewrite(&m.store("editing/alpha"), "alpha", 2);
    let ends = race(&m, LANES, 1, |_, _| words(&["commit", "alpha", "--reason", "mine"]));
    all_clean(&ends);
    assert_eq!(ends.iter().filter(|e| e.code == Some(0)).count(), 1, "one commit");
    assert_eq!(history(&m, "alpha").len(), 2);
    assert_eq!(version_in(&m.store("skills/alpha")), 2);
    consistent(&m);
}

#[test]
fn the_same_skill_is_added_once() {
    let m = machine();
    m.skill_folder("src/gamma", &skill("gamma", 1));
    let ends = race(&m, LANES, 1, |_, _| words(&["add", "src/gamma"]));
    all_clean(&ends);
    assert_eq!(history(&m, "gamma").len(), 1);
    let ends = race(&m, LANES, 1, |_, _| words(&["target", "add", "--tool", "windsurf"]));
    all_clean(&ends);
    assert_eq!(m.read(".skillsync/config.toml").matches("windsurf/skills").count(), 1);
    let ends = race(&m, LANES, 1, |_, _| words(&["sync"]));
    assert!(ends.iter().all(|e| e.code == Some(0)), "{ends:?}");
    consistent(&m);
}

#[test]
fn two_deploys_and_a_pull_at_once() {
    let rounds = if soak() { 20 } else { 3 };
    for _ in 0..rounds {
        let m = Machine::new(BIN);
        shop::apart(&m);
        let texts = shop::texts(&m.snapshot());
        let ends = race(&m, 3, 2, |lane, _| match lane {
            0 => words(&["deploy", "pdf", "greet", "shop", "--force"]),
            1 => words(&["deploy", "--all", "shop"]),
            _ => words(&["sync", "pull", "shop", "--yes"]),
        });
        all_clean(&ends);
        shop::nothing_is_lost(&m, &texts);
        shop::is_tidy(&m);
        m.run(&["sync"]).ok();
        consistent(&m);
        // Whoever came last, all of it settles.
        m.run(&["sync", "pull", "shop", "--yes"]).ok();
        m.run(&["deploy", "pdf", "greet", "shop"]).ok();
        m.run(&["sync", "check", "shop"]).ok();
    }
    say(&format!("race in a project: {rounds} times two deploys and a pull, nothing lost"));
}

/// A command is slowed down at each of its renames; as soon as it has put something beside the copy, the copy is edited.
#[test]
fn an_edit_by_another_hand_is_kept() {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return say(&format!("SKIPPED an edit by another hand: {why}")),
    };
    let commands: [&[&str]; 3] = [
        &["deploy", "pdf", "shop", "--force"],
        &["sync", "pull", "shop", "--yes", "--strategy", "overwrite", "--prefer", "collection"],
        &["undeploy", "pdf", "shop"],
    ];
    for args in commands {
        let m = Machine::new(BIN);
        shop::apart(&m);
        let mut texts = shop::texts(&m.snapshot());
        texts.insert("by another hand\n".to_owned());
        let copy = m.path(shop::COPIES[0]);
        let folder = copy.parent().unwrap_or(&copy).to_owned();
        let is_at_work = || {
            let beside = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            beside.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".skillsync-"))
        };
        let done = AtomicBool::new(false);
        let end = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_at_work() && !done.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                disk::write(&copy.join("notes.md"), "by another hand\n");
            });
            let pause = Duration::from_millis(100);
            let end = strace.slowed(&m, args, "renameat2", pause, &m.path("logs"));
            done.store(true, Ordering::Relaxed);
            end
        });
        assert!(end.is_clean(), "{end}");
        shop::nothing_is_lost(&m, &texts);
        shop::is_tidy(&m);
        assert!(end.code == Some(0) || copy.join("SKILL.md").is_file(), "refused, and gone\n{end}");
        m.run(&["sync"]).ok();
        consistent(&m);
    }
}

/// Kills at random moments, for the places that no system call marks. Only in a long run.
#[test]
fn random_kills() {
    if !soak() {
        return;
    }
    let m = machine();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..1000_u32 {
        // xorshift: any spread over the length of a command will do.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        m.run(&["edit", "alpha"]).one_of(&[0, 4]);
        rewrite(&m.store("editing/alpha"), "alpha", 1 + round % 9);
        let reason = format!("round {round}");
        let args: &[&str] =
            if round % 2 == 0 { &["commit", "alpha", "--reason", &reason] } else { &["sync"] };
        let mut child = m.command(args).start();
        std::thread::sleep(std::time::Duration::from_micros(seed % 15_000));
        drop(child.kill());
        drop(child.wait());
        crate::invariant::live(&m);
        m.run(&["sync"]).ok();
        if round % 20 == 0 {
            consistent(&m);
        }
    }
    say("random kills: 1000, nothing lost");
}
