//! Why a use case of the database failed.

use skillsync_core::fault::{Fault, Kind};
use sqlx::migrate::MigrateError;

/// Why a use case of the database failed. What it says is for the log: no caller of the hub sees more than its kind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is of no database that the hub can use.
    #[error("the URL of the database is neither `sqlite://PATH` nor `postgres://...`")]
    UrlInvalid,
    /// It cannot be reached, or went away.
    #[error("the database cannot be reached")]
    Offline {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// It was reached and did not answer in time.
    #[error("the database did not answer in time")]
    Silent,
    /// Others held what was wanted for too long.
    #[error("the database is busy")]
    Busy {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// Its disk is full.
    #[error("the disk of the database is full")]
    Full {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// A newer hub made it.
    #[error("the database was changed by a newer hub: its migration {version} is not known here")]
    Newer {
        /// The number of the migration.
        version: i64,
    },
    /// Its tables could not be brought up to date.
    #[error("the tables of the database cannot be brought up to date")]
    Migration {
        /// What the driver said.
        #[source]
        source: MigrateError,
    },
    /// What it gave is not what was put there.
    #[error("a row of the database has an impossible `{what}`: {reason}")]
    Damaged {
        /// The column.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A text cannot be stored: PostgreSQL has no zero bytes in texts, and so SQLite gets none either.
    #[error("`{what}` has a zero byte in it")]
    ZeroByte {
        /// Which text.
        what: &'static str,
    },
    /// An account is not there.
    #[error("there is no account `{name}`")]
    AccountUnknown {
        /// Its name.
        name: String,
    },
    /// Something was signed under a root that was replaced meanwhile.
    #[error("root {version} was replaced")]
    RootReplaced {
        /// The version under which it was signed.
        version: u64,
    },
    /// Advisories have no room for more revoked statements, or an account has had its share.
    #[error("no more than {most} statements of releases can be revoked {}", if *is_of_account { "by one account" } else { "in all" })]
    TooManyRevoked {
        /// Most statements.
        most: u64,
        /// Whether that is the share of one account.
        is_of_account: bool,
    },
    /// A row names one that is not there, or went while another began to name it.
    #[error("a row of the database would name one that is not there")]
    Dangling {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// Advisories have no room for more floors.
    #[error("no more than {most} skills can have a floor")]
    TooManyFloors {
        /// Most floors.
        most: u64,
    },
    /// It failed in another way.
    #[error("the database failed")]
    Failed {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
}

impl Error {
    /// Whether the engine gave it up because others changed the same rows at the same moment: nothing was done, and once
    /// more it may work. Of PostgreSQL that is a deadlock or a failed serialization.
    pub fn is_race(&self) -> bool {
        let Error::Busy { source } = self else { return false };
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| matches!(&*code, "40001" | "40P01"))
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::UrlInvalid | Error::Newer { .. } | Error::ZeroByte { .. } => Kind::Invalid,
            Error::Offline { .. } | Error::Silent | Error::Busy { .. } => Kind::Offline,
            Error::AccountUnknown { .. } => Kind::NotFound,
            Error::RootReplaced { .. } | Error::TooManyRevoked { .. } | Error::TooManyFloors { .. } => {
                Kind::Conflict
            }
            Error::Full { .. }
            | Error::Migration { .. }
            | Error::Dangling { .. }
            | Error::Damaged { .. }
            | Error::Failed { .. } => Kind::Io,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::UrlInvalid => "database-url-invalid",
            Error::Offline { .. } => "database-offline",
            Error::Silent => "database-silent",
            Error::Busy { .. } => "database-busy",
            Error::Full { .. } => "database-full",
            Error::Newer { .. } => "database-newer",
            Error::Migration { .. } => "database-migration",
            Error::Damaged { .. } => "database-damaged",
            Error::ZeroByte { .. } => "text-zero-byte",
            Error::AccountUnknown { .. } => "account-not-found",
            Error::RootReplaced { .. } => "hub-root-replaced",
            Error::TooManyRevoked { .. } => "too-many-revoked",
            Error::Dangling { .. } => "database-dangling",
            Error::TooManyFloors { .. } => "too-many-floors",
            Error::Failed { .. } => "database-failed",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::UrlInvalid => Some("for example `sqlite:///var/lib/skillsync-hub/hub.db`".to_owned()),
            Error::Newer { .. } => Some("start the newer hub, or go back to a copy of before it".to_owned()),
            Error::Full { .. } => Some("make room; nothing was half written".to_owned()),
            Error::TooManyRevoked { .. } => {
                Some("yank it without revoking it, and ask an administrator to revoke it".to_owned())
            }
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let class = class(&error);
        let source = Box::new(error);
        match class {
            Class::Offline => Error::Offline { source },
            Class::Busy => Error::Busy { source },
            Class::Full => Error::Full { source },
            Class::ZeroByte => Error::ZeroByte { what: "a text" },
            Class::Dangling => Error::Dangling { source },
            Class::Failed => Error::Failed { source },
        }
    }
}

enum Class {
    Offline,
    Busy,
    Full,
    ZeroByte,
    Dangling,
    Failed,
}

fn class(error: &sqlx::Error) -> Class {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Class::Offline,
        sqlx::Error::Database(said) => {
            if said.is_foreign_key_violation() {
                return Class::Dangling;
            }
            let code = said.code().unwrap_or_default();
            if said.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                lite(&code)
            } else {
                pg(&code)
            }
        }
        _ => Class::Failed,
    }
}

/// The low byte of SQLite's extended codes is the primary one (sqlite.org/rescode.html).
fn lite(code: &str) -> Class {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => Class::Busy,
        Ok(13) => Class::Full,
        _ => Class::Failed,
    }
}

/// PostgreSQL's appendix A: connection exceptions, shutdown and start, too many connections; serialization, deadlock,
/// lock and statement timeouts; disk full.
fn pg(code: &str) -> Class {
    match code {
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "53300" | "25P03" => Class::Offline,
        _ if code.starts_with("08") => Class::Offline,
        "40001" | "40P01" | "55P03" | "57014" => Class::Busy,
        "53100" => Class::Full,
        // What is looked for is not checked before.
        "22021" => Class::ZeroByte,
        _ => Class::Failed,
    }
}
