//! The disk of a SQLite file is full, and then it is not.

use skillsync_core::fault::{Fault as _, Kind};
use skillsync_testkit::small_disk::SmallDisk;

use super::*;

#[test]
fn a_full_disk_is_told_and_everything_before_it_stays() {
    let Some(disk) = SmallDisk::of(4 << 20, "SQLite") else { return };
    let url = format!("sqlite://{}", disk.path().join("hub.db").display());
    let fresh =
        |n: u64| NewRelease { files_json: "x".repeat(20_000), ..release(&format!("skill-{n}"), "acme", 1) };
    run(&url, |db| {
        let disk = &disk;
        async move {
            accounts(&db, &["acme"]).await;
            done(db.publish(&fresh(0)).await.unwrap());
            let filler = disk.fill();
            // What SQLite has room for in its own files already may still be written.
            let mut stored = 1;
            let error = loop {
                match db.publish(&fresh(stored)).await {
                    Ok(published) => done(published),
                    Err(error) => break error,
                };
                stored += 1;
                assert!(stored < 1_000, "the disk is never full");
            };
            assert_eq!((error.kind(), error.code()), (Kind::Io, "database-full"), "{error:?}");
            assert_eq!(db.skill(&name(&format!("skill-{stored}"))).await.unwrap(), None);
            assert_eq!(db.generation().await.unwrap(), 1 + stored);
            std::fs::remove_file(filler).unwrap();
            done(db.publish(&fresh(stored)).await.unwrap());
        }
    });
    run(&url, |db| async move {
        let acme = account("acme");
        let listing = db.listing(&viewer(&acme, Tier::Free, "k1"), 5_000).await.unwrap();
        assert_eq!(listing.generation, 1 + listing.skills.len() as u64);
    });
}
