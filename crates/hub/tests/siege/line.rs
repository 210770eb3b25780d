//! A raw connection to a hub: bytes go in as they are, answers are taken apart by hand.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use skillsync_testkit::Hub;

/// An answer that has not come for so long never will.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// What the hub answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A connection.
pub(crate) struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    pub(crate) fn to(hub: &Hub) -> Self {
        Self::at(hub.url().strip_prefix("http://").unwrap())
    }

    pub(crate) fn at(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        stream.set_write_timeout(Some(HANGS_AFTER)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes. An error says that the other side has closed.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// The next answer; none where the connection was closed in its place. `bodiless` is the answer to HEAD.
    pub(crate) fn hear(&mut self, bodiless: bool) -> Option<Reply> {
        let mut line = String::new();
        if self.read_line(&mut line) == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {line:?}"));
        let mut headers = Vec::new();
        loop {
            line.clear();
            if self.read_line(&mut line) == 0 || line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if status == 100 {
            return self.hear(bodiless);
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        if bodiless || matches!(status, 204 | 304) {
            return Some(reply);
        }
        if reply.header("transfer-encoding") == "chunked" {
            reply.body = self.chunks();
        } else {
            let length = reply.header("content-length").parse().unwrap_or(u64::MAX);
            (&mut self.stream).take(length).read_to_end(&mut reply.body).unwrap();
        }
        Some(reply)
    }

    /// Whether an answer begins to come. None of it is taken out of the line.
    pub(crate) fn begins(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok(bytes) if !bytes.is_empty())
    }

    /// Whether the other side closes the connection without another word.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => true,
            Err(error) => panic!("it stays open: {error}"),
        }
    }

    fn read_line(&mut self, line: &mut String) -> usize {
        match self.stream.read_line(line) {
            Ok(read) => read,
            // Whoever is sent more than it takes resets the connection.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) =>
            {
                0
            }
            Err(error) => panic!("no answer: {error}"),
        }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let size = u64::from_str_radix(line.trim(), 16).unwrap();
            (&mut self.stream).take(size).read_to_end(&mut body).unwrap();
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if size == 0 {
                return body;
            }
        }
    }
}

/// Sends bytes on a connection of their own, and gives the first answer.
#[track_caller]
pub(crate) fn send(hub: &Hub, bytes: impl AsRef<[u8]>) -> Reply {
    let bytes = bytes.as_ref();
    let mut line = Line::to(hub);
    // Whoever refuses early may close before all is sent.
    let _ = line.say(bytes);
    match line.hear(bytes.starts_with(b"HEAD ")) {
        Some(reply) => reply,
        None => panic!("no answer to {}", String::from_utf8_lossy(&bytes[..bytes.len().min(500)])),
    }
}

/// The head of a request, with these further lines.
pub(crate) fn head(method: &str, path: &str, lines: &[&str]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: hub\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head + "\r\n"
}

impl Reply {
    /// The first header of this name, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the error, which must have this status and the one form, and be kept by nobody.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        assert!(!self.body.contains(&0x1b), "{error}");
        error["code"].as_str().unwrap().to_owned()
    }
}
