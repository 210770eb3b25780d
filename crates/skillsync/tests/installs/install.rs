//! From a hub to an agent's folder, and everything that keeps up with it.

use skillsync_testkit::page::{documented, keys};
use skillsync_testkit::web::{Answer, Asked, Manner, Web};

use crate::home::{hub, installed, loaded, machine, meta, outcome, publish, report};
use crate::house::{House, api_key, files, line};
use crate::hub::LyingHub;

#[test]
fn a_skill_is_installed_verified_and_loaded() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    let output = machine.run(&["install", "pdf", "--json"]).ok();
    let report_of_install = output.json();
    let pdf = outcome(&report_of_install, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["to"], &pdf["version"]), (&"added".into(), &"1.1.0".into(), &1.into()));
    assert_eq!(report_of_install["sources"][0]["status"], "fresh");
    assert!(loaded(&machine, "pdf").unwrap().contains("three"));
    assert!(machine.path(".claude/skills/pdf/scripts/run.sh").is_file());
    assert_eq!(loaded(&machine, "docx"), None, "only what was asked for");
    let published = hub.change(|house| house.newest("pdf").clone());
    let meta = meta(&machine);
    let record = &meta["skills"]["pdf"];
    assert_eq!((&record["source"], &record["state"]), (&"team".into(), &"installed".into()));
    assert_eq!((&record["version"], &record["seq"]), (&"1.1.0".into(), &1.into()));
    assert_eq!(record["release"], published.digest().to_string());
    assert_eq!(record["content_hash"], published.release.tree.to_string());
    assert!(record["installed_at"].as_str().unwrap().ends_with('Z'));
    let info = machine.run(&["info", "pdf", "--json"]).ok().json();
    assert_eq!((&info["source"], &info["state"]), (&"hub".into(), &"active".into()));
    // It counts as an install, the hub is told, and nothing else is asked.
    let digest = published.release.tarball.sha256.hex();
    let paths = hub.take_paths();
    assert_eq!(paths[0], "/api/skills/install");
    assert!(
        paths.contains(&format!("/cdn/blobs/sha256/{digest}")) && paths.contains(&"/api/state".to_owned())
    );
    assert_eq!(paths.len(), 7, "{paths:?}");
    assert!(!format!("{output}").contains(api_key().expose()));
    // Once more changes nothing, and neither does a sync.
    let before = machine.snapshot().without(&[".skillsync/state", ".skillsync/sources/team/poll.json"]);
    let again = report(&machine, &["install", "pdf"], 0);
    assert_eq!(outcome(&again, "pdf")["outcome"], "current");
    machine.run(&["sync"]).ok();
    machine.run(&["poll"]).ok();
    before
        .assert_same(&machine.snapshot().without(&[".skillsync/state", ".skillsync/sources/team/poll.json"]));
}

#[test]
fn a_poll_brings_what_is_new_and_asks_once_where_nothing_is() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    machine.run(&["install", "pdf"]).ok();
    hub.web.take_asked();
    machine.run(&["poll"]).ok();
    let asked = hub.web.take_asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].header("if-none-match").is_some());
    hub.change(|house| {
        house.publish("pdf", &files("pdf", "# pdf\n\none\n\nTWO\n\nthree\n", &[]));
        house.publish("docx", &files("docx", "# docx 2\n", &[]));
    });
    let outdated = report(&machine, &["outdated"], 0);
    let pdf = outcome(&outdated, "pdf");
    assert_eq!(
        (&pdf["outcome"], &pdf["from"], &pdf["to"]),
        (&"available".into(), &"1.1.0".into(), &"1.2.0".into())
    );
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    let polled = report(&machine, &["poll"], 0);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "updated");
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
    assert!(!machine.path(".claude/skills/pdf/scripts").exists(), "what the release does not have is gone");
    let history = machine.run(&["history", "pdf", "--json"]).ok().json();
    assert_eq!(history["versions"][0]["origin"], "update");
    assert_eq!(history["versions"].as_array().unwrap().len(), 2);
}

