//! A scripted HTTP server on this machine: each request goes to a closure, each answer may be honest, slow, endless, cut
//! off or a lie. It knows no hub; what it serves is up to the test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, `POST`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// What was sent along.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first header called `name`, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// How an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should be.
    Honest,
    /// The head says this length, whatever the body has; then the connection is closed.
    LyingLength(u64),
    /// After so many bytes of the body the connection is closed.
    CutAfter(usize),
    /// So many bytes at a time, with a pause after each.
    Slow(usize, Duration),
    /// The body again and again, without end and without a length.
    Endless,
    /// No answer at all, for so long.
    Silent(Duration),
    /// The body is all that is sent: no head.
    Bare,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers beside `content-length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How it is given.
    pub manner: Manner,
}

impl Answer {
    /// 200 with `body`.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), manner: Manner::Honest }
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::ok([]) }
    }

    /// With one header more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Given in another manner.
    #[must_use]
    pub fn given(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A server that answers until it is dropped.
pub struct Web {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
}

impl Web {
    /// Serves on a free port of 127.0.0.1. Each connection has a thread of its own.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn serve(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("no free port: {e}"));
        let address = listener.local_addr().unwrap_or_else(|e| panic!("no address: {e}"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let server = Self { address, log: Arc::clone(&log), is_over: Arc::clone(&is_over) };
        let script: Arc<Script> = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let (script, log, is_over) = (Arc::clone(&script), Arc::clone(&log), Arc::clone(&is_over));
                // What a client does to a connection is its own business.
                std::thread::spawn(move || drop(converse(stream, &*script, &log, &is_over)));
            }
        });
        server
    }

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests since the last call of this.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers the requests of one connection until either side ends it.
fn converse(
    stream: TcpStream,
    script: &Script,
    log: &Mutex<Vec<Asked>>,
    is_over: &AtomicBool,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while let Some(asked) = read(&mut input)? {
        if is_over.load(Ordering::SeqCst) {
            return Ok(());
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        if !write(&mut out, &script(&asked), is_over)? {
            return out.shutdown(std::net::Shutdown::Both);
        }
    }
    Ok(())
}

fn read(input: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let mut asked = Asked { method, path, headers, body: Vec::new() };
    let length = asked.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    input.take(length).read_to_end(&mut asked.body)?;
    Ok(Some(asked))
}

/// Gives an answer, and whether the connection can be used again.
fn write(out: &mut impl Write, answer: &Answer, is_over: &AtomicBool) -> io::Result<bool> {
    let Answer { status, headers, body, manner } = answer;
    let going_on = || !is_over.load(Ordering::SeqCst);
    match manner {
        Manner::Silent(pause) => {
            std::thread::sleep(*pause);
            return Ok(false);
        }
        Manner::Bare => {
            out.write_all(body)?;
            return Ok(false);
        }
        _ => {}
    }
    let mut head = format!("HTTP/1.1 {status} -\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let has_body = !matches!(status, 204 | 304);
    match manner {
        Manner::Endless => head.push_str("connection: close\r\n"),
        Manner::LyingLength(length) => head.push_str(&format!("content-length: {length}\r\n")),
        _ if has_body => head.push_str(&format!("content-length: {}\r\n", body.len())),
        _ => {}
    }
    head.push_str("\r\n");
    out.write_all(head.as_bytes())?;
    match manner {
        Manner::CutAfter(bytes) => {
            out.write_all(&body[..*bytes.min(&body.len())])?;
            return Ok(false);
        }
        Manner::Slow(bytes, pause) => {
            for chunk in body.chunks(*bytes) {
                out.write_all(chunk)?;
                std::thread::sleep(*pause);
                if !going_on() {
                    return Ok(false);
                }
            }
        }
        Manner::Endless => {
            while going_on() {
                out.write_all(body)?;
            }
        }
        _ if has_body => out.write_all(body)?,
        _ => {}
    }
    out.flush()?;
    Ok(*manner == Manner::Honest || matches!(manner, Manner::Slow(..)))
}
