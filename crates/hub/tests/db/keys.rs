//! Accounts, keys, and the one query of a poll.

use skillsync_hub::db::{By, Error, ManifestRow, Page, Stamp};
use skillsync_hub::signer::pieces::Pieces;

use super::*;

#[test]
fn an_account_keeps_its_tier_until_it_is_set() {
    on_both(|db| async move {
        let acme = account("acme");
        assert_eq!(db.account(&acme).await.unwrap(), None);
        assert!(!db.set_tier(&acme, Tier::Pro).await.unwrap());
        let made = db.ensure_account(&acme, Tier::Pro, at(1)).await.unwrap();
        assert_eq!((made.name.as_str(), made.tier, made.created_at), ("acme", Tier::Pro, at(1)));
        assert_eq!(db.ensure_account(&acme, Tier::Free, at(2)).await.unwrap(), made);
        let before = db.generation().await.unwrap();
        assert!(db.set_tier(&acme, Tier::Pro).await.unwrap());
        assert_eq!(db.generation().await.unwrap(), before, "nothing changed");
        assert!(db.set_tier(&acme, Tier::Operator).await.unwrap());
        assert_eq!(db.account(&acme).await.unwrap().unwrap().tier, Tier::Operator);
        assert_eq!(db.generation().await.unwrap(), before + 1);
    });
}

#[test]
fn a_key_reads_back_and_is_revoked_by_its_account_alone() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        let row = KeyRow {
            secret_sha256: [9; 32],
            scopes: "read publish:pdf".to_owned(),
            expires_at: Some(at(90)),
            ..key("k1", "acme")
        };
        assert!(db.insert_key(&row).await.unwrap());
        assert!(!db.insert_key(&key("k1", "other")).await.unwrap(), "an id is of one key");
        let unknown = db.insert_key(&key("k2", "nobody")).await.unwrap_err();
        assert!(matches!(unknown, Error::AccountUnknown { .. }), "{unknown:?}");
        let caller = db.key("k1").await.unwrap().unwrap();
        assert_eq!((&caller.key, caller.tier), (&row, Tier::Free));
        assert_eq!(db.key("absent").await.unwrap(), None);
        assert!(!format!("{caller:?}").contains("9, 9"), "{caller:?}");

        assert!(!db.revoke_key(By::Account(&account("other")), "k1", at(5)).await.unwrap());
        assert_eq!(db.key("k1").await.unwrap().unwrap().key.revoked_at, None);
        assert!(db.revoke_key(By::Account(&account("acme")), "k1", at(6)).await.unwrap());
        assert!(db.revoke_key(By::Admin, "k1", at(7)).await.unwrap());
        assert_eq!(db.key("k1").await.unwrap().unwrap().key.revoked_at, Some(at(6)), "as of the first time");
        assert!(!db.revoke_key(By::Admin, "absent", at(7)).await.unwrap());
    });
}

#[test]
fn keys_are_listed_newest_first_page_by_page() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        for n in 0..5 {
            let row = KeyRow { created_at: at(n), ..key(&format!("k{n}"), "acme") };
            assert!(db.insert_key(&row).await.unwrap());
        }
        db.insert_key(&key("x", "other")).await.unwrap();
        let mut ids = Vec::new();
        for page in 1..=4 {
            let keys = db.keys_of(&account("acme"), Page::of(page, 2)).await.unwrap();
            ids.push(keys.into_iter().map(|k| k.id).collect::<Vec<_>>().join(" "));
        }
        assert_eq!(ids, ["k4 k3", "k2 k1", "k0", ""]);
        assert_eq!((Page::of(0, 0), Page::of(1, 1_000_000)), (Page::of(1, 1), Page::of(1, 100)));
    });
}

#[test]
fn keys_that_do_not_hold_are_not_counted() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        for n in 0..5 {
            let row = KeyRow { expires_at: Some(at(10 + n)), ..key(&format!("k{n}"), "acme") };
            assert!(db.insert_key(&row).await.unwrap());
        }
        for (id, owner) in [("k5", "acme"), ("x", "other")] {
            assert!(db.insert_key(&key(id, owner)).await.unwrap());
        }
        db.revoke_key(By::Admin, "k4", at(1)).await.unwrap();
        for (now, expected) in [(9, 5), (10, 4), (12, 2), (99, 1)] {
            assert_eq!(db.live_keys(&account("acme"), at(now)).await.unwrap(), expected, "at {now}");
        }
    });
}

