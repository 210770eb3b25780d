//! A connection between two programs that a test can cut, silence and mend: it listens on a port of this machine and hands
//! everything on to a socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What becomes of what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// It arrives.
    Open,
    /// Every connection is closed, and new ones are as soon as they are made.
    Cut,
    /// Nothing arrives, on old connections or new ones, and nobody is told.
    Silent,
}

/// A link to a socket. It ends when it is dropped.
#[derive(Debug)]
pub struct Link {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    way: AtomicU8,
    over: AtomicBool,
    socket: PathBuf,
    // What a cut closes.
    ends: Mutex<Vec<(TcpStream, UnixStream)>>,
}

impl Link {
    /// A link to this socket, open.
    #[must_use]
    pub fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            way: AtomicU8::new(Way::Open as u8),
            over: AtomicBool::new(false),
            socket: socket.to_path_buf(),
            ends: Mutex::default(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if accepting.over.load(Ordering::SeqCst) {
                    return;
                }
                accepting.accept(near);
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what becomes of what goes through, from now on.
    pub fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::SeqCst);
        if way == Way::Cut {
            self.shared.cut();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.cut();
        // Wakes the one that waits for connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn is(&self, way: Way) -> bool {
        self.way.load(Ordering::SeqCst) == way as u8
    }

    fn cut(&self) {
        for (near, far) in self.ends.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = near.shutdown(Shutdown::Both);
            let _ = far.shutdown(Shutdown::Both);
        }
    }

    fn accept(self: &Arc<Self>, near: TcpStream) {
        if self.is(Way::Cut) {
            return;
        }
        let Ok(far) = UnixStream::connect(&self.socket) else { return };
        let _ = near.set_nodelay(true);
        let (Ok(near2), Ok(far2)) = (near.try_clone(), far.try_clone()) else { return };
        let (Ok(near3), Ok(far3)) = (near.try_clone(), far.try_clone()) else { return };
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).push((near3, far3));
        // The link may have been cut in between.
        if self.is(Way::Cut) {
            self.cut();
        }
        let (there, back) = (self.clone(), self.clone());
        thread::spawn(move || {
            there.carry(&near, &far);
            let _ = far.shutdown(Shutdown::Both);
        });
        thread::spawn(move || {
            back.carry(&far2, &near2);
            let _ = near2.shutdown(Shutdown::Both);
        });
    }

    fn carry<'s, R, W>(&self, from: &'s R, to: &'s W)
    where
        &'s R: Read,
        &'s W: Write,
    {
        let (mut from, mut to) = (from, to);
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            // What comes while it is silent is held back, as a network does that loses packets for a while.
            while self.is(Way::Silent) && !self.over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    }
}
