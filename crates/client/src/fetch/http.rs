//! [`Fetch`] over HTTP: bounded in size and in time, redirects followed by hand, the key shown to its own host alone.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use ureq::http::{self, HeaderName, Method, Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, AsSendBody, Body, SendBody, Timeout};

use super::names::Names;
use super::pace::Pace;
use super::{Address, Error, Fetch, Reply, Request};
use crate::limits;

/// The header of the key (decision 4).
const KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer.
    pub head: Duration,
    /// Over how long the speed is measured; also the longest silence.
    pub pace_window: Duration,
    /// The least speed.
    pub pace_bytes_per_s: u64,
    /// For everything.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: limits::CONNECT,
            head: limits::HEAD,
            pace_window: limits::PACE_WINDOW,
            pace_bytes_per_s: limits::PACE_BYTES_PER_S,
            total: limits::TOTAL,
        }
    }
}

/// The network. Connections are kept and used again; proxies and certificates are those that the system names.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    limits: Limits,
    until: Option<Instant>,
}

impl Http {
    /// Asks as `user_agent`, within `limits`.
    pub fn new(user_agent: &str, limits: Limits) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .user_agent(user_agent.to_owned())
            .accept_encoding("identity")
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(limits::HEAD_BYTES)
            .max_idle_connections_per_host(limits::PARALLEL)
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.head))
            .timeout_per_read(Some(limits.pace_window))
            .timeout_per_write(Some(limits.pace_window))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::new(), Names::default());
        Self { agent, limits, until: None }
    }

    /// The same, where every answer must have come by `until`, however many there are.
    #[must_use]
    pub fn until(self, until: Instant) -> Self {
        Self { until: Some(until), ..self }
    }

    fn call(
        &self,
        request: &Request<'_>,
        address: &Address,
        until: Instant,
    ) -> Result<Response<Body>, Error> {
        let method = if request.send.is_some() { Method::POST } else { Method::GET };
        let mut head = http::Request::builder().method(method).uri(address.uri().clone());
        if let Some(key) = request.key.filter(|_| address.is_beside(request.address)) {
            let invalid = || Error::Garbled { host: address.host(), problem: "the key".to_owned() };
            let mut value = header::HeaderValue::from_str(key.expose()).map_err(|_| invalid())?;
            value.set_sensitive(true);
            head = head.header(KEY, value);
        }
        if let Some(etag) = request.if_none_match {
            head = head.header(header::IF_NONE_MATCH, etag);
        }
        let Some(send) = request.send else { return self.run(address, head.body(()), until) };
        head = head.header(header::CONTENT_TYPE, send.content_type);
        head = head.header(header::CONTENT_LENGTH, send.bytes.len());
        let mut reader = Counted { rest: send.bytes, progress: request.progress };
        self.run(address, head.body(SendBody::from_reader(&mut reader)), until)
    }

    fn run<S: AsSendBody>(
        &self,
        address: &Address,
        call: http::Result<http::Request<S>>,
        until: Instant,
    ) -> Result<Response<Body>, Error> {
        let call = call.map_err(|e| Error::Garbled { host: address.host(), problem: e.to_string() })?;
        let left = until.saturating_duration_since(Instant::now());
        // To some none at all would mean no bound.
        if left.is_zero() {
            return Err(Error::Slow { host: address.host(), what: "there is no time left to ask it" });
        }
        let mut call = self.agent.configure_request(call).timeout_global(Some(left));
        if address.is_loopback() {
            call = call.proxy(None);
        }
        self.agent.run(call.build()).map_err(|e| failed(address, e))
    }
}

/// What is sent, counted as the system takes it: of a slow connection that is up to a few MiB ahead of what has arrived.
struct Counted<'a> {
    rest: &'a [u8],
    progress: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.read(buffer)?;
        if let Some(progress) = self.progress {
            progress(count as u64);
        }
        Ok(count)
    }
}

impl Fetch for Http {
    fn fetch(&self, request: &Request<'_>, into: &mut dyn Write) -> Result<Reply, Error> {
        let until = Instant::now() + self.limits.total;
        let until = self.until.map_or(until, |last| until.min(last));
        let mut address = request.address.clone();
        for _ in 0..=limits::REDIRECTS {
            let response = self.call(request, &address, until)?;
            let status = response.status();
            let is_redirect = status.is_redirection() && status != StatusCode::NOT_MODIFIED;
            if !is_redirect {
                return self.read(request, &address, response, into);
            }
            let refused = |problem| Error::Redirect { host: address.host(), problem };
            if request.send.is_some() {
                return Err(refused("what was sent"));
            }
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            address = address.redirected(location.ok_or_else(|| refused("to nowhere"))?)?;
        }
        Err(Error::Redirect { host: address.host(), problem: "too often" })
    }
}

