//! The manifest: signed, bounded by what its caller may have, and the same bytes until something changes.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::IF_NONE_MATCH;
use skillsync_wire::api::key::ApiKey;
use skillsync_wire::api::path;
use skillsync_wire::api::publish::{Announcement, Yank};
use skillsync_wire::api::skill::{Tier, Visibility};

use super::house::{asking, said, skill};
use super::*;

#[test]
fn a_client_gets_what_was_published_and_believes_it() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish", "read"]).await.key;
        house.publish(&publisher, "pdf", "one").await;
        house.publish(&publisher, "docx", "two").await;
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        let first = client.sync(&house).await.unwrap();
        assert_eq!(first.manifest.skills.len(), 2);
        assert!(first.texts["pdf"].contains("one") && first.texts["docx"].contains("two"));

        house.publish(&publisher, "pdf", "better").await;
        let second = client.sync(&house).await.unwrap();
        assert!(second.texts["pdf"].contains("better"));
        assert_eq!(second.manifest.version, first.manifest.version + 1);
        let third = client.sync(&house).await.unwrap();
        assert_eq!(third.manifest, second.manifest, "nothing changed");
    });
}

#[test]
fn who_has_it_is_told_so_in_one_word() {
    on_both(|house| async move {
        let key = house.reader("globex", Tier::Free).await;
        let first = house.get(path::MANIFEST, &key).await;
        assert_eq!(first.status, StatusCode::OK);
        assert_eq!(first.header("content-type"), "application/vnd.skillsync.dsse+json");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        assert_eq!(first.header("vary"), "x-api-key, Authorization");
        let etag = first.header("etag").to_owned();
        let again = |key: String| {
            let request =
                asking(Method::GET, path::MANIFEST, None).header("authorization", format!("Bearer {key}"));
            house.send(request.header(IF_NONE_MATCH, &etag).body(Body::empty()).unwrap())
        };
        let same = again(key.clone()).await;
        assert_eq!((same.status, same.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(same.header("etag"), etag);
        let other = again(house.reader("initech", Tier::Free).await).await;
        assert_eq!(other.status, StatusCode::OK, "another caller's is another");

        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "one").await;
        assert_eq!(again(key.clone()).await.status, StatusCode::OK, "the catalogue changed");
    });
}

#[test]
fn it_is_signed_anew_at_half_of_its_life_and_not_before() {
    on_both(|house| async move {
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        let first = client.sync(&house).await.unwrap().manifest;
        house.site.clock.advance(12 * 3600 - 1);
        assert_eq!(client.sync(&house).await.unwrap().manifest, first);
        house.site.clock.advance(1);
        let second = client.sync(&house).await.unwrap().manifest;
        assert_eq!((second.version, second.issued_at), (first.version + 1, house.site.clock.now()));
        // Advisories live for a week and are signed anew on the way; a client that comes daily never sees old ones.
        for _ in 0..20 {
            house.site.clock.advance(24 * 3600);
            client.sync(&house).await.unwrap();
        }
    });
}

#[test]
fn a_change_that_is_not_the_callers_moves_no_version() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "one").await;
        let key = house.reader("globex", Tier::Free).await;
        let first = house.get(path::MANIFEST, &key).await;
        let private = Announcement { visibility: Some(Visibility::Private), ..said("secret") };
        house.upload(&publisher, &private, &skill("secret", "x")).await;
        assert_eq!(house.get(path::MANIFEST, &key).await.body, first.body);
    });
}

#[test]
fn two_processes_say_the_same() {
    on_both(|house| async move {
        let twin = house.twin().await;
        let publisher = house.key("acme", &["publish"]).await.key;
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        let mut version = 0;
        for round in 0..4 {
            house.publish(&publisher, "pdf", &format!("round {round}")).await;
            let (here, there) = if round % 2 == 0 { (&house, &twin) } else { (&twin, &house) };
            let first = client.sync(here).await.unwrap();
            let second = client.sync(there).await.unwrap();
            assert_eq!(first.manifest, second.manifest);
            assert!(
                first.manifest.version > version && first.texts["pdf"].contains(&format!("round {round}"))
            );
            version = first.manifest.version;
        }
        let asked = (0..16).map(|n| {
            let (house, key) = (if n % 2 == 0 { &house } else { &twin }, &publisher);
            house.get("/api/keys", key)
        });
        futures_util::future::join_all(asked).await;
    });
}