#[test]
fn the_use_of_a_key_is_noted_at_most_once_a_minute() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        db.insert_key(&key("k1", "acme")).await.unwrap();
        for (now, noted) in [(10, 10), (30, 10), (69, 10), (70, 70), (20, 70), (131, 131)] {
            db.touch_key("k1", at(now)).await.unwrap();
            let row = db.key("k1").await.unwrap().unwrap().key;
            assert_eq!(row.last_used_at, Some(at(noted)), "touched at {now}");
            assert!(row.is_touched(at(noted + 59)) && !row.is_touched(at(noted + 60)));
        }
        db.touch_key("absent", at(1)).await.unwrap();
    });
}

#[test]
fn one_query_tells_a_poll_all_it_needs() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        db.set_tier(&account("acme"), Tier::Pro).await.unwrap();
        db.insert_key(&key("k1", "acme")).await.unwrap();
        let aud = audience("k1");
        for absent in [&[][..], &["absent"], &["", "absent"]] {
            assert!(db.request_contexts(absent).await.unwrap().is_empty(), "{absent:?}");
        }
        let one = async || db.request_contexts(&["k1"]).await.unwrap().remove(0).1.unwrap();
        let context = one().await;
        assert_eq!((&*context.caller.key.id, context.caller.tier, context.manifest), ("k1", Tier::Pro, None));
        assert_eq!(context.generation, db.generation().await.unwrap());
        let stamp = Stamp { version: 4, generation: context.generation };
        let row = ManifestRow {
            audience: aud.clone(),
            epoch: 1,
            stamp,
            issued_at: at(0),
            expires_at: at(9),
            sha256: EnvelopeDigest::of(b"m"),
            pieces: Pieces::whole(b"m".to_vec()),
        };
        assert!(db.put_manifest(None, &row, None).await.unwrap());
        done(db.publish(&release("pdf", "acme", 1)).await.unwrap());
        db.revoke_key(By::Admin, "k1", at(3)).await.unwrap();
        let context = one().await;
        assert_eq!((context.manifest, context.generation), (Some(row.head()), stamp.generation + 1));
        assert_eq!(context.caller.key.revoked_at, Some(at(3)), "in force at once");
        db.insert_key(&key("k2", "acme")).await.unwrap();
        let mut together = db.request_contexts(&["k2", "absent", "k1"]).await.unwrap();
        together.sort_by(|(a, _), (b, _)| a.cmp(b));
        let [(first, one), (second, two)] = &together[..] else { panic!("two of three are there") };
        assert_eq!((&**first, one.as_ref().unwrap()), ("k1", &context));
        assert_eq!((&**second, two.as_ref().unwrap().manifest), ("k2", None), "to each its own manifest");
    });
}

#[test]
fn a_damaged_row_fails_for_its_own_key_alone() {
    at_both(|url| {
        run(url, |db| async move {
            accounts(&db, &["acme"]).await;
            for id in ["k1", "k2", "k3"] {
                db.insert_key(&key(id, "acme")).await.unwrap();
            }
            outside(url, "update keys set created_at = 9000000000000000000 where id = 'k2'").await;
            let mut found = db.request_contexts(&["k1", "k2", "k3"]).await.unwrap();
            found.sort_by(|(a, _), (b, _)| a.cmp(b));
            let sound: Vec<_> = found.iter().map(|(id, found)| (&**id, found.is_ok())).collect();
            assert_eq!(sound, [("k1", true), ("k2", false), ("k3", true)]);
            assert!(matches!(found[1].1, Err(Error::Damaged { what: "created_at", .. })), "{:?}", found[1].1);
        });
    });
}

#[test]
fn the_audience_that_sql_makes_of_a_key_is_the_one_of_the_contract() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        let made = ApiKey::of("0aB9zZ0aB9zZ", &"x".repeat(43)).unwrap();
        db.insert_key(&key(made.id(), "acme")).await.unwrap();
        let row = ManifestRow {
            audience: made.audience(),
            epoch: 1,
            stamp: Stamp { version: 1, generation: 1 },
            issued_at: at(0),
            expires_at: at(9),
            sha256: EnvelopeDigest::of(b"m"),
            pieces: Pieces::whole("m"),
        };
        assert!(db.put_manifest(None, &row, None).await.unwrap());
        let (_, context) = db.request_contexts(&[made.id()]).await.unwrap().remove(0);
        assert_eq!(context.unwrap().manifest, Some(row.head()));
    });
}
