//! The two engines: how each is connected to, and the macros that run one body on either.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr as _;
use std::time::Instant;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::Error;
use crate::limits;

static LITE: Migrator = sqlx::migrate!("migrations/sqlite");
static PG: Migrator = sqlx::migrate!("migrations/postgres");

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To serve many callers.
    Server,
    /// For one command of an administrator.
    Tool,
}

/// The hub's database. Clones share its connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite, in one file.
    Lite(Lite),
    /// PostgreSQL.
    Pg(Pg),
}

/// A SQLite file. Whoever writes takes the one writing connection and the file's lock at once: transactions that begin
/// by reading and then write fail under load, whatever the time they may wait.
#[derive(Debug, Clone)]
pub struct Lite {
    readers: SqlitePool,
    writer: SqlitePool,
}

/// A PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Pg {
    pool: PgPool,
}

impl Db {
    /// Opens `sqlite://PATH`, making the file where there is none, or `postgres://...`, and brings its tables up to date.
    ///
    /// Fails when it cannot be reached, and when a newer hub made it. No error shows the URL, which may hold a password.
    pub async fn open(url: &str, role: Role) -> Result<Self, Error> {
        Ok(if let Some(path) = url.strip_prefix("sqlite://") {
            Self::Lite(Lite::open(Path::new(path), role).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::Pg(Pg::open(url, role).await?)
        } else {
            return Err(Error::UrlInvalid);
        })
    }

    /// Fails unless the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        on!(self, |conn| {
            sqlx::query("select generation from catalogue").fetch_one(&mut *conn).await?;
            Ok(())
        })
    }

    /// Waits for what is under way and closes all connections.
    pub async fn close(&self) {
        match self {
            Db::Lite(lite) => {
                lite.readers.close().await;
                lite.writer.close().await;
            }
            Db::Pg(pg) => pg.pool.close().await,
        }
    }
}

fn migrated(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => Error::Newer { version },
        MigrateError::Execute(error) => error.into(),
        error => Error::Migration { source: error },
    }
}

impl Lite {
    async fn open(path: &Path, role: Role) -> Result<Self, Error> {
        make_private(path).map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(limits::DB_BUSY)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        // For the lock that turns a new file over to its log SQLite does not wait, however long it was told to.
        let started = Instant::now();
        let writer = loop {
            match Self::writing(&options).await {
                Err(Error::Busy { .. }) if started.elapsed() <= limits::DB_BUSY => {
                    tokio::time::sleep(limits::DB_LOOK).await;
                }
                opened => break opened?,
            }
        };
        let readers = match role {
            Role::Server => limits::DB_READERS,
            Role::Tool => 1,
        };
        let readers =
            Self::pool().max_connections(readers).connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self { readers, writer })
    }

    /// Makes the tables. Where another process makes those of a new file at this moment, they are there at a later look:
    /// SQLite does not wait for who changes the kind of its journal.
    async fn migrate(writer: &SqlitePool) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            match LITE.run(writer).await.map_err(migrated) {
                Ok(()) => return Ok(()),
                Err(error @ Error::Newer { .. }) => return Err(error),
                Err(error) if started.elapsed() > limits::DB_BUSY => return Err(error),
                Err(_) => tokio::time::sleep(limits::DB_LOOK).await,
            }
        }
    }

    /// The connection that writes. It makes the tables.
    async fn writing(options: &SqliteConnectOptions) -> Result<SqlitePool, Error> {
        let writer = Self::pool()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        Self::migrate(&writer).await?;
        Ok(writer)
    }

    fn pool() -> SqlitePoolOptions {
        // A file does not go away: to ask it for a sign of life before each use would double the way of each query.
        SqlitePoolOptions::new().acquire_timeout(limits::DB_BUSY).test_before_acquire(false).before_acquire(
            |conn, _| {
                // On a full disk and the like SQLite itself rolls back, the driver's own rollback then fails, and it would believe
                // for ever that the transaction goes on: a connection that nobody can begin anything on.
                let is_sound = !conn.is_in_transaction();
                Box::pin(async move { Ok(is_sound) })
            },
        )
    }

    pub(super) async fn reader(&self) -> Result<PoolConnection<sqlx::Sqlite>, Error> {
        Ok(self.readers.acquire().await?)
    }

    pub(super) async fn writer(&self) -> Result<PoolConnection<sqlx::Sqlite>, Error> {
        Ok(self.writer.acquire().await?)
    }
}

