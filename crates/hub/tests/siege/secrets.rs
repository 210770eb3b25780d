//! Nothing secret is said: not in a line of the log at any level, not in an answer, not in what ends a start.

use std::fs;
use std::process::Command;

use serde_json::json;
use skillsync_testkit::link::{Link, Way};

use super::bucket::BucketServer;
use super::line::{head, send};
use super::*;

const PASSWORD: &str = "pa55-of-the-database";

/// The secrets in the files of a hub's keys, in hex.
fn seeds(hub: &Hub) -> Vec<String> {
    let files = fs::read_dir(hub.data().join("keys")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "key"));
    files.map(|path| fs::read_to_string(path).unwrap().lines().nth(1).unwrap().to_owned()).collect()
}

/// What a session with all sorts of keys, right and wrong, leaves behind.
#[test]
fn no_key_and_no_password_is_in_any_line_or_answer() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    let link = Link::to(&cluster.socket());
    let url = database.url_through(link.port()).replace("postgres@", &format!("postgres:{PASSWORD}@"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = runtime.block_on(BucketServer::start(folder.path()));
    let bucket = server.bucket("");
    let hub = hub_with(&[
        ("SKILLSYNC_HUB_DATABASE", &url),
        ("SKILLSYNC_HUB_BLOBS", "s3://skills/hub"),
        ("AWS_ENDPOINT_URL", bucket.endpoint.as_deref().unwrap()),
        ("AWS_REGION", &bucket.region),
        ("AWS_ACCESS_KEY_ID", &bucket.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &bucket.secret_access_key),
        ("SKILLSYNC_HUB_LOG", "trace"),
    ]);
    let admin = hub.admin_key().to_owned();
    let printed = hub.log().matches(&*admin).count();
    assert_eq!(printed, 1, "the one time");
    let mut answers: Vec<u8> = Vec::new();
    let mut ask = |method: &str, path: &str, key: Option<&str>, body: Option<&serde_json::Value>| {
        let answered = hub.ask(method, path, key, body);
        answers.extend(
            answered.headers.iter().flat_map(|(name, value)| format!("{name}: {value}\n").into_bytes()),
        );
        answers.extend(&answered.body);
        answered.status
    };
    let made = |scopes: &str| {
        let body = json!({"account": "acme", "scopes": [scopes], "label": "x"});
        let made = hub.ask("POST", "/api/keys", Some(&admin), Some(&body)).json();
        (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    let (reader, publisher, revoked) = (made("read"), made("publish"), made("read"));
    let private = Upload { said: json!({"slug": "hidden"}), ..Upload::of("hidden", "1.0.0", "x") };
    assert_eq!(private.to(&hub, &publisher.0).status, 201);
    assert_eq!(ask("DELETE", &format!("/api/keys/{}", revoked.1), Some(&admin), None), 204);
    // The signed address is for who asked alone.
    let install = hub.ask("GET", "/api/skills/install?slug=hidden", Some(&reader.0), None).json();
    let signed = install["tarball_url"].as_str().unwrap().to_owned();
    let signature = signed.rsplit_once("sig=").unwrap().1.to_owned();
    assert_eq!(ask("GET", &signed, None, None), 200);
    assert_eq!(ask("GET", &signed.replace("exp=", "exp=1"), None, None), 404);
    assert_eq!(ask("GET", &signed.replace("cdn/blobs", "cdn/releases"), None, None), 404);
    // Keys that are wrong, and keys where none belongs.
    let broken = format!("{}x", publisher.0);
    for key in [&revoked.0, &broken, &publisher.0[..30], &publisher.0.replace("live", "fleet"), "rec_live_"] {
        assert_eq!(ask("GET", "/api/skills/manifest", Some(key), None), 401);
    }
    for path in [
        format!("/api/skills/search?q={}", reader.0),
        format!("/api/skills/search?key={}", reader.0),
        format!("/api/skills/manifest?x-api-key={}", reader.0),
        format!("/api/skills/{}", reader.0),
        format!("/api/skills/install?slug={}", reader.0),
        format!("/api/skills/install?slug=hidden&version={}", reader.0),
        format!("/api/skills/hidden/files/{}", reader.0),
        format!("/cdn/blobs/sha256/{}", reader.0),
        format!("/{}", reader.0),
    ] {
        ask("GET", &path, Some(&reader.0), None);
    }
    ask("DELETE", &format!("/api/keys/{}", reader.0), Some(&admin), None);
    ask("POST", "/api/keys", Some(&admin), Some(&json!({"scopes": [reader.0]})));
    ask(
        "POST",
        "/api/skills/hidden/yank",
        Some(&reader.0),
        Some(&json!({"version": reader.0, "reason": "x"})),
    );
    for line in [format!("authorization: {}", reader.0), format!("authorization: Token {}", reader.0)] {
        assert_eq!(send(&hub, head("GET", "/api/skills/manifest", &[&line])).problem(401), "key-refused");
    }
    ask("GET", "/api/keys", Some(&admin), None);
    ask("GET", "/api/state", Some(&reader.0), None);
    // What is asked of a database and a bucket that are gone is told to the log at length.
    link.set(Way::Cut);
    assert_eq!(ask("GET", "/api/skills/manifest", Some(&reader.0), None), 503);
    // That it was ready counts for a second.
    let asked = (0..50).find(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        ask("GET", "/readyz", None, None) == 503
    });
    assert!(asked.is_some(), "it is not ready any more");
    link.set(Way::Open);
    drop(server);
    runtime.shutdown_background();
    let other = Upload { said: json!({"slug": "hidden"}), ..Upload::of("hidden", "1.0.0", "y") };
    assert_eq!(other.to(&hub, &publisher.0).status, 503);
    let log = hub.log();
    let mut keys = vec![admin.clone(), reader.0, publisher.0, revoked.0];
    // A key without its end, and its secret alone.
    let parts: Vec<String> =
        keys.iter().flat_map(|key| [key[..40].to_owned(), key[23..55].to_owned()]).collect();
    keys.extend(parts);
    let mut secrets = seeds(&hub);
    assert_eq!(secrets.len(), 6);
    secrets.extend([PASSWORD.to_owned(), bucket.secret_access_key.clone(), signature]);
    let answers = String::from_utf8_lossy(&answers);
    for secret in keys.iter().chain(&secrets) {
        let allowed = if admin.contains(secret.as_str()) { 1 } else { 0 };
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(secret.as_str())).collect();
        assert_eq!(lines.len(), allowed, "{secret}: {lines:?}");
        let answered: Vec<&str> = answers.lines().filter(|line| line.contains(secret.as_str())).collect();
        assert!(answered.is_empty(), "{answered:?}");
    }
    assert!(
        log.contains("TRACE") && log.contains("\"status\":401") && log.contains("database-offline"),
        "{log}"
    );
    assert!(!log.contains("panicked"));
}

/// A start that fails says why, and not with what.
#[test]
fn what_ends_a_start_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(program());
        command.env_clear().envs(variables.iter().copied()).args(words).arg("--data").arg(folder.path());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let url = |rest: &str| format!("postgres://ann:{PASSWORD}@{rest}");
    for rest in [
        "127.0.0.1:1/hub",
        "127.0.0.1:x/hub",
        "[::1/hub",
        "no-such-host.test/hub",
        "127.0.0.1:1/hub?sslmode=what",
    ] {
        let url = url(rest);
        for (words, variables) in [
            (&["serve", "--database", &url][..], &[][..]),
            (&["serve"], &[("SKILLSYNC_HUB_DATABASE", &*url), ("SKILLSYNC_HUB_LOG", "trace")]),
            (&["migrate"], &[("SKILLSYNC_HUB_DATABASE", &*url)]),
            (&["key", "list"], &[("SKILLSYNC_HUB_DATABASE", &*url)]),
        ] {
            let words =
                [words, &["--listen", "127.0.0.1:0"][..if words[0] == "serve" { 2 } else { 0 }]].concat();
            let (code, said) = run(&words, variables);
            assert!(code.is_some_and(|code| code != 0), "{words:?}: {said}");
            assert!(!said.contains(PASSWORD) && said.contains("error"), "{said}");
        }
    }
    let set = [
        ("SKILLSYNC_HUB_DATABASE", &*url("db/hub")),
        ("AWS_SECRET_ACCESS_KEY", PASSWORD),
        ("AWS_SESSION_TOKEN", PASSWORD),
    ];
    for words in [
        &["serve", "--help"][..],
        &["serve", "--no-such-option"],
        &["serve", "--blobs", "s3://"],
        &["serve", "--listen", "x"],
    ] {
        let (_, said) = run(words, &set);
        assert!(!said.contains(PASSWORD) && !said.is_empty(), "{said}");
    }
}