#[test]
fn documents_have_the_keys_of_their_pages() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    for (command, args) in [
        ("install", &["install", "pdf"][..]),
        ("outdated", &["outdated"]),
        ("update", &["update"]),
        ("poll", &["poll"]),
        ("sync", &["sync"]),
    ] {
        assert_eq!(keys(&report(&machine, args, 0)), documented(command, ""), "{args:?}");
    }
}

#[test]
fn a_version_that_was_asked_for_stays_until_update_names_it() {
    let hub = hub();
    publish(&hub, "TWO");
    let machine = machine(&hub, &[]);
    let report_of = report(&machine, &["install", "pdf@1.1.0"], 0);
    assert_eq!(outcome(&report_of, "pdf")["to"], "1.1.0");
    assert_eq!(meta(&machine)["skills"]["pdf"]["held"], "version");
    for args in [&["poll"][..], &["update"]] {
        let pdf = report(&machine, args, 0);
        let pdf = outcome(&pdf, "pdf");
        assert_eq!(
            (&pdf["outcome"], &pdf["why"], &pdf["to"]),
            (&"held".into(), &"version".into(), &"1.2.0".into())
        );
    }
    assert_eq!(outcome(&report(&machine, &["update", "pdf"], 0), "pdf")["outcome"], "updated");
    assert!(
        loaded(&machine, "pdf").unwrap().contains("TWO") && meta(&machine)["skills"]["pdf"]["held"].is_null()
    );
    // Back again, though it is older than what was accepted: because it was asked for by name. Nothing is forgotten.
    let trust = machine.read(".skillsync/sources/team/trust.json");
    let back = report(&machine, &["install", "pdf@1.1.0"], 0);
    assert_eq!(
        (&outcome(&back, "pdf")["outcome"], &outcome(&back, "pdf")["from"]),
        (&"updated".into(), &"1.2.0".into())
    );
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    assert_eq!(machine.read(".skillsync/sources/team/trust.json"), trust);
    let unknown = report(&machine, &["install", "pdf@9.9.9"], 1);
    assert_eq!(unknown["sources"][0]["error"]["code"], "hub-not-found");
}

#[test]
fn what_a_source_may_do_by_itself_is_the_users_choice() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    for way in ["notify", "manual"] {
        machine.run(&["config", "set", "sources.team.apply", way]).ok();
        let polled = report(&machine, &["poll", "--source", "team"], 0);
        assert_eq!(outcome(&polled, "pdf")["outcome"], "available", "{way}");
        hub.web.take_asked();
        let sources = report(&machine, &["poll"], 0);
        assert_eq!(sources["sources"].as_array().unwrap().len(), usize::from(way == "notify"), "{way}");
        assert_eq!(hub.take_paths().len(), usize::from(way == "notify"), "{way}");
    }
    assert!(loaded(&machine, "pdf").unwrap().contains("two"));
    assert_eq!(outcome(&report(&machine, &["update"], 0), "pdf")["outcome"], "updated");
    // A source of pins: nobody moved one.
    machine.run(&["config", "set", "sources.team.apply", "auto"]).ok();
    machine.run(&["config", "set", "sources.team.policy", "pin"]).ok();
    publish(&hub, "II");
    let polled = report(&machine, &["poll"], 0);
    assert_eq!(
        (&outcome(&polled, "pdf")["outcome"], &outcome(&polled, "pdf")["why"]),
        (&"held".into(), &"pin".into())
    );
    assert_eq!(outcome(&report(&machine, &["update", "pdf"], 0), "pdf")["outcome"], "updated");
}

