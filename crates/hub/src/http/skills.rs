//! `GET /api/skills/{slug}`, its versions and files, and what its owner changes of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use semver::Version;
use serde::Deserialize;
use skillsync_core::name::SkillName;
use skillsync_core::path::SkillPath;
use skillsync_wire::api::publish::{Deprecate, Yank};

use super::Http;
use super::answer::{Document, REVALIDATED, done, ok};
use super::body::{Json, Path, Query};
use super::caller::{Counted, Visitor};
use super::problem::{Problem, Trouble};
use super::rates::Class;
use crate::limits;

#[derive(Deserialize)]
pub(super) struct OfVersion {
    version: Option<String>,
}

pub(super) async fn get(
    State(http): State<Arc<Http>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    visitor.take(&http, Class::Other)?;
    Ok(ok(http.app.details(visitor.caller.as_ref(), &slug(&name)?).await?).into_response())
}

pub(super) async fn versions(
    State(http): State<Arc<Http>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    visitor.take(&http, Class::Other)?;
    Ok(ok(http.app.versions(visitor.caller.as_ref(), &slug(&name)?).await?).into_response())
}

pub(super) async fn file(
    State(http): State<Arc<Http>>,
    visitor: Visitor,
    Path((name, path)): Path<(String, String)>,
    Query(asked): Query<OfVersion>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    visitor.take(&http, Class::Install)?;
    let (slug, path) = (slug(&name)?, SkillPath::parse(&path)?);
    let version = asked.version.as_deref().map(version).transpose()?;
    let file = {
        // An archive is unpacked for it.
        let _place = http.unpacked.acquire().await.map_err(|_| Trouble::Busy.problem())?;
        http.app.file(visitor.caller.as_ref(), &slug, version.as_ref(), &path).await?
    };
    let is_large = file.bytes.len() > limits::FILE_LARGE;
    let places = if visitor.caller.is_some() { &http.files } else { &http.open_files };
    let place = is_large.then(|| places.take_now(&http, visitor.account())).transpose()?;
    let is_text = std::str::from_utf8(&file.bytes).is_ok();
    let content_type = if is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let document = Document { content_type, cache: REVALIDATED, hex: file.digest.hex() };
    let mut response = document.answer(&headers, file.bytes.into());
    if response.headers().contains_key(CONTENT_TYPE) {
        // Somebody else wrote it: a browser must not show it as a page of the hub.
        response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    Ok(match place {
        Some(place) => place.until_sent(response).await,
        None => response,
    })
}

pub(super) async fn yank(
    State(http): State<Arc<Http>>,
    Counted(caller): Counted,
    Path(name): Path<String>,
    Json(order): Json<Yank>,
) -> Result<Response, Problem> {
    http.app.yank(&caller, &slug(&name)?, &order).await?;
    Ok(done())
}

pub(super) async fn deprecate(
    State(http): State<Arc<Http>>,
    Counted(caller): Counted,
    Path(name): Path<String>,
    Json(said): Json<Deprecate>,
) -> Result<Response, Problem> {
    http.app.deprecate(&caller, &slug(&name)?, &said).await?;
    Ok(done())
}

/// The name of a skill, from an address.
pub(super) fn slug(text: &str) -> Result<SkillName, Problem> {
    Ok(SkillName::parse(text)?)
}

/// A version, from an address.
pub(super) fn version(text: &str) -> Result<Version, Problem> {
    let good = Version::parse(text).ok().filter(|_| text.len() <= limits::VERSION_BYTES);
    good.ok_or_else(|| Trouble::wrong("a version is written as `1.2.3`").problem())
}
