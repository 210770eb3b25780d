//! `GET /healthz`, `GET /readyz` and `GET /api/openapi.json`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::Http;
use super::problem::Trouble;

/// How long the database and the blobs have to answer whether they are there.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn live() -> Response {
    ([(CONTENT_TYPE, "text/plain")], "ok\n").into_response()
}

pub(super) async fn ready(State(http): State<Arc<Http>>) -> Response {
    let ready = tokio::time::timeout(PATIENCE, http.app.ready()).await;
    match ready {
        Ok(Ok(())) => ([(CONTENT_TYPE, "text/plain")], "ready\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!("not ready: {}", skillsync_core::fault::with_causes(&error));
            not_ready()
        }
        Err(_elapsed) => not_ready(),
    }
}

fn not_ready() -> Response {
    Trouble::NotReady.problem().into_response()
}

pub(super) async fn openapi(State(http): State<Arc<Http>>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, http.openapi.clone()).into_response()
}
