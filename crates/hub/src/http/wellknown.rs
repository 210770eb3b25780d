//! `GET /.well-known/...`: the open indexes and what they name, for everybody and for pages of other sites. A key that comes
//! along is not looked at.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_HEADERS, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use skillsync_wire::wellknown::{HEADERS, INDEX, decoded};

use super::Http;
use super::answer::{Document, done};
use super::caller::Anybody;
use super::places::{busy, index_in_time, sent_in_time, streamed_in_time};
use super::problem::Problem;
use super::rates::Class;
use crate::app::{Error, Shipment};
use crate::limits;

/// Its methods: a page of another site that has an edition asks first whether it may say so.
pub(super) fn route() -> MethodRouter<Arc<Http>> {
    routing::get(get).options(async || {
        let mut response = done();
        let allowed = HeaderValue::from_static("if-none-match");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        response
    })
}

async fn get(
    State(http): State<Arc<Http>>,
    anybody: Anybody,
    uri: Uri,
    method: Method,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let path = decoded(uri.path());
    anybody.take(&http, class(path.as_deref()))?;
    // All that waits for something in here: so many at once, and others have the rest of the hub.
    let _open = http.open.take_now(&http, anybody.who())?;
    let exhibit = http.app.exhibit(&path.ok_or(Error::NotInIndex)?).await?;
    let document = Document::from(exhibit.head.clone());
    if let Some(unchanged) = document.unchanged(&asked) {
        return Ok(unchanged);
    }
    let size_bytes = exhibit.size_bytes;
    // Whoever asks for the head alone has no archive opened for it.
    if method == Method::HEAD {
        return Ok(document.answer_with(&asked, size_bytes, Body::empty));
    }
    // Whoever waits for a place has nothing open yet.
    let place = if exhibit.is_archive() {
        Some(http.open_blobs.take(&http, anybody.who()).await?)
    } else if exhibit.is_file() && size_bytes > limits::FILE_LARGE as u64 {
        Some(http.open_files.take(&http, anybody.who()).await?)
    } else {
        None
    };
    let content = match http.app.shipment(exhibit, || http.unpacking.free(anybody.who())).await? {
        Shipment::Busy => return Err(busy(&http)),
        Shipment::Index(index) => index_in_time(index),
        Shipment::Whole(bytes) => sent_in_time(bytes, place),
        Shipment::Stream(stream) => streamed_in_time(stream, place),
    };
    Ok(document.answer_with(&asked, size_bytes, || content))
}

/// Of what is asked for so much more often: a first sync asks for each archive, and where there is none for each file.
fn class(path: Option<&str>) -> Class {
    let in_folder = path.unwrap_or_default().splitn(3, '/').nth(2).unwrap_or_default();
    match in_folder {
        INDEX => Class::Open,
        _ if in_folder.contains('/') => Class::OpenFile,
        _ => Class::OpenArchive,
    }
}

/// Lets every page read every answer from below `/.well-known`, whatever became of the request.
pub(super) async fn readable(request: Request, next: Next) -> Response {
    let is_open = request.uri().path().starts_with("/.well-known/");
    let mut response = next.run(request).await;
    for (name, value) in HEADERS.into_iter().filter(|_| is_open) {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