#[test]
fn everything_that_is_listed_comes_where_that_is_wished() {
    let hub = hub();
    let machine = machine(&hub, &["--all"]);
    machine.run(&["new", "docx", "--description", "Mine. Use it."]).ok();
    let mine = machine.read(".skillsync/skills/docx/SKILL.md");
    let polled = report(&machine, &["poll"], 3);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "added");
    let docx = outcome(&polled, "docx");
    assert_eq!((&docx["outcome"], &docx["error"]["code"]), (&"refused".into(), &"skill-exists".into()));
    assert_eq!(machine.read(".skillsync/skills/docx/SKILL.md"), mine);
    // What the user takes away stays away.
    machine.run(&["rm", "pdf"]).ok();
    machine.run(&["sync"]).ok();
    assert_eq!(outcome(&report(&machine, &["poll"], 3), "pdf")["outcome"], "removed");
    assert_eq!(meta(&machine)["skills"]["pdf"]["state"], "removed");
    publish(&hub, "TWO");
    assert!(outcome(&report(&machine, &["poll"], 3), "pdf").is_null());
    assert_eq!(loaded(&machine, "pdf"), None);
    let again = report(&machine, &["install", "pdf"], 0);
    assert_eq!(outcome(&again, "pdf")["outcome"], "added");
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
}

#[test]
fn a_skill_of_the_users_own_is_never_replaced() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    machine.run(&["new", "pdf", "--description", "Mine. Use it."]).ok();
    let outside =
        [".skillsync/state", ".skillsync/sources", ".claude", ".skillsync/rendered", ".skillsync/trees"];
    let before = machine.snapshot().without(&outside);
    let refused = report(&machine, &["install", "pdf"], 1);
    assert_eq!(outcome(&refused, "pdf")["error"]["code"], "skill-exists");
    assert!(outcome(&refused, "pdf")["error"]["hint"].as_str().unwrap().contains("skillsync rm pdf"));
    // Not one archive was fetched for it.
    assert!(!hub.take_paths().iter().any(|path| path.starts_with("/cdn/")));
    before.assert_same(&machine.snapshot().without(&outside));
}

#[test]
fn deleting_a_skills_folder_uninstalls_it() {
    let hub = hub();
    let machine = installed(&hub);
    skillsync_testkit::disk::remove(&machine.store("skills/pdf"));
    machine.run(&["new", "other", "--description", "So that the store is not empty."]).ok();
    publish(&hub, "TWO");
    let polled = report(&machine, &["poll"], 0);
    assert_eq!(outcome(&polled, "pdf")["outcome"], "removed");
    assert_eq!(loaded(&machine, "pdf"), None);
    assert!(outcome(&report(&machine, &["poll"], 0), "pdf").is_null());
}

#[test]
fn what_cannot_run_here_is_not_fetched_and_every_demand_is_named() {
    let hub = hub();
    hub.change(|house| {
        house.publish_as("gpu", &files("gpu", "# gpu\n", &[]), |release| {
            release.requires.os = vec![line("plan9")];
            release.requires.arch = vec![line("vax"), line("pdp11")];
        });
    });
    let machine = machine(&hub, &[]);
    let refused = report(&machine, &["install", "gpu"], 1);
    let error = &outcome(&refused, "gpu")["error"];
    assert_eq!(error["code"], "requirements-unmet");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("plan9") && message.contains("vax or pdp11"), "{message}");
    assert!(!hub.take_paths().iter().any(|path| path.starts_with("/cdn/blobs/")));
}

