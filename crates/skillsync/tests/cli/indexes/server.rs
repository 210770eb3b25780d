//! Real web servers over a folder, and curl to ask them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "what strangers do is done outside the product, and what fails in a helper fails its test"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A web server that ends when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a server may take to start: a hang, not a time, is what this finds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Python's own server over `root`.
pub(crate) fn python(root: &Path) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"])
        .arg(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port =
        line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port").to_owned();
    Server { child, origin: format!("http://127.0.0.1:{port}"), _folder: folder }
}

/// nginx over `root`, with `location` inside its `server` block; `None` when it is not installed.
pub(crate) fn nginx(root: &Path, location: &str) -> Option<Server> {
    Command::new("nginx").arg("-v").stderr(Stdio::null()).status().ok()?;
    let folder = tempfile::tempdir().unwrap();
    // Somebody may take the port before nginx does: then there is another.
    for _ in 0..20 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.path().display();
        let conf = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off; client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at};\n\
             uwsgi_temp_path {at}; scgi_temp_path {at};\nserver {{ listen 127.0.0.1:{port}; root {};\n{location}\n}}\n}}\n",
            root.display()
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, conf).unwrap();
        let child = Command::new("nginx").arg("-c").arg(&path).stderr(Stdio::null()).spawn().ok()?;
        let mut server = Server {
            child,
            origin: format!("http://127.0.0.1:{port}"),
            _folder: tempfile::tempdir().unwrap(),
        };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                server._folder = folder;
                return Some(server);
            }
            if server.child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    panic!("nginx does not start");
}

/// What curl got.
pub(crate) struct Got {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// Asks with curl.
pub(crate) fn curl(args: &[&str]) -> Got {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60", "--dump-header", "-", "--path-as-is"])
        .args(args)
        .output()
        .expect("curl");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Got { status, headers: lines.filter_map(header).collect(), body: output.stdout[end + 4..].to_vec() }
}
