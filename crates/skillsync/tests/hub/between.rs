//! What may stand between a machine and a hub: somebody who writes everything down, and a slow line.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use skillsync_testkit::hub::{Answered, pass};
use skillsync_testkit::web::{Answer, Asked, Web};

use crate::scene::Scene;

/// Passes everything on to the hub and writes it down.
pub(crate) fn recorder(scene: &Scene) -> Web {
    liar(scene, |_, answered| answered)
}

/// Passes everything on to the hub; `twist` may change what comes back.
pub(crate) fn liar(
    scene: &Scene,
    twist: impl Fn(&Asked, Answered) -> Answered + Send + Sync + 'static,
) -> Web {
    let address = scene.address();
    Web::serve(move |asked| match pass(&address, asked).map(|answered| twist(asked, answered)) {
        Ok(Answered { status, headers, body }) => {
            let kept = headers.into_iter().filter(|(name, _)| name != "content-length");
            Answer { status, headers: kept.collect(), ..Answer::ok(body) }
        }
        Err(_) => Answer::status(502),
    })
}

/// A line to the hub that lets so much through and no more.
pub(crate) struct SlowLine {
    port: u16,
    /// Bytes that came back over it.
    through: Arc<AtomicU64>,
}

impl SlowLine {
    /// A line on which the hub's answers come at so many bytes a second.
    pub(crate) fn to(scene: &Scene, bytes_per_s: u64) -> SlowLine {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("no free port: {e}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let (through, address) = (Arc::<AtomicU64>::default(), scene.address());
        let counter = Arc::clone(&through);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let (address, counter) = (address.clone(), Arc::clone(&counter));
                // Where the hub is gone the connection is, too.
                thread::spawn(move || drop(carry(near, &address, bytes_per_s, &counter)));
            }
        });
        SlowLine { port, through }
    }

    /// Its address, as of a hub.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until so many more bytes came back over it. Gives up where the other side is not asking any more.
    pub(crate) fn wait_for(&self, bytes: u64, is_asking: impl Fn() -> bool) {
        let target = self.through.load(Ordering::SeqCst) + bytes;
        while self.through.load(Ordering::SeqCst) < target && is_asking() {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn carry(near: TcpStream, address: &str, bytes_per_s: u64, counter: &AtomicU64) -> std::io::Result<()> {
    let far = TcpStream::connect(address)?;
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_near, &mut to_far);
        let _ = to_far.shutdown(Shutdown::Write);
    });
    let (mut from_far, mut to_near) = (far, near);
    let mut buffer = [0; 4096];
    loop {
        let count = match from_far.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        to_near.write_all(&buffer[..count])?;
        counter.fetch_add(count as u64, Ordering::SeqCst);
        thread::sleep(Duration::from_micros(count as u64 * 1_000_000 / bytes_per_s));
    }
    to_near.shutdown(Shutdown::Both)
}
