//! `GET` and `POST /api/state`

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use skillsync_wire::api::state::StateReport;

use super::Http;
use super::answer::{done, ok};
use super::body::{Json, Query};
use super::caller::{Counted, take};
use super::places::account;
use super::problem::Problem;
use super::rates::Class;
use crate::app::keys::Caller;
use crate::limits;

#[derive(Deserialize)]
pub(super) struct Asked {
    after: Option<String>,
}

pub(super) async fn list(
    State(http): State<Arc<Http>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    take(&http, Class::Other, &caller)?;
    let place = http.states.take(&http, account(&caller)).await?;
    let answer = ok(http.app.states(&caller, asked.after.as_deref()).await?).into_response();
    // Whoever takes it slowly keeps the place: the bytes are held for so long.
    Ok(place.until_sent(answer).await)
}

pub(super) async fn put(
    State(http): State<Arc<Http>>,
    Counted(caller): Counted,
    Json(report): Json<StateReport, { limits::STATE_BYTES }>,
) -> Result<Response, Problem> {
    http.app.put_state(&caller, &report).await?;
    Ok(done())
}
