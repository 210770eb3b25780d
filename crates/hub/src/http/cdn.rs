//! `GET /cdn/...`: archives and release statements by their digest, for whoever may have them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde::Deserialize;
use skillsync_core::digest::{ArchiveDigest, EnvelopeDigest};

use super::Http;
use super::answer::{Document, IMMUTABLE, IMMUTABLE_PRIVATE};
use super::body::{Path, Query};
use super::caller::Visitor;
use super::places::streamed_in_time;
use super::problem::Problem;
use crate::app::{Error, Sharing, SignedQuery};
use crate::blobs::BlobKey;

/// What else is looked at of a request.
type Asked = (Method, Uri, HeaderMap);

#[derive(Deserialize)]
pub(super) struct Signature {
    exp: Option<i64>,
    key: Option<String>,
    sig: Option<String>,
}

impl Signature {
    fn whole(self) -> Option<SignedQuery> {
        Some(SignedQuery { expires_s: self.exp?, key_id: self.key?, signature: self.sig? })
    }
}

pub(super) async fn tarball(
    State(http): State<Arc<Http>>,
    visitor: Visitor,
    Path(hex): Path<String>,
    Query(signature): Query<Signature>,
    request: Asked,
) -> Result<Response, Problem> {
    let digest = ArchiveDigest::from_hex(&hex).map_err(|_| Error::DocumentNotFound)?;
    answer(&http, &visitor, signature, request, BlobKey::Tarball(digest), hex).await
}

pub(super) async fn release(
    State(http): State<Arc<Http>>,
    visitor: Visitor,
    Path(hex): Path<String>,
    Query(signature): Query<Signature>,
    request: Asked,
) -> Result<Response, Problem> {
    let digest = EnvelopeDigest::from_hex(&hex).map_err(|_| Error::DocumentNotFound)?;
    answer(&http, &visitor, signature, request, BlobKey::Release(digest), hex).await
}

async fn answer(
    http: &Http,
    visitor: &Visitor,
    signature: Signature,
    (method, uri, asked): Asked,
    key: BlobKey,
    hex: String,
) -> Result<Response, Problem> {
    let caller = visitor.caller.as_ref();
    let sharing = http.app.document_sharing(caller, signature.whole().as_ref(), uri.path(), &key).await?;
    let cache = match sharing {
        Sharing::Public => IMMUTABLE,
        Sharing::Private => IMMUTABLE_PRIVATE,
    };
    let document = Document { content_type: key.content_type(), cache, hex };
    if let Some(unchanged) = document.unchanged(&asked) {
        return Ok(unchanged);
    }
    // Whoever asks for the head alone has nothing opened for it.
    if method == Method::HEAD {
        let size_bytes = http.app.document_size(&key).await?;
        return Ok(document.answer_with(&asked, size_bytes, Body::empty));
    }
    // Whoever has a key is known; a signed address may be in anybody's hands. Whoever waits for a place has nothing open yet.
    let place = match caller {
        Some(_) => None,
        None => Some(http.open_blobs.take(http, visitor.account()).await?),
    };
    let stream = http.app.document(&key).await?;
    Ok(document.answer_with(&asked, stream.size_bytes, || streamed_in_time(stream, place)))
}
