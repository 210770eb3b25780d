//! Many at once, as several hubs on one database are: nothing is lost, nothing is done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use skillsync_hub::db::{ManifestRow, Stamp};
use skillsync_hub::signer::pieces::{ListDigest, Pieces};
use tokio::task::JoinSet;

use super::*;

const RACERS: u64 = 8;
const EACH: u64 = 12;

async fn all(mut tasks: JoinSet<()>) {
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[test]
fn releases_of_one_skill_have_every_number_once() {
    on_both(|db| async move { publish_at_once(&vec![db; RACERS as usize]).await });
}

#[test]
fn several_hubs_on_one_database_do_not_get_in_each_others_way() {
    at_both(|url| {
        run(url, |db| async move {
            let mut hubs = vec![db];
            for role in [Role::Server, Role::Tool] {
                hubs.push(Db::open(url, role).await.unwrap());
            }
            publish_at_once(&hubs).await;
            for hub in &hubs[1..] {
                hub.close().await;
            }
        });
    });
}

/// Each of these publishes versions of one skill, whenever the others let it.
async fn publish_at_once(hubs: &[Db]) {
    let db = &hubs[0];
    accounts(db, &["acme"]).await;
    let before = db.generation().await.unwrap();
    let mut tasks = JoinSet::new();
    for (racer, db) in hubs.iter().enumerate() {
        let db = db.clone();
        tasks.spawn(async move {
            for n in 0..EACH {
                let mut seq = 1;
                loop {
                    let mine = version(&format!("{}.{n}.0", racer + 1));
                    match db
                        .publish(&NewRelease { version: mine, ..release("pdf", "acme", seq) })
                        .await
                        .unwrap()
                    {
                        Published::Done { .. } => break,
                        Published::SeqTaken { last_seq } => seq = last_seq + 1,
                        other => panic!("{other:?}"),
                    }
                }
            }
        });
    }
    all(tasks).await;
    let total = hubs.len() as u64 * EACH;
    let releases = db.releases(&name("pdf"), 100).await.unwrap();
    let seqs: Vec<u64> = releases.iter().rev().map(|r| r.seq).collect();
    assert_eq!(seqs, (1..=total).collect::<Vec<_>>());
    let mut versions: Vec<_> = releases.iter().map(|r| r.version.clone()).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len() as u64, total);
    let skill = db.skill(&name("pdf")).await.unwrap().unwrap();
    assert_eq!((skill.last_seq, skill.head_seq), (total, Some(total)));
    assert_eq!(db.generation().await.unwrap(), before + total);
}

#[test]
fn of_many_who_replace_one_manifest_one_does() {
    on_both(|db| async move {
        let mut tasks = JoinSet::new();
        let wins = Arc::new(AtomicU64::new(0));
        for racer in 0..RACERS {
            let (db, wins) = (db.clone(), wins.clone());
            tasks.spawn(async move {
                for _ in 0..EACH {
                    let expected = db.manifest(&audience("k1")).await.unwrap().map(|m| m.stamp);
                    let version = expected.map_or(1, |stamp| stamp.version + 1);
                    let row = ManifestRow {
                        audience: audience("k1"),
                        epoch: 1,
                        stamp: Stamp { version, generation: racer },
                        issued_at: at(0),
                        expires_at: at(9),
                        sha256: EnvelopeDigest::of(&[racer as u8]),
                        pieces: Pieces::whole(vec![racer as u8]),
                    };
                    if db.put_manifest(expected, &row, None).await.unwrap() {
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        all(tasks).await;
        let last = db.manifest(&audience("k1")).await.unwrap().unwrap();
        assert_eq!(last.stamp.version, wins.load(Ordering::Relaxed), "each win is one version");
        assert_eq!(last.pieces.head[..], [last.stamp.generation as u8], "and one row is of one writer");
    });
}

#[test]
fn installs_and_publishing_at_once_lose_no_count() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        done(db.publish(&release("pdf", "acme", 1)).await.unwrap());
        let mut tasks = JoinSet::new();
        for racer in 0..RACERS {
            let db = db.clone();
            tasks.spawn(async move {
                for n in 0..EACH {
                    let id = format!("k{racer}-{n}");
                    db.insert_key(&key(&id, "acme")).await.unwrap();
                    assert!(db.count_install(&id, &audience(&id), &name("pdf"), at(1)).await.unwrap());
                    db.touch_key(&id, at(2)).await.unwrap();
                    db.put_state(&id, at(3), "[]").await.unwrap();
                    let other = format!("skill-{racer}-{n}");
                    done(db.publish(&release(&other, "acme", 1)).await.unwrap());
                }
            });
        }
        all(tasks).await;
        let total = RACERS * EACH;
        assert_eq!(db.skill(&name("pdf")).await.unwrap().unwrap().installs, total);
        let acme = account("acme");
        let listing = db.listing(&viewer(&acme, Tier::Free, "k0-0"), 5_000).await.unwrap();
        assert_eq!(listing.skills.len() as u64, total + 1);
    });
}

/// A server drops the work of a caller that goes away, wherever it is.
#[test]
fn work_that_is_given_up_is_done_or_not_and_holds_nothing() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        let before = db.generation().await.unwrap();
        for round in 0..150_u64 {
            let slug = format!("skill-{round}");
            let patience = Duration::from_micros(round * 37 % 4_000);
            let new = release(&slug, "acme", 1);
            let _ = tokio::time::timeout(patience, db.publish(&new)).await;
        }
        let mut published = 0;
        for round in 0..150_u64 {
            let slug = name(&format!("skill-{round}"));
            let skill = db.skill(&slug).await.unwrap();
            assert_eq!(skill.is_some(), db.last(&slug).await.unwrap().is_some(), "{slug}");
            published += u64::from(skill.is_some());
        }
        assert_eq!(db.generation().await.unwrap(), before + published);
        done(db.publish(&release("last", "acme", 1)).await.unwrap());
    });
}

#[test]
fn lists_are_cleared_while_others_begin_to_use_them_and_no_manifest_lacks_its_own() {
    on_both(|db| async move {
        let mut tasks = JoinSet::new();
        for racer in 0..RACERS {
            let db = db.clone();
            tasks.spawn(async move {
                for step in 0..EACH {
                    if racer % 4 == 0 {
                        db.clear_manifest_lists(at(50)).await.unwrap();
                        continue;
                    }
                    let audience = audience(&format!("k{racer}"));
                    let before = db.manifest(&audience).await.unwrap();
                    let list = Bytes::from(format!("list {}", step % 3));
                    let row = ManifestRow {
                        audience,
                        epoch: 1,
                        stamp: Stamp { version: step + 1, generation: 1 },
                        issued_at: at(0),
                        expires_at: at(9),
                        sha256: EnvelopeDigest::of(&list),
                        pieces: Pieces { list: Some(ListDigest::of(&list)), ..Pieces::whole("head") },
                    };
                    // A lost race is run again, as the hub does.
                    while !db
                        .put_manifest(before.as_ref().map(|row| row.stamp), &row, Some(&list))
                        .await
                        .unwrap()
                    {}
                    assert_eq!(db.manifest_list(&ListDigest::of(&list)).await.unwrap(), Some(list));
                }
            });
        }
        all(tasks).await;
    });
}
