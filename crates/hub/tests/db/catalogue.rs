//! Publishing and what is read back.

use skillsync_hub::db::{By, YankOrder, Yanked};

use super::*;

#[test]
fn what_is_published_reads_back() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        let before = db.generation().await.unwrap();
        let first = NewRelease { category: Some("docs".to_owned()), ..release("pdf", "acme", 1) };
        let generation = done(db.publish(&first).await.unwrap());
        assert!(generation > before && generation == db.generation().await.unwrap());
        let second = NewRelease { visibility: None, tier: Some(Tier::Pro), ..release("pdf", "acme", 2) };
        done(db.publish(&second).await.unwrap());

        let skill = db.skill(&name("pdf")).await.unwrap().unwrap();
        assert_eq!((skill.owner.as_str(), &*skill.category), ("acme", "docs"));
        assert_eq!((skill.visibility, skill.tier), (Visibility::Public, Tier::Pro), "what is not said stays");
        assert_eq!(
            (skill.last_seq, skill.head_seq, skill.head_version),
            (2, Some(2), Some(version("1.2.0")))
        );
        assert_eq!((skill.created_at, skill.updated_at), (at(1), at(2)));
        let list = db.releases(&name("pdf"), 10).await.unwrap();
        assert_eq!(list.iter().map(|r| r.seq).collect::<Vec<_>>(), [2, 1]);
        let one = db.release(&name("pdf"), &version("1.1.0")).await.unwrap().unwrap();
        assert_eq!(one, list[1]);
        assert_eq!((one.content_hash, one.tarball_sha256), (first.content_hash, first.tarball_sha256));
        assert_eq!((one.release_sha256, one.release_size), (first.release_sha256, first.release_size));
        assert_eq!((one.size_bytes, one.unpacked_bytes, one.files), (1_001, 4_000, 1));
        assert_eq!((&*one.signature, &*one.changelog, one.published_at), ("c2ln", "change 1", at(1)));
        assert!(one.yanked_at.is_none() && one.yank_reason.is_none() && !one.revoked);
        let files = db.files(&name("pdf"), None).await.unwrap().unwrap();
        assert_eq!((files.release.seq, files.files_json), (2, second.files_json.clone()));
        let files = db.files(&name("pdf"), Some(&version("1.1.0"))).await.unwrap().unwrap();
        assert_eq!((files.release.seq, files.files_json), (1, first.files_json.clone()));

        let absent = name("absent");
        assert_eq!(db.skill(&absent).await.unwrap(), None);
        assert_eq!(db.head(&absent).await.unwrap(), None);
        assert_eq!(db.files(&absent, None).await.unwrap(), None);
        assert!(db.releases(&absent, 10).await.unwrap().is_empty());
    });
}

#[test]
fn a_release_that_does_not_follow_changes_nothing() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        assert_eq!(
            db.publish(&release("pdf", "acme", 2)).await.unwrap(),
            Published::SeqTaken { last_seq: 0 }
        );
        done(db.publish(&release("pdf", "acme", 1)).await.unwrap());
        let before = (db.skill(&name("pdf")).await.unwrap(), db.generation().await.unwrap());

        let again = db.publish(&release("pdf", "acme", 1)).await.unwrap();
        let Published::VersionExists(there) = again else { panic!("{again:?}") };
        assert_eq!(there.content_hash, release("pdf", "acme", 1).content_hash);
        let same_version = NewRelease { version: version("1.1.0"), ..release("pdf", "acme", 2) };
        assert!(matches!(db.publish(&same_version).await.unwrap(), Published::VersionExists(_)));
        for seq in [1, 3] {
            let astray = NewRelease { seq, version: version("9.0.0"), ..release("pdf", "acme", 7) };
            assert_eq!(db.publish(&astray).await.unwrap(), Published::SeqTaken { last_seq: 1 });
        }
        assert_eq!(db.publish(&release("pdf", "other", 2)).await.unwrap(), Published::SlugTaken);
        assert_eq!((db.skill(&name("pdf")).await.unwrap(), db.generation().await.unwrap()), before);
        assert_eq!(db.releases(&name("pdf"), 10).await.unwrap().len(), 1);

        let nobody = db.publish(&release("new", "nobody", 1)).await.unwrap_err();
        assert!(matches!(nobody, skillsync_hub::db::Error::Dangling { .. }), "{nobody:?}");
        assert_eq!(db.skill(&name("new")).await.unwrap(), None);
    });
}

