//! Roots, advisories, manifests, and what machines told.

use bytes::Bytes;
use skillsync_hub::db::{AdvisoriesRow, By, Error, ManifestRow, Stamp, YankOrder};
use skillsync_hub::signer::pieces::{ListDigest, Pieces};

use super::*;

#[test]
fn roots_follow_each_other_and_never_change() {
    on_both(|db| async move {
        assert_eq!(db.last_root().await.unwrap(), None);
        let before = db.generation().await.unwrap();
        assert!(!db.put_root(2, b"two").await.unwrap());
        assert!(db.put_root(1, b"one").await.unwrap());
        assert!(!db.put_root(1, b"other").await.unwrap());
        assert!(db.put_root(2, b"two").await.unwrap());
        assert_eq!(db.root(1).await.unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(db.root(3).await.unwrap(), None);
        assert_eq!(db.last_root().await.unwrap(), Some((2, b"two".to_vec())));
        assert_eq!(db.generation().await.unwrap(), before + 2);
    });
}

#[test]
fn advisories_follow_each_other_and_tell_nothing_older() {
    on_both(|db| async move {
        let row = |version, warnings| AdvisoriesRow {
            version,
            warnings,
            expires_at: at(60),
            sha256: EnvelopeDigest::of(&[1]),
            envelope: vec![0, 1, 255],
        };
        assert_eq!(
            (db.last_advisories().await.unwrap(), db.restrictions().await.unwrap().last_version),
            (None, 0)
        );
        let before = db.generation().await.unwrap();
        assert!(!db.put_advisories(&row(2, 1), 0).await.unwrap());
        assert!(db.put_advisories(&row(1, 3), 0).await.unwrap());
        assert!(!db.put_advisories(&row(1, 4), 0).await.unwrap(), "the number is taken");
        assert!(!db.put_advisories(&row(2, 2), 0).await.unwrap(), "they tell an older state");
        assert!(db.put_advisories(&row(2, 3), 0).await.unwrap());
        assert_eq!(db.advisories(1).await.unwrap(), Some(row(1, 3)));
        assert_eq!(db.advisories(3).await.unwrap(), None);
        assert_eq!(db.last_advisories().await.unwrap(), Some(row(2, 3)));
        assert_eq!(db.restrictions().await.unwrap().last_version, 2);
        assert_eq!(db.generation().await.unwrap(), before + 2, "manifests name the newest advisories");
    });
}

#[test]
fn a_manifest_is_replaced_by_who_saw_it_alone() {
    on_both(|db| async move {
        let aud = audience("k1");
        let row = |version, generation| ManifestRow {
            audience: audience("k1"),
            epoch: 2,
            stamp: Stamp { version, generation },
            issued_at: at(1),
            expires_at: at(2),
            sha256: EnvelopeDigest::of(&[version as u8]),
            pieces: Pieces::whole(vec![version as u8; 3]),
        };
        let stamp = |version, generation| Some(Stamp { version, generation });
        assert_eq!(db.manifest(&aud).await.unwrap(), None);
        assert!(!db.put_manifest(stamp(1, 1), &row(2, 1), None).await.unwrap());
        assert!(db.put_manifest(None, &row(1, 7), None).await.unwrap());
        assert!(!db.put_manifest(None, &row(1, 8), None).await.unwrap());
        assert!(!db.put_manifest(stamp(1, 6), &row(2, 8), None).await.unwrap(), "its stamp moved since");
        assert_eq!(db.manifest(&aud).await.unwrap(), Some(row(1, 7)));
        assert!(db.restamp_manifest(&aud, Stamp { version: 1, generation: 7 }, 8).await.unwrap());
        assert!(!db.restamp_manifest(&aud, Stamp { version: 1, generation: 7 }, 9).await.unwrap());
        assert!(db.put_manifest(stamp(1, 8), &row(2, 9), None).await.unwrap());
        assert_eq!(db.manifest(&aud).await.unwrap(), Some(row(2, 9)));
        assert_eq!(db.manifest(&audience("k2")).await.unwrap(), None);
    });
}

#[test]
fn a_list_is_stored_once_and_for_as_long_as_a_manifest_has_it() {
    on_both(|db| async move {
        let row = |aud: &str, version, list: &Bytes| ManifestRow {
            audience: audience(aud),
            epoch: 1,
            stamp: Stamp { version, generation: 1 },
            issued_at: at(version as i64),
            expires_at: at(100),
            sha256: EnvelopeDigest::of(aud.as_bytes()),
            pieces: Pieces {
                head: Bytes::from_static(b"head"),
                list: Some(ListDigest::of(list)),
                tail: Bytes::from_static(b"tail"),
            },
        };
        let lists = [&b"one"[..], b"two"].map(Bytes::from_static);
        let [one, two] = [0, 1].map(|list| ListDigest::of(&lists[list]));
        for aud in ["k1", "k2"] {
            let row = row(aud, 1, &lists[0]);
            assert!(db.put_manifest(None, &row, Some(&lists[0])).await.unwrap());
            assert_eq!(db.manifest(&row.audience).await.unwrap(), Some(row));
        }
        assert_eq!(db.manifest_list(&one).await.unwrap().as_ref(), Some(&lists[0]));
        assert_eq!(db.manifest_list(&two).await.unwrap(), None);
        let stamp = Some(Stamp { version: 1, generation: 1 });
        let left = async |before| db.clear_manifest_lists(at(before)).await.unwrap();
        assert!(db.put_manifest(stamp, &row("k1", 2, &lists[1]), Some(&lists[1])).await.unwrap());
        assert_eq!(left(50).await, 0, "k2 has the first still");
        assert!(db.put_manifest(stamp, &row("k2", 2, &lists[1]), Some(&lists[1])).await.unwrap());
        assert_eq!(left(1).await, 0, "none that is as young");
        assert_eq!(left(50).await, 1);
        assert_eq!(db.manifest_list(&one).await.unwrap(), None);
        assert_eq!(db.manifest_list(&two).await.unwrap().as_ref(), Some(&lists[1]));
        // What was found and cleared before it was named is a race that was lost, and nothing is stored.
        assert!(!db.put_manifest(None, &row("k3", 1, &lists[0]), None).await.unwrap());
        assert_eq!(db.manifest(&audience("k3")).await.unwrap(), None);
    });
}

#[test]
fn what_a_machine_tells_replaces_what_it_told() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        for (id, owner) in [("b", "acme"), ("a", "acme"), ("c", "acme"), ("x", "other")] {
            db.insert_key(&key(id, owner)).await.unwrap();
            db.put_state(id, at(1), "[]").await.unwrap();
        }
        db.put_state("a", at(2), "[{\"slug\":\"pdf\"}]").await.unwrap();
        db.revoke_key(By::Admin, "c", at(3)).await.unwrap();
        let states = db.states_of(&account("acme"), None).await.unwrap();
        let told: Vec<_> =
            states.iter().map(|s| (&*s.key_id, &*s.label, s.reported_at, &*s.skills_json)).collect();
        let expected = [("a", "machine a", at(2), "[{\"slug\":\"pdf\"}]"), ("b", "machine b", at(1), "[]")];
        assert_eq!(told, expected);
        let rest = db.states_of(&account("acme"), Some("a")).await.unwrap();
        assert_eq!(rest.iter().map(|s| &*s.key_id).collect::<Vec<_>>(), ["b"]);
        let zero = db.put_state("a", at(3), "a\0b").await.unwrap_err();
        assert!(matches!(zero, Error::ZeroByte { .. }), "{zero:?}");
    });
}

