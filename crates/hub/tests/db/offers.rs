//! What the open indexes list where there is no room for all, and over a slow link.

use super::*;

/// A public release whose list of files has so many bytes.
fn sized(slug: &str, owner: &str, seq: u64, bytes: usize) -> NewRelease {
    NewRelease { files_json: "x".repeat(bytes), offer_json: String::new(), ..release(slug, owner, seq) }
}

async fn listed(db: &Db, most: usize, room: usize) -> (String, String) {
    let offers = db.offers(most, room, 100_000).await.unwrap();
    let listed: Vec<_> = offers.rows.iter().map(|row| row.slug.as_str()).collect();
    (listed.join(" "), offers.no_room.join(" "))
}

fn both(listed: &str, no_room: &str) -> (String, String) {
    (listed.to_owned(), no_room.to_owned())
}

#[test]
fn nobody_takes_room_in_the_indexes_from_who_has_less() {
    on_both(|db| async move {
        accounts(&db, &["acme", "other"]).await;
        let private = Some(Visibility::Private);
        for new in [
            sized("a-1", "acme", 1, 10),
            NewRelease { visibility: private, ..sized("a-2", "acme", 1, 10) },
            sized("b-1", "other", 1, 1_000),
            sized("b-2", "other", 1, 1_000),
            sized("b-3", "other", 1, 1_000),
        ] {
            done(db.publish(&new).await.unwrap());
        }
        let room = 10_000;
        assert_eq!(listed(&db, 10, room).await, both("a-1 b-1 b-2 b-3", ""));
        // Older skills that grow, and those that become public, take nothing from others.
        done(db.publish(&sized("a-1", "acme", 2, 6_000)).await.unwrap());
        assert_eq!(listed(&db, 10, room).await, both("b-1 b-2 b-3 a-1", ""));
        let public = Some(Visibility::Public);
        let new = NewRelease { visibility: public, ..sized("a-2", "acme", 2, 900) };
        done(db.publish(&new).await.unwrap());
        assert_eq!(listed(&db, 10, room).await, both("b-1 b-2 b-3 a-1 a-2", ""));
        assert_eq!(listed(&db, 4, room).await, both("b-1 b-2 b-3 a-1", "a-2"));
        done(db.publish(&sized("a-1", "acme", 3, 9_000)).await.unwrap());
        assert_eq!(listed(&db, 10, room).await, both("b-1 b-2 b-3", "a-1 a-2"));
        // Who has more than a share gives way to who has less, and keeps the oldest.
        done(db.publish(&sized("a-1", "acme", 4, 500)).await.unwrap());
        for n in 4..14 {
            done(db.publish(&sized(&format!("b-{n}"), "other", 1, 1_000)).await.unwrap());
        }
        let (has, has_not) = listed(&db, 100, room).await;
        assert_eq!(has, "a-1 b-1 a-2 b-2 b-3 b-4 b-5 b-6 b-7 b-8");
        assert_eq!(has_not, "b-9 b-10 b-11 b-12 b-13");
        assert_eq!(listed(&db, 100, 100_000).await.1, "");
    });
}

#[test]
fn all_that_have_no_room_are_counted() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        for n in 0..40 {
            done(db.publish(&sized(&format!("skill-{n:02}"), "acme", 1, 100)).await.unwrap());
        }
        for (most, room, listed, named) in [(2, 10_000, 2, 20), (40, 250, 2, 38), (40, 10_000, 40, 0)] {
            let offers = db.offers(most, room, 1_000).await.unwrap();
            assert_eq!((offers.rows.len(), offers.no_room.len()), (listed, named), "{most} {room}");
            assert_eq!(listed + named + offers.no_room_unnamed, 40, "{most} {room}");
        }
        assert_eq!(db.offers(0, 0, 10).await.unwrap().no_room_unnamed, 0, "too large for any room");
    });
}

/// An older hub noted nothing: where there is little room, the same skills have it before that is made up for and after.
#[test]
fn what_an_index_says_of_a_skill_takes_no_room_from_others() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        for slug in ["a", "b", "c"] {
            let new = NewRelease { offer_json: "x".repeat(100), ..sized(slug, "acme", 1, 100) };
            done(db.publish(&new).await.unwrap());
        }
        assert_eq!(listed(&db, 10, 250).await, both("a b", "c"));
    });
}

#[test]
fn a_list_that_is_too_large_is_left_out_and_named() {
    on_both(|db| async move {
        accounts(&db, &["acme"]).await;
        for (slug, bytes) in [("large", 2_000), ("small", 10), ("larger", 3_000)] {
            done(db.publish(&sized(slug, "acme", 1, bytes)).await.unwrap());
        }
        let offers = db.offers(10, 10_000, 1_000).await.unwrap();
        assert_eq!((offers.rows.len(), offers.too_large.join(" ")), (1, "large larger".to_owned()));
    });
}

/// Each question is bounded, not all of them together.
#[test]
fn a_long_list_may_come_slowly() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    run(&database.url(), |db| {
        let database = &database;
        async move {
            accounts(&db, &["acme"]).await;
            for n in 0..750 {
                done(db.publish(&release(&format!("skill-{n}"), "acme", 1)).await.unwrap());
            }
            for statement in [
                "create function slowly(bytea) returns bytea language plpgsql stable \
                 as 'begin perform pg_sleep(0.008); return $1; end'",
                "alter table releases rename to kept",
                "create view releases as select slug, seq, version, slowly(content_hash) as content_hash, \
                 tarball_sha256, size_bytes, files_json, offer_json from kept",
            ] {
                database.sql(statement);
            }
            assert_eq!(db.offers(1_000, 10_000_000, 100_000).await.unwrap().rows.len(), 750);
        }
    });
}
