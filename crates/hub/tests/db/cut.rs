//! The link to PostgreSQL is cut, or swallows everything, or comes back: callers are told soon, and the hub goes on by
//! itself.

use std::time::{Duration, Instant};

use skillsync_core::fault::{Fault as _, Kind};
use skillsync_hub::limits;
use skillsync_testkit::link::{Link, Way};

use super::*;

/// Far beyond what any of this may take: a run that hangs is ended.
const HANG: Duration = Duration::from_secs(60);

fn through_a_link<F: Future<Output = ()>>(case: impl FnOnce(Db, Link) -> F) {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    let link = Link::to(&cluster.socket());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open(&database.url_through(link.port()), Role::Server).await.unwrap();
        accounts(&db, &["acme"]).await;
        tokio::time::timeout(HANG, case(db, link)).await.expect("it hangs");
    });
}

/// Every kind of use case, at once and more often than there are connections; gives what failed how.
async fn all_at_once(db: &Db, round: u64) -> Vec<(Kind, &'static str)> {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (a, b, c, d) = (db.clone(), db.clone(), db.clone(), db.clone());
        tasks.spawn(async move { a.ping().await });
        tasks.spawn(async move { b.account(&account("acme")).await.map(drop) });
        tasks.spawn(
            async move { c.publish(&release(&format!("skill-{round}-{n}"), "acme", 1)).await.map(drop) },
        );
        tasks.spawn(async move {
            let acme = account("acme");
            d.listing(&viewer(&acme, Tier::Free, "k1"), 10).await.map(drop)
        });
    }
    let mut failed = Vec::new();
    while let Some(done) = tasks.join_next().await {
        if let Err(error) = done.unwrap() {
            failed.push((error.kind(), error.code()));
        }
    }
    failed
}

#[test]
fn a_cut_is_told_as_offline_and_mends_by_itself() {
    through_a_link(|db, link| async move {
        assert_eq!(all_at_once(&db, 0).await, []);
        for round in 1..4 {
            link.set(Way::Cut);
            let failed = all_at_once(&db, round).await;
            assert_eq!(failed.len(), 40, "{failed:?}");
            assert!(failed.iter().all(|(kind, _)| *kind == Kind::Offline), "{failed:?}");
            link.set(Way::Open);
            assert_eq!(all_at_once(&db, round).await, [], "right after it is mended");
        }
    });
}

#[test]
fn a_silence_is_told_in_time_and_holds_no_connection_afterwards() {
    through_a_link(|db, link| async move {
        assert_eq!(all_at_once(&db, 0).await, []);
        // Some are caught in the middle of their work, and the rest before it.
        let caught: Vec<_> = (0..4_u64)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move { db.publish(&release(&format!("caught-{n}"), "acme", 1)).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(2)).await;
        link.set(Way::Silent);
        let begun = Instant::now();
        let failed = all_at_once(&db, 1).await;
        assert_eq!(failed.len(), 40, "{failed:?}");
        assert!(failed.iter().all(|(kind, _)| *kind == Kind::Offline), "{failed:?}");
        for one in caught {
            if let Err(error) = one.await.unwrap() {
                assert_eq!(error.kind(), Kind::Offline, "{error:?}");
            }
        }
        // Not a measurement: a caller must not have waited for the system's own quarter of an hour.
        assert!(begun.elapsed() < 4 * (limits::DB_ANSWER + limits::DB_CONNECT), "{:?}", begun.elapsed());
        link.set(Way::Open);
        // The first may still meet a connection that is being given up; soon nobody does.
        for _ in 0..200 {
            if all_at_once(&db, 2).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not mend: {:?}", all_at_once(&db, 3).await);
    });
}

/// As when the server restarts: it says goodbye to everybody, to some of them in the middle of their work.
#[test]
fn a_server_that_throws_everybody_out_is_asked_again() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open(&database.url(), Role::Server).await.unwrap();
        accounts(&db, &["acme"]).await;
        for round in 0..5 {
            let working = db.clone();
            let work = tokio::spawn(async move { all_at_once(&working, round).await });
            database.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()",
            );
            let failed = work.await.unwrap();
            assert!(failed.iter().all(|(kind, _)| *kind == Kind::Offline), "{failed:?}");
            assert_eq!(all_at_once(&db, 100 + round).await, []);
        }
        db.close().await;
    });
}

/// The link breaks in the middle of the work, at many moments of it: what was told as done is there, and nothing is half.
#[test]
fn a_cut_in_the_middle_leaves_nothing_half_done() {
    through_a_link(|db, link| async move {
        let mut told = Vec::new();
        for round in 0..60_u64 {
            let (cutting, working) = (Duration::from_micros(round * 173 % 5_000), db.clone());
            let work =
                tokio::spawn(
                    async move { working.publish(&release(&format!("skill-{round}"), "acme", 1)).await },
                );
            tokio::time::sleep(cutting).await;
            link.set(Way::Cut);
            if let Ok(published) = work.await.unwrap() {
                done(published);
                told.push(round);
            }
            link.set(Way::Open);
        }
        let mut there = 0;
        for round in 0..60_u64 {
            let slug = name(&format!("skill-{round}"));
            let skill = db.skill(&slug).await.unwrap();
            assert_eq!(skill.is_some(), db.head(&slug).await.unwrap().is_some(), "{slug}");
            assert!(skill.is_some() || !told.contains(&round), "{slug} was told as done");
            there += u64::from(skill.is_some());
        }
        let acme = account("acme");
        let listing = db.listing(&viewer(&acme, Tier::Free, "k1"), 100).await.unwrap();
        assert_eq!((listing.skills.len() as u64, listing.generation), (there, 1 + there));
    });
}
