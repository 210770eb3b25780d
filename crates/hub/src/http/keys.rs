//! `GET`, `POST /api/keys` and `DELETE /api/keys/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use skillsync_wire::api::key::NewKey;

use super::Http;
use super::answer::{self, done, ok};
use super::body::{Json, Path, Query};
use super::caller::{Counted, take};
use super::problem::Problem;
use super::rates::Class;
use crate::app::keys::Caller;
use crate::db::Page;

#[derive(Deserialize)]
pub(super) struct Asked {
    page: Option<u32>,
}

pub(super) async fn list(
    State(http): State<Arc<Http>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    take(&http, Class::Other, &caller)?;
    let page = Page::of(asked.page.unwrap_or(1), u32::MAX);
    Ok(ok(http.app.list_keys(&caller, page).await?).into_response())
}

pub(super) async fn create(
    State(http): State<Arc<Http>>,
    Counted(caller): Counted,
    Json(new): Json<NewKey>,
) -> Result<Response, Problem> {
    take(&http, Class::NewKey, &caller)?;
    let created = http.app.create_key(&caller, &new).await?;
    Ok(answer::Json(StatusCode::CREATED, created).into_response())
}

pub(super) async fn revoke(
    State(http): State<Arc<Http>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    take(&http, Class::Other, &caller)?;
    http.app.revoke_key(&caller, &id).await?;
    Ok(done())
}