impl Http {
    fn read(
        &self,
        request: &Request<'_>,
        address: &Address,
        response: Response<Body>,
        into: &mut dyn Write,
    ) -> Result<Reply, Error> {
        let headers = response.headers();
        let text =
            |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).map(str::to_owned);
        if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            // It was not asked for, and what it unpacks to has no bound.
            let problem = "it is compressed".to_owned();
            return Err(Error::Garbled { host: address.host(), problem });
        }
        let mut reply = Reply {
            status: response.status().as_u16(),
            etag: text(header::ETAG),
            retry_after_s: text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok()),
            ..Reply::default()
        };
        let is_success = reply.is_success();
        let limit_bytes = if is_success { request.limit_bytes } else { limits::PROBLEM_BYTES };
        let too_large = || Error::TooLarge { host: address.host(), limit_bytes };
        let body = response.into_body();
        if is_success && body.content_length().is_some_and(|length| length > limit_bytes) {
            return Err(too_large());
        }
        // A small file needs no more than its own size, and a byte that shows that nothing follows.
        let expected = body.content_length().and_then(|length| usize::try_from(length).ok());
        let buffer_bytes = expected.map_or(CHUNK_BYTES, |length| length.saturating_add(1).min(CHUNK_BYTES));
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        let began = Instant::now();
        let mut pace = Pace::new(self.limits.pace_window, self.limits.pace_bytes_per_s, began);
        let mut buffer = vec![0; buffer_bytes];
        let read_bytes = Cell::new(0);
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(failed_body(address, e)),
            };
            read_bytes.set(read_bytes.get() + count as u64);
            if !pace.counts(count as u64, Instant::now()) {
                return Err(Error::Slow {
                    host: address.host(),
                    what: "fewer bytes than a modem would send",
                });
            }
            if !is_success {
                // The rest of what is no success is of no interest.
                let room = usize::try_from(limit_bytes).unwrap_or(usize::MAX) - reply.problem.len();
                reply.problem.extend_from_slice(&buffer[..count.min(room)]);
                if count >= room {
                    break;
                }
                continue;
            }
            if read_bytes.get() > limit_bytes {
                return Err(too_large());
            }
            into.write_all(&buffer[..count])
                .map_err(|source| Error::Write { host: address.host(), source })?;
            if let (Some(progress), None) = (request.progress, request.send) {
                progress(count as u64);
            }
        }
        reply.length_bytes = if is_success { read_bytes.get() } else { 0 };
        Ok(reply)
    }
}

/// What went wrong before there was a body.
fn failed(address: &Address, error: ureq::Error) -> Error {
    let host = address.host();
    match error {
        ureq::Error::Timeout(timeout) => Error::Slow { host, what: awaited(timeout) },
        ureq::Error::Rustls(e) => Error::Certificate { host, source: io::Error::other(e) },
        ureq::Error::Tls(e) => Error::Certificate { host, source: io::Error::other(e) },
        ureq::Error::HostNotFound => {
            Error::Unreachable { host, source: io::Error::other("there is no such host") }
        }
        ureq::Error::ConnectionFailed => {
            Error::Unreachable { host, source: io::Error::other("no connection") }
        }
        ureq::Error::ConnectProxyFailed(e) => {
            Error::Unreachable { host, source: io::Error::other(format!("the proxy: {e}")) }
        }
        ureq::Error::Io(source) if is_certificate(&source) => Error::Certificate { host, source },
        ureq::Error::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            Error::Cut { host, source }
        }
        ureq::Error::Io(source) => Error::Unreachable { host, source },
        other => Error::Garbled { host, problem: other.to_string() },
    }
}

/// What went wrong in the middle of a body.
fn failed_body(address: &Address, error: io::Error) -> Error {
    match failed(address, ureq::Error::from(error)) {
        Error::Unreachable { host, source } => Error::Cut { host, source },
        other => other,
    }
}

fn is_certificate(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.to_string().contains("certificate"))
}

fn awaited(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve | Timeout::Connect => "no connection",
        Timeout::RecvResponse => "no answer",
        Timeout::Global | Timeout::PerCall => "no end",
        _ => "nothing more comes",
    }
}
