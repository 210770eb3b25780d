//! The hub is killed while it publishes: at random moments, and at each call by which it changes the disk. What it told as
//! published is whole after its next start, and what it did not tell is wholly there or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use skillsync_testkit::web::Asked;
use skillsync_testkit::{say, soak};

use super::told::Told;
use super::*;

/// A skill for so many releases as a list of its versions tells of.
fn slug(number: u64) -> String {
    format!("skill-{}", number / 60)
}

#[test]
fn what_was_told_survives_a_kill_at_any_moment() {
    let rounds = if soak() { 300 } else { 12 };
    let mut hub = hub();
    let mut told = Told::default();
    let mut number = 0_u64;
    for round in 0..rounds {
        let after = Duration::from_micros(5_000 + (round * 7_919_u64) % 60_000);
        let pid = hub.pid().to_string();
        let killer = thread::spawn(move || {
            thread::sleep(after);
            Command::new("kill").args(["-KILL", &pid]).status().unwrap()
        });
        loop {
            number += 1;
            let upload = Upload::of(&slug(number), &format!("1.{number}.0"), &format!("{number}"));
            match upload.try_to(&hub, hub.admin_key()) {
                Some(answered) => told.note(&upload, &answered),
                None => break,
            }
        }
        assert!(killer.join().unwrap().success());
        hub.kill();
        hub.start();
        told.newest_is_whole(&hub);
    }
    told.is_whole(&hub);
    say(&format!("killed {rounds} times at random: {} releases told, none lost", told.len()));
    // What kills left half written is cleared at a start, once nobody can be at it any more.
    let folder = hub.data().join("blobs/blobs/sha256");
    let (old, new) =
        (folder.join(format!("{}#1", "a".repeat(64))), folder.join(format!("{}#2", "b".repeat(64))));
    for path in [&old, &new] {
        fs::write(path, "half").unwrap();
    }
    let now = fs::metadata(&old).unwrap().modified().unwrap();
    let hours_ago = now - Duration::from_secs(2 * 60 * 60);
    fs::File::options().write(true).open(&old).unwrap().set_modified(hours_ago).unwrap();
    hub.stop();
    hub.start();
    let gone = (0..600).any(|_| {
        thread::sleep(Duration::from_millis(20));
        !old.exists()
    });
    assert!(gone && new.exists(), "{}", hub.log());
    told.is_whole(&hub);
    unharmed(&hub);
}

/// The calls by which a publish changes the disk, and where they are counted: by the threads of one kind.
const CALLS: &[&str] = &[
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "link",
    "linkat",
    "unlink",
    "mkdir",
    "ftruncate",
];

/// The threads of the hub, by what they do: those that write the database, and all others.
fn threads(hub: &Hub) -> BTreeMap<&'static str, Vec<String>> {
    let mut kinds = BTreeMap::<_, Vec<String>>::new();
    for task in fs::read_dir(format!("/proc/{}/task", hub.pid())).unwrap().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let kind = if name.starts_with("sqlx-sqlite") { "database" } else { "files" };
        kinds.entry(kind).or_default().push(task.file_name().to_string_lossy().into_owned());
    }
    kinds
}

/// Lets strace kill the hub at the `nth` call of this name in one of these threads, from now on. None where it cannot.
fn armed(threads: &[String], call: &str, nth: u32) -> Option<std::process::Child> {
    let mut strace = Command::new("strace");
    strace.args([
        "-q",
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={call}:signal=SIGKILL:when={nth}"),
    ]);
    for thread in threads {
        strace.args(["-p", thread]);
    }
    let strace = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    // It is there once each thread says who traces it.
    let is_traced = |thread: &String| {
        let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
        status.lines().any(|line| line == format!("TracerPid:\t{}", strace.id()))
    };
    let ready = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(5));
        threads.iter().all(is_traced)
    });
    ready.then_some(strace)
}

/// Whether it answers, as far as one can tell right after it did or did not.
fn lives(hub: &Hub) -> bool {
    let asked = Asked {
        method: "GET".to_owned(),
        path: "/healthz".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    skillsync_testkit::hub::pass(&hub.url().replace("http://", ""), &asked)
        .is_ok_and(|answered| answered.status == 200)
}

#[test]
fn what_was_told_survives_a_kill_at_each_change_of_the_disk() {
    let one_thread = ("TOKIO_WORKER_THREADS", "1");
    let mut hub = hub_with(&[one_thread]);
    let mut told = Told::default();
    let (mut number, mut kills) = (0_u64, BTreeMap::<String, u32>::new());
    // A publish that warms it up, so that each one after it does the same calls.
    let mut next = || {
        number += 1;
        Upload::of(&slug(number), &format!("1.{number}.0"), &format!("{number}"))
    };
    for kind in ["files", "database"] {
        for call in CALLS {
            let mut nth = 1;
            loop {
                let upload = next();
                told.note(&upload, &upload.to(&hub, hub.admin_key()));
                let Some(mut strace) = armed(&threads(&hub)[kind], call, nth) else {
                    say("SKIPPED kills at each change of the disk by a hub: strace cannot trace here");
                    return;
                };
                let upload = next();
                let answered = upload.try_to(&hub, hub.admin_key());
                if let Some(answered) = &answered {
                    told.note(&upload, answered);
                }
                let survived = lives(&hub);
                if survived {
                    let _ = strace.kill();
                }
                let _ = strace.wait();
                if survived {
                    break;
                }
                hub.kill();
                hub.start();
                told.newest_is_whole(&hub);
                *kills.entry(format!("{kind} {call}")).or_default() += 1;
                nth += 1;
            }
        }
    }
    let all: u32 = kills.values().sum();
    say(&format!(
        "killed {all} times at changes of the disk: {kills:?}; {} releases told, none lost",
        told.len()
    ));
    assert!(all >= 12, "{kills:?}");
    told.is_whole(&hub);
    unharmed(&hub);
}
