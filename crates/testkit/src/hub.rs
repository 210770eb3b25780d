//! The real hub as a process of its own: started on a free port with a folder of its own, stopped, killed, started again.
//! It is known from outside only: its program, its address, its log, its interface.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::disk::at;
use crate::web::Asked;

/// A hub that has not said that it serves for so long never will. Far above any honest start.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// What its log says once it serves.
const SERVES: &str = "the hub serves";

/// A hub. Dropped, it is killed and its folder is gone.
pub struct Hub {
    program: PathBuf,
    options: Options,
    child: Option<Child>,
    address: String,
    admin_key: String,
    root_sha256: String,
    log: Arc<Mutex<String>>,
    folder: TempDir,
}

/// How a hub is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Options of `serve`, after those that every hub of a test has.
    pub serve: Vec<String>,
    /// Variables of its environment, such as those of another time (`clock::shifted`).
    pub variables: Vec<(String, String)>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What the hub answers.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answered {
    /// The body as JSON. Panics where it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(e) => {
                panic!("status {}: no JSON ({e}): {}", self.status, String::from_utf8_lossy(&self.body))
            }
        }
    }
}

impl Hub {
    /// Starts a new hub with the program beside `program`, which is the client under test.
    #[must_use]
    pub fn beside(program: &Path) -> Hub {
        Self::with(program, Options::default())
    }

    /// The same with options.
    #[must_use]
    pub fn with(program: &Path, options: Options) -> Hub {
        let program = program.with_file_name("skillsync-hub");
        assert!(
            program.exists(),
            "there is no `{}`: `cargo build -p skillsync-hub` makes it",
            program.display()
        );
        let temp = std::env::temp_dir();
        let folder = at(tempfile::Builder::new().prefix("skillsync-hub-").tempdir_in(&temp), &temp);
        let mut hub = Hub {
            program,
            options,
            child: None,
            address: "127.0.0.1:0".to_owned(),
            admin_key: String::new(),
            root_sha256: String::new(),
            log: Arc::default(),
            folder,
        };
        hub.start();
        hub
    }

    /// Starts it again where it is not running, at the same address and with the same folder.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "the hub runs already");
        let mut command = self.command(&["serve", "--listen", &self.address, "--metrics-listen", "off"]);
        command.args(["--rate-limits", "off", "--log-format", "json"]).args(&self.options.serve);
        // One pipe for both, so that what it prints and what it logs come in the order in which it wrote them.
        let (output, into) = at(std::io::pipe(), Path::new("a pipe"));
        command.stdout(at(into.try_clone(), Path::new("a pipe"))).stderr(into);
        let child = match command.stdin(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(e) => panic!("cannot start {command:?}: {e}"),
        };
        // Its ends of the pipe are the hub's alone now.
        drop(command);
        let (sender, lines) = mpsc::channel();
        note(output, sender, Arc::clone(&self.log));
        self.child = Some(child);
        loop {
            let line = match lines.recv_timeout(HANGS_AFTER) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("the hub does not serve:\n{}", self.log()),
                Err(RecvTimeoutError::Disconnected) => panic!("the hub ended:\n{}", self.log()),
            };
            if line.trim_start().starts_with("rec_live_") {
                line.trim().clone_into(&mut self.admin_key);
            }
            if line.contains(SERVES) {
                let said: Value = serde_json::from_str(&line).unwrap_or_default();
                said["listen"].as_str().unwrap_or_default().clone_into(&mut self.address);
                said["root"].as_str().unwrap_or_default().clone_into(&mut self.root_sha256);
                break;
            }
        }
        assert!(self.address.len() > 10 && self.root_sha256.len() == 64, "what it says: {}", self.log());
    }

    /// Starts it again with other options.
    pub fn start_with(&mut self, options: Options) {
        self.options = options;
        self.start();
    }

    /// Stops it as a service manager does, and waits for its end.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the hub is gone:\n{}", self.log());
        let ended = child.wait();
        assert!(ended.is_ok_and(|status| status.success()), "the hub did not stop well:\n{}", self.log());
    }

    /// Kills it there and then.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = child.kill();
        let _ = child.wait();
    }

    /// The number of its process. Panics where it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap_or_else(|| panic!("the hub does not run")).id()
    }

    /// Its address: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key of its administrator, as it was printed at its first start.
    #[must_use]
    pub fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// The fingerprint of its first root, in hex.
    #[must_use]
    pub fn root_sha256(&self) -> &str {
        &self.root_sha256
    }

    /// Its folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// All that it has printed, and its log. What is secret in it was printed on purpose.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A new key for `account`, made by the hub's own program: `scopes` with commas between.
    #[must_use]
    pub fn key(&self, account: &str, scopes: &str, label: &str) -> String {
        let words = ["key", "create", "--account", account, "--scope", scopes, "--label", label];
        self.tool(&words).trim().to_owned()
    }

    /// Runs another command of the hub's program on its folder and gives what it prints. Panics where it fails.
    pub fn tool(&self, words: &[&str]) -> String {
        match self.command(words).output() {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
            Ok(output) => panic!("`{}`: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)),
            Err(e) => panic!("cannot start `{}`: {e}", words.join(" ")),
        }
    }

    /// Asks its interface. `key` is shown as clients show it, `body` is sent as JSON.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> Answered {
        let key = key.map(|key| ("x-api-key".to_owned(), key.to_owned()));
        let kind = body.map(|_| ("content-type".to_owned(), "application/json".to_owned()));
        self.pass(&Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: key.into_iter().chain(kind).collect(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        })
    }

    /// Passes on a request that came to somebody in between. Panics where the hub does not answer.
    #[must_use]
    pub fn pass(&self, asked: &Asked) -> Answered {
        match pass(&self.address, asked) {
            Ok(answered) => answered,
            Err(e) => panic!("{} {}: {e}\n{}", asked.method, asked.path, self.log()),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let (first, rest) = words.split_at(if words.first() == Some(&"key") { 2 } else { 1 });
        command.args(first).arg("--data").arg(self.data()).args(rest);
        command.env_clear().envs(self.options.variables.clone());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a request to `address` on a connection of its own and reads the answer.
pub fn pass(address: &str, asked: &Asked) -> std::io::Result<Answered> {
    let mut stream = TcpStream::connect(address)?;
    let Asked { method, path, headers, body } = asked;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let ours = ["host", "connection", "content-length"];
    for (name, value) in headers.iter().filter(|(name, _)| !ours.contains(&&**name)) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    input.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no answer: {line}")))?;
    let (mut headers, mut chunked) = (Vec::new(), false);
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            chunked |= name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked");
            headers.push((name, value));
        }
    }
    let mut body = Vec::new();
    if chunked {
        unchunk(&mut input, &mut body)?;
        headers.retain(|(name, _)| name != "transfer-encoding");
    } else {
        input.read_to_end(&mut body)?;
    }
    Ok(Answered { status, headers, body })
}

fn unchunk(input: &mut impl std::io::BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        input.take(size).read_to_end(body)?;
        input.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn note(pipe: impl Read + Send + 'static, sender: Sender<String>, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
            drop(log);
            // After the start nobody waits for a line any more.
            let _ = sender.send(line);
        }
    });
}
