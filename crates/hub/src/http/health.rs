//! `GET /healthz`, `GET /readyz` and `GET /api/openapi.json`

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::Http;
use super::problem::Trouble;

pub(super) async fn live() -> Response {
    ([(CONTENT_TYPE, "text/plain")], "ok\n").into_response()
}

pub(super) async fn ready(State(http): State<Arc<Http>>) -> Response {
    if http.app.ready().await {
        ([(CONTENT_TYPE, "text/plain")], "ready\n").into_response()
    } else {
        Trouble::NotReady.problem().into_response()
    }
}

pub(super) async fn openapi(State(http): State<Arc<Http>>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, http.openapi.clone()).into_response()
}
