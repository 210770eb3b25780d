//! `GET /trust/...`: roots and advisories, which everybody may have, as often as they like: a fleet behind one address walks
//! to a new root within minutes. A key that comes along is not looked at.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Http;
use super::answer::{DSSE, Document, IMMUTABLE, REVALIDATED_PUBLIC};
use super::body::Path;
use super::problem::Problem;
use crate::app::{Error, Public};

pub(super) async fn root(
    State(http): State<Arc<Http>>,
    Path(file): Path<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let root = http.app.root(number(&file)?).await?;
    Ok(answer(root, IMMUTABLE, &asked))
}

pub(super) async fn newest_advisories(
    State(http): State<Arc<Http>>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    Ok(answer(http.app.advisories(None).await?, REVALIDATED_PUBLIC, &asked))
}

pub(super) async fn advisories(
    State(http): State<Arc<Http>>,
    Path(file): Path<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let advisories = http.app.advisories(Some(number(&file)?)).await?;
    Ok(answer(advisories, IMMUTABLE, &asked))
}

fn answer(public: Public, cache: &'static str, asked: &HeaderMap) -> Response {
    let document = Document { content_type: DSSE, cache, hex: public.digest.hex() };
    document.answer(asked, public.envelope)
}

/// `7.json`, in its one spelling.
fn number(file: &str) -> Result<u64, Problem> {
    let number = file.strip_suffix(".json").and_then(|text| Some((text, text.parse::<u64>().ok()?)));
    match number {
        Some((text, number)) if number.to_string() == text => Ok(number),
        _ => Err(Error::DocumentNotFound.into()),
    }
}
