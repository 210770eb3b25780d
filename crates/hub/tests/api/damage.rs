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
fn a_row_that_cannot_be_keeps_no_other_skill_back() {
    on_both(|house| async move {
        publish(&house, &["pdf", "csv", "xls", "doc"]).await;
        for sql in [
            "update releases set version = 'one' where slug = 'csv'",
            "update releases set files_json = '[]' where slug = 'xls'",
            "update releases set size_bytes = -1 where slug = 'doc'",
        ] {
            behind(&house.site.database, sql).await;
        }
        let twin = house.twin().await;
        assert_eq!(names(&twin).await, ["pdf"]);
        twin.http.app().close().await;
    });
}
