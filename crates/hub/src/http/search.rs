//! `GET /api/skills/search`

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde::Deserialize;

use super::Http;
use super::answer::ok;
use super::body::Query;
use super::caller::take;
use super::problem::Problem;
use super::rates::Class;
use crate::app::keys::Caller;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    page: Option<u32>,
    page_size: Option<u32>,
}

pub(super) async fn get(
    State(http): State<Arc<Http>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    take(&http, Class::Search, &caller)?;
    let reply = http.app.search(&caller, &asked.q, asked.page, asked.page_size).await?;
    Ok(ok(reply).into_response())
}
