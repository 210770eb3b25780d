//! The tables of both engines: the same, made once, and left alone where they are newer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use skillsync_core::fault::{Fault as _, Kind};
use skillsync_hub::db::Error;
use sqlx::Row as _;

use super::*;

fn migrations(engine: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// The search is each engine's own.
fn is_shared(table: &str) -> bool {
    !table.starts_with("skill_search") && !table.starts_with("_sqlx") && !table.starts_with("sqlite_")
}

#[test]
fn both_engines_have_the_same_migrations_tables_and_columns() {
    assert_eq!(migrations("sqlite"), migrations("postgres"));
    let Some(cluster) = Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = cluster.database();
    let (lite, pg) = (folder.path().join("hub.db"), database.url());
    block_on(async {
        Db::open(&format!("sqlite://{}", lite.display()), Role::Tool).await.unwrap().close().await;
        Db::open(&pg, Role::Tool).await.unwrap().close().await;
        let mut conn = SqliteConnection::connect(lite.to_str().unwrap()).await.unwrap();
        let rows = sqlx::query(
            "select t.name as t, c.name as c, lower(c.type) as k, c.\"notnull\" as n, c.pk as p \
             from sqlite_schema t join pragma_table_info(t.name) c where t.type = 'table'",
        );
        let rows = rows.fetch_all(&mut conn).await.unwrap();
        let ours: BTreeSet<_> = rows
            .iter()
            .filter(|row| is_shared(row.get("t")))
            .map(|row| {
                let kind = match row.get::<&str, _>("k") {
                    "integer" => "bigint",
                    "blob" => "bytea",
                    kind => kind,
                };
                let column = format!("{}.{} {kind}", row.get::<&str, _>("t"), row.get::<&str, _>("c"));
                (column, row.get::<i64, _>("n") == 1, row.get::<i64, _>("p") > 0)
            })
            .collect();
        let mut conn = PgConnection::connect(&pg).await.unwrap();
        let rows = sqlx::query(
            "select c.table_name::text as t, c.column_name::text as c, c.data_type::text as k, \
             c.is_nullable = 'NO' as n, exists (select 1 from information_schema.key_column_usage u \
             join information_schema.table_constraints x using (constraint_name, table_name) \
             where x.constraint_type = 'PRIMARY KEY' and u.table_name = c.table_name \
             and u.column_name = c.column_name) as p \
             from information_schema.columns c where c.table_schema = 'public'",
        );
        let rows = rows.fetch_all(&mut conn).await.unwrap();
        let theirs: BTreeSet<_> = rows
            .iter()
            .filter(|row| is_shared(row.get("t")))
            .map(|row| {
                let column = format!(
                    "{}.{} {}",
                    row.get::<&str, _>("t"),
                    row.get::<&str, _>("c"),
                    row.get::<&str, _>("k")
                );
                (column, row.get::<bool, _>("n"), row.get::<bool, _>("p"))
            })
            .collect();
        let differ: Vec<_> = ours.symmetric_difference(&theirs).collect();
        assert!(differ.is_empty() && ours.len() > 60, "{differ:#?}");
    });
}

async fn make_newer(url: &str) {
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 values (9999, 'newer', true, '', 0)";
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut conn = SqliteConnection::connect(path).await.unwrap();
            sqlx::query(newer).execute(&mut conn).await.unwrap();
        }
        None => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::query(newer).execute(&mut conn).await.unwrap();
        }
    }
}

#[test]
fn many_may_open_a_new_database_and_none_opens_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let lite = folder.path().join("hub.db");
    let mut urls = vec![format!("sqlite://{}", lite.display())];
    let cluster = Postgres::shared();
    let database = cluster.as_ref().map(Postgres::database);
    urls.extend(database.iter().map(|database| database.url()));
    for url in urls {
        block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let url = url.clone();
                tasks.spawn(async move { Db::open(&url, Role::Server).await.unwrap().ping().await.unwrap() });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
            make_newer(&url).await;
            let refused = Db::open(&url, Role::Server).await.unwrap_err();
            assert!(matches!(refused, Error::Newer { version: 9999 }), "{refused:?}");
            assert_eq!((refused.kind(), refused.code()), (Kind::Invalid, "database-newer"));
        });
    }
    use std::os::unix::fs::PermissionsExt as _;
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_url_that_cannot_be_used_is_refused_without_being_shown() {
    block_on(async {
        for url in ["", "hub.db", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:notaport/d"] {
            let error = Db::open(url, Role::Server).await.unwrap_err();
            assert!(matches!(error, Error::UrlInvalid), "{error:?}");
            assert!(!format!("{error:?} {error}").contains("hunter2"));
        }
        let folder = tempfile::tempdir().unwrap();
        let absent = format!("sqlite://{}/absent/hub.db", folder.path().display());
        assert!(Db::open(&absent, Role::Server).await.is_err());
        // Nobody listens on a port that was just given back.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error =
            Db::open(&format!("postgres://u:hunter2@127.0.0.1:{port}/d"), Role::Server).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Offline, "database-offline"));
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    });
}
