//! A real PostgreSQL for tests, from the system's package: one cluster for all test programs that run at the same time, in
//! a temporary folder, reached by a socket there and by nothing else, gone when they are, even when they are killed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::say;

/// The running cluster. It runs until the last of its users is gone.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    // Held by every user as one of many, and then by the minder alone.
    _users: File,
}

/// A server of one test alone, which can be stopped and started. Gone when this is dropped.
#[derive(Debug)]
pub struct Own(Postgres);

/// A database of one test, dropped with this.
#[derive(Debug)]
pub struct Database<'c> {
    cluster: &'c Postgres,
    name: String,
}

/// Starts the server, says when it is ready, waits until nobody uses it, and a little for the next, and ends it. The lock is
/// that of the users, opened here a second time.
const MINDER: &str = r#"
bin=$1 dir=$2 settings=$3; shift 3
"$@" "$bin/initdb" --no-sync --auth=trust --username=postgres --locale=C --encoding=UTF8 -D "$dir/data" >"$dir/log" 2>&1 &&
"$@" "$bin/pg_ctl" -w -t 60 -D "$dir/data" -l "$dir/server.log" -o "$settings" start >>"$dir/log" 2>&1 ||
{ "$@" cat "$dir/server.log" >>"$dir/log" 2>/dev/null; echo failed; exit 1; }
touch "$dir/ready"
echo ready
exec >/dev/null 9<"$dir/users"
while flock -x 9; do
  flock -u 9; sleep 2
  flock -n -x 9 && break
done
rm -f "$dir/ready"
"$@" "$bin/pg_ctl" -w -t 60 -D "$dir/data" -m immediate stop >>"$dir/log" 2>&1
rm -rf "$dir/data" "$dir/server.log" "$dir/log"
"#;

impl Postgres {
    /// The cluster, started where none runs. Says `SKIPPED` and gives none where the package is absent.
    #[must_use]
    pub fn shared() -> Option<Self> {
        let Some(bin) = newest_bin() else {
            say("SKIPPED PostgreSQL: the package `postgresql` is not installed");
            return None;
        };
        let folder = PathBuf::from(format!("/tmp/skillsync-test-postgres-{}", user()));
        // Others must not put a folder of theirs in our way; what is theirs we cannot open the files of.
        let _ = fs::DirBuilder::new().mode(0o755).create(&folder);
        let open = |name: &str| {
            let file = File::options().create(true).truncate(false).write(true).open(folder.join(name));
            file.expect("a file in the folder of the cluster")
        };
        let (users, starting) = (open("users"), open("starting"));
        users.lock_shared().expect("a lock");
        starting.lock().expect("a lock");
        let cluster = Self { bin, folder, _users: users };
        // What is left of a machine that was switched off says that it is ready, too.
        if !cluster.folder.join("ready").exists() || UnixStream::connect(cluster.socket()).is_err() {
            start(&cluster.bin, &cluster.folder);
        }
        Some(cluster)
    }

    /// A server of its own, for a test that stops it. Says `SKIPPED` and gives none where the package is absent.
    #[must_use]
    pub fn own() -> Option<Own> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let Some(bin) = newest_bin() else {
            say("SKIPPED a stop of PostgreSQL: the package `postgresql` is not installed");
            return None;
        };
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(format!("/tmp/skillsync-test-postgres-own-{process}-{number}"));
        let _ = fs::remove_dir_all(&folder);
        fs::DirBuilder::new().mode(0o755).create(&folder).expect("a folder");
        let users = File::create(folder.join("users")).expect("a file");
        users.lock_shared().expect("a lock");
        start(&bin, &folder);
        Some(Own(Self { bin, folder, _users: users }))
    }

    /// Makes an empty database.
    #[must_use]
    pub fn database(&self) -> Database<'_> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        // A process of the same number may have been killed before it could drop its own.
        self.sql("postgres", &format!("drop database if exists {name} with (force)"));
        self.sql("postgres", &format!("create database {name}"));
        Database { cluster: self, name }
    }

    /// The cluster's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// What `psql` says to a statement: rows as lines, columns with `|` between them. Panics where it fails.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtXc", statement]);
        let out = psql.arg("-h").arg(&self.folder).current_dir(&self.folder).output().expect("psql");
        assert!(out.status.success(), "{statement}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Own {
    /// Its cluster.
    #[must_use]
    pub fn cluster(&self) -> &Postgres {
        &self.0
    }

    /// Stops it as its operator does for an update: whoever is connected is thrown out.
    pub fn stop(&self) {
        self.control(&["-m", "fast", "stop"]);
    }

    /// Starts it again.
    pub fn start(&self) {
        self.control(&[
            "-l",
            &self.0.folder.join("server.log").to_string_lossy(),
            "-o",
            &settings(&self.0.folder),
            "start",
        ]);
    }

    fn control(&self, words: &[&str]) {
        let mut program = vec!["setsid".to_owned()];
        program.extend(as_owner().iter().map(|word| (*word).to_owned()));
        program.push(self.0.bin.join("pg_ctl").to_string_lossy().into_owned());
        let mut command = Command::new(&program[0]);
        command
            .args(&program[1..])
            .args(["-w", "-t", "60", "-D"])
            .arg(self.0.folder.join("data"))
            .args(words);
        let status = command.current_dir(&self.0.folder).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "pg_ctl {words:?}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Its minder takes the data away once the lock is free; the folder is this one's.
        self.control(&["-m", "immediate", "stop"]);
        let _ = fs::remove_dir_all(&self.0.folder);
    }
}

impl Database<'_> {
    /// Its URL on the cluster's socket.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/{}?host={}", self.name, encoded(&self.cluster.folder))
    }

    /// Its URL through something that listens on this port of this machine.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{}", self.name)
    }

    /// What `psql` says to a statement here.
    pub fn sql(&self, statement: &str) -> String {
        self.cluster.sql(&self.name, statement)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.cluster.sql("postgres", &format!("drop database {} with (force)", self.name));
        }
    }
}

fn start(bin: &Path, folder: &Path) {
    let _ = fs::remove_dir_all(folder.join("data"));
    if user() == 0 {
        // The files of the locks stay ours; theirs are those that the server makes.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)).expect("permissions");
    }
    let mut minder = Command::new("sh");
    minder.args(["-c", MINDER, "minder"]).arg(bin).arg(folder).arg(settings(folder)).args(as_owner());
    let minder = minder
        .current_dir(folder)
        // A group of its own: what ends the group of a test must not end the minder before its work.
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut line = String::new();
    let stdout = minder.expect("a shell").stdout.take().expect("piped");
    let _ = BufReader::new(stdout).read_line(&mut line);
    if line.trim() != "ready" {
        panic!("PostgreSQL did not start:\n{}", fs::read_to_string(folder.join("log")).unwrap_or_default());
    }
}

/// Put before a program of the server: it does not run as root, so root lets the user of the package do it.
fn as_owner() -> &'static [&'static str] {
    if user() == 0 { &["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] } else { &[] }
}

/// How the server runs.
fn settings(folder: &Path) -> String {
    format!(
        "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off -c full_page_writes=off -c wal_level=minimal \
         -c max_wal_senders=0 -c max_connections=200",
        folder.display()
    )
}

/// The programs of the newest version that is installed.
fn newest_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    let bin = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    bin.join("initdb").exists().then_some(bin)
}

/// Who runs this process.
fn user() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").map_or(u32::MAX, |process| process.uid())
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