#[test]
fn archives_come_from_mirrors_and_signed_addresses_and_the_key_stays_at_home() {
    let hub = hub();
    let digest = hub.change(|house| house.archive_digest("pdf").hex());
    let archive = hub.change(|house| house.newest("pdf").archive.clone());
    let path = format!("/cdn/blobs/sha256/{digest}");
    // The one place that has the archive, for whoever has its address.
    let (wanted, bytes) = (format!("{path}?sig=1"), archive.clone());
    let cdn = Web::serve(
        move |asked| if asked.path == wanted { Answer::ok(bytes.clone()) } else { Answer::status(404) },
    );
    let mirror = Web::serve(|_| Answer::status(404));
    let (url, bare) = (cdn.url(), path.clone());
    hub.change(|house| house.tarballs_at = Some(url));
    hub.lie(move |asked, answer| if asked.path == bare { Answer::status(403) } else { answer });
    let machine = machine(&hub, &["--mirror", &mirror.url()]);
    machine.run(&["install", "pdf"]).ok();
    assert!(hub.web.asked().iter().any(|asked| asked.path == path && asked.header("x-api-key").is_some()));
    for place in [&mirror, &cdn] {
        let asked = place.asked();
        assert!(
            !asked.is_empty() && asked.iter().all(|asked| asked.header("x-api-key").is_none()),
            "{asked:?}"
        );
    }
    // A mirror that has it spares the hub.
    hub.repent();
    publish(&hub, "TWO");
    let published = hub.change(|house| house.newest("pdf").clone());
    let mirror = Web::serve(move |asked| match asked.path.rsplit('/').next().unwrap() {
        hex if hex == published.release.tarball.sha256.hex() => Answer::ok(published.archive.clone()),
        _ => Answer::status(404),
    });
    machine.run(&["config", "set", "sources.team.mirrors", &mirror.url()]).ok();
    hub.web.take_asked();
    machine.run(&["poll"]).ok();
    assert!(!hub.take_paths().iter().any(|path| path.starts_with("/cdn/blobs/")));
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
}

#[test]
fn a_private_release_is_shown_to_its_key() {
    let hub = hub();
    hub.change(|house| house.is_private = true);
    let machine = machine(&hub, &[]);
    machine.run(&["install", "pdf"]).ok();
    let asked = hub.web.asked();
    assert!(asked.iter().filter(|a| a.path.starts_with("/cdn/")).all(|a| a.header("x-api-key").is_some()));
}

#[test]
fn what_is_installed_is_told_after_a_change_unless_it_must_not_be() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    machine.run(&["install", "pdf"]).ok();
    let told = hub.web.take_asked().into_iter().find(|asked| asked.path == "/api/state").unwrap();
    let body: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(body["skills"].as_array().unwrap().len(), 1);
    let skill = keys(&body["skills"][0]);
    let allowed = ["content_hash", "installed_at", "release", "slug", "version"];
    assert!(skill.iter().eq(allowed), "{skill:?}");
    let home = machine.home().display().to_string();
    assert!(!String::from_utf8(told.body).unwrap().contains(&home));
    let tells = |run: skillsync_testkit::machine::Run, text: &str| {
        publish(&hub, text);
        hub.web.take_asked();
        run.run().ok();
        hub.take_paths().contains(&"/api/state".to_owned())
    };
    assert!(tells(machine.command(&["poll"]), "a"));
    hub.take_paths();
    machine.run(&["poll"]).ok();
    assert!(!hub.take_paths().contains(&"/api/state".to_owned()), "it was told");
    assert!(!tells(machine.command(&["poll"]).env("DO_NOT_TRACK", "1"), "b"));
    assert!(!tells(machine.command(&["poll"]).env("RECIPES_TELEMETRY", "off"), "c"));
    machine.run(&["config", "set", "sources.team.report_state", "false"]).ok();
    assert!(!tells(machine.command(&["poll"]), "d"));
    // A hub that does not listen is no error.
    machine.run(&["config", "unset", "sources.team.report_state"]).ok();
    hub.lie(|asked, answer| if asked.path == "/api/state" { Answer::status(500) } else { answer });
    assert!(tells(machine.command(&["poll"]), "e"));
    // It hears what it did not take with the next poll that reaches it, and once; so it does what a rollback changed.
    let polled = || {
        hub.take_paths();
        machine.run(&["poll"]).ok();
        hub.take_paths().contains(&"/api/state".to_owned())
    };
    assert_eq!([polled(), polled()], [true, true]);
    hub.repent();
    machine.run(&["outdated"]).ok();
    assert!(!hub.take_paths().contains(&"/api/state".to_owned()), "a look tells nothing");
    assert_eq!([polled(), polled()], [true, false]);
    machine.run(&["rollback", "pdf"]).ok();
    assert_eq!([polled(), polled()], [true, false]);
    // Each key tells for itself.
    let key = crate::house::api_key();
    machine.command(&["login", "team", "--offline"]).stdin(key.expose()).run().ok();
    assert_eq!([polled(), polled()], [true, false]);
}

