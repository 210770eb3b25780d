//! Slow clients, many of them: heads and bodies that do not come, and readers that stand still, while others are served.

use std::thread;
use std::time::{Duration, Instant};

use super::line::{head, send};
use super::upload::BOUNDARY;
use super::*;

/// Who asks honestly while others hold the hub up, and what an answer took at most.
fn honest(hub: &Hub, rounds: usize) -> Duration {
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let begun = Instant::now();
        let slug = format!("honest-{}-{round}", hub.pid());
        assert_eq!(hub.ask("GET", "/api/skills/manifest", Some(hub.admin_key()), None).status, 200);
        assert_eq!(hub.ask("GET", "/readyz", None, None).status, 200);
        let told =
            hub.ask("POST", "/api/state", Some(hub.admin_key()), Some(&serde_json::json!({"skills": []})));
        assert_eq!(told.status, 204, "{}", String::from_utf8_lossy(&told.body));
        assert_eq!(hub.ask("GET", &format!("/api/skills/{slug}"), None, None).status, 404);
        longest = longest.max(begun.elapsed());
    }
    longest
}

#[test]
fn a_thousand_heads_that_do_not_come_keep_nobody_out() {
    let hub = hub();
    let count = if skillsync_testkit::soak() { 4_000 } else { 1_000 };
    let mut slow: Vec<Line> = (0..count).map(|_| Line::to(&hub)).collect();
    for (n, line) in slow.iter_mut().enumerate() {
        // Some say nothing at all, some begin, some go on a little later.
        match n % 3 {
            0 => {}
            1 => line.say("GET /healthz HTTP/1.1\r\nhost: hub\r\nx-slow: ").unwrap(),
            _ => line.say("G").unwrap(),
        }
    }
    honest(&hub, 20);
    for line in slow.iter_mut().skip(1).step_by(3) {
        let _ = line.say("a");
    }
    honest(&hub, 20);
    // Each is closed after its time, however little it says: a byte now and then buys no more of it.
    let begun = Instant::now();
    for (n, line) in slow.iter_mut().enumerate() {
        if let Some(reply) = line.hear(false) {
            assert_eq!(reply.status, 408, "{n}: {reply:?}");
            assert!(line.is_closed());
        }
    }
    // Not a measurement: they must not be held for ever.
    assert!(begun.elapsed() < Duration::from_secs(50));
    unharmed(&hub);
}

#[test]
fn bodies_that_do_not_come_keep_out_nobody_who_asks() {
    let hub = hub();
    let key = format!("x-api-key: {}", hub.admin_key());
    Upload::of("pdf", "1.0.0", "x").to(&hub, hub.admin_key());
    let json = head("POST", "/api/state", &[&key, "content-type: application/json", "content-length: 13"]);
    let mut slow: Vec<Line> = (0..700).map(|_| Line::to(&hub)).collect();
    for line in &mut slow {
        line.say(json.clone() + "{").unwrap();
    }
    // As many uploads as there are places, which have come to their archives and no further.
    let form = format!("content-type: multipart/form-data; boundary={BOUNDARY}");
    let part =
        |name: &str| format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
    let upload = head("POST", "/api/skills/publish", &[&key, &form, "content-length: 1000000"])
        + &part("announcement")
        + "{\"slug\":\"pdf\"}\r\n"
        + &part("archive");
    let mut uploads: Vec<Line> = (0..8).map(|_| Line::to(&hub)).collect();
    for line in &mut uploads {
        line.say(&upload).unwrap();
    }
    // All of them come at once; while they are looked at, some are turned away, and maybe somebody else.
    let manifest = || hub.ask("GET", "/api/skills/manifest", Some(hub.admin_key()), None).status;
    let settled = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(20));
        manifest() == 200
    });
    assert!(settled, "it stays busy");
    for _ in 0..10 {
        assert_eq!(manifest(), 200);
        assert_eq!(hub.ask("GET", "/api/skills/pdf/files/SKILL.md", None, None).status, 200);
        assert_eq!(hub.ask("GET", "/readyz", None, None).status, 200);
    }
    // A byte now and then does not help.
    let dripping = thread::scope(|scope| {
        let drip = scope.spawn(|| {
            let mut line = Line::to(&hub);
            line.say(&json).unwrap();
            for byte in "{\"skills\":[]}".bytes() {
                thread::sleep(Duration::from_millis(1_500));
                if line.say([byte]).is_err() {
                    break;
                }
            }
            line.hear(false)
        });
        drip.join().unwrap()
    });
    if let Some(reply) = dripping {
        assert!([408, 503].contains(&reply.status), "{reply:?}");
    }
    let mut told = [0; 2];
    for line in slow.iter_mut().chain(&mut uploads) {
        let reply = line.hear(false).unwrap();
        match reply.status {
            408 => told[0] += usize::from(reply.problem(408) == "body-too-slow"),
            _ => told[1] += usize::from(reply.problem(503) == "hub-busy"),
        }
        assert!(line.is_closed());
    }
    assert!(told[0] > 200 && told[1] > 200, "{told:?}");
    honest(&hub, 1);
    assert_eq!(Upload::of("pdf", "1.0.1", "y").to(&hub, hub.admin_key()).status, 201);
    unharmed(&hub);
}

#[test]
fn a_reader_that_stands_still_costs_a_connection_and_no_more() {
    let hub = hub();
    let large: Vec<u8> =
        (0..4_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let skill_md = b"---\nname: large\ndescription: Knows much. Use it for much.\n---\n# Large\n";
    let upload = Upload {
        archive: upload::pack(&[("SKILL.md", skill_md), ("data.bin", &large)]),
        ..Upload::of("large", "1.0.0", "")
    };
    assert_eq!(upload.to(&hub, hub.admin_key()).status, 201);
    let reply = hub.ask("GET", "/api/skills/large/versions", None, None).json();
    let path = format!("/cdn/blobs/sha256/{}", reply["versions"][0]["checksum_sha256"].as_str().unwrap());
    let mut standing: Vec<Line> = (0..200).map(|_| Line::to(&hub)).collect();
    for line in &mut standing {
        line.say(head("GET", &path, &[])).unwrap();
    }
    honest(&hub, 5);
    let whole = send(&hub, head("GET", &path, &[]));
    assert_eq!(whole.body.len(), upload.archive.len());
    drop(standing);
    // A file out of it is in memory until it is sent: one account has so many, and others have theirs.
    let key = |key: &str| format!("x-api-key: {key}");
    let (admin, other) = (key(hub.admin_key()), key(&hub.key("acme", "read", "other")));
    let file = |key: &str| head("GET", "/api/skills/large/files/data.bin", &[key]);
    let mut standing: Vec<Line> = (0..4).map(|_| Line::to(&hub)).collect();
    for line in &mut standing {
        line.say(file(&admin)).unwrap();
        assert!(line.begins());
    }
    let refused = send(&hub, file(&admin));
    // Not compared as a whole: its 16 MB would be printed.
    assert_eq!(refused.status, 503);
    assert_eq!(refused.problem(503), "hub-busy");
    assert_eq!(send(&hub, head("GET", "/api/skills/large/files/SKILL.md", &[&admin])).status, 200);
    assert!(send(&hub, file(&other)).body == large);
    // The open index gives the same file, and counts those who have no key by their address.
    let open = head("GET", "/.well-known/skills/large/data.bin", &[]);
    assert!(send(&hub, &open).body == large);
    drop(standing);
    let again = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(20));
        send(&hub, file(&admin)).body == large.as_slice()
    });
    assert!(again, "a place is not given back");
    unharmed(&hub);
}
