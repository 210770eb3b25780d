//! Rows 8, 15, 24, 25, and what else depends on the moment: clocks, patience, other programs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use skillsync_client::fetch::{Http, Limits};
use skillsync_client::plan::Ask;
use skillsync_client::pull::Status;
use skillsync_client::schedule::Polls;
use skillsync_core::fault::{Fault, Kind};
use skillsync_testkit::disk;
use skillsync_testkit::web::{Answer, Manner};
use skillsync_wire::api::path;
use skillsync_wire::json::Time;

use crate::house::{House, MANIFEST, ROOT, api_key, files, later, signed, slug};
use crate::hub::LyingHub;
use crate::memory::{Client, Memory, code, done, row};

pub(crate) fn noon() -> Time {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// A hub with `docx` and `pdf`, and a client that has both.
pub(crate) fn home() -> (Memory, Client) {
    let mut house = House::new(noon());
    for name in ["docx", "pdf"] {
        house.publish(name, &files(name, "# one\n", &[]));
    }
    let (client, hub) = (Client::new(&house, "https://hub.example"), Memory::new(house));
    for name in ["docx", "pdf"] {
        assert_eq!(code(&client.pull(&hub, Ask::Install(slug(name), None))), "ok");
    }
    (hub, client)
}

#[test]
fn t08_stale_stays_stale_when_the_clock_is_set_back() {
    let (hub, mut client) = home();
    let before = client.valuables().without(&["store/sources"]);
    for (clock, status) in [
        (later(noon(), 86_399), Status::Fresh),
        (later(noon(), 86_400), Status::Stale),
        (later(noon(), 86_401), Status::Stale),
        // Ten days back: what was seen is remembered.
        (later(noon(), 86_401 - 864_000), Status::Stale),
        (noon(), Status::Stale),
    ] {
        client.set_clock(clock);
        assert_eq!(client.pull(&hub, Ask::Poll).status, status, "{clock}");
    }
    before.assert_same(&client.valuables().without(&["store/sources"]));
    // Offline for a week: one poll brings everything.
    hub.lie(|_, _| Answer::status(503));
    for day in 1..7 {
        client.set_clock(later(noon(), day * 86_400));
        assert!(matches!(client.pull(&hub, Ask::Poll).status, Status::Stale | Status::Offline));
    }
    hub.repent();
    hub.change(|house| {
        house.wait(7 * 86_400);
        for round in 0..5 {
            for name in ["docx", "pdf"] {
                house.publish(name, &files(name, &format!("# round {round}\n"), &[]));
            }
        }
    });
    client.set_clock(later(noon(), 7 * 86_400));
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!((pulled.status, code(&pulled)), (Status::Fresh, "ok"));
    assert!(String::from_utf8(client.read("skills/pdf/SKILL.md")).unwrap().contains("round 4"));
}

#[test]
fn t15_a_trickle_is_left_and_the_others_go_on() {
    let mut house = House::new(noon());
    for name in ["docx", "pdf"] {
        house.publish(name, &files(name, "# one\n", &[]));
    }
    let mut client = None;
    let hub = LyingHub::open(house);
    let url = hub.web.url();
    hub.change(|house| client = Some(Client::new(house, &url)));
    let client = client.unwrap();
    let second = Duration::from_secs(1);
    let limits = Limits { head: 5 * second, pace_window: 2 * second, ..Limits::default() };
    let http = Http::new("test/1", limits);
    let blob = path::tarball(&hub.change(|house| house.archive_digest("pdf")));
    hub.lie(move |asked, answer| match asked.path.starts_with(&blob) {
        true => answer.given(Manner::Slow(1, Duration::from_millis(100))),
        false => answer,
    });
    client.set("skills", "all");
    let pulled = client.pull(&http, Ask::Poll);
    assert_eq!(row(&pulled, "docx").done.as_str(), "added");
    assert_eq!(code(&pulled), "hub-slow");
}

/// Between its download and its use somebody writes another archive, as genuine as can be, under its name.
#[test]
fn t24_what_is_unpacked_is_what_was_hashed() {
    let (hub, client) = home();
    let (docx, pdf) = hub.change(|house| {
        let docx = house.publish("docx", &files("docx", "# two\n", &[]));
        let pdf = house.publish("pdf", &files("pdf", "# two\n", &[]));
        (docx, pdf)
    });
    let before = client.read("skills/docx/SKILL.md");
    let cached = format!("cache/{}.tar.gz", docx.release.tarball.sha256.hex());
    let store = client.store();
    let (target, evil) = (store.layout().root().join(cached), pdf.archive.clone());
    // That of `pdf` is not given before that of `docx` is verified and in the cache.
    let wanted = path::tarball(&pdf.release.tarball.sha256);
    let was_replaced = std::sync::Arc::new(AtomicBool::new(false));
    let replaced = std::sync::Arc::clone(&was_replaced);
    hub.lie(move |asked, answer| {
        if asked.path == wanted {
            for _ in 0..500 {
                if std::fs::metadata(&target).is_ok() {
                    skillsync_testkit::disk::write(&target, &evil);
                    replaced.store(true, Ordering::SeqCst);
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        answer
    });
    let pulled = client.pull(&hub, Ask::Poll);
    assert!(was_replaced.load(Ordering::SeqCst), "docx never came");
    let refused = row(&pulled, "docx").error.as_ref().map(Fault::code);
    assert_eq!(refused, Some("trust-mismatch"));
    assert_eq!(client.read("skills/docx/SKILL.md"), before);
    assert_eq!(row(&pulled, "pdf").done.as_str(), "updated", "the others go on");
    hub.repent();
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!(code(&pulled), "ok");
    assert!(String::from_utf8(client.read("skills/docx/SKILL.md")).unwrap().contains("two"));
}

/// A kill between the two files of a root's step, and one between the step and the next.
#[test]
fn t25_a_half_written_step_goes_on_and_never_back() {
    let (hub, client) = home();
    hub.change(|house| {
        for _ in 0..3 {
            house.rotate(&ROOT[..2], |_| {});
        }
    });
    let (trust, root) = (client.read("sources/team/trust.json"), hub.change(|house| house.roots[1].clone()));
    // The root is there, and the state does not name it yet.
    client.write("sources/team/root-2.json", &root);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
    assert!(
        String::from_utf8(client.read("sources/team/trust.json")).unwrap().contains("\"root_version\":4")
    );
    // A root that somebody put in the place of a later one is not believed for being there.
    client.write("sources/team/root-4.json", &root);
    hub.change(House::touch);
    assert_ne!(code(&client.pull(&hub, Ask::Poll)), "ok");
    client.write("sources/team/root-4.json", &hub.change(|house| house.roots[3].clone()));
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
    // A state that does not read is no state to begin with.
    client.write("sources/team/trust.json", &trust[..trust.len() / 2]);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "trust-state-damaged");
}

/// Publishes a second release and a third, and gives the manifest of the moment between them.
fn overtaken(house: &mut House) -> Vec<u8> {
    house.publish("pdf", &files("pdf", "# two\n", &[]));
    let old = signed(&house.manifest_for(&api_key().audience()), &[MANIFEST]);
    house.publish("pdf", &files("pdf", "# three\n", &[]));
    old
}

/// Two programs at once: the slower one finds that the other was ahead, and begins anew instead of going back.
#[test]
fn what_another_program_did_meanwhile_is_not_undone() {
    let (hub, client) = home();
    let old = hub.change(overtaken);
    // The slower one is told of the second release; while it downloads, the other one installs the third.
    let is_first = std::sync::Arc::new(AtomicBool::new(true));
    let is_slow = std::sync::Arc::clone(&is_first);
    let fast = Memory::new(hub.change(|house| house.clone()));
    let client = std::sync::Arc::new(client);
    let other = std::sync::Arc::clone(&client);
    hub.lie(move |asked, answer| {
        if asked.path == path::MANIFEST && is_slow.load(Ordering::SeqCst) {
            return Answer::ok(old.clone());
        }
        if asked.path.starts_with("/cdn/blobs/") && is_slow.swap(false, Ordering::SeqCst) {
            assert_eq!(code(&other.pull(&fast, Ask::Poll)), "ok");
        }
        answer
    });
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!(code(&pulled), "ok", "{pulled:?}");
    assert!(!is_first.load(Ordering::SeqCst));
    assert!(String::from_utf8(client.read("skills/pdf/SKILL.md")).unwrap().contains("three"));
    assert_eq!(row(&pulled, "pdf").done.as_str(), "current");
}

#[test]
fn what_is_known_to_be_installed_must_read() {
    let (hub, client) = home();
    hub.change(|house| house.publish("pdf", &files("pdf", "# two\n", &[])));
    let meta = client.read("_meta.json");
    client.write("_meta.json", b"{");
    let before = client.valuables();
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "installed-damaged");
    before.without(&["store/sources"]).assert_same(&client.valuables().without(&["store/sources"]));
    client.write("_meta.json", &meta);
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
    // It was lost altogether: `install` finds that the skill is the one that it installed.
    skillsync_testkit::disk::remove(&client.store().layout().install_state());
    assert_eq!(client.pull(&hub, Ask::Poll).rows.len(), 0);
    let pulled = client.pull(&hub, Ask::Install(slug("pdf"), None));
    assert_eq!((code(&pulled), done(&pulled).as_str()), ("ok", "added"), "{pulled:?}");
    assert_eq!(pulled.rows[0].number, None, "no version was made");
    hub.change(|house| house.publish("pdf", &files("pdf", "# three\n", &[])));
    assert_eq!(done(&client.pull(&hub, Ask::Poll)).as_str(), "updated");
}

/// A clock that runs ahead by years accepts what is genuine and proves nothing.
#[test]
fn a_clock_ahead_is_no_proof() {
    let (hub, mut client) = home();
    client.set_clock(later(noon(), 10 * 365 * 86_400));
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "trust-expired", "the root, ten years later");
    client.set_clock(later(noon(), 3_600));
    hub.change(|house| house.wait(3_600));
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
}

/// A record that this machine cannot read: another thing is in its place.
fn block(client: &Client, slug: &str) -> Vec<u8> {
    let record = client.read(&format!("skills/{slug}/.meta.toml"));
    let path = record_of(client, slug);
    disk::remove(&path);
    disk::write(&path.join("in-the-way"), b"");
    record
}

fn record_of(client: &Client, slug: &str) -> std::path::PathBuf {
    client.store().layout().root().join(format!("skills/{slug}/.meta.toml"))
}

/// How reading one skill fails is that skill's matter alone, and nothing is said to be well because a later look succeeds.
#[test]
fn a_record_that_cannot_be_read_keeps_no_other_skill_back() {
    let (hub, client) = home();
    let publish = |name: &str, body: &str| {
        hub.change(|house| drop(house.publish(name, &files(name, body, &[]))));
    };
    let is_io = |pulled: &skillsync_client::pull::Pulled| {
        let row = row(pulled, "docx");
        (row.done.as_str(), row.error.as_ref().map(Fault::kind)) == ("failed", Some(Kind::Io))
    };
    publish("docx", "# two\n");
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
    let record = block(&client, "docx");
    // It may be made of what is revoked, as far as can be told, and so it is looked at.
    hub.change(|house| house.revoke("docx", 1, "malware"));
    publish("pdf", "# two\n");
    let pulled = client.pull(&hub, Ask::Poll);
    assert!(is_io(&pulled) && pulled.error.is_none(), "{pulled:?}");
    assert_eq!(row(&pulled, "pdf").done.as_str(), "updated");
    hub.change(|house| house.revoke("pdf", 2, "malware"));
    let pulled = client.pull(&hub, Ask::Poll);
    assert!(is_io(&pulled), "{pulled:?}");
    assert_eq!(row(&pulled, "pdf").done.as_str(), "quarantined");
    // It reads again while another skill is fetched.
    publish("docx", "# three\n");
    publish("pdf", "# three\n");
    let (path, bytes) = (record_of(&client, "docx"), record.clone());
    hub.lie(move |asked, answer| {
        if asked.path.starts_with("/cdn/blobs/") && path.is_dir() {
            disk::remove(&path);
            disk::write(&path, &bytes);
        }
        answer
    });
    let pulled = client.pull(&hub, Ask::Poll);
    assert!(is_io(&pulled), "{pulled:?}");
    assert_eq!(row(&pulled, "pdf").done.as_str(), "updated");
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!((code(&pulled), row(&pulled, "docx").done.as_str()), ("ok", "updated"), "{pulled:?}");
}

#[test]
fn what_this_machine_is_to_blame_for_puts_no_poll_off() {
    let (hub, mut client) = home();
    let polls = |client: &Client| {
        let polls = Polls::load(client.store().layout(), &crate::memory::name());
        (polls.next_at, polls.failures)
    };
    hub.lie(|_, _| Answer::status(503));
    client.pull(&hub, Ask::Poll);
    hub.repent();
    let before = polls(&client);
    assert_eq!(before.1, 1);
    client.set_clock(later(noon(), 7_200));
    // One skill cannot be read.
    let record = block(&client, "docx");
    hub.change(|house| house.publish("docx", &files("docx", "# two\n", &[])));
    assert!(client.pull(&hub, Ask::Poll).error.is_none());
    assert_eq!(polls(&client), before, "a row");
    // Nothing of the source can be stored.
    let path = record_of(&client, "docx");
    disk::remove(&path);
    disk::write(&path, &record);
    let manifest = client.store().layout().source_manifest(&crate::memory::name());
    disk::remove(&manifest);
    disk::write(&manifest.join("in-the-way"), b"");
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!(pulled.error.as_ref().map(Fault::kind), Some(Kind::Io), "{pulled:?}");
    assert_eq!(polls(&client), before, "the source");
    disk::remove(&manifest);
    // What is here does not read.
    for file in ["_meta.json", "sources/team/trust.json"] {
        let whole = client.read(file);
        client.write(file, b"garbage");
        for _ in 0..3 {
            assert!(client.pull(&hub, Ask::Poll).error.is_some(), "{file}");
            assert_eq!(polls(&client), before, "{file}");
        }
        client.write(file, &whole);
    }
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
    assert_ne!(polls(&client), before);
}

/// Without a key nobody is asked, and that hides neither that what is known holds no longer, nor puts the next poll off.
#[test]
fn without_a_key_what_is_stale_is_said_to_be() {
    let (hub, mut client) = home();
    let before = client.read("sources/team/poll.json");
    assert_eq!(client.pull_with(&hub, Ask::Poll, None).status, Status::Keyless);
    client.set_clock(later(noon(), 86_400));
    let pulled = client.pull_with(&hub, Ask::Poll, None);
    assert_eq!((pulled.status, code(&pulled)), (Status::Stale, "api-key-missing"));
    assert_eq!(client.read("sources/team/poll.json"), before);
}

/// The disk failed after a skill was swapped in and before that was stored: what came is not forgotten for that.
#[test]
fn nothing_older_follows_what_was_installed_before_an_error() {
    let (hub, client) = home();
    let old = hub.change(overtaken);
    let stored = client.store().layout().source_manifest(&crate::memory::name());
    let before = client.read("sources/team/manifest.json");
    disk::remove(&stored);
    disk::write(&stored.join("in-the-way"), b"");
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!(pulled.error.as_ref().map(Fault::kind), Some(Kind::Io), "{pulled:?}");
    assert_eq!(row(&pulled, "pdf").done.as_str(), "updated");
    disk::remove(&stored);
    client.write("sources/team/manifest.json", &before);
    // The hub goes back to the manifest before.
    hub.lie(move |asked, answer| if asked.path == path::MANIFEST { Answer::ok(old.clone()) } else { answer });
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!(code(&pulled), "trust-rollback", "{pulled:?}");
    assert!(String::from_utf8(client.read("skills/pdf/SKILL.md")).unwrap().contains("three"));
    hub.repent();
    assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
}

/// Something larger lies in the cache where an archive is to come: it is in nobody's way.
#[test]
fn what_is_in_the_cache_and_no_archive_is_replaced() {
    let (hub, client) = home();
    let pdf = hub.change(|house| house.publish("pdf", &files("pdf", "# two\n", &[])));
    let cached = client.store().layout().cached(&pdf.release.tarball.sha256);
    disk::write(&cached, vec![0; 1 << 20]);
    let pulled = client.pull(&hub, Ask::Poll);
    assert_eq!((code(&pulled), row(&pulled, "pdf").done.as_str()), ("ok", "updated"), "{pulled:?}");
}
