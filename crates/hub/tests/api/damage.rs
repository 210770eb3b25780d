//! The open indexes where something that is stored is lost, damaged or cannot be read at the moment.

use std::path::PathBuf;

use axum::http::Method;
use skillsync_hub::blobs::BlobKey;

use super::wellknown::{NEW, OLD, behind, forget, names};
use super::*;

/// Publishes these skills, and gives where the archive of the first lies.
async fn publish(house: &House, slugs: &[&str]) -> PathBuf {
    let owner = house.key("acme", &["publish"]).await.key;
    for slug in slugs {
        house.publish(&owner, slug, "x").await;
    }
    let digest = skillsync_core::digest::ArchiveDigest::of(&skill(slugs[0], "x"));
    house.site.folder.join("blobs").join(BlobKey::Tarball(digest).path())
}

#[test]
fn who_cannot_be_looked_into_at_the_moment_is_missed_by_no_follower() {
    on_both(|house| async move {
        let archive = publish(&house, &["pdf", "csv"]).await;
        forget(&house.site.database).await;
        let kept = std::fs::read(&archive).unwrap();
        std::fs::remove_file(&archive).unwrap();
        // It is there, and the system does not give it: neither lost nor damaged.
        std::os::unix::fs::symlink(&archive, &archive).unwrap();
        let twin = house.twin().await;
        for folder in [NEW, OLD] {
            let answer = twin.ask(Method::GET, &format!("{folder}/index.json"), None).await;
            assert_eq!(answer.problem(500), "hub-failed");
        }
        std::fs::remove_file(&archive).unwrap();
        std::fs::write(&archive, kept).unwrap();
        // For as long as they were told to wait nobody looks again.
        let answer = twin.ask(Method::GET, &format!("{OLD}/index.json"), None).await;
        assert_eq!(answer.problem(500), "hub-failed");
        house.site.clock.advance(5);
        assert_eq!(names(&twin).await, ["csv", "pdf"], "without another start");
        twin.http.app().close().await;
    });
}

#[test]
fn what_an_index_names_and_is_lost_or_damaged_is_the_trouble_of_the_hub() {
    on_lite(|house| async move {
        let archive = publish(&house, &["pdf", "csv"]).await;
        assert_eq!(names(&house).await, ["csv", "pdf"]);
        let kept = std::fs::read(&archive).unwrap();
        let ask = async |path: &str| house.ask(Method::GET, &format!("{OLD}/{path}"), None).await;
        std::fs::remove_file(&archive).unwrap();
        for path in ["pdf.tar.gz", "pdf/SKILL.md"] {
            assert_eq!(ask(path).await.problem(500), "hub-failed", "{path}");
        }
        std::fs::write(&archive, b"no archive").unwrap();
        assert_eq!(ask("pdf/SKILL.md").await.problem(500), "hub-failed");
        // For a while nobody looks again, however often it is asked for.
        std::fs::write(&archive, kept).unwrap();
        assert_eq!(ask("pdf/SKILL.md").await.problem(500), "hub-failed");
        house.site.clock.advance(61);
        assert_eq!(ask("pdf/SKILL.md").await.status, StatusCode::OK);
        assert_eq!(ask("csv/SKILL.md").await.status, StatusCode::OK);
    });
}

#[test]
fn what_was_lost_or_damaged_is_there_again_a_minute_after_it_is_put_back() {
    on_both(|house| async move {
        let archive = publish(&house, &["pdf", "csv"]).await;
        forget(&house.site.database).await;
        let kept = std::fs::read(&archive).unwrap();
        for damage in [None, Some(&kept[..kept.len() / 2])] {
            match damage {
                Some(half) => std::fs::write(&archive, half).unwrap(),
                None => std::fs::remove_file(&archive).unwrap(),
            }
            let twin = house.twin().await;
            assert_eq!(names(&twin).await, ["csv"]);
            std::fs::write(&archive, &kept).unwrap();
            assert_eq!(names(&twin).await, ["csv"], "nobody looks again");
            house.site.clock.advance(60);
            assert_eq!(names(&twin).await, ["csv", "pdf"]);
            twin.http.app().close().await;
            forget(&house.site.database).await;
        }
    });
}

#[test]
fn where_no_archive_is_there_no_skill_counts_as_lost() {
    on_both(|house| async move {
        publish(&house, &["pdf", "csv", "xls"]).await;
        behind(&house.site.database, "update releases set offer_json = null where slug <> 'csv'").await;
        let (blobs, aside) = (house.site.folder.join("blobs"), house.site.folder.join("aside"));
        std::fs::rename(&blobs, &aside).unwrap();
        // A start makes the folder, and puts the roots there.
        let twin = house.twin().await;
        assert!(blobs.join(BlobKey::Root(1).path()).exists());
        let answer = twin.ask(Method::GET, &format!("{NEW}/index.json"), None).await;
        assert_eq!(answer.problem(500), "hub-failed");
        std::fs::rename(&blobs, house.site.folder.join("other")).unwrap();
        std::fs::rename(&aside, &blobs).unwrap();
        house.site.clock.advance(5);
        assert_eq!(names(&twin).await, ["csv", "pdf", "xls"]);
        twin.http.app().close().await;
    });
}

#[test]
fn what_is_put_back_is_there_a_minute_after_it_was_missed_whatever_changes_meanwhile() {
    on_lite(|house| async move {
        let archive = publish(&house, &["pdf", "csv"]).await;
        forget(&house.site.database).await;
        let kept = std::fs::read(&archive).unwrap();
        std::fs::write(&archive, &kept[..kept.len() / 2]).unwrap();
        let twin = house.twin().await;
        assert_eq!(names(&twin).await, ["csv"]);
        std::fs::write(&archive, &kept).unwrap();
        house.site.clock.advance(59);
        publish(&house, &["xls"]).await;
        assert_eq!(names(&twin).await, ["csv", "xls"]);
        house.site.clock.advance(1);
        assert_eq!(names(&twin).await, ["csv", "pdf", "xls"]);
        twin.http.app().close().await;
    });
}

#[test]
fn a_row_that_cannot_be_keeps_no_other_skill_back() {
    on_both(|house| async move {
        publish(&house, &["pdf", "csv", "xls", "doc", "odt", "eml"]).await;
        for sql in [
            "update releases set version = 'one' where slug = 'csv'",
            "update releases set files_json = '[]' where slug = 'xls'",
            "update releases set size_bytes = -1 where slug = 'doc'",
        ] {
            behind(&house.site.database, sql).await;
        }
        if house.site.database.starts_with("sqlite://") {
            // It takes values of any kind.
            for sql in [
                "update releases set size_bytes = 'many' where slug = 'odt'",
                "update releases set files_json = cast(x'ff22' as text) where slug = 'eml'",
            ] {
                behind(&house.site.database, sql).await;
            }
        } else {
            behind(
                &house.site.database,
                "update skills set visibility = 'private' where slug in ('odt', 'eml')",
            )
            .await;
        }
        let twin = house.twin().await;
        assert_eq!(names(&twin).await, ["pdf"]);
        // Nothing is made again for it until something changes.
        behind(&house.site.database, "update releases set version = '1.0.0' where slug = 'csv'").await;
        house.site.clock.advance(61);
        assert_eq!(names(&twin).await, ["pdf"]);
        publish(&house, &["ppt"]).await;
        assert_eq!(names(&twin).await, ["csv", "pdf", "ppt"]);
        twin.http.app().close().await;
    });
}
