//! What a caller may have, what it installed, what it lost.

use skillsync_hub::db::{By, Listing, Loss, ManifestRow, Stamp, YankOrder};
use skillsync_hub::signer::pieces::Pieces;

use super::*;

fn slugs(listing: &Listing) -> String {
    listing.skills.iter().map(|s| s.slug.as_str()).collect::<Vec<_>>().join(" ")
}

fn lost(listing: &Listing) -> String {
    listing.lost.iter().map(|l| format!("{}:{}", l.slug, l.loss.as_str())).collect::<Vec<_>>().join(" ")
}

/// Skills of two accounts, of each tier and visibility; in an order that is not that of their names.
async fn catalogue(db: &Db) {
    accounts(db, &["acme", "other"]).await;
    for (slug, owner, visibility, tier) in [
        ("zeta", "other", Visibility::Public, Tier::Free),
        ("mid-9", "other", Visibility::Public, Tier::Pro),
        ("mid", "other", Visibility::Public, Tier::Operator),
        ("secret", "other", Visibility::Private, Tier::Free),
        ("own", "acme", Visibility::Private, Tier::Operator),
        ("alpha", "acme", Visibility::Public, Tier::Free),
    ] {
        let new = NewRelease { visibility: Some(visibility), tier: Some(tier), ..release(slug, owner, 1) };
        done(db.publish(&new).await.unwrap());
    }
    for (id, owner) in [("k1", "acme"), ("k2", "acme"), ("o1", "other")] {
        assert!(db.insert_key(&key(id, owner)).await.unwrap());
    }
}

#[test]
fn a_caller_gets_what_is_its_own_and_what_is_public_for_its_tier() {
    on_both(|db| async move {
        catalogue(&db).await;
        let (acme, other) = (account("acme"), account("other"));
        for (who, tier, expected) in [
            (&acme, Tier::Free, "alpha own zeta"),
            (&acme, Tier::Pro, "alpha mid-9 own zeta"),
            (&acme, Tier::Operator, "alpha mid mid-9 own zeta"),
            (&other, Tier::Free, "alpha mid mid-9 secret zeta"),
        ] {
            let listing = db.listing(&viewer(who, tier, "k1"), 100).await.unwrap();
            assert_eq!(slugs(&listing), expected, "{who} {tier}");
            assert!(!listing.is_cut && listing.lost.is_empty());
            assert_eq!(listing.generation, db.generation().await.unwrap());
        }
        done(db.publish(&release("zeta", "other", 2)).await.unwrap());
        let listing = db.listing(&viewer(&acme, Tier::Free, "k1"), 100).await.unwrap();
        let (zeta, expected) = (listing.skills.last().unwrap(), release("zeta", "other", 2));
        assert_eq!((zeta.seq, &zeta.version), (2, &expected.version));
        assert_eq!(
            (zeta.release_sha256, zeta.release_size),
            (expected.release_sha256, expected.release_size)
        );
        assert_eq!((zeta.tarball_sha256, zeta.size_bytes), (expected.tarball_sha256, expected.size_bytes));
    });
}

#[test]
fn what_is_over_the_limit_leaves_out_what_was_never_installed() {
    on_both(|db| async move {
        catalogue(&db).await;
        let acme = account("acme");
        let who = viewer(&acme, Tier::Operator, "k1");
        let cut = async |limit| {
            let listing = db.listing(&who, limit).await.unwrap();
            format!("{}{}", slugs(&listing), if listing.is_cut { " ..." } else { "" })
        };
        assert_eq!(cut(5).await, "alpha mid mid-9 own zeta");
        assert_eq!(cut(4).await, "alpha mid mid-9 own ...");
        assert_eq!(cut(3).await, "alpha mid own ...");
        assert!(db.count_install("k1", &audience("k1"), &name("zeta"), at(1)).await.unwrap());
        assert_eq!(cut(3).await, "alpha own zeta ...");
        assert_eq!(cut(2).await, "alpha own ...");
        let others = db.listing(&viewer(&acme, Tier::Operator, "k2"), 3).await.unwrap();
        assert_eq!(slugs(&others), "alpha mid own", "what another key installed does not count");
    });
}

