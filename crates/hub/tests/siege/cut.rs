//! PostgreSQL is cut off, falls silent, is stopped and started again: callers are told soon, and the hub goes on by itself.

use std::thread;
use std::time::{Duration, Instant};

use skillsync_testkit::link::{Link, Way};

use super::*;

/// Panics unless the hub says that it cannot now, in the one form, and soon; and lives.
fn cannot_now(hub: &Hub) {
    let begun = Instant::now();
    let key = Some(hub.admin_key());
    for (method, path, body) in [
        ("GET", "/api/skills/manifest", None),
        ("GET", "/api/skills/search?q=a", None),
        ("GET", "/api/skills/pdf", None),
        ("POST", "/api/state", Some(serde_json::json!({"skills": []}))),
        ("GET", "/trust/advisories.json", None),
    ] {
        let answered = hub.ask(method, path, key, body.as_ref());
        assert_eq!(answered.status, 503, "{path}");
        let retry = answered.headers.iter().find(|(name, _)| name == "retry-after");
        assert!(retry.is_some_and(|(_, seconds)| seconds.parse::<u64>().is_ok()), "{path}");
        let error = &answered.json()["error"];
        assert!(error["code"].as_str().is_some_and(|code| code.starts_with("database-")), "{path}: {error}");
        assert_eq!(error["message"], "the hub cannot do this now");
    }
    let upload = Upload::of("pdf", "9.0.0", "x").to(hub, hub.admin_key());
    assert_eq!(upload.status, 503);
    // That it was ready counts for a second.
    let not_ready = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        hub.ask("GET", "/readyz", None, None).status == 503
    });
    assert!(not_ready);
    assert_eq!(hub.ask("GET", "/healthz", None, None).status, 200);
    // Not a measurement: nobody waits for the system's own quarter of an hour.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// Waits until the hub has recovered by itself.
fn recovers(hub: &Hub) {
    let ready = || {
        let manifest = hub.ask("GET", "/api/skills/manifest", Some(hub.admin_key()), None);
        manifest.status == 200 && hub.ask("GET", "/readyz", None, None).status == 200
    };
    for _ in 0..300 {
        if ready() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it does not recover:\n{}", hub.log());
}

#[test]
fn a_database_that_is_cut_off_is_told_of_and_waited_for() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    let link = Link::to(&cluster.socket());
    let hub = hub_with(&[("SKILLSYNC_HUB_DATABASE", &database.url_through(link.port()))]);
    assert_eq!(Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key()).status, 201);
    for way in [Way::Cut, Way::Silent, Way::Cut] {
        link.set(way);
        cannot_now(&hub);
        link.set(Way::Open);
        recovers(&hub);
    }
    // In the middle of publishing, again and again: what was told is there.
    let mut told = Vec::new();
    for round in 1..=20_u64 {
        let version = format!("2.{round}.0");
        thread::scope(|scope| {
            let upload = Upload::of("pdf", &version, &format!("round {round}"));
            let hub = &hub;
            let publishing = scope.spawn(move || upload.to(hub, hub.admin_key()).status);
            thread::sleep(Duration::from_micros(round * 1_700 % 30_000));
            link.set(Way::Cut);
            match publishing.join().unwrap() {
                201 => told.push(version.clone()),
                status => assert_eq!(status, 503),
            }
        });
        link.set(Way::Open);
        recovers(&hub);
    }
    let listed = hub.ask("GET", "/api/skills/pdf/versions", None, None).json();
    let listed: Vec<&str> =
        listed["versions"].as_array().unwrap().iter().map(|v| v["version"].as_str().unwrap()).collect();
    assert!(told.iter().all(|version| listed.contains(&&**version)), "{told:?} of {listed:?}");
    unharmed(&hub);
}

#[test]
fn a_database_that_is_stopped_and_started_is_found_again() {
    let Some(server) = Postgres::own() else { return };
    let database = server.cluster().database();
    let hub = hub_with(&[("SKILLSYNC_HUB_DATABASE", &database.url())]);
    assert_eq!(Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key()).status, 201);
    for round in 1..=2 {
        server.stop();
        cannot_now(&hub);
        server.start();
        recovers(&hub);
        assert_eq!(
            Upload::of("pdf", &format!("1.{round}.0"), &format!("{round}")).to(&hub, hub.admin_key()).status,
            201
        );
    }
    unharmed(&hub);
}

#[test]
fn who_is_told_to_stop_waits_for_no_long_listing() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    let mut hub = hub_with(&[("SKILLSYNC_HUB_DATABASE", &database.url())]);
    assert_eq!(Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key()).status, 201);
    for statement in [
        "insert into skills overriding system value select (jsonb_populate_record(s, \
         jsonb_build_object('id', 1000 + n, 'slug', 'skill-' || n))).* from skills s, generate_series(1, 1500) n",
        "insert into releases select (jsonb_populate_record(r, jsonb_build_object('slug', 'skill-' || n, \
         'release_sha256', '\\x' || md5(n::text) || md5(n::text)))).* from releases r, generate_series(1, 1500) n",
        "create function slowly(bytea) returns bytea language plpgsql stable \
         as 'begin perform pg_sleep(0.01); return $1; end'",
        "alter table releases rename to kept",
        "create view releases as select slug, seq, version, slowly(content_hash) as content_hash, tarball_sha256, \
         size_bytes, files_json, offer_json from kept",
    ] {
        database.sql(statement);
    }
    let mut line = line::Line::to(&hub);
    line.say(line::head("GET", "/.well-known/skills/index.json", &[])).unwrap();
    let is_listing = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        let active = "select count(*) from pg_stat_activity where state = 'active' and datname = current_database() \
                      and query like '%r.content_hash%' and pid <> pg_backend_pid()";
        database.sql(active).trim() == "1"
    });
    assert!(is_listing, "{}", hub.log());
    drop(line);
    hub.stop();
    assert!(hub.log().contains("not all questions to the database ended in time"), "{}", hub.log());
}