#[test]
fn a_page_of_states_is_bounded_in_bytes_and_always_goes_on() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        let mib = |count: usize| format!("\"{}\"", "ü".repeat(count * 512 * 1024));
        for (id, size) in [("a", 1), ("b", 2), ("c", 2), ("d", 5), ("e", 1)] {
            db.insert_key(&key(id, "acme")).await.unwrap();
            db.put_state(id, at(1), &mib(size)).await.unwrap();
        }
        let mut pages = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = db.states_of(&account("acme"), after.as_deref()).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key_id.clone());
            pages.push(page.iter().map(|state| &*state.key_id).collect::<String>());
        }
        assert_eq!(pages, ["ab", "c", "d", "e"]);
    });
}

#[test]
fn nobody_revokes_more_than_advisories_have_room_for() {
    at_both(|url| {
        run(url, |db| async move {
            accounts(&db, &["acme", "other"]).await;
            for (slug, owner) in [("pdf", "acme"), ("csv", "other")] {
                done(db.publish(&release(slug, owner, 1)).await.unwrap());
            }
            // As if so many statements of it had been replaced, by one rotation after another.
            fill(url, "pdf", 999).await;
            fill(url, "csv", 1_000).await;
            let (acme, other, version) = (account("acme"), account("other"), version("1.1.0"));
            let revoke = async |by: By<'_>, slug: &str| {
                let slug = name(slug);
                let order = YankOrder { slug: &slug, version: &version, reason: "malware", revoke: true };
                db.yank(by, &order, at(1)).await
            };
            let refused = revoke(By::Account(&other), "csv").await.unwrap_err();
            assert!(matches!(refused, Error::TooManyRevoked { most: 1_000, .. }), "{refused:?}");
            assert!(db.restrictions().await.unwrap().revoked.is_empty(), "nothing was done");
            revoke(By::Account(&acme), "pdf").await.unwrap();
            assert_eq!(db.restrictions().await.unwrap().revoked.len(), 1_000);
            // What is the owner's share is not that of an administrator.
            revoke(By::Admin, "csv").await.unwrap();
            assert_eq!(db.restrictions().await.unwrap().revoked.len(), 2_001);
            for (slug, statements) in [("big", 4_998), ("doc", 2_999)] {
                done(db.publish(&release(slug, "acme", 1)).await.unwrap());
                fill(url, slug, statements).await;
            }
            revoke(By::Admin, "big").await.unwrap();
            let refused = revoke(By::Admin, "doc").await.unwrap_err();
            assert!(matches!(refused, Error::TooManyRevoked { most: 7_000, .. }), "{refused:?}");
        });
    });
}

/// Puts former statements of the first release of a skill beside it.
async fn fill(url: &str, slug: &str, statements: u32) {
    let lite = url.starts_with("sqlite:");
    let digest = if lite { "cast(printf('%s%029d', $1, n) as blob)" } else { "sha256(($1 || n)::bytea)" };
    let insert = format!(
        "with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < {statements}) \
         insert into former_statements (release_sha256, slug, seq) select {digest}, $1, 1 from numbers"
    );
    let insert = sqlx::AssertSqlSafe(insert);
    if lite {
        let mut conn = SqliteConnection::connect(url).await.unwrap();
        sqlx::query(insert).bind(slug).execute(&mut conn).await.unwrap();
    } else {
        let mut conn = PgConnection::connect(url).await.unwrap();
        sqlx::query(insert).bind(slug).execute(&mut conn).await.unwrap();
    }
}
