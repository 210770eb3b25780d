//! Keys replaced: clients walk to the new root and go on, processes that run find it, and what was revoked stays so.

use skillsync_core::fault::Fault as _;
use skillsync_hub::app::{App, Replace};
use skillsync_hub::blobs::BlobKey;
use skillsync_hub::clock::{Clock, after};
use skillsync_hub::keys::KeyDir;
use skillsync_wire::api::publish::Yank;
use skillsync_wire::api::skill::Tier;

use sqlx::{Connection as _, PgConnection};

use super::house::Site;
use super::*;

#[test]
fn a_client_walks_through_every_rotation() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "one").await;
        house.publish(&publisher, "pdf", "two").await;
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        let before = client.sync(&house).await.unwrap().manifest;
        // Another process runs on and is told nothing.
        let twin = house.twin().await;
        twin.get("/api/skills/manifest", &publisher).await;
        let rotation = house.site.rotation(house.site.keys()).await;
        for (round, what) in
            [Replace::Manifest, Replace::Root, Replace::Release, Replace::Manifest, Replace::Release]
                .into_iter()
                .enumerate()
        {
            let rotated = rotation.replace(what).await.unwrap();
            assert_eq!(rotated.root_version, round as u64 + 2);
            let running = if round % 2 == 0 { &twin } else { &house };
            let synced = client.sync(running).await.unwrap();
            assert_eq!(synced.manifest.root_version, rotated.root_version);
            assert!(
                synced.manifest.version > before.version && synced.texts["pdf"].contains("two"),
                "{what:?}"
            );
            let text = format!("after {round}");
            let said = running.publish(&publisher, "docx", &text).await;
            assert_eq!(said.seq, round as u64 + 1);
            let synced = client.sync(&house).await.unwrap();
            assert!(synced.texts["docx"].contains(&text), "what is signed now is believed");
        }
        // Who never came before walks the whole way, and so does a process that starts now.
        let late = house.twin().await;
        let synced = Client::new(&publisher_reader(&late).await).sync(&late).await.unwrap();
        assert_eq!(synced.manifest.root_version, 6);
        assert_eq!(synced.texts.len(), 2);
    });
}

async fn publisher_reader(house: &House) -> String {
    house.reader("initech", Tier::Free).await
}

#[test]
fn what_was_installed_before_a_rotation_can_be_revoked_after_it() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "evil").await;
        house.publish(&publisher, "docx", "worse").await;
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        client.sync(&house).await.unwrap();
        let yank = |reason: &str| Yank {
            version: "1.0.0".parse().unwrap(),
            reason: reason.to_owned(),
            revoke: true,
        };
        house.post("/api/skills/docx/yank", &publisher, &yank("malware")).await;
        let rotation = house.site.rotation(house.site.keys()).await;
        rotation.replace(Replace::Release).await.unwrap();
        // The client was away meanwhile, and has the statements of before.
        house.post("/api/skills/pdf/yank", &publisher, &yank("malware")).await;
        let mut revoked = client.sync(&house).await.unwrap().revoked;
        revoked.sort();
        assert_eq!(revoked, ["docx", "pdf"]);
    });
}

#[test]
fn a_rotation_and_uploads_at_once_leave_a_chain_that_holds() {
    on_both(|house| async move {
        let twin = house.twin().await;
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "first").await;
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        let rotation = house.site.rotation(house.site.keys()).await;
        let uploads = async {
            for n in 0..6 {
                twin.publish(&publisher, "pdf", &format!("text {n}")).await;
            }
        };
        let rotations = async {
            for what in [Replace::Release, Replace::Manifest] {
                // Whoever loses against uploads again and again says so, and is done once they pause.
                while let Err(error) = rotation.replace(what).await {
                    assert!(["hub-raced", "database-busy"].contains(&error.code()), "{error}");
                }
            }
        };
        tokio::join!(uploads, rotations);
        let synced = client.sync(&twin).await.unwrap();
        assert_eq!((synced.manifest.skills[0].seq, synced.manifest.root_version), (7, 3));
        assert!(synced.texts["pdf"].contains("text 5"));
    });
}

#[test]
fn without_the_root_keys_nothing_is_replaced() {
    on_lite(|house| async move {
        let elsewhere = tempfile::tempdir().unwrap();
        let away = KeyDir::open(&elsewhere.path().join("root")).unwrap();
        let rotation = house.site.rotation(away.clone()).await;
        let error = rotation.replace(Replace::Manifest).await.unwrap_err();
        assert_eq!(error.code(), "hub-root-keys-missing");
        // Two of three are enough, wherever they are kept.
        for number in 2..=3 {
            let name = format!("root-{number}.key");
            std::fs::rename(house.site.folder.join("keys").join(&name), away.path().join(&name)).unwrap();
        }
        rotation.replace(Replace::Manifest).await.unwrap();
        let key = house.reader("globex", Tier::Free).await;
        assert_eq!(Client::new(&key).sync(&house).await.unwrap().manifest.root_version, 2);
        // A machine without the new key does not start, and says which one it lacks.
        std::fs::remove_file(house.site.folder.join("keys/manifest-r2.key")).unwrap();
        let error = App::open(house.site.parts().await).await.unwrap_err();
        assert!(error.to_string().contains("no manifest key of root 2"), "{error}");
    });
}

