//! A real PostgreSQL for tests, from the system's package: a cluster of its own in a temporary folder, reached by a socket
//! there and by nothing else, gone with the last test of the process, even when that is killed.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::say;

/// A running cluster. It stops when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    as_postgres: Vec<String>,
    // What keeps the cluster up: the shell that minds it ends it when this pipe closes, by a drop or by our death.
    lifeline: Option<ChildStdin>,
    minder: Child,
    databases: AtomicU32,
    folder: TempDir,
}

/// Starts the server, says when it is ready, waits until nobody holds the other end of the pipe, and cleans up.
const MINDER: &str = r#"
bin=$1 dir=$2; shift 2
trap '' INT TERM HUP
"$@" "$bin/initdb" --no-sync --auth=trust --username=postgres --locale=C --encoding=UTF8 -D "$dir/data" >"$dir/log" 2>&1 &&
"$@" "$bin/pg_ctl" -w -t 60 -D "$dir/data" -l "$dir/server.log" -o "-c listen_addresses='' -c unix_socket_directories=$dir \
  -c fsync=off -c full_page_writes=off -c max_connections=100" start >>"$dir/log" 2>&1 && echo ready || echo failed
cat >/dev/null
"$@" "$bin/pg_ctl" -w -t 60 -D "$dir/data" -m immediate stop >>"$dir/log" 2>&1
rm -rf "$dir"
"#;

impl Postgres {
    /// The cluster of this process, started where there is none. Says `SKIPPED` and gives none where the package is absent.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let Some(bin) = newest_bin() else {
            say("SKIPPED PostgreSQL: the package `postgresql` is not installed");
            return None;
        };
        let started = Arc::new(Self::start(bin));
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    fn start(bin: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a temporary folder");
        // The server does not run as root, so root lets the user of the package do it.
        let mut as_postgres = Vec::new();
        if owner(folder.path()) == 0 {
            as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
                .map(String::from)
                .to_vec();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
            let chown = Command::new("chown").arg("postgres").arg(folder.path()).status();
            assert!(chown.is_ok_and(|s| s.success()), "the folder cannot be given to the user postgres");
        }
        let mut minder = Command::new("sh");
        minder.args(["-c", MINDER, "minder"]).arg(&bin).arg(folder.path()).args(&as_postgres);
        let mut minder = minder
            .current_dir(folder.path())
            // A group of its own: what ends the group of the test must not end the minder before its work.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let lifeline = minder.stdin.take();
        let mut line = String::new();
        let stdout = minder.stdout.take().expect("piped");
        let _ = BufReader::new(stdout).read_line(&mut line);
        if line.trim() != "ready" {
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("PostgreSQL did not start:\n{log}");
        }
        Self { bin, as_postgres, lifeline, minder, databases: AtomicU32::new(0), folder }
    }

    /// Makes an empty database and gives its URL.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}"));
        self.url(&name)
    }

    /// The URL of a database on the cluster's socket.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", encoded(self.folder.path()))
    }

    /// The cluster's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// What `psql` says to a statement: rows as lines, columns with `|` between them. Panics where it fails.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let socket = self.folder.path();
        let mut words = self.as_postgres.iter().map(PathBuf::from).chain([self.bin.join("psql")]);
        let mut psql = Command::new(words.next().expect("a program"));
        psql.args(words).args([
            "-U",
            "postgres",
            "-d",
            database,
            "-v",
            "ON_ERROR_STOP=1",
            "-qAtXc",
            statement,
        ]);
        let out = psql.arg("-h").arg(socket).current_dir(socket).output().expect("psql");
        assert!(out.status.success(), "{statement}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.minder.wait();
    }
}

/// The programs of the newest version that is installed.
fn newest_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    let bin = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    bin.join("initdb").exists().then_some(bin)
}

/// Who owns what this process makes.
fn owner(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).expect("metadata").uid()
}

/// A path as a value in a URL.
fn encoded(path: &Path) -> String {
    path.to_string_lossy().bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
