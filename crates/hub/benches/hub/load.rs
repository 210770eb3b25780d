//! Many clients at once over kept connections: how many requests a second, and how long each one waits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One kind of request, sent again and again.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Where to.
    pub(crate) address: SocketAddr,
    /// The request's path.
    pub(crate) path: String,
    /// Its headers, each ended by CRLF: of each connection in turn.
    pub(crate) headers: Vec<String>,
    /// The status that every answer must have.
    pub(crate) status: u16,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    /// Answers a second.
    pub(crate) per_s: f64,
    /// Half of the answers came within this, in milliseconds.
    pub(crate) p50_ms: f64,
    /// All but one in a hundred came within this, in milliseconds.
    pub(crate) p99_ms: f64,
    /// Bytes of one answer, its head and its body.
    pub(crate) answer_bytes: usize,
}

/// How often a client asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Again as soon as it was answered: what the server can do.
    Saturated,
    /// So many times a second in all, evenly spread: what one of them waits for while there is room.
    PerSecond(u32),
}

/// Sends `asked` over `connections` connections for `span`, after a tenth of it that is not counted.
pub(crate) async fn load(asked: &Asked, connections: usize, pace: Pace, span: Duration) -> Served {
    let every = match pace {
        Pace::Saturated => Duration::ZERO,
        Pace::PerSecond(count) => Duration::from_secs(1) * u32::try_from(connections).unwrap_or(1) / count,
    };
    let counted_from = Instant::now() + span / 10;
    let until = counted_from + span;
    let mut clients = Vec::with_capacity(connections);
    for number in 0..connections {
        let headers = &asked.headers[number % asked.headers.len()];
        let request = request(asked.address, &asked.path, headers);
        let (address, status) = (asked.address, asked.status);
        let first = Instant::now()
            + every * u32::try_from(number).unwrap_or(0) / u32::try_from(connections).unwrap_or(1);
        clients.push(tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.expect("the server takes connections");
            stream.set_nodelay(true).expect("a socket takes options");
            tokio::time::sleep_until(first.into()).await;
            client(stream, &request, status, every, counted_from, until).await
        }));
    }
    let mut waits_us: Vec<u32> = Vec::new();
    let mut answer_bytes = 0;
    for client in clients {
        let (waits, bytes) = client.await.expect("a client ends");
        waits_us.extend(waits);
        answer_bytes = answer_bytes.max(bytes);
    }
    waits_us.sort_unstable();
    let at = |share: f64| {
        let last = waits_us.len().saturating_sub(1);
        f64::from(waits_us.get((last as f64 * share) as usize).copied().unwrap_or(0)) / 1_000.0
    };
    Served {
        per_s: waits_us.len() as f64 / span.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        answer_bytes,
    }
}

fn request(address: SocketAddr, path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n")
}

/// Asks once and gives the head of the answer, which must be a success.
pub(crate) async fn head(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server takes connections");
    let headers = format!("{headers}Connection: close\r\n");
    stream.write_all(request(address, path, &headers).as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the server answers");
    let text = String::from_utf8_lossy(&answer);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    head
}

/// A field of a head.
pub(crate) fn field(head: &str, name: &str) -> String {
    let named = |line: &str| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    head.lines().find_map(named).expect("the field is there")
}

/// One client: asks, waits for the whole answer, asks again.
async fn client(
    mut stream: TcpStream,
    request: &str,
    status: u16,
    every: Duration,
    counted_from: Instant,
    until: Instant,
) -> (Vec<u32>, usize) {
    let mut waits_us = Vec::new();
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut bytes = 0;
    loop {
        let asked = Instant::now();
        if asked >= until {
            return (waits_us, bytes);
        }
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        bytes = answer(&mut stream, &mut buffer, status).await;
        if asked >= counted_from {
            waits_us.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        if !every.is_zero() {
            tokio::time::sleep_until((asked + every).into()).await;
        }
    }
}

/// Reads one answer to its end and gives its size.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8], status: u16) -> usize {
    let mut filled = 0;
    let (head, length) = loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(head) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            assert!(text.starts_with(&format!("http/1.1 {status}")), "another answer: {text}");
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            break (
                head + 4,
                length.map_or(0, |length| length.trim().parse().expect("a length is a number")),
            );
        }
    };
    let mut left = (head + length).saturating_sub(filled);
    while left > 0 {
        let room = left.min(buffer.len());
        let read = stream.read(&mut buffer[..room]).await.expect("the server answers");
        assert!(read > 0, "the server cut the answer");
        left -= read;
    }
    head + length
}
