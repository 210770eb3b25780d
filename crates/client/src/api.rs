//! Questions to a hub in JSON: the answer, or the hub's own words for why there is none. What a signed document says is
//! not believed for having come this way; that is `trust`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use skillsync_core::fault::{Fault, Kind};
use skillsync_wire::api::error::{ErrorBody, Problem};
use skillsync_wire::api::key::ApiKey;

use crate::fetch::{self, Base, Fetch, Reply, Request, Send};
use crate::limits;

/// A hub does not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no answer.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// The hub says no.
    #[error("{host} says: {}", said(.problem.as_deref()))]
    Refused {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the hub says, if it says it as hubs do. For people: nothing in it is believed.
        problem: Option<Box<Problem>>,
        /// How long the hub asks to be left alone, in seconds.
        retry_after_s: Option<u64>,
    },
    /// The answer is not of its form.
    #[error("the answer of {host} is not of the form that hubs have")]
    Form {
        /// The host.
        host: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// The hub's words with its own code, by which a person finds more of them.
fn said(problem: Option<&Problem>) -> String {
    problem.map_or("nothing but a status".to_owned(), |p| format!("{} ({})", p.message, p.code))
}

impl Error {
    /// The error of a reply that is no success.
    pub fn refused(host: &str, reply: &Reply) -> Self {
        let body = serde_json::from_slice::<ErrorBody>(&reply.problem).ok();
        let problem = body.map(|body| {
            Box::new(Problem {
                code: printable(&body.error.code, 100),
                message: printable(&body.error.message, 500),
                hint: body.error.hint.map(|hint| printable(&hint, 500)),
            })
        });
        let (status, retry_after_s) = (reply.status, reply.retry_after_s);
        Error::Refused { host: host.to_owned(), status, problem, retry_after_s }
    }

    /// How long the hub asks to be left alone, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Error::Refused { retry_after_s, .. } => *retry_after_s,
            _ => None,
        }
    }

    /// The code that the hub gave for its refusal.
    pub fn hub_code(&self) -> Option<&str> {
        match self {
            Error::Refused { problem, .. } => problem.as_ref().map(|problem| &*problem.code),
            _ => None,
        }
    }
}

/// Words of a stranger, fit for a terminal: no control characters, not too many of them.
fn printable(text: &str, most_chars: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most_chars).collect()
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Error::Fetch(e) => e.kind(),
            Error::Refused { status, .. } => match status {
                401 | 403 => Kind::Denied,
                404 | 410 => Kind::NotFound,
                409 => Kind::Exists,
                413 => Kind::Limit,
                422 => Kind::Untrusted,
                408 | 429 | 500.. => Kind::Offline,
                _ => Kind::Invalid,
            },
            Error::Form { .. } => Kind::Offline,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Error::Fetch(e) => e.code(),
            Error::Refused { status, .. } => match status {
                401 => "hub-key-refused",
                403 => "hub-denied",
                404 | 410 => "hub-not-found",
                409 => "hub-conflict",
                413 => "hub-limit",
                422 => "hub-untrusted",
                429 => "hub-busy",
                408 | 500.. => "hub-unavailable",
                _ => "hub-refused",
            },
            Error::Form { .. } => "hub-answer-unreadable",
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Fetch(e) => e.hint(),
            // The hub's own hint is for who writes a client.
            Error::Refused { status: 401, .. } => Some("`skillsync login` stores a new key".to_owned()),
            Error::Refused { problem: Some(problem), .. } if problem.hint.is_some() => {
                let hint = problem.hint.as_deref().unwrap_or_default();
                Some(format!("the hub says: {hint}"))
            }
            Error::Refused { retry_after_s: Some(seconds), .. } => {
                Some(format!("try again in {seconds} seconds"))
            }
            Error::Refused { status: 429 | 500.., .. } => {
                Some("what is installed goes on working; try again later".to_owned())
            }
            _ => None,
        }
    }
}

/// A hub, and the key to show it.
#[derive(Clone, Copy)]
pub struct Api<'a> {
    fetch: &'a dyn Fetch,
    base: &'a Base,
    key: Option<&'a ApiKey>,
}

impl<'a> Api<'a> {
    /// Asks the hub at `base` through `fetch`, as the owner of `key`.
    pub fn new(fetch: &'a dyn Fetch, base: &'a Base, key: Option<&'a ApiKey>) -> Self {
        Self { fetch, base, key }
    }