#[test]
fn without_the_hub_everything_goes_on_working() {
    let hub = hub();
    let machine = installed(&hub);
    let before = machine.snapshot().without(&[".skillsync/state", ".skillsync/sources/team/poll.json"]);
    hub.lie(|_, _| Answer::status(503).with("retry-after", "7200"));
    let polled = report(&machine, &["poll"], 7);
    assert_eq!(
        (&polled["sources"][0]["status"], &polled["sync"]),
        (&"offline".into(), &serde_json::Value::Null)
    );
    assert_eq!(polled["sources"][0]["error"]["code"], "hub-unavailable");
    hub.lie(|_, _| Answer::ok([]).given(Manner::LyingLength(100)));
    report(&machine, &["update"], 7);
    drop(hub);
    let polled = report(&machine, &["poll"], 7);
    assert_eq!(polled["sources"][0]["error"]["code"], "hub-unreachable");
    report(&machine, &["install", "docx"], 7);
    // It was asked a moment ago: a sync does not wait for it, and one that asks it does not fail for it.
    machine.run(&["sync"]).ok();
    skillsync_testkit::disk::remove(&machine.store("sources/team/poll.json"));
    let synced = report(&machine, &["sync"], 0);
    assert_eq!(synced["sources"][0]["status"], "offline");
    machine.run(&["sync", "--offline"]).ok();
    assert_eq!(machine.run(&["poll", "--offline", "--json"]).fails(7).json()["error"]["code"], "network-off");
    before
        .assert_same(&machine.snapshot().without(&[".skillsync/state", ".skillsync/sources/team/poll.json"]));
}

#[test]
fn a_key_is_needed_and_a_refused_one_says_what_to_do() {
    let hub = hub();
    let machine = machine(&hub, &[]);
    machine.run(&["logout", "team"]).ok();
    let refused = report(&machine, &["install", "pdf"], 6);
    assert_eq!(refused["sources"][0]["error"]["code"], "api-key-missing");
    report(&machine, &["poll"], 6);
    // A sync is for the targets first: it says so, and is done. That nobody was asked puts nothing off.
    let synced = machine.run(&["sync"]).ok();
    assert!(
        synced.stderr.contains("warning: ") && synced.stderr.contains("skillsync login"),
        "{}",
        synced.stderr
    );
    machine.command(&["login", "team", "--offline"]).stdin(api_key().expose()).run().ok();
    hub.lie(|_, _| Answer::status(401));
    let refused = report(&machine, &["poll"], 6);
    let error = &refused["sources"][0]["error"];
    assert_eq!(
        (&error["code"], &refused["sources"][0]["status"]),
        (&"hub-key-refused".into(), &"refused".into())
    );
    assert!(error["hint"].as_str().unwrap().contains("skillsync login"));
    // It is left alone for that, until there is a key.
    hub.repent();
    let asked = || report(&machine, &["sync"], 0)["sources"].as_array().unwrap().len();
    assert_eq!(asked(), 0);
    machine.command(&["login", "team", "--offline"]).stdin(api_key().expose()).run().ok();
    assert_eq!(asked(), 1);
}

