//! Roots and advisories in the blobs: nobody waits for them, and what is missing comes there later.

use std::time::Duration;

use axum::http::Method;
use skillsync_hub::app::{App, Replace};
use skillsync_hub::blobs::{BlobKey, Blobs};
use skillsync_hub::http::Behaviour;
use skillsync_wire::api::path;
use skillsync_wire::api::publish::Yank;

use super::bucket::BucketServer;
use super::house::Site;
use super::*;

/// Far beyond what any of this may take, and far below what a hub waits for a bucket in all.
const HANG: Duration = Duration::from_secs(20);

/// Waits until a blob is there.
pub(crate) async fn comes(blobs: &Blobs, key: BlobKey) {
    let there = async {
        while blobs.size(&key).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANG, there).await.expect("it never comes");
}

#[test]
fn nobody_waits_for_a_bucket_that_does_not_answer() {
    on_lite(|house| async move {
        let folder = tempfile::tempdir().unwrap();
        let bucket = BucketServer::start(&folder.path().join("bucket")).await;
        let database = format!("sqlite://{}", folder.path().join("hub.db").display());
        let site = Site { clock: house.site.clock.clone(), ..Site::new(&database, folder.path()) };
        let mut parts = site.parts().await;
        let blobs = Blobs::open(&bucket.place("hub")).unwrap();
        parts.blobs = blobs.clone();
        let opened = App::open(parts).await.unwrap();
        let admin = opened.founded.as_ref().unwrap().admin.key.clone();
        let house = House::of(site, opened, admin, Behaviour { limited: false, ..Behaviour::default() });
        assert!(blobs.size(&BlobKey::Advisories(1)).await.unwrap().is_some(), "a start waits for it");
        house.publish(&house.admin, "pdf", "evil").await;

        bucket.wait(true);
        let yank = Yank { version: "1.0.0".parse().unwrap(), reason: "malware".to_owned(), revoke: true };
        let served = async {
            let answer = house.post("/api/skills/pdf/yank", &house.admin, &yank).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
            for _ in 0..5 {
                assert_eq!(house.get(path::MANIFEST, &house.admin).await.status, StatusCode::OK);
                assert_eq!(house.ask(Method::GET, path::ADVISORIES, None).await.status, StatusCode::OK);
            }
        };
        tokio::time::timeout(HANG, served).await.expect("they wait for the bucket");
        bucket.wait(false);
        comes(&blobs, BlobKey::Advisories(2)).await;
    });
}

#[test]
fn a_rotation_that_happened_is_told_as_one_and_its_root_comes_later() {
    on_both(|house| async move {
        let roots = house.site.folder.join("blobs/trust/root");
        let aside = house.site.folder.join("aside");
        let rotation = house.site.rotation(house.site.keys()).await;
        std::fs::rename(&roots, &aside).unwrap();
        std::fs::write(&roots, "in the way").unwrap();
        for version in [2, 3] {
            let rotated = rotation.replace(Replace::Manifest).await.unwrap();
            assert_eq!(rotated.root_version, version);
            let missing: Vec<_> = rotated.missing.iter().map(|(key, _)| *key).collect();
            assert_eq!(missing, [BlobKey::Root(version)]);
        }
        // The hub that runs finds the root, serves it, and puts it there as soon as it can.
        let mut client = Client::new(&house.admin);
        assert_eq!(client.sync(&house).await.unwrap().manifest.root_version, 3);
        std::fs::remove_file(&roots).unwrap();
        std::fs::rename(&aside, &roots).unwrap();
        let blobs = house.site.parts().await.blobs;
        comes(&blobs, BlobKey::Root(2)).await;
        comes(&blobs, BlobKey::Root(3)).await;
    });
}

#[test]
fn advisories_signed_while_the_clock_was_ahead_do_not_stand() {
    on_both(|house| async move {
        let newest = async || house.ask(Method::GET, path::ADVISORIES, None).await.body;
        house.site.clock.advance(30 * 86_400);
        let ahead = newest().await;
        house.site.clock.advance(-30 * 86_400);
        assert_ne!(newest().await, ahead, "those in memory");
        house.site.clock.advance(30 * 86_400);
        let ahead = newest().await;
        house.site.clock.advance(-30 * 86_400);
        let twin = house.twin().await;
        assert_ne!(twin.ask(Method::GET, path::ADVISORIES, None).await.body, ahead, "those in the database");
        assert_eq!(newest().await, newest().await);
    });
}