#[test]
fn what_was_installed_and_is_gone_is_said_with_its_reason() {
    on_both(|db| async move {
        catalogue(&db).await;
        let (acme, one) = (account("acme"), version("1.1.0"));
        for slug in ["zeta", "mid", "mid-9", "alpha", "own"] {
            db.count_install("k1", &audience("k1"), &name(slug), at(1)).await.unwrap();
        }
        let who = viewer(&acme, Tier::Operator, "k1");
        assert_eq!(lost(&db.listing(&who, 100).await.unwrap()), "");
        for (slug, revoke) in [("zeta", false), ("mid-9", true)] {
            let slug = name(slug);
            let order = YankOrder { slug: &slug, version: &one, reason: "bad", revoke };
            db.yank(By::Admin, &order, at(2)).await.unwrap();
        }
        let listing = db.listing(&who, 100).await.unwrap();
        assert_eq!((&*slugs(&listing), &*lost(&listing)), ("alpha mid own", "mid-9:revoked zeta:yanked"));
        let private = NewRelease { visibility: Some(Visibility::Private), ..release("zeta", "other", 2) };
        done(db.publish(&private).await.unwrap());
        let listing = db.listing(&viewer(&acme, Tier::Pro, "k1"), 100).await.unwrap();
        let expected = "mid:access mid-9:revoked zeta:access";
        assert_eq!((&*slugs(&listing), &*lost(&listing)), ("alpha own", expected));
        assert_eq!(listing.lost[0].loss, Loss::Access);
        assert_eq!(lost(&db.listing(&viewer(&acme, Tier::Pro, "k2"), 100).await.unwrap()), "");
    });
}

#[test]
fn an_install_counts_once_for_each_key() {
    on_both(|db| async move {
        catalogue(&db).await;
        let aud = audience("k1");
        let stamp = Stamp { version: 1, generation: db.generation().await.unwrap() };
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
        let zeta = name("zeta");
        for (key, first) in [("k1", true), ("k1", false), ("k2", true), ("o1", true), ("k2", false)] {
            assert_eq!(db.count_install(key, &audience(key), &zeta, at(5)).await.unwrap(), first, "{key}");
        }
        let skill = db.skill(&zeta).await.unwrap().unwrap();
        assert_eq!(skill.installs, 3);
        let stamp = db.manifest(&aud).await.unwrap().unwrap().stamp;
        assert_eq!(stamp, Stamp { version: 1, generation: 0 }, "what was installed comes first from now on");
        done(db.publish(&release("zeta", "other", 2)).await.unwrap());
        assert_eq!(db.skill(&zeta).await.unwrap().unwrap().installs, 3, "a release does not begin anew");
    });
}

#[test]
fn a_listing_is_cut_by_its_bytes_too_and_what_is_ones_own_comes_first() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        // Such versions are refused at publishing; a hub may have them from before it did so.
        let long = version(&format!("1.0.0-{}", "a".repeat(44_000)));
        for number in 0..80 {
            let slug = format!("long-{number}");
            done(
                db.publish(&NewRelease { version: long.clone(), ..release(&slug, "other", 1) })
                    .await
                    .unwrap(),
            );
        }
        done(db.publish(&release("zz-own", "acme", 1)).await.unwrap());
        done(db.publish(&release("zz-public", "other", 1)).await.unwrap());
        let acme = account("acme");
        let listing = db.listing(&viewer(&acme, Tier::Free, "k1"), 5_000).await.unwrap();
        let bytes: usize = listing.skills.iter().map(|s| s.version.to_string().len()).sum();
        assert!(listing.is_cut && bytes < 3 * 1024 * 1024, "{bytes}");
        assert!(slugs(&listing).ends_with(" zz-own zz-public"), "what is short has room");
    });
}
