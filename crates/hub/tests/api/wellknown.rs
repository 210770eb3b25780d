//! The open indexes and what they name: public for everybody, and nothing else.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::{IF_NONE_MATCH, ORIGIN};
use skillsync_hub::blobs::BlobKey;
use skillsync_hub::db::{Db, OfferRow, Role};
use skillsync_hub::http::Behaviour;
use skillsync_wire::api::publish::{Announcement, PublishReply, Yank};
use skillsync_wire::api::skill::{Tier, Visibility};
use skillsync_wire::archive::Reader;
use skillsync_wire::wellknown::{Entry, Index, Version};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::house::{asking, said};
use super::*;

pub(crate) const NEW: &str = "/.well-known/agent-skills";
pub(crate) const OLD: &str = "/.well-known/skills";

/// Whether a page of another site may read the answer and which edition it is.
fn is_readable(answer: &Answer) -> bool {
    let [origin, headers] =
        ["access-control-allow-origin", "access-control-expose-headers"].map(|name| answer.header(name));
    (origin, headers) == ("*", "etag")
}

pub(crate) async fn index(house: &House, folder: &str) -> (Vec<Entry>, Vec<u8>) {
    let answer = house.ask(Method::GET, &format!("{folder}/index.json"), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let index = Index::parse(&answer.body).unwrap();
    assert!(index.bad.is_empty() && index.version == if folder == NEW { Version::V02 } else { Version::V01 });
    (index.entries, answer.body)
}

pub(crate) async fn names(house: &House) -> Vec<String> {
    let (new, _) = index(house, NEW).await;
    let (old, _) = index(house, OLD).await;
    let [new, old] = [new, old].map(|e| e.into_iter().map(|e| e.name.to_string()).collect::<Vec<_>>());
    assert_eq!(new, old);
    new
}

async fn upload(house: &House, key: &str, slug: &str, tier: Option<Tier>, visibility: Visibility) {
    let said = Announcement { visibility: Some(visibility), tier, ..said(slug) };
    let answer = house.upload(key, &said, &skill(slug, "x")).await;
    answer.json::<PublishReply>(StatusCode::CREATED);
}

#[test]
fn p1_what_is_public_is_served_as_a_site_serves_it() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        assert_eq!(names(&house).await, [""; 0], "an empty hub has an empty index");
        let published = house.publish(&owner, "pdf", "x").await;
        let csv = b"---\nname: csv\ndescription: Reads CSV. Use it for tables.\n---\n# CSV\n";
        let said = Announcement { visibility: Some(Visibility::Public), ..said("csv") };
        house
            .upload(&owner, &said, &archive(&[("SKILL.md", csv)]))
            .await
            .json::<PublishReply>(StatusCode::CREATED);
        assert_eq!(names(&house).await, ["csv", "pdf"]);

        for (path, content_type) in [
            ("index.json", "application/json"),
            ("pdf.tar.gz", "application/gzip"),
            ("pdf/SKILL.md", "text/markdown; charset=utf-8"),
            ("pdf/scripts/run.sh", "text/plain; charset=utf-8"),
            ("csv/SKILL.md", "text/markdown; charset=utf-8"),
        ] {
            for folder in [NEW, OLD] {
                let at = format!("{folder}/{path}");
                let answer = house.ask(Method::GET, &at, None).await;
                assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, content_type));
                assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{at}");
                assert_eq!(answer.header("cache-control"), "public, no-cache", "{at}");
                assert!(is_readable(&answer), "{at}");
                assert_eq!(answer.header("x-content-type-options"), "nosniff", "{at}");
                assert_eq!((answer.header("vary"), answer.header("set-cookie")), ("", ""), "{at}");
                let digest = skillsync_core::digest::FileDigest::of(&answer.body);
                assert_eq!(answer.header("etag"), format!("\"{}\"", digest.hex()), "of the bytes: {at}");

                let head = house.ask(Method::HEAD, &at, None).await;
                assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{at}");
                for header in ["content-type", "content-length", "etag", "cache-control"] {
                    assert_eq!(head.header(header), answer.header(header), "{at}");
                }
                for tag in [answer.header("etag").to_owned(), format!("W/{}", answer.header("etag"))] {
                    let again = asking(Method::GET, &at, None).header(IF_NONE_MATCH, tag);
                    let again = again.header(ORIGIN, "https://elsewhere.example");
                    let again = house.send(again.body(Body::empty()).unwrap()).await;
                    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{at}");
                    assert!(is_readable(&again), "{at}");
                    assert_eq!(again.header("etag"), answer.header("etag"), "{at}");
                }
            }
        }
        assert_eq!(house.ask(Method::GET, &format!("{NEW}/pdf.tar.gz"), None).await.body, skill("pdf", "x"));
        // The entries tell the truth about what is there.
        for folder in [NEW, OLD] {
            let (entries, _) = index(&house, folder).await;
            let pdf = entries.iter().find(|entry| entry.name.as_str() == "pdf").unwrap();
            let packed = skill("pdf", "x");
            let mut reader = Reader::unknown(&packed[..]);
            assert_eq!((&mut reader).map(Result::unwrap).count(), 2);
            pdf.check_tree(&reader.finish().unwrap().tree).unwrap();
            assert_eq!(pdf.extra["version"], "1.0.0");
            assert_eq!(pdf.description, "Knows pdf. Use it for pdf.");
        }
        assert_eq!(published.version.to_string(), "1.0.0");

        for path in [
            "",
            "/",
            "/csv.tar.gz",
            "/none/SKILL.md",
            "/pdf",
            "/pdf/",
            "/pdf/none.md",
            "/pdf/../pdf/SKILL.md",
            "/pdf//SKILL.md",
            "/PDF/SKILL.md",
            "/pdf.zip",
            "/index.json/",
            "/pdf/scripts",
            "/%2e%2e/x",
        ] {
            for folder in [NEW, OLD] {
                let answer = house.ask(Method::GET, &format!("{folder}{path}"), None).await;
                let code = answer.problem(404);
                assert!(["not-in-index", "route-not-found"].contains(&&*code), "{path}: {code}");
                assert!(is_readable(&answer), "{path}");
            }
        }
        for path in ["/%ff", "/pdf/%ff.md", "/pdf%2fnone.md"] {
            let answer = house.ask(Method::GET, &format!("{NEW}{path}"), None).await;
            assert_eq!(
                (answer.problem(404), is_readable(&answer)),
                ("not-in-index".to_owned(), true),
                "{path}"
            );
        }
        let posted = house.ask(Method::POST, &format!("{OLD}/index.json"), None).await;
        assert_eq!((posted.problem(405), is_readable(&posted)), ("method-not-allowed".to_owned(), true));
        // A page of another site may say which edition it has.
        for path in ["index.json", "pdf.tar.gz", "pdf/SKILL.md"] {
            for folder in [NEW, OLD] {
                let asked = house.ask(Method::OPTIONS, &format!("{folder}/{path}"), None).await;
                assert_eq!((asked.status, is_readable(&asked)), (StatusCode::NO_CONTENT, true), "{path}");
                assert_eq!(asked.header("access-control-allow-headers"), "if-none-match", "{path}");
            }
        }
        let encoded = house.ask(Method::GET, &format!("{OLD}/pdf/%53KILL.md"), None).await;
        assert_eq!(encoded.status, StatusCode::OK);
        assert!(!is_readable(&house.ask(Method::GET, "/api/skills/pdf", None).await));
        let full = house.twin_with(Behaviour { in_flight: 0, ..Behaviour::default() }, |_| {}).await;
        let busy = full.ask(Method::GET, &format!("{OLD}/index.json"), None).await;
        assert_eq!((busy.problem(503), is_readable(&busy)), ("hub-busy".to_owned(), true));
        full.http.app().close().await;
    });
}

