//! Stands between client and hub and counts what goes through.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What went through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    /// Requests.
    pub(crate) requests: u64,
    /// Bytes of answers, heads and bodies.
    pub(crate) answer_bytes: u64,
}

/// A relay, until the program ends.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    answer_bytes: Arc<AtomicU64>,
}

impl Relay {
    /// To what listens at `url`.
    pub(crate) fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (requests, answer_bytes) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let relay = Self { address, requests: requests.clone(), answer_bytes: answer_bytes.clone() };
        let hub = url.trim_start_matches("http://").to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let hub = TcpStream::connect(&hub).expect("the hub takes connections");
                let (from, to) = (client.try_clone().expect("a socket"), hub.try_clone().expect("a socket"));
                let (requests, answer_bytes) = (requests.clone(), answer_bytes.clone());
                // A request's head comes in one piece, and nothing else that is sent begins like one.
                thread::spawn(move || {
                    pass(from, to, &requests, |bytes| u64::from(bytes.starts_with(b"GET ")))
                });
                thread::spawn(move || pass(hub, client, &answer_bytes, |bytes| bytes.len() as u64));
            }
        });
        relay
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What went through since the last call.
    pub(crate) fn take(&self) -> Passed {
        Passed {
            requests: self.requests.swap(0, Ordering::SeqCst),
            answer_bytes: self.answer_bytes.swap(0, Ordering::SeqCst),
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64, counts: fn(&[u8]) -> u64) {
    let mut buffer = [0_u8; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
        count.fetch_add(counts(&buffer[..read]), Ordering::SeqCst);
    }
    let _ = to.shutdown(Shutdown::Write);
}
