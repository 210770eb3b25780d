//! From an error of any room to the answer that its caller gets: a status, and one body for all of them. What is the
//! hub's own trouble goes to the log alone.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use skillsync_core::fault::{Fault, Kind, with_causes};
use skillsync_wire::api::error::{ErrorBody, Problem as Said};

use crate::limits::{self, RETRY_AFTER_S};

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    said: Said,
    retry_after_s: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &str, message: String, hint: Option<String>) -> Self {
        let message = without_keys(message);
        Self { status, said: Said { code: code.to_owned(), message, hint }, retry_after_s: None }
    }

    /// Its status.
    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
}

/// What every key of the interface begins with.
const KEY_HEAD: &str = "rec_";

/// The message without keys: whoever puts one where a name belongs shall not find it in an error, which may be kept or sent on.
fn without_keys(message: String) -> String {
    let Some((before, rest)) = message.split_once(KEY_HEAD) else { return message };
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    format!("{before}(a key){}", without_keys(rest[end..].to_owned()))
}

/// What is wrong with a request as such, whatever was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The hub failed, and says no more of it.
    #[error("the hub failed; its log says why")]
    Failed,
    /// There is no room left where it stores things.
    #[error("the hub has no room left; nothing of this was stored")]
    Full,
    /// No key, or one that opens nothing. Which of the two, and why, is not said.
    #[error("a valid key of this hub is needed")]
    KeyRefused,
    /// More requests than the hub works on at once.
    #[error("the hub has too much to do")]
    Busy,
    /// It took too long.
    #[error("the request took too long")]
    TooSlow,
    /// The caller asks too often.
    #[error("too many requests")]
    TooOften {
        /// How long to wait.
        seconds: u64,
    },
    /// No route has this path.
    #[error("the hub has nothing at this address")]
    NoRoute,
    /// The path has no such method.
    #[error("this address has no such method")]
    NoMethod,
    /// The request says what it cannot say.
    #[error("{reason}")]
    Wrong {
        /// What is wrong.
        reason: String,
    },
    /// The query is longer than one may be.
    #[error("a query has at most {} bytes", limits::QUERY_BYTES)]
    QueryTooLong,
    /// The body, or a part of it, is larger than it may be.
    #[error("more than {limit_bytes} bytes were sent")]
    BodyTooLarge {
        /// The bound.
        limit_bytes: u64,
    },
    /// The body is of another type.
    #[error("the body must be `{expected}`")]
    BodyType {
        /// The type.
        expected: &'static str,
    },
    /// The body is compressed.
    #[error("a body must be sent as it is, not compressed")]
    BodyEncoded,
    /// The body does not come.
    #[error("the body came too slowly")]
    BodySlow,
    /// The hub itself is not all there.
    #[error("the database or the blobs do not answer")]
    NotReady,
}

impl Fault for Trouble {
    fn kind(&self) -> Kind {
        match self {
            Trouble::Failed | Trouble::Full => Kind::Io,
            Trouble::KeyRefused => Kind::Denied,
            Trouble::Busy | Trouble::TooSlow | Trouble::NotReady => Kind::Offline,
            Trouble::NoRoute => Kind::NotFound,
            Trouble::TooOften { .. } | Trouble::QueryTooLong | Trouble::BodyTooLarge { .. } => Kind::Limit,
            Trouble::NoMethod
            | Trouble::Wrong { .. }
            | Trouble::BodyType { .. }
            | Trouble::BodyEncoded
            | Trouble::BodySlow => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Trouble::Failed => "hub-failed",
            Trouble::Full => "hub-full",
            Trouble::KeyRefused => "key-refused",
            Trouble::Busy => "hub-busy",
            Trouble::TooSlow => "request-timeout",
            Trouble::TooOften { .. } => "rate-limited",
            Trouble::NoRoute => "route-not-found",
            Trouble::NoMethod => "method-not-allowed",
            Trouble::Wrong { .. } => "request-invalid",
            Trouble::QueryTooLong => "query-too-long",
            Trouble::BodyTooLarge { .. } => "body-too-large",
            Trouble::BodyType { .. } => "body-type-wrong",
            Trouble::BodyEncoded => "body-encoded",
            Trouble::BodySlow => "body-too-slow",
            Trouble::NotReady => "hub-not-ready",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Trouble::Full => Some("whoever runs the hub has to make room; then try again".to_owned()),
            Trouble::KeyRefused => Some("send it in the header `x-api-key`".to_owned()),
            _ => None,
        }
    }
}

impl Trouble {
    /// A request that is wrong for this reason.
    pub(super) fn wrong(reason: impl Into<String>) -> Self {
        Trouble::Wrong { reason: reason.into() }
    }

    /// The answer, with the status that says it best.
    pub(super) fn problem(&self) -> Problem {
        let status = match self {
            Trouble::KeyRefused => StatusCode::UNAUTHORIZED,
            Trouble::Full => StatusCode::INSUFFICIENT_STORAGE,
            Trouble::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            Trouble::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
            Trouble::QueryTooLong => StatusCode::URI_TOO_LONG,
            Trouble::BodyType { .. } | Trouble::BodyEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Trouble::BodySlow => StatusCode::REQUEST_TIMEOUT,
            _ => status(self.kind()),
        };
        let retry_after_s = match self {
            Trouble::TooOften { seconds } => Some(*seconds),
            Trouble::Busy | Trouble::TooSlow | Trouble::NotReady | Trouble::Full => Some(RETRY_AFTER_S),
            _ => None,
        };
        Problem { retry_after_s, ..Problem::new(status, self.code(), self.to_string(), self.hint()) }
    }
}

/// The one table from what went wrong to a status.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Exists | Kind::Conflict | Kind::Locked => StatusCode::CONFLICT,
        Kind::Untrusted => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Offline => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Io => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn is_full(code: &str) -> bool {
    matches!(code, "blobs-full" | "database-full")
}

impl<E: Fault> From<E> for Problem {
    fn from(error: E) -> Self {
        match error.kind() {
            // The one trouble of its own that it names: nothing was done, and somebody has to make room.
            Kind::Io if is_full(error.code()) => {
                tracing::error!(code = error.code(), "{}", with_causes(&error));
                Trouble::Full.problem()
            }
            Kind::Io => {
                tracing::error!(code = error.code(), "{}", with_causes(&error));
                Trouble::Failed.problem()
            }
            Kind::Offline => {
                tracing::error!(code = error.code(), "{}", with_causes(&error));
                let message = "the hub cannot do this now".to_owned();
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), message, None);
                Problem { retry_after_s: Some(RETRY_AFTER_S), ..problem }
            }
            kind => Problem::new(status(kind), error.code(), error.to_string(), error.hint()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&ErrorBody { error: self.said }).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"skillsync\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_repeated() {
        for (said, expected) in [
            ("there is no skill `pdf`", "there is no skill `pdf`"),
            ("`rec_live_aB3_x9_Z` is no name", "`(a key)` is no name"),
            ("rec_live_a, rec_fleet_b", "(a key), (a key)"),
            ("rec_", "(a key)"),
        ] {
            assert_eq!(without_keys(said.to_owned()), expected);
        }
    }
}