#[test]
fn p1_what_is_not_for_everybody_is_not_there() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        for (slug, tier, visibility) in [
            ("open", None, Visibility::Public),
            ("secret", None, Visibility::Private),
            ("paid", Some(Tier::Pro), Visibility::Public),
        ] {
            upload(&house, &owner, slug, tier, visibility).await;
        }
        assert_eq!(names(&house).await, ["open"]);
        for folder in [NEW, OLD] {
            // A key opens nothing here, not even its own; and one that is refused elsewhere harms nothing.
            for key in [None, Some(owner.as_str()), Some(house.admin.as_str()), Some("rec_live_none")] {
                for of in ["/SKILL.md", ".tar.gz"] {
                    let ask = |slug: &str| format!("{folder}/{slug}{of}");
                    let missing = house.ask(Method::GET, &ask("absent"), key).await;
                    assert_eq!(missing.problem(404), "not-in-index");
                    for slug in ["secret", "paid"] {
                        let hidden = house.ask(Method::GET, &ask(slug), key).await;
                        assert_eq!(hidden.outside(), missing.outside(), "{slug}");
                    }
                    assert_eq!(house.ask(Method::GET, &ask("open"), key).await.status, StatusCode::OK);
                }
            }
        }
        // What changes who may have a skill is seen at the next request.
        upload(&house, &owner, "late", None, Visibility::Public).await;
        assert_eq!(names(&house).await, ["late", "open"]);
        let private = Announcement { visibility: Some(Visibility::Private), ..said("open") };
        house.upload(&owner, &private, &skill("open", "x")).await;
        assert_eq!(names(&house).await, ["late"]);
        assert_eq!(
            house.ask(Method::GET, &format!("{OLD}/open/SKILL.md"), None).await.problem(404),
            "not-in-index"
        );
    });
}