    /// Asks for `path` with a query of names and values.
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
        let mut path = path.to_owned();
        for (at, (name, value)) in query.iter().enumerate() {
            path.push(if at == 0 { '?' } else { '&' });
            path.push_str(&format!("{}={}", escaped(name), escaped(value)));
        }
        let address = self.base.at(&path)?;
        self.ask(&Request { key: self.key, ..Request::get(&address, limits::ANSWER_BYTES) })
    }

    /// Sends `body` as JSON to `path`.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        let host = self.base.host().to_owned();
        let bytes = serde_json::to_vec(body).map_err(|source| Error::Form { host, source })?;
        self.send(path, Send { content_type: "application/json", bytes: &bytes }, None)
    }

    /// Sends bytes of any type to `path`.
    pub fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        send: Send<'_>,
        progress: Option<&(dyn Fn(u64) + Sync)>,
    ) -> Result<T, Error> {
        let address = self.base.at(path)?;
        self.ask(&Request { key: self.key, progress, ..Request::post(&address, send, limits::ANSWER_BYTES) })
    }

    fn ask<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, Error> {
        let mut body = Vec::new();
        let reply = self.fetch.fetch(request, &mut body)?;
        if !reply.is_success() {
            return Err(Error::refused(self.base.host(), &reply));
        }
        // An answer without a body reads as `null`: `()`, `Option`.
        let body = if body.is_empty() { b"null" } else { &*body };
        serde_json::from_slice(body)
            .map_err(|source| Error::Form { host: self.base.host().to_owned(), source })
    }
}

/// A text for a query: what is not plain is written as `%XX`.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// The parts of a form with files (`multipart/form-data`): its type and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Its type, with the boundary.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One part of a [`Form`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The field.
    pub name: &'a str,
    /// Its type.
    pub content_type: &'a str,
    /// The name of the file, for a part that is one.
    pub file_name: Option<&'a str>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Form {
    /// A form of `parts`. The boundary is one that is in none of them.
    pub fn of(parts: &[Part<'_>]) -> Self {
        let taken = |boundary: &str| {
            let needle = boundary.as_bytes();
            parts.iter().any(|part| part.bytes.windows(needle.len()).any(|window| window == needle))
        };
        let mut number = 0_u64;
        let mut boundary = "skillsync-0".to_owned();
        while taken(&boundary) {
            number += 1;
            boundary = format!("skillsync-{number}");
        }
        let mut bytes = Vec::new();
        for Part { name, content_type, file_name, bytes: content } in parts {
            let file = file_name.map_or_else(String::new, |name| format!("; filename=\"{name}\""));
            let head = format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\ncontent-type: {content_type}\r\n\r\n"
            );
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Self { content_type: format!("multipart/form-data; boundary={boundary}"), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_in_no_part() {
        let part = |bytes| Part { name: "archive", content_type: "application/gzip", file_name: None, bytes };
        assert!(Form::of(&[part(b"x")]).content_type.ends_with("=skillsync-0"));
        let form = Form::of(&[part(b"--skillsync-0--"), part(b"skillsync-1")]);
        assert!(form.content_type.ends_with("=skillsync-2"), "{}", form.content_type);
        assert!(form.bytes.ends_with(b"\r\n--skillsync-2--\r\n"));
    }

    #[test]
    fn a_query_can_hold_anything() {
        assert_eq!(escaped("seo audit&x=ü/1.0-a_b~"), "seo%20audit%26x%3D%C3%BC%2F1.0-a_b~");
    }

    #[test]
    fn every_refusal_has_its_kind_and_no_control_characters() {
        let reply = |status, problem: &str| Reply { status, problem: problem.into(), ..Reply::default() };
        for (status, kind, code) in [
            (400, Kind::Invalid, "hub-refused"),
            (401, Kind::Denied, "hub-key-refused"),
            (403, Kind::Denied, "hub-denied"),
            (404, Kind::NotFound, "hub-not-found"),
            (409, Kind::Exists, "hub-conflict"),
            (413, Kind::Limit, "hub-limit"),
            (422, Kind::Untrusted, "hub-untrusted"),
            (429, Kind::Offline, "hub-busy"),
            (500, Kind::Offline, "hub-unavailable"),
            (503, Kind::Offline, "hub-unavailable"),
        ] {
            let error = Error::refused("h", &reply(status, "<html>"));
            assert_eq!((error.kind(), error.code(), error.hub_code()), (kind, code, None), "{status}");
        }
        let body = r#"{"error":{"code":"gone","message":"a\u001b[31mb","hint":"do \u0007x"}}"#;
        let error = Error::refused("h", &reply(404, body));
        assert_eq!(error.to_string(), "h says: a[31mb (gone)");
        assert_eq!((error.hub_code(), error.hint().as_deref()), (Some("gone"), Some("the hub says: do x")));
    }
}