#[test]
fn many_at_once_get_the_same_new_manifest() {
    on_both(|house| async move {
        let twin = house.twin().await;
        let key = house.reader("globex", Tier::Free).await;
        let publisher = house.key("acme", &["publish"]).await.key;
        for round in 0..3 {
            house.publish(&publisher, "pdf", &format!("round {round}")).await;
            let asked = (0..12).map(|n| (if n % 2 == 0 { &house } else { &twin }).get(path::MANIFEST, &key));
            let answers = futures_util::future::join_all(asked).await;
            assert!(
                answers
                    .iter()
                    .all(|answer| answer.status == StatusCode::OK && answer.body == answers[0].body)
            );
        }
    });
}

#[test]
fn what_is_lost_is_said_to_who_had_it() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "one").await;
        house.publish(&publisher, "docx", "one").await;
        let key = house.reader("globex", Tier::Free).await;
        let other = house.reader("initech", Tier::Free).await;
        let installed = house.get("/api/skills/install?slug=pdf&mode=files", &key).await;
        assert_eq!(installed.status, StatusCode::OK);
        let yank = Yank { version: "1.0.0".parse().unwrap(), reason: "broken".to_owned(), revoke: false };
        let answer = house.post("/api/skills/pdf/yank", &publisher, &yank).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        let removed = |manifest: &skillsync_wire::manifest::Manifest| {
            manifest.removed.iter().map(|r| (r.slug.to_string(), r.reason.to_string())).collect::<Vec<_>>()
        };
        let manifest = Client::new(&key).sync(&house).await.unwrap().manifest;
        assert_eq!(removed(&manifest), [("pdf".to_owned(), "yanked".to_owned())]);
        assert_eq!(manifest.skills.len(), 1);
        let manifest = Client::new(&other).sync(&house).await.unwrap().manifest;
        assert!(removed(&manifest).is_empty(), "it never had it");
    });
}

#[test]
fn what_is_revoked_is_taken_out_of_use_and_comes_back_when_mended() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        house.publish(&publisher, "pdf", "evil").await;
        let mut client = Client::new(&house.reader("globex", Tier::Free).await);
        client.sync(&house).await.unwrap();
        let yank = Yank { version: "1.0.0".parse().unwrap(), reason: "malware".to_owned(), revoke: true };
        house.post("/api/skills/pdf/yank", &publisher, &yank).await;
        let synced = client.sync(&house).await.unwrap();
        assert_eq!(synced.revoked, ["pdf"]);
        assert!(synced.manifest.skills.is_empty());
        house.publish(&publisher, "pdf", "good").await;
        let synced = client.sync(&house).await.unwrap();
        assert_eq!(synced.manifest.skills[0].seq, 2);
    });
}

#[test]
fn one_signed_while_the_clock_was_ahead_does_not_stand() {
    on_both(|house| async move {
        let key = house.reader("globex", Tier::Free).await;
        house.site.clock.advance(3600);
        assert_eq!(house.get(path::MANIFEST, &key).await.status, StatusCode::OK);
        house.site.clock.advance(-3600);
        let manifest = Client::new(&key).sync(&house).await.unwrap().manifest;
        assert_eq!((manifest.version, manifest.issued_at), (2, house.site.clock.now()));
    });
}

#[test]
fn a_tier_that_changes_while_a_manifest_is_made_is_the_one_it_is_made_for() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await.key;
        let pro = Announcement { visibility: Some(Visibility::Public), tier: Some(Tier::Pro), ..said("pdf") };
        assert!(house.upload(&publisher, &pro, &skill("pdf", "one")).await.status.is_success());
        let key = house.reader("globex", Tier::Pro).await;
        let app = house.http.app();
        for (tier, skills) in [(Tier::Free, 0), (Tier::Pro, 1)] {
            let caller = app.authenticate(&ApiKey::parse(&key).unwrap()).await.unwrap().unwrap();
            // The account's tier is another one from here on.
            house.reader("globex", tier).await;
            app.manifest(&caller).await.unwrap();
            let manifest = Client::new(&key).sync(&house).await.unwrap().manifest;
            assert_eq!(manifest.skills.len(), skills, "{tier:?}");
        }
    });
}
