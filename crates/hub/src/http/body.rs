//! What comes in: JSON bodies and queries, bounded and of the right type, or a problem in our own words.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::Http;
use super::problem::{Problem, Trouble};
use crate::limits;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Http>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<Http>) -> Result<Self, Problem> {
        if media_type(request.headers()) != Some("application/json") {
            return Err(Trouble::BodyType { expected: "application/json" }.problem());
        }
        let declared = declared(request.headers());
        if declared.is_some_and(|bytes| bytes > limits::JSON_BYTES as u64) {
            return Err(Trouble::BodyTooLarge { limit_bytes: limits::JSON_BYTES as u64 }.problem());
        }
        let bytes = collect(request.into_body(), limits::JSON_BYTES).await?;
        json(&bytes).map(Json)
    }
}

/// Reads JSON. The problem says where it is wrong.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Trouble::wrong(format!("the JSON is wrong: {}", said(&error))).problem())
}

/// A query, each field at most once.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Http>> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Http>) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri).map(|query| Query(query.0)).map_err(|error| {
            Trouble::wrong(format!("the query is wrong: {}", said(&error.body_text()))).problem()
        })
    }
}

/// The media type of a body, without its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// How large a body says it is.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(limits::BODY_PAUSE, body.frame())
            .await
            .map_err(|_| Trouble::BodySlow.problem())?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|_| Trouble::wrong("the body was cut off").problem())?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > most {
                return Err(Trouble::BodyTooLarge { limit_bytes: most as u64 }.problem());
            }
            bytes.extend_from_slice(data);
        }
    }
}

/// What a parser says may quote what it was sent: cut, and escaped.
fn said(error: &dyn ToString) -> String {
    error.to_string().chars().take(200).flat_map(char::escape_debug).collect()
}
