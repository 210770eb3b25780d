//! What goes out: JSON that nobody keeps, and documents with what a cache needs to know of them.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use skillsync_wire::wellknown::Head;

use super::problem::Trouble;

/// The media type of signed documents.
pub(super) const DSSE: &str = "application/vnd.skillsync.dsse+json";
/// What never changes and is everybody's.
pub(super) const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What never changes and is the caller's alone.
pub(super) const IMMUTABLE_PRIVATE: &str = "private, max-age=31536000, immutable";
/// What the caller may keep and must ask for again.
pub(super) const REVALIDATED: &str = "private, no-cache";
/// What everybody may keep and must ask for again.
pub(super) const REVALIDATED_PUBLIC: &str = "public, no-cache";
/// The headers that a caller's answer depends on.
const BY_CALLER: &str = "x-api-key, Authorization";

/// A JSON answer with a status.
pub(super) struct Json<T>(pub(super) StatusCode, pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(body) => {
                let mut response = (self.0, body).into_response();
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(VARY, HeaderValue::from_static(BY_CALLER));
                response
            }
            Err(_) => Trouble::Failed.problem().into_response(),
        }
    }
}

/// A good JSON answer.
pub(super) fn ok<T>(value: T) -> Json<T> {
    Json(StatusCode::OK, value)
}

/// Nothing to say but that it is done.
pub(super) fn done() -> Response {
    (StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response()
}

/// A document that a cache can ask for again by its digest.
pub(super) struct Document {
    /// Its media type.
    pub(super) content_type: &'static str,
    /// Who may keep it, and how.
    pub(super) cache: &'static str,
    /// 64 hex digits of its SHA-256.
    pub(super) hex: String,
}

impl From<Head> for Document {
    fn from(head: Head) -> Self {
        Self { content_type: head.content_type, cache: head.cache_control, hex: head.hex }
    }
}

impl Document {
    /// The answer with this content, or 304 for who has it already.
    pub(super) fn answer(&self, asked: &HeaderMap, content: Bytes) -> Response {
        self.answer_with(asked, content.len() as u64, || Body::from(content))
    }

    /// The answer with a content in pieces, which are sent as they are: nobody puts them together.
    pub(super) fn answer_pieces(&self, asked: &HeaderMap, pieces: [Bytes; 3]) -> Response {
        let size_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.answer_with(asked, size_bytes, || {
            Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
        })
    }

    /// The answer with a content that is only made where it is sent.
    pub(super) fn answer_with(
        &self,
        asked: &HeaderMap,
        size_bytes: u64,
        content: impl FnOnce() -> Body,
    ) -> Response {
        self.unchanged(asked).unwrap_or_else(|| {
            let mut response = Response::new(content());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size_bytes));
            self.labelled(response)
        })
    }

    /// 304, for who has it already.
    pub(super) fn unchanged(&self, asked: &HeaderMap) -> Option<Response> {
        has(asked, &self.etag()).then(|| self.labelled(StatusCode::NOT_MODIFIED.into_response()))
    }

    fn etag(&self) -> String {
        format!("\"{}\"", self.hex)
    }

    /// With what a cache needs to know.
    fn labelled(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(&self.etag()) {
            headers.insert(ETAG, etag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache));
        if self.cache.starts_with("private") {
            headers.insert(VARY, HeaderValue::from_static(BY_CALLER));
        }
        response
    }
}

/// Whether the asker says that it has this (RFC 9110, section 13.1.2: the weak comparison).
fn has(asked: &HeaderMap, etag: &str) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_it_is_not_sent_it_again() {
        for (asked, expected) in [
            ("", false),
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("a", false),
            ("\"b\"", false),
            ("\"a\"x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(asked));
            assert_eq!(has(&headers, "\"a\""), expected, "{asked}");
        }
        assert!(!has(&HeaderMap::new(), "\"a\""));
    }
}
