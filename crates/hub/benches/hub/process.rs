//! The built hub as a process of its own, and what it costs.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load;

/// A running hub, stopped when dropped.
#[derive(Debug)]
pub(crate) struct HubProcess {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How long its start took.
    pub(crate) ready_ms: f64,
}

impl HubProcess {
    /// Starts it on what [`crate::catalogue`] put into `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let began = Instant::now();
        let mut hub = Command::new(env!("CARGO_BIN_EXE_skillsync-hub"));
        hub.arg("serve").arg("--data").arg(folder.join("data")).arg("--listen").arg(address.to_string());
        hub.args(["--metrics-listen", "off", "--rate-limits", "off", "--log", "warn"]);
        let child = hub.stdout(Stdio::null()).spawn().expect("the hub's program runs");
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the hub does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, address, ready_ms: began.elapsed().as_secs_f64() * 1_000.0 }
    }

    /// Asks for one manifest and gives its `ETag` and size.
    pub(crate) async fn manifest(&self, headers: &str) -> (String, usize) {
        let head = load::head(self.address, skillsync_wire::api::path::MANIFEST, headers).await;
        (load::field(&head, "etag"), load::field(&head, "content-length").parse().expect("a length"))
    }

    /// What it has in memory now.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.status_mib("VmRSS:")
    }

    /// The most it had in memory.
    pub(crate) fn most_memory_mib(&self) -> u64 {
        self.status_mib("VmHWM:")
    }

    fn status_mib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
