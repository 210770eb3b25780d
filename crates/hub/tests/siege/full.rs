//! A disk is full, under the blobs and under the database, and then it is not.

use std::fs;

use skillsync_testkit::small_disk::SmallDisk;

use super::*;

/// Text that does not get smaller when it is packed.
fn noise(bytes: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[(state % 64) as usize])
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Publishes until the disk is full, makes room, and goes on.
fn filled(hub: &Hub, disk: &SmallDisk, what: &str) {
    let key = hub.admin_key();
    let upload = |n: u64| Upload::of("pdf", &format!("1.{n}.0"), &noise(60_000, n));
    let mut told = told::Told::default();
    for n in 0..3 {
        told.note(&upload(n), &upload(n).to(hub, key));
    }
    let filler = disk.fill();
    let mut n = 3;
    let refused = loop {
        let answered = upload(n).to(hub, key);
        if answered.status != 201 {
            break answered;
        }
        told.note(&upload(n), &answered);
        n += 1;
        assert!(n < 200, "the disk is never full");
    };
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (507, Some("hub-full")), "{what}");
    assert!(refused.headers.iter().any(|(name, _)| name == "retry-after"), "{what}");
    // Again and again, and nothing of it is there; whatever was told still is.
    for _ in 0..3 {
        assert_eq!(upload(n).to(hub, key).status, 507, "{what}");
    }
    told.is_whole(hub);
    let versions = hub.ask("GET", "/api/skills/pdf/versions", None, None).json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), told.len(), "{what}");
    assert_eq!(hub.ask("GET", "/healthz", None, None).status, 200);
    fs::remove_file(filler).unwrap();
    told.note(&upload(n), &upload(n).to(hub, key));
    told.is_whole(hub);
    assert!(hub.log().contains("-full"), "whoever runs it is told: {}", hub.log());
    unharmed(hub);
}

#[test]
fn a_full_disk_under_the_blobs_loses_nothing() {
    let Some(disk) = SmallDisk::of(2 << 20, "publishing") else { return };
    let mut hub = hub_with(&[("SKILLSYNC_HUB_BLOBS", disk.path().join("blobs").to_str().unwrap())]);
    filled(&hub, &disk, "blobs");
    let leftovers = fs::read_dir(disk.path().join("blobs/blobs/sha256")).unwrap();
    assert!(leftovers.flatten().all(|entry| !entry.file_name().to_string_lossy().contains('#')));
    hub.stop();
}

#[test]
fn a_full_disk_under_the_database_loses_nothing() {
    let Some(disk) = SmallDisk::of(6 << 20, "publishing into SQLite") else { return };
    let url = format!("sqlite://{}", disk.path().join("hub.db").display());
    let mut hub = hub_with(&[("SKILLSYNC_HUB_DATABASE", &url)]);
    filled(&hub, &disk, "database");
    hub.stop();
}
