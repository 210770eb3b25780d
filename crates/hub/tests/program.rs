//! The program `skillsync-hub` itself: its commands, its signals, and that nothing secret is in what it writes.

#![expect(clippy::unwrap_used, reason = "a failure to set up is a failure")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use skillsync_wire::api::key::ApiKey;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn program(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skillsync-hub"));
    // Nothing of who runs the tests comes in.
    command.env_clear().current_dir(home).args(args);
    command
}

#[track_caller]
fn run(home: &Path, args: &[&str]) -> Output {
    program(home, args).output().unwrap()
}

#[track_caller]
fn good(home: &Path, args: &[&str]) -> String {
    let output = run(home, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn printed_key(text: &str) -> String {
    let key = text.split_whitespace().find(|word| word.starts_with("rec_live_")).unwrap();
    ApiKey::parse(key).unwrap().expose().to_owned()
}

/// A hub that serves, with its log in a file.
struct Served {
    child: Child,
    address: String,
    log: PathBuf,
    out: BufReader<std::process::ChildStdout>,
}

impl Served {
    fn start(home: &Path, more: &[&str]) -> Self {
        let log = home.join(format!("log-{}", home.read_dir().unwrap().count()));
        let args =
            [&["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--log-format", "json"], more];
        let mut command = program(home, &args.concat());
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let started = Instant::now();
        let address = loop {
            let text = std::fs::read_to_string(&log).unwrap();
            if let Some(at) = text.split("\"listen\":\"").nth(1) {
                break at.split('"').next().unwrap().to_owned();
            }
            assert!(started.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "{text}");
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, address, log, out }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str, key: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n"))
    }

    /// Sends a signal, by its name.
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Ends it in order and gives everything that it wrote.
    fn stop(mut self) -> String {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success());
        let mut text = std::fs::read_to_string(&self.log).unwrap();
        self.out.read_to_string(&mut text).unwrap();
        text
    }
}

#[test]
fn a_hub_is_one_command_away_and_writes_nothing_secret() {
    let home = tempfile::tempdir().unwrap();
    let mut hub = Served::start(home.path(), &[]);
    let mut said = String::new();
    while !said.contains("--root-sha256") {
        assert_ne!(hub.out.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let admin = printed_key(&said);
    assert!(said.contains(&format!("skillsync source add http://{} --root-sha256 ", hub.address)), "{said}");
    assert!(hub.get("/api/skills/manifest", &admin).starts_with("HTTP/1.1 200 OK\r\n"));

    // What may hold secrets: keys in headers, in wrong places, and in bodies; signatures in addresses; hostile text.
    let body = "{\"label\":\"ghp_label\",\"scopes\":[\"read\"]}";
    let made = hub.ask(&format!(
        "POST /api/keys HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {admin}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ));
    assert!(made.starts_with("HTTP/1.1 201 Created\r\n"), "{made}");
    let reader = ApiKey::parse(made.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap()).unwrap();
    assert!(hub.get("/api/skills/manifest", reader.expose()).starts_with("HTTP/1.1 200 OK\r\n"));
    for path in [
        format!("/cdn/blobs/sha256/{}?exp=1&key={}&sig={}", "0".repeat(64), reader.id(), "5ec4e7".repeat(10)),
        format!("/api/skills/search?q={}", reader.expose()),
        format!("/{}", reader.expose()),
        format!("/api/skills/{}", reader.expose()),
        format!("/api/keys/{}", reader.expose()),
    ] {
        hub.get(&path, &admin);
        hub.get(&path, &admin[..40]);
    }
    let id = reader.id().to_owned();
    assert_eq!(good(home.path(), &["key", "revoke", &id]), format!("The key {id} is revoked.\n"));
    assert!(
        hub.get("/api/skills/manifest", reader.expose()).starts_with("HTTP/1.1 401 "),
        "in force at once"
    );
    let log = hub.stop();
    assert!(log.contains("\"status\":401") && log.contains(&id), "there is a log, and it names keys: {log}");
    for secret in [&admin[21..], &reader.expose()[21..], "5ec4e7", "ghp_label", "sig="] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_second_start_finds_everything_and_says_no_key() {
    let home = tempfile::tempdir().unwrap();
    let said = good(home.path(), &["init", "--public-url", "https://hub.example"]);
    let admin = printed_key(&said);
    assert!(said.contains("It is called https://hub.example."), "{said}");
    assert!(said.contains("skillsync source add https://hub.example --root-sha256 "), "{said}");
    assert_eq!(good(home.path(), &["init"]), "The hub https://hub.example is there already.\n");
    let hub = Served::start(home.path(), &[]);
    assert!(hub.get("/api/skills/manifest", &admin).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(!hub.stop().contains("rec_live_"));

    let output = run(
        home.path(),
        &["serve", "--name", "https://other.example", "--metrics-listen", "off", "--listen", "127.0.0.1:0"],
    );
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(
        text.contains("error: the hub is named https://hub.example, not https://other.example"),
        "{text}"
    );
    let output = run(
        home.path(),
        &["serve", "--keys", "elsewhere", "--metrics-listen", "off", "--listen", "127.0.0.1:0"],
    );
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{text}");
    assert!(text.contains("elsewhere has no release key of root 1"), "{text}");
    std::fs::remove_file(home.path().join("hub-data/keys/url.key")).unwrap();
    let output = run(home.path(), &["serve", "--metrics-listen", "off", "--listen", "127.0.0.1:0"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("`skillsync-hub init` makes it"), "{output:?}");
    good(home.path(), &["init"]);
    Served::start(home.path(), &[]).stop();
    let output =
        run(home.path(), &["serve", "--database", "mysql://u:hunter2@h/d", "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !text.contains("hunter2"), "{text}");
}

#[test]
fn keys_are_made_listed_and_revoked_by_who_holds_the_hub() {
    let home = tempfile::tempdir().unwrap();
    good(home.path(), &["init"]);
    let args = [
        "key",
        "create",
        "--account",
        "ann",
        "--scope",
        "read,publish",
        "--label",
        "laptop",
        "--tier",
        "pro",
    ];
    let key = good(home.path(), &args);
    let key = ApiKey::parse(key.trim()).unwrap();
    let list = good(home.path(), &["key", "list", "--account", "ann"]);
    assert!(
        list.starts_with(&format!("{}  read,publish  until ", key.id())) && list.contains("laptop"),
        "{list}"
    );
    assert!(!list.contains(&key.expose()[21..]), "{list}");
    let output = run(home.path(), &["key", "revoke", "abcdefghijkl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no key `abcdefghijkl`"));
    assert_eq!(run(home.path(), &["key", "create", "--scope", "cook"]).status.code(), Some(1));
    assert_eq!(run(home.path(), &["key", "create", "--tier", "king"]).status.code(), Some(2));
    assert_eq!(good(home.path(), &["migrate"]), "The tables are up to date.\n");
}

#[test]
fn a_rotation_while_it_serves_is_found_by_it() {
    let home = tempfile::tempdir().unwrap();
    let offline = home.path().join("offline");
    let admin = printed_key(&good(home.path(), &["init", "--root-keys", "offline"]));
    assert!(!home.path().join("hub-data/keys/root-1.key").exists());
    let hub = Served::start(home.path(), &[]);
    let manifest = || hub.get("/api/skills/manifest", &admin).split("\r\n\r\n").nth(1).unwrap().to_owned();
    let before = manifest();
    let refused = run(home.path(), &["rotate", "manifest"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(6), "{text}");
    assert!(text.contains("--root-keys"), "{text}");
    let said = good(home.path(), &["rotate", "manifest", "--root-keys", "offline"]);
    assert!(said.contains("Root 2 is in force.") && said.contains("manifest-r2.key"), "{said}");
    let said = good(home.path(), &["rotate", "root", "--root-keys", "offline"]);
    assert!(said.contains("root-r3-1.key") && offline.join("root-r3-3.key").exists(), "{said}");
    assert_ne!(manifest(), before);
    hub.signal("-HUP");
    assert!(hub.get("/trust/root/3.json", &admin).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(hub.get("/trust/root/4.json", &admin).starts_with("HTTP/1.1 404 "));
    let log = hub.stop();
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
}

#[test]
fn a_folder_that_others_can_look_into_is_told_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    assert!(!Served::start(home.path(), &[]).stop().contains("chmod 700"));
    let blobs = home.path().join("hub-data/blobs");
    std::fs::set_permissions(&blobs, std::fs::Permissions::from_mode(0o755)).unwrap();
    let log = Served::start(home.path(), &[]).stop();
    assert!(log.contains("hub-data/blobs\"") && log.contains("chmod 700"), "{log}");
}

#[test]
fn a_floor_is_one_command() {
    let home = tempfile::tempdir().unwrap();
    good(home.path(), &["init"]);
    let output = run(home.path(), &["floor", "pdf", "1.0.0"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`pdf` has no version 1.0.0"), "{said}");
}