#[test]
fn what_is_taken_back_gives_way_to_what_was_before() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let file = |house: &House| {
            let at = format!("{OLD}/pdf/SKILL.md");
            let asked = asking(Method::GET, &at, None).body(Body::empty()).unwrap();
            let router = house.router.clone();
            async move {
                let response = tower::ServiceExt::oneshot(router, asked).await.unwrap();
                let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
                String::from_utf8_lossy(&body.to_bytes()).into_owned()
            }
        };
        house.publish(&owner, "pdf", "first").await;
        let (_, first) = index(&house, OLD).await;
        let said = Announcement { visibility: Some(Visibility::Public), ..said("pdf") };
        let other = b"---\nname: pdf\ndescription: Another purpose. Use it elsewhere.\n---\nsecond\n";
        let answer = house.upload(&owner, &said, &archive(&[("SKILL.md", other)])).await;
        answer.json::<PublishReply>(StatusCode::CREATED);
        let (entries, second) = index(&house, OLD).await;
        assert!(first != second && entries[0].description.starts_with("Another"));
        assert!(file(&house).await.contains("second"));
        let version = "1.0.1".parse().unwrap();
        let yank = Yank { version, reason: "wrong".to_owned(), revoke: true };
        house.post("/api/skills/pdf/yank", &owner, &yank).await;
        // The very bytes of before, with the description of that release.
        assert!(index(&house, OLD).await.1 == first, "the same skills, the same bytes");
        assert!(file(&house).await.contains("first"));
        let yank = Yank { version: "1.0.0".parse().unwrap(), ..yank };
        house.post("/api/skills/pdf/yank", &owner, &yank).await;
        assert_eq!(names(&house).await, [""; 0]);
    });
}

#[test]
fn two_processes_give_the_same_bytes_and_neither_believes_its_memory() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        let twin = house.twin().await;
        for round in 0..3 {
            for slug in ["pdf", "csv", "xls"] {
                house.publish(&owner, slug, &format!("round {round}")).await;
                for folder in [NEW, OLD] {
                    let (ours, theirs) = (index(&house, folder).await, index(&twin, folder).await);
                    assert!(ours.1 == theirs.1, "{slug} in round {round}");
                }
                let at = format!("{OLD}/{slug}/SKILL.md");
                let served = twin.ask(Method::GET, &at, None).await;
                assert!(String::from_utf8_lossy(&served.body).contains(&format!("round {round}")));
            }
        }
        twin.http.app().close().await;
    });
}

/// Does this in the database behind the back of the hub.
pub(crate) async fn behind(url: &str, sql: &'static str) {
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut conn = SqliteConnection::connect(path).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        }
        None => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        }
    }
}

/// Forgets what an index says of releases, as if an older hub had published them.
pub(crate) async fn forget(url: &str) {
    behind(url, "update releases set offer_json = null").await;
}

/// From now on nothing can be written there.
async fn refuse_notes(url: &str) {
    let sql = if url.starts_with("sqlite://") {
        "create trigger t before update of offer_json on releases begin select raise(abort, 'no'); end"
    } else {
        "alter table releases add constraint c check (offer_json is null) not valid"
    };
    behind(url, sql).await;
}

