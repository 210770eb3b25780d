//! What happens to every request, whatever its route: an id, a bound on time and on how many are at work, a net under
//! panics, the headers of every answer, one line of log.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use skillsync_wire::api::path;
use tokio::sync::Semaphore;

use super::Http;
use super::body::Watched;
use super::problem::Trouble;
use super::{caller::Peer, framing};
use crate::limits;
use crate::metrics::Metrics;

/// The header by which a log line is found.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The key that a request turned out to be of, for its log line.
#[derive(Debug, Clone, Default)]
pub(super) struct Of(Arc<OnceLock<String>>);

impl Of {
    /// Notes the id of the key.
    pub(super) fn note(&self, key_id: &str) {
        // A request is of one key.
        let _ = self.0.set(key_id.to_owned());
    }
}

/// The places for requests at work, and the ids they get.
#[derive(Debug)]
pub(super) struct Gate {
    places: Semaphore,
    most: usize,
    prefix: u32,
    count: AtomicU64,
}

impl Gate {
    /// A gate for so many requests at once. `prefix` tells the ids of this process from those of others.
    pub(super) fn new(most: usize, prefix: u32) -> Self {
        Self { places: Semaphore::new(most), most, prefix, count: AtomicU64::new(0) }
    }

    fn id(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{count:x}", self.prefix);
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
    }

    fn at_work(&self) -> usize {
        self.most - self.places.available_permits()
    }
}

/// See the head of this file.
pub(super) async fn guard(State(http): State<Arc<Http>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = http.gate.id();
    let method = method_name(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let of = Of::default();
    request.extensions_mut().insert(of.clone());

    let ends = framing::is_chunked(request.headers());
    let mut response = match (misframed(&request), refused(&request)) {
        (Some(trouble), _) => last(trouble.problem().into_response()),
        (None, Some(trouble)) => trouble.problem().into_response(),
        (None, None) => pass(&http, route, request, next).await,
    };
    if ends {
        response = last(response);
    }
    finish(response.headers_mut(), &id);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    http.app.metrics().answered(method, route, status, took);
    let key = of.0.get().map_or("-", String::as_str);
    let ms = took.as_micros() as f64 / 1000.0;
    let id = id.to_str().unwrap_or_default();
    if status >= 500 {
        tracing::warn!(target: "access", id, method, route, status, ms, key);
    } else {
        tracing::info!(target: "access", id, method, route, status, ms, key);
    }
    response
}

/// The connection is closed after this answer.
fn last(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What nobody knows the end of, or for whom it is.
fn misframed(request: &Request) -> Option<Trouble> {
    let is_remote = request.extensions().get::<Peer>().is_some();
    framing::fault(request.version(), request.headers(), is_remote).map(Trouble::wrong)
}

/// What is refused before anything looks at it.
fn refused(request: &Request) -> Option<Trouble> {
    if request.uri().query().is_some_and(|query| query.len() > limits::QUERY_BYTES) {
        return Some(Trouble::QueryTooLong);
    }
    // A small body that becomes a large one is made to harm.
    request.headers().contains_key(CONTENT_ENCODING).then_some(Trouble::BodyEncoded)
}

async fn pass(http: &Http, route: &str, request: Request, next: Next) -> Response {
    let metrics = http.app.metrics();
    // Whoever asks whether the hub lives gets an answer even when it has too much to do.
    let _place = match route {
        "/healthz" => None,
        _ => match http.gate.places.try_acquire() {
            Ok(place) => Some(Entered::new(place, &http.gate, metrics)),
            Err(_) => {
                metrics.turned_away("busy");
                return Trouble::Busy.problem().into_response();
            }
        },
    };
    let limit = if route == path::PUBLISH { limits::UPLOAD_TIMEOUT } else { limits::REQUEST_TIMEOUT };
    let (request, arrived) = Watched::over(request);
    // What a handler left half changed is gone with it: shared state is in locks that are not held over a wait, and in the
    // database, which rolls back.
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            tracing::error!(route, "a handler panicked");
            Trouble::Failed.problem().into_response()
        }
        Err(_elapsed) => {
            metrics.turned_away("slow");
            // It was not the hub that took its time.
            let trouble = if arrived.load(Ordering::Relaxed) { Trouble::TooSlow } else { Trouble::BodySlow };
            trouble.problem().into_response()
        }
    }
}

/// A request at work, counted until it is dropped.
struct Entered<'a> {
    place: Option<tokio::sync::SemaphorePermit<'a>>,
    gate: &'a Gate,
    metrics: &'a Metrics,
}

impl<'a> Entered<'a> {
    fn new(place: tokio::sync::SemaphorePermit<'a>, gate: &'a Gate, metrics: &'a Metrics) -> Self {
        metrics.in_flight(gate.at_work());
        Self { place: Some(place), gate, metrics }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        drop(self.place.take());
        self.metrics.in_flight(self.gate.at_work());
    }
}

/// The headers that every answer has.
fn finish(headers: &mut HeaderMap, id: &HeaderValue) {
    headers.insert(REQUEST_ID, id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A method as a label. Anybody can send any word, and labels are kept for ever.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
