//! Several processes on one database and one bucket are one hub.

use std::thread;

use serde_json::json;

use super::bucket::BucketServer;
use skillsync_testkit::hub::Answered;

use super::*;

fn etag(answered: &Answered) -> (String, String) {
    let found = answered.headers.iter().find(|(name, _)| name == "etag");
    found.unwrap().clone()
}

#[test]
fn two_processes_are_one_hub() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = runtime.block_on(BucketServer::start(&folder.path().join("bucket")));
    let bucket = server.bucket("");
    let (url, keys) = (database.url(), folder.path().join("keys"));
    let variables = [
        ("SKILLSYNC_HUB_DATABASE", &*url),
        ("SKILLSYNC_HUB_BLOBS", "s3://skills/hub"),
        ("SKILLSYNC_HUB_KEYS", keys.to_str().unwrap()),
        ("AWS_ENDPOINT_URL", bucket.endpoint.as_deref().unwrap()),
        ("AWS_REGION", &bucket.region),
        ("AWS_ACCESS_KEY_ID", &bucket.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &bucket.secret_access_key),
    ];
    // Both are started for the first time at once: one of them makes the hub, and prints its key.
    let (a, b) = thread::scope(|scope| {
        let (a, b) = (scope.spawn(|| hub_with(&variables)), scope.spawn(|| hub_with(&variables)));
        (a.join().unwrap(), b.join().unwrap())
    });
    assert_eq!(a.root_sha256(), b.root_sha256());
    let keys_printed: Vec<&str> =
        [&a, &b].iter().map(|hub| hub.admin_key()).filter(|key| !key.is_empty()).collect();
    assert_eq!(keys_printed.len(), 1);
    let admin = &*keys_printed[0].to_owned();
    let manifest = |hub: &Hub, key: &str| {
        let answered = hub.ask("GET", "/api/skills/manifest", Some(key), None);
        assert_eq!(answered.status, 200, "{}", hub.log());
        answered
    };
    let payload = |hub: &Hub| payload_of(&manifest(hub, admin).body);

    // What one publishes the other lists at once; the same version has the same bytes.
    for n in 0..10 {
        let (one, other) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let slug = format!("skill-{n}");
        assert_eq!(Upload::of(&slug, "1.0.0", "x").to(one, admin).status, 201);
        let listed = payload(other);
        assert!(listed["skills"].as_array().unwrap().iter().any(|skill| skill["slug"] == *slug), "{listed}");
        let (here, there) = (manifest(one, admin), manifest(other, admin));
        assert_eq!(here.body, there.body);
        for folder in ["agent-skills", "skills"] {
            let index = |hub: &Hub| hub.ask("GET", &format!("/.well-known/{folder}/index.json"), None, None);
            let (here, there) = (index(one), index(other));
            assert!(here.body == there.body && here.headers.contains(&etag(&there)), "{folder} after {slug}");
            assert_eq!(here.json()["skills"].as_array().unwrap().len(), n + 1);
            let file = other.ask("GET", &format!("/.well-known/{folder}/{slug}/SKILL.md"), None, None);
            assert_eq!(file.status, 200, "an archive that the other put into the bucket");
        }
        // What was published again with the same files on the other side is there already.
        assert_eq!(Upload::of(&slug, "1.0.0", "x").to(other, admin).status, 200);
        assert_eq!(Upload::of(&slug, "1.0.0", "y").to(other, admin).status, 409);
    }
    // Many that ask both at once for the first manifest of a key get the same one.
    let made =
        a.ask("POST", "/api/keys", Some(admin), Some(&json!({"account": "acme", "scopes": ["read"]}))).json();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    let bodies: Vec<Vec<u8>> = thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|n| scope.spawn(move || n)).collect();
        let (a, b) = (&a, &b);
        let asking: Vec<_> = asking
            .into_iter()
            .map(|n| n.join().unwrap())
            .map(|n| scope.spawn(move || manifest(if n % 2 == 0 { a } else { b }, key).body))
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let versions: Vec<u64> =
        bodies.iter().map(|body| payload_of(body)["version"].as_u64().unwrap()).collect();
    for (one, other) in bodies.iter().zip(&bodies[1..]) {
        assert!(one == other || payload_of(one)["version"] != payload_of(other)["version"], "{versions:?}");
    }
    assert_eq!(manifest(&a, key).body, manifest(&b, key).body);

    // A key that one revokes the other refuses at once.
    assert_eq!(a.ask("DELETE", &format!("/api/keys/{id}"), Some(admin), None).status, 204);
    assert_eq!(b.ask("GET", "/api/skills/manifest", Some(key), None).status, 401);

    // Eight publish the same skill over both at once: each is a release, in one row without a gap.
    let told: Vec<u64> = thread::scope(|scope| {
        let racing: Vec<_> = (0..8)
            .map(|n| {
                let hub = if n % 2 == 0 { &a } else { &b };
                scope.spawn(move || {
                    let said = json!({"slug": "raced", "visibility": "public"});
                    let upload = Upload { said, ..Upload::of("raced", "", &format!("racer {n}")) };
                    // Who lost too many races is told to try again.
                    (0..20)
                        .map(|_| upload.to(hub, admin))
                        .find(|answered| answered.status != 409)
                        .map(|answered| {
                            assert_eq!(answered.status, 201, "{}", answered.json());
                            answered.json()["seq"].as_u64().unwrap()
                        })
                        .unwrap()
                })
            })
            .collect();
        racing.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let mut told = told;
    told.sort_unstable();
    assert_eq!(told, (1..=8).collect::<Vec<_>>());
    let listed = b.ask("GET", "/api/skills/raced/versions", None, None).json();
    let sequence: Vec<u64> =
        listed["versions"].as_array().unwrap().iter().map(|v| v["seq"].as_u64().unwrap()).collect();
    assert_eq!(sequence, (1..=8).rev().collect::<Vec<_>>());
    for version in listed["versions"].as_array().unwrap() {
        for path in [
            format!("/cdn/blobs/sha256/{}", version["checksum_sha256"].as_str().unwrap()),
            format!("/cdn/releases/sha256/{}", version["release"].as_str().unwrap()),
        ] {
            assert_eq!(
                (a.ask("GET", &path, None, None).body, 200),
                (b.ask("GET", &path, None, None).body, 200)
            );
        }
    }

    // A key of a role that is replaced is noticed by both.
    for (what, root) in [("manifest", 2), ("release", 3), ("root", 4)] {
        let tool = a.tool(&["rotate", what]);
        assert!(tool.contains(&format!("Root {root} is in force")), "{tool}");
        for hub in [&a, &b] {
            assert_eq!(payload(hub)["root_version"], root, "{what}");
            assert_eq!(hub.ask("GET", &format!("/trust/root/{root}.json"), None, None).status, 200);
        }
        assert_eq!(manifest(&a, admin).body, manifest(&b, admin).body);
        let slug = format!("after-{what}");
        assert_eq!(Upload::of(&slug, "1.0.0", "x").to(&b, admin).status, 201);
        assert!(payload(&a)["skills"].as_array().unwrap().iter().any(|skill| skill["slug"] == *slug));
    }
    // One of them is killed; nobody misses anything.
    let last = manifest(&a, admin).body;
    drop(a);
    assert_eq!(manifest(&b, admin).body, last);
    assert_eq!(Upload::of("alone", "1.0.0", "x").to(&b, admin).status, 201);
    assert!(!b.log().contains("panicked"));
    runtime.shutdown_background();
}