impl Pg {
    async fn open(url: &str, role: Role) -> Result<Self, Error> {
        // What the parser says may quote the URL.
        let options = PgConnectOptions::from_str(url).map_err(|_| Error::UrlInvalid)?;
        let options = options.application_name("skillsync-hub").disable_statement_logging();
        let most = match role {
            Role::Server => limits::DB_CONNECTIONS,
            Role::Tool => 1,
        };
        // On a connection of their own, migrations may take their time and wait for those of another hub.
        let opened = tokio::time::timeout(limits::DB_CONNECT, options.connect()).await;
        let mut conn = opened.map_err(|_| sqlx::Error::PoolTimedOut)??;
        PG.run_direct(None, &mut conn, false).await.map_err(migrated)?;
        conn.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(limits::DB_CONNECT)
            .after_connect(|conn, _| {
                Box::pin(async move {
                    // The server gives up when we do.
                    let ms = limits::DB_ANSWER.as_millis();
                    let set = format!(
                        "set statement_timeout = {ms}; set idle_in_transaction_session_timeout = {ms}"
                    );
                    conn.execute(sqlx::AssertSqlSafe(set)).await.map(drop)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    pub(super) async fn held(&self) -> Result<Held, Error> {
        Ok(Held { conn: Some(self.pool.acquire().await?) })
    }
}

/// Makes an empty file where there is none: digests of keys are nobody's but the hub's. SQLite gives the files that it puts
/// beside it the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// A connection to PostgreSQL in use. On its way back into the pool it is asked for a sign of life; here it has only so
/// long for it, so that a dead link does not hold its place until the system gives it up, a quarter of an hour later.
pub(super) struct Held {
    conn: Option<PoolConnection<Postgres>>,
}

impl Held {
    /// Closes it without a word to the other side.
    pub(super) fn discard(mut self) {
        drop(self.conn.take().map(PoolConnection::detach));
    }
}

impl Deref for Held {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        match &self.conn {
            Some(conn) => conn,
            None => unreachable!("it is given up by those alone who own it"),
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.conn {
            Some(conn) => conn,
            None => unreachable!("it is given up by those alone who own it"),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut conn) = self.conn.take() {
            let back = conn.return_to_pool();
            // Outside of a runtime nobody could wait; the connection then goes with the pool.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(tokio::time::timeout(limits::DB_CONNECT, back));
            }
        }
    }
}

/// Runs one statement that reads. The body is compiled once for each engine, and its one text of SQL serves both.
macro_rules! on {
    ($db:expr, |$conn:ident| $body:block) => {
        match $db {
            $crate::db::Db::Lite(lite) => {
                let mut held = lite.reader().await?;
                let $conn = &mut *held;
                async $body.await
            }
            $crate::db::Db::Pg(pg) => {
                let mut held = pg.held().await?;
                let done = {
                    let $conn = &mut *held;
                    tokio::time::timeout($crate::limits::DB_ANSWER, async $body).await
                };
                $crate::db::engine::answered!(held, done)
            }
        }
    };
}

/// Runs statements that read, all of them on the state of one moment; within another time where one is given.
macro_rules! reading {
    ($db:expr, |$conn:ident| $body:block) => {
        $crate::db::engine::reading!($db, within $crate::limits::DB_ANSWER, |$conn| $body)
    };
    ($db:expr, within $within:expr, |$conn:ident| $body:block) => {
        $crate::db::engine::transaction!(
            $db,
            $within,
            reader,
            "begin",
            "begin isolation level repeatable read read only",
            |$conn| $body
        )
    };
}

/// Runs statements that write: all of them are done, or none where the body fails.
macro_rules! writing {
    ($db:expr, |$conn:ident| $body:block) => {
        $crate::db::engine::transaction!(
            $db,
            $crate::limits::DB_ANSWER,
            writer,
            "begin immediate",
            "begin",
            |$conn| $body
        )
    };
}

macro_rules! transaction {
    ($db:expr, $within:expr, $lite:ident, $lite_begin:literal, $pg_begin:literal, |$conn:ident| $body:block) => {
        match $db {
            $crate::db::Db::Lite(lite) => {
                let mut held = lite.$lite().await?;
                let mut tx = sqlx::Connection::begin_with(&mut *held, $lite_begin).await?;
                let done = {
                    let $conn = &mut *tx;
                    async $body.await
                };
                $crate::db::engine::finished!(tx, done)
            }
            $crate::db::Db::Pg(pg) => {
                let mut held = pg.held().await?;
                let done = tokio::time::timeout($within, async {
                    let mut tx = sqlx::Connection::begin_with(&mut *held, $pg_begin).await?;
                    let done = {
                        let $conn = &mut *tx;
                        async $body.await
                    };
                    $crate::db::engine::finished!(tx, done)
                })
                .await;
                $crate::db::engine::answered!(held, done)
            }
        }
    };
}

/// Commits what succeeded. What failed is rolled back when the transaction is dropped.
macro_rules! finished {
    ($tx:ident, $done:ident) => {
        match $done {
            Ok(value) => {
                $tx.commit().await?;
                Ok(value)
            }
            Err(error) => Err($crate::db::Error::from(error)),
        }
    };
}

/// What came in time; else the connection is not waited for any longer.
macro_rules! answered {
    ($held:ident, $done:ident) => {
        match $done {
            Ok(done) => done,
            Err(_) => {
                $held.discard();
                Err($crate::db::Error::Silent)
            }
        }
    };
}

pub(super) use {answered, finished, on, reading, transaction, writing};
