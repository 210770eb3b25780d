//! Keys: who asks, what each may do, and that a revoked one opens nothing from then on.

use axum::body::Body;
use axum::http::Method;
use skillsync_wire::api::key::{ApiKey, KeyCreated, KeyList, NewKey};
use skillsync_wire::api::path;

use super::house::asking;
use super::*;

#[test]
fn every_wrong_key_gets_the_same_words() {
    on_both(|house| async move {
        let good = house.key("acme", &["read"]).await;
        let other_secret = ApiKey::of(&good.info.id, &"x".repeat(43)).unwrap();
        let unknown = ApiKey::of("abcdefghijkl", &"x".repeat(43)).unwrap();
        let expiring = NewKey { expires_at: Some(house.site.clock.now()), ..NewKey::default() };
        assert_eq!(house.post(path::KEYS, &house.admin, &expiring).await.problem(400), "key-request-invalid");
        let end = skillsync_hub::clock::after(house.site.clock.now(), 60);
        let expiring = NewKey { expires_at: Some(end), ..NewKey::default() };
        let expired: KeyCreated =
            house.post(path::KEYS, &house.admin, &expiring).await.json(StatusCode::CREATED);
        assert_eq!(house.get(path::MANIFEST, &expired.key).await.status, StatusCode::OK);
        house.site.clock.advance(60);
        let revoked = house.key("acme", &["read"]).await;
        let at = format!("{}/{}", path::KEYS, revoked.info.id);
        assert_eq!(house.ask(Method::DELETE, &at, Some(&house.admin)).await.status, StatusCode::NO_CONTENT);

        let nothing = house.ask(Method::GET, path::MANIFEST, None).await;
        assert_eq!(nothing.problem(401), "key-refused");
        assert_eq!(nothing.header("www-authenticate"), "Bearer realm=\"skillsync\"");
        let wrong =
            ["", "x", &good.key[..60], other_secret.expose(), unknown.expose(), &expired.key, &revoked.key];
        for key in wrong {
            let answer = house.get(path::MANIFEST, key).await;
            assert_eq!(answer.outside(), nothing.outside(), "{key}");
            let bearer =
                asking(Method::GET, path::MANIFEST, None).header("authorization", format!("Bearer {key}"));
            assert_eq!(
                house.send(bearer.body(Body::empty()).unwrap()).await.outside(),
                nothing.outside(),
                "{key}"
            );
            // A key that was shown and does not hold is refused where none is needed, too.
            assert_eq!(house.get("/api/skills/absent", key).await.problem(401), "key-refused", "{key}");
        }
        let basic =
            asking(Method::GET, path::MANIFEST, None).header("authorization", format!("Basic {}", good.key));
        assert_eq!(house.send(basic.body(Body::empty()).unwrap()).await.outside(), nothing.outside());
        assert_eq!(house.get(path::MANIFEST, &good.key).await.status, StatusCode::OK);
    });
}

#[test]
fn a_revoked_key_opens_nothing_at_the_next_request_of_any_process() {
    on_both(|house| async move {
        let twin = house.twin().await;
        let key = house.key("acme", &["read"]).await;
        for process in [&house, &twin] {
            assert_eq!(process.get(path::MANIFEST, &key.key).await.status, StatusCode::OK);
        }
        let at = format!("{}/{}", path::KEYS, key.info.id);
        // It revokes itself: whoever finds a key can at least end it.
        assert_eq!(house.ask(Method::DELETE, &at, Some(&key.key)).await.status, StatusCode::NO_CONTENT);
        for process in [&house, &twin] {
            assert_eq!(process.get(path::MANIFEST, &key.key).await.problem(401), "key-refused");
        }
    });
}

#[test]
fn a_key_makes_no_key_that_can_do_more() {
    on_both(|house| async move {
        let publisher = house.key("acme", &["publish"]).await;
        let reader = house.key("acme", &["read"]).await;
        let ask = async |key: &str, new: NewKey| house.post(path::KEYS, key, &new).await;
        let scoped = |scope: &str| NewKey { scopes: vec![scope.to_owned()], ..NewKey::default() };
        let made: KeyCreated = ask(&publisher.key, scoped("publish:pdf")).await.json(StatusCode::CREATED);
        assert_eq!((made.info.account.as_str(), made.info.expires_at), ("acme", publisher.info.expires_at));
        for (key, new) in [
            (&publisher.key, scoped("admin")),
            (&publisher.key, scoped("read")),
            (&publisher.key, NewKey { account: Some("globex".to_owned()), ..scoped("publish") }),
            (&publisher.key, NewKey { tier: Some("pro".parse().unwrap()), ..scoped("publish") }),
            (&reader.key, scoped("read")),
            (&made.key, scoped("publish:pdf")),
        ] {
            assert_eq!(ask(key, new.clone()).await.problem(403), "scope-missing", "{new:?}");
        }
        assert_eq!(ask(&house.admin, scoped("cook")).await.problem(400), "key-request-invalid");
        let named = NewKey { account: Some("a b".to_owned()), ..NewKey::default() };
        assert_eq!(ask(&house.admin, named).await.problem(400), "field-invalid");

        let list: KeyList = house.get(path::KEYS, &publisher.key).await.ok();
        assert_eq!(list.keys.len(), 3);
        let text = serde_json::to_string(&list).unwrap();
        assert!(!text.contains("rec_live_") && !text.contains("secret"), "{text}");
        assert_eq!(house.get(path::KEYS, &reader.key).await.problem(403), "scope-missing");
        let other = house.key("globex", &["publish"]).await;
        let at = format!("{}/{}", path::KEYS, reader.info.id);
        let foreign = house.ask(Method::DELETE, &at, Some(&other.key)).await;
        assert_eq!(foreign.problem(404), "key-not-found");
        assert_eq!(house.get(path::MANIFEST, &reader.key).await.status, StatusCode::OK);
        let missing = house.ask(Method::DELETE, "/api/keys/abcdefghijkl", Some(&other.key)).await;
        assert_eq!(missing.status, foreign.status);
    });
}