#[test]
fn releases_of_an_older_hub_are_looked_into_once() {
    on_both(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        for slug in ["pdf", "csv", "xls"] {
            house.publish(&owner, slug, "x").await;
        }
        let [(_, new), (_, old)] = [index(&house, NEW).await, index(&house, OLD).await];
        forget(&house.site.database).await;
        let twin = house.twin().await;
        assert!(index(&twin, NEW).await.1 == new && index(&twin, OLD).await.1 == old);
        twin.http.app().close().await;
        // It is noted: the next process needs no archive for it.
        let db = Db::open(&house.site.database, Role::Tool).await.unwrap();
        let offers = db.offers(10, 1_000_000, 1_000_000).await.unwrap();
        assert!(offers.no_room.is_empty() && offers.rows.iter().all(|row| row.offer_json.is_some()));
        // Bounded by number and by bytes, the oldest skills first.
        let bytes = |row: &OfferRow| row.slug.as_str().len() + row.files_json.len();
        let two: usize = offers.rows[..2].iter().map(bytes).sum();
        for (most, room) in [(2, 1_000_000), (10, two), (10, two + 20)] {
            let cut = db.offers(most, room, 1_000_000).await.unwrap();
            let slugs: Vec<_> = cut.rows.iter().map(|row| row.slug.as_str()).collect();
            assert_eq!((slugs, cut.no_room), (vec!["pdf", "csv"], vec!["xls".to_owned()]), "{most} {room}");
        }
        let small = db.offers(10, 1_000_000, 10).await.unwrap();
        assert_eq!((small.rows.len(), small.too_large.len(), small.no_room.len()), (0, 3, 0));
        db.close().await;
        // One whose archive is lost is left out, and keeps no other back.
        forget(&house.site.database).await;
        let lost = BlobKey::Tarball(offers.rows[2].tarball_sha256);
        std::fs::remove_file(house.site.folder.join("blobs").join(lost.path())).unwrap();
        // So is one whose archive is damaged, and where nothing can be noted the rest is there all the same.
        let odd = BlobKey::Tarball(offers.rows[1].tarball_sha256);
        std::fs::write(house.site.folder.join("blobs").join(odd.path()), b"no archive").unwrap();
        refuse_notes(&house.site.database).await;
        let twin = house.twin().await;
        assert_eq!(names(&twin).await, ["pdf"]);
        twin.http.app().close().await;
    });
}

#[test]
fn many_files_at_once_are_whole_and_who_asks_without_end_waits() {
    on_lite(|house| async move {
        let owner = house.key("acme", &["publish"]).await.key;
        for number in 0..8 {
            house.publish(&owner, &format!("skill-{number}"), &"x".repeat(number * 1000)).await;
        }
        let mut asked = Vec::new();
        for number in (0..8).cycle().take(300) {
            let request = asking(Method::GET, &format!("{OLD}/skill-{number}/SKILL.md"), None);
            let request = request.body(Body::empty()).unwrap();
            let router = house.router.clone();
            asked.push(tokio::spawn(async move {
                let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
                let status = response.status();
                let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
                (number, status, body.to_bytes())
            }));
        }
        for asked in asked {
            let (number, status, body) = asked.await.unwrap();
            assert_eq!(status, StatusCode::OK);
            assert!(String::from_utf8_lossy(&body).contains(&format!("\n\n{}\n", "x".repeat(number * 1000))));
        }
        // Large files at once from one address: some wait, all of them are whole.
        let large: Vec<u8> =
            (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let big = b"---\nname: big\ndescription: Big. Use it to wait.\n---\n# Big\n";
        let said = Announcement { visibility: Some(Visibility::Public), ..said("big") };
        let answer = house.upload(&owner, &said, &archive(&[("SKILL.md", big), ("data.bin", &large)])).await;
        answer.json::<PublishReply>(StatusCode::CREATED);
        let at = format!("{OLD}/big/data.bin");
        let gets = (0..10).map(|_| house.ask(Method::GET, &at, None));
        for answer in futures_util::future::join_all(gets).await {
            assert_eq!((answer.status, answer.header("content-length")), (StatusCode::OK, "3000000"));
            assert!(answer.body == large);
        }

        let limited = house.twin_with(Behaviour::default(), |_| {}).await;
        let until_refused = async |path: &str| {
            for count in 0..20_000 {
                let answer = limited.ask(Method::HEAD, &format!("{OLD}/{path}"), None).await;
                if answer.status != StatusCode::OK {
                    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
                    assert!(!answer.header("retry-after").is_empty());
                    assert!(is_readable(&answer));
                    return count;
                }
            }
            panic!("{path} is never refused");
        };
        // Whoever had too many indexes may have archives still, for a first sync of a large one, and files, many more.
        let indexes = until_refused("index.json").await;
        assert!((300..2_000).contains(&indexes), "{indexes}");
        let archives = until_refused("skill-1.tar.gz").await;
        assert!((3_000..9_000).contains(&archives), "{archives}");
        let files = until_refused("skill-1/SKILL.md").await;
        assert!(files >= 12_000, "{files}");
        limited.http.app().close().await;
    });
}