#[test]
fn one_source_that_fails_does_not_block_another() {
    let (hub, gone) = (hub(), Web::serve(|_| Answer::status(500)));
    let machine = machine(&hub, &["--all"]);
    let mut house = House::new(crate::home::now());
    house.publish("xlsx", &files("xlsx", "# xlsx\n", &[]));
    let lab = LyingHub::open(house);
    for (name, url) in [("gone", gone.url()), ("lab", lab.web.url())] {
        let add = ["source", "add", &url, "--name", name, "--root", "root.json", "--key-stdin", "--all"];
        machine.command(&add).stdin(api_key().expose()).run().ok();
    }
    let synced = report(&machine, &["sync"], 0);
    let status: Vec<_> =
        synced["sources"].as_array().unwrap().iter().map(|source| &source["status"]).collect();
    assert_eq!(status, ["fresh", "offline", "fresh"]);
    assert!(loaded(&machine, "pdf").is_some() && loaded(&machine, "xlsx").is_some());
    // What comes from one hub is not replaced by another's of the same name.
    lab.change(|house| house.publish("pdf", &files("pdf", "# another\n", &[])));
    let polled = report(&machine, &["poll", "--source", "lab"], 3);
    assert_eq!(outcome(&polled, "pdf")["error"]["code"], "skill-of-other-source");
    assert!(!loaded(&machine, "pdf").unwrap().contains("another"));
}

#[test]
fn polls_go_on_by_themselves_a_line_each() {
    let hub = hub();
    let machine = installed(&hub);
    let mut child = std::process::Command::new(machine.binary())
        .args(["poll", "--every", "1s", "--json"])
        .env_clear()
        .env("HOME", machine.home())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(outcome(&next(), "pdf")["outcome"], "current");
    publish(&hub, "TWO");
    let is_updated = |event: &serde_json::Value| outcome(event, "pdf")["outcome"] == "updated";
    assert!((0..10).map(|_| next()).any(|event| is_updated(&event)));
    // A hub that fails for a while is asked less often, and is heard again.
    hub.lie(|_, _| Answer::status(503));
    assert!((0..10).map(|_| next()).any(|event| event["sources"][0]["status"] == "offline"));
    hub.repent();
    assert!((0..10).map(|_| next()).any(|event| event["sources"][0]["status"] == "fresh"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(loaded(&machine, "pdf").unwrap().contains("TWO"));
}

/// A session has little time for a hub: that it was too little is no failure of the hub, and the next poll comes as ever.
#[test]
fn hubs_that_are_silent_when_a_session_begins_share_its_time() {
    let silent = |_: &Asked, answer: Answer| {
        std::thread::sleep(std::time::Duration::from_secs(10));
        answer
    };
    let (hub, other) = (hub(), hub());
    let machine = installed(&hub);
    let add = ["source", "add", &other.web.url(), "--name", "other", "--root", "root.json", "--key-stdin"];
    machine.command(&add).stdin(api_key().expose()).run().ok();
    machine.run(&["new", "mine", "--description", "What mine does."]).ok();
    crate::home::rewrite(&machine, ".skillsync/sources/team/poll.json", "\"next_at\"", "\"was_next_at\"");
    hub.lie(silent);
    other.lie(silent);
    // Each alone would take all that a session gives to the network, and both all that it has.
    let began = machine.run(&["hook", "session-start", "--budget", "6s"]).ok();
    assert!(began.stdout.contains("mine"), "{began}");
    assert!(machine.path(".claude/skills/mine").exists());
    // The one that was not asked any more is asked first thing the next time.
    assert!(!machine.path(".skillsync/sources/other/poll.json").exists());
}

#[test]
fn a_hub_that_is_silent_when_a_session_begins_is_not_put_off() {
    let hub = hub();
    let machine = installed(&hub);
    let polls = || -> serde_json::Value {
        serde_json::from_str(&machine.read(".skillsync/sources/team/poll.json")).unwrap()
    };
    hub.lie(|_, answer| {
        std::thread::sleep(std::time::Duration::from_secs(5));
        answer
    });
    let mut before = polls();
    for _ in 0..2 {
        // It is due.
        before["next_at"] = before["answered_at"].clone();
        machine.write(".skillsync/sources/team/poll.json", before.to_string());
        machine.run(&["hook", "session-start", "--budget", "2s"]).ok();
    }
    let after = polls();
    assert_eq!(after["failures"], 0, "{after}");
    assert_ne!(after["tried_at"], before["tried_at"], "it was asked");
}
