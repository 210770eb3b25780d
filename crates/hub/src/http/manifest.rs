//! `GET /api/skills/manifest`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use skillsync_core::digest::EnvelopeDigest;

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
    let document =
        |digest: EnvelopeDigest| Document { content_type: DSSE, cache: REVALIDATED, hex: digest.hex() };
    if let Some(digest) = http.app.standing_manifest(&caller)?
        && let Some(unchanged) = document(digest).unchanged(&asked)
    {
        http.app.metrics().manifest("unchanged");
        return Ok(unchanged);
    }
    let served = http.app.manifest(&caller).await?;
    Ok(document(served.digest).answer_pieces(&asked, served.pieces))
}