#[test]
fn what_is_yanked_is_no_head_and_stays_yanked() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        for seq in 1..=3 {
            done(db.publish(&release("pdf", "acme", seq)).await.unwrap());
        }
        let (pdf, acme, other) = (name("pdf"), account("acme"), account("other"));
        let (two, three) = (version("1.2.0"), version("1.3.0"));
        let order = YankOrder { slug: &pdf, version: &three, reason: "broken", revoke: false };
        assert_eq!(db.yank(By::Account(&other), &order, at(9)).await.unwrap(), Yanked::NotFound);
        let before = db.generation().await.unwrap();
        let done = db.yank(By::Account(&acme), &order, at(9)).await.unwrap();
        assert_eq!(done, Yanked::Done { generation: before + 1 });
        assert_eq!(db.yank(By::Account(&acme), &order, at(10)).await.unwrap(), Yanked::Already);
        assert_eq!(db.head(&pdf).await.unwrap().unwrap().seq, 2);
        let last = db.last(&pdf).await.unwrap().unwrap();
        assert_eq!((last.seq, last.yanked_at, last.yank_reason.as_deref()), (3, Some(at(9)), Some("broken")));
        let absent = YankOrder { version: &version("9.9.9"), ..order };
        assert_eq!(db.yank(By::Admin, &absent, at(9)).await.unwrap(), Yanked::NotFound);

        let restrictions = db.restrictions().await.unwrap();
        assert!(restrictions.revoked.is_empty() && restrictions.floors.is_empty());
        let revoke = YankOrder { reason: "malware", revoke: true, ..order };
        assert!(matches!(db.yank(By::Admin, &revoke, at(11)).await.unwrap(), Yanked::Done { .. }));
        assert_eq!(db.yank(By::Admin, &revoke, at(12)).await.unwrap(), Yanked::Already);
        let last = db.last(&pdf).await.unwrap().unwrap();
        assert_eq!(
            (last.yanked_at, last.yank_reason.as_deref(), last.revoked),
            (Some(at(9)), Some("malware"), true)
        );
        assert!(db.set_floor(By::Account(&acme), &pdf, 2, at(12)).await.unwrap());
        let below = db.release(&pdf, &version("1.1.0")).await.unwrap().unwrap();
        assert_eq!((below.yanked_at, below.yank_reason.as_deref()), (Some(at(12)), Some("below the floor")));
        for (by, seq) in [(By::Account(&acme), 2), (By::Admin, 1), (By::Admin, 4), (By::Account(&other), 3)] {
            assert!(!db.set_floor(by, &pdf, seq, at(12)).await.unwrap(), "{by:?} {seq}");
        }
        let after = db.restrictions().await.unwrap();
        assert_eq!(after.warnings, restrictions.warnings + 2);
        assert_eq!(after.revoked[0].release_sha256, release("pdf", "acme", 3).release_sha256);
        assert_eq!((&*after.revoked[0].reason, after.revoked.len(), after.floors[&pdf]), ("malware", 1, 2));

        for version in [&two, &version("1.1.0")] {
            db.yank(By::Account(&acme), &YankOrder { version, ..order }, at(13)).await.unwrap();
        }
        assert_eq!(db.head(&pdf).await.unwrap(), None);
        assert_eq!(db.files(&pdf, None).await.unwrap(), None);
        let skill = db.skill(&pdf).await.unwrap().unwrap();
        assert_eq!((skill.last_seq, skill.head_seq, skill.head_version), (3, None, None));
        super::done(db.publish(&release("pdf", "acme", 4)).await.unwrap());
        assert_eq!(db.head(&pdf).await.unwrap().unwrap().seq, 4);

        assert!(!db.deprecate(By::Account(&other), &pdf, Some("old"), None).await.unwrap());
        assert!(db.deprecate(By::Account(&acme), &pdf, Some("old"), Some(&name("docs"))).await.unwrap());
        let skill = db.skill(&pdf).await.unwrap().unwrap();
        assert_eq!((skill.deprecated.as_deref(), skill.replaced_by), (Some("old"), Some(name("docs"))));
        assert!(db.deprecate(By::Admin, &pdf, None, Some(&name("docs"))).await.unwrap());
        let skill = db.skill(&pdf).await.unwrap().unwrap();
        assert_eq!((skill.deprecated, skill.replaced_by), (None, None));
    });
}

#[test]
fn revoked_files_are_refused_by_the_step_that_takes_a_release() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        let first = release("pdf", "acme", 1);
        done(db.publish(&first).await.unwrap());
        let (pdf, one) = (name("pdf"), version("1.1.0"));
        let order = YankOrder { slug: &pdf, version: &one, reason: "malware", revoke: true };
        db.yank(By::Admin, &order, at(9)).await.unwrap();
        let before = (db.generation().await.unwrap(), db.skill(&pdf).await.unwrap());
        // Whoever looked before the revocation comes with this.
        let again = NewRelease { content_hash: first.content_hash, ..release("pdf", "acme", 2) };
        assert_eq!(db.publish(&again).await.unwrap(), Published::FilesRevoked);
        let thief = NewRelease { content_hash: first.content_hash, ..release("pdf", "other", 2) };
        assert_eq!(db.publish(&thief).await.unwrap(), Published::SlugTaken, "and is told nothing of it");
        assert_eq!((db.generation().await.unwrap(), db.skill(&pdf).await.unwrap()), before);
        let copy = NewRelease { content_hash: first.content_hash, ..release("docs", "other", 1) };
        done(db.publish(&copy).await.unwrap());
        done(db.publish(&release("pdf", "acme", 2)).await.unwrap());
    });
}

#[test]
fn a_blob_is_of_the_skills_that_name_it() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        let first = release("pdf", "acme", 1);
        done(db.publish(&first).await.unwrap());
        let same = NewRelease { tarball_sha256: first.tarball_sha256, ..release("pdf", "acme", 2) };
        done(db.publish(&same).await.unwrap());
        let twin = NewRelease {
            tarball_sha256: first.tarball_sha256,
            visibility: Some(Visibility::Private),
            tier: Some(Tier::Operator),
            ..release("docs", "acme", 1)
        };
        done(db.publish(&twin).await.unwrap());
        let owners = db.tarball_access(&first.tarball_sha256).await.unwrap();
        let seen: Vec<_> = owners.iter().map(|o| (o.slug.as_str(), o.visibility, o.tier)).collect();
        let expected =
            [("docs", Visibility::Private, Tier::Operator), ("pdf", Visibility::Public, Tier::Free)];
        assert_eq!(seen, expected);
        assert_eq!(db.release_access(&first.release_sha256).await.unwrap()[0].slug, name("pdf"));
        assert!(db.release_access(&EnvelopeDigest::of(b"absent")).await.unwrap().is_empty());
    });
}
