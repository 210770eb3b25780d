//! What comes in: JSON bodies, queries and parts of paths, bounded and of the right type, or a problem in our own words.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use serde::de::DeserializeOwned;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::Http;
use super::problem::{Problem, Trouble};
use crate::limits;

/// A JSON body of so many bytes at most.
pub(super) struct Json<T, const MOST: usize = { limits::JSON_BYTES }>(pub(super) T);

impl<T: DeserializeOwned, const MOST: usize> FromRequest<Arc<Http>> for Json<T, MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, http: &Arc<Http>) -> Result<Self, Problem> {
        if media_type(request.headers()) != Some("application/json") {
            return Err(Trouble::BodyType { expected: "application/json" }.problem());
        }
        let declared = declared(request.headers());
        if declared.is_some_and(|bytes| bytes > MOST as u64) {
            return Err(Trouble::BodyTooLarge { limit_bytes: MOST as u64 }.problem());
        }
        let bytes = {
            let _place = place(http)?;
            collect(request.into_body(), MOST).await?
        };
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

/// The variable parts of a path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Http>> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, http: &Arc<Http>) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, http).await;
        path.map(|path| Path(path.0)).map_err(|_| Trouble::wrong("the address is not UTF-8").problem())
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

/// A place for a body that is on its way.
pub(super) fn place(http: &Http) -> Result<SemaphorePermit<'_>, Problem> {
    http.bodies.try_acquire().map_err(|_| {
        http.app.metrics().turned_away("busy");
        Trouble::Busy.problem()
    })
}

/// How fast a body has to come.
pub(super) struct Pace(Instant);

impl Pace {
    /// From now on.
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Waits for the next piece of a body of which so much is there.
    pub(super) async fn wait<T>(
        &self,
        received_bytes: usize,
        next: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        let paid = Duration::from_secs(received_bytes as u64 / limits::BODY_RATE);
        let until = (self.0 + limits::BODY_PAUSE + paid).min(Instant::now() + limits::BODY_PAUSE);
        tokio::time::timeout_at(until, next).await.map_err(|_| Trouble::BodySlow.problem())
    }
}

/// A body that notes when all of it is there.
pub(super) struct Watched {
    body: Body,
    arrived: Arc<AtomicBool>,
}

impl Watched {
    /// Watches the body of a request; gives the note.
    pub(super) fn over(request: Request) -> (Request, Arc<AtomicBool>) {
        let arrived = Arc::new(AtomicBool::new(request.body().is_end_stream()));
        if arrived.load(Ordering::Relaxed) {
            return (request, arrived);
        }
        let note = arrived.clone();
        (request.map(|body| Body::new(Watched { body, arrived: note })), arrived)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.arrived.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Room for a body, which is taken from the system as it fills: one that grows is copied, and there twice meanwhile.
pub(super) fn room(most: usize) -> Vec<u8> {
    Vec::with_capacity(most)
}

async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let said = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
    let (mut bytes, pace) = (room(said.unwrap_or(most).min(most)), Pace::begin());
    loop {
        let Some(frame) = pace.wait(bytes.len(), body.frame()).await? else { return Ok(bytes) };
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
