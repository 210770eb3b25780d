//! `GET /.well-known/...`: the open indexes and what they name, for everybody and for pages of other sites. A key that comes
//! along is not looked at.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use skillsync_wire::wellknown::{HEADERS, INDEX, Version};

use super::Http;
use super::answer::Document;
use super::body::Path;
use super::caller::Anybody;
use super::places::busy;
use super::problem::Problem;
use super::rates::Class;
use crate::app::Shipment;
use crate::limits;

pub(super) async fn index(
    State(http): State<Arc<Http>>,
    anybody: Anybody,
    method: Method,
    asked: HeaderMap,
) -> Response {
    answer(&http, &anybody, &method, &asked, Version::V02, INDEX).await
}

pub(super) async fn old_index(
    State(http): State<Arc<Http>>,
    anybody: Anybody,
    method: Method,
    asked: HeaderMap,
) -> Response {
    answer(&http, &anybody, &method, &asked, Version::V01, INDEX).await
}

pub(super) async fn file(
    State(http): State<Arc<Http>>,
    anybody: Anybody,
    Path(parts): Path<Vec<String>>,
    method: Method,
    asked: HeaderMap,
) -> Response {
    answer(&http, &anybody, &method, &asked, Version::V02, &parts.join("/")).await
}

pub(super) async fn old_file(
    State(http): State<Arc<Http>>,
    anybody: Anybody,
    Path(parts): Path<Vec<String>>,
    method: Method,
    asked: HeaderMap,
) -> Response {
    answer(&http, &anybody, &method, &asked, Version::V01, &parts.join("/")).await
}

/// The answer for `path` in the folder of `version`; every answer may be read by every page.
async fn answer(
    http: &Http,
    anybody: &Anybody,
    method: &Method,
    asked: &HeaderMap,
    version: Version,
    path: &str,
) -> Response {
    // What lies in no folder of a skill is an index or an archive, of which one answers for many files.
    let class = if path.contains('/') { Class::OpenFile } else { Class::Open };
    let path = format!("{}{path}", version.folder());
    let answered = match anybody.take(http, class) {
        Ok(()) => found(http, anybody, method, asked, &path).await,
        Err(problem) => Err(problem),
    };
    let mut response = answered.unwrap_or_else(Problem::into_response);
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

async fn found(
    http: &Http,
    anybody: &Anybody,
    method: &Method,
    asked: &HeaderMap,
    path: &str,
) -> Result<Response, Problem> {
    // All that waits for something in here: so many at once, and others have the rest of the hub.
    let _open = http.open.take_now(http, anybody.who())?;
    let exhibit = http.app.exhibit(path).await?;
    let document = Document {
        content_type: exhibit.head.content_type,
        cache: exhibit.head.cache_control,
        hex: exhibit.head.etag.trim_matches('"').to_owned(),
    };
    if let Some(unchanged) = document.unchanged(asked) {
        return Ok(unchanged);
    }
    let size_bytes = exhibit.size_bytes;
    // Whoever asks for the head alone has no archive opened for it.
    if method == Method::HEAD {
        return Ok(document.answer_with(asked, size_bytes, Body::empty));
    }
    // A file is in memory until it was taken; the indexes are there once for everybody.
    let is_large = exhibit.is_file() && size_bytes > limits::FILE_LARGE as u64;
    let place = if is_large { Some(http.open_files.take(http, anybody.who()).await?) } else { None };
    let content = match http.app.shipment(exhibit, || http.unpacking.free(anybody.who())).await? {
        Shipment::Busy => return Err(busy(http)),
        Shipment::Whole(bytes) => Body::from(bytes),
        Shipment::Stream(stream) => Body::from_stream(stream.pieces),
    };
    let answer = document.answer_with(asked, size_bytes, || content);
    Ok(match place {
        Some(place) => place.until_sent(answer).await,
        None => answer,
    })
}