#[test]
fn keys_that_are_lost_are_replaced_too() {
    on_lite(|house| async move {
        let publisher = house.key("acme", &["publish", "read"]).await.key;
        house.publish(&publisher, "pdf", "x").await;
        let mut client = Client::new(&publisher);
        client.sync(&house).await.unwrap();
        for lost in ["release", "manifest"] {
            std::fs::remove_file(house.site.folder.join(format!("keys/{lost}.key"))).unwrap();
        }
        assert_eq!(App::open(house.site.parts().await).await.unwrap_err().code(), "hub-keys-not-of-root");
        let rotation = house.site.rotation(house.site.keys()).await;
        for what in [Replace::Release, Replace::Manifest] {
            rotation.replace(what).await.unwrap();
        }
        let again = house.twin().await;
        assert_eq!(client.sync(&again).await.unwrap().manifest.root_version, 3);
    });
}

#[test]
fn numbered_blobs_are_those_of_the_database_whoever_loses() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        // A process whose clock goes a little ahead signs other bytes.
        let clock = house.site.clock.clone();
        let ahead = Clock::standing_at(after(clock.now(), 7));
        let other = Site { clock: ahead, ..house.site.clone() }.open().await.unwrap().app;
        let folder = house.site.folder.join("blobs/trust");
        let blobs = house.site.parts().await.blobs;
        for round in 0..6 {
            house.publish(&publisher, "pdf", &format!("round {round}")).await;
            let version = format!("1.0.{round}").parse().unwrap();
            let yank = Yank { version, reason: "bad".to_owned(), revoke: true };
            let yanking = async {
                let answer = house.post("/api/skills/pdf/yank", &publisher, &yank).await;
                assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
            };
            let asking = futures_util::future::join_all((0..8).map(|_| other.advisories(None)));
            futures_util::future::join(yanking, asking).await;
            // What was kept in memory gives way to what the other process revoked.
            let (here, there) = (house.http.app().advisories(None).await, other.advisories(None).await);
            assert_eq!(here.unwrap(), there.unwrap());
        }
        let mut version = 0;
        while let Ok(known) = other.advisories(Some(version + 1)).await {
            version += 1;
            super::shelf::comes(&blobs, BlobKey::Advisories(version)).await;
            let blob = std::fs::read(folder.join(format!("advisories/{version}.json"))).unwrap();
            assert_eq!(blob, known.envelope, "advisories {version}");
        }
        assert!(version > 6);

        // Two rotations at once: one may lose, and the blob is of the one that the database took.
        let ahead = Site { clock: Clock::standing_at(after(clock.now(), 9)), ..house.site.clone() };
        let one = house.site.rotation(house.site.keys()).await;
        let two = ahead.rotation(house.site.keys()).await;
        let _ =
            futures_util::future::join(one.replace(Replace::Manifest), two.replace(Replace::Manifest)).await;
        let mut version = 0;
        while let Ok(known) = other.root(version + 1).await {
            version += 1;
            let blob = std::fs::read(folder.join(format!("root/{version}.json"))).unwrap();
            assert_eq!(blob, known.envelope, "root {version}");
        }
        assert!(version > 1);
        // A rotation that was killed before its blob was put is made good at the next start.
        std::fs::remove_file(folder.join("root/1.json")).unwrap();
        house.site.open().await.unwrap().app.close().await;
        assert_eq!(std::fs::read(folder.join("root/1.json")).unwrap(), other.root(1).await.unwrap().envelope);
        other.close().await;
    });
}

/// What changes a release and what replaces the release key take the same rows in another order.
#[test]
fn a_rotation_that_postgresql_gives_up_is_done_again() {
    on_both(|house| async move {
        if !house.site.database.starts_with("postgres") {
            return;
        }
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "one").await;
        let mut watching = PgConnection::connect(&house.site.database).await.unwrap();
        let mut other = PgConnection::connect(&house.site.database).await.unwrap();
        // The rotation looks first whether it is in a deadlock, and so it is the one that is given up.
        let patience = "do $$ begin execute format('alter database %I set deadlock_timeout = %L', current_database(), '2s'); end $$";
        sqlx::query(patience).execute(&mut watching).await.unwrap();
        sqlx::query("set deadlock_timeout = '60s'").execute(&mut other).await.unwrap();
        let mut held = other.begin().await.unwrap();
        sqlx::query("update releases set slug = slug").execute(&mut *held).await.unwrap();
        let rotation = house.site.rotation(house.site.keys()).await;
        let rotating = tokio::spawn(async move { rotation.replace(Replace::Release).await });
        let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watching).await.unwrap() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        sqlx::query("update catalogue set generation = generation").execute(&mut *held).await.unwrap();
        held.commit().await.unwrap();
        let rotated = rotating.await.unwrap().unwrap();
        assert_eq!((rotated.root_version, rotated.statements), (2, 1));
        let given_up = "select deadlocks from pg_stat_database where datname = current_database()";
        let counted = async {
            while sqlx::query_scalar::<_, i64>(given_up).fetch_one(&mut watching).await.unwrap() == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), counted)
            .await
            .expect("there was no deadlock");
        Client::new(&house.admin).sync(&house).await.unwrap();
    });
}
