//! The commands of the hub's program. What is asked for goes to the standard output, everything else to the standard
//! error.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use crate::app::{App, Opened, Parts, Settings};
use crate::blobs::{Blobs, Bucket, Place};
use crate::clock::Clock;
use crate::config::{Identity, Storage};
use crate::db::{Db, Role};
use crate::keys::{KeyDir, private_dir};
use crate::metrics::Metrics;
use clap::{Parser, Subcommand};
use skillsync_core::fault::{Fault, Kind};

mod floor;
mod init;
mod key;
mod rotate;
mod serve;

/// The hub of skillsync: serves signed manifests and archives of skills to a fleet
#[derive(Debug, Parser)]
#[command(name = "skillsync-hub", version, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve; the first start makes database, keys and a key for the administrator
    Serve(serve::ServeArgs),
    /// Make database, keys and a key for the administrator, and do not serve
    Init(init::InitArgs),
    /// Keys of the interface
    #[command(subcommand)]
    Key(key::KeyVerb),
    /// Say which release of a skill is the lowest that may be used, by anybody
    Floor(floor::FloorArgs),
    /// Replace keys: makes the next root, for which the root keys are needed
    Rotate(rotate::RotateArgs),
    /// Bring the tables of the database up to date
    Migrate(Storage),
}

/// Why a command ended without being done: what to say, and with what to end.
pub(crate) struct Stop {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl<E: Fault> From<E> for Stop {
    fn from(error: E) -> Self {
        // The table of the client, in docs/exit-codes.md.
        let code = match error.kind() {
            Kind::Locked => 4,
            Kind::Conflict => 5,
            Kind::Untrusted | Kind::Denied => 6,
            Kind::Offline => 7,
            Kind::Invalid | Kind::NotFound | Kind::Exists | Kind::Limit | Kind::Io => 1,
        };
        let message = skillsync_core::fault::with_causes(&error);
        Self { message, hint: error.hint(), code }
    }
}

impl Stop {
    fn io(what: String, error: &std::io::Error) -> Self {
        Self { message: format!("{what}: {error}"), hint: None, code: 1 }
    }
}

/// Does one command.
pub fn run(command: Command) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(Err(Stop::io("the program cannot start".to_owned(), &error))),
    };
    let done = runtime.block_on(async {
        match command.verb {
            Verb::Serve(args) => serve::run(args).await,
            Verb::Init(args) => init::run(args).await,
            Verb::Key(verb) => key::run(verb).await,
            Verb::Floor(args) => floor::run(args).await,
            Verb::Rotate(args) => rotate::run(args).await,
            Verb::Migrate(storage) => migrate(&storage).await,
        }
    });
    // A task that still waits for a disk does not hold the end up.
    runtime.shutdown_background();
    ended(done)
}

fn ended(done: Result<(), Stop>) -> ExitCode {
    let Err(Stop { message, hint, code }) = done else { return ExitCode::SUCCESS };
    let mut err = std::io::stderr().lock();
    // Where nobody can be told, the code still says it.
    let _ = writeln!(err, "error: {message}");
    if let Some(hint) = hint {
        let _ = writeln!(err, "  hint: {hint}");
    }
    ExitCode::from(code)
}

/// Writes what was asked for. A reader that went away is not an error.
fn say(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stop::io("the output cannot be written".to_owned(), &error))
        }
        _ => Ok(()),
    }
}

/// Says what went wrong without ending the command.
/// Says of a document that is in the database alone what becomes of it.
fn warn_missing(key: &crate::blobs::BlobKey, error: &crate::app::Error) {
    warn(&format!(
        "{} could not be put into the blobs: {}. A running hub does it once it finds it in the database, and every start does.",
        key.path(),
        skillsync_core::fault::with_causes(error)
    ));
}

fn warn(text: &str) {
    // Where nobody can be told, what was done is done.
    let _ = writeln!(std::io::stderr().lock(), "warning: {text}");
}

async fn migrate(storage: &Storage) -> Result<(), Stop> {
    // Opening brings them up to date.
    let db = open_db(storage, Role::Tool).await?;
    db.ping().await?;
    db.close().await;
    say("The tables are up to date.")
}

async fn open_db(storage: &Storage, role: Role) -> Result<Db, Stop> {
    if storage.database.is_none() {
        private_dir(&storage.data)?;
    }
    Ok(Db::open(storage.database_url().expose(), role).await?)
}

/// The place that an address of blobs means.
fn place(storage: &Storage) -> Result<Place, Stop> {
    let url = storage.blobs_url();
    let Some(rest) = url.strip_prefix("s3://") else { return Ok(Place::Folder(url.into())) };
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket = storage.bucket.clone();
    let missing = |what: &str, variable: &str| Stop {
        message: format!("the bucket needs {what}"),
        hint: Some(format!("set {variable}")),
        code: 2,
    };
    let secret = bucket.secret.ok_or_else(|| missing("a secret", "AWS_SECRET_ACCESS_KEY"))?;
    Ok(Place::Bucket(Bucket {
        name: name.to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        endpoint: bucket.endpoint,
        region: bucket.region.unwrap_or_else(|| "us-east-1".to_owned()),
        access_key_id: bucket.key_id.ok_or_else(|| missing("a key", "AWS_ACCESS_KEY_ID"))?,
        secret_access_key: secret.expose().clone(),
        session_token: bucket.token.map(|token| token.expose().clone()),
    }))
}

/// Opens the hub; its first start makes it.
async fn open(
    storage: &Storage,
    identity: &Identity,
    root_keys: Option<KeyDir>,
    settings: Settings,
    role: Role,
) -> Result<Opened, Stop> {
    if storage.database.is_none() || storage.blobs.is_none() || storage.keys.is_none() {
        private_dir(&storage.data)?;
    }
    Ok(App::open(Parts {
        db: open_db(storage, role).await?,
        blobs: Blobs::open(&place(storage)?)?,
        keys: KeyDir::open(&storage.keys_dir())?,
        root_keys,
        name: identity.name.clone(),
        default_name: identity.hub(),
        settings,
        clock: Clock::system(),
        metrics: Arc::new(Metrics::default()),
    })
    .await?)
}

/// What the first start made, and how clients come to it. `address` is where they reach it.
fn first_start(opened: &Opened, address: &str) -> Result<(), Stop> {
    let Some(founded) = &opened.founded else { return Ok(()) };
    let hub = opened.app.signer().hub().to_string();
    let (key, root) = (&founded.admin.key, opened.first_root.hex());
    say(&format!(
        "A new hub was made. It is called {hub}.\n\n\
         Key of its administrator, shown this one time:\n\n  {key}\n\n\
         A client comes to it with this line, and is asked for a key:\n\n  \
         skillsync source add {address} --root-sha256 {root}\n\n\
         Keep the root keys apart: the hub does not need them to serve.\n"
    ))
}
