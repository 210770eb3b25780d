//! What a listing costs does not grow with what the caller may not have.

use serde_json::Value;
use skillsync_testkit::Postgres;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use super::*;
use crate::db::Role;

/// How many skills the caller sees, and how many others there are.
const SEEN: i64 = 100;
const OTHERS: i64 = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

/// `count` skills from number `from` on, each with one release, installed by nobody.
fn skills(from: i64, count: i64, owner: &str, visibility: &str, tier: i64, is_lite: bool) -> [String; 2] {
    let (slug, hash) = if is_lite {
        ("printf('s%07d', n)", "randomblob(32)")
    } else {
        ("'s' || lpad(n::text, 7, '0')", "sha256(n::text::bytea)")
    };
    let to = from + count - 1;
    let numbers = if is_lite {
        format!("with recursive t(n) as (select {from} union all select n + 1 from t where n < {to})")
    } else {
        format!("with t as (select generate_series({from}, {to}) as n)")
    };
    [
        format!(
            "{numbers} insert into skills (slug, owner, title, description, category, visibility, tier, last_seq, \
             head_seq, verified_at, created_at, updated_at) \
             select {slug}, '{owner}', 't', 'd', '', '{visibility}', {tier}, 1, 1, 0, 0, 0 from t"
        ),
        format!(
            "{numbers} insert into releases (slug, seq, version, content_hash, tarball_sha256, size_bytes, \
             unpacked_bytes, files, release_sha256, release_size, signature, published_at, changelog, files_json) \
             select {slug}, 1, '1.0.0', {hash}, {hash}, 1, 1, 1, {hash}, 1, '', 0, '', '[]' from t"
        ),
    ]
}

/// Everything that one caller sees, among much that it does not.
fn catalogue(is_lite: bool) -> Vec<String> {
    let digest = if is_lite { "zeroblob(32)" } else { "sha256('')" };
    let mut all = vec![
        "insert into accounts (name, tier, created_at) values ('acme', 1, 0), ('other', 0, 0)".to_owned(),
        format!(
            "insert into keys (id, account, secret_sha256, label, scopes, created_at) \
             values ('k1', 'acme', {digest}, '', 'read', 0)"
        ),
    ];
    let (fifth, half) = (SEEN / 5, OTHERS / 2);
    all.extend(skills(0, half, "other", "private", 0, is_lite));
    all.extend(skills(1_000_000, fifth, "acme", "private", 2, is_lite));
    all.extend(skills(2_000_000, fifth * 2, "other", "public", 0, is_lite));
    all.extend(skills(3_000_000, fifth * 2, "other", "public", 1, is_lite));
    all.extend(skills(4_000_000, half, "other", "public", 2, is_lite));
    all.push(
        "insert into installs (key_id, slug, installed_at) select 'k1', slug, 0 from skills \
         where owner = 'other' and visibility = 'public' and tier = 0"
            .to_owned(),
    );
    all.push("analyze".to_owned());
    all
}

/// The queries of a listing with the values of one caller, and that of the open indexes.
fn queries() -> [(&'static str, Vec<&'static str>); 6] {
    [
        (OWN, vec!["'acme'", "5001"]),
        (INSTALLED, vec!["'k1'", "1", "5001"]),
        (PUBLIC, vec!["1", "5001"]),
        (LOST, vec!["'k1'", "'acme'", "1", "5000"]),
        (crate::db::offer::RANKED, vec!["0", "262144", "10020"]),
        (crate::db::offer::LARGE, vec!["0", "262144", "10000"]),
    ]
}

fn with_values(query: &str, values: &[&str]) -> String {
    let numbered = values.iter().enumerate();
    numbered.fold(query.to_owned(), |text, (n, value)| text.replace(&format!("${}", n + 1), value))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn sees_its_own(db: &Db) {
    let account = Owner::parse("acme").unwrap();
    let viewer = Viewer { account: &account, tier: Tier::Pro, key_id: "k1" };
    let listing = db.listing(&viewer, 5_000).await.unwrap();
    assert_eq!((listing.skills.len() as i64, listing.lost.len(), listing.is_cut), (SEEN, 0, false));
}

#[test]
fn sqlite_looks_by_index_at_what_the_caller_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    block_on(async {
        let db = Db::open(&format!("sqlite://{}", path.display()), Role::Tool).await.unwrap();
        let mut conn = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        for statement in catalogue(true) {
            conn.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
        sees_its_own(&db).await;
        for (query, _) in queries() {
            let explain = sqlx::AssertSqlSafe(format!("explain query plan {query}"));
            let steps: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(explain).fetch_all(&mut conn).await.unwrap();
            let steps: Vec<String> = steps.into_iter().map(|(.., step)| step).collect();
            assert!(steps.len() >= 2, "{steps:?}");
            assert!(
                steps.iter().all(|step| {
                    // What was found is looked through as often as it takes.
                    let is_of_found = ["listed", "ranked", "(subquery-", "CORRELATED", "FOR ORDER BY"];
                    is_of_found.iter().any(|found| step.contains(found))
                        || (step.starts_with("SEARCH") && step.contains("INDEX"))
                }),
                "{query}: {steps:#?}"
            );
        }
        db.close().await;
    });
}

/// The rows that a step of a plan and those below it gave or threw away.
fn examined(plan: &Value) -> f64 {
    let number = |key: &str| plan[key].as_f64().unwrap_or(0.0);
    let here =
        number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Join Filter");
    let below = plan["Plans"].as_array().into_iter().flatten().map(examined);
    here * number("Actual Loops").max(1.0) + below.sum::<f64>()
}

#[test]
fn postgres_looks_by_index_at_what_the_caller_may_have() {
    let Some(cluster) = Postgres::shared() else { return };
    let database = cluster.database();
    block_on(async {
        let db = Db::open(&database.url(), Role::Tool).await.unwrap();
        let mut conn = PgConnection::connect(&database.url()).await.unwrap();
        for statement in catalogue(false) {
            conn.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
        sees_its_own(&db).await;
        for (query, values) in queries() {
            let explain = format!("explain (analyze, format json) {}", with_values(query, &values));
            let plan: String =
                sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_one(&mut conn).await.map(text).unwrap();
            let plan: Value = serde_json::from_str(&plan).unwrap();
            let rows = examined(&plan[0]["Plan"]);
            // Each row of what is seen passes a few steps; each of the rest, none.
            assert!(rows <= (SEEN * 8) as f64, "{rows} rows for {query}: {plan:#}");
        }
        conn.close().await.unwrap();
        db.close().await;
    });
}

/// The first column as it was sent.
fn text(row: sqlx::postgres::PgRow) -> String {
    use sqlx::{Row as _, ValueRef as _};
    let raw = row.try_get_raw(0).unwrap();
    assert!(!raw.is_null());
    raw.as_str().unwrap().to_owned()
}
