//! `GET /api/skills/manifest`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Http;
use super::answer::{DSSE, Document, REVALIDATED};
use super::caller::take;
use super::problem::Problem;
use super::rates::Class;
use crate::app::keys::Caller;

pub(super) async fn get(
    State(http): State<Arc<Http>>,
    caller: Caller,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    take(&http, Class::Manifest, &caller)?;
    let served = http.app.manifest(&caller).await?;
    let document = Document { content_type: DSSE, cache: REVALIDATED, hex: served.digest.hex() };
    Ok(document.answer(&asked, served.envelope.clone()))
}
